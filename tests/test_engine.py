"""Do compiled programs serve many fits, stay within bounds, and rely on nothing that an upgrade has removed?"""

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
from skimbalance.engine import cache, compiled, keras_internals, tensorflow_internals
from skimbalance.engine.architecture import architecture
from skimbalance.engine.blocks import PREDICTION_BLOCK_ROWS, block_steps, may_fill_up, most_steps, prediction_rows
from skimbalance.engine.cache import ProgramCache
from skimbalance.engine.program import Program
from skimbalance.engine.startup import quiet
from skimbalance.engine.state import read, unchanged_on_failure, write
from skimbalance.networks import Network, realmlp
from skimbalance.strategies import FocalLoss

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
        clf = ImbalancedKerasClassifier(strategy="focal", epochs=2, warm_start=True, random_state=i, **settings[i % 4])
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
    GridSearchCV(ImbalancedKerasClassifier(strategy="focal", epochs=2), grid, cv=3, error_score="raise").fit(X, y)
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


def test_what_tensorflow_keeps_of_programs_goes_with_them(monkeypatch):
    cleared = []
    monkeypatch.setattr(cache, "clear_kernels", lambda: cleared.append(1))
    programs = ProgramCache(size=2, n_discarded=3)
    for i in range(8):
        with programs.lend(i, object):
            pass
    assert len(cleared) == 2


@pytest.mark.parametrize("model", ["mlp", "realmlp"])
def test_ever_new_architectures_level_off(model, monkeypatch):
    """Of programs, and of what TensorFlow knows of them; the megabytes are measured by bench_memory.py."""
    from tensorflow.python.eager import context

    few = ProgramCache(size=2, n_discarded=2)
    for room in ("skimbalance.training.loop", "skimbalance.engine.forward"):
        monkeypatch.setattr(f"{room}.programs", few)
    sessions, new_session = weakref.WeakSet(), compiled.new_session

    def recording(graph):
        sessions.add(session := new_session(graph))
        return session

    monkeypatch.setattr(compiled, "new_session", recording)
    X, y = table()
    kept = []
    for width in range(3, 8):
        clf = ImbalancedKerasClassifier(model, epochs=1, model__hidden_layer_sizes=(width,), early_stopping=False)
        clf.set_params(compile__jit_compile=True).fit(X, y).predict(X)
        gc.collect()
        kept.append((len(context.context().list_function_names()), len(sessions)))
    functions, alive = zip(*kept, strict=True)
    assert len(few) == 2
    assert max(functions[3:]) <= functions[2] + 2
    assert 1 <= max(alive) <= 3


def test_xla_computes_the_same_where_there_is_a_gpu(monkeypatch):
    def double(state, x):
        return tf.reduce_sum(x) + state[0], [2 * state[0]]

    specs = [tf.TensorSpec((), tf.float32)], tf.TensorSpec((None,), tf.float32)
    one = compiled.as_arrays(double, *specs)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"])
    monkeypatch.setattr(compiled, "new_session", None)
    for run in (one, compiled.as_arrays(double, *specs, in_parallel=True)):
        total, (doubled,) = run([np.float32(3)], np.arange(3, dtype=np.float32))
        assert (total, doubled) == (6, 6)


# --- blocks ---


def test_a_few_rows_do_not_wait_for_xla(rare, monkeypatch):
    """A service that has loaded a classifier answers its first row at once, as it would among many."""
    X, y = rare
    clf = ImbalancedKerasClassifier(epochs=3, opinions=None, random_state=0).fit(X, y)
    expected = clf.predict_proba(X)
    monkeypatch.setattr("skimbalance.engine.forward.programs", ProgramCache())
    loaded = pickle.loads(pickle.dumps(clf))
    with monkeypatch.context() as without:
        without.setattr("skimbalance.engine.forward.as_arrays", None)
        for rows in (slice(1), slice(5, 37)):
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
    shape = {"model__hidden_layer_sizes": (4,), "opinions": None, "epochs": 2, "random_state": 0}
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


def test_a_network_is_as_before_where_something_fails():
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


def test_what_onednn_says_of_old_processors_is_chatter(capfd):
    with quiet():
        os.write(2, b"E0000 00:00:1 7 util.cc] oneDNN supports DT_INT32 only on platforms with AVX-512. Falling\n")
        os.write(2, b"a real problem\n")
    assert capfd.readouterr().err == "a real problem\n"


# --- private parts of TensorFlow and Keras ---
# A failure below says that an upgrade has removed something; keras_internals.py and tensorflow_internals.py say, beside
# each use, what can take its place.


def test_tensorflow_still_says_whether_it_runs():
    tf.constant(0.0)
    assert tensorflow_internals.is_running(), "tensorflow.python.eager.context no longer says whether TensorFlow runs"


def test_tensorflow_still_clears_its_kernels():
    tensorflow_internals.clear_kernels()
    assert float(tf.constant(1.0) + 1) == 2.0, "TensorFlow does not survive that its kernel cache is cleared"


def test_sessions_still_prepare_a_call():
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None,))
        results = [x + 1, 2 * x]
    call = tensorflow_internals.call_of(tf.compat.v1.Session(graph=graph), [x], results, in_parallel=False)
    more, twice = call(np.ones(3, np.float32))
    assert more.sum() == twice.sum() == 6, "Session._make_callable_from_options no longer prepares a call"


def test_tensorflow_still_freezes_graphs():
    doubled = tf.Variable(2.0)
    graph = tf.function(lambda x: {"y": doubled * x}).get_concrete_function(tf.TensorSpec((), tf.float32))
    frozen = tensorflow_internals.frozen(graph)
    assert not frozen.captured_inputs, "convert_variables_to_constants_v2 no longer makes constants of variables"


def test_variables_still_have_handles():
    variable = keras.Variable(np.arange(3.0, dtype=np.float32))
    write([variable], [np.ones(3)])
    np.testing.assert_array_equal(read([variable])[0], 1, "variable.value.handle no longer is what raw_ops take")


def test_keras_still_lists_layers_inside_layers():
    inner = network(layers.Dense(3))
    names = {type(layer).__name__ for layer in keras_internals.layers_of(network(inner, layers.Dropout(0.1)))}
    assert {"Dense", "Dropout", "Sequential"} <= names, "Model._flatten_layers no longer descends"


def test_keras_still_notes_logits_on_probabilities():
    for activation in ("softmax", "sigmoid"):
        outputs = layers.Dense(2, activation)(np.ones((1, 4), dtype=np.float32))
        assert keras_internals.logits_behind(outputs) is not None, f"{activation} no longer sets _keras_logits"


def test_keras_still_knows_where_outputs_come_from():
    model = network(layers.Dense(3), layers.Reshape((3,)))
    assert keras_internals.last_operation(model) is model.layers[-1], "_keras_history has gone"


def test_keras_still_passes_training_only_where_it_is_an_argument():
    class Plain(keras.Model):
        def call(self, inputs):
            return inputs

    assert keras_internals.takes_training(network(layers.Dense(1))), "Functional.call takes no training any more"
    assert not keras_internals.takes_training(Plain())


def test_keras_still_derives_statistics_from_variables():
    layer = layers.Normalization()
    model = network(layer)
    write(model.weights[:2], [np.full(4, 2.0), np.full(4, 4.0)])
    keras_internals.restore_statistics(model)
    np.testing.assert_allclose(model(np.full((1, 4), 4.0)), 1.0, err_msg="Normalization.finalize_state has changed")
    keras_internals.read_statistics_when_called(model)
    write(model.weights[:1], [np.full(4, 4.0)])
    np.testing.assert_allclose(model(np.full((1, 4), 4.0)), 0.0, err_msg="Layer.__call__ calls no own call any more")


def test_keras_still_tells_seeded_from_unseeded():
    initializers = keras.initializers
    assert keras_internals.is_unseeded(initializers.RandomNormal()), "Initializer._init_seed has gone"
    assert not keras_internals.is_unseeded(initializers.RandomNormal(seed=1))
    assert not keras_internals.is_unseeded(initializers.Zeros())
    lists = [keras_internals.unseeded_generators(layers.Dropout(0.1, seed=seed)) for seed in (None, 1)]
    assert list(map(len, lists)) == [1, 0], "Layer._seed_generators or SeedGenerator._initial_seed have gone"


def test_keras_optimizers_still_keep_their_rate_and_what_they_spare():
    variables = [keras.Variable(np.ones(2), name=name) for name in ("kernel", "bias")]
    optimizer = keras.optimizers.AdamW(0.25, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=variables[1:])
    assert float(keras_internals.rate_of(optimizer)) == 0.25, "Optimizer._learning_rate has gone"
    assert keras_internals.decays_of(optimizer, variables) == [True, False], "_use_weight_decay has gone"
    copied = keras.optimizers.AdamW(0.25, weight_decay=0.1)
    keras_internals.copy_exclusions(optimizer, copied)
    assert keras_internals.decays_of(copied, variables) == [True, False], "_exclude_from_weight_decay has gone"


def test_keras_optimizers_still_step_as_functions_of_their_state():
    class StatelessSGD(keras.optimizers.SGD, keras_internals.StatelessOptimizer):
        pass

    variable = keras.Variable(np.ones(2, dtype=np.float32))
    optimizer = StatelessSGD(0.5)
    optimizer.build([variable])
    values = [tf.convert_to_tensor(v.value) for v in optimizer.variables]
    ends, _ = optimizer.stateless_apply(values, [tf.ones(2)], [variable.value])
    np.testing.assert_allclose(ends[0], 0.5, err_msg="the optimizers of Keras have another base on TensorFlow")
    np.testing.assert_allclose(variable, 1.0)


def test_callbacks_still_hold_their_network_where_it_is_taken_away():
    callback = keras.callbacks.Callback()
    callback.set_model(network(layers.Dense(1)))
    keras_internals.detach(callback)
    assert callback.model is None, "Callback._model has gone"


def test_networks_still_say_which_metrics_they_were_compiled_with():
    model = network(layers.Dense(1))
    assert keras_internals.metrics_of(model) == []
    model.compile(metrics=["accuracy"])
    assert keras_internals.metrics_of(model) == ["accuracy"], "Model._compile_metrics._user_metrics has gone"


def test_metrics_still_have_a_direction():
    assert keras_internals.direction_of(keras.metrics.AUC()) == "up", "Metric._direction has gone"
    assert keras_internals.direction_of(keras.metrics.BinaryCrossentropy()) == "down"


def test_tensorboard_still_says_whether_it_profiles(tmp_path):
    profiles = keras.callbacks.TensorBoard(tmp_path, profile_batch=2)
    assert keras_internals.is_epoch_only(keras.callbacks.TensorBoard(tmp_path))
    assert not keras_internals.is_epoch_only(profiles), "TensorBoard._start_batch has gone"


def test_a_network_of_members_is_one_program_for_all_ways_of_scoring(rare):
    """Training, scores of held-out rows, and prediction."""
    X, y = rare
    n_before = len(cache.programs)
    ImbalancedKerasClassifier(epochs=2, random_state=0, model__hidden_layer_sizes=(7, 5)).fit(X, y).predict(X)
    assert len(cache.programs) <= n_before + 2
    assert realmlp.recipe.own_rows
