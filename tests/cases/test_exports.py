"""Exported files are compared with the classifier, and nothing but an earlier export is replaced."""

import importlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, export
from skimbalance.deployment import comparing, files
from skimbalance.deployment.written import LiteGraph, SavedGraph

NETWORK = {"model__n_members": 2, "model__hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0}
# Without the extra `export`, one format is enough.
FORMATS = ["saved_model", "onnx", "litert"] if importlib.util.find_spec("onnx") else ["saved_model"]


def table(n_samples=300, seed=0, n_classes=2):
    """Rows of which the labels are a matter of luck, so that trees have leaves of any value; labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 3)).astype(np.float32)
    return X, (rng.random(n_samples) * n_classes + (X[:, 0] > 0) * 0.5).astype(int).clip(0, n_classes - 1)


def need(format):
    """Skip where a format's packages are missing."""
    if format == "onnx":
        for name in ("onnx", "onnxruntime"):
            pytest.importorskip(name, reason="files of ONNX need it; pip install skimbalance[export]")


@pytest.fixture(scope="module")
def plain():
    """Return a small classifier and its rows."""
    X, y = table()
    return ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y), X


# --- numbers ---


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("n_samples", "n_classes", "parameters"),
    [
        (300, 2, {"strategy": "none"}),
        (40, 2, {"ensemble": ["forest", "boosting"]}),
        (45, 3, {"ensemble": ["forest", "boosting"], "decision": [[0, 1, 5], [2, 0, 1], [9, 3, 0]]}),
        (300, 3, {"ensemble": "boosting", "strategy": "class_weight"}),
    ],
    ids=["balanced", "few rows", "few rows, three classes, costs", "three classes"],
)
def test_leaves_of_any_value_are_written(format, n_samples, n_classes, parameters, tmp_path):
    """Trees that do not split, leaves of value zero, constant columns."""
    need(format)
    X, y = table(n_samples, n_classes=n_classes)
    X[:, 2] = 3.25
    clf = ImbalancedKerasClassifier(**NETWORK, **parameters).fit(X, y)
    for grown in clf.ensemble_.grown if clf.ensemble_ else ():
        trees = grown[0][0].trees_
        trees.value[: len(trees.value) // 3] = 0.0
    export(clf, tmp_path / "model", format=format, X=X)


@pytest.mark.parametrize("format", FORMATS)
def test_categories_of_later_chunks(format, tmp_path):
    """Text and numbers, in no order, and a missing one that is known before them."""
    need(format)
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3 == 0
    text = np.array(["x", None, "z"], dtype=object)[rng.integers(0, 3, 300)]
    number = np.array([4.0, np.nan, 9.0])[rng.integers(0, 3, 300)]
    text[150:][y[150:]], number[150:][y[150:]] = "late", 6.5
    X = pd.DataFrame({"t": text, "n": number, "a": rng.normal(size=300)})
    clf = ImbalancedKerasClassifier("mlp", categorical_features=["t", "n"], random_state=0)
    for begin in (0, 75, 150, 225):
        clf.partial_fit(X[begin : begin + 75], y[begin : begin + 75], classes=[False, True])
    assert clf.columns_.levels[0].index("late") > clf.columns_.levels[0].index(None)
    export(clf, tmp_path / "model", format=format, X=X)


@pytest.mark.parametrize("format", FORMATS)
def test_whatever_texts_there_are_one_is_left_for_a_missing_category(format, tmp_path):
    need(format)
    X, y = table(240)
    known = ["", "missing", "<missing>", "<<missing>>", None]
    X = pd.DataFrame({"a": X[:, 0], "t": np.array(known, dtype=object)[np.arange(240) % 5]})
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y)
    export(clf, tmp_path / "model", format=format, X=X)
    assert np.ptp(clf.predict_proba(X.assign(a=0.0)[:5])[:, 1]) > 1e-3, "categories are told apart"


@pytest.mark.parametrize("format", FORMATS)
def test_an_infinite_number_among_categories_is_unknown_and_nothing_else_changes(format, tmp_path):
    need(format)
    X, y = table(240)
    X[:, 1] = np.array([0.5, 2.0, 7.0], dtype=np.float32)[np.arange(240) % 3]
    clf = ImbalancedKerasClassifier("mlp", categorical_features=[1], epochs=2, random_state=0).fit(X, y)
    rows = X[:6].copy()
    rows[:4, 1] = [np.inf, -np.inf, np.nan, 1e30]
    export(clf, tmp_path / "model", format=format, X=rows)
    unknown = np.where([False, True, False], 99, rows[:2])
    np.testing.assert_array_equal(clf.predict_proba(rows[:2]), clf.predict_proba(unknown))


# --- names ---


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "names",
    [
        ["label", "proba", "c"],
        ["Age", "age", "AGE"],
        ["self", "", " "],
        ["lambda", "x_", "0"],
        ["_Cast_0_0", "x0", "X"],
    ],
    ids=str,
)
def test_columns_of_any_name(format, names, plain, tmp_path):
    need(format)
    X, y = table()
    clf = ImbalancedKerasClassifier("mlp", epochs=1, random_state=0).fit(pd.DataFrame(X, columns=names), y)
    export(clf, tmp_path / "model", format=format)
    inputs = comparing.READERS[format](str(tmp_path / "model")).inputs
    assert len(inputs) == 3
    assert not {"label", "proba"} & set(inputs) or format != "onnx"


# --- comparison ---


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_with_other_predictions_is_removed(format, plain, tmp_path, monkeypatch):
    need(format)
    clf, _ = plain
    export(clf, tmp_path / "model", format=format)
    before = sorted((of.relative_to(tmp_path), of.stat().st_size) for of in tmp_path.rglob("*"))
    other = ImbalancedKerasClassifier("mlp", epochs=3, strategy="class_weight", random_state=1).fit(*table(seed=1))
    write = files._WRITERS[format]
    monkeypatch.setitem(files._WRITERS, format, lambda steps, classifier, draft: write(steps, other, draft))
    with pytest.raises(
        ValueError, match=r"predicts otherwise than the classifier, and was removed: for the row \(.*gives"
    ):
        export(clf, tmp_path / "model", format=format)
    assert sorted((of.relative_to(tmp_path), of.stat().st_size) for of in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("base_model", "problem"),
    [
        (KNeighborsClassifier(weights="distance"), "predicts otherwise than the classifier"),
        (RadiusNeighborsClassifier(radius=9.0, outlier_label="most_frequent"), "cannot run the exported file"),
    ],
    ids=str,
)
def test_base_models_that_are_converted_wrongly_are_refused(base_model, problem, tmp_path):
    """By skl2onnx 1.20: of neighbours weighed by distance, and of those within a radius."""
    need("onnx")
    skl2onnx = pytest.importorskip("skl2onnx", reason="it turns base models into ONNX; pip install skimbalance[export]")
    if not skl2onnx.__version__.startswith("1.20"):
        pytest.skip("what other releases of skl2onnx convert wrongly was not looked at")
    X, y = table(200)
    clf = ImbalancedKerasClassifier("mlp", ensemble=[base_model], epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=problem):
        export(clf, tmp_path / "model.onnx", format="onnx")
    assert not list(tmp_path.iterdir())


def test_a_label_that_differs_is_seen(plain, tmp_path):
    clf, X = plain
    export(clf, tmp_path / "model")
    run = SavedGraph(str(tmp_path / "model"))
    rows = X.astype(object)

    def other(given):
        found = run(given)
        return {**found, "label": 1 - found["label"]}

    other.inputs = run.inputs
    with pytest.raises(ValueError, match=r"it gives \d, predict \d"):
        comparing.compare_file(other, ["X"], clf, clf.answers_, rows)


def test_rows_of_the_caller_are_compared_too(plain, tmp_path, monkeypatch):
    clf, X = plain
    seen = []
    compare_file = files.compare_file
    monkeypatch.setattr(files, "compare_file", lambda *args: seen.append(len(args[-1])) or compare_file(*args))
    export(clf, tmp_path / "model", X=X[:7])
    assert seen[0] > 100
    assert seen[1:] == [7]


def test_rows_that_the_classifier_refuses_are_left_out(plain, tmp_path):
    clf, X = plain
    rows = X[:40].copy()
    rows[::3, 1] = np.inf
    export(clf, tmp_path / "model", X=rows)


def test_an_export_without_compared_rows_warns(tmp_path):
    """A pipeline of the user's own that refuses what it has not seen."""
    X, y = table()

    pipe = make_pipeline(StandardScaler(), ImbalancedKerasClassifier("mlp", epochs=1, random_state=0)).fit(X, y)

    def refuse(X, copy=None):
        raise ValueError("unknown rows")

    pipe[0].transform = refuse
    with pytest.warns(UserWarning, match="could not compare the file with the classifier"):
        export(pipe, tmp_path / "model")


def test_pipelines_of_scalers_are_compared_next_to_thresholds(tmp_path):
    X, y = table()
    clf = ImbalancedKerasClassifier(ensemble="boosting", **NETWORK)
    pipe = make_pipeline(StandardScaler(), clf).fit(X * [1, 1e3, 1e-3] + [5, 0, 0], y)
    export(pipe, tmp_path / "model")
    export(pipe, tmp_path / "model.tflite", format="litert")


# --- what is in the way ---


def hold(path):
    """Return all that lies under a path, with contents."""
    return {of.relative_to(path): of.read_bytes() if of.is_file() else None for of in sorted(path.rglob("*"))}


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_but_an_earlier_export_is_replaced(format, plain, tmp_path, monkeypatch):
    need(format)
    clf, _ = plain
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("table.csv").write_text("a,b", encoding="utf-8")
    Path("folder").mkdir()
    Path("folder", "table.csv").write_text("a,b", encoding="utf-8")
    Path("link").symlink_to("folder")
    Path("dangling").symlink_to("nowhere")
    Path("model.tflite").write_bytes(b"\x1c\0\0\0TFL3 of somebody else")
    Path("model.onnx").write_bytes(b"\x08\x08of somebody else")
    before = hold(tmp_path)
    for place in [*os.listdir(), ".", "..", "../work", "", "folder/.."]:
        with pytest.raises(FileExistsError, match="replaces nothing but an earlier export"):
            export(clf, place, format=format)
    assert hold(tmp_path) == before
    export(clf, "model", format=format)
    export(clf, "model", format=format)  # the earlier one
    if format == "saved_model":
        for added in ("notes.txt", "variables/notes.txt", "assets.extra/notes.txt"):
            Path("model", added).write_text("mine", encoding="utf-8")
            with pytest.raises(FileExistsError, match="holds something other than an earlier export"):
                export(clf, "model")
            assert Path("model", added).read_text(encoding="utf-8") == "mine"
            Path("model", added).unlink()
        Path("empty").mkdir()
        export(clf, "empty")
    assert not list(tmp_path.rglob(".*")), "no draft is left"


def test_a_swap_that_fails_leaves_what_was_before(plain, tmp_path, monkeypatch):
    clf, _ = plain
    export(clf, tmp_path / "model")
    before, replace = hold(tmp_path), os.replace

    def fails(source, target):
        if Path(target) == tmp_path / "model" and Path(source).name != "earlier":
            raise OSError("no room")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="no room"):
        export(clf, tmp_path / "model")
    assert hold(tmp_path) == before


def test_litert_is_read_by_its_own_results(plain, tmp_path):
    clf, _ = plain
    export(clf, tmp_path / "model.tflite", format="litert")
    assert LiteGraph(str(tmp_path / "model.tflite")).outputs == {"proba", "label"}
