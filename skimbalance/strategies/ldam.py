"""LDAM loss: wider margins for rarer classes, with deferred re-weighting."""

from __future__ import annotations

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.probability.links import MarginLink, ScaledSoftmax
from skimbalance.strategies.base import LogitsLoss, Strategy, one_hot, true_log_probabilities
from skimbalance.strategies.effective_number import effective_number_weights


class LDAM(Strategy):
    r"""Train with label-distribution-aware margins, and with weights in the last fifth of training.

    Parameters
    ----------
    max_margin : float, default=0.5
        Margin of the rarest class, at least 0; the others have :math:`\Delta_c \propto n_c^{-1/4}`.
    scale : float, default=30.0
        Factor s of the logits, above 0.
    deferred : bool, default=True
        Whether to weight classes by their effective number (beta = 0.9999) in the last fifth of the epochs (DRW).

    Raises
    ------
    ValueError
        At fit, for a margin or a scale outside its domain.

    Notes
    -----
    The loss is cross-entropy of :math:`s (z - \Delta_y e_y)`. For two classes, with :math:`d = z_1 - z_0`, its optimum
    has

    .. math:: P(1 | x) = \frac{\sigma(s(d + \Delta_0))}{\sigma(s(d + \Delta_0)) + \sigma(-s(d - \Delta_1))},

    which ``predict_proba`` applies. It is nearly flat at one half between the margins, so that probabilities are
    coarse. For more classes no link is known. So if at least five rows outside the largest class can be held out, a
    logistic regression fitted on them replaces the link, as ``calibration="holdout"`` does for any strategy. Otherwise
    ``predict_proba`` applies the link, or softmax(s z) for more classes, which is not calibrated.

    References
    ----------
    .. [1] K. Cao, C. Wei, A. Gaidon, N. Arechiga and T. Ma (2019), "Learning Imbalanced Datasets with
       Label-Distribution-Aware Margin Loss", NeurIPS, arXiv:1906.07413.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import LDAM
    >>> LDAM().loss(np.array([1600.0, 100.0])).margins
    array([0.25, 0.5 ])
    """

    needs_calibration = True

    def __init__(self, max_margin: float = 0.5, scale: float = 30.0, deferred: bool = True) -> None:
        self.max_margin = max_margin
        self.scale = scale
        self.deferred = deferred

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return weights by effective number in the last fifth of training, equal ones before."""
        if not self.deferred or progress < 0.8:
            return np.ones(len(class_counts))
        return effective_number_weights(class_counts, beta=0.9999)

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the loss with the margins of these counts."""
        if not 0 <= self.max_margin < np.inf or not 0 < self.scale < np.inf:
            raise ValueError(
                f"LDAM got max_margin={self.max_margin!r} and scale={self.scale!r}; it takes a margin of at least 0 "
                "and a scale above 0."
            )
        return LDAMLoss(self.max_margin * (class_counts / class_counts.min()) ** -0.25, self.scale)


@keras.saving.register_keras_serializable("skimbalance")
class LDAMLoss(LogitsLoss):
    r"""Cross-entropy of :math:`s (z - \Delta_y e_y)`: the true class must lead by its margin.

    Parameters
    ----------
    margins : array-like of shape (n_classes,)
        Margin of each class.
    scale : float, default=30.0
        Factor of the logits.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    hyperparameters = ("margins", "scale")

    def __init__(self, margins, scale=30.0, name=None):
        super().__init__(name=name)
        self.margins = np.asarray(margins, dtype=np.float64)
        self.scale = float(scale)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name, "margins": self.margins.tolist(), "scale": self.scale}

    def call(self, y_true, y_pred):
        """Return the loss of every row."""
        margins, scale = (keras.ops.cast(a, y_pred.dtype) for a in (self.margins, self.scale))
        return -true_log_probabilities(y_true, scale * (y_pred - margins * one_hot(y_true, y_pred)))[0]

    def link(self):
        """Return the closed form for two classes, softmax(s z) for more."""
        return MarginLink(self.margins, self.scale) if len(self.margins) == 2 else ScaledSoftmax(self.scale)
