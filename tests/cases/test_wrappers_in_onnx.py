"""Meta-estimators around the classifier predict equally after conversion by skl2onnx."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier
from skimbalance.deployment import register_skl2onnx

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx converts; pip install skimbalance[export]")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")


def rows(n_classes, n=240):
    """Rows of single precision, and class indices, the last class rare."""
    rng = np.random.default_rng(0)
    y = rng.choice(n_classes, n, p=[0.8, 0.2] if n_classes == 2 else [0.6, 0.25, 0.15])
    return (rng.normal(size=(n, 3)) + y[:, None] * [1.5, -1.0, 0.5]).astype(np.float32), y


def small():
    """Classifier of few steps."""
    return ImbalancedKerasClassifier("mlp", epochs=2, early_stopping=False, ensemble=None, random_state=0)


def run(model, X, **options):
    """Return labels and probabilities of a model that skl2onnx writes."""
    register_skl2onnx()
    written = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False, **options})
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})


def calibrated(estimator, method="sigmoid"):
    """Calibrate an estimator in two folds."""
    return CalibratedClassifierCV(estimator, method=method, cv=2)


def soft_vote():
    """Average the classifier with a logistic regression."""
    voters = [("network", small()), ("linear", LogisticRegression())]
    return VotingClassifier(voters, voting="soft", flatten_transform=False)


def temperature():
    """Scale the temperature, where scikit-learn can."""
    known = CalibratedClassifierCV._parameter_constraints["method"][0].options
    if "temperature" not in known:
        pytest.skip("This scikit-learn has no temperature scaling.")
    return calibrated(small(), "temperature")


EITHER = {
    "sigmoid": lambda: calibrated(small()),
    "isotonic": lambda: calibrated(small(), "isotonic"),
    "temperature": temperature,
    "isotonic, without an ensemble": lambda: CalibratedClassifierCV(small(), method="isotonic", cv=2, ensemble=False),
    "of a pipeline": lambda: calibrated(make_pipeline(StandardScaler(), small())),
    "of a search": lambda: calibrated(GridSearchCV(small(), {"epochs": [1]}, cv=2)),
    "of a vote": lambda: calibrated(soft_vote()),
    "one-vs-rest": lambda: OneVsRestClassifier(small()),
    "bagging": lambda: BaggingClassifier(calibrated(small()), n_estimators=2, max_features=2, random_state=0),
    "stacking": lambda: StackingClassifier([("network", small())], LogisticRegression(), cv=2, passthrough=True),
}
BINARY = {
    "fixed threshold": lambda: FixedThresholdClassifier(small(), threshold=0.05),
    "threshold of a pipeline": lambda: FixedThresholdClassifier(
        make_pipeline(StandardScaler(), small()), threshold=0.3
    ),
    "tuned threshold": lambda: TunedThresholdClassifierCV(small(), cv=2),
    "calibrated, then a threshold": lambda: FixedThresholdClassifier(calibrated(small()), threshold=0.1),
    "threshold, then calibrated": lambda: calibrated(FixedThresholdClassifier(small(), threshold=0.05)),
}


@pytest.mark.parametrize(
    ("case", "n_classes"), [(case, 2) for case in {**EITHER, **BINARY}] + [(case, 3) for case in list(EITHER)[:4]]
)
def test_exported_wrappers_predict_equally(case, n_classes):
    X, y = rows(n_classes)
    y = np.array(["a", "c", "b"])[y] if n_classes == 3 else y
    model = {**EITHER, **BINARY}[case]().fit(X, y)
    label, proba = run(model, X)
    np.testing.assert_allclose(proba, model.predict_proba(X), atol=1e-4)
    assert (label == model.predict(X)).mean() > 0.99  # a row at 0.5 may fall to either side


def test_a_frozen_classifier_is_calibrated():
    X, y = rows(2)
    model = CalibratedClassifierCV(FrozenEstimator(small().fit(X[:120], y[:120])), method="isotonic").fit(
        X[120:], y[120:]
    )
    np.testing.assert_allclose(run(model, X)[1], model.predict_proba(X), atol=1e-4)


def test_calibration_of_other_classifiers_draws_the_same_lines():
    X, y = rows(2)
    model = calibrated(LogisticRegression(), "isotonic").fit(X, y)
    np.testing.assert_allclose(run(model, X)[1], model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_raw_scores_are_those_of_decision_function(n_classes):
    X, y = rows(n_classes)
    clf = small().fit(X, y)
    scores = clf.decision_function(X)
    scores = np.column_stack([-scores, scores]) if n_classes == 2 else scores
    np.testing.assert_allclose(run(clf, X, raw_scores=True)[1], scores, atol=1e-4)


def test_class_indices_for_labels_are_refused():
    X, y = rows(2)
    with pytest.raises(ValueError, match="option 'nocl'"):
        run(small().fit(X, y), X, nocl=True)


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda clf: AdaBoostClassifier(clf, n_estimators=2), "AdaBoostClassifier .* boosts the labels of predict"),
        (lambda clf: VotingClassifier([("a", clf)], flatten_transform=False), "take voting='soft'"),
        (lambda clf: StackingClassifier([("a", clf)], cv=2, stack_method="predict"), "take stack_method="),
        (lambda clf: StackingClassifier([("a", LogisticRegression())], clf, cv=2), "put another final_estimator"),
        (OneVsOneClassifier, "take OneVsRestClassifier"),
        (lambda clf: FixedThresholdClassifier(clf, response_method="decision_function"), "take response_method="),
    ],
    ids=["boosting", "hard vote", "stacked labels", "final estimator", "one-vs-one", "threshold of scores"],
)
def test_what_needs_labels_is_refused(wrap, message):
    X, y = rows(2)
    with pytest.raises(ValueError, match=message):
        run(wrap(small()).fit(X, y), X)
