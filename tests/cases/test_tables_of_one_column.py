"""Tables of one column, and tables without information, can be fitted."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skimbalance import ImbalancedKerasClassifier, export
from skimbalance.data.table import Columns

N = 300
LEVELS = np.tile(list("abcde"), N // 5)
HOT = LEVELS == "a"
Y = (np.random.default_rng(0).random(N) < np.where(HOT, 0.5, 0.05)).astype(int)

TELLING = {
    "five levels": pd.DataFrame({"branch": LEVELS}),
    "fifteen levels": pd.DataFrame({"branch": np.char.add(LEVELS, np.array(list("xyz"))[np.arange(N) % 3])}),
    "levels inside levels": pd.DataFrame({"branch": LEVELS, "region": np.where(LEVELS < "c", "north", "south")}),
    "an array of objects": LEVELS.astype(object)[:, None],
    "a boolean": pd.DataFrame({"is_hot": HOT}),
    "numbers as categories": pd.DataFrame({"code": pd.Series(np.where(HOT, 3, 8)).astype("category")}),
}
SILENT = {
    "one level": pd.DataFrame({"branch": ["north"] * N}),
    "all missing": pd.DataFrame({"branch": [None] * N}),
    "a level a row": pd.DataFrame({"name": [f"row {i % 250}" for i in range(N)]}),
    "a constant": np.full((N, 1), 7.0),
    "missing": np.full((N, 1), np.nan),
    "one boolean": pd.DataFrame({"is_open": np.ones(N, dtype=bool)}),
    "two constants": pd.DataFrame({"a": ["x"] * N, "b": [1] * N}),
}
NETWORKS = {"mlp": {"model": "mlp"}, "default": {"ensemble": "forest"}}


def fitted(table, how, **settings):
    settings = {"epochs": 3, "target_prior": "fit", "random_state": 0, **how, **settings}
    return ImbalancedKerasClassifier(**settings).fit(table, Y)


def both(tables, *by_default):
    """All tables for one network, some of them for the default one."""
    return [pytest.param(table, NETWORKS["mlp"], id=f"mlp, {name}") for name, table in tables.items()] + [
        pytest.param(tables[name], NETWORKS["default"], id=f"default, {name}") for name in by_default
    ]


@pytest.mark.parametrize(("table", "how"), both(TELLING, "five levels", "fifteen levels"))
def test_categories_of_a_single_column_are_learned(table, how):
    clf = fitted(table, how)
    p = clf.predict_proba(table)[:, 1]
    assert p[HOT].mean() > 1.3 * p[~HOT].mean()
    assert (pickle.loads(pickle.dumps(clf)).predict_proba(table)[:, 1] == p).all()


@pytest.mark.parametrize(("table", "how"), both(SILENT, "one level", "a level a row"))
def test_uninformative_columns_predict_the_class_prior(table, how):
    clf = fitted(table, how)
    p = clf.predict_proba(table)[:, 1]
    assert p == pytest.approx(np.full(N, Y.mean()), abs=0.05)
    assert (pickle.loads(pickle.dumps(clf)).predict_proba(table)[:, 1] == p).all()


@pytest.mark.parametrize("name", ["five levels", "a level a row"])
def test_export_of_one_category(name, tmp_path):
    pytest.importorskip("onnx", reason="the extra export")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra export")
    table = {**TELLING, **SILENT}[name]
    clf = fitted(table, NETWORKS["mlp"])
    export(clf, tmp_path / "model.onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (name,) = table.columns
    column = table[name].to_numpy(dtype=object)
    column = column[:, None] if len(session.get_inputs()[0].shape) == 2 else column
    found = next(out for out in session.run(None, {session.get_inputs()[0].name: column}) if np.ndim(out) == 2)
    np.testing.assert_allclose(found, clf.predict_proba(table), atol=1e-5)


def test_chunks_of_one_category():
    clf = ImbalancedKerasClassifier("mlp", random_state=0)
    table = TELLING["five levels"]
    for _ in range(12):
        clf.partial_fit(table, Y)
    p = clf.predict_proba(table)[:, 1]
    assert p[HOT].mean() > 1.3 * p[~HOT].mean()


def test_copies_are_counted_only_where_most_rows_would_be_other():
    number = np.arange(20.0)
    frame = pd.DataFrame({"x": number, "kind": ["common"] * 18 + ["rare"] * 2})
    columns, matrix = Columns.learn(frame)
    columns.settle(matrix, np.arange(20), np.full(20, 10.0))
    assert columns.kept[1].tolist() == [0]
    frame = pd.DataFrame({"kind": ["a", "b", "c"]})
    columns, matrix = Columns.learn(frame)
    columns.settle(matrix, np.arange(3), np.array([7.0, 3.0, 2.0]))
    assert columns.kept[0].tolist() == [0, 1]
    columns.settle(matrix, np.arange(3), np.array([0.7, 0.5, 0.125]))  # weights below one: by the smallest
    assert columns.kept[0].tolist() == [0, 1]
