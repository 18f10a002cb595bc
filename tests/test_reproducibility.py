"""Are seeded fits equal to the bit, whatever else runs, and does a fit survive every kind of copy?"""

import copy
import io
import itertools
import pickle
import random
import subprocess
import sys

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from imblearn.over_sampling import SMOTE
from sklearn.base import clone

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import STRATEGIES

Dense = keras.layers.Dense


def with_dropout(meta):
    """Network with batch statistics, random numbers and an orthogonal start."""
    return keras.Sequential([
        keras.Input((meta["n_features_in_"],)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2),
        Dense(8, "relu", kernel_initializer="orthogonal"), Dense(1, "sigmoid"),
    ])  # fmt: skip


def with_one_initializer(meta):
    """Network all of whose weights are drawn by one initializer."""
    draw = keras.initializers.RandomNormal()
    layers = [Dense(n, kernel_initializer=draw, bias_initializer=draw) for n in (8, 8, 2)]
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), *layers])


CASES = {
    "default": {},
    "mlp": {"model": "mlp"},
    "smote": {"strategy": SMOTE(), "ensemble": None},
    "random_oversample": {"strategy": "random_oversample", "validation_split": 0.2},
    "dropout": {"model": with_dropout, "strategy": "focal"},
    "one initializer": {"model": with_one_initializer},
    "xla": {"epochs": 60, "batch_size": 32, "early_stopping": False, "ensemble": None},
    "keras loop": {
        "model": "mlp",
        "callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
    },
}


def proba(X, y, **parameters):
    """Fit a fresh classifier and predict."""
    return ImbalancedKerasClassifier(**{"epochs": 3, "random_state": 0, **parameters}).fit(X, y).predict_proba(X)


def global_states():
    """What global generators would draw next."""
    drawn = float(tf.random.uniform([1])[0])
    tf.random.set_seed(5)
    return random.getstate(), np.random.get_state()[1].tolist(), drawn  # noqa: NPY002


@pytest.mark.parametrize("name", CASES)
def test_seeded_fits_are_equal_to_the_bit(name, rare):
    """In any order, after other models, with other global states and in threads; no global state is read or changed.

    Those of worker processes are compared in a grid (test_tools.py).
    """
    (X, y), parameters = rare, CASES[name]
    expected = proba(X, y, **parameters)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    tf.random.set_seed(5)
    keras.Sequential([keras.Input((3,)), Dense(4)])(np.ones((2, 3)))
    tf.random.set_seed(5)
    before = global_states()
    proba(X[:300], y[:300], **{**parameters, "random_state": 1})
    np.testing.assert_array_equal(proba(X, y, **parameters), expected)
    assert global_states() == before
    with joblib.parallel_config(backend="threading", n_jobs=2):
        results = joblib.Parallel()(joblib.delayed(proba)(X, y, **parameters) for _ in range(2))
    for result in results:
        np.testing.assert_array_equal(result, expected)


class DrawsByName(keras.layers.Layer):
    """Layer as Keras' documentation shows it, which keeps no initializer."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="glorot_uniform")

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.kernel)


class BuiltLate(keras.Model):
    """Network whose layers draw their weights when rows come."""

    def __init__(self):
        super().__init__()
        self.draws, self.head = DrawsByName(), Dense(2)

    def call(self, inputs):
        return self.head(self.draws(inputs))


#: Layers whose weights come from initializers that they make when they are built.
DRAWING = {
    "an initializer by name": lambda rows: DrawsByName()(rows),
    "attention": lambda rows: keras.layers.MultiHeadAttention(2, 3)(rows, rows),
    "additive attention": lambda rows: keras.layers.AdditiveAttention()([rows, rows]),
    "spectral normalization": lambda rows: keras.layers.SpectralNormalization(Dense(3))(rows),
}


@pytest.mark.parametrize("name", [*DRAWING, "built late"])
def test_the_first_weights_follow_from_the_seed_alone(name, rare):
    """In threads that change Python's global generator all the while, too."""

    def network(meta):
        if name == "built late":
            return BuiltLate()
        inputs = keras.Input((meta["n_features_in_"],))
        rows = DRAWING[name](keras.layers.Reshape((2, -1))(inputs))
        return keras.Model(inputs, Dense(2)(keras.layers.Flatten()(rows)))

    def first_weights(state, seed=0):
        random.seed(state)
        return ImbalancedKerasClassifier(network, random_state=seed).initialize(*rare).model_.get_weights()

    expected = first_weights(1)
    others = joblib.Parallel(3, backend="threading")(joblib.delayed(first_weights)(state) for state in (2, 3, 4))
    for weights in (first_weights(5), *others):
        for a, b in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    other = first_weights(1, seed=1)
    assert not any(np.ptp(a) and np.array_equal(a, b) for a, b in zip(other, expected, strict=True))


@pytest.mark.parametrize("name", ["mlp", "smote", "dropout"])
def test_unseeded_fits_differ(name, rare):
    """All generators of a fit come from its seed, or from none."""
    first, second = (proba(*rare, **{**CASES[name], "random_state": None}) for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_order_of_rows_does_not_matter(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(epochs=3, random_state=0).fit(X[::-1], y[::-1])
    np.testing.assert_array_equal(clf.predict_proba(X), proba(X, y))


@pytest.mark.parametrize(
    "make",
    [np.random.RandomState, np.random.default_rng, np.int32],
    ids=["RandomState", "Generator", "NumPy integer"],
)
def test_random_states_of_every_kind(make, rare):
    first, second = (proba(*rare, model="mlp", random_state=make(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    if make is np.int32:
        np.testing.assert_array_equal(first, proba(*rare, model="mlp", random_state=7))
    else:
        state = make(7)
        third, fourth = (proba(*rare, model="mlp", random_state=state) for _ in range(2))
        assert not np.array_equal(third, fourth)


def test_weights_set_on_purpose_are_not_drawn_again(rare):
    kernel = np.arange(8.0).reshape(4, 2)

    def build():
        model = keras.Sequential([keras.Input((4,)), Dense(2), Dense(2)])
        model.layers[0].kernel.assign(kernel)
        return model

    clfs = [ImbalancedKerasClassifier(build, random_state=seed).initialize(*rare) for seed in (0, 0, 1)]
    weights = [clf.model_.get_weights() for clf in clfs]
    for w in weights:
        np.testing.assert_array_equal(w[0], kernel)
    np.testing.assert_array_equal(weights[0][2], weights[1][2])
    assert not np.array_equal(weights[0][2], weights[2][2])


def custom_loss(y_true, y_pred):
    """Squared error, a loss that Keras has no name for."""
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


@pytest.fixture(scope="module")
def default_fit(small_table):
    """A default classifier that is fitted once for all tests, which leave it as it is."""
    return ImbalancedKerasClassifier(epochs=2, random_state=0).fit(*small_table)


COPIES = {
    "pickle": lambda clf: pickle.loads(pickle.dumps(clf)),
    "deepcopy": copy.deepcopy,
    "joblib": lambda clf: _through_joblib(clf),
    "twice": lambda clf: copy.deepcopy(pickle.loads(pickle.dumps(clf))),
}


def _through_joblib(clf):
    """Dump and load with joblib."""
    file = io.BytesIO()
    joblib.dump(clf, file)
    file.seek(0)
    return joblib.load(file)


FITTED = {
    "default": {},
    **{name: {"model": "mlp", "strategy": name} for name in STRATEGIES},
    "combined": {"strategy": [SMOTE(), "focal"]},
    "own network": {"model": with_dropout},
    "own loss": {"model": with_dropout, "loss": custom_loss, "strategy": None},
}


@pytest.mark.parametrize(
    ("parameters", "make_copy"),
    [*itertools.product(FITTED.values(), [COPIES["twice"]]), *itertools.product([{}], COPIES.values())],
    ids=[*FITTED, *COPIES],
)
def test_copies_predict_the_same(parameters, make_copy, rare, default_fit):
    X, y = rare
    clf = default_fit
    if parameters:
        clf = ImbalancedKerasClassifier(**{"epochs": 2, "random_state": 0, **parameters}).fit(X, y)
    again = make_copy(clf)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.history_ == clf.history_
    assert clone(again).get_params().keys() == clf.get_params().keys()


@pytest.mark.parametrize(
    "parameters",
    [{}, {"model": "mlp", "strategy": "focal", "metrics": ["AUC"]}, {"model": "mlp", "run_eagerly": True}],
    ids=["default", "mlp", "keras loop"],
)
def test_a_saved_network_loads_without_a_warning(parameters, rare, tmp_path):
    """Its optimizer included; the classifier, and the size of its pickle, are as if it had not been saved."""
    X, y = rare
    clf = ImbalancedKerasClassifier(**{"epochs": 2, "random_state": 0, **parameters}).fit(X, y)
    again, path = pickle.loads(pickle.dumps(clf)), tmp_path / "network.keras"
    for of in (again, clf):
        before = len(pickle.dumps(of))
        of.model_.save(path)
        assert abs(len(pickle.dumps(of)) - before) < 200
        network = keras.saving.load_model(path)
        assert len(network.optimizer.variables) > 2 * len(network.trainable_variables)
        np.testing.assert_array_equal(network(X), of.model_(X))
    unsaved = ImbalancedKerasClassifier(**{"epochs": 2, "random_state": 0, **parameters}).fit(X, y)
    expected = unsaved.partial_fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clf.partial_fit(X, y).predict_proba(X), expected)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_copies_leave_pythons_generator_alone(make_copy, default_fit):
    """Keras draws a seed from it for every layer it builds."""
    random.seed(3)
    state = random.getstate()
    make_copy(default_fit)
    assert random.getstate() == state


def test_a_copy_goes_on_training_as_the_original_would(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(epochs=2, warm_start=True, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_a_file_loads_in_a_fresh_process(rare, tmp_path):
    X, y = rare
    clf = ImbalancedKerasClassifier(strategy="focal", epochs=2, random_state=0).fit(X, y)
    joblib.dump((clf, X, clf.predict_proba(X)), tmp_path / "clf.joblib")
    code = (
        "import sys, joblib, numpy as np\n"
        "clf, X, expected = joblib.load(sys.argv[1])\n"
        "assert np.array_equal(clf.predict_proba(X), expected)\nprint('same')"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "clf.joblib")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("same", "")
