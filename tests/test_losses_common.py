"""Does every loss mean what it says? One battery over all of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skimbalance.strategies import CrossEntropy, FocalLoss, KerasLoss

LOSSES = [CrossEntropy(), FocalLoss(0.5), FocalLoss(2.0), FocalLoss(5.0)]
PRIORS = [np.array([0.97, 0.03]), np.array([0.7, 0.25, 0.05]), np.array([0.5, 0.2, 0.2, 0.09, 0.01])]


def identify(value):
    """Name a loss with its parameters, or a prior by its length."""
    if isinstance(value, np.ndarray):
        return f"{len(value)} classes"
    return type(value).__name__ + "".join(f"-{getattr(value, name)}" for name in value.hyperparameters)


def intercept_only_optimum(loss, prior):
    """Minimise the expected loss over constant logits by Newton steps of SciPy."""
    from scipy.optimize import minimize

    labels = np.arange(len(prior))

    def objective(z):
        variable = tf.Variable(z[None, :].repeat(len(prior), axis=0))
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss.call(labels, variable) * prior)
        return float(value), np.asarray(tape.gradient(value, variable)).sum(axis=0)

    found = minimize(objective, np.zeros(len(prior)), jac=True, tol=1e-14, options={"gtol": 1e-10})
    return found.x


@pytest.mark.parametrize("prior", PRIORS, ids=identify)
@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_intercept_only_optimum_is_the_base_rate(loss, prior):
    logits = intercept_only_optimum(loss, prior)
    np.testing.assert_allclose(loss.predict_proba(logits[None, :])[0], prior, atol=1e-5)


@pytest.mark.parametrize("prior", PRIORS, ids=identify)
@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_initial_logits_are_that_optimum(loss, prior):
    expected = intercept_only_optimum(loss, prior)
    np.testing.assert_allclose(loss.initial_logits(prior), expected - expected.mean(), atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_value_and_gradient_are_finite_far_out(loss, n_classes):
    logits = tf.Variable(100.0 * np.vstack([np.eye(n_classes), -np.eye(n_classes)]).astype("float32"))
    labels = np.zeros(2 * n_classes, dtype=np.int32)
    with tf.GradientTape() as tape:
        value = loss.call(labels, logits)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(tape.gradient(value, logits)))


@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_a_wrong_sure_row_still_has_a_gradient(loss):
    """Keras' own binary focal loss has none beyond |z| = 16."""
    logits = tf.Variable([[50.0, -50.0]])
    with tf.GradientTape() as tape:
        value = loss.call(np.array([1]), logits)
    np.testing.assert_allclose(tape.gradient(value, logits), [[1.0, -1.0]], rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_probabilities_are_finite_ordered_and_sum_to_one(loss):
    z = np.concatenate([np.linspace(-100, 100, 201), [0.0]])
    proba = loss.predict_proba(np.column_stack([-z / 2, z / 2]))
    assert np.all(np.isfinite(proba))
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-12)
    assert np.all(np.diff(proba[:201, 1]) >= 0)


@pytest.mark.parametrize("loss", LOSSES, ids=identify)
def test_round_trip_through_its_configuration(loss):
    restored = type(loss).from_config(loss.get_config())
    assert restored.get_config() == loss.get_config()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


def test_focal_loss_without_focus_is_cross_entropy():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 4)), rng.integers(4, size=20)
    np.testing.assert_allclose(FocalLoss(0.0).call(labels, logits), CrossEntropy().call(labels, logits), rtol=1e-6)
    np.testing.assert_allclose(FocalLoss(0.0).predict_proba(logits), CrossEntropy().predict_proba(logits))


def test_focal_loss_has_the_value_of_the_paper():
    """Lin et al. (2017), section 3.2: at gamma = 2, a row with q = 0.9 counts 100 times less."""
    q = np.array([[0.1, 0.9]])
    ratio = np.asarray(CrossEntropy().call(np.array([1]), np.log(q))) / FocalLoss(2.0).call(np.array([1]), np.log(q))
    np.testing.assert_allclose(ratio, 100, rtol=1e-5)


def test_focal_softmax_shows_15_percent_where_the_truth_is_1_percent():
    logits = FocalLoss(2.0).initial_logits(np.array([0.99, 0.01]))
    assert 1 / (1 + np.exp(logits[0] - logits[1])) == pytest.approx(0.154, abs=0.001)


@pytest.mark.parametrize("gamma", [-1.0, np.inf, np.nan])
def test_focal_loss_refuses_its_parameter(gamma):
    with pytest.raises(ValueError, match="at least 0"):
        FocalLoss(gamma)


@pytest.mark.parametrize(
    ("wrapped", "reference"),
    [
        (KerasLoss(keras.losses.BinaryCrossentropy(), "positive"), CrossEntropy()),
        (KerasLoss(keras.losses.BinaryCrossentropy(from_logits=True), "positive", "logits"), CrossEntropy()),
        (KerasLoss(keras.losses.CategoricalCrossentropy(), "one_hot"), CrossEntropy()),
        (KerasLoss(keras.losses.sparse_categorical_crossentropy, "index"), CrossEntropy()),
        (KerasLoss(keras.losses.BinaryFocalCrossentropy(gamma=2.0), "positive"), FocalLoss(2.0)),
    ],
    ids=["binary", "binary logits", "categorical", "sparse function", "binary focal"],
)
def test_losses_written_for_keras_see_what_they_expect(wrapped, reference):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 2)).astype("float32"), rng.integers(2, size=20)
    np.testing.assert_allclose(wrapped.call(labels, logits), reference.call(labels, logits), rtol=1e-4)
