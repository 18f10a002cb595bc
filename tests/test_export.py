"""Does an exported file say what the classifier says, in a process that has never heard of this package?"""

import functools
import http.client
import importlib.util
import json
import pickle
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skimbalance import ImbalancedKerasClassifier, deployment, export
from skimbalance.networks import Encode, Standardize
from skimbalance.strategies import Focal, LogitsLoss, Strategy, VectorScaling

layers = keras.layers


# --- fits ---


def numbers(n=300, n_classes=2, seed=0):
    """Array of numbers on raw scales, the last class rare."""
    rng = np.random.default_rng(seed)
    y = rng.choice(n_classes, n, p=[0.85, 0.15] if n_classes == 2 else [0.5, 0.3, 0.2])
    X = rng.normal(size=(n, 4)) + 1.5 * y[:, None] * np.array([1.0, -1.0, 0.5, 0.0])
    return (X * [1.0, 100.0, 0.01, 5.0] + [0.0, 1000.0, 0.0, -3.0]).astype(np.float32), y


def mixed_table(n=300, seed=0):
    """Frame of numbers, missing ones too, texts, numbers that are categories, booleans and timestamps; text labels."""
    X, y = numbers(n, seed=seed)
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(X[:, :2].astype(np.float64), columns=["amount (EUR)", "b"])
    frame.loc[::5, "b"] = np.nan
    frame["colour"] = rng.choice(["red", "green", "größer"], len(frame), p=[0.6, 0.3, 0.1])
    frame.loc[::7, "colour"] = None
    frame["shop"] = rng.choice(np.arange(12) * 1001, len(frame))
    frame["weight class"] = rng.choice([0.5, 2.5, 7.0], len(frame))
    frame["member"] = rng.random(len(frame)) < 0.5
    frame["time"] = 1.7e9 + np.arange(len(frame)) + 1000 * y
    return frame, np.where(y == 1, "bad", "good")


def own(end, units, activation=None, **extra):
    """Return the builder of a network of one's own that ends in so many units."""

    def build(meta):
        inputs = keras.Input((meta["n_features_in_"],))
        hidden = layers.Dense(6, "relu")(Standardize()(inputs))
        outputs = layers.Dense(units, activation=activation)(hidden)
        return keras.Model(inputs, end(outputs) if end else outputs)

    return build


def many_layers(meta):
    """Build a network of many kinds of layers, as people build them for tables."""
    ops = keras.ops
    inputs = keras.Input((meta["n_features_in_"],))
    normalization = layers.Normalization(mean=[0.0, 1000.0, 0.0, -3.0], variance=[1.0, 1e4, 1e-4, 25.0])
    start = layers.BatchNormalization()(normalization(inputs))
    names = (
        "gelu",
        "silu",
        "elu",
        "selu",
        "softplus",
        "tanh",
        "leaky_relu",
        "hard_sigmoid",
        "mish",
        "relu6",
    )
    activated = [layers.Dense(2, name)(start) for name in names]
    hidden = layers.Dense(4)(layers.LayerNormalization()(layers.Concatenate()(activated)))
    hidden = layers.PReLU()(layers.Dropout(0.1)(layers.GaussianNoise(0.1)(hidden)))
    crossed = layers.Multiply()([hidden, layers.Dense(4, use_bias=False)(hidden)])
    tokens = layers.Reshape((4, 1))(layers.Add()([hidden, crossed]))
    tokens = layers.MultiHeadAttention(2, 3)(layers.Dense(3)(tokens), layers.Dense(3)(tokens))
    windows = layers.AveragePooling1D(2)(
        layers.MaxPooling1D(2, 1, "same")(layers.Conv1D(3, 2, activation="relu")(tokens))
    )
    by_hand = ops.concatenate(
        [ops.cumsum(hidden, 1), ops.flip(start, 1), ops.top_k(start, 2)[0], ops.mod(start, 2.0)], 1
    )
    joined = [layers.Flatten()(tokens), layers.Flatten()(windows), layers.GlobalMaxPooling1D()(tokens), by_hand]
    return keras.Model(inputs, layers.Dense(2, "softmax")(layers.Concatenate()(joined)))


class Own(keras.Model):
    """Network written as a class, which draws a part of the columns."""

    def __init__(self):
        super().__init__()
        self.scale, self.hidden, self.head = Standardize(), layers.Dense(5, "tanh"), layers.Dense(1)

    def call(self, inputs):
        scaled = self.scale(inputs)
        first, last = keras.ops.split(scaled, 2, axis=1)
        return self.head(self.hidden(keras.ops.concatenate([scaled, first * last, scaled[:, -1:]], axis=1)))


def a_class(meta):
    """Build the network written as a class."""
    return Own()


class TemperedLoss(LogitsLoss):
    """Cross-entropy with probabilities of its own, in NumPy alone."""

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    def predict_proba(self, logits):
        proba = np.exp(logits / 2)
        return proba / proba.sum(axis=1, keepdims=True)


class Tempered(Strategy):
    """Strategy with this loss."""

    def loss(self, class_counts):
        return TemperedLoss()


def with_encode(meta):
    """Build a network of one's own that takes categories and missing values."""
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(Standardize()(Encode.of(meta)(inputs))))


def small(model="mlp", **parameters):
    """Classifier of few steps."""
    return ImbalancedKerasClassifier(model, **{"epochs": 3, "random_state": 0, **parameters})


MIXED = {"categorical_features": ["colour", "shop", "weight class"], "pos_label": "bad"}
AS_TRAINED = {"target_prior": "train"}
CALIBRATED = {"calibration": "holdout", "validation_split": 0.2}
#: Name of a case -> the table ("two" and "three" classes, "mixed") and the parameters of its classifier.
CASES = {
    "default": ("two", {"model": None}),
    "default, three classes": ("three", {"model": None, "epochs": 2, "decision": "balanced_accuracy"}),
    "default, mixed": ("mixed", {"model": None, "decision": "mcc", "target_prior": 0.2, **MIXED}),
    "default, calibrated, no base models": ("two", {"model": None, "ensemble": None, **CALIBRATED}),
    "mlp, mixed": ("mixed", {"decision": "f1", "target_prior": {"bad": 0.3, "good": 0.7}, **MIXED}),
    "own, mixed": ("mixed", {"model": with_encode, **MIXED}),
    "focal, forest, threshold": ("two", {"strategy": "focal", "ensemble": "forest", "decision": 0.3, **AS_TRAINED}),
    "sampler, F-beta": ("two", {"strategy": SMOTE(random_state=0), "decision": ("fbeta", 2.0), "target_prior": 0.4}),
    "weights, costs": ("two", {"strategy": "effective_number", "decision": {"fp": 1.0, "fn": 10.0}, **AS_TRAINED}),
    "poly, calibrated": ("two", {"strategy": "poly", **CALIBRATED}),
    "three, calibrated": ("three", {**AS_TRAINED, **CALIBRATED}),
    "three, poly, boosting": ("three", {"strategy": "poly", "ensemble": ["boosting"]}),
    "three, focal, costs": (
        "three",
        {"strategy": Focal(1.5), "decision": [[0, 1, 5], [2, 0, 1], [9, 3, 0]], "target_prior": [0.5, 0.2, 0.3]},
    ),
    "three, vector scaling, softmax, macro F1": (
        "three",
        {"strategy": VectorScaling(0.4), "model": own(None, 3, "softmax"), "decision": "f1"},
    ),
    "three, LDAM, logits": ("three", {"strategy": "ldam", "early_stopping": False, "model": own(None, 3)}),
    "LDAM": ("two", {"strategy": "ldam", "early_stopping": False, "target_prior": [0.6, 0.4]}),
    "asymmetric, sigmoid unit": ("two", {"strategy": "asymmetric_focal", "model": own(None, 1, "sigmoid")}),
    "a loss of Keras, one logit": ("two", {"loss": "binary_focal_crossentropy", "model": own(None, 1)}),
    "softmax layer": ("two", {"strategy": "none", "decision": "f1", "model": own(layers.Softmax(), 2)}),
    "sigmoid unseen by Keras": ("two", {"model": own(lambda x: 1 / (1 + keras.ops.exp(-x)), 1)}),
    "a class": ("two", {"model": a_class}),
    "many layers": ("two", {"model": many_layers, "epochs": 1}),
}  # fmt: skip


#: Cases that a test without the extra takes.
FEW = (
    "default", "mlp, mixed", "three, focal, costs", "poly, calibrated", "LDAM", "a loss of Keras, one logit",
    "many layers",
)  # fmt: skip


@functools.cache
def table(name):
    """Rows and labels."""
    return mixed_table() if name == "mixed" else numbers(n_classes=3 if name == "three" else 2)


@functools.cache
def fitted(case):
    """Return the classifier of a case."""
    name, parameters = CASES[case]
    return small(**parameters).fit(*table(name))


@functools.cache
def rows_of(case):
    """Return rows to predict: those of the table, in frames with categories and missing values that are new."""
    X = table(CASES[case][0])[0]
    if isinstance(X, pd.DataFrame):
        X = X.copy()
        X.loc[3::11, "colour"], X.loc[4::11, "shop"], X.loc[5::11, "weight class"] = "purple", 7, 2.6
        X.loc[6::11, "amount (EUR)"] = np.nan
    return X


def given(X, dtypes):
    """Return a table as the inputs of a file, by their names and types."""
    if not isinstance(X, pd.DataFrame):
        return {"X": X.astype(dtypes["X"])}
    inputs = {}
    for name in X:
        (key,) = (key for key in dtypes if key in (name, re.sub(r"\W", "_", name)))
        inputs[key] = X[name].fillna("").to_numpy(object) if dtypes[key] == "text" else X[name].to_numpy(dtypes[key])
    return inputs


def check(clf, X, proba, label):
    """Compare what a file says with what the classifier says."""
    label = np.array([text.decode() if isinstance(text, bytes) else text for text in np.asarray(label).tolist()])
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-5)
    expected = clf.predict(X)
    assert len(np.unique(expected)) > 1 or len(X) < 100, "the case says nothing of labels"
    np.testing.assert_array_equal(label, expected)


# --- TensorFlow ---

LOAD = """
import json, sys
sys.modules["skimbalance"] = None  # an import of it is an error
import numpy as np, tensorflow as tf
for folder in json.load(open(sys.argv[1])):
    given = dict(np.load(folder + ".npz", allow_pickle=True))
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    out = signature(**{name: tf.constant(values) for name, values in given.items()})
    one = signature(**{name: tf.constant(values[:1]) for name, values in given.items()})
    assert np.allclose(one["proba"], out["proba"][:1], atol=1e-6)
    np.savez(folder + ".out.npz", **{name: value.numpy() for name, value in out.items()})
"""


def test_saved_model_in_a_tensorflow_of_its_own(tmp_path):
    """All cases in one process, as TensorFlow takes long to start."""
    cases = CASES if importlib.util.find_spec("onnx") else FEW
    folders = {case: tmp_path / str(i) for i, case in enumerate(cases)}
    text = {"colour": "text", "shop": np.float64, "weight_class": np.float64, "time": np.float64}
    for case, folder in folders.items():
        clf, X = fitted(case), rows_of(case)
        export(clf, folder)
        names = [re.sub(r"\W", "_", name) for name in X] if isinstance(X, pd.DataFrame) else ["X"]
        np.savez(f"{folder}.npz", **given(X, {name: text.get(name, np.float32) for name in names}))
    (tmp_path / "all.json").write_text(json.dumps([str(folder) for folder in folders.values()]), encoding="utf-8")
    subprocess.run([sys.executable, "-c", LOAD, tmp_path / "all.json"], check=True)
    for case, folder in folders.items():
        out = np.load(f"{folder}.out.npz", allow_pickle=True)
        try:
            check(fitted(case), rows_of(case), out["proba"], out["label"])
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error


def served(clf, folder, **inputs):
    """Return what a SavedModel of a classifier says."""
    export(clf, folder)
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    return {name: out.numpy() for name, out in signature(**{n: tf.constant(v) for n, v in inputs.items()}).items()}


def test_a_file_follows_the_parameters_as_they_are_now(tmp_path):
    X = table("two")[0]
    clf = pickle.loads(pickle.dumps(fitted("poly, calibrated")))
    before = served(clf, tmp_path / "model", X=X)
    clf.set_params(target_prior=[0.5, 0.5], decision=0.02)
    after = served(clf, tmp_path / "model", X=X)  # in the place of the one before
    check(clf, X, after["proba"], after["label"])
    assert np.abs(after["proba"] - before["proba"]).max() > 0.05
    assert after["label"].sum() > before["label"].sum()


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([False, True], np.bool_),
        ([-1, 1], np.int64),
        ([0.0, 2.0], np.float64),
        (["no", "jäh"], np.object_),
    ],
    ids=["truth values", "whole numbers", "numbers", "texts"],
)
def test_labels_are_those_of_y_and_matrices_keep_their_digits(labels, dtype, tmp_path):
    X, y = table("two")
    X = np.column_stack([X, 1.7e9 + np.arange(len(X)) + 500 * y])  # float32 would not tell these apart
    clf = small(epochs=2).fit(X, np.asarray(labels)[y])
    out = served(clf, tmp_path / "model", X=X)
    assert out["label"].dtype == dtype
    check(clf, X, out["proba"], out["label"])
    if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        export(clf, tmp_path / "model.onnx", format="onnx")
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        proba, label = session.run(["proba", "label"], {"X": X})
        assert label.dtype == dtype
        check(clf, X, proba, label)


# --- onnxruntime and LiteRT ---


@pytest.mark.parametrize("case", CASES)
def test_onnx(case, tmp_path):
    pytest.importorskip("onnx", reason="onnx writes the file; pip install skimbalance[export]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")
    clf, X = fitted(case), rows_of(case)
    export(clf, tmp_path / "model.onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    kinds = {"tensor(string)": "text", "tensor(double)": np.float64, "tensor(float)": np.float32}
    inputs = given(X, {one.name: kinds[one.type] for one in session.get_inputs()})
    check(clf, X, *session.run(["proba", "label"], inputs))
    one = session.run(["proba"], {name: values[:1] for name, values in inputs.items()})[0]
    np.testing.assert_allclose(one, clf.predict_proba(X[:1]), atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_litert(case, tmp_path):
    reason = "LiteRT runs the file; pip install skimbalance[export]"
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason=reason)
    name, parameters = CASES[case]
    X = rows_of(case)
    if name == "mixed":  # single precision does not tell timestamps apart
        known, y = table(name)
        X, clf = X.drop(columns="time"), small(**parameters).fit(known.drop(columns="time"), y)
    else:
        clf = fitted(case)
    export(clf, tmp_path / "model.tflite", format="litert")
    run = interpreter.Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    details = run.get_input_details()
    inputs = given(X, {name: "text" if name == "colour" else np.float32 for name in details})
    inputs = {n: np.array([t.encode() for t in v]) if v.dtype == object else v for n, v in inputs.items()}
    out = run(**inputs)
    check(clf, X, out["proba"], out["label"])


def test_onnx_holds_base_models_that_skl2onnx_knows(tmp_path):
    pytest.importorskip("skl2onnx", reason="skl2onnx turns classifiers into ONNX; pip install skimbalance[export]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")
    (X, y), others = table("three"), [RandomForestClassifier(5), "boosting", DecisionTreeClassifier(max_depth=3)]
    clf = small(ensemble=others).fit(X, y)
    export(clf, tmp_path / "model.onnx", format="onnx")
    check(clf, X, *onnxruntime.InferenceSession(tmp_path / "model.onnx").run(["proba", "label"], {"X": X}))
    clf = small(ensemble=[OneTree()]).fit(X, y)
    with pytest.raises(ValueError, match="skl2onnx does not turn OneTree into ONNX: .*deploy by pickle"):
        export(clf, tmp_path / "other.onnx", format="onnx")


class OneTree(DecisionTreeClassifier):
    """Classifier that skl2onnx has not heard of."""


def test_the_example_serves_a_file_without_tensorflow_and_this_package(tmp_path):
    pytest.importorskip("onnx", reason="onnx writes the file; pip install skimbalance[export]")
    pytest.importorskip("onnxruntime", reason="onnxruntime serves it; pip install skimbalance[export]")
    clf, X = fitted("mlp, mixed"), table("mixed")[0]
    export(clf, tmp_path / "model.onnx", format="onnx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    blocked = "import runpy, sys; sys.modules['skimbalance'] = sys.modules['tensorflow'] = None\n"
    code = f"{blocked}sys.argv[1:] = {[str(tmp_path / 'model.onnx'), str(port)]}\n"
    example = Path(__file__).parents[1] / "examples" / "serve_onnx.py"
    server = subprocess.Popen([sys.executable, "-c", f"{code}runpy.run_path({str(example)!r}, run_name='__main__')"])
    try:
        rows = [{name: value for name, value in row.items() if value == value} for row in X[:20].to_dict("records")]
        status, answers = ask(port, rows)
        assert status == 200
        check(clf, X[:20], [one["proba"] for one in answers], [one["label"] for one in answers])
        with ThreadPoolExecutor(100) as clients:  # at once
            assert {status for status, _ in clients.map(lambda _: ask(port, rows), range(100))} == {200}
        status, answers = ask(port, [{"amount": 1.0}])
        assert status == 400
        assert "'amount'" in answers["error"]
    finally:
        server.terminate()
        server.wait()


def ask(port, rows):
    """Return the status and the answer of a server that is perhaps still starting."""
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/", json.dumps(rows))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except ConnectionRefusedError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise TimeoutError("The server did not start within half a minute.")


# --- pipelines ---


def frame():
    """Frame of numbers with a missing value and of text; labels."""
    X, y = table("two")
    X = pd.DataFrame(X.astype(np.float64), columns=["a", "b", "c", "d e"])
    X["colour"] = np.random.default_rng(1).choice(["red", "green", "blue"], len(X))
    return X, np.where(y == 1, "bad", "good")


def with_columns(*classifier):
    """Pipeline of a ColumnTransformer and a classifier, and how its inputs are named and shaped."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    parts = [("numbers", numbers, ["a", "b", "c", "d e"]), ("text", OneHotEncoder(), ["colour"])]
    return Pipeline([("columns", ColumnTransformer(parts)), *classifier])


def test_onnx_of_a_pipeline_of_columns(tmp_path):
    pytest.importorskip("skl2onnx", reason="skl2onnx turns pipelines into ONNX; pip install skimbalance[export]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")
    X, y = frame()
    X.loc[::9, "b"] = np.nan
    smote = ("smote", SMOTE(random_state=0))
    clf = small(pos_label="bad", decision="f1", ensemble="forest")
    pipeline = SamplingPipeline([*with_columns().steps, smote, ("clf", clf)]).fit(X, y)
    export(pipeline, tmp_path / "model.onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    inputs = {n.replace(" ", "_"): X[[n]].to_numpy(object if n == "colour" else np.float32) for n in X}
    proba, label = session.run(["proba", "label"], inputs)
    check(pipeline, X, proba, label)


def test_skl2onnx_knows_the_classifier():
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is what is told; pip install skimbalance[export]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs it; pip install skimbalance[export]")
    deployment.register_skl2onnx()
    X, y = frame()
    pipeline = with_columns(("clf", small(epochs=2))).fit(X, y)
    X = X.astype({name: np.float32 for name in X if name != "colour"})
    model = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    label, proba = session.run(None, {name.replace(" ", "_"): X[[name]].to_numpy() for name in X})
    check(pipeline, X, proba, label)
    X, y = table("three")
    clf = fitted("three, calibrated")
    label, proba = onnxruntime.InferenceSession(skl2onnx.to_onnx(clf, X[:1]).SerializeToString()).run(None, {"X": X})
    check(clf, X, pd.DataFrame(proba)[clf.classes_].to_numpy(), label)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=repr)
def test_saved_model_of_a_pipeline_of_scalers(scaler, tmp_path):
    X, y = frame()
    X = X.drop(columns="colour") if isinstance(scaler, StandardScaler) else table("two")[0].astype(np.float64)
    steps = [("scale", scaler), ("sample", SMOTE(random_state=0)), ("nothing", "passthrough"), ("clf", small())]
    pipeline = SamplingPipeline(steps).fit(X, y)
    inputs = {"X": X} if isinstance(X, np.ndarray) else {re.sub(r"\W", "_", name): X[name].to_numpy() for name in X}
    out = served(pipeline, tmp_path / "model", **inputs)
    check(pipeline, X, out["proba"], out["label"])


def test_steps_that_no_graph_holds_are_named(tmp_path):
    X, y = frame()
    pipeline = with_columns(("clf", small(epochs=1))).fit(X, y)
    with pytest.raises(ValueError, match="The step 'columns' of the pipeline, ColumnTransformer.*onnx.*the raw table"):
        export(pipeline, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# --- refusals ---


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(tmp_path):
    X, y = table("two")
    with pytest.raises(ValueError, match="format='h5' is unknown; it takes 'saved_model', 'onnx', 'litert'"):
        export(fitted("LDAM"), tmp_path / "file", format="h5")
    with pytest.raises(NotFittedError, match="not fitted yet"):
        export(small(), tmp_path / "file")
    with pytest.raises(TypeError, match="ends in one, not LogisticRegression"):
        export(LogisticRegression().fit(X, y), tmp_path / "file")
    with pytest.raises(TypeError, match="not GridSearchCV. Of a search, take its best_estimator_."):
        export(GridSearchCV(small(), {}), tmp_path / "file")
    clf = small(ensemble=["forest", GaussianNB()]).fit(X, np.where(y == 1, 1, 0))
    with pytest.raises(ValueError, match="ensemble holds GaussianNB, which cannot be exported to this format"):
        export(clf, tmp_path / "file", format="litert")
    for format in ("saved_model", "litert"):
        with pytest.raises(ValueError, match=r"decision=\('top', 9\) depends on all rows of a batch"):
            export(clf.set_params(decision=("top", 9)), tmp_path / "file", format=format)
    with pytest.raises(ValueError, match=r"TemperedLoss overrides predict_proba, .* override link\(\)"):
        export(small(strategy=Tempered()).fit(X, y), tmp_path / "file")
    with pytest.raises(ValueError, match="does not distinguish the values of column 'time'"):
        export(fitted("mlp, mixed"), tmp_path / "file", format="litert")
    with pytest.raises(FileNotFoundError, match="a folder that does not exist"):
        export(fitted("LDAM"), tmp_path / "nowhere" / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_of_before(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="holds something other than an earlier export"):
        export(fitted("LDAM"), tmp_path / "model")
    with pytest.raises(FileExistsError, match="is a folder, where this format has a file"):
        export(fitted("LDAM"), tmp_path / "model", format="litert")
    file = tmp_path / "model.tflite"
    export(fitted("LDAM"), file, format="litert")
    before = file.read_bytes()
    with pytest.raises(ValueError, match="does not distinguish"):
        export(fitted("mlp, mixed"), file, format="litert")
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"model", "model.tflite"}


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs the package onnx, .* pip install skimbalance\[export\]"):
        export(fitted("LDAM"), tmp_path / "model.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


def test_operations_that_onnx_does_not_know_are_named(tmp_path):
    pytest.importorskip("onnx", reason="onnx writes the file; pip install skimbalance[export]")

    def with_argmax(meta):
        inputs = keras.Input((meta["n_features_in_"],))
        place = keras.ops.cast(keras.ops.argmax(inputs, axis=1), "float32")[:, None]
        return keras.Model(inputs, layers.Dense(1)(keras.ops.concatenate([inputs / 1000, place], axis=1)))

    clf = small(with_argmax).fit(*table("two"))
    with pytest.raises(ValueError, match="computes with TensorFlow's operation 'Bit.*format=\"saved_model\""):
        export(clf, tmp_path / "model.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


# --- skops and pickle ---


def skops_cases():
    """Classifiers that hold what skops has no way of its own to write, and the names that they need beside ours."""
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.1, 100))
    metrics = [keras.metrics.AUC(curve="PR", name="pr")]
    return {
        "optimizer, metrics, loss": {
            "optimizer": optimizer, "metrics": metrics, "loss": keras.losses.BinaryCrossentropy()
        },
        "a network": {"model": own(None, 1)({"n_features_in_": 4})},
        "costs by labels": {"decision": {(0, 1): 1.0, (1, 0): 5.0}, "class_weight": {0: 1.0, 1: 2.0}},
        "callbacks, a generator": {
            "callbacks": [keras.callbacks.EarlyStopping("loss")], "random_state": np.random.default_rng(0),
            "decision": ("recall", 0.5),
        },
        "another base model": {"ensemble": [GaussianNB(), "boosting"]},
    }  # fmt: skip


@pytest.fixture
def skops():
    """Return skops' module of files, or skip."""
    return pytest.importorskip("skops.io", reason="skops writes the file; pip install skimbalance[export]")


def check_skops(skops, clf, X, trusted=()):
    """Write and load a classifier by skops; compare."""
    names = [*deployment.skops_types(), *trusted]
    loaded = skops.loads(skops.dumps(clf), trusted=names)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), clf.predict(X))
    assert loaded.get_params().keys() == clf.get_params().keys()
    return loaded


@pytest.mark.parametrize("case", ["default, mixed", "mlp, mixed", "three, focal, costs", "sampler, F-beta", "LDAM"])
def test_skops_loads_every_case(case, skops):
    check_skops(skops, fitted(case), table(CASES[case][0])[0])


@pytest.mark.parametrize("case", skops_cases())
def test_skops_loads_objects_of_keras(case, skops):
    X, y = table("two")
    loaded = check_skops(skops, small(**skops_cases()[case]).fit(X, y, sample_weight=None), X)
    loaded.fit(X, y)  # its parameters are as they were


def linear_by_a_lambda(meta):
    """Build a network that holds code."""
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, layers.Dense(1)(layers.Lambda(lambda x: x / 100)(inputs)))


def test_skops_runs_the_code_of_lambdas_only_where_it_is_trusted(skops):
    X, y = table("two")
    clf = small(linear_by_a_lambda).fit(X, y)
    builder = f"{linear_by_a_lambda.__module__}.linear_by_a_lambda"
    with pytest.raises(skops.exceptions.UntrustedTypesFoundException, match="lambdas_run_code"):
        check_skops(skops, clf, X, [builder])
    check_skops(skops, clf, X, [builder, "skimbalance._keras.packing.lambdas_run_code"])


def test_skops_loads_in_a_process_that_has_imported_nothing_else(tmp_path, skops):
    clf, X = fitted("LDAM"), table("two")[0]
    skops.dump(clf, tmp_path / "clf.skops")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy as np, skops.io\nfrom skimbalance.deployment import skops_types\n"
        "clf = skops.io.load(sys.argv[1] + '/clf.skops', trusted=skops_types())\n"
        "np.save(sys.argv[1] + '/proba.npy', clf.predict_proba(np.load(sys.argv[1] + '/X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), clf.predict_proba(X))


def test_pickles_are_small():
    X = table("two")[0]
    assert len(pickle.dumps(fitted("LDAM"))) < 100_000
    # Of the default, forests take most: 64 trees a pair of members, of up to two nodes a row.
    assert len(pickle.dumps(fitted("default"))) < 4 * 64 * 2 * len(X) * 40
