"""Base classes of strategies and of losses on logits."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skimbalance._documentation import LinkedToDocumentation
from skimbalance._keras.packing import ByArguments
from skimbalance._keras.startup import keras
from skimbalance.probability.links import Link


class Strategy(LinkedToDocumentation, BaseEstimator):
    """Base class of strategies for imbalanced classes: four hooks, each of which changes nothing by default.

    A strategy can change the training rows (`fit_resample`), how batches are drawn (`batch_prior`), the class
    weights (`class_weight`) and the loss (`loss`). A subclass overrides the hooks that it needs. Constructor
    parameters are assigned unchanged, as in every scikit-learn estimator; a parameter ``random_state`` left at None
    is given a seed derived from the classifier's ``random_state``.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_rows,), absent by default
        Set by `fit_resample` if every returned row is one of the given rows, so that ``sample_weight`` can follow
        the rows.

    Notes
    -----
    The first three hooks change only the class prior of the training data; the loss changes the link between the
    network's output and P(y | x). The classifier computes the prior from the hooks' results, so a strategy needs
    no code for probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import Strategy
    >>> class SquareRootWeight(Strategy):
    ...     def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
    ...         return class_counts**-0.5
    >>> SquareRootWeight().class_weight(np.array([100.0, 25.0]), progress=0.0)
    array([0.1, 0.2])
    """

    #: Whether the strategy is defined for more than two classes.
    multi_class: bool = True
    #: Whether its loss' link is approximate, so that probabilities are calibrated on held-out rows if there are any.
    needs_calibration: bool = False
    #: Position in ``classes_`` of the positive class of two; the classifier sets it before any hook is called.
    positive: int = 1
    #: `Columns` of the rows; the classifier sets it before any hook is called. Rows hold codes of categories, and NaN
    #: for missing values.
    columns: Any = None

    @property
    def needs_positive(self) -> str | None:
        """The setting that depends on which class is positive, such as "alpha=0.9", or None."""
        return None

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Training rows; held-out rows are not among them.
        y : ndarray of shape (n_samples,)
            Their labels, as the caller of ``fit`` gave them.

        Returns
        -------
        X_resampled : ndarray of shape (n_rows, n_features)
            Rows to train on; `X` itself if nothing is resampled.
        y_resampled : ndarray of shape (n_rows,)
            Their labels.
        """
        return X, y

    def batch_prior(self, class_counts: np.ndarray) -> np.ndarray | None:
        """Return the class shares that every batch is drawn with, or None for those of the rows.

        Parameters
        ----------
        class_counts : ndarray of shape (n_classes,)
            Weighted number of training rows of each class, after resampling.

        Returns
        -------
        ndarray of shape (n_classes,) or None
            Shares that sum to one.
        """
        return

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return the weight of the rows of each class.

        Parameters
        ----------
        class_counts : ndarray of shape (n_classes,)
            Weighted number of training rows of each class, after resampling.
        progress : float
            Share of the epochs that are finished, from 0 to 1. The weights at 1 define the class prior that the
            network has learned.

        Returns
        -------
        ndarray of shape (n_classes,)
            Weights; their scale does not matter.
        """
        return np.ones_like(class_counts)

    def loss(self, class_counts: np.ndarray) -> LogitsLoss | None:
        """Return the loss of this strategy, or None for cross-entropy.

        Parameters
        ----------
        class_counts : ndarray of shape (n_classes,)
            Weighted number of training rows of each class, after resampling.

        Returns
        -------
        LogitsLoss or None
            Loss on integer labels and logits.
        """
        return


def balanced_weights(class_counts):
    """Return n / (K n_c), the weights under which all classes have the same total weight."""
    return class_counts.sum() / (len(class_counts) * class_counts)


class LogitsLoss(ByArguments, keras.losses.Loss):
    """Loss on integer labels and logits, with the link from logits to the probabilities that its optimum implies.

    A subclass implements `call` with ``keras.ops``, from ``log_softmax`` and never from a clipped softmax, and
    overrides `link` (or `predict_proba` alone) if its optimum is not ``softmax(logits) = P(y | x)``. Class weights
    do not belong here: they are passed as sample weights, so that weights and losses can be combined. Numbers named in
    `hyperparameters` are passed to compiled training programs as data, so that a grid search over them compiles once.

    Parameters
    ----------
    name : str, default=None
        Name of the loss in Keras' logs.

    Examples
    --------
    The Brier score, which is proper, so that softmax is its link:

    >>> import keras, numpy as np
    >>> from skimbalance.strategies import LogitsLoss
    >>> class BrierLoss(LogitsLoss):
    ...     def call(self, y_true, y_pred):
    ...         proba = keras.ops.exp(keras.ops.log_softmax(y_pred))
    ...         truth = keras.ops.one_hot(y_true, y_pred.shape[-1], dtype=proba.dtype)
    ...         return keras.ops.sum(keras.ops.square(proba - truth), axis=-1)
    >>> float(BrierLoss()(np.array([0, 1]), np.zeros((2, 2))))
    0.5
    >>> BrierLoss().predict_proba(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """

    #: Whether its optimum implies no probability, so that one must be calibrated on held-out rows.
    needs_calibration = False
    #: Whether it scores a batch as a whole, so that rows cannot have weights.
    is_of_batch = False
    #: Whether labels follow from the larger output rather than from P = 1/2 under the class prior of training.
    decides_by_outputs = False
    #: Names of the numeric attributes that `call` reads.
    hyperparameters = ()

    def __init__(self, name=None):
        super().__init__(name=name, reduction="sum_over_batch_size")

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name, **{name: getattr(self, name) for name in self.hyperparameters}}

    def _arguments(self):
        """Return the constructor's arguments."""
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return {name: getattr(self, name) for name in names}

    def call(self, y_true, y_pred):
        """Return the loss of every row.

        Parameters
        ----------
        y_true : tensor of int, shape (n_samples,)
            Class indices.
        y_pred : tensor of shape (n_samples, n_classes)
            Logits.

        Returns
        -------
        tensor of shape (n_samples,)
            Loss of each row.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred).")

    def with_hyperparameters(self, values):
        """Return the same loss at other values of its `hyperparameters`, in their order, which may be tensors."""
        loss = copy.copy(self)
        vars(loss).update(zip(self.hyperparameters, values, strict=True))
        return loss

    def link(self):
        """Return the `Link` between logits and P(y | x) at the optimum; softmax by default."""
        return Link()

    def predict_proba(self, logits):
        """Return P(y | x) under the class prior of training.

        Parameters
        ----------
        logits : ndarray of shape (n_samples, n_classes)
            Outputs of the network.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities; every row sums to one.
        """
        return self.link().inverse(np.asarray(logits, dtype=np.float64))

    @property
    def is_by_link(self):
        """Whether `predict_proba` is the inverse of `link`, which computes in a graph as well."""
        return type(self).predict_proba is LogitsLoss.predict_proba

    def prior_factor(self):
        """Return the factors by which the class prior of `predict_proba` differs from that of training.

        Returns
        -------
        ndarray of shape (n_classes,) or float
            Factors; their scale does not matter.
        """
        return 1.0

    def initial_logits(self, prior):
        """Return the constant logits at which `predict_proba` gives `prior`: where training starts.

        Parameters
        ----------
        prior : ndarray of shape (n_classes,)
            Class prior of training.

        Returns
        -------
        ndarray of shape (n_classes,)
            Logits with mean zero.
        """
        return self.link().link(prior)


@keras.saving.register_keras_serializable("skimbalance")
class CrossEntropy(LogitsLoss):
    r"""Cross-entropy, :math:`-\log q_y` with :math:`q = \mathrm{softmax}(z)`: proper, so P(y | x) = q."""

    def call(self, y_true, y_pred):
        """Return the negative log-likelihood of every row."""
        return -true_log_probabilities(y_true, y_pred)[0]


def true_log_probabilities(y_true, logits):
    """Return log q_y and log(1 - q_y) of each row's true class: (n,), (n, n_classes) -> (n,), (n,).

    Both are exact far into either tail, where 1 - q_y itself is rounded to 0.
    """
    ops = keras.ops
    if logits.shape[-1] == 2:
        # The margin of two classes alone, without reductions over an axis of two: half the time of a small step.
        margin = (logits[:, 1] - logits[:, 0]) * (2 * ops.cast(y_true, logits.dtype) - 1)
        return -ops.softplus(-margin), -ops.softplus(margin)
    log_q = ops.log_softmax(logits)
    true = one_hot(y_true, log_q)
    # A product with the one-hot labels rather than a gather, whose gradient is a scatter, slow on every device.
    return ops.sum(true * log_q, axis=-1), ops.logsumexp(log_q - 1e30 * true, axis=-1)


def one_hot(y_true, like):
    """One-hot labels in the shape and type of the logits `like`."""
    return keras.ops.one_hot(keras.ops.cast(y_true, "int32"), like.shape[-1], dtype=like.dtype)
