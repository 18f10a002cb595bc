"""Tests of the warning where held-out rows have near copies among training rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs, make_circles, make_classification, make_moons
from sklearn.model_selection import TimeSeriesSplit

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.near_copies import find_near_copies, warn_of_near_copies
from skimbalance.data.rows import Rows
from skimbalance.data.table import Columns

RNG = np.random.default_rng(0)
SPLIT = {"validation_split": TimeSeriesSplit(2)}


def read(X, y=None):
    """Rows and columns of a table."""
    columns, matrix = Columns.learn(X)
    y = np.zeros(len(matrix), dtype=int) if y is None else y
    return Rows(np.ascontiguousarray(matrix, dtype=np.float32), y, None, merges=True), columns


def copies(n, each, noise=0.05, n_columns=8):
    """Groups of near copies."""
    X = np.repeat(RNG.normal(size=(n, n_columns)), each, axis=0)
    return X + noise * RNG.normal(size=X.shape)


def frame(X):
    """A frame of an array."""
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


CURVE = RNG.random(2000)


def flags(n, *levels):
    """Columns of as many levels each."""
    return np.column_stack([RNG.integers(0, of, n) for of in levels])


def one_hot(n, *levels):
    """The same, one-hot."""
    return np.hstack([np.eye(of)[RNG.integers(0, of, n)] for of in levels])


def amounts(n):
    """A column of numbers."""
    return RNG.lognormal(size=(n, 1))


COPIES = {
    "pairs": copies(2000, 2), "fours": copies(1000, 4), "tens": copies(400, 10),
    "a wide table": copies(500, 4, n_columns=60), "many rows": copies(20_000, 4, noise=0.02), "few rows": copies(60, 4),
    "offsets and units": copies(1000, 4) * 10.0 ** np.arange(8) + 1e5, "missing values": np.where(
        np.repeat(RNG.random((1000, 8)) < 0.1, 4, axis=0), np.nan, copies(1000, 4)),
    "flags": np.hstack([copies(1000, 4), np.repeat(flags(1000, *[2] * 6), 4, axis=0)]),
    "categories": frame(copies(1000, 4)).assign(c=np.repeat(RNG.choice(list("abc"), 1000), 4)),
}  # fmt: skip
ORDINARY = {
    "normal": RNG.normal(size=(3000, 8)), "one column": RNG.normal(size=(3000, 1)),
    "two columns": RNG.normal(size=(3000, 2)),
    "three columns": RNG.normal(size=(3000, 3)), "a wide table": RNG.normal(size=(400, 300)),
    "few rows": RNG.normal(size=(40, 8)), "a curve": np.column_stack([np.sin(k * CURVE) for k in range(1, 9)]),
    "of rank two": RNG.normal(size=(3000, 2)) @ RNG.normal(size=(2, 10)),
    "whole numbers": RNG.integers(0, 5, (3000, 6)),
    "heavy tails": RNG.standard_cauchy((3000, 6)), "identical rows": np.repeat(RNG.normal(size=(1000, 8)), 4, axis=0),
    "constant columns": np.zeros((500, 8)), "missing values": np.where(RNG.random((3000, 8)) < 0.5, np.nan, 1.0),
    "empty columns": np.full((500, 4), np.nan), "categories": frame(RNG.integers(0, 9, (3000, 5)).astype(str)),
    "a column and categories": frame(RNG.normal(size=(3000, 3)).round(1)).assign(c=RNG.choice(list("abcdef"), 3000),
                                                                                 d=RNG.choice(list("abcdef"), 3000)),
    "a number and one-hot columns": np.hstack([amounts(2000), one_hot(2000, 2, 8, 3, 2)]),
    "a number and six flags": np.hstack([RNG.normal(size=(2000, 1)), flags(2000, *[2] * 6)]),
    "a number and eight flags": np.hstack([RNG.normal(size=(2000, 1)), flags(2000, *[2] * 8)]),
    "a collinear number thrice and six flags": np.hstack([RNG.normal(size=(2000, 1)) * [1, 2, -3],
                                                          flags(2000, *[2] * 6)]),
    "a number, its logarithm, its root, an age and flags": np.hstack([
        (a := amounts(2000)), np.log(a), np.sqrt(a), flags(2000, 70, 2, 2, 2, 2, 3)]),
    "numbers of places": np.hstack([RNG.normal(size=(100, 3))[RNG.integers(0, 100, 3000)], amounts(3000)]),
    "mixed": frame(flags(2000, *[2] * 6).astype(bool)).assign(a=amounts(2000)[:, 0], c=RNG.choice(list("abcd"), 2000)),
    "mixed, many rows": frame(flags(20_000, *[2] * 6).astype(bool)).assign(
        a=amounts(20_000)[:, 0], c=RNG.choice(list("abcd"), 20_000)),
    "blobs": make_blobs(1000, n_features=5, random_state=0)[0], "moons": make_moons(1000, noise=0.1, random_state=0)[0],
    "circles": make_circles(1000, random_state=0)[0], "made up": make_classification(1000, 20, random_state=0)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_near_copies_are_found(name):
    found = find_near_copies(*read(COPIES[name]))
    assert found
    n = len(COPIES[name])
    each = {"pairs": 2, "tens": 10}.get(name, 4)
    assert np.mean(found.pairs[:, 0] // each == found.pairs[:, 1] // each) > 0.95, n


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_rows_have_none(name):
    assert not find_near_copies(*read(ORDINARY[name]))


def test_rows_of_two_labels_that_are_identical_else_are_not_near_copies():
    X = np.repeat(RNG.normal(size=(1000, 8)), 2, axis=0)
    assert not find_near_copies(*read(X, np.tile([0, 1], 1000)))


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({}, r"fit\(X, y, groups=...\); where they are neighbours in time, set validation_split=\"last\" and sort"),
        (
            {"patient": np.repeat(RNG.permutation(1000), 4)},
            r"groups=X\['patient'\]\), and leave that column out of X: 'patient' looks like such",
        ),
        (
            {"name": np.repeat([f"p{i}" for i in range(1000)], 4)},
            r"groups=X\['name'\]\), and leave that column out of X: 'name' looks like such",
        ),
        ({"day": np.arange(4000) // 4 + 0.0, "time": np.arange(4000.0)}, r"\(column 'time' looks like it\)"),
    ],
    ids=["no column", "numbers", "texts", "a time"],
)
def test_the_warning_names_the_line_to_write(column, says):
    table = frame(copies(1000, 4)).assign(c=RNG.choice(["a", "b"], 4000), **column)
    with pytest.warns(UserWarning, match=f"Held-out rows have near copies among training rows.*{says}"):
        warn_of_near_copies(*read(table))


def test_the_warning_says_positions_of_an_array():
    with pytest.warns(UserWarning, match=r"groups=X\[:, 8\]\), and leave that column out of X: 8 looks"):
        warn_of_near_copies(*read(np.column_stack([copies(1000, 4), np.repeat(RNG.permutation(1000), 4)])))


def test_a_sorted_column_is_named_once_and_chunks_are_told_of_groups_alone():
    rows, columns = read(frame(copies(1000, 4)).assign(id=np.arange(4000) // 4 + 0.0))
    with pytest.warns(UserWarning, match=r"groups=X\['id'\]\).* sort them by time.$"):
        warn_of_near_copies(rows, columns)
    with pytest.warns(UserWarning, match=r"call partial_fit\(X, y, groups=X\['id'\]\).*'id' looks like such a group.$"):
        warn_of_near_copies(rows, columns, "partial_fit")


def test_a_guarantee_refuses_near_copies():
    X, y = copies(60, 4), np.repeat(np.arange(60) % 4 == 0, 4).astype(int)
    clf = ImbalancedKerasClassifier("mlp", epochs=1, early_stopping=False, decision=("precision", 0.2, 0.5))
    with pytest.raises(ValueError, match="counts independent rows, and rows have near copies .* to choose_decision"):
        clf.fit(X, y)
    with pytest.raises(ValueError, match="a group has 4 of them"):
        clf.fit(X, y, groups=np.repeat(np.arange(60), 4))


def test_a_fit_warns_only_where_rows_are_held_out_one_by_one():
    X, groups = copies(60, 4), np.repeat(np.arange(60), 4)
    y = (groups % 4 == 0).astype(int)
    held = {"epochs": 1, "validation_split": 0.2, "random_state": 0}
    with pytest.warns(UserWarning, match="near copies") as heard:
        ImbalancedKerasClassifier("mlp", **held).fit(X, y)
    assert len(heard) == 1
    assert heard[0].filename == __file__
    with pytest.warns(UserWarning, match="near copies"):
        ImbalancedKerasClassifier("mlp", validation_split=0.2, random_state=0).partial_fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImbalancedKerasClassifier("mlp", **held).fit(X, y, groups=groups)
        ImbalancedKerasClassifier("mlp", **held).fit(X, y, X_val=X, y_val=y)
        for how in ({"early_stopping": False, "validation_split": 0.0}, {"validation_split": "last"}, SPLIT):
            ImbalancedKerasClassifier("mlp", **{**held, **how}).fit(X, y)
