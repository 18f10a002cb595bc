"""Tests of categories and missing values that first occur in later chunks."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.growing import GrowingColumns


def frame_of(levels, n_rows=600, seed=0):
    """Rows of a category whose levels, alone, say which class is likely; labels."""
    rng = np.random.default_rng(seed)
    level = rng.permutation(np.resize(levels, n_rows))
    is_likely = np.array([int(one[1:]) % 2 for one in level])
    return pd.DataFrame({"shop": level, "noise": rng.normal(size=n_rows)}), (
        rng.random(n_rows) < 0.05 + 0.5 * is_likely
    ).astype(int)


def names(begin, end):
    """Return the names of some levels."""
    return [f"s{i}" for i in range(begin, end)]


@pytest.mark.parametrize("model", [None, "mlp"])
@pytest.mark.parametrize("n_levels", [3, 12], ids=["one-hot", "embedded"])
def test_categories_of_later_chunks_get_codes(model, n_levels):
    first, later = frame_of(names(0, n_levels)), frame_of(names(n_levels, 2 * n_levels), seed=1)
    clf = ImbalancedKerasClassifier(model, random_state=0, optimizer__learning_rate=0.02).partial_fit(*first)
    before = clf.predict_proba(first[0])
    columns = clf.columns_
    for _ in range(15):
        clf.partial_fit(*later)
    assert clf.columns_.levels[0] == sorted(names(0, n_levels)) + sorted(names(n_levels, 2 * n_levels))
    assert len(columns.levels[0]) == n_levels  # that of the estimator before stays as it was
    assert roc_auc_score(later[1], clf.predict_proba(later[0])[:, 1]) > 0.7
    assert before.shape == clf.predict_proba(first[0]).shape
    copied = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        copied.partial_fit(*first).predict(later[0]), clf.partial_fit(*first).predict(later[0])
    )


def test_a_category_gets_a_code_after_three_distinct_rows():
    columns, matrix = GrowingColumns.learn(pd.DataFrame({"a": ["x"] * 5 + ["y"] * 5 + ["z"]}))
    columns.settle(matrix, np.arange(11))
    assert columns.kept[0].tolist() == [0, 1]
    for n_rows, kept in ((1, [0, 1]), (1, [0, 1, 2])):
        columns, matrix = columns.grown(pd.DataFrame({"a": ["z"] * n_rows + ["x"]}))
        columns.settle(matrix, np.arange(n_rows + 1))
        assert columns.kept[0].tolist() == kept


def test_a_column_without_room_for_categories_warns_once():
    frame, y = frame_of(names(0, 4))
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(frame, y)
    with pytest.warns(UserWarning, match="Column 'shop' has room for 8 categories.*Start with a chunk"):
        clf.partial_fit(*frame_of(names(4, 20)))
    assert len(clf.columns_.levels[0]) == len(clf.columns_.kept[0]) == 8
    clf.partial_fit(*frame_of(names(20, 40)))
    unknown = frame.assign(shop="s99", noise=0.0)
    assert np.ptp(clf.predict_proba(unknown)[:, 1]) == 0


def test_rows_of_weight_zero_add_no_category():
    (frame, y), (more, y_more) = frame_of(names(0, 3)), frame_of(names(0, 6), seed=1)
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(frame, y)
    is_new = more["shop"].isin(names(3, 6)).to_numpy()
    clf.partial_fit(more, y_more, sample_weight=1.0 - is_new)
    assert clf.columns_.levels[0] == names(0, 3)
    with pytest.raises(ValueError, match="had categories that are text in fit"):
        clf.partial_fit(frame.assign(shop=1.0).astype({"shop": "category"}), y)


def test_imputed_medians_are_those_of_all_chunks():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=600), rng.normal(size=600)])
    X[::3, 0] = np.nan
    X[:100, 0] -= 50
    y = (X[:, 1] > 1).astype(int)
    clf = ImbalancedKerasClassifier("mlp", random_state=0)
    for begin in range(0, 600, 100):
        clf.partial_fit(X[begin : begin + 100], y[begin : begin + 100], classes=[0, 1])
    fill = clf.model_.get_layer("encode").fill.numpy()[0]
    assert fill == pytest.approx(np.nanmedian(X[:, 0]), abs=1e-6)


@pytest.mark.parametrize("model", [None, "mlp"])
def test_missing_values_of_later_chunks_are_informative(model):
    """In columns whose first chunk had none; a level that comes as well moves no column of the network's."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=4000), "b": rng.normal(size=4000), "shop": "x"})
    frame.loc[300:, "shop"] = np.resize(["x", "y"], 3700)
    is_missing = (rng.random(4000) < 0.3) & (np.arange(4000) >= 500)
    frame.loc[is_missing, "b"] = np.nan
    frame.loc[2000, "a"] = np.nan  # too few to be told apart
    y = (rng.random(4000) < 0.05 + 0.6 * is_missing).astype(int)
    clf = ImbalancedKerasClassifier(model, random_state=0)
    for begin in range(0, 4000, 250):
        clf.partial_fit(frame[begin : begin + 250], y[begin : begin + 250], classes=[0, 1])
    assert clf.columns_.late_missing == [1]
    probe = pd.DataFrame({"a": 0.0, "b": [0.0, np.nan], "shop": "x"})
    assert np.ptp(pickle.loads(pickle.dumps(clf)).predict_proba(probe)[:, 1]) > 0.25


def test_columns_without_room_for_missing_indicators_warn_once():
    X = np.random.default_rng(0).normal(size=(40, 6))
    y = (X[:, 0] > 1).astype(int)
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(X, y)
    X[:3, 1:] = np.nan
    with pytest.warns(UserWarning, match="Column 5 has missing values, but had none in the first chunk, and the 4 "):
        clf.partial_fit(X, y)
    with warnings.catch_warnings(action="error"):
        clf.partial_fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert clf.columns_.late_missing == [1, 2, 3, 4]
