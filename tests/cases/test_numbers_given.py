"""Invalid numbers are refused with a plain message; very large and small ones are handled correctly."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skimbalance import (
    GainDisplay,
    ImbalancedKerasClassifier,
    NetBenefitDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    compare_strategies,
    decide,
    estimate_prior,
)
from skimbalance.evaluation.scores import score_fold
from skimbalance.probability.decision import Decision
from skimbalance.probability.prior import shift_prior
from skimbalance.probability.thresholds import RowProbabilities

Y, P = np.array([0, 1, 0, 1, 0, 0]), np.array([0.1, 0.8, 0.3, 0.4, 0.2, 0.6])
BOTH = np.stack([1 - P, P], axis=1)
NUMBERS = {"fp": 1.0, "fn": 5.0}


@pytest.fixture(autouse=True)
def closed():
    """Close figures."""
    yield
    plt.close("all")


# --- probabilities ---

NO_PROBABILITIES = {
    "nan": (np.where(BOTH == 0.1, np.nan, BOTH), "holds nan"),
    "infinite": (np.where(BOTH == 0.1, np.inf, BOTH), "holds inf"),
    "negative": (np.where(BOTH == 0.1, -0.1, BOTH), "holds -0.1"),
    "percent": (100 * BOTH, "between 0 and 1"),
    "no distribution": (BOTH / 2, "Row 0 of proba sums to 0.5"),
    "text": ([["a", "b"]], "is not an array of numbers"),
    "ragged": ([[0.5, 0.5], [1.0]], "is not an array of numbers"),
    "empty": (np.empty((0, 2)), "one row or more"),
    "three axes": (BOTH[None], "has shape"),
}


@pytest.mark.parametrize("what", NO_PROBABILITIES)
def test_probabilities_are_checked(what):
    proba, message = NO_PROBABILITIES[what]
    with pytest.raises(ValueError, match=message):
        decide(proba, costs=NUMBERS)
    with pytest.raises(ValueError, match=message):
        estimate_prior(proba, [0.5, 0.5])
    if what not in ("three axes", "empty"):  # which are shifted along the last axis, and stay empty
        with pytest.raises(ValueError, match=message):
            shift_prior(proba, [0.5, 0.5], [0.5, 0.5])


@pytest.mark.parametrize("settings", [
    {"max_iter": 0}, {"max_iter": 2.5}, {"tol": np.nan}, {"tol": -1.0}, {"confidence": 0}, {"confidence": 95},
    {"confidence": np.nan}, {"confidence": "high"},
], ids=str)  # fmt: skip
def test_settings_of_estimate_prior_are_checked(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}={value!r} is not .* it takes"):
        estimate_prior(BOTH, [0.5, 0.5], **settings)


@pytest.mark.parametrize(("train", "target"), [
    ([0.5, 0.5], [0.5, np.nan]), ([0.5, 0.5], [1.5, -0.5]), ([0.0, 1.0], [0.5, 0.5]), ([0.5, 0.5], [0.2, 0.3, 0.5]),
    ([0.5, 0.5], 0.5), (["a", "b"], [0.5, 0.5]), ([np.inf, 0.5], [0.5, 0.5]),
], ids=str)  # fmt: skip
def test_priors_to_shift_between_are_checked(train, target):
    with pytest.raises(ValueError, match="(train|target)_prior=.*"):
        shift_prior(BOTH, train, target)


def test_probabilities_of_whole_numbers_are_shifted():
    np.testing.assert_array_equal(shift_prior([[1, 0], [0, 1]], [0.5, 0.5], [0.9, 0.1]), np.eye(2))


@pytest.mark.parametrize("target", [[0.5, 0.5], [0.25, 0.75]], ids=["equal priors", "another prior"])
def test_shifted_probabilities_sum_to_one(target):
    rounded = np.array([[[0.3, 0.7004]], [[0.1996, 0.8]]])
    np.testing.assert_allclose(shift_prior(rounded, [0.5, 0.5], target).sum(axis=-1), 1, rtol=1e-15)


# --- intervals ---


@pytest.mark.parametrize("shares", [[0.7, 0.3], [0.5, 0.4, 0.1]], ids=len)
def test_confidence_intervals_have_their_coverage(shares):
    rng = np.random.default_rng(0)
    means = 1.5 * np.eye(3)[: len(shares), :2]
    train = np.full(len(shares), 1 / len(shares))
    n_tables, held = 60, 0
    for _ in range(n_tables):
        X = rng.normal(size=(300, 2)) + means[rng.choice(len(shares), size=300, p=shares)]
        density = np.exp(-np.square(X[:, None] - means).sum(axis=2) / 2)
        prior, interval = estimate_prior(density / density.sum(axis=1, keepdims=True), train, confidence=0.8)
        assert np.all((interval[:, 0] <= prior) & (prior <= interval[:, 1]))
        held += ((interval[:, 0] <= shares) & (shares <= interval[:, 1])).mean()
    assert held / n_tables == pytest.approx(0.8, abs=0.15)


def test_an_interval_at_the_edge_has_an_upper_end():
    proba = np.tile([0.999, 0.001], (50, 1))
    prior, interval = estimate_prior(proba, [0.5, 0.5], confidence=0.95)
    assert prior[1] < 1e-6
    assert interval[1, 0] == 0
    # All 50 rows of the other class: the share above which that has less than this likelihood, by hand.
    assert interval[1, 1] == pytest.approx(1 - np.exp(-3.841459 / 100), rel=0.01)


# --- costs and F-beta ---


@pytest.mark.parametrize("scale", [1.0, 2e307, 1e-308, 2.0**-1050])
def test_costs_of_any_size_decide_alike(scale):
    costs = {name: scale * cost for name, cost in NUMBERS.items()}
    of_one = np.array([[-1.0, 1.0, 0.5], [1.0, -1.0, 0.2], [1.0, 1.0, 0.1]])
    matrix = scale * of_one
    three = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decide(P, costs=costs), P >= 1 / 6)
        uniform = np.ones(2) / 2
        assert Decision(costs, [0, 1]).threshold(uniform, uniform) == pytest.approx(1 / 6, rel=1e-9)
        expected = (three @ of_one).argmin(axis=1)
        np.testing.assert_array_equal(decide(three, costs=matrix), expected)
        thirds = np.ones(3) / 3
        for dtype in (np.float32, np.float64):
            given = three.astype(dtype)
            np.testing.assert_array_equal(Decision(matrix, [0, 1, 2]).labels(given, thirds, thirds), expected)


def test_costs_of_most_different_sizes_have_a_threshold():
    shares = np.ones(2) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Decision({"fp": 1e308, "fn": 1e-308}, [0, 1]).threshold(shares, shares) == 1
        assert Decision({"fp": 1e-308, "fn": 1e308}, [0, 1]).threshold(shares, shares) == 0
        assert Decision([[-1e308, 1e308], [1e308, -1e308]], [0, 1]).threshold(shares, shares) == 0.5
        rows = np.eye(2)[Y]
        cost = score_fold(Y, rows, 1 - Y, None, 1, 0.5, np.array([[1e308, 1.7e308], [1.7e308, 1e308]]))["cost"]
    assert cost == pytest.approx(1e308)


@pytest.mark.parametrize("beta", [1e-160, 1e160, 1.7e308])
def test_f_beta_of_any_size_has_a_threshold(beta):
    shares = np.array([0.6, 0.4])
    rule = Decision(("fbeta", beta), [0, 1], rows=RowProbabilities.of(BOTH, np.ones(6), shares))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threshold = rule.threshold(shares, shares)
    assert threshold == pytest.approx(0.8 if beta < 1 else 0.0, abs=1e-9)  # the best precision, and the best recall


@pytest.mark.parametrize("costs", [{"fp": "a", "fn": 1}, [["a", "b"], ["c", "d"]], {"fp": None, "fn": 1}], ids=str)
def test_costs_that_are_not_numbers_are_refused(costs):
    with pytest.raises(ValueError, match="costs.*(not an array of numbers|not finite)"):
        decide(P, costs=costs)


# --- displays and comparisons ---

DISPLAYS = [GainDisplay, NetBenefitDisplay, ReliabilityDisplay, ThresholdDisplay]
NO_ROWS = {
    "empty": ({"y_true": [], "y_proba": []}, "have no rows"),
    "nan": ({"y_proba": np.where(P == 0.1, np.nan, P)}, "it takes probabilities"),
    "text": ({"y_proba": list("abcdef")}, "is not an array of numbers"),
    "negative weight": ({"sample_weight": [1, 1, -1, 1, 1, 1]}, "holds -1.0; .* none negative"),
    "infinite weight": ({"sample_weight": [1, 1, np.inf, 1, 1, 1]}, "holds inf"),
    "weight nan": ({"sample_weight": [1, 1, np.nan, 1, 1, 1]}, "holds nan"),
    "no weight": ({"sample_weight": np.zeros(6)}, "zero for every row"),
    "few weights": ({"sample_weight": np.ones(5)}, "one weight for each of 6 rows"),
    "no weight of the label": ({"sample_weight": 1 - Y}, "0 of 4 rows have the label 1"),
}


@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.parametrize("what", NO_ROWS)
def test_rows_of_displays_are_checked(display, what):
    given, message = NO_ROWS[what]
    with pytest.raises(ValueError, match=message):
        display.from_predictions(**{"y_true": Y, "y_proba": P, **given})


@pytest.mark.parametrize(("display", "name", "values"), [
    (GainDisplay, "budget", [-1, 0, 1.5, np.nan, "a", None, True]),
    (NetBenefitDisplay, "max_threshold", [-1, 0, 1, np.nan, "a"]),
    (ReliabilityDisplay, "n_bins", [0, -1, 2.5, np.nan, "a", None]),
    (ThresholdDisplay, "threshold", [-1, np.nan, "a"]),
], ids=["gain", "net benefit", "reliability", "threshold"])  # fmt: skip
def test_numbers_of_displays_are_checked(display, name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{name}={value!r} is no"):
            display.from_predictions(Y, P, **{name: value})


@pytest.mark.parametrize("display", DISPLAYS)
def test_rows_of_weight_zero_are_not_drawn(display):
    kept = np.array([1, 1, 1, 1, 0, 1.0])
    weighted = display.from_predictions(Y, P, sample_weight=kept)
    cut = display.from_predictions(Y[kept > 0], P[kept > 0])
    for drawn, expected in zip(weighted.ax_.lines, cut.ax_.lines, strict=True):
        np.testing.assert_array_equal(drawn.get_ydata(), expected.get_ydata())


@pytest.mark.parametrize(("given", "message"), [
    ({"budget": -1}, "budget=-1 is not a share"), ({"budget": np.nan}, "budget=nan is not a share"),
    ({"budget": 1.0}, "below 1"), ({"sample_weight": [-1.0] * 200}, "none negative"),
    ({"sample_weight": [np.nan] * 200}, "holds nan"),
], ids=str)  # fmt: skip
def test_numbers_of_comparisons_are_checked(given, message, small_table):
    with pytest.raises(ValueError, match=message):
        compare_strategies(ImbalancedKerasClassifier("mlp"), *small_table, **given)


@pytest.mark.parametrize("region", [-0.1, np.nan, "a"])
def test_regions_of_comparisons_are_checked(region, small_table):
    candidates = {"one": LogisticRegression(C=1e-3), "other": LogisticRegression(C=1e-2)}
    found = compare_strategies(
        ImbalancedKerasClassifier("mlp"), *small_table, strategies=candidates, cv=2, verbose=0, random_state=0
    )
    for call in (lambda: found.versus("one", "other", region=region), lambda: found.summary(region=region)):
        with pytest.raises(ValueError, match="region=.* is not allowed"):
            call()
