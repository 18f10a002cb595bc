"""Exported pipelines predict like the pipeline, on its training rows and on others."""

import importlib
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from skimbalance import ImbalancedKerasClassifier, export

pytest.importorskip("onnx", reason="onnx writes the file; pip install skimbalance[export]")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")


def small(**parameters):
    """Classifier of few steps."""
    return ImbalancedKerasClassifier("mlp", **{"epochs": 1, "ensemble": None, "random_state": 0, **parameters})


def table(missing=False, n=200):
    """Frame of numbers that float32 holds or does not hold, of levels that are numbers and texts; labels."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.25).astype(int)
    X = pd.DataFrame({"a": rng.normal(size=n) + 2 * y, "b c": 1000 + 100 * rng.normal(size=n) - 90 * y})
    X = X.astype(np.float32).astype(np.float64)
    X["time"] = 1.7e9 + rng.integers(0, 5000, n) + 3000 * y
    X["flag"], X["size"] = rng.random(n) < 0.4, rng.choice([0.1, 0.3, 0.7], n)
    X["colour"] = rng.choice(["red", "green", "größer", "x"], n, p=[0.5, 0.3, 0.15, 0.05])
    X["shop"] = rng.choice(["p", "q", "r"], n)
    if missing:
        X.loc[::5, "a"], X.loc[::6, "size"], X.loc[::7, "colour"] = np.nan, np.nan, np.nan
    return X, y


def unknown(X):
    """Return rows with values that training has not seen."""
    X = X.iloc[:40].copy()
    X["a"] *= 2
    X.loc[::2, "colour"], X.loc[::3, "shop"], X.loc[::4, "size"] = "never seen", "z", 0.5
    return X


def feed(model, X, outputs):
    """Return outputs of a model for a table, and the types of its inputs."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    types = {one.name: one.type for one in session.get_inputs()}
    plain = X.rename(columns=lambda name: re.sub(r"\W", "_", str(name))) if isinstance(X, pd.DataFrame) else None
    given = {}
    for name, of in types.items():
        values = X if plain is None else plain.to_numpy() if name == "X" else plain[[name]]
        if of == "tensor(string)":
            given[name] = values.astype(object).fillna("").to_numpy(object)
        else:
            given[name] = np.asarray(values, dtype=np.float64 if of == "tensor(double)" else np.float32)
    return session.run(outputs, given), types


def run(pipeline, X, file):
    """Return probabilities and labels of a pipeline's file, and the types of its inputs."""
    export(pipeline, file, format="onnx")
    (proba, label), types = feed(file, X, ["proba", "label"])
    return proba, label, types


def check(pipeline, X, file):
    """Compare the file of a pipeline with it; return the types of the inputs."""
    proba, label, types = run(pipeline, X, file)
    np.testing.assert_allclose(proba, pipeline.predict_proba(X), atol=1e-4)
    assert (label == pipeline.predict(X)).mean() > 0.98  # a row at the threshold may fall to either side
    return types


NUMBERS, TEXTS = ["a", "b c"], ["colour", "shop"]
IGNORES = {"handle_unknown": "ignore"}
RARE = {"handle_unknown": "infrequent_if_exist", "max_categories": 3}
CODES = {"handle_unknown": "use_encoded_value", "unknown_value": -1}


def by_columns(*parts, **parameters):
    """Build a ColumnTransformer that scales numbers, beside other parts."""
    return make_column_transformer((StandardScaler(), NUMBERS), *parts, **parameters)


#: Steps of a frame without missing values, unknown values allowed.
STEPS = {
    "by name": by_columns((OneHotEncoder(**IGNORES), TEXTS)),
    "by slice of names": make_column_transformer(
        (MinMaxScaler(clip=True), slice("a", "b c")), (OneHotEncoder(**IGNORES), slice("colour", "shop"))
    ),
    "by slice of positions": make_column_transformer(
        (MaxAbsScaler(), slice(0, 2)), (OneHotEncoder(**IGNORES), slice(-2, None))
    ),
    "by mask": make_column_transformer((RobustScaler(), [True, True, *[False] * 5])),
    "by selector": make_column_transformer(
        (StandardScaler(), make_column_selector("^a|^b")), (OneHotEncoder(**IGNORES), make_column_selector("colour"))
    ),
    "by function": make_column_transformer((StandardScaler(), lambda X: [0, 1])),
    "the others passed through": by_columns((OneHotEncoder(**IGNORES), TEXTS), remainder="passthrough"),
    "texts first, then a timestamp": make_column_transformer(
        (OneHotEncoder(**IGNORES), ["colour"]), (StandardScaler(), ["time"]), sparse_threshold=1.0
    ),
    "rare levels": by_columns((OneHotEncoder(**RARE), [*TEXTS, "size"])),
    "rare levels, one dropped": by_columns((OneHotEncoder(**RARE, drop="first"), TEXTS)),
    "codes": by_columns((OrdinalEncoder(**CODES), [*TEXTS, "size"])),
    "means of the target": by_columns((TargetEncoder(), [*TEXTS, "size"])),
    "booleans": by_columns((OneHotEncoder(drop="if_binary"), ["flag"]), ("passthrough", ["flag"])),
    "bins": by_columns((KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), ["a", "time"])),
    "products": make_pipeline(by_columns(), PolynomialFeatures(2), PCA(3, whiten=True)),
    "functions": make_column_transformer(
        (make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), ["b c", "time"])
    ),
    "nested": make_column_transformer(
        (by_columns((OneHotEncoder(**IGNORES), ["colour"])), [*NUMBERS, "colour"]), (MinMaxScaler(), ["time"])
    ),
    "columns of columns": make_pipeline(
        by_columns(), make_column_transformer((MinMaxScaler(), [-1]), remainder="passthrough")
    ),
    "a union": make_column_transformer((make_union(StandardScaler(), Normalizer(), SelectKBest(k=1)), NUMBERS)),
    "by skl2onnx": make_column_transformer((QuantileTransformer(n_quantiles=20), NUMBERS)),
}  # fmt: skip
#: Steps of a frame with missing values.
GAPS = {
    "missing values and where they were": make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), [*NUMBERS, "size"]),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(**IGNORES)), TEXTS),
    ),
    "a text for missing values": make_column_transformer(
        (make_union(SimpleImputer(strategy="median"), MissingIndicator()), ["a", "size"]),
        (make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(**IGNORES)), TEXTS),
    ),
    "missing values are a level": make_column_transformer(
        (OneHotEncoder(**IGNORES), [*TEXTS, "size"]),
        (OrdinalEncoder(**CODES, encoded_missing_value=-2), [*TEXTS, "size"]),
    ),
}


def made_by(step, X):
    """Return what the nodes of a step make of a frame."""
    onnx_pipeline = importlib.import_module("skimbalance.deployment.onnx_pipeline")
    onnx_nodes = importlib.import_module("skimbalance.deployment.onnx_nodes")
    n_made = step.transform(X.iloc[:2]).shape[1]
    columns = SimpleNamespace(offset=np.ones(n_made))  # as if all lay far from zero: inputs are double
    nodes, written = onnx_pipeline._write_steps(
        [step], SimpleNamespace(answers_=SimpleNamespace(columns=columns)), as_matrix=False
    )
    front = onnx_pipeline.Nodes(prefix="/in/")
    inputs = onnx_pipeline._add_inputs(front, written, step)
    nodes.nodes = front.nodes + nodes.nodes
    nodes.add("Identity", written.result, to="made")
    model = onnx_nodes.model_of(
        nodes, {one.name: (one.dtype, one.shape) for one in inputs}, {"made": ("float64", (None, n_made))}
    )
    return feed(model.SerializeToString(), X, ["made"])[0][0]


@pytest.mark.parametrize("case", [*STEPS, *GAPS])
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_steps_of_a_frame(case):
    X, y = table(missing=case in GAPS)
    step = {**STEPS, **GAPS}[case].fit(X, y)
    for rows in (X, unknown(X)):
        made = made_by(step, rows)
        expected = step.transform(rows)
        expected = expected.toarray() if hasattr(expected, "toarray") else expected
        np.testing.assert_allclose(made, np.asarray(expected, dtype=np.float64), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", ["texts first, then a timestamp", "missing values and where they were"])
def test_a_pipeline_of_a_frame(case, tmp_path):
    X, y = table(missing=case in GAPS)
    pipeline = make_pipeline({**STEPS, **GAPS}[case], small()).fit(X, y)
    for rows in (X, unknown(X)):
        types = check(pipeline, rows, tmp_path / "file.onnx")
    assert types.get("b_c", "tensor(float)") == "tensor(float)"
    assert types.get("time", "tensor(double)") == "tensor(double)"


def test_texts_of_an_array_are_an_input_each(tmp_path):
    X, y = table()
    pipeline = make_pipeline(make_column_transformer((StandardScaler(), [0]), (OneHotEncoder(**IGNORES), [1])), small())
    X = X[["a", "colour"]].to_numpy(object)
    pipeline.fit(X, y)
    frame = pd.DataFrame(X, columns=["x0", "x1"])
    proba, _, types = run(pipeline, frame, tmp_path / "file.onnx")
    assert types == {"x0": "tensor(float)", "x1": "tensor(string)"}
    np.testing.assert_allclose(proba, pipeline.predict_proba(X), atol=1e-4)


def test_the_scales_of_a_matrix_are_double_inside(tmp_path):
    """Whole numbers far from zero are the same in single precision, and stay so."""
    X, y = table()
    X = np.column_stack([X["a"].astype(np.float32), 2.0**23 + np.round(50 * X["a"])])
    pipeline = make_sampling_pipeline(StandardScaler(), RandomOverSampler(random_state=0), small()).fit(X, y)
    assert check(pipeline, X, tmp_path / "file.onnx") == {"X": "tensor(double)"}
    pipeline = make_pipeline(StandardScaler(), small()).fit(X[:, :1] * 100, y)
    assert check(pipeline, X[:, :1] * 100, tmp_path / "other.onnx") == {"X": "tensor(float)"}


def test_rows_that_a_step_refuses_are_nan(tmp_path):
    X, y = table()
    pipeline = make_pipeline(by_columns((OneHotEncoder(), ["colour"]), (PCA(1), ["a", "size"])), small()).fit(X, y)
    rows = X.iloc[:4].copy()
    rows.loc[1, "colour"], rows.loc[2, "size"] = "never seen", np.nan
    proba = run(pipeline, rows, tmp_path / "file.onnx")[0]
    np.testing.assert_array_equal(np.isnan(proba).all(axis=1), [False, True, True, False])
    np.testing.assert_allclose(proba[[0, 3]], pipeline.predict_proba(rows.iloc[[0, 3]]), atol=1e-4)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (by_columns(remainder="passthrough"), "hands the classifier categories in"),
        (make_column_transformer((FunctionTransformer(np.cbrt), ["a"])), r"FunctionTransformer\(cbrt\) .* Python code"),
        (make_column_transformer((KNNImputer(), NUMBERS)), "KNNImputer .* deploy by pickle"),
    ],
    ids=["text", "a function", "what skl2onnx computes otherwise"],
)  # fmt: skip
def test_what_cannot_be_converted_is_refused_by_name(step, message, tmp_path):
    pytest.importorskip("skl2onnx", reason="skl2onnx is asked; pip install skimbalance[export]")
    X, y = table()
    pipeline = make_pipeline(step, small()).fit(X, y)
    with pytest.raises(ValueError, match=message):
        export(pipeline, tmp_path / "file.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["saved_model", "litert"])
def test_scaled_categories_are_refused(format, tmp_path):
    X, y = table()
    X = np.column_stack([X["a"], X["flag"]])
    pipeline = make_pipeline(MaxAbsScaler(), small(categorical_features=[1])).fit(X, y)
    with pytest.raises(ValueError, match="scales categories in column 1"):
        export(pipeline, tmp_path / "file", format=format)


def test_litert_refuses_to_scale_what_single_precision_does_not_hold(tmp_path):
    X, y = table()
    pipeline = make_pipeline(StandardScaler(), small()).fit(X[["a", "time"]], y)
    with pytest.raises(ValueError, match="does not tell values apart: 'time'; take format"):
        export(pipeline, tmp_path / "file", format="litert")


@pytest.mark.parametrize(
    "other",
    [
        LinearDiscriminantAnalysis(),
        make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5)),
        RandomForestClassifier(5),
        ExtraTreesClassifier(5),
    ],
    ids=lambda other: type(other).__name__,
)
def test_base_models_that_skl2onnx_converts_wrongly(other, tmp_path):
    pytest.importorskip("skl2onnx", reason="skl2onnx converts; pip install skimbalance[export]")
    X, y = table(missing=not isinstance(other, LinearDiscriminantAnalysis))
    X = X[["a", "b c"]].to_numpy(np.float32)
    for labels in (y, np.where(X[:, 1] > 1050, 2, y)):
        clf = small(ensemble=[other]).fit(X, labels)
        file = tmp_path / f"{labels.max()}.onnx"
        export(clf, file, format="onnx")
        proba = onnxruntime.InferenceSession(file).run(["proba"], {"X": X})[0]
        np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-5)


def test_an_export_compares_columns_that_are_a_slice_of_names(tmp_path):
    X, y = table()
    parts = [("numbers", StandardScaler(), slice("a", "b c"))]
    export(make_pipeline(ColumnTransformer(parts), small()).fit(X, y), tmp_path / "model.onnx", format="onnx", X=X)
