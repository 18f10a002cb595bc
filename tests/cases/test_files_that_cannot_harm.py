"""Files that skops loads with `skops_types()` run no code and change no file."""

import copy
import importlib
import inspect
import io
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest
from imblearn.under_sampling import ClusterCentroids
from keras import layers
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier
from skimbalance._keras.packing import lambdas_run_code, model_from_bytes, model_to_bytes
from skimbalance._keras.vetting import forbidden_in
from skimbalance.deployment import skops_types


@pytest.fixture
def skops():
    """Return skops' module of files, or skip."""
    return pytest.importorskip("skops.io", reason="skops writes the file; pip install skimbalance[export]")


def small(model="mlp", **parameters):
    """Return a classifier that fits in no time."""
    return ImbalancedKerasClassifier(model, epochs=1, ensemble=None, random_state=0, **parameters)


def files_below(folder):
    """Return all files and folders with their contents."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# --- types ---


def trusted_classes():
    """Return the classes and functions that are trusted, by name."""
    return {
        name: getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
        for name in skops_types()
    }


def test_no_trusted_type_takes_a_path_or_an_address():
    paths = {
        "file",
        "filename",
        "filepath",
        "folder",
        "directory",
        "dir",
        "log_dir",
        "backup_dir",
        "root",
        "path",
        "url",
    }
    for name, kind in trusted_classes().items():
        if kind is not np.dtype:
            assert not paths & set(inspect.signature(kind).parameters), name


def test_trusted_callbacks_neither_open_files_nor_connect_nor_call():
    callbacks = [kind for kind in trusted_classes().values() if issubclass(type(kind), type)]
    callbacks = {kind.__name__ for kind in callbacks if issubclass(kind, keras.callbacks.Callback)}
    assert {"EarlyStopping", "ReduceLROnPlateau"} <= callbacks
    write = {"BackupAndRestore", "CSVLogger", "ModelCheckpoint", "OrbaxCheckpoint", "RemoteMonitor", "TensorBoard"}
    assert not callbacks & {*write, "Callback", "CallbackList", "LambdaCallback"}


def test_no_trusted_type_acts_when_it_is_deleted():
    assert not [name for name, kind in trusted_classes().items() if hasattr(kind, "__del__")]


CALLBACKS = {
    "instance": lambda folder: {"callbacks": [keras.callbacks.ModelCheckpoint(folder / "kept.keras")]},
    "class, routed": lambda folder: {
        "callbacks": keras.callbacks.CSVLogger, "callbacks__filename": str(folder / "kept.txt")
    },
    "of one call": lambda folder: {"fit__callbacks": [keras.callbacks.TensorBoard(str(folder))]},
    "as an optimizer": lambda folder: {
        "optimizer": keras.callbacks.OrbaxCheckpoint, "optimizer__directory": str(folder / "new")
    },
}  # fmt: skip


@pytest.mark.parametrize("how", CALLBACKS)
def test_callbacks_that_write_are_not_loaded(how, skops, small_table, tmp_path):
    (tmp_path / "kept.txt").write_text("kept", encoding="utf-8")
    before = files_below(tmp_path)
    clf = small().fit(*small_table)
    vars(clf).update(CALLBACKS[how](tmp_path))
    with pytest.raises(skops.exceptions.UntrustedTypesFoundException, match="keras.src.callbacks"):
        skops.loads(skops.dumps(clf), trusted=skops_types())
    assert files_below(tmp_path) == before


def test_callbacks_of_scores_are_loaded_and_work(skops, small_table):
    callbacks = [keras.callbacks.EarlyStopping("loss"), keras.callbacks.ReduceLROnPlateau("loss")]
    clf = small(callbacks=callbacks).fit(*small_table)
    skops.loads(skops.dumps(clf), trusted=skops_types()).fit(*small_table)


# --- values of parameters ---


MEMORIES = {
    "base model": lambda folder: {
        "ensemble": [make_pipeline(StandardScaler(), LogisticRegression(), memory=str(folder / "cache"))]
    },
    "in an ensemble": lambda folder: {
        "ensemble": [VotingClassifier([("a", make_pipeline(GaussianNB(), memory=str(folder / "cache")))])]
    },
    "in a sampler": lambda folder: {
        "strategy": ClusterCentroids(estimator=make_pipeline(KMeans(), memory=str(folder / "cache")))
    },
}  # fmt: skip


@pytest.mark.parametrize("where", MEMORIES)
def test_pipelines_that_keep_a_cache_are_not_loaded(where, skops, small_table, tmp_path):
    clf = small().fit(*small_table).set_params(**MEMORIES[where](tmp_path))
    with pytest.raises(ValueError, match="memory=.*memory=None"):
        skops.loads(skops.dumps(clf), trusted=skops_types())
    assert not files_below(tmp_path)


def test_own_copies_keep_their_cache(small_table, tmp_path):
    clf = small().fit(*small_table).set_params(**MEMORIES["base model"](tmp_path))
    for made in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf), copy.copy(clf), clone(clf)):
        assert made.ensemble[0].memory == str(tmp_path / "cache")
    assert pickle.loads(pickle.dumps(clf)).predict(small_table[0]).shape == (200,)


# --- networks ---


def of_keras(module, name):
    """Return how a configuration of Keras names a function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def network_that_calls(function, argument):
    """Return the bytes of a network that calls a function of Keras with an argument when it is loaded."""
    inputs = keras.Input((4,))
    hidden = layers.Lambda(keras.activations.relu, name="calls")(inputs)
    content, _ = model_to_bytes(keras.Model(inputs, layers.Dense(1)(hidden)))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    layer = next(of for of in config["config"]["layers"] if of["name"] == "calls")
    layer["config"]["function"] = function
    layer["inbound_nodes"] = [{"args": [], "kwargs": {"inputs": argument}}]
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(written := io.BytesIO(), "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return written.getvalue()


@pytest.fixture
def download(monkeypatch):
    """Record what would be downloaded, and into which file."""
    asked = []

    def get_file(fname, **others):
        asked.append(fname)
        raise OSError("no network in tests")

    monkeypatch.setattr("keras.src.datasets.mnist.get_file", get_file)
    return asked


@pytest.mark.parametrize("attribute", ["model", "model_"])
def test_a_network_that_calls_functions_of_keras_is_not_loaded(attribute, skops, small_table, download, monkeypatch):
    content = network_that_calls(of_keras("keras.datasets.mnist", "load_data"), "../../a_file")
    with pytest.raises(OSError, match="no network in tests"):  # what safe_mode alone lets it do
        model_from_bytes(content, lambdas_run_code)
    assert download.pop() == "../../a_file"
    clf = small(keras.Sequential([keras.Input((4,)), layers.Dense(1)])).fit(*small_table)
    state = clf.__getstate__()
    if attribute == "model":
        state["model"].content = content
    else:
        state["model_"] = (content, *state["model_"][1:])
    monkeypatch.setattr(ImbalancedKerasClassifier, "__getstate__", lambda self: state)
    written = skops.dumps(clf)
    with pytest.raises(ValueError, match="Lambda, which may run code"):
        skops.loads(written, trusted=skops_types())
    assert not download


CONFIGURATIONS = {
    "a function that draws a file": of_keras("keras.visualization", "plot_image_gallery"),
    "a function behind a dot": of_keras("keras.losses", "datasets.mnist.load_data"),
    "a function that reads a configuration": of_keras("keras.losses", "deserialize"),
    "a function by way of a class": {"module": "keras.models", "class_name": "clone_model", "config": {}},
    "a SavedModel": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "folder"}},
    "a class that is not public": {"module": "keras.src.callbacks", "class_name": "CSVLogger", "config": {}},
    "a module to import": {"module": "keras_hub.x", "class_name": "Dense", "config": {}},
    "the form of old files": {"class_name": "Dense", "config": {}},
    "code": {"class_name": "__lambda__", "config": {}},
    "a type": {"class_name": "__typespec__", "config": []},
}


@pytest.mark.parametrize("what", CONFIGURATIONS)
def test_configurations_that_do_more_than_compute_are_refused(what):
    assert (
        len(forbidden_in({"layers": [{"module": None, "class_name": "own>Layer", "config": CONFIGURATIONS[what]}]}))
        == 1
    )


@pytest.mark.parametrize("what", ["loss", "metric"])
def test_a_loss_or_metric_whose_configuration_calls_functions_is_not_loaded(what, skops, small_table, tmp_path):
    fit = small(metrics=[keras.metrics.MeanMetricWrapper(keras.losses.hinge)]).fit(*small_table)
    packed = fit.__getstate__()
    if what == "metric":
        packed["metrics"][0].config["fn"] = CONFIGURATIONS["a function that draws a file"]
    else:
        packed["loss"] = {"module": "keras.callbacks", "class_name": "CSVLogger", "config": {"filename": "x"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImbalancedKerasClassifier, "__getstate__", lambda self: packed)
        written = skops.dumps(fit)
    with pytest.raises(ValueError, match="which may run code or reach files"):
        skops.loads(written, trusted=skops_types())


def test_networks_of_layers_are_loaded_in_safe_mode():
    inputs = keras.Input((4,))
    hidden = layers.Dense(4, keras.activations.gelu, kernel_regularizer="l2")(layers.GaussianNoise(0.1)(inputs))
    hidden = keras.ops.concatenate([layers.Dropout(0.1)(hidden), keras.ops.tanh(inputs)])
    model = keras.Model(inputs, layers.Dense(1, kernel_initializer=keras.initializers.HeNormal(seed=1))(hidden))
    content, trust = model_to_bytes(model)
    assert trust is None
    X = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(model_from_bytes(content, trust)(X), model(X))


# --- versions ---


@pytest.mark.parametrize("version", ["3.10.0", "3.12.3", "3.13.2", "3.14.1", "3.15.0"])
def test_keras_that_does_not_load_safely_is_refused(version, monkeypatch):
    monkeypatch.setattr(keras, "__version__", version)
    with pytest.raises(RuntimeError, match=f"Keras {version} is installed.*3.15.1 or later"):
        skops_types()


@pytest.mark.parametrize("version", ["3.12.4", "3.15.1", "3.16.0.dev1", "4.0"])
def test_keras_that_loads_safely_is_taken(version, monkeypatch):
    monkeypatch.setattr(keras, "__version__", version)
    assert skops_types()


def test_skops_that_does_not_check_all_is_refused(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.11.0")
    with pytest.raises(RuntimeError, match="skops 0.11.0 is installed.*0.16 or later"):
        skops_types()
