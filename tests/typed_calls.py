"""Do type checkers accept what users write, and refuse what is wrong? Read by mypy, and never run."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skimbalance import (
    ImbalancedKerasClassifier,
    Strategy,
    ThresholdDisplay,
    audit,
    compare_strategies,
    decide,
    estimate_prior,
    export,
    strategies,
)


class Milder(Strategy):
    """A strategy of a user's own."""

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        return class_counts**-0.25


def calls_that_are_right(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    ImbalancedKerasClassifier("mlp", strategy=Milder(), decision=("precision", 0.8, 0.95), model__dropout=0.1)
    ImbalancedKerasClassifier(strategy=["smote", strategies.Focal(gamma=1.0)], decision={"fp": 1, "fn": 5})
    ImbalancedKerasClassifier(ensemble=["forest", LogisticRegression()], target_prior={"no": 0.9, "yes": 0.1})
    clf = ImbalancedKerasClassifier(strategy="focal", gamma=2.0).fit(X, y, groups=[("a", 1), ("b", None)])
    clf.fit([["a", None, 1.0]], ["yes"]).choose_decision(X, y, "f1").partial_fit(X, y, classes=[0, 1])
    threshold: float = clf.threshold_
    best: str = compare_strategies(clf, X, y, strategies={best: LogisticRegression() for best in "ab"}, cv=3).best()
    shares, interval = estimate_prior(clf.predict_proba(X), clf.prior_, confidence=0.95)
    costs = {"fp": threshold, "fn": np.ones(len(y))}
    ThresholdDisplay.from_estimator(clf, X, y).plot(name=best, scale="log").lines_["F1"].set_linewidth(2)
    export(clf, "model.onnx", format="onnx")
    return np.append(decide(clf.predict_proba(X), costs=costs), [len(audit(X, y).severe), *shares, *interval[0]])


def calls_that_are_wrong(clf: ImbalancedKerasClassifier, X: np.ndarray) -> None:
    ImbalancedKerasClassifier(epochs="many")  # type: ignore[arg-type]
    ImbalancedKerasClassifier(gamma="2")  # type: ignore[arg-type]
    clf.fit(X)  # type: ignore[call-arg]
    clf.predict_proba(X).fit  # type: ignore[attr-defined]  # noqa: B018
    export(clf, "model.onnx", format="onx")  # type: ignore[arg-type]
