"""Logit-adjusted loss: add the log class prior to the logits in training."""

from __future__ import annotations

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.probability.links import ScaledSoftmax
from skimbalance.strategies.base import LogitsLoss, Strategy, true_log_probabilities


class LogitAdjustment(Strategy):
    r"""Train with cross-entropy of :math:`z + \tau \log \pi`, the logit-adjusted loss.

    Parameters
    ----------
    tau : float, default=1.0
        Factor of the log class prior that is added, at least 0; 0 is cross-entropy, 1 the balanced softmax of Ren et
        al.

    Raises
    ------
    ValueError
        At fit, for a negative tau.

    Notes
    -----
    The optimum is :math:`\mathrm{softmax}(z + \tau \log \pi) = P(y | x)`, so that softmax(z) is the posterior of a
    population with class shares proportional to :math:`\pi_c^{1-\tau}`, by default equal ones (``train_prior_``).
    ``predict_proba`` shifts it to `target_prior`, by default the shares of y.

    References
    ----------
    .. [1] A. K. Menon, S. Jayasumana, A. S. Rawat, H. Jain, A. Veit and S. Kumar (2021), "Long-Tail Learning via Logit
       Adjustment", ICLR, arXiv:2007.07314.
    .. [2] J. Ren, C. Yu, S. Sheng, X. Ma, H. Zhao, S. Yi and H. Li (2020), "Balanced Meta-Softmax for Long-Tailed
       Visual Recognition", NeurIPS, arXiv:2007.10740.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import LogitAdjustment
    >>> LogitAdjustment().loss(np.array([90.0, 10.0])).adjustment.round(3)
    array([-0.105, -2.303])
    """

    def __init__(self, tau: float = 1.0) -> None:
        self.tau = tau

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the logit-adjusted loss."""
        return LogitAdjustedLoss(adjustment_of(class_counts, self.tau, "LogitAdjustment"))


def adjustment_of(class_counts, tau, name):
    """Return tau times the log class prior."""
    if not 0 <= tau < np.inf:
        raise ValueError(f"{name} got tau={tau!r}; it takes a number of at least 0, where 0 is cross-entropy.")
    return tau * np.log(class_counts / class_counts.sum())


@keras.saving.register_keras_serializable("skimbalance")
class LogitAdjustedLoss(LogitsLoss):
    r"""Cross-entropy of scaled and shifted logits, :math:`-\log \mathrm{softmax}(s z + a)_y`.

    Parameters
    ----------
    adjustment : array-like of shape (n_classes,)
        Shift a of the logits: tau times the log class prior.
    scale : array-like of shape (n_classes,), default=None
        Factor s of the logits; None is 1 for every class.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    hyperparameters = ("adjustment", "scale")

    def __init__(self, adjustment, scale=None, name=None):
        super().__init__(name=name)
        self.adjustment = np.asarray(adjustment, dtype=np.float64)
        self.scale = np.ones_like(self.adjustment) if scale is None else np.asarray(scale, dtype=np.float64)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name, "adjustment": self.adjustment.tolist(), "scale": self.scale.tolist()}

    def call(self, y_true, y_pred):
        """Return the loss of every row."""
        scale, shift = (keras.ops.cast(a, y_pred.dtype) for a in (self.scale, self.adjustment))
        return -true_log_probabilities(y_true, y_pred * scale + shift)[0]

    def link(self):
        """Return the link under the class prior that remains after the adjustment: softmax(s z)."""
        return ScaledSoftmax(self.scale)

    def prior_factor(self):
        """Return exp(-a): the logits are those of a population that is less imbalanced than the training data."""
        return np.exp(-self.adjustment)
