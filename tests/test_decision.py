"""Does each decision rule make the best decision it names?"""

import copy
import inspect
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, fbeta_score, matthews_corrcoef

from skimbalance import ImbalancedKerasClassifier, decide, export
from skimbalance.evaluation.scores import score_fold
from skimbalance.probability.decision import Decision
from skimbalance.probability.prior import shift_prior
from skimbalance.probability.thresholds import RowProbabilities
from skimbalance.strategies import STRATEGIES


def calibrated(n_samples=40_000, seed=0):
    """Calibrated probabilities of a rare class, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 4.0, size=n_samples)
    return p, (rng.random(n_samples) < p).astype(int)


def threshold_of(decision, p, weight=None):
    """Return the threshold of a rule that looks at rows, of these probabilities of the positive class."""
    p, weight = np.asarray(p), np.ones(len(p)) if weight is None else weight
    prior = np.array([1 - (share := np.average(p, weights=weight)), share])
    return Decision(decision, [0, 1]).looking_at(np.column_stack([1 - p, p]), weight, prior).threshold(prior, prior)


RULES = {
    "f1": ("f1", f1_score),
    "f2": (("fbeta", 2.0), partial(fbeta_score, beta=2.0)),
    "mcc": ("mcc", matthews_corrcoef),
}


@pytest.mark.parametrize(("decision", "score"), RULES.values(), ids=RULES)
def test_threshold_without_labels_is_as_good_as_the_best_with_them(decision, score):
    p, y = calibrated()
    prior = np.array([1 - p.mean(), p.mean()])
    rows = RowProbabilities.of(np.column_stack([1 - p, p]), np.ones(len(p)), prior)
    assert len(rows.lowest) <= 4097
    rule = Decision(decision, [0, 1]).with_rows(rows)
    best = max(score(y, p >= t) for t in np.quantile(p, np.linspace(0.5, 0.999, 60)))
    assert score(y, p >= rule.threshold(prior, prior)) > best - 0.005
    # Where positive rows are three times as frequent, the same rows are enough.
    prior_there = np.array([1 - 3 * p.mean(), 3 * p.mean()])
    there = shift_prior(np.column_stack([1 - p, p]), prior, prior_there)[:, 1]
    weight = np.where(y == 1, prior_there[1] / y.mean(), prior_there[0] / (1 - y.mean()))
    best = max(score(y, there >= t, sample_weight=weight) for t in np.quantile(there, np.linspace(0.5, 0.999, 60)))
    assert score(y, there >= rule.threshold(prior_there, prior_there), sample_weight=weight) > best - 0.005
    assert rule.threshold(prior_there, prior) == pytest.approx(
        shift_prior(np.array([1 - (t := rule.threshold(prior_there, prior_there)), t]), prior_there, prior)[1]
    )


def test_f1_threshold_is_half_the_best_f1():
    """Lipton et al. (2014), by hand: of p = (0.9, 0.5, 0.1), taking two is best, 2 * 1.4 / (2 + 1.5) = 0.8."""
    assert threshold_of("f1", [0.1, 0.9, 0.5]) == pytest.approx(0.4)


def test_weights_are_repeated_rows():
    p = np.array([0.9, 0.5, 0.4, 0.1])
    w = np.array([1, 3, 2, 4])
    for rule in ("f1", "mcc", ("precision", 0.6), ("recall", 0.7), ("rate", 0.4)):
        assert threshold_of(rule, p, w) == pytest.approx(threshold_of(rule, np.repeat(p, w)), abs=1e-12)


def model(X, y, **parameters):
    """Fit a small network."""
    return ImbalancedKerasClassifier(**{"model": "mlp", "epochs": 10, "random_state": 0, **parameters}).fit(X, y)


COSTS = {
    "alarms and misses": ({"fp": 1, "fn": 4}, [[0, 1], [4, 0]]),
    "matrix": ([[0, 3], [1, 0]],) * 2,
    "by label": ({(1, 0): 5, (0, 1): 2}, [[0, 2], [5, 0]]),
    "accuracy": ("accuracy", [[0, 1], [1, 0]]),
}
PRIORS = ["fit", "train", 0.2, [0.98, 0.02], {0: 0.5, 1: 0.5}]


@pytest.mark.parametrize("strategy", [*STRATEGIES, "alpha", "default"])
def test_predict_is_predict_proba_from_the_threshold_on(strategy, small_table):
    """For every decision and prior; and a strategy's own labels are the same at every prior."""
    X, y = small_table
    others = {"alpha": {"strategy": "focal", "alpha": 0.8}, "default": {"model": None}}
    clf = model(X, y, decision="f1", **{"epochs": 4, **others.get(strategy, {"strategy": strategy})})
    own = shift_prior(clf.predict_proba(X), clf.prior_, clf.train_prior_)[:, 1] >= 0.5
    for target_prior in PRIORS:
        check_decisions(clf.set_params(target_prior=target_prior), X, own)


def check_decisions(clf, X, own):
    """Compare labels with those that follow from probabilities, for every decision."""
    proba, shown = clf.set_params(decision="f1").predict_proba(X), clf.answers_.target_prior
    population = clf.prior_ if isinstance(clf.target_prior, str) else shown
    there = shift_prior(proba, shown, population)

    def labels(decision):
        labels = clf.set_params(decision=decision).predict(X)
        np.testing.assert_array_equal(labels, proba[:, 1] >= clf.threshold_)
        return labels

    np.testing.assert_array_equal(labels(None), own)
    odds = shown / clf.train_prior_
    assert clf.threshold_ == pytest.approx(odds[1] / odds.sum())
    for threshold in (0.0, 0.3, 1.0):
        labels(threshold)
        assert clf.threshold_ == threshold
    labels("balanced_accuracy")
    assert clf.threshold_ == pytest.approx(shown[1])
    for decision, costs in COSTS.values():
        np.testing.assert_array_equal(labels(decision), decide(there, costs=costs))
    for decision in ("f1", ("fbeta", 2.0), "mcc"):
        called = labels(decision)
        best = clf.answers_.decision.threshold(population, population)
        np.testing.assert_array_equal(called, there[:, 1] >= best * (1 - 1e-9))


@pytest.mark.parametrize("decision", [None, "balanced_accuracy", [[0, 1, 3], [2, 0, 1], [9, 7, 0]]], ids=str)
def test_decisions_of_more_classes_follow_the_population(decision, rare_multiclass):
    X, y = rare_multiclass
    clf = model(X, y, strategy="class_weight", decision=decision)
    natural = clf.predict_proba(X)
    own = shift_prior(natural, clf.prior_, clf.train_prior_).argmax(axis=1)
    for target_prior in ("fit", "train", [0.2, 0.3, 0.5]):
        clf.set_params(target_prior=target_prior)
        population = clf.prior_ if isinstance(target_prior, str) else target_prior
        there = shift_prior(natural, clf.prior_, population)
        expected = {
            "None": own,
            "balanced_accuracy": (there / population).argmax(axis=1),
        }.get(str(decision))
        expected = decide(there, costs=decision) if expected is None else expected
        np.testing.assert_array_equal(clf.predict(X), expected)
        assert not hasattr(clf, "threshold_")


def test_costs_decide_for_the_population_that_is_named():
    """20 % of y, 1 % in deployment: the rule there costs less than a third of that at the prior of y."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4000, 2)), np.arange(4000) % 5 == 0
    X[y] += 1
    clf = model(X, y, strategy="none", decision={"fp": 1, "fn": 25})
    y_new = np.arange(20_000) % 100 == 0
    X_new = rng.normal(size=(20_000, 2)) + y_new[:, None]

    def cost():
        called = clf.predict(X_new)
        return np.mean(called & ~y_new) + 25 * np.mean(~called & y_new)

    before = cost()
    assert cost() == before
    clf.set_params(target_prior=0.01)
    assert cost() < before / 2


@pytest.mark.parametrize(
    ("costs", "threshold"),
    [
        ([[0, 1], [1e300, 0]], 0.0),
        ([[0, 1e308], [1e308, -1e308]], 1 / 3),
        ([[0, 0], [1, 0]], 0.0),
        ([[1, 0], [1, 0]], 0.0),
        ([[0, 0], [0, 0]], 0.0),
        ([[0, 1], [0, 0]], np.inf),
        ([[0, 1], [0, 1]], np.inf),
        ([[1, 0], [0, 1]], None),
    ],
    ids=[
        "nearly 0",
        "large",
        "free alarms",
        "alarms wanted",
        "nothing costs",
        "free misses",
        "never",
        "mistakes wanted",
    ],
)
def test_thresholds_of_costs(costs, threshold):
    rule, prior = Decision(costs, [0, 1]), np.array([0.9, 0.1])
    found = rule.threshold(prior, prior)
    assert found == (None if threshold is None else pytest.approx(threshold, abs=1e-12))
    if threshold in (0.0, np.inf):
        assert rule.threshold(prior, np.array([0.3, 0.7])) == pytest.approx(threshold, abs=1e-12)
    labels = rule.labels(np.array([[0.4, 0.6], [0.99, 0.01]]), prior, prior)
    expected = {None: [0, 1], np.inf: [0, 0], 1 / 3: [1, 0]}.get(threshold, [1, 1])
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("pos_label", ["fraud", "none"])
@pytest.mark.parametrize("fp", [1, 3, 7, 9])
def test_labels_that_cost_the_same_are_positive(fp, pos_label):
    """A tenth, three tenths, ... of the costs, where products of costs and probabilities are rounded."""
    costs, share = {"fp": fp, "fn": 10 - fp}, fp / 10
    how = {"classes": ["fraud", "none"], "pos_label": pos_label}
    order = slice(None, None, -1 if pos_label == "fraud" else 1)
    matrix = np.array([[0.0, fp], [10 - fp, 0.0]])[order, order]
    proba = np.array([[1 - share, share], [1 - share + 1e-9, share - 1e-9]])[:, order]
    for rule in ({"decision": costs}, {"decision": matrix}, {"costs": costs}, {"costs": matrix},
                 {"costs": [matrix, matrix]}, {"costs": {"fp": [fp, fp], "fn": 10 - fp}}):  # fmt: skip
        assert (decide(proba, **rule, **how) == pos_label).tolist() == [True, False]
    positive = how["classes"].index(pos_label)
    y = np.full(2, positive)
    assert score_fold(y, proba, y, None, positive, 0.5, matrix)["cost"] == (10 - fp) / 2
    wanted = np.eye(2)
    for rule in ({"decision": wanted}, {"costs": wanted}):
        assert decide([[0.5, 0.5]], **rule, **how).tolist() == [pos_label]


def test_costs_give_the_bayes_decision(rare_multiclass):
    X, y = rare_multiclass
    costs = np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0], [9.0, 7.0, 0.5]])
    clf = model(X, y, decision=costs)
    natural = clf.predict_proba(X)
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
    best = balanced_accuracy_score(y, Decision("balanced_accuracy", [0, 1, 2]).labels(proba, prior, prior))
    for weights in rng.uniform(0.3, 3, size=(30, 3)):
        assert balanced_accuracy_score(y, (proba * weights / prior).argmax(axis=1)) < best + 0.002
    assert balanced_accuracy_score(y, proba.argmax(axis=1)) < best - 0.1


@pytest.mark.parametrize("validation_split", [0.0, 0.3])
def test_f1_looks_at_held_out_rows_where_there_are_any(validation_split, rare):
    X, y = rare
    clf = model(X, y, decision="f1", validation_split=validation_split)
    natural = clf.predict_proba(X)[:, 1]
    from_all = threshold_of("f1", natural)
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
    ("wrong", "message"),
    [
        ({"decision": "f1"}, "'f1' was set after fit, but its threshold follows from rows"),
        ({"target_prior": 2.0}, "The 'target_prior' parameter of ImbalancedKerasClassifier must be"),
        ({"pos_label": "fraud"}, "pos_label='fraud' names the positive of two labels"),
    ],
    ids=["decision", "target_prior", "pos_label"],
)
def test_parameters_set_after_fit_that_do_not_fit_it_leave_a_classifier_that_can_be_shown(
    wrong, message, rare, tmp_path
):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp").initialize(X, y).set_params(**wrong)
    assert "ImbalancedKerasClassifier" in clf._repr_html_()
    found = dict(inspect.getmembers(clf))
    assert "ensemble_weights_" in found
    assert not {"answers_", "threshold_"} & set(found)
    for use in (lambda: clf.answers_, lambda: clf.predict(X), lambda: export(clf, tmp_path / "m", format="litert")):
        with pytest.raises(ValueError, match=message):
            use()


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


OF_TWO = [0.3, ("fbeta", 2.0), "mcc", {"fp": 1, "fn": 9}, ("precision", 0.8), ("recall", 0.9, 0.95), ("top", 9)]


@pytest.mark.parametrize("decision", [*OF_TWO, ("rate", 0.1)], ids=str)
def test_rules_of_two_classes_are_refused_for_three(decision, rare_multiclass):
    with pytest.raises(ValueError, match='is a rule for two classes, but y has 3.*"true label", "pred'):
        ImbalancedKerasClassifier(decision=decision, epochs=1).fit(*rare_multiclass)


@pytest.mark.parametrize("decision", ["f1", ("fbeta", 2.0), 0.3, {"fp": 1, "fn": 4}, [[0, 1], [4, 0]], None], ids=str)
def test_a_rule_knows_whether_it_is_the_one_asked_for(decision):
    rule = Decision(decision, [0, 1])
    assert rule.is_same(Decision(copy.deepcopy(decision), [0, 1]))
    for other in ("mcc", ("fbeta", 3.0), 0.4, {"fp": 1, "fn": 5}, [[0, 1], [5, 0]], ("precision", 0.3)):
        assert not rule.is_same(Decision(other, [0, 1]))
    depends = isinstance(decision, str | tuple | float | dict)
    assert rule.is_same(Decision(decision, [0, 1], positive=0)) is not depends
    if isinstance(decision, dict | list):
        decision.clear()
        assert rule.is_same(Decision(np.array([[0.0, 1.0], [4.0, 0.0]]), [0, 1])), "costs are compared by value"


@pytest.mark.parametrize(
    ("decision", "rule"),
    [(None, ": the strategy's own rule"), ("f1", ": best expected F1"), ({"fp": 1, "fn": 9}, ">= 0.1: l")],
)
@pytest.mark.parametrize("validation_split", [0.0, 0.3])
def test_a_verbose_fit_ends_with_what_it_predicts(decision, rule, validation_split, rare, capsys):
    X, y = rare
    clf = model(X, np.array(["ok", "fraud"])[y], decision=decision, pos_label="fraud", verbose=1,
                validation_split=validation_split, early_stopping=validation_split > 0)  # fmt: skip
    *_, trained, line = capsys.readouterr().out.splitlines()
    assert f"{clf.n_iter_} epochs" in trained
    assert f", kept epoch {clf.best_epoch_} (" in trained or clf.best_epoch_ == clf.n_iter_
    assert f"where P >= {clf.threshold_:.3g}" in line
    assert rule in line
    assert "(10.0% of y)" in line
    if validation_split:
        assert f"log-loss {clf.history_['val_loss'][clf.best_epoch_ - 1]:.3f}, average precision 0." in line
    else:
        assert "No rows were held out" in line
        assert f"'fraud' for {np.mean(clf.predict(X) == 'fraud'):.1%} of the training rows" in line
