"""Tests of training against Keras' own."""

import io
import pickle
import sys
from types import ModuleType, SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from skimbalance import ImbalancedKerasClassifier
from skimbalance._progress import Progress, show_aside
from skimbalance.data.rows import Rows, positions_of
from skimbalance.networks.network import Network
from skimbalance.networks.outputs import LossOnOutputs
from skimbalance.strategies import CrossEntropy, FocalLoss
from skimbalance.training import Training, TrainingRows, join_histories, train

layers = keras.layers


def without_decay_of_biases(optimizer):
    """Spare biases from weight decay."""
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "sgd with momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.01),
    "moving average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "moving average in use": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulated gradients": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3, clipvalue=0.02),
    "scaled loss": lambda: keras.optimizers.SGD(0.05, loss_scale_factor=64.0),
    "dynamically scaled loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    "decay of some": lambda: without_decay_of_biases(keras.optimizers.AdamW(0.01, weight_decay=0.3)),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.5)),
}
NETWORKS = {
    "dense": [layers.Dense(5, "relu"), layers.Dense(2)],
    "batch statistics": [layers.BatchNormalization(), layers.Dense(5, "relu"), layers.Dense(1, "sigmoid")],
    "regularizer": [layers.Dense(5, "relu", kernel_regularizer="l2"), layers.Dense(2, "softmax")],
    "activity regularizer": [layers.Dense(5, "relu", activity_regularizer="l2"), layers.Dense(2)],
    "constraint": [layers.Dense(5, "relu", kernel_constraint="max_norm"), layers.Dense(2)],
}


def table(n=150, seed=0):
    """Rows, labels and weights; the last batch of 32 is a partial one."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=n) > 1).astype(int), rng.uniform(0.5, 2, size=n)


def build(head, optimizer, loss):
    """Compile a network with fixed initial weights."""
    model = keras.models.clone_model(keras.Sequential([keras.Input((4,)), *head]))
    rng = np.random.default_rng(1)
    for w in model.trainable_variables:
        w.assign(rng.normal(size=w.shape) * 0.3)
    model.compile(optimizer=optimizer, loss=LossOnOutputs(loss), jit_compile=False)
    return model


def rows_of(X, y, w):
    """Training rows in the order of the table."""
    rows = Rows(X, y, w, merges=False)
    return TrainingRows(rows, positions_of(rows.index), class_weight=lambda progress: np.ones(2))


CASES = [(n, "adam", False) for n in NETWORKS] + [("dense", o, False) for o in OPTIMIZERS if o != "adam"]
# XLA needs the last batch filled up, so networks whose rows mix are not compiled with it, whoever asks for it.
CASES += [
    (n, o, True) for n, o, _ in CASES if n != "dense" or o in ("adam", "clipnorm", "moving average in use", "schedule")
]


@pytest.mark.parametrize(
    ("network", "optimizer", "jit_compile"), CASES, ids=[f"{n}-{o}-{'XLA' if jit else 'graph'}" for n, o, jit in CASES]
)
def test_ends_with_the_weights_of_keras_fit(network, optimizer, jit_compile):
    X, y, w = table()
    loss = FocalLoss(1.5)
    ours, theirs = (build(NETWORKS[network], OPTIMIZERS[optimizer](), loss) for _ in range(2))
    history, _ = train(Network(ours), loss, rows_of(X, y, w), Training(32, 4, jit_compile=jit_compile))
    expected = theirs.fit(
        X, y, sample_weight=(w / w.mean()).astype("f4"), batch_size=32, epochs=4, shuffle=False, verbose=0
    )
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(history["loss"], expected.history["loss"], rtol=1e-4)


def test_dropout_drops_as_keras_does():
    """The loss under dropout agrees in distribution: on many rows, up to its noise."""
    X, y, w = table(4000)
    head = [layers.Dense(64, "relu"), layers.Dropout(0.5, seed=0), layers.Dense(2)]
    losses = []
    for way in ({}, {"jit_compile": True}, {"run_eagerly": True}):
        model = build(head, keras.optimizers.SGD(0.0), CrossEntropy())
        losses.append(train(Network(model), CrossEntropy(), rows_of(X, y, w), Training(500, 8, **way))[0]["loss"])
    model = build(head, keras.optimizers.SGD(0.0), CrossEntropy())
    without = float(model.evaluate(X, y, sample_weight=(w / w.mean()).astype("f4"), verbose=0))
    for of_program in losses[:2]:
        np.testing.assert_allclose(np.mean(of_program), np.mean(losses[2]), rtol=0.01)
    assert min(losses[0]) > 1.03 * without


def halving(**spared):
    """Optimizer that halves all weights in a step, but for those spared from weight decay."""
    optimizer = keras.optimizers.AdamW(1e-6, weight_decay=0.5e6)
    optimizer.exclude_from_weight_decay(**spared)
    return optimizer


def two_layers(meta, compiles=False):
    """Plain network, which may come compiled with an optimizer that spares its last kernel."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])
    if compiles:
        model.compile(optimizer=halving(var_list=[model.layers[1].kernel]))
    return model


# Keras warns so whenever a network is unpickled that was compiled but not trained, as the parameter `model` is here.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize(
    ("parameters", "ratios"),
    [
        ({"model": two_layers, "optimizer": halving(var_names=["bias"])}, (0.5, 0.5)),
        ({"model": two_layers, "optimizer": halving(var_names=["kernel"])}, (1.0, 1.0)),
        ({"model": two_layers, "model__compiles": True}, (0.5, 1.0)),
        ({"model": two_layers(None, compiles=True)}, (0.5, 1.0)),
    ],
    ids=["biases", "kernels", "compiled by the builder", "compiled before"],
)
def test_weights_spared_from_decay_stay_so_in_copies(parameters, ratios, rare):
    """In the one of each fit, and of a pickled classifier that trains on."""
    clf = ImbalancedKerasClassifier(**parameters, epochs=1, batch_size=-1, random_state=0, warm_start=True)
    start = clf.initialize(*rare).model_.get_weights()
    ends = pickle.loads(pickle.dumps(clf.fit(*rare))).fit(*rare).model_.get_weights()
    for i, ratio in zip((0, 2), ratios, strict=True):
        np.testing.assert_allclose(ends[i], start[i] * ratio**2, atol=1e-4)


@pytest.mark.parametrize("way", [{}, {"run_eagerly": True}], ids=["program", "Keras"])
def test_early_stopping_restores_the_best_epoch_under_moving_averages(way):
    """Not the averages, which Keras puts in the place of the last epoch's weights only."""
    X, y, _ = table(400)
    optimizer = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8)
    clf = ImbalancedKerasClassifier(
        "mlp", optimizer=optimizer, early_stopping="loss", n_iter_no_change=2, epochs=30, random_state=0, **way
    ).fit(X[100:], y[100:], validation_data=(X[:100], y[:100]))
    assert clf.best_epoch_ < clf.n_iter_
    proba = clf.predict_proba(X[:100])
    assert log_loss(y[:100], proba) == pytest.approx(min(clf.history_["val_loss"]), rel=1e-4)


# --- callbacks ---


def fit_with(callback, epochs=6, **parameters):
    """Fit a small classifier with a callback."""
    X, y, _ = table()
    parameters = {"epochs": epochs, "random_state": 0, "optimizer__learning_rate": 0.01, "model": "mlp", **parameters}
    return ImbalancedKerasClassifier(callbacks=callback, **parameters).fit(X, y)


@pytest.mark.parametrize("keras_loop", [False, True], ids=["program", "through Keras"])
def test_callbacks_change_training(keras_loop, tmp_path):
    """On both ways alike: stop, change the rate, save and read the current weights."""
    per_batch = [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if keras_loop else []
    norms = []

    class Norm(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            norms.append(float(np.linalg.norm(self.model.get_weights()[2])))
            logs["norm"] = norms[-1]

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 3

    path = tmp_path / "best.keras"
    clf = fit_with([
        Norm(), Stop(), *per_batch,
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        keras.callbacks.ModelCheckpoint(path),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
    ])  # fmt: skip
    assert clf.n_iter_ == len(norms) == 4
    assert clf.history_["norm"] == norms
    assert float(clf.model_.optimizer.learning_rate) == pytest.approx(0.01 / 16)
    assert norms[-1] == pytest.approx(float(np.linalg.norm(clf.model_.get_weights()[2])))
    for saved, own in zip(keras.saving.load_model(path).get_weights(), clf.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, own)
    assert len((tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize(
    ("model", "jit_compile", "strategy"),
    [("realmlp", True, "ldam"), ("realmlp", False, "balanced_batches"), ("mlp", True, "balanced_batches")],
)
def test_a_passive_callback_does_not_change_training(model, jit_compile, strategy):
    """Without one, several epochs are trained in a call."""
    same = {"model": model, "strategy": strategy, "compile__jit_compile": jit_compile, "early_stopping": False}
    alone, seen = (fit_with(callback, **same) for callback in (None, keras.callbacks.Callback()))
    assert alone.history_ == seen.history_
    for a, b in zip(alone.model_.get_weights(), seen.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("model", ["realmlp", "mlp"])
def test_tensorboard_shows_every_epoch(model, tmp_path):
    clf = fit_with(keras.callbacks.TensorBoard(tmp_path), model=model, validation_split=0.2)
    for name, folder in (("loss", "train"), ("val_loss", "validation")):
        events = EventAccumulator(str(tmp_path / folder)).Reload()
        shown = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_loss")]
        np.testing.assert_allclose(shown, clf.history_[name], rtol=1e-6)


def test_a_plateau_lowers_the_learning_rate():
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9, cooldown=9)
    clf = fit_with(plateau)
    assert clf.history_["learning_rate"][-1] == pytest.approx(0.001)


@pytest.mark.parametrize("callback", [None, keras.callbacks.TerminateOnNaN()], ids=["none", "TerminateOnNaN"])
@pytest.mark.parametrize("way", [{}, {"run_eagerly": True}, {"model": "realmlp"}], ids=["program", "Keras", "members"])
def test_diverged_training_raises(callback, way):
    with pytest.raises(ValueError, match="diverged in epoch [1-6]: .*lower optimizer__learning_rate, or clip"):
        fit_with(callback, optimizer="sgd", optimizer__learning_rate=1e30, **way)


def test_histories_are_joined_with_nan_where_nothing_was_scored():
    joined = join_histories({"loss": [1.0, 2.0], "auc": [0.5, 0.6]}, {"loss": [3.0], "val_loss": [4.0]})
    assert joined["loss"] == [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(joined["auc"], [0.5, 0.6, np.nan])
    np.testing.assert_array_equal(joined["val_loss"], [np.nan, np.nan, 4.0])


def test_restored_weights_are_those_of_the_best_epoch():
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=2, restore_best_weights=True)
    clf = fit_with(stop)
    assert clf.n_iter_ == 3
    np.testing.assert_array_equal(clf.model_.get_weights()[2], fit_with(None, epochs=1).model_.get_weights()[2])


class OwnStep(keras.Sequential):
    """A network that Keras' loop trains, by its own step."""

    def train_step(self, data):
        return super().train_step(data)


def own_step(meta):
    """Build such a network."""
    return OwnStep([keras.Input((4,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])


@pytest.mark.parametrize("model", ["mlp", own_step], ids=["program", "through Keras"])
def test_epochs_that_were_chosen_stay_whatever_a_callback_restores(model):
    """Blend, calibration and threshold are of the weights of those epochs."""
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=9, restore_best_weights=True)
    expected = fit_with(None, model=model, early_stopping="loss")
    with pytest.warns(UserWarning, match="changed the weights at the end of training"):
        clf = fit_with([stop], model=model, early_stopping="loss")
    assert clf.best_epoch_ == expected.best_epoch_ > 1
    for kept, weights in zip(clf.model_.get_weights(), expected.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weights)


def test_swapped_weights_are_trained_on_from():
    """A callback may set weights, of the network that it sees."""

    class Zero(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([np.zeros_like(w) for w in self.model.get_weights()])

    clf = fit_with([Zero()], epochs=3)
    np.testing.assert_allclose(clf.history_["loss"], clf.history_["loss"][0], rtol=0.1)


# --- progress ---


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves on."""
    found = SimpleNamespace(now=0.0, monotonic=lambda: found.now)
    monkeypatch.setattr("skimbalance._progress.time", found)
    return found


class Terminal(io.StringIO):
    """A file that is drawn over, as a terminal is."""

    def isatty(self):
        return True


def test_time_left_is_estimated_from_what_follows_compilation(clock):
    bar = Progress("epochs", 10, file=Terminal(), ends_early=True)
    clock.now = 60.0
    bar.restart(1)
    bar.move(1, "loss 0.5")
    clock.now = 60.5
    bar.move(2)
    assert str(bar) == "2/10 epochs |##        | loss 0.5", "half a second is no evidence"
    clock.now = 64.0
    bar.move(3.5)
    bar.say("scoring")
    assert str(bar) == "3/10 epochs |###5      | at most 10 s left, loss 0.5, scoring"
    bar.end("Stopped.")
    assert bar.fp.getvalue().endswith("\rStopped.\n")


def test_a_file_gets_a_line_every_half_minute(clock):
    file = io.StringIO()
    bar = Progress("rows", file=file)
    for clock.now in (10.0, 31.0, 50.0):
        bar.say("writing")
        bar.move(bar.n + 1000)
    bar.end(str(bar))
    assert file.getvalue() == "2,000 rows, 65 rows/s\n3,000 rows, 60 rows/s\n"


def test_a_notebook_replaces_one_output_and_nothing_is_red(clock, monkeypatch, capsys):
    shown = []

    def display(of, raw, display_id):
        shown.append(of["text/plain"])
        return SimpleNamespace(update=lambda of, raw: shown.append(of["text/plain"]))

    ipython, of_display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython, of_display.display = lambda: SimpleNamespace(kernel=None), display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", of_display)
    bar = Progress("fits", 4, file=sys.stderr)
    bar.move(2)
    bar.end("4 fits in 1 s")
    show_aside("severe")
    assert [text.split(" |")[0] for text in shown] == ["0/4 fits", "2/4 fits", "4 fits in 1 s"]
    assert capsys.readouterr() == ("severe\n", "")


def test_a_fit_that_fails_leaves_no_bar_behind(rare):
    def fail(epoch, logs):
        raise OSError

    clf = ImbalancedKerasClassifier("mlp", callbacks=keras.callbacks.LambdaCallback(on_epoch_end=fail), verbose=1)
    with pytest.raises(OSError):
        clf.fit(*rare)
    assert not [bar for bar in Progress._instances if isinstance(bar, Progress)]
