"""Are levels learnt that only a later chunk brings?"""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skimbalance import ImbalancedKerasClassifier
from skimbalance.growing import GrowingColumns


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
def test_levels_that_come_later_are_told_apart(model, n_levels):
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


def test_a_level_is_told_apart_once_three_rows_have_had_it():
    columns, matrix = GrowingColumns.learn(pd.DataFrame({"a": ["x"] * 5 + ["y"] * 5 + ["z"]}))
    columns.settle(matrix, np.arange(11))
    assert columns.kept[0].tolist() == [0, 1]
    for n_rows, kept in ((1, [0, 1]), (1, [0, 1, 2])):
        columns, matrix = columns.grown(pd.DataFrame({"a": ["z"] * n_rows + ["x"]}))
        columns.settle(matrix, np.arange(n_rows + 1))
        assert columns.kept[0].tolist() == kept


def test_a_column_that_is_full_says_so_once():
    frame, y = frame_of(names(0, 4))
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(frame, y)
    with pytest.warns(UserWarning, match="Column 'shop' has room for 8 levels.*Start with a chunk"):
        clf.partial_fit(*frame_of(names(4, 20)))
    assert len(clf.columns_.levels[0]) == len(clf.columns_.kept[0]) == 8
    clf.partial_fit(*frame_of(names(20, 40)))
    unknown = frame.assign(shop="s99", noise=0.0)
    assert np.ptp(clf.predict_proba(unknown)[:, 1]) == 0


def test_rows_of_weight_zero_bring_no_level():
    (frame, y), (more, y_more) = frame_of(names(0, 3)), frame_of(names(0, 6), seed=1)
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(frame, y)
    is_new = more["shop"].isin(names(3, 6)).to_numpy()
    clf.partial_fit(more, y_more, sample_weight=1.0 - is_new)
    assert clf.columns_.levels[0] == names(0, 3)
    with pytest.raises(ValueError, match="held categories that are text in fit"):
        clf.partial_fit(frame.assign(shop=1.0).astype({"shop": "category"}), y)


def test_medians_of_gaps_are_those_of_all_chunks():
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
