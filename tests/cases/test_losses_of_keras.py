"""Losses written for Keras: losses of a batch, and the link from outputs to probabilities."""

import functools
import pickle
import warnings

import keras
import numpy as np
import pytest
from keras import layers, losses, ops
from sklearn.base import clone
from sklearn.metrics import f1_score

from skimbalance import ImbalancedKerasClassifier, export
from skimbalance.probability.links import ClasswiseLink, MarginCurve
from skimbalance.strategies import CrossEntropy, FocalLoss, KerasLoss, wrap_loss

NO_PROBABILITY = "is no probability"


def build(meta, units, activation):
    """Build a small network."""
    scaled = layers.Normalization(mean=[0.1, 1000.0, 0.0, -3.0], variance=[1.0, 1e4, 1e-4, 25.0])
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, scaled, layers.Dense(8, "relu"), layers.Dense(units, activation)])


def own(units, activation):
    """Return a builder of a small network."""
    return functools.partial(build, units=units, activation=activation)


def classifier(model, loss, **parameters):
    """Return a classifier of few epochs."""
    return ImbalancedKerasClassifier(
        model, loss=loss, **{"epochs": 4, "random_state": 0, "optimizer__learning_rate": 0.02, **parameters}
    )


def soft_f1(y_true, y_pred):
    """One minus F1 of probabilities."""
    return 1 - 2 * ops.sum(y_true * y_pred) / (ops.sum(y_true) + ops.sum(y_pred) + 1e-7)


def pairwise(y_true, y_pred):
    """Order of every two rows of a batch, in a value a row."""
    differences = ops.reshape(y_pred, (-1, 1)) - ops.reshape(y_pred, (1, -1))
    is_above = ops.cast(ops.reshape(y_true, (-1, 1)) > ops.reshape(y_true, (1, -1)), y_pred.dtype)
    return ops.mean(is_above * ops.softplus(-5 * differences), axis=1)


def summed(y_true, y_pred):
    """Sum of squared errors over all rows."""
    return ops.sum(ops.square(y_true - y_pred))


class Averaged(losses.Loss):
    """Mean over all rows, by `__call__`."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return ops.mean(ops.square(ops.cast(y_true, y_pred.dtype) - y_pred))


class OfDoublePositives(losses.BinaryCrossentropy):
    """A class of one's own that inherits from Keras'."""

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * (1 + y_true[:, 0])


# --- is it of rows, or of a batch? ---


@pytest.mark.parametrize(
    ("loss", "n_outputs", "scope"),
    [
        (losses.Dice(), 1, "batch"), (losses.dice, 1, "batch"), ("tversky", 1, "batch"),
        (losses.Tversky(alpha=0.3, beta=0.7, reduction="sum"), 1, "batch"), (losses.Dice(reduction=None), 1, "batch"),
        (soft_f1, 1, "batch"), (pairwise, 1, "batch"), (lambda y, p: losses.dice(y, p) + ops.mean(y * p), 1, "batch"),
        (losses.Dice(axis=0), 3, "batch"), (losses.Dice(axis=1), 1, "rows"),
        # Over all columns of a softmax, the sums of Dice are the number of rows: it is the mean of their q.
        (losses.Dice(), 3, "row"), (summed, 1, "row"), (Averaged(), 1, "row"),
        (losses.MeanSquaredError(reduction="sum"), 1, "rows"), ("hinge", 3, "rows"), ("kl_divergence", 3, "rows"),
        (losses.BinaryFocalCrossentropy(), 2, "rows"),
        (losses.SparseCategoricalCrossentropy(ignore_class=1), 3, "rows"),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", str(value))),
)  # fmt: skip
def test_scope_of_a_loss(loss, n_outputs, scope):
    assert wrap_loss(loss, n_outputs, "proba", max(n_outputs, 2)).scope == scope


def test_a_loss_of_a_batch_is_that_of_keras():
    wrapped = wrap_loss(losses.Dice(), 1, "proba")
    z = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
    labels = np.arange(9) % 2
    q = 1 / (1 + np.exp(z[:, :1] - z[:, 1:]))
    np.testing.assert_allclose(wrapped.call(labels, z), np.full(9, losses.Dice()(labels[:, None], q)), rtol=1e-5)


def test_a_network_learns_from_a_loss_of_a_batch_as_in_keras(rare):
    """In one batch an epoch, to the same weights."""
    X, y = rare
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype("float32")
    output = layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.Constant(0.1))
    model = keras.Sequential([keras.Input((4,)), output])
    start = model.get_weights()
    clf = classifier(model, losses.Dice(), optimizer="sgd", optimizer__learning_rate=1.0, epochs=5, batch_size=-1)
    clf.set_params(calibration="holdout", shuffle=False).fit(X, y, validation_data=(X, y))
    model.set_weights(start)
    model.compile(keras.optimizers.SGD(1.0), losses.Dice())
    model.fit(X, y[:, None].astype("float32"), epochs=5, batch_size=len(y), verbose=0, shuffle=False)
    for ours, theirs in zip(clf.model_.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    theirs = f1_score(y, model.predict(X, verbose=0)[:, 0] >= 0.5)
    assert f1_score(y, clf.predict(X)) == pytest.approx(theirs, abs=1e-9)  # the rule is that of the outputs


def test_a_loss_of_a_batch_is_calibrated(larger):
    X, y = larger
    clf = classifier(own(1, "sigmoid"), soft_f1, epochs=8, batch_size=100).fit(X, y)
    assert clf.loss_.is_of_batch
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.05)
    assert f1_score(y, clf.predict(X)) > 0.5
    assert clf.threshold_ == pytest.approx(clf.calibrator_.predict_proba(np.zeros((1, 2)))[0, 1])
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_a_loss_of_a_batch_gets_all_copies(rare):
    """Identical rows are one row of the weight of all elsewhere; here a row of weight 2 is the row twice."""
    X, y = rare
    weight = 1.0 + (np.arange(len(y)) % 3 == 0)
    twice = np.repeat(np.arange(len(y)), weight.astype(int))
    parameters = {"validation_data": (X, y)}
    clf = classifier(own(1, "sigmoid"), losses.Dice(), epochs=2, batch_size=200)
    by_weight = clf.fit(X, y, sample_weight=0.5 * weight, **parameters).predict_proba(X)
    by_copies = clf.fit(X[twice], y[twice], **parameters).predict_proba(X)
    np.testing.assert_array_equal(by_weight, by_copies)


@pytest.mark.parametrize(
    ("parameters", "weights"),
    [
        ({"class_weight": "balanced"}, None), ({"strategy": "effective_number"}, None),
        ({}, [1.0, 1.5]),
    ],
    ids=["class_weight", "strategy", "sample_weight"],
)  # fmt: skip
def test_a_loss_of_a_batch_refuses_weights(parameters, weights, small_table):
    X, y = small_table
    weights = None if weights is None else np.array(weights)[y]
    with pytest.raises(ValueError, match="Dice scores a batch as a whole.*balanced_batches"):
        classifier("mlp", losses.Dice(), **parameters).fit(X, y, sample_weight=weights)


def test_a_loss_of_a_batch_is_refused_by_members(small_table):
    with pytest.raises(ValueError, match='Tversky scores a batch as a whole.*model="mlp"'):
        classifier(None, losses.Tversky()).fit(*small_table)


@pytest.mark.parametrize("strategy", ["balanced_batches", "smote"])
def test_a_loss_of_a_batch_with_rows_drawn_otherwise(strategy, larger):
    X, y = larger
    clf = classifier(own(1, "sigmoid"), "dice", strategy=strategy, batch_size=200).fit(X, y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.06)


def test_a_loss_of_a_batch_compiled_into_the_network(larger):
    X, y = larger

    def compiled(meta):
        model = own(1, "sigmoid")(meta)
        model.compile(keras.optimizers.Adam(0.02), losses.Tversky())
        return model

    clf = ImbalancedKerasClassifier(compiled, epochs=3, random_state=0, warm_start=True).fit(X, y)
    assert clf.loss_.is_of_batch
    assert hasattr(clf, "calibrator_")
    clf.fit(X, y)
    assert clf.n_iter_ == 6


def test_chunks_of_a_loss_of_a_batch(rare):
    X, y = rare
    clf = classifier(own(1, "sigmoid"), "dice", validation_split=0.3, batch_size=100)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for of in np.array_split(np.arange(len(y)), 3):
            clf.partial_fit(X[of], y[of])
    assert hasattr(clf, "calibrator_")
    assert all(NO_PROBABILITY in str(of.message) for of in said if of.category is UserWarning)
    assert np.isfinite(clf.history_["val_loss"]).all()
    with pytest.warns(UserWarning, match=NO_PROBABILITY):
        classifier(own(1, "sigmoid"), "dice", batch_size=100).partial_fit(X, y)


def test_three_classes_under_a_loss_of_a_batch(rare_multiclass):
    X, y = rare_multiclass
    clf = classifier(own(3, "softmax"), losses.Dice(axis=0), epochs=15, batch_size=100, validation_split=0.2).fit(X, y)
    assert clf.loss_.is_of_batch
    np.testing.assert_allclose(clf.predict_proba(X).mean(axis=0), np.bincount(y) / len(y), atol=0.1)
    assert clf.score(X, y) > 0.6


def test_early_stopping_under_a_loss_without_probabilities(larger):
    """Epochs are chosen by what held-out rows make of the outputs, whose own log-loss only grows."""
    X, y = larger
    clf = classifier("mlp", "dice", epochs=15, n_iter_no_change=5, early_stopping="loss", batch_size=200).fit(X, y)
    assert min(clf.history_["val_loss"]) < 0.5
    assert np.nanargmin(clf.history_["val_loss"]) + 1 == clf.best_epoch_


@pytest.mark.parametrize("loss", ["mae", losses.Dice(), losses.Hinge()], ids=["mae", "dice", "hinge"])
def test_too_few_rows_to_calibrate_warn_once(loss, rare):
    X, y = rare
    kept = np.flatnonzero((np.arange(len(y)) < 60) | (y == 1))[:60]
    with pytest.warns(UserWarning, match=NO_PROBABILITY) as said:
        clf = classifier("mlp", loss, early_stopping=False).fit(X[kept], y[kept])
    assert sum(NO_PROBABILITY in str(warning.message) for warning in said) == 1
    assert not hasattr(clf, "calibrator_")


# --- which probability is it? ---


def optimum(loss, prior):
    """Return the constant logits of least expected loss, by Newton's steps on their gradient."""
    import tensorflow as tf
    from scipy.optimize import minimize

    labels = np.arange(len(prior))

    def objective(z):
        variable = tf.constant(np.tile(z, (len(prior), 1)))
        with tf.GradientTape() as tape:
            tape.watch(variable)
            value = tf.reduce_sum(tf.reshape(loss.call(labels, variable), (-1,)) * prior)
        return float(value), np.asarray(tape.gradient(value, variable)).sum(axis=0)

    return minimize(objective, np.log(prior) / 2, jac=True, tol=1e-14, options={"gtol": 1e-10}).x


WITH_LINK = {
    "focal": (losses.BinaryFocalCrossentropy(gamma=3.0), 1, "proba"),
    "focal function, logit": (losses.binary_focal_crossentropy, 1, "logits"),
    "focal, weighted": (losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3), 1, "proba"),
    "focal of logits": (losses.BinaryFocalCrossentropy(from_logits=True), 1, "logits"),
    "smoothed": (losses.BinaryCrossentropy(label_smoothing=0.02), 1, "proba"),
    "smoothed focal": (losses.BinaryFocalCrossentropy(label_smoothing=0.02), 1, "proba"),
    "smoothed, softmax": (losses.CategoricalCrossentropy(label_smoothing=0.02), 2, "proba"),
    "smoothed, categorical, one unit": (losses.CategoricalCrossentropy(label_smoothing=0.02), 1, "proba"),
    "categorical focal": (losses.CategoricalFocalCrossentropy(alpha=[0.3, 0.7]), 2, "proba"),
    "squared hinge": (losses.SquaredHinge(), 1, "logits"),
    "squared error of a number": (losses.MeanSquaredError(), 1, "logits"),
    "log-cosh": (losses.LogCosh(), 1, "proba"),
    "own": (OfDoublePositives(), 1, "proba"),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy(), 2, "proba"),
}


@pytest.mark.parametrize("name", WITH_LINK)
def test_the_optimum_of_a_loss_of_keras_is_the_base_rate(name):
    loss = wrap_loss(*WITH_LINK[name])
    assert isinstance(loss.link(), MarginCurve)
    for share in (0.03, 0.4):
        prior = np.array([1 - share, share])
        assert loss.predict_proba(optimum(loss, prior)[None, :])[0, 1] == pytest.approx(share, abs=2e-3)
        assert loss.predict_proba(loss.initial_logits(prior)[None, :])[0, 1] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        losses.CategoricalCrossentropy(label_smoothing=0.05), losses.CategoricalFocalCrossentropy(),
        losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5]),
        losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5], label_smoothing=0.05),
        losses.CategoricalGeneralizedCrossEntropy(),
    ],
    ids=["smoothed", "focal", "weighted focal", "smoothed focal", "generalized"],
)  # fmt: skip
def test_the_optimum_of_three_classes_is_the_base_rate(loss):
    loss, prior = wrap_loss(loss, 3, "proba", 3), np.array([0.7, 0.25, 0.05])
    assert isinstance(loss.link(), ClasswiseLink)
    np.testing.assert_allclose(loss.predict_proba(optimum(loss, prior)[None, :])[0], prior, atol=5e-3)
    np.testing.assert_allclose(loss.predict_proba(loss.initial_logits(prior)[None, :])[0], prior, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "n_outputs", "outputs"),
    [
        (losses.MeanSquaredError(), 1, "proba"), (losses.MeanSquaredError(reduction="sum"), 3, "proba"),
        ("kl_divergence", 3, "proba"), ("poisson", 1, "proba"), (losses.Huber(), 2, "proba"), (summed, 1, "proba"),
        (losses.CosineSimilarity(), 3, "proba"),
        (lambda y, z: losses.sparse_categorical_crossentropy(y, z, from_logits=True), 3, "logits"),
    ],
    ids=["Brier", "Brier, three", "divergence", "Poisson", "Huber", "own", "spherical", "own, of logits"],
)  # fmt: skip
def test_proper_losses_keep_softmax(loss, n_outputs, outputs):
    wrapped = wrap_loss(loss, n_outputs, outputs, max(n_outputs, 2))
    assert wrapped.meaning == "softmax"
    assert not wrapped.needs_calibration


@pytest.mark.parametrize("loss", ["binary_crossentropy", losses.CategoricalCrossentropy(), "kl_divergence"])
def test_a_proper_loss_changes_nothing(loss, rare):
    """Of Keras' cross-entropies, not even a weight."""
    X, y = rare
    ours, theirs = (classifier(own(2, "softmax"), of, strategy=None).fit(X, y) for of in (None, loss))
    is_same = loss != "kl_divergence"
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=0 if is_same else 1e-4)
    assert isinstance(theirs.loss_, CrossEntropy) == is_same


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        ("hinge", "logits"), ("hinge", "proba"), ("squared_hinge", "proba"), ("mae", "proba"), ("mae", "logits"),
        ("mean_absolute_percentage_error", "proba"), ("dice", "proba"),
        (losses.SparseCategoricalCrossentropy(ignore_class=0), "proba"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)  # fmt: skip
def test_losses_without_a_link_need_held_out_rows(loss, outputs):
    assert wrap_loss(loss, 1, outputs).needs_calibration


def test_custom_losses_are_not_treated_as_losses_of_keras():
    def binary_crossentropy(y_true, y_pred):
        return (1 + 3 * y_true) * losses.binary_crossentropy(y_true, y_pred)[:, None]

    wrapped = wrap_loss(binary_crossentropy, 1, "proba")
    assert isinstance(wrapped, KerasLoss)
    q = 4 * 0.2 / (4 * 0.2 + 0.8)
    assert wrapped.predict_proba(np.array([[0.0, np.log(q / (1 - q))]]))[0, 1] == pytest.approx(0.2, abs=1e-3)


def test_losses_with_different_settings_are_cached_separately():
    """Keras leaves delta out of the configuration of a Huber loss."""
    assert wrap_loss(losses.Huber(1.0), 1, "proba").meaning != wrap_loss(losses.Huber(0.1), 1, "proba").meaning


def test_a_curve_is_near_the_closed_form():
    logits = np.column_stack([np.zeros(301), np.linspace(-6, 6, 301)])
    curve = wrap_loss(losses.BinaryFocalCrossentropy(gamma=2.0), 1, "proba")
    np.testing.assert_allclose(curve.predict_proba(logits), FocalLoss(2.0).predict_proba(logits), atol=1e-3)


@pytest.mark.parametrize("name", ["focal", "smoothed", "squared hinge", "squared error of a number"])
def test_the_order_of_rows_is_that_of_outputs(name):
    margins = np.sinh(np.linspace(-5, 5, 299))
    proba = wrap_loss(*WITH_LINK[name]).link().inverse(np.column_stack([-margins / 2, margins / 2]))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert np.all(np.diff(np.log(proba[:, 1]) - np.log(proba[:, 0])) > 0)


@pytest.mark.parametrize(
    ("loss", "units", "activation"),
    [
        (losses.BinaryFocalCrossentropy(label_smoothing=0.05), 1, "sigmoid"),
        (losses.BinaryCrossentropy(label_smoothing=0.1), 1, "sigmoid"),
        (losses.BinaryFocalCrossentropy(apply_class_balancing=True), 1, "sigmoid"),
        (losses.CategoricalFocalCrossentropy(), 2, "softmax"),
        (losses.SquaredHinge(), 1, None),
        (losses.Hinge(), 1, None),
    ],
    ids=["focal, smoothed", "smoothed", "focal, weighted", "categorical focal", "squared hinge", "hinge"],
)  # fmt: skip
def test_mean_probabilities_are_the_share(loss, units, activation, larger):
    X, y = larger
    clf = classifier(own(units, activation), loss, epochs=15).fit(X, y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.035)
    outputs = clf.model_.predict(X, verbose=0)[:, -1]
    if activation is not None:  # labels are those of the outputs, as in Keras
        np.testing.assert_array_equal(clf.predict(X), outputs >= 0.5)


@pytest.mark.parametrize(("format", "n_classes"), [("onnx", 2), ("onnx", 3), ("litert", 3)])
def test_files_hold_the_link(format, n_classes, rare, rare_multiclass, tmp_path):
    for package in {"onnx": ("onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}[format]:
        pytest.importorskip(package, reason="an extra")
    X, y = rare if n_classes == 2 else rare_multiclass
    loss = losses.CategoricalFocalCrossentropy(label_smoothing=0.03)
    clf = classifier(own(n_classes, "softmax"), loss, epochs=2).fit(X, y)
    assert type(clf.loss_.link()) in (MarginCurve, ClasswiseLink)
    path = str(tmp_path / "model")
    export(clf, path, format=format)
    if format == "onnx":
        from onnxruntime import InferenceSession

        proba = InferenceSession(path).run(["proba"], {"X": X})[0]
    else:
        from ai_edge_litert.interpreter import Interpreter

        proba = Interpreter(model_path=path).get_signature_runner()(X=X)["proba"]
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=1e-5)


def test_a_classifier_with_such_a_loss_is_cloned_and_pickled(small_table):
    X, y = small_table
    clf = classifier("mlp", losses.BinaryFocalCrossentropy(label_smoothing=0.1)).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_allclose(clone(clf).fit(X, y).predict_proba(X), clf.predict_proba(X))


def test_first_output_biases_are_those_of_the_loss(rare):
    seen = {}

    def noting(meta):
        seen["bias"] = meta["output_bias_"]
        return own(1, "sigmoid")(meta)

    clf = classifier(noting, losses.BinaryFocalCrossentropy(), epochs=1).fit(*rare)
    np.testing.assert_allclose(clf.loss_.predict_proba(seen["bias"][None, :])[0], clf.prior_, atol=1e-6)


def test_binary_losses_of_three_classes_see_one_hot_labels(rare_multiclass):
    X, y = rare_multiclass
    clf = classifier(own(3, "softmax"), "binary_focal_crossentropy", epochs=12, validation_split=0.2).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X).mean(axis=0), np.bincount(y) / len(y), atol=0.07)


def test_a_loss_on_logits_is_taken_as_it_is(rare):
    """One of this package as ``loss=``, which is its strategy by another way."""
    X, y = rare
    by_loss = classifier(own(1, "sigmoid"), FocalLoss(2.0), strategy=None).fit(X, y)
    by_strategy = classifier(own(1, "sigmoid"), None, strategy="focal").fit(X, y)
    np.testing.assert_array_equal(by_loss.predict_proba(X), by_strategy.predict_proba(X))


def test_the_network_of_a_fit_is_trained_further_with_its_loss(rare):
    X, y = rare
    first = classifier(own(1, "sigmoid"), losses.BinaryFocalCrossentropy()).fit(X, y)
    second = ImbalancedKerasClassifier(first.model_, epochs=2, random_state=0).fit(X, y)
    assert second.loss_.meaning == first.loss_.meaning
    assert second.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.05)
