"""Integers that float64 cannot represent stay distinct, as categories and as numbers."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.table import Columns
from skimbalance.deployment.table import inputs_of

IDS = [2**53 + i for i in range(4)]
VALUES = IDS * 5

TABLES = {
    "int64": np.array(VALUES)[:, None],
    "uint64": np.array(VALUES, dtype=np.uint64)[:, None],
    "objects": np.array(VALUES, dtype=object)[:, None],
    "list": [[value] for value in VALUES],
    "frame": pd.DataFrame({"id": VALUES}),
    "nullable": pd.DataFrame({"id": pd.array(VALUES, dtype="Int64")}),
    "pandas on arrow": pd.DataFrame({"id": pd.array(VALUES, dtype="int64[pyarrow]")}),
    "decimals": pd.DataFrame({"id": [Decimal(value) for value in VALUES]}),
    "polars": pl.DataFrame({"id": VALUES}),
    "128 bits": pl.DataFrame({"id": pl.Series(VALUES, dtype=getattr(pl, "Int128", pl.Int64))}),  # of later polars
    "pyarrow": pa.table({"id": VALUES}),
    "decimals of arrow": pa.table({"id": [Decimal(value) for value in VALUES]}),
}
CATEGORIES = {
    "category": pd.DataFrame({"id": pd.Categorical(VALUES)}),
    "dictionary": pa.table({"id": pa.array(VALUES).dictionary_encode()}),
}


@pytest.mark.parametrize("table", [*TABLES.values(), *CATEGORIES.values()], ids=[*TABLES, *CATEGORIES])
def test_large_integers_as_categories_stay_distinct(table):
    columns, matrix = Columns.learn(table, [0])
    assert columns.levels == [IDS]
    assert matrix.ravel().tolist() == [0, 1, 2, 3] * 5
    for other in TABLES.values():
        np.testing.assert_array_equal(columns.read(other), matrix)
    assert columns.read(np.array([[2**53 - 1], [2**53 + 4], [2**53 + 2]])).ravel().tolist() == [4, 4, 2]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_offset_is_subtracted_before_rounding(table):
    columns, matrix = Columns.learn(table, None)
    assert columns.offset[0] >= 2**53
    np.testing.assert_array_equal(np.diff(matrix[:4, 0]), [1, 1, 1])
    for other in TABLES.values():
        np.testing.assert_array_equal(columns.read(other), matrix)
    assert columns.read(np.array([[float(IDS[0])]])) == matrix[0]  # a float that holds it


@pytest.mark.parametrize("kind", ["nullable", "pandas on arrow", "objects", "list", "polars", "pyarrow"])
@pytest.mark.parametrize("categories", [None, [0]], ids=["numbers", "categories"])
def test_missing_values_among_them(kind, categories):
    values = [None, *VALUES]
    table = {
        "nullable": lambda: pd.DataFrame({"id": pd.array(values, dtype="Int64")}),
        "pandas on arrow": lambda: pd.DataFrame({"id": pd.array(values, dtype="int64[pyarrow]")}),
        "objects": lambda: np.array(values, dtype=object)[:, None],
        "list": lambda: [[value] for value in values],
        "polars": lambda: pl.DataFrame({"id": values}),
        "pyarrow": lambda: pa.table({"id": values}),
    }[kind]()
    columns, matrix = Columns.learn(table, categories)
    assert len(np.unique(matrix)) == 5
    assert (matrix[0, 0] == 4) if categories else np.isnan(matrix[0, 0])
    np.testing.assert_array_equal(columns.read(table), matrix)


def test_close_timestamps_in_nanoseconds_stay_distinct():
    """Negative numbers, the largest ones, and a table that holds floats as well."""
    for begin in (1_700_000_000 * 10**9, -(2**63), 2**63 - 1000):
        times = np.array([begin + i for i in range(1000)])
        columns, matrix = Columns.learn(pd.DataFrame({"time": times, "amount": np.linspace(0, 1, 1000)}))
        np.testing.assert_array_equal(matrix[:, 0] - matrix[0, 0], np.arange(1000))
        assert columns.offset[1] == 0
    far = np.array([[-(2**63)], [2**62], [2**63 - 1]])
    np.testing.assert_allclose(Columns.learn(far)[1], far, rtol=1e-7)


def test_decimals_that_float64_merges_stay_distinct():
    digits = "0.1000000000000000055"
    table = pd.DataFrame({"rate": [Decimal(digits + end) for end in "123"] + [Decimal("0.5"), Decimal("2.0")]})
    columns, matrix = Columns.learn(table, ["rate"])
    assert len(np.unique(matrix)) == 5
    assert columns.read(pd.DataFrame({"rate": [0.5, 2.0]})).ravel().tolist() == [3, 4]  # are written alike
    np.testing.assert_allclose(Columns.learn(table)[1].ravel(), table["rate"].astype(float), rtol=1e-6)


@pytest.mark.parametrize(
    "table",
    [
        np.array([[one, 0.5] for one in VALUES]),
        pd.DataFrame({"id": [np.nan, *VALUES]}),
        pl.DataFrame({"id": VALUES}).cast(pl.Float64),
        sparse.csr_array(np.array(VALUES, dtype=float)[:, None]),
    ],
    ids=["array", "pandas", "polars", "sparse"],
)
def test_floats_that_have_merged_them_are_refused_as_categories(table):
    y = np.arange(table.shape[0]) % 2
    clf = ImbalancedKerasClassifier("mlp", categorical_features=[0], epochs=1, ensemble=None)
    with pytest.raises(ValueError, match="has categories of 2..53 and more, such as 90071.*, as floating-point"):
        clf.fit(table, y)
    columns, _ = Columns.learn(pd.DataFrame({"id": VALUES}), ["id"])
    with pytest.raises(ValueError, match="as floating-point numbers"):
        columns.read(np.array([[2.0**53]]))


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_a_sparse_table_keeps_categories_that_float32_merges(dtype):
    y = np.arange(60) % 2
    ids = (2**24 + y[:, None]).astype(dtype)
    table = sparse.csr_array(np.column_stack([ids, np.zeros((60, 2))]).astype(dtype))
    clf = ImbalancedKerasClassifier("mlp", categorical_features=[0], epochs=1, ensemble=None).fit(table, y)
    assert clf.columns_.levels[0] == [2**24, 2**24 + 1]
    np.testing.assert_array_equal(clf.predict_proba(table), clf.predict_proba(table.toarray()))


@pytest.mark.parametrize("categories", ["auto", ["id"]], ids=["numbers", "categories"])
def test_they_reach_the_network_by_fit_predict_and_partial_fit(categories):
    """Every other one is of the rare class; later chunks bring larger ones."""
    rng = np.random.default_rng(0)

    def chunk(first):
        place = rng.integers(2, size=400)
        y = (rng.random(400) < 0.05 + 0.6 * place).astype(int)
        return pd.DataFrame({"id": 2**60 + first + place, "noise": rng.normal(size=400)}), y

    settings = {"ensemble": None, "categorical_features": categories, "random_state": 0}
    clf = ImbalancedKerasClassifier("mlp", optimizer__learning_rate=0.02, epochs=15, **settings).fit(*chunk(0))
    assert np.ptp(clf.predict_proba(pd.DataFrame({"id": [2**60, 2**60 + 1], "noise": 0.0}))[:, 1]) > 0.3
    if categories == "auto":
        return
    clf = ImbalancedKerasClassifier("mlp", optimizer__learning_rate=0.02, **settings)
    for first in [0] + [2] * 12:
        clf.partial_fit(*chunk(first))
    assert clf.columns_.levels[0] == [2**60 + i for i in range(4)]
    assert np.ptp(clf.predict_proba(pd.DataFrame({"id": [2**60 + 2, 2**60 + 3], "noise": 0.0}))[:, 1]) > 0.3


@pytest.mark.parametrize("categories", [[0], None], ids=["categories", "numbers"])
def test_a_graph_of_double_precision_refuses_them(categories):
    columns, _ = Columns.learn(TABLES["frame"], categories)
    with pytest.raises(ValueError, match="Double precision, .* the values of column 'id': .* as text"):
        inputs_of(columns, "float64")
    columns, _ = Columns.learn(TABLES["frame"] - 2**52, categories)
    assert [one.name for one in inputs_of(columns, "float64")] == ["id"]
