"""Tests of compiled programs: sharing between fits, bounded memory, failures."""

import gc
import os
import pickle
import threading
import time
import weakref

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedKerasClassifier
from skimbalance._keras import keras_internals, startup
from skimbalance._keras.startup import quiet
from skimbalance.networks import realmlp
from skimbalance.networks.network import Network
from skimbalance.strategies import FocalLoss
from skimbalance.training import cache, compiled, optimizers
from skimbalance.training.architecture import architecture
from skimbalance.training.blocks import PREDICTION_BLOCK_ROWS, block_steps, may_fill_up, most_steps, prediction_rows
from skimbalance.training.cache import ProgramCache
from skimbalance.training.program import Program
from skimbalance.training.state import read, unchanged_on_failure, write
from skimbalance.training.weights import JoinedWeights

layers = keras.layers


def table(n=150, seed=0):
    """Rows and labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=n) > 1).astype(int)


def network(*head):
    """Build a network of these layers."""
    return keras.Sequential([keras.Input((4,)), *head])


# --- sharing programs ---


def test_networks_of_one_architecture_share_a_program():
    def key(width=5, activation="relu", rate=0.1, gamma=1.0, **dense):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(width, activation, **dense), layers.Dense(2)])
        return architecture(model, keras.optimizers.Adam(rate), FocalLoss(gamma), 32)

    assert key() == key() == key(rate=0.2) == key(gamma=3.0) == key(kernel_initializer="zeros")
    assert len({key(), key(width=6), key(activation="tanh"), key(use_bias=False), key(kernel_regularizer="l2")}) == 5
    assert key(dtype="float64") != key()
    assert key(activation=lambda x: x * x) is None


def test_names_of_layers_do_not_make_networks_alike():
    """A layer called as another's activation is, say, must not be taken for it."""

    def key(name, activation):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation, name=name), layers.Dense(2)])
        return architecture(model)

    assert key("relu", "relu") != key("tanh", "tanh")


def test_fits_share_programs_and_nothing_else():
    """Fits that take turns, in one thread and in several, end as if each were alone; a grid compiles once."""
    tables = [table(150 + 40 * i, seed=i) for i in range(3)]
    settings = [{"gamma": g, "optimizer__learning_rate": r} for g in (0.5, 2.0) for r in (0.01, 0.05)]

    def fit(i, warm=False):
        X, y = tables[i % 3]
        clf = ImbalancedKerasClassifier(
            strategy="focal", ensemble=None, epochs=2, warm_start=True, random_state=i, **settings[i % 4]
        )
        return [clf.fit(X, y).predict_proba(X) for _ in range(2)][1]

    alone = [fit(i) for i in range(6)]
    traced = len(cache.programs)
    taking_turns = [fit(i) for i in reversed(range(6))][::-1]
    assert len(cache.programs) == traced
    with joblib.parallel_config(backend="threading", n_jobs=4):
        in_threads = joblib.Parallel()(joblib.delayed(fit)(i) for i in range(6))
    for expected, first, second in zip(alone, taking_turns, in_threads, strict=True):
        np.testing.assert_array_equal(first, expected)
        np.testing.assert_array_equal(second, expected)


def test_a_grid_over_data_compiles_once(monkeypatch):
    built = []
    monkeypatch.setattr(Program, "__init__", _counting(Program.__init__, built))
    monkeypatch.setattr("skimbalance.training.loop.programs", ProgramCache())
    X, y = table()
    grid = {"gamma": [0.0, 1.0, 3.0], "alpha": [None, 0.2], "optimizer__learning_rate": [0.1, 0.01]}
    GridSearchCV(ImbalancedKerasClassifier("mlp", strategy="focal", epochs=2), grid, cv=3, error_score="raise").fit(
        X, y
    )
    assert len(built) == 1


def _counting(function, calls):
    """Count calls of a function."""

    def counted(*args, **kwargs):
        calls.append(1)
        return function(*args, **kwargs)

    return counted


def test_idle_programs_are_bounded_and_an_interrupted_one_is_dropped():
    programs = ProgramCache(size=2)
    for key in "abc":
        with programs.lend(key, lambda key=key: key):
            pass
    assert len(programs) == 2
    with programs.lend("c", lambda: "another") as program:
        assert program == "c"
    with pytest.raises(KeyError), programs.lend("c", lambda: "another"):
        raise KeyError
    with programs.lend("c", lambda: "another") as program:
        assert program == "c", "an error between two calls"
    with pytest.raises(KeyboardInterrupt), programs.lend("c", lambda: "another"):
        raise KeyboardInterrupt
    with programs.lend("c", lambda: "new") as program:
        assert program == "new"
    with programs.lend(None, lambda: "foreign") as program:
        assert program == "foreign"
    assert len(programs) == 2


def test_a_shared_program_serves_several_at_once():
    programs = ProgramCache(size=2)
    assert programs.share("a", object) is programs.share("a", object)
    assert programs.share("b", object) is not programs.share("c", object)
    assert len(programs) == 2


@pytest.mark.parametrize("model", ["mlp", "realmlp"])
def test_ever_new_architectures_level_off(model, monkeypatch):
    """Of programs, and of what TensorFlow knows of them; the megabytes are measured by bench_memory.py."""
    from tensorflow.python.eager import context

    few = ProgramCache(size=2, n_discarded=2)
    for room in ("skimbalance.training.loop", "skimbalance.training.forward"):
        monkeypatch.setattr(f"{room}.programs", few)
    sessions, new_session = weakref.WeakSet(), compiled.new_session

    def recording(graph):
        sessions.add(session := new_session(graph))
        return session

    monkeypatch.setattr(compiled, "new_session", recording)
    X, y = table()
    kept = []
    for width in range(3, 7):
        clf = ImbalancedKerasClassifier(
            model, epochs=1, model__hidden_layer_sizes=(width,), early_stopping=False, ensemble=None
        )
        clf.set_params(compile__jit_compile=True).fit(X, y).predict(X)
        gc.collect()
        kept.append((len(context.context().list_function_names()), len(sessions)))
    functions, alive = zip(*kept, strict=True)
    assert len(few) == 2
    assert max(functions[3:]) <= functions[2] + 2
    assert 1 <= max(alive) <= 3


def test_where_there_is_a_gpu_members_train_without_a_session(larger, monkeypatch):
    """And end alike, but for rounding, which members of one group and of several have otherwise."""
    X, y = larger
    settings = {"epochs": 3, "ensemble": None, "compile__jit_compile": True, "early_stopping": False, "random_state": 0}
    expected = ImbalancedKerasClassifier(**settings).fit(X, y).predict_proba(X)
    monkeypatch.setattr("skimbalance.training.loop.programs", ProgramCache())
    monkeypatch.setattr("skimbalance.training.forward.programs", ProgramCache())
    for module in ("program", "compiled"):
        monkeypatch.setattr(f"skimbalance.training.{module}.has_gpu", lambda: True)
    monkeypatch.setattr(compiled, "new_session", None)
    proba = ImbalancedKerasClassifier(**settings).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba, expected, atol=0.02)


def test_where_tensorflow_came_without_xla_members_train_and_predict_all_the_same(larger, monkeypatch):
    X, y = larger
    settings = {"epochs": 3, "ensemble": None, "compile__jit_compile": True, "early_stopping": False, "random_state": 0}
    expected = ImbalancedKerasClassifier(**settings).fit(X, y).predict_proba(X)
    monkeypatch.setattr("skimbalance.training.loop.programs", ProgramCache())
    monkeypatch.setattr("skimbalance.training.forward.programs", ProgramCache())
    start_sessions = startup.start_sessions

    def without(xla):
        if xla:
            raise tf.errors.NotFoundError(None, None, "could not find registered platform with name: Host")
        start_sessions(xla)

    for module in (startup, compiled):
        monkeypatch.setattr(module, "start_sessions", without)
    startup.has_xla.cache_clear()
    try:
        proba = ImbalancedKerasClassifier(**settings).fit(X, y).predict_proba(X)
    finally:
        startup.has_xla.cache_clear()
    np.testing.assert_allclose(proba, expected, atol=0.02)


def test_a_function_of_variables_outside_the_session_is_refused():
    elsewhere = tf.Variable(1.0)
    with pytest.raises(LookupError):
        compiled.InSession(lambda x: x * elsewhere, [tf.TensorSpec((), tf.float32)], [])


def test_a_session_compiles_with_xla_where_it_is_asked_to():
    """XLA has no operations on texts."""

    def n_digits(x):
        return tf.strings.length(tf.strings.as_string(x))

    few = np.int32([7, 250])
    assert compiled.InSession(n_digits, [tf.TensorSpec((2,), tf.int32)], [], xla=False)((few,))[0].tolist() == [1, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="XLA"):
        compiled.InSession(n_digits, [tf.TensorSpec((2,), tf.int32)], [], xla=True)((few,))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adamax", "Adagrad", "Adadelta", "Lion", "Ftrl"])
def test_joined_weights_come_apart_as_they_were(name):
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)])
    optimizer = keras.optimizers.get(name)
    optimizer.build(model.trainable_variables)
    weights = JoinedWeights(model, optimizer, [True, False, True, True])
    before = [*model.trainable_variables, *model.non_trainable_variables, *optimizer.variables]
    values = [np.arange(np.prod(v.shape)).reshape(v.shape) + 10 * i for i, v in enumerate(before)]
    packed = weights.pack(values)
    assert [value.shape for value in packed] == [tuple(v.shape) for v in weights.variables]
    assert [tuple(v.shape) for v in weights.trainable] == [(3 + 6 + 2,), (3,)]
    assert weights.decays == [True, False]
    assert all(map(np.array_equal, weights.unpack(packed), values))
    apart = weights.apart([tf.constant(value) for value in packed[:2]])
    assert all(map(np.array_equal, apart, values[:4]))
    assert len(apart) == 4
    assert all(map(np.array_equal, weights.joined(apart), packed[:2]))
    with pytest.raises(LookupError):
        weights.joined([*apart[:3], None])


def test_layers_inside_layers_are_found_once():
    inner = network(layers.Dense(3))
    outer = network(inner, layers.Dropout(0.1), layers.SpectralNormalization(layers.Dense(2)))
    found = keras_internals.layers_of(outer)
    assert len(found) == len(set(map(id, found)))
    assert {"Dense", "Dropout", "Sequential", "SpectralNormalization"} <= {type(layer).__name__ for layer in found}
    assert sum(isinstance(layer, layers.Dense) for layer in found) == 2
    assert outer not in keras_internals.layers_of(outer, include_self=False)


@pytest.mark.parametrize("optimizer", [
    keras.optimizers.SGD(0.1, momentum=0.5), keras.optimizers.AdamW(0.1, weight_decay=0.2),
    keras.optimizers.Adam(0.1, clipnorm=0.5), keras.optimizers.Adam(0.1, use_ema=True), keras.optimizers.Nadam(0.1),
    *(of(0.1, weight_decay=0.1) for of in optimizers._PLAIN),
], ids=lambda optimizer: optimizer.name)  # fmt: skip
def test_steps_are_those_of_keras(optimizer):
    ends = []
    for step in ("apply", "ours"):
        variables = [keras.Variable(np.ones(3), name=f"{step}_{i}", trainable=True) for i in range(2)]
        own = optimizers.fresh_copy(optimizer, variables, [True, False])
        for i in range(3):
            gradients = [tf.constant(np.arange(3.0, dtype=np.float32) - i)] * 2
            if step == "apply":
                own.apply(gradients, variables)
            else:
                optimizers.apply_gradients(own, gradients, variables, [True, False])
        ends.append([np.asarray(v) for v in [*variables, *own.variables]])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


# --- blocks ---


def test_few_rows_are_predicted_without_xla(rare, monkeypatch):
    """A service that has loaded a classifier answers its first row at once, as it would among many."""
    X, y = rare
    clf = ImbalancedKerasClassifier(epochs=3, ensemble=None, random_state=0).fit(X, y)
    expected = clf.predict_proba(X)
    monkeypatch.setattr("skimbalance.training.forward.programs", ProgramCache())
    loaded = pickle.loads(pickle.dumps(clf))
    with monkeypatch.context() as without:
        without.setattr("skimbalance.training.forward.as_arrays", None)
        for rows in (slice(1), slice(5, 37), slice(8, 264)):
            np.testing.assert_allclose(loaded.predict_proba(X[rows]), expected[rows], atol=1e-6)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


@pytest.mark.parametrize("n_columns", [4, 64, 65, 1000, 20_000])
def test_wide_tables_are_taken_fewer_rows_at_once(n_columns):
    """So that a block takes the memory of 64 columns, or a step's where that is more."""
    meta = {"n_features_in_": n_columns, "n_classes_": 2}
    wide = Network(realmlp(meta, hidden_layer_sizes=(2,), n_members=8, embedding=None))
    sizes, rows = block_steps(wide, 64), prediction_rows(wide)
    if n_columns <= 64:
        assert (sizes, rows) == ([8, 32, 128], PREDICTION_BLOCK_ROWS[-1])
    else:
        assert sizes == sorted(sizes)
        assert (max(sizes) - 1) * 64 * 8 * n_columns < 65536 * 64
        assert rows * n_columns <= max(PREDICTION_BLOCK_ROWS[-1] * 64, 256 * n_columns)


@pytest.mark.parametrize("model", [None, "mlp"])
def test_a_wide_table_is_predicted_as_row_by_row(model):
    X = np.random.default_rng(0).normal(size=(700, 300)).astype(np.float32)
    shape = {"model__hidden_layer_sizes": (4,), "ensemble": None, "epochs": 2, "random_state": 0}
    clf = ImbalancedKerasClassifier(model, **shape).fit(X, (X[:, 0] > 1).astype(int))
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(np.concatenate([clf.predict_proba(X[i : i + 1]) for i in (0, 699)]), proba[[0, 699]],
                               atol=1e-6)  # fmt: skip


def test_calls_end_soon_enough_to_be_interrupted():
    small, large = (Network(network(layers.Dense(width), layers.Dense(2))) for width in (8, 4000))
    assert most_steps(small, 32) == 2048
    assert most_steps(large, 1024) * 1024 * 28_000 < 3e9
    assert most_steps(large, 10**9) == 1


def test_networks_that_mix_rows_are_not_filled_up():
    assert may_fill_up(Network(network(layers.Dense(3, "relu"), layers.Dense(2))))
    assert not may_fill_up(Network(network(layers.BatchNormalization(), layers.Dense(2))))
    assert not may_fill_up(Network(network(layers.Dense(3, activity_regularizer="l2"), layers.Dense(2))))


# --- state ---


def test_a_failure_leaves_the_network_unchanged():
    model = network(layers.Dense(2), layers.Dense(2))
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
    before, optimizer = model.get_weights(), model.optimizer
    with pytest.raises(KeyboardInterrupt), unchanged_on_failure(model):  # noqa: PT012
        write(model.weights, [value + 1 for value in read(model.weights)])
        model.optimizer.learning_rate = 0.25
        model.compile(optimizer="adam", loss="mae")
        raise KeyboardInterrupt
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer is optimizer
    assert (float(optimizer.learning_rate), model.loss) == (0.5, "mse")


def test_writing_checks_shapes():
    with pytest.raises(ValueError, match="shape"):
        write(network(layers.Dense(2)).weights, [np.zeros((3, 2)), np.zeros(2)])


# --- start-up ---


def test_threads_that_redirect_standard_error_all_restore_it():
    """Interleaved, the second to enter would take the first's file for standard error."""
    before = os.fstat(2)
    entered, leave = threading.Event(), threading.Event()

    def first():
        with quiet():
            entered.set()
            leave.wait(0.2)

    def second():
        entered.wait()
        with quiet():
            time.sleep(0.4)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)


def test_messages_of_onednn_on_old_processors_are_hidden(capfd):
    with quiet():
        os.write(2, b"E0000 00:00:1 7 util.cc] oneDNN supports DT_INT32 only on platforms with AVX-512. Falling\n")
        os.write(2, b"a real problem\n")
    assert capfd.readouterr().err == "a real problem\n"


def test_a_network_of_members_is_one_program_for_all_ways_of_scoring(rare):
    """Training, scores of held-out rows, and prediction."""
    X, y = rare
    n_before = len(cache.programs)
    ImbalancedKerasClassifier(epochs=2, random_state=0, model__hidden_layer_sizes=(7, 5)).fit(X, y).predict(X)
    assert len(cache.programs) <= n_before + 2
    assert realmlp.recipe.own_rows
