"""Does each decision rule make the best decision it names?"""

import copy

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, fbeta_score, matthews_corrcoef

from skimbalance import ImbalancedKerasClassifier
from skimbalance.decision import Decision, threshold_from_rows


def calibrated(n_samples=100_000, seed=0):
    """Calibrated probabilities of a rare class, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 4.0, size=n_samples)
    return p, (rng.random(n_samples) < p).astype(int)


RULES = {
    "f1": ("f1", f1_score),
    "f2": (("fbeta", 2.0), lambda y, predicted: fbeta_score(y, predicted, beta=2.0)),
    "mcc": ("mcc", matthews_corrcoef),
}


@pytest.mark.parametrize(("decision", "score"), RULES.values(), ids=RULES)
def test_threshold_without_labels_is_as_good_as_the_best_with_them(decision, score):
    p, y = calibrated()
    rule = Decision(decision, [0, 1])
    threshold = rule.choose_threshold(None, np.column_stack([1 - p, p])).threshold
    best = max(score(y, p >= t) for t in np.quantile(p, np.linspace(0.5, 0.999, 200)))
    assert score(y, p >= threshold) > best - 0.005


def test_f1_threshold_is_half_the_best_f1():
    """Lipton et al. (2014), by hand: of p = (0.9, 0.5, 0.1), taking two is best, 2 * 1.4 / (2 + 1.5) = 0.8."""
    assert threshold_from_rows("fbeta", 1.0, np.array([0.1, 0.9, 0.5])) == pytest.approx(0.4)


def test_weights_are_repeated_rows():
    p = np.array([0.9, 0.5, 0.4, 0.1])
    w = np.array([1, 3, 2, 4])
    for rule in (("fbeta", 1.0), ("mcc", None)):
        assert threshold_from_rows(*rule, p, w) == pytest.approx(threshold_from_rows(*rule, np.repeat(p, w)), abs=0.3)
    assert threshold_from_rows("fbeta", 1.0, p, w) == pytest.approx(
        threshold_from_rows("fbeta", 1.0, np.repeat(p, w)), rel=0.1
    )


def model(X, y, **parameters):
    """Fit a small network."""
    return ImbalancedKerasClassifier("mlp", epochs=10, random_state=0, **parameters).fit(X, y)


@pytest.mark.parametrize("strategy", ["class_weight", "focal", "smote"])
@pytest.mark.parametrize("target_prior", [None, "fit", [0.2, 0.8]], ids=str)
def test_decisions_work_on_the_prior_of_y_whatever_is_shown(strategy, target_prior, rare):
    X, y = rare
    clf = model(X, y, strategy=strategy)
    natural = clf.set_params(target_prior="fit").predict_proba(X)[:, 1]
    clf.set_params(target_prior=target_prior)
    for decision, threshold in [(0.3, 0.3), ("balanced_accuracy", clf.prior_[1]), ({"fp": 1, "fn": 4}, 0.2)]:
        predicted = clf.set_params(decision=decision).predict(X)
        np.testing.assert_array_equal(predicted, natural >= threshold)
        assert clf.threshold_ == pytest.approx(threshold)
    np.testing.assert_array_equal(clf.set_params(decision=None).predict(X), natural >= clf.threshold_)
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X)[:, 1] >= 0.5)


def test_costs_give_the_bayes_decision(rare_multiclass):
    X, y = rare_multiclass
    costs = np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0], [9.0, 7.0, 0.5]])
    clf = model(X, y, decision=costs)
    natural = clf.set_params(target_prior="fit").predict_proba(X)
    expected = [min(range(3), key=lambda k: sum(p[c] * costs[c, k] for c in range(3))) for p in natural]
    np.testing.assert_array_equal(clf.predict(X), expected)


def test_balanced_accuracy_of_more_classes(rare_multiclass):
    X, y = rare_multiclass
    clf = model(X, y, strategy="none", decision="balanced_accuracy")
    np.testing.assert_array_equal(clf.predict(X), (clf.predict_proba(X) / clf.prior_).argmax(axis=1))


def test_dividing_by_the_prior_has_the_best_balanced_accuracy():
    """Against random other weights of the classes, on calibrated probabilities."""
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([3.0, 0.6, 0.2], size=100_000)
    y = (rng.random(len(proba))[:, None] > np.cumsum(proba, axis=1)).sum(axis=1)
    prior = proba.mean(axis=0)
    best = balanced_accuracy_score(y, Decision("balanced_accuracy", [0, 1, 2]).labels(proba, prior))
    for weights in rng.uniform(0.3, 3, size=(30, 3)):
        assert balanced_accuracy_score(y, (proba * weights / prior).argmax(axis=1)) < best + 0.002
    assert balanced_accuracy_score(y, proba.argmax(axis=1)) < best - 0.1


@pytest.mark.parametrize("validation_split", [0.0, 0.3])
def test_f1_looks_at_held_out_rows_where_there_are_any(validation_split, rare):
    X, y = rare
    clf = model(X, y, decision="f1", validation_split=validation_split)
    natural = clf.set_params(target_prior="fit").predict_proba(X)[:, 1]
    np.testing.assert_array_equal(clf.predict(X), natural >= clf.threshold_)
    from_all = threshold_from_rows("fbeta", 1.0, natural)
    assert (clf.threshold_ == pytest.approx(from_all)) is (validation_split == 0)


def test_a_rule_that_needs_rows_needs_a_fit(rare):
    X, y = rare
    with pytest.raises(ValueError, match="'f1' has seen no rows before fit, but its threshold follows from rows"):
        ImbalancedKerasClassifier("mlp", decision="f1").initialize(X, y).predict(X)
    costs = {"fp": 1, "fn": 4}
    assert ImbalancedKerasClassifier("mlp", decision=costs).initialize(X, y).threshold_ == pytest.approx(0.2)
    clf = model(X, y)
    assert not hasattr(clf.set_params(decision=[[1, 0], [0, 1]]), "threshold_"), "a reward for mistakes"
    clf.set_params(decision="f1")
    with pytest.raises(ValueError, match="set after fit, but its threshold follows from rows; call fit with it"):
        clf.predict(X)
    clf.fit(X, y)
    assert 0 < clf.threshold_ < 0.5
    assert f1_score(y, clf.predict(X)) >= f1_score(y, clf.set_params(decision=None).predict(X))


@pytest.mark.parametrize(
    "decision",
    [
        "f2",
        1.5,
        -0.1,
        True,
        ("fbeta", 0),
        ("f1", 2),
        {"fp": 1},
        {"fp": 1, "fn": -1},
        [[0, 1]],
        np.ones((3, 3)),
        "argmax",
    ],
    ids=str,
)
def test_bad_decisions(decision, rare):
    with pytest.raises(ValueError, match="it takes"):
        ImbalancedKerasClassifier(decision=decision, epochs=1).fit(*rare)


@pytest.mark.parametrize("decision", [0.3, "f1", ("fbeta", 2.0), "mcc", {"fp": 1, "fn": 9}], ids=str)
def test_rules_of_two_classes_are_refused_for_three(decision, rare_multiclass):
    with pytest.raises(ValueError, match="is a rule for two classes, but y has 3"):
        ImbalancedKerasClassifier(decision=decision, epochs=1).fit(*rare_multiclass)


@pytest.mark.parametrize("decision", ["f1", ("fbeta", 2.0), 0.3, {"fp": 1, "fn": 4}, [[0, 1], [4, 0]], None], ids=str)
def test_a_rule_knows_whether_it_is_the_one_asked_for(decision):
    rule = Decision(decision, [0, 1])
    assert rule.is_of(copy.deepcopy(decision))
    for other in ("mcc", ("fbeta", 1.0), 0.4, {"fp": 1, "fn": 5}, [[0, 1], [5, 0]], np.array([[0, 1], [4, 0]])):
        assert not rule.is_of(other)
    if isinstance(decision, dict | list):
        decision.clear()
        assert not rule.is_of(decision)
