"""Tests that every loss has to pass."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from skimbalance.strategies import (
    LDAM,
    AsymmetricFocalLoss,
    CrossEntropy,
    FocalLoss,
    KerasLoss,
    LogitAdjustment,
    PolyLoss,
    VectorScaling,
)

LOSSES = [CrossEntropy(), FocalLoss(0.5), FocalLoss(2.0), FocalLoss(5.0), PolyLoss(1.0), PolyLoss(-0.5), PolyLoss(5.0)]
BINARY_LOSSES = [
    AsymmetricFocalLoss(),
    AsymmetricFocalLoss(0.5, 2.0, 0.0),
    LDAM().loss(np.array([970.0, 30.0])),
    LDAM(max_margin=1.0, scale=2.0).loss(np.array([970.0, 30.0])),
]
PRIORS = [np.array([0.97, 0.03]), np.array([0.7, 0.25, 0.05]), np.array([0.5, 0.2, 0.2, 0.09, 0.01])]
PRIOR_STRATEGIES = [LogitAdjustment(), LogitAdjustment(tau=0.5), VectorScaling(gamma=0.3), VectorScaling(tau=0.0)]
CASES = (
    [(loss, prior) for loss in LOSSES for prior in PRIORS]
    + [(loss, PRIORS[0]) for loss in BINARY_LOSSES]
    + [(strategy.loss(1000 * prior), prior) for strategy in PRIOR_STRATEGIES for prior in PRIORS]
)
ALL_LOSSES = LOSSES + BINARY_LOSSES + [strategy.loss(np.array([970.0, 30.0])) for strategy in PRIOR_STRATEGIES]


def identify(value):
    """Name a loss with its parameters, or a prior by its length."""
    if isinstance(value, np.ndarray):
        return f"{len(value)} classes"
    return type(value).__name__ + "".join(f"-{np.round(getattr(value, n), 2)}" for n in value.hyperparameters)


def intercept_only_optimum(loss, prior):
    """Minimise the expected loss over constant logits."""
    labels = np.arange(len(prior))

    def objective(z):
        variable = tf.Variable(z[None, :].repeat(len(prior), axis=0))
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss.call(labels, variable) * prior)
        return float(value), np.asarray(tape.gradient(value, variable)).sum(axis=0)

    return minimize(objective, loss.initial_logits(prior) + 0.1, jac=True, tol=1e-15, options={"gtol": 1e-12}).x


@pytest.mark.parametrize(("loss", "prior"), CASES, ids=identify)
def test_intercept_only_optimum_is_the_base_rate(loss, prior):
    """Of the population that predict_proba refers to, where a loss moves the prior."""
    expected = prior * loss.prior_factor() / (prior * loss.prior_factor()).sum()
    logits = intercept_only_optimum(loss, prior)
    np.testing.assert_allclose(loss.predict_proba(logits[None, :])[0], expected, atol=2e-5)


@pytest.mark.parametrize(("loss", "prior"), CASES, ids=identify)
def test_initial_logits_give_the_prior(loss, prior):
    logits = loss.initial_logits(prior)
    np.testing.assert_allclose(loss.predict_proba(logits[None, :])[0], prior, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [(loss, 2) for loss in ALL_LOSSES] + [(loss, 3) for loss in LOSSES],
    ids=lambda value: value if isinstance(value, int) else identify(value),
)
def test_value_and_gradient_are_finite_far_out(loss, n_classes):
    logits = tf.Variable(100.0 * np.vstack([np.eye(n_classes), -np.eye(n_classes)]).astype("float32"))
    labels = np.zeros(2 * n_classes, dtype=np.int32)
    with tf.GradientTape() as tape:
        value = loss.call(labels, logits)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(tape.gradient(value, logits)))


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=identify)
def test_a_confidently_wrong_row_has_a_gradient(loss):
    """Keras' own binary focal loss has none beyond |z| = 16."""
    logits = tf.Variable([[50.0, -50.0]])
    with tf.GradientTape() as tape:
        value = loss.call(np.array([1]), logits)
    gradient = np.asarray(tape.gradient(value, logits))
    assert gradient[0, 0] > 0 > gradient[0, 1]


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=identify)
def test_probabilities_are_finite_ordered_and_sum_to_one(loss):
    z = np.concatenate([np.linspace(-100, 100, 201), [0.0]])
    proba = loss.predict_proba(np.column_stack([-z / 2, z / 2]))
    assert np.all(np.isfinite(proba))
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-12)
    assert np.all(np.diff(proba[:201, 1]) >= 0)


@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [(loss, 2) for loss in ALL_LOSSES] + [(loss, 3) for loss in LOSSES],
    ids=lambda value: value if isinstance(value, int) else identify(value),
)
def test_links_run_in_a_keras_graph(loss, n_classes):
    """In single precision, to its rounding."""
    logits = np.random.default_rng(0).normal(scale=4.0, size=(200, n_classes))
    in_graph = tf.function(lambda logits: loss.link().inverse(logits, keras.ops))
    np.testing.assert_allclose(in_graph(logits.astype("float32")), loss.predict_proba(logits), atol=2e-5)


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=identify)
def test_round_trip_through_its_configuration(loss):
    restored = type(loss).from_config(loss.get_config())
    assert restored.get_config() == loss.get_config()
    assert pickle.loads(pickle.dumps(loss)).get_config() == loss.get_config()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("neutral", "n_classes"),
    [
        (FocalLoss(0.0), 4), (PolyLoss(0.0), 4), (LogitAdjustment(tau=0.0).loss(np.array([9.0, 1.0, 3.0])), 3),
        (VectorScaling(0.0, 0.0).loss(np.array([9.0, 1.0, 3.0])), 3), (AsymmetricFocalLoss(0.0, 0.0, 0.0), 2),
        (LDAM(max_margin=0.0, scale=1.0).loss(np.array([9.0, 1.0])), 2),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_neutral_parameters_are_cross_entropy(neutral, n_classes):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, n_classes)), rng.integers(n_classes, size=20)
    np.testing.assert_allclose(neutral.call(labels, logits), CrossEntropy().call(labels, logits), rtol=1e-6)
    np.testing.assert_allclose(neutral.predict_proba(logits), CrossEntropy().predict_proba(logits), rtol=1e-6)


def test_focal_loss_has_the_value_of_the_paper():
    """Lin et al. (2017), section 3.2: at gamma = 2, a row with q = 0.9 counts 100 times less."""
    q = np.array([[0.1, 0.9]])
    ratio = np.asarray(CrossEntropy().call(np.array([1]), np.log(q))) / FocalLoss(2.0).call(np.array([1]), np.log(q))
    np.testing.assert_allclose(ratio, 100, rtol=1e-5)


def test_focal_softmax_is_15_percent_where_p_is_1_percent():
    logits = FocalLoss(2.0).initial_logits(np.array([0.99, 0.01]))
    assert 1 / (1 + np.exp(logits[0] - logits[1])) == pytest.approx(0.154, abs=0.001)


def test_published_values_of_the_other_losses():
    """By hand, from the formulas of the papers, at q = (0.2, 0.8) and true class 1."""
    logits, positive, negative = np.log([[0.2, 0.8]]), np.array([1]), np.array([0])
    np.testing.assert_allclose(PolyLoss(2.0).call(positive, logits), -np.log(0.8) + 2 * 0.2, rtol=1e-5)
    asymmetric = AsymmetricFocalLoss(1.0, 4.0, 0.05)
    np.testing.assert_allclose(asymmetric.call(positive, logits), -0.2 * np.log(0.8), rtol=1e-5)
    np.testing.assert_allclose(asymmetric.call(negative, logits), -(0.75**4) * np.log(0.25), rtol=1e-5)
    balanced_softmax = LogitAdjustment().loss(np.array([90.0, 10.0]))  # Ren et al., equation 3: counts times exp(z)
    np.testing.assert_allclose(balanced_softmax.call(positive, logits), -np.log(8 / (18 + 8)), rtol=1e-5)
    margins = LDAM(max_margin=0.5, scale=1.0).loss(np.array([1600.0, 100.0]))
    expected = -np.log(0.8 * np.exp(-0.5) / (0.2 + 0.8 * np.exp(-0.5)))
    np.testing.assert_allclose(margins.call(positive, logits), expected, rtol=1e-5)
    scaled = VectorScaling(gamma=0.5, tau=0.0).loss(np.array([90.0, 10.0]))
    expected = -np.log(0.8 ** (1 / 3) / (0.2 + 0.8 ** (1 / 3)))
    np.testing.assert_allclose(scaled.call(positive, logits), expected, rtol=1e-5)


def test_asymmetric_loss_is_32_percent_where_p_is_1_percent():
    logits = AsymmetricFocalLoss().initial_logits(np.array([0.99, 0.01]))
    assert 1 / (1 + np.exp(logits[0] - logits[1])) == pytest.approx(0.32, abs=0.005)


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
def test_keras_losses_get_the_labels_and_outputs_they_expect(wrapped, reference):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 2)).astype("float32"), rng.integers(2, size=20)
    np.testing.assert_allclose(wrapped.call(labels, logits), reference.call(labels, logits), rtol=1e-4)
