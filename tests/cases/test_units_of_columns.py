"""The unit of a column does not change the result."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from skimbalance import ImbalancedKerasClassifier
from skimbalance.ensemble import Forest
from skimbalance.training.divergence import check_converged


def fitted(X, y, **settings):
    return ImbalancedKerasClassifier("mlp", random_state=0, **{"epochs": 4, **settings}).fit(X, y)


def precision(clf, X, y):
    return average_precision_score(y, clf.predict_proba(X)[:, 1])


@pytest.fixture(scope="module")
def table():
    """Numbers of one size, of which the first three tell the classes apart."""
    rng = np.random.default_rng(0)
    y = (np.arange(300) % 6 == 0).astype(int)
    return rng.normal(size=(300, 4)) + 1.5 * y[:, None] * np.array([1.0, -1.0, 0.7, 0.0]), y


UNITS = {
    "parts in 1e29": 2e-29,
    "1e36": 1e36,
    "each column another": np.array([1e-31, 1.0, 1e33, 1e-9]),
}


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_unit_does_not_matter(unit, dtype, table):
    X, y = table
    usual = precision(fitted(X, y), X, y)
    scaled = (X * unit).astype(dtype)
    assert precision(fitted(scaled, y), scaled, y) == pytest.approx(usual, abs=0.05)


def test_chunks_of_any_unit(table):
    X, y = table
    X = X * np.array([1e-25, 1e25, 1.0, 1.0])
    clf = ImbalancedKerasClassifier("mlp", random_state=0)
    for _ in range(4):
        clf.partial_fit(X, y)
    assert precision(clf, X, y) > 0.75


def test_members_and_trees_in_any_unit(table):
    X, y = table
    X = X * np.array([1e-20, 1e20, 1e-20, 1.0])
    clf = ImbalancedKerasClassifier(epochs=2, early_stopping=False, ensemble=["forest"], random_state=0)
    clf.fit(X[:200], y[:200])
    forest = clf.ensemble_.proba(clf.columns_.read(X[200:]))[0, :, 1]
    assert average_precision_score(y[200:], forest) > 0.75
    assert precision(clf, X[200:], y[200:]) > 0.75


def test_trees_of_a_power_of_two_are_the_same(table):
    X, y = table
    X = X.astype(np.float32)
    usual, tiny = (Forest(8, random_state=0).fit(X * unit, y) for unit in (np.float32(1), np.float32(2**-80)))
    assert (tiny.trees_.feature == usual.trees_.feature).all()
    splits = usual.trees_.children[::2] != np.arange(len(usual.trees_.feature))
    thresholds = tiny.trees_.threshold[splits] * np.float32(2**80)
    np.testing.assert_allclose(thresholds, usual.trees_.threshold[splits], rtol=1e-6)
    assert (tiny.predict_proba(X * np.float32(2**-80)) == usual.predict_proba(X)).all()


def test_constants_ids_and_times_of_a_nanosecond(table):
    X, y = table
    times = 1_700_000_000_000_000_000 + (X[:, 0] * 1e15).astype(np.int64)
    columns = np.column_stack([times, np.arange(300) + 2**62, np.full(300, 98_765_432_109_876_543)])
    clf = fitted(columns, y)
    assert precision(clf, columns, y) > 0.5  # of one column that says something
    mixed = np.column_stack([X, np.full(300, 1.2345678901234567e16)])
    assert precision(fitted(mixed, y), mixed, y) == pytest.approx(precision(fitted(X, y), X, y), abs=0.05)


def test_numbers_that_float32_rounds_to_zero_are_refused(table):
    X, y = table
    X = X * np.array([1.0, 1e-40, 1.0, 1.0])
    with pytest.raises(ValueError, match="single precision rounds to 0.*another unit") as caught:
        fitted(X, y)
    assert "column 1," in str(caught.value)
    X[:, 1] = 1e-40  # the same in every row
    fitted(X, y, epochs=1)


def test_trained_weights_and_statistics_that_are_not_finite_are_refused():
    fine, bad = [np.ones(2)], [np.array([1.0, np.inf])]
    with pytest.raises(ValueError, match="weights of the network are not finite"):
        check_converged([np.array([1e16])], fine, None, 3)
    with pytest.raises(ValueError, match="means or spreads .* are not finite"):
        check_converged(fine, bad, None, 3)
