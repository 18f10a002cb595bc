"""Frequent categories of a stream get codes, no matter how many rare ones occur."""

import pickle
import warnings

import keras
import numpy as np
import pandas as pd
import pytest

from skimbalance import ImbalancedKerasClassifier, export
from skimbalance.data.growing import _MOST_CANDIDATES, GrowingColumns

SHOPS = ["north", "south", "west"]


def chunk(seed, shops=SHOPS, typos=0, n_rows=300):
    """Rows of shops, of which "late" has most of the rare class, and labels; some rows have a name of their own."""
    rng = np.random.default_rng(seed)
    shop = rng.permutation(np.resize(np.array(shops, dtype=object), n_rows))
    y = (rng.random(n_rows) < np.where(shop == "late", 0.7, 0.05)).astype(int)
    shop[:typos] = [f"typo {seed} {i}" for i in range(typos)]
    return pd.DataFrame({"shop": shop, "noise": rng.normal(size=n_rows)}), y


def streamed(typos, model="mlp", shops=SHOPS, n_early=3, n_late=10, **parameters):
    """Train by a few chunks without a level, and by some with it."""
    clf = ImbalancedKerasClassifier(model, optimizer__learning_rate=0.02, random_state=0, **parameters)
    for seed in range(n_early + n_late):
        clf.partial_fit(*chunk(seed, [*shops, *["late"] * (seed >= n_early)], typos), classes=[0, 1])
    return clf


def settled(table):
    """Return the columns of a first piece all of whose rows are distinct."""
    columns, matrix = GrowingColumns.learn(table)
    columns.settle(matrix, np.arange(len(matrix)))
    return columns


def after(columns, levels):
    """Return the columns after a further piece, and its codes."""
    grown, matrix = columns.grown(pd.DataFrame({"shop": levels}))
    grown.settle(matrix, np.arange(len(matrix)))
    return grown, matrix[:, 0].astype(int)


@pytest.mark.parametrize(
    ("model", "shops"),
    [("mlp", SHOPS), (None, [f"shop {i}" for i in range(12)])],
    ids=["one-hot", "embedded"],
)
def test_a_late_category_is_learned_as_well_as_without_typos(model, shops):
    probe = pd.DataFrame({"shop": np.array([shops[0], "late"], dtype=object), "noise": 0.0})
    moved = []
    for typos in (0, 20):
        clf = streamed(typos, model, shops)
        assert len(clf.columns_.kept[0]) == len(shops) + 1
        moved.append(np.diff(clf.predict_proba(probe)[:, 1])[0])
        copied = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(copied.predict_proba(probe), clf.predict_proba(probe))
        again = [one.partial_fit(*chunk(99, [*shops, "late"], 20)).predict_proba(probe) for one in (copied, clf)]
        np.testing.assert_array_equal(*again)
    assert min(moved) > 0.3
    assert moved[0] == pytest.approx(moved[1], abs=0.3)


def test_codes_do_not_change_and_typos_get_none():
    """A missing category, and a level that was rare in the first piece, are told apart as any other."""
    columns = settled(pd.DataFrame({"shop": [*SHOPS * 5, "rare"]}))
    assert (columns.room[0], columns.n_rare(0)) == (8, 1)
    other = columns.n_codes(0)
    for i in range(3):
        columns, codes = after(columns, [*[f"typo {i} {k}" for k in range(40)], "late", None, "north"])
        assert codes[:40].tolist() == [other] * 40
    assert codes[40:].tolist() == [4, 5, 0]
    assert columns.levels[0] == ["north", "rare", "south", "west", "late", None]
    assert columns.kept[0].tolist() == [0, 2, 3, 4, 5]
    columns, codes = after(columns, ["rare", "rare", "late", None])
    assert (codes.tolist(), columns.kept[0].tolist()) == ([1, 1, 4, 5], [0, 2, 3, 4, 5, 1])
    assert columns.read(pd.DataFrame({"shop": ["late", "typo 0 0", None]}))[:, 0].tolist() == [4, 6, 5]


def test_more_typos_than_are_counted():
    """What has one in fifty of these rows is found, whatever the order of rows, in bounded memory."""
    columns = other = settled(pd.DataFrame({"shop": SHOPS * 5}))
    for i in range(8):
        levels = [*[f"typo {i} {k}" for k in range(3000)], *["late"] * (i >= 5), *["frequent"] * 60]
        columns, _ = after(columns, levels)
        other, _ = after(other, levels[::-1])
        assert len(columns._candidates[0]) <= _MOST_CANDIDATES
    assert columns.levels[0] == other.levels[0] == [*SHOPS, "frequent"]
    assert columns._candidates == other._candidates
    for _ in range(3):
        columns, _ = after(columns, ["late"])
    assert columns.levels[0] == [*SHOPS, "frequent", "late"]


def test_the_most_frequent_categories_of_a_chunk_get_codes_first():
    columns = settled(pd.DataFrame({"shop": SHOPS * 5}))
    levels = [f"new {i}" for i in range(9) for _ in range(3 + i % 5)]
    with pytest.warns(UserWarning, match="room for 8 categories"):
        columns, _ = after(columns, levels)
    assert columns.levels[0][3:] == ["new 2", "new 3", "new 4", "new 7", "new 8"]
    with warnings.catch_warnings(action="error"):
        columns, codes = after(columns, ["later"] * 5 + ["new 8"])
    assert codes.tolist() == [columns.n_codes(0)] * 5 + [7]


def test_typos_take_no_room():
    columns = settled(pd.DataFrame({"shop": [*SHOPS * 110, *[f"typo {k}" for k in range(300)]]}))
    assert len(columns.kept[0]) == 3
    with warnings.catch_warnings(action="error"):
        for i in range(3):
            columns, _ = after(columns, [f"typo {i} {k}" for k in range(300)])
        columns, codes = after(columns, ["late"] * 3)
    assert columns.kept[0][3:].tolist() == [columns.levels[0].index("late")] == [303]
    assert codes.tolist() == [303] * 3


def test_base_models_are_given_one_code_for_all_rare_categories():
    columns, codes = after(settled(pd.DataFrame({"shop": [*SHOPS * 5, "rare"]})), ["late"] * 3 + ["rare", "typo"])
    assert codes.tolist() == [4, 4, 4, 1, columns.n_codes(0)]
    assert columns.with_others(codes[:, None])[:, 0].tolist() == [4, 4, 4, 5, 5]
    read = columns.read(pd.DataFrame({"shop": ["late", "rare", "typo"]}))
    assert columns.with_others(read)[:, 0].tolist() == [4, 5, 5]


class Interrupts(keras.callbacks.Callback):
    """Someone presses Ctrl-C."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_a_chunk_that_is_interrupted_counts_no_rows():
    """Held-out rows, categories that are missing, and missing numbers in it."""
    settings = {"validation_split": 0.2, "decision": "f1"}
    clf, straight = (streamed(5, n_early=2, n_late=0, **settings) for _ in range(2))
    table, y = chunk(7, [*SHOPS, "late", None], 5)
    table.loc[::7, "noise"] = np.nan
    before = pickle.dumps(clf.columns_)
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(table, y, callbacks=[Interrupts()])
    assert pickle.dumps(clf.columns_) == before
    for one in (clf, straight):
        one.partial_fit(table, y)
    assert clf.columns_.levels[0][-2:] == ["late", None]
    assert clf.columns_.late_missing == [1]
    held_out = set(clf._training.reservoir.held_out(None).X[:, 0])
    assert held_out <= {*range(len(clf.columns_.levels[0])), clf.columns_.n_codes(0)}
    assert held_out >= set(clf.columns_.kept[0])
    np.testing.assert_array_equal(clf.predict_proba(table), straight.predict_proba(table))


def test_typos_in_rows_of_weight_zero_are_ignored():
    table, y = chunk(1, [*SHOPS, "late"], 20)
    clf, other = (streamed(0, n_early=1, n_late=0) for _ in range(2))
    clf.partial_fit(table, y, sample_weight=np.r_[np.zeros(20), np.ones(280)])
    other.partial_fit(table[20:], y[20:])
    assert clf.columns_.n_rare(0) == 0
    np.testing.assert_array_equal(clf.predict_proba(table), other.predict_proba(table))


@pytest.mark.parametrize("shops", [SHOPS, [f"shop {i}" for i in range(12)]], ids=["one-hot", "embedded"])
def test_an_export_after_typos(shops, tmp_path):
    pytest.importorskip("onnx", reason="onnx writes the file; pip install skimbalance[export]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")
    clf = streamed(20, "mlp" if shops is SHOPS else None, shops, n_early=2, n_late=2, ensemble=["boosting"])
    clf.grow_ensemble()
    table, _ = chunk(0, [*shops, "late", "never seen"], 5)
    export(clf, tmp_path / "model.onnx", format="onnx")
    given = {"shop": table["shop"].to_numpy(), "noise": table["noise"].to_numpy(np.float32)}
    (proba,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(["proba"], given)
    np.testing.assert_allclose(proba, clf.predict_proba(table), atol=1e-5)
