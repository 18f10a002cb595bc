"""Candidates are compared by cost under one decision rule, and are fitted no more often than needed."""

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, compare_strategies, decide

COSTS = {"fp": 1.0, "fn": 12.0}


class Counted(ImbalancedKerasClassifier):
    """A classifier that counts its fits."""

    fits = 0

    def fit(self, *args, **how):
        """Fit, and count."""
        Counted.fits += 1
        return super().fit(*args, **how)


@pytest.fixture
def clf():
    """Return a quick network that counts its fits."""
    Counted.fits = 0
    return Counted("mlp", epochs=3)


def compare(clf, X, y, strategies, **how):
    """Compare on three folds, in silence."""
    how = {"cv": 3, "random_state": 0, "verbose": 0, **how}
    return compare_strategies(clf, X, y, strategies=strategies, **how)


@pytest.mark.parametrize("pos_label", ["yes", "no"])
def test_each_is_scored_under_the_least_cost_rule(clf, pos_label, rare):
    """Models of other packages and rules of all kinds, with either label for the positive one."""
    X, y = rare
    y, weight = np.where(y == 1, "yes", "no"), np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    cv = StratifiedKFold(3, shuffle=True, random_state=1)
    strategies = {
        "none": "none",
        "F1": {"strategy": "none", "decision": "f1"},
        "trees": HistGradientBoostingClassifier(),
    }
    how = {"cv": cv, "costs": COSTS, "pos_label": pos_label, "sample_weight": weight}
    found = compare(clf, X, y, strategies, **how)
    paid = {("no", "yes"): 12.0 if pos_label == "no" else 1.0, ("yes", "no"): 12.0 if pos_label == "yes" else 1.0}
    for label in strategies:
        called = decide(found.oof_proba_[label], costs=COSTS, classes=found.classes_, pos_label=pos_label)
        each = np.array([paid.get(pair, 0.0) for pair in zip(y, called, strict=True)])
        expected = [np.average(each[test], weights=weight[test]) for _, test in cv.split(X, y)]
        np.testing.assert_allclose(found.scores_[label]["cost"], expected)
    np.testing.assert_array_equal(found.scores_["F1"]["cost"], found.scores_["none"]["cost"])
    if pos_label == "yes":
        assert np.any(found.decisions_["F1"] != found.decisions_["none"])


def test_costs_by_label_of_three_classes(rare_multiclass):
    X, y = rare_multiclass
    labels, matrix = np.array(["a", "b", "c"])[y], np.array([[0, 1, 5.0], [1, 0, 2.0], [30.0, 10.0, 0]])
    costs = {(t, p): matrix[i, j] for i, t in enumerate("abc") for j, p in enumerate("abc")}
    cv = StratifiedKFold(2)
    found = compare(ImbalancedKerasClassifier("mlp"), X, labels, [LogisticRegression()], cv=cv, costs=costs)
    cost = matrix[y, decide(found.oof_proba_["LogisticRegression"], costs=matrix)]
    expected = [cost[test].mean() for _, test in cv.split(X, y)]
    np.testing.assert_allclose(found.scores_["LogisticRegression"]["cost"], expected)


def test_the_summary_has_differences_in_cost_and_their_significance(rare):
    X, y = rare
    X = X / X.std(axis=0)
    weak = make_pipeline(StandardScaler(), LogisticRegression(C=1e-6))
    near = make_pipeline(StandardScaler(), LogisticRegression(C=0.9))
    strategies = {"good": make_pipeline(StandardScaler(), LogisticRegression()), "near": near, "weak": weak}
    found = compare(ImbalancedKerasClassifier("mlp"), X, y, strategies, costs=COSTS, cv=5)
    best, told = found.best("cost"), found.versus("weak", score="cost")
    assert told["worse"] > 0.95
    words = found.in_words()
    assert f"Mistakes of {best!r} cost least, " in words
    interval = f"({told['difference']:.3g} more, 95 % interval {told['low']:.3g} to {told['high']:.3g})"
    assert f"'weak' {interval} cost more with a probability above 95 %" in words
    other = "near" if best == "good" else "good"
    assert f"in cost between {best!r} and {other!r} (" in words or f"Those of {other!r} cost the same" in words


def test_candidates_that_differ_in_their_decision_share_a_fit(clf, rare):
    """What each predicts is what it would have, fitted alone."""
    X, y = rare
    rules = {"plain": None, "cost": COSTS, "F1": "f1", "half": 0.5, "mcc": "mcc", "balanced": "balanced_accuracy"}
    strategies = {label: {"strategy": "class_weight", "decision": rule} for label, rule in rules.items()}
    found = compare(clf, X, y, strategies | {"other": "none"})
    assert not found.errors_
    assert Counted.fits == 6, "two models on three folds"
    train, test = next(iter(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)))
    for label, rule in rules.items():
        alone = ImbalancedKerasClassifier("mlp", epochs=3, strategy="class_weight", decision=rule, random_state=0)
        alone.fit(X[train], y[train])
        np.testing.assert_array_equal(found.decisions_[label][test], alone.predict(X[test]))
        np.testing.assert_array_equal(found.oof_proba_[label], found.oof_proba_["plain"])
    assert found.seconds_["F1"]["fit"] == found.seconds_["plain"]["fit"]
    assert "have the same in every fold" in found.in_words() or found.best() == "other"


def test_an_invalid_decision_fails_alone(clf, rare):
    strategies = {"bad": {"decision": "f3"}, "F1": {"decision": "f1"}, "plain": {"decision": None}}
    found = compare(clf, *rare, strategies, cv=2)
    assert list(found.errors_) == ["bad"]
    assert "'f3' is no decision rule" in found.errors_["bad"]
    assert Counted.fits == 2


def test_pipelines_share_a_fit_and_searches_do_not(clf, small_table):
    X, y = small_table
    clf.set_params(epochs=1)
    found = compare(make_pipeline(StandardScaler(), clf), X, y, ["none", {"strategy": "none", "decision": "f1"}], cv=2)
    assert (Counted.fits, len(found.scores_)) == (2, 2)
    given = {rule: make_pipeline(StandardScaler(), clone(clf).set_params(decision=rule)) for rule in ("f1", "mcc")}
    compare(clf, X, y, given, cv=2)
    assert Counted.fits == 4
    search = GridSearchCV(clf, {"strategy": ["none"]}, cv=2, scoring="f1")
    compare(search, X, y, [{"decision": "f1"}, {"decision": "mcc"}], cv=2)
    assert Counted.fits == 4 + 2 * 2 * (2 + 1), "a search by F1 may choose otherwise under another rule"


def test_fits_that_differ_in_more_are_apart(clf, small_table):
    rng = np.random.RandomState(0)
    strategies = {
        "one": {"gamma": 1.0, "strategy": "focal"},
        "two": {"gamma": 2.0, "strategy": "focal", "decision": "f1"},
    }
    compare(clf.set_params(epochs=1), *small_table, strategies, cv=2, random_state=rng)
    assert Counted.fits == 4


@pytest.mark.parametrize("name", ["cost", "log-loss", "Brier", "recall at 5%", "F1", 3, ""])
def test_names_of_scores_that_are_taken_are_refused(name, clf, small_table):
    how = {"scoring": {name: make_scorer(lambda y, labels: -np.mean(y != labels))}}
    with pytest.raises(ValueError, match="scoring has"):
        compare(clf, *small_table, ["none"], **how)
    assert Counted.fits == 0


def test_a_function_with_a_name_that_is_taken_is_refused(clf, small_table):
    def cost(model, X, y):
        return -1.0

    with pytest.raises(ValueError, match="scoring has a score named 'cost', like a built-in score"):
        compare(clf, *small_table, ["none"], scoring=cost)
    assert Counted.fits == 0


def test_scorers_of_scikit_learn_that_are_usual_scores_are_taken_once(clf, small_table):
    models = {"logistic": make_pipeline(StandardScaler(), LogisticRegression())}
    found = compare(clf, *small_table, models, scoring=["accuracy", "f1"])
    np.testing.assert_allclose(found.scores_["logistic"]["f1"], found.scores_["logistic"]["F1"])


def test_long_labels_and_labels_of_several_lines_are_shown_in_a_line(clf, small_table):
    models = {"a" * 200: LogisticRegression(C=0.1), "two\nlines": LogisticRegression(C=0.2)}
    X, y = small_table
    found = compare(clf, X / X.std(axis=0), y, models)
    lines = repr(found).splitlines()
    assert max(map(len, lines[:3])) < 200
    assert any(line.startswith("two lines ") for line in lines)
    assert list(found.scores_) == list(models)
    alike = {"a" * 100 + "b" + "c" * 100: LogisticRegression(C=0.1), "a" * 101 + "c" * 100: LogisticRegression(C=0.2)}
    shown = compare(clf, X / X.std(axis=0), y, alike).short_labels()
    assert len(set(shown.values())) == 2
