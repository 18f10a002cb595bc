"""Tests of merged rows, and of the rows of each epoch."""

import numpy as np
import pytest
from sklearn.utils import shuffle

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.rows import Rows, positions_of
from skimbalance.networks import realmlp
from skimbalance.networks.members import Members
from skimbalance.training import TrainingRows, choose_batch_size


def training_rows(rows, batch_prior=None):
    """All rows of a table, to train on."""
    return TrainingRows(rows, positions_of(rows.index), lambda progress: np.ones(2), batch_prior)


def members(n):
    """Members of a network."""
    return Members(realmlp({"n_features_in_": 2, "n_classes_": 2}, hidden_layer_sizes=(2,), n_members=n))


def test_identical_rows_are_merged_and_ordered_by_content():
    X = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0], [-0.0, 1.0], [1.0, 2.0]], dtype=np.float32)
    y, w = np.array([0, 1, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    rows = Rows(X, y, w, merges=True)
    merged = sorted(zip(X[rows.index].tolist(), rows.classes.tolist(), rows.weight.tolist(), strict=True))
    assert merged == [([0.0, 1.0], 1, 6.0), ([1.0, 2.0], 0, 4.0), ([1.0, 2.0], 1, 5.0)]
    order = shuffle(np.arange(5), random_state=0)
    again = Rows(X[order], y[order], w[order], merges=True)
    np.testing.assert_array_equal(X[order][again.index], X[rows.index])
    assert len(Rows(X, y, w, merges=False)) == 5


def test_a_row_is_held_out_with_all_its_copies():
    X = np.array([[1.0], [2.0], [1.0], [3.0], [1.0]], dtype=np.float32)
    rows = Rows(X, np.array([0, 1, 0, 1, 1]), np.arange(5.0), merges=True)
    out = np.flatnonzero((X[rows.index, 0] == 1) & (rows.classes == 0))
    X_kept, y_kept, w_kept = rows.without(out)
    assert (X_kept[:, 0].tolist(), y_kept.tolist(), w_kept.tolist()) == ([2, 3, 1], [1, 1, 1], [1, 3, 4])


def test_rows_with_equal_hashes_stay_distinct(monkeypatch):
    monkeypatch.setattr("skimbalance.data.rows.hash_rows", lambda X, y, seed=0: np.zeros(len(y), dtype=np.uint64))
    X = np.array([[1.0], [2.0], [1.0]], dtype=np.float32)
    rows = Rows(X, np.array([0, 0, 0]), np.ones(3), merges=True)
    assert dict(zip(X[rows.index, 0].tolist(), rows.weight.tolist(), strict=True)) == {1.0: 2.0, 2.0: 1.0}


def test_balanced_batches_use_every_row_in_turn():
    X, y = np.arange(100, dtype=np.float32)[:, None], (np.arange(100) >= 90).astype(int)
    rows = training_rows(Rows(X, y, None, merges=False), np.array([0.5, 0.5]))
    rng = np.random.default_rng(0)
    epochs = [rows.order(rng)[:, 0] for _ in range(9)]
    for order in epochs:
        np.testing.assert_array_equal(np.bincount(y[order]), [50, 50])
    seen = np.bincount(np.concatenate(epochs), minlength=100)
    np.testing.assert_array_equal(seen[:90], 5)
    np.testing.assert_array_equal(seen[90:], 45)
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("present", [[0, 2], [1, 2], [0, 1], [2]], ids=str)
def test_batches_are_drawn_from_the_classes_there_are(present):
    """A chunk may lack some."""
    y = np.repeat(present, 20)
    rows = training_rows(Rows(np.zeros((len(y), 1), dtype=np.float32), y, None, merges=False), np.full(3, 1 / 3))
    order = rows.order(np.random.default_rng(0))[:, 0]
    assert np.bincount(y[order], minlength=3)[present] == pytest.approx(20, abs=1)


def test_each_member_has_its_own_row_order():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2)).astype(np.float32), (np.arange(100) % 10 == 0).astype(int)
    table = Rows(X, y, None, merges=True)
    rows = training_rows(table)
    rows.give_to_members(members(3))
    first, second = rows.order(rng), rows.order(rng)
    assert first.shape == (100, 3)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[:, 0], first[:, 1])
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(second, axis=0))
    drawn = training_rows(table, np.array([0.5, 0.5]))
    drawn.give_to_members(members(3))
    np.testing.assert_array_equal((table.classes[drawn.order(rng)] == 1).sum(axis=0), 50)


def test_steps_hold_every_row_once_and_are_filled_up_by_weight_zero():
    rng = np.random.default_rng(0)
    rows = training_rows(Rows(rng.normal(size=(100, 2)).astype("f4"), np.arange(100) % 2, None, merges=False))
    orders, weights = [rows.order(rng) for _ in range(2)], [rows.weights(0.0)] * 2
    (index, weight, sizes), = rows.blocks(orders, weights, batch_size=32, most_steps=8)  # fmt: skip
    assert (index.shape, weight.shape, sizes.tolist()) == ((8, 32, 1), (8, 32, 1), [32, 32, 32, 4] * 2)
    np.testing.assert_array_equal(np.sort(index[weight > 0]), np.repeat(np.arange(100), 2))


@pytest.mark.parametrize(
    ("n_copies", "n_distinct", "shown"),
    [(1, 50, 50), (2, 50, 50), (8, 50, 400), (1000, 3, 3000), (100_000, 3, 4095)],
    ids=str,
)
def test_a_table_of_copies_fills_its_epochs(n_copies, n_distinct, shown):
    """By weight, so that a weight is the same as copies."""
    X, y = np.arange(float(n_distinct), dtype=np.float32)[:, None], np.arange(n_distinct) % 2
    weighted = training_rows(Rows(X, y, np.full(n_distinct, float(n_copies)), merges=True))
    assert len(weighted) == shown
    np.testing.assert_array_equal(np.ptp(np.bincount(weighted.order(np.random.default_rng(0))[:, 0])), 0)
    if n_copies < 10_000:
        repeated = training_rows(Rows(np.repeat(X, n_copies, axis=0), np.repeat(y, n_copies), None, merges=True))
        np.testing.assert_array_equal(repeated.positions, weighted.positions)


def test_a_table_of_few_distinct_rows_is_learned():
    """As from 3,000 rows, which they are; a step an epoch would leave the network at an accuracy of .35."""
    X, y = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]], dtype=np.float32), np.array([0, 1, 2])
    X, y = np.repeat(X, 1000, axis=0), np.repeat(y, 1000)
    assert ImbalancedKerasClassifier("mlp", random_state=0).fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize(
    ("batch_size", "n_rows", "expected"),
    [
        ("auto", 10, 32),
        ("auto", 10_000, 128),
        ("auto", 10**7, 1024),
        (None, 999, 32),
        (-1, 999, 999),
        (7, 999, 7),
    ],
)
def test_batch_size(batch_size, n_rows, expected):
    assert choose_batch_size(batch_size, n_rows) == expected
