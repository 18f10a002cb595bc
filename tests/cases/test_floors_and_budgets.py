"""Do floors, guarantees, budgets and rates do what they say, on the rows they look at and in other populations?"""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.base import clone
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, ThresholdDisplay, compare_strategies, decide
from skimbalance.deployment import skops_types
from skimbalance.probability.decision import Decision
from skimbalance.probability.prior import shift_prior

FLOOR, SURE = ("precision", 0.7), ("precision", 0.5, 0.9)


def table(n_samples=900, seed=0):
    """Return a table of 20 % positives that are told apart well."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n_samples) % 5 == 0).astype(int)
    return (rng.normal(size=(n_samples, 3)) + 2.2 * y[:, None]).astype(np.float32), y


X, Y = table()
X_NEW, Y_NEW = table(700, seed=1)


def quick(**parameters):
    """Return a small, seeded classifier."""
    return ImbalancedKerasClassifier("mlp", **{"epochs": 15, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def fitted():
    """Return a pickle of a fitted classifier, for tests that change its decision."""
    return pickle.dumps(quick().fit(X, Y))


def fresh(of):
    """Return a classifier from its pickle."""
    return pickle.loads(of)


# --- rules by probabilities ---


def rule_of(p, decision, **others):
    """Return a rule that looks at rows of these probabilities, their class shares, and their probabilities by class."""
    proba = np.column_stack([1 - p, p])
    prior = proba.mean(axis=0)
    return Decision(decision, [0, 1], **others).looking_at(proba, np.ones(len(p)), prior), prior, proba


P = np.array([0.95, 0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.05])


@pytest.mark.parametrize(
    ("decision", "n_flagged"),
    [
        (("precision", 0.8), 3),  # 2.55 / 3 = .85; with .5 it is 3.05 / 4 = .7625
        (("precision", 0.5), 8),
        (("recall", 0.8), 5),  # of 4, 3.05 by four rows and 3.45 by five
        (("recall", 0.01), 1),
        (("rate", 0.25), 2),
        (("rate", 0.3), 2),
        (("top", 3), 3),
        (("top", 100), 8),
        (("top", 0.3), 2),
        (("top", 0.01), 1),
    ],
    ids=str,
)
def test_rules_by_hand(decision, n_flagged):
    rule, prior, proba = rule_of(P, decision)
    expected = np.arange(8) < n_flagged
    np.testing.assert_array_equal(rule.labels(proba, prior, prior), expected)
    np.testing.assert_array_equal(decide(P, decision=decision), expected)
    # The other label of two: the same rows, by the other column.
    rule, prior, proba = rule_of(1 - P, decision, positive=0)
    np.testing.assert_array_equal(rule.labels(proba, prior, prior) == 0, expected)


def test_a_share_of_a_batch_is_rounded_down_but_not_by_rounding_errors():
    for share in (0.29, np.float32(0.29), np.float64(0.29)):
        assert decide(np.linspace(0, 1, 100), decision=("top", share)).sum() == 29


def test_ties_in_a_budget_go_by_the_order_of_rows():
    np.testing.assert_array_equal(decide([0.2, 0.5, 0.5, 0.5, 0.1], decision=("top", 2)), [0, 1, 1, 0, 0])


@pytest.mark.parametrize(("p", "n_rows"), [(0.6, 10**5), (0.3, 10**6), (0.1, 10**6)])
def test_many_rows_at_a_floor_of_precision_meet_it(p, n_rows):
    """Their sums are off by more than 1e-12."""
    assert decide(np.full(n_rows, p), decision=("precision", p)).all()


def test_probabilities_with_no_number_between_them_are_told_apart():
    below = np.nextafter(0.3, 1)
    above = np.nextafter(below, 1)
    assert (below + above) / 2 == below
    np.testing.assert_array_equal(decide([below, above], decision=("rate", 0.5)), [0, 1])


@pytest.mark.parametrize("decision", ["f1", ("fbeta", 2), "mcc", "balanced_accuracy", ("recall", 0.5)], ids=str)
def test_rows_that_cannot_be_positive_are_not_flagged(decision):
    np.testing.assert_array_equal(decide([0.0, 0.0], decision=decision), [0, 0])


@pytest.mark.parametrize("decision", [("precision", 0.8), ("recall", 0.7), ("rate", 0.05)], ids=str)
def test_a_floor_and_a_rate_hold_in_another_population(decision):
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 2.0, size=30_000)
    rule, prior, proba = rule_of(p, decision)
    for there in (prior, np.array([0.6, 0.4]), np.array([0.97, 0.03])):
        shifted, ratio = shift_prior(proba, prior, there), there / prior
        weight = proba @ ratio
        flagged = shifted[:, 1] >= rule.threshold(there, there)
        found = (weight * shifted[:, 1])[flagged].sum()
        value = {
            "precision": found / weight[flagged].sum(),
            "recall": found / (weight * shifted[:, 1]).sum(),
            "rate": weight[flagged].sum() / weight.sum(),
        }[decision[0]]
        assert value == pytest.approx(decision[1], abs=0.005)
        np.testing.assert_array_equal(proba[:, 1] >= rule.threshold(there, prior), flagged)


def test_a_floor_that_no_row_meets_flags_nothing_and_says_so_once():
    rule, prior, _ = rule_of(np.array([0.3, 0.2, 0.1]), ("precision", 0.8))
    with pytest.warns(UserWarning, match="have a precision of 0.3 at most, so no row is flagged"):
        assert rule.threshold(prior, prior) == np.inf
    assert rule.threshold(prior, prior) == np.inf


def test_a_rate_below_that_of_a_single_row_is_said():
    rule, prior, _ = rule_of(P, ("rate", 0.01))
    with pytest.warns(UserWarning, match="0.125 of them have the highest probability"):
        assert 0.9 < rule.threshold(prior, prior) < 0.95


# --- guarantees ---


def certified(decision, y, p, prior=None):
    """Return the threshold of a guarantee that counts rows, and the bound."""
    own = np.bincount(y) / len(y)
    rule = Decision(decision, [0, 1]).looking_at(np.column_stack([1 - p, p]), np.ones(len(y)), own, y)
    prior = own if prior is None else np.asarray(prior)
    found = rule.rows.certificate(rule.kind, rule.value, prior, 1)
    return found.threshold, found.bound


def test_fourteen_positive_rows_certify_a_precision_of_eighty_per_cent_and_thirteen_do_not():
    """.95 confidence: the bound of n rows, all positive, is .05 ** (1 / n)."""
    p = np.linspace(0.9, 0.1, 40)
    threshold, bound = certified(("precision", 0.8, 0.95), (np.arange(40) < 14).astype(int), p)
    assert p[14] < threshold < p[13]
    assert bound == pytest.approx(0.05 ** (1 / 14))
    assert certified(("precision", 0.8, 0.95), (np.arange(40) < 13).astype(int), p) == (np.inf, None)


def test_a_recall_is_certified_from_twenty_nine_positives_on():
    """Floor .9 at .95: all of 29 have to be flagged (log .05 / log .9 = 28.4), of 46 one may be missed."""
    for n_positive, k in ((28, None), (29, 29), (46, 45)):
        y, p = (np.arange(200) < n_positive).astype(int), np.linspace(0.99, 0.01, 200)
        threshold, bound = certified(("recall", 0.9, 0.95), y, p)
        if k is None:
            assert (threshold, bound) == (0.0, None)
        else:
            assert p[k] < threshold < p[k - 1]
            assert bound == pytest.approx(beta.ppf(0.05, k, n_positive - k + 1))


def test_a_precision_in_another_population_follows_from_both_rates():
    y, p = (np.arange(400) < 100).astype(int), np.linspace(0.999, 0.001, 400)
    threshold, bound = certified(("precision", 0.5, 0.9), y, p, [0.9, 0.1])
    flagged = p >= shift_prior(np.array([1 - threshold, threshold]), [0.9, 0.1], [0.75, 0.25])[1]
    k, f = int(flagged[:100].sum()), int(flagged[100:].sum())
    recall, alarms = beta.ppf(0.05, k, 101 - k), beta.ppf(0.95, f + 1, 300 - f)
    assert bound == pytest.approx(0.1 * recall / (0.1 * recall + 0.9 * alarms))
    assert bound >= 0.5


@pytest.mark.parametrize(
    ("n_positive", "n_negative", "least"), [(5000, 278, "279 negative"), (10, 400, "11 positive"), (11, 400, None)]
)
def test_the_least_rows_of_a_precision_in_another_population(n_positive, n_negative, least):
    """A floor of .8 at .95 confidence and a share of .05, by hand, rows told apart perfectly.

    At recall 1, .05 * .2 / (.95 * .8) = .01316 of negatives may be flagged. If none of 278 is, the bound at .025 is
    1 - .025 ** (1 / 278) = .01318, and of 400 .00918: then a recall of .00918 / .01316 = .6977 is enough, whose bound
    takes log .025 / log .6977 = 10.2 positives, all flagged.
    """
    y = np.repeat([1, 0], [n_positive, n_negative])
    rule = Decision(("precision", 0.8, 0.95), [0, 1]).looking_at(
        np.column_stack([1 - 0.8 * y, 0.8 * y]), np.ones(len(y)), np.bincount(y) / len(y), y
    )
    there = np.array([0.95, 0.05])
    if least is None:
        assert 0 < rule.threshold(there, there) < 1
    else:
        with pytest.warns(UserWarning, match=f"It takes {least} rows at the very least"):
            assert rule.threshold(there, there) == np.inf


def test_a_guarantee_of_fit_counts_rows_that_were_set_apart(capsys):
    clf = quick(decision=SURE, verbose=1).fit(X, Y)
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("180 rows, 36 of them 1, were counted for the precision of at least 0.5 with probability")
    assert f"certified where P >= {clf.threshold_:.3g}, at a lower bound of 0." in line
    assert clf.class_count_.tolist() == [720, 180]
    assert precision_score(Y_NEW, clf.predict(X_NEW)) > 0.5
    other = pickle.loads(pickle.dumps(clf))
    assert other.threshold_ == clf.threshold_
    # A plain rule looks at other rows; another guarantee counts rows of its own.
    assert 0 < clf.set_params(decision="f1").threshold_ < 1
    with pytest.raises(ValueError, match="set_params do not. Call choose_decision"):
        clf.set_params(decision=("recall", 0.7, 0.9)).predict(X)
    clf.choose_decision(X_NEW, Y_NEW, ("recall", 0.7, 0.9))
    assert clf.set_params(decision=SURE).threshold_ == other.threshold_, "the rule of the fit"
    assert other.threshold_ < clf.set_params(target_prior=0.1).threshold_ < 1


def test_a_guarantee_that_is_not_met_is_one_warning_and_flags_nothing():
    clf = quick(decision=("precision", 0.99, 0.99), epochs=2)
    with pytest.warns(UserWarning, match="is not certified by 180 labelled rows, 36 of them positive.*459 pos") as said:
        assert not clf.fit(X, Y).predict(X).any()
    assert len(said) == 1
    assert clf.threshold_ == np.inf
    with pytest.warns(UserWarning, match="predict flags every row"):
        assert quick(epochs=2).fit(X, Y).choose_decision(X_NEW[:60], Y_NEW[:60], ("recall", 0.9, 0.95)).predict(X).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y, np.where(y, 2.0, 1.0)), "sample_weight differs between them \\(1 to 2\\)"),
        (lambda X, y: (np.repeat(X, 2, axis=0), np.repeat(y, 2)), "50.0% of the rows are copies of others"),
        (lambda X, y: (X[:161], np.arange(161) // 160), "{0: 160, 1: 1} distinct rows.*Drop the confidence, or"),
    ],
    ids=["weights", "copies", "one positive"],
)
def test_rows_that_a_guarantee_cannot_count_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        quick(decision=SURE).fit(*change(X, Y))


def test_equal_weights_change_no_guarantee():
    plain, weighted = (quick(decision=SURE, epochs=3).fit(X, Y, w) for w in (None, np.full(len(Y), 3.0)))
    assert plain.threshold_ == weighted.threshold_


def test_a_guarantee_holds_with_a_base_model_categories_missing_values_and_a_sampler():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.loc[::9, "b"] = np.nan
    frame["d"] = np.where(np.arange(len(Y)) % 3, "red", "green")
    names = np.where(Y == 1, "fraud", "ok")
    clf = quick(epochs=3, decision=SURE, strategy="smote", pos_label="fraud", ensemble="boosting")
    called = clf.fit(frame, names).predict(frame) == "fraud"
    np.testing.assert_array_equal(called, clf.predict_proba(frame)[:, 0] >= clf.threshold_)
    assert precision_score(Y, called) > 0.5


def test_a_guarantee_needs_rows_of_its_own_after_chunks_and_warm_starts(capsys):
    clf = quick(decision=SURE, epochs=2, verbose=1, warm_start=True).partial_fit(X, Y)
    assert "Predicts once choose_decision has counted labelled rows" in capsys.readouterr().out
    for again in (clf, clf.fit(X, Y)):
        with pytest.raises(ValueError, match="partial_fit, a warm start and set_params do not. Call choose_decision"):
            again.predict(X)
        assert not hasattr(again, "threshold_")
    clf.choose_decision(X_NEW, Y_NEW, SURE)
    assert "700 rows, 140 of them 1, were counted" in capsys.readouterr().out
    assert precision_score(Y_NEW, clf.predict(X_NEW)) > 0.5


# --- labelled rows ---


@pytest.mark.parametrize(
    ("decision", "score"),
    [
        ("f1", f1_score),
        ({"fp": 1, "fn": 5}, lambda y, z: -np.sum((z == 1) & (y == 0)) - 5 * np.sum((z == 0) & (y == 1))),
        ("accuracy", lambda y, z: np.mean(y == z)),
        ("balanced_accuracy", lambda y, z: recall_score(y, z) + recall_score(1 - y, 1 - z)),
    ],
    ids=["f1", "costs", "accuracy", "balanced accuracy"],
)
def test_a_rule_chosen_on_labelled_rows_is_the_best_there(fitted, decision, score):
    clf = fresh(fitted)
    p = clf.predict_proba(X_NEW)[:, 1]
    assert clf.choose_decision(X_NEW, Y_NEW, decision) is clf
    assert clf.get_params()["decision"] == decision
    best = max(score(Y_NEW, (p >= t).astype(int)) for t in [*np.unique(p), 2.0])
    assert score(Y_NEW, clf.predict(X_NEW)) == pytest.approx(best)
    assert fresh(pickle.dumps(clf)).threshold_ == clf.threshold_


def test_floors_chosen_on_labelled_rows_hold_there(fitted):
    clf = fresh(fitted)
    for floor in (0.6, 0.9):
        called = clf.choose_decision(X_NEW, Y_NEW, ("precision", floor)).predict(X_NEW)
        assert precision_score(Y_NEW, called) >= floor
        called = clf.choose_decision(X_NEW, Y_NEW, ("recall", floor)).predict(X_NEW)
        assert recall_score(Y_NEW, called) >= floor
        missed = np.sort(clf.predict_proba(X_NEW)[(Y_NEW == 1) & (called == 1), 1])[1]
        assert recall_score(Y_NEW, clf.predict_proba(X_NEW)[:, 1] >= missed) < floor, "one row less"


def test_groups_of_labelled_rows_matter_to_a_guarantee_alone(fitted):
    floor, pairs = ("recall", 0.6, 0.9), np.arange(len(Y_NEW)) // 2
    clf = fresh(fitted)
    alone = clf.choose_decision(X_NEW, Y_NEW, floor, groups=np.arange(len(Y_NEW))).threshold_
    assert fresh(fitted).choose_decision(X_NEW, Y_NEW, floor).threshold_ == alone
    for groups, message in ((pairs, "a group has 2 of them"), (pairs[:-1], "groups has .* labels, but X has")):
        with pytest.raises(ValueError, match=message):
            clf.choose_decision(X_NEW, Y_NEW, floor, groups=groups)
        assert (clf.decision, clf.threshold_) == (floor, alone)
    weight, groups = np.arange(len(Y_NEW)) >= 2, np.where(np.arange(len(Y_NEW)) >= 2, np.arange(len(Y_NEW)), np.nan)
    of_others = fresh(fitted).choose_decision(X_NEW[2:], Y_NEW[2:], floor).threshold_
    clf.choose_decision(X_NEW, Y_NEW, floor, weight, groups=groups)
    assert clf.threshold_ == of_others, "rows of weight zero need no group"
    clf.choose_decision(X_NEW, Y_NEW, "f1", groups=pairs)
    assert clf.threshold_ == fresh(fitted).choose_decision(X_NEW, Y_NEW, "f1").threshold_


def test_weights_of_labelled_rows_are_repeated_rows(fitted):
    """With twice the weight of positives, they are of another share than y, which is said."""
    w = np.where(Y_NEW == 1, 2, 1)
    thresholds = []
    for rows in ((X_NEW, Y_NEW, "f1", w), (np.repeat(X_NEW, w, axis=0), np.repeat(Y_NEW, w), "f1")):
        clf = fresh(fitted)
        with pytest.warns(UserWarning, match="{0: 0.6667, 1: 0.3333}, but the decision is for a population"):
            thresholds.append(clf.choose_decision(*rows).threshold_)
    assert thresholds[0] == pytest.approx(thresholds[1])


def test_a_rule_on_labelled_rows_is_for_the_population_of_target_prior(fitted):
    """Rows of a third positives, a population of a fifth: as if the others weighed twice."""
    few = np.flatnonzero(Y_NEW == 0)[::2]
    rows = np.sort(np.concatenate([few, np.flatnonzero(Y_NEW == 1)]))
    clf, other = fresh(fitted), fresh(fitted)
    with pytest.warns(UserWarning, match="class shares"):
        clf.choose_decision(X_NEW[rows], Y_NEW[rows], "f1")
    weight = np.where(Y_NEW[rows] == 1, 1, 2)
    assert clf.threshold_ == pytest.approx(other.choose_decision(X_NEW[rows], Y_NEW[rows], "f1", weight).threshold_)
    share = Y_NEW[rows].mean()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clf.set_params(target_prior=share).choose_decision(X_NEW[rows], Y_NEW[rows], "f1").threshold_ > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X_NEW, np.zeros(len(X_NEW), dtype=int), "f1"), "y has no row of the classes \\[1\\]"),
        ((X_NEW, Y_NEW, "f2"), "is no decision rule"),
        ((X_NEW, Y_NEW, SURE, 1 + Y_NEW), "sample_weight differs between them"),
        ((X_NEW[:, :2], Y_NEW, "f1"), "2 features"),
        ((X_NEW, Y_NEW + 1, "f1"), "unknown categories \\[2\\] in y"),
        ((X_NEW[5:], Y_NEW, "f1"), "y has 700 labels, but X has 695 rows"),
        ((X_NEW, np.where(X_NEW[:, 0] > 3, np.nan, Y_NEW), "f1"), "Input y contains NaN"),
        ((X_NEW, None, "f1"), "y is None; it takes the label of each row"),
    ],
    ids=["one class", "rule", "weights", "features", "labels", "rows", "NaN", "no labels"],
)
def test_a_choice_that_fails_changes_nothing(fitted, arguments, message):
    clf = fresh(fitted)
    clf.choose_decision(X_NEW, Y_NEW, FLOOR)
    before, params = clf.threshold_, clf.get_params()
    with pytest.raises(ValueError, match=message):
        clf.choose_decision(*arguments)
    assert (clf.threshold_, clf.get_params()) == (before, params)


def test_a_later_fit_chooses_by_its_own_rows(fitted):
    clf = fresh(fitted).choose_decision(X_NEW, Y_NEW, "f1")
    own = quick(decision="f1").fit(X, Y).threshold_
    assert clf.threshold_ != own
    assert clone(clf).fit(X, Y).threshold_ == own
    assert clf.set_params(decision=0.3).threshold_ == 0.3
    assert clf.choose_decision(X_NEW, Y_NEW, "f1").choose_decision(X_NEW, Y_NEW, None).decision is None
    assert not hasattr(clf.set_params(decision="f1"), "threshold_"), "None is chosen now"


def test_a_parameter_that_is_set_counts_no_labels(fitted):
    """The rule chosen holds while the parameter is the same; any other is parsed as after the fit."""
    clf = fresh(fitted)
    chosen = clf.choose_decision(X_NEW, Y_NEW, {"fp": 1, "fn": 5}).threshold_
    for same in ([[0, 1], [5, 0]], np.array([[0.0, 1.0], [5.0, 0.0]]), {(0, 1): 1, (1, 0): 5}, {"fp": 1.0, "fn": 5}):
        assert clf.set_params(decision=same).threshold_ == chosen
    for other in ({"fp": 1, "fn": 4}, "balanced_accuracy", "accuracy", None, 0.3):
        expected = fresh(fitted).set_params(decision=other).threshold_
        assert clf.set_params(decision=other).threshold_ == expected
    for other in ("f1", "mcc", FLOOR, SURE, ("rate", 0.1)):
        with pytest.raises(ValueError, match="choose_decision"):
            clf.set_params(decision=other).predict(X)
    # Costs by name are others where the other label is positive; those by label are not, but threshold_ is the other's.
    assert clf.set_params(decision={"fp": 1, "fn": 5}, pos_label=0).threshold_ == pytest.approx(1 / 6)
    assert clf.set_params(decision=[[0, 1], [5, 0]]).threshold_ == pytest.approx(1 - chosen)


def test_the_rule_of_a_fit_comes_back_as_it_was():
    """After others were chosen and set; by rules without a confidence, the fit's rows are looked at."""
    clf = quick(decision=FLOOR, epochs=3).fit(X, Y)
    own, by_fit = clf.threshold_, clf.set_params(decision="f1").threshold_
    labels = clf.choose_decision(X_NEW, Y_NEW, "f1").predict(X)
    chosen = clf.threshold_
    assert chosen != by_fit
    copies = [clf, clone(clf), fresh(pickle.dumps(clf)), copy.deepcopy(clf)]
    for one in (copies[0], *copies[2:]):
        assert one.set_params(decision=FLOOR).threshold_ == own
        assert one.set_params(decision="f1").threshold_ == chosen
        np.testing.assert_array_equal(one.answers_.indices(one.predict_proba(X)), labels)
    assert clf.choose_decision(X_NEW, Y_NEW, None).set_params(decision="f1").threshold_ == by_fit
    with pytest.raises(ValueError, match="set_params do not. Call choose_decision"):
        clf.set_params(decision=SURE).predict(X)


@pytest.mark.parametrize("decision", [("recall", 0.8, 0.9), ("precision", 0.5, 0.9)], ids=str)
def test_weights_that_are_equal_up_to_rounding_certify(fitted, decision):
    weight = np.full(len(Y_NEW), 0.1)
    weight[::2] *= 1 + 1e-12
    plain = fresh(fitted).choose_decision(X_NEW, Y_NEW, decision).threshold_
    assert fresh(fitted).choose_decision(X_NEW, Y_NEW, decision, weight).threshold_ == plain
    rows, groups = np.concatenate([X_NEW, X_NEW[:9]]), np.append(np.arange(len(Y_NEW)), np.zeros(9, dtype=int))
    weight, labels = np.append(weight, np.zeros(9)), np.append(Y_NEW, Y_NEW[:9])
    weighted = fresh(fitted).choose_decision(rows, labels, decision, weight, groups=groups)
    assert weighted.threshold_ == plain, "rows of weight zero are none, nor are they of a group"


def test_skops_keeps_the_rule_of_a_fit_and_the_one_chosen():
    skops = pytest.importorskip("skops.io", reason="skops writes the file; pip install skimbalance[export]")
    clf = quick(decision=SURE, epochs=2).fit(X, Y)
    own = clf.threshold_
    chosen = clf.choose_decision(X_NEW, Y_NEW, ("precision", 0.6, 0.9)).threshold_
    other = skops.loads(skops.dumps(clf), trusted=skops_types())
    assert other.threshold_ == chosen
    assert other.set_params(decision=SURE).threshold_ == own


def test_a_wrong_rule_that_equals_the_fitted_one_is_refused(fitted):
    clf = fresh(fitted).choose_decision(X_NEW, Y_NEW, ("top", 1))
    assert clf.predict(X).sum() == 1
    for wrong in (("top", 1.0), ("top", True)):
        with pytest.raises(ValueError, match="an integer of 1 or more, or"):
            clf.set_params(decision=wrong).predict(X)


def test_the_label_of_a_display_follows_the_parameter(fitted):
    pytest.importorskip("matplotlib")
    clf = fresh(fitted).set_params(decision=0.3, pos_label=0)
    assert clf.threshold_ == 0.3
    assert ThresholdDisplay.from_estimator(clf, X_NEW, Y_NEW, pos_label=0).threshold == 0.3


def test_copies_among_labelled_rows_are_said(fitted):
    with pytest.warns(UserWarning, match="50.0% of those given are copies"):
        fresh(fitted).choose_decision(np.repeat(X_NEW, 2, axis=0), np.repeat(Y_NEW, 2), SURE)


def test_through_the_last_step_of_a_pipeline():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as with_samplers

    pipe = make_pipeline(StandardScaler(), quick(epochs=3)).fit(X, Y)
    pipe[-1].choose_decision(pipe[:-1].transform(X_NEW), Y_NEW, FLOOR)
    assert precision_score(Y_NEW, pipe.predict(X_NEW)) >= FLOOR[1]
    sampled = with_samplers(StandardScaler(), RandomOverSampler(random_state=0), quick(epochs=3)).fit(X, Y)
    sampled[-1].set_params(target_prior=0.2).choose_decision(sampled[:-2].transform(X_NEW), Y_NEW, FLOOR)
    assert precision_score(Y_NEW, sampled.predict(X_NEW)) >= FLOOR[1]


# --- budgets ---


def test_a_budget_is_of_the_whole_batch(fitted):
    clf = fresh(fitted).set_params(decision=("top", 30))
    p = clf.predict_proba(X_NEW)[:, 1]
    best = np.isin(np.arange(len(p)), np.argsort(-p, kind="stable")[:30])
    np.testing.assert_array_equal(clf.predict(X_NEW), best)
    np.testing.assert_array_equal(clf.predict(X_NEW, batch_size=17), best)
    assert clf.set_params(predict__batch_size=50, decision=("top", 0.1)).predict(X_NEW).sum() == 70
    assert clf.predict(X_NEW[:3]).sum() == 1
    assert not hasattr(clf, "threshold_")
    assert "0.1" in repr(clf)


def test_a_budget_at_fit_needs_no_rows_and_is_told(capsys):
    clf = quick(epochs=2, decision=("top", 25), verbose=1).fit(X, Y)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.endswith("Predicts 1 for the 25 rows of highest probability in a batch.")
    assert clf.predict(X).sum() == 25


def test_a_rate_says_which_rows_it_looked_at_and_which_are_predicted(capsys):
    """A single network that was stopped early looks at all rows, and is told by those held out."""
    quick(epochs=2, decision=("rate", 0.1), verbose=1).fit(X, Y)
    line = capsys.readouterr().out.splitlines()[-1]
    assert "% of the held-out rows (20.0% of y) where P >= " in line
    assert line.endswith("the 10% of rows of highest probability in the population, as estimated on all rows.")


def test_displays_and_comparisons_know_the_rules(fitted):
    pytest.importorskip("matplotlib")
    clf = fresh(fitted).set_params(decision=("top", 40))
    display = ThresholdDisplay.from_estimator(clf, X_NEW, Y_NEW)
    assert np.sum(clf.predict_proba(X_NEW)[:, 1] >= display.threshold) == 40
    rules = [None, "f1", FLOOR, SURE, ("recall", 0.7, 0.9), ("top", 0.2), ("rate", 0.2), ("recall", 0.8)]
    found = compare_strategies(
        quick(epochs=2), X, Y, strategies=[{"strategy": "none", "decision": rule} for rule in rules], cv=2,
        random_state=0, verbose=0,
    )  # fmt: skip
    assert not found.errors_
    assert found.decisions_["none, decision=('top', 0.2)"].sum() == 180
    alike = "none, decision=None", "none, decision=f1"
    np.testing.assert_array_equal(*(found.oof_proba_[label] for label in alike))
    apart = found.oof_proba_[f"none, decision={SURE}"]
    assert not np.array_equal(apart, found.oof_proba_[alike[0]]), "it is trained on fewer rows"


# --- several classes ---


def test_macro_f1_is_the_best_that_labels_of_few_rows_can_have():
    """Against all labels of seven rows, by expected counts."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        p = rng.dirichlet([2.0, 0.8, 0.5], size=7)

        def macro(labels, p=p):
            chosen = np.eye(3)[labels]
            return np.mean(2 * (chosen * p).sum(axis=0) / (p.sum(axis=0) + chosen.sum(axis=0)))

        every = np.stack(np.meshgrid(*[range(3)] * 7), axis=-1).reshape(-1, 7)
        best = max(map(macro, every))
        found = macro(decide(p, decision="f1"))
        assert found >= macro(p.argmax(axis=1))
        assert found > best - 0.02


def test_macro_f1_follows_the_population(rare_multiclass):
    X, y = rare_multiclass
    clf = ImbalancedKerasClassifier("mlp", strategy="none", decision="f1", epochs=10, random_state=0).fit(X, y)
    macro = {"average": "macro"}
    assert f1_score(y, clf.predict(X), **macro) > f1_score(y, clf.predict_proba(X).argmax(axis=1), **macro) - 0.02
    assert not hasattr(clf, "threshold_")
    before = clf.predict(X)
    assert not np.array_equal(clf.set_params(target_prior=[0.2, 0.3, 0.5]).predict(X), before)
    np.testing.assert_array_equal(fresh(pickle.dumps(clf.set_params(target_prior="fit"))).predict(X), before)
    chosen = clf.choose_decision(X, y, "f1").predict(X)
    assert f1_score(y, chosen, **macro) >= f1_score(y, clf.predict_proba(X).argmax(axis=1), **macro)


def test_many_rows_of_several_classes_are_a_sample_that_stands_for_them():
    from skimbalance.probability.macro_f1 import ClassProbabilities

    rng = np.random.default_rng(0)
    p = rng.dirichlet([3.0, 0.3, 0.02], size=30_000)
    rows = ClassProbabilities.of(p, np.ones(len(p)), p.mean(axis=0))
    assert len(rows.proba) <= 4097
    np.testing.assert_allclose(rows.weight.sum(axis=0) / p.sum(axis=0), 1, rtol=0.02)


# --- messages ---


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (("precision", 80), "floor, confidence\\), both between 0 and 1"),
        (("precision",), "it takes \\(\"precision\", floor\\)"),
        (("recall", 0.9, 1.0), "both between 0 and 1"),
        (("recall", 0.9, 0.9, 0.9), "it takes \\(\"recall\", floor\\)"),
        (("precision", "high"), "both between 0 and 1"),
        (("top", 0), "an integer of 1 or more, or"),
        (("top", 2.5), "an integer of 1 or more, or"),
        (("top", True), "an integer of 1 or more, or"),
        (("rate", 1.5), "the share of the population"),
        (("fbeta", -1), "beta a finite number above 0"),
        (("accuracy", 0.9), "is no decision rule; it takes.*\\(\"precision\", floor\\)"),
        ((), "is no decision rule; it takes None, a threshold"),
        ([], "is no decision rule; it takes None, a threshold"),
        (True, "is no decision rule; it takes None, a threshold"),
        (np.array(0.3), "is no decision rule; it takes None, a threshold"),
        ([["0", "1"], ["1", "0"]], "is no decision rule; it takes None, a threshold"),
        ({"fp": 0, "fn": 2}, "it takes finite costs above 0"),
        ({"fp": "1", "fn": 2}, "it takes finite costs above 0"),
        ({"fp": True, "fn": 2}, "it takes finite costs above 0"),
        ({(0, 1): True}, "which costs True; it takes finite costs"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_tuples_are_told_what_is_allowed(decision, message):
    with pytest.raises(ValueError, match=message):
        Decision(decision, [0, 1])
    with pytest.raises(ValueError, match=message):
        decide(P, decision=decision)


def test_decide_names_nothing_that_it_has_not():
    for decision in (("precision", 0.99), ("rate", 0.01)):
        with pytest.warns(UserWarning, match="the rows that it looks at") as said:
            decide(P, decision=decision)
        assert not any(name in str(said[0].message) for name in ("threshold_", "validation_split", "choose_decision"))


def test_decide_takes_one_rule_that_needs_no_labels():
    for arguments in ({}, {"costs": {"fp": 1, "fn": 2}, "decision": 0.3}):
        with pytest.raises(ValueError, match="either costs or a decision"):
            decide(P, **arguments)
    with pytest.raises(ValueError, match="counts labels, which decide is not given"):
        decide(P, decision=SURE)
    for classes in (["fraud", "ok"], [1, 0]):
        with pytest.raises(ValueError, match="decision='f1' depends on which label is positive"):
            decide(np.column_stack([P, 1 - P]), decision="f1", classes=classes)
    labels = decide(np.column_stack([P, 1 - P]), decision=("top", 2), classes=["fraud", "ok"], pos_label="fraud")
    assert labels.tolist() == ["fraud"] * 2 + ["ok"] * 6
    np.testing.assert_array_equal(decide(P, decision="accuracy"), P >= 0.5)
    np.testing.assert_array_equal(decide(P, decision="balanced_accuracy"), P.mean() <= P)
