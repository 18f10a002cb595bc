"""Tests of the statistics of columns that arrive in chunks."""

import numpy as np
import pytest

from skimbalance.data.rows import weighted_quantiles
from skimbalance.data.statistics import MOST_VALUES, Moments, Quantiles
from skimbalance.networks import RobustScale, Standardize


def pieces_of(values, weights, n=40):
    """Yield values and weights piece by piece."""
    return zip(np.array_split(values, n), np.array_split(weights, n), strict=True)


def summary_of(kind, values, weights):
    """Add values piece by piece."""
    summary = kind()
    for piece in pieces_of(values, weights):
        summary = summary.with_piece(*piece).compressed()
    return summary


@pytest.mark.parametrize("order", ["shuffled", "sorted"])
@pytest.mark.parametrize("far", [0.0, 1e9])
def test_moments_are_those_of_all_values(order, far):
    rng = np.random.default_rng(0)
    values, weights = far + rng.gamma(0.5, size=5000), rng.uniform(0.5, 2, 5000)
    values = np.sort(values) if order == "sorted" else values
    mean, deviation = summary_of(Moments, values, weights).center_and_spread()
    expected = np.average(values, weights=weights)
    assert mean == pytest.approx(expected, rel=1e-12)
    assert deviation == pytest.approx(np.sqrt(np.average((values - expected) ** 2, weights=weights)), rel=1e-6)


@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_quantiles_lie_near_those_of_all_values(order):
    """The share of values below each is within half a percent of what it should be."""
    rng = np.random.default_rng(0)
    values, weights = rng.standard_cauchy(20_000), rng.uniform(0.5, 2, 20_000)
    values = np.sort(values) if order == "sorted" else values
    summary = summary_of(Quantiles, values, weights)
    assert len(summary._values) <= MOST_VALUES + 1
    for share in (0.25, 0.5, 0.75):
        below = weights[values <= summary.at((share,))[0]].sum() / weights.sum()
        assert below == pytest.approx(share, abs=0.005)
    assert summary.weight == pytest.approx(weights.sum())


def test_quantiles_of_few_distinct_values_are_exact():
    rng = np.random.default_rng(0)
    values, weights = rng.integers(0, 300, 8000).astype(float), rng.uniform(0.5, 2, 8000)
    shares = (0.1, 0.25, 0.5, 0.75, 0.9)
    expected = weighted_quantiles(values, weights, shares)
    np.testing.assert_array_equal(summary_of(Quantiles, values, weights).at(shares), expected)


@pytest.mark.parametrize("kind", [Moments, Quantiles])
def test_a_piece_without_values_changes_nothing_and_a_piece_leaves_what_was_before(kind):
    assert kind().with_piece(np.empty(0), np.empty(0)).compressed().center_and_spread() == (0.0, 0.0)
    before = kind().with_piece(np.array([1.0, 2.0, 4.0]))
    expected = before.center_and_spread()
    before.with_piece(np.array([100.0, 200.0]))
    assert before.with_piece(np.empty(0)).center_and_spread() == before.center_and_spread() == expected


@pytest.mark.parametrize("layer_class", [Standardize, RobustScale])
def test_layers_scale_by_all_pieces(layer_class):
    """A missing value is left out, a column that starts constant comes to life, one of missing values alone stays 0."""
    X = np.random.default_rng(0).integers(0, 9, (90, 4)).astype(np.float32)
    X[:30, 0], X[::7, 1], X[:, 2] = 5.0, np.nan, np.nan
    whole, pieces, seen = layer_class(), layer_class(), []
    assert whole.adapt(X) is None
    for begin in (0, 30, 60):
        seen = pieces.adapt(X[begin : begin + 30], seen=seen)
    np.testing.assert_allclose(pieces(X), whole(X), atol=1e-6)
    assert np.ptp(np.asarray(pieces(X))[:, 0]) > 1
    assert not np.asarray(pieces(X))[:, 2].any()
