"""Focal loss, which down-weights rows that are easy to classify."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.probability.links import FocalLink
from skimbalance.strategies.base import LogitsLoss, Strategy, balanced_weights, true_log_probabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Focal(Strategy):
    r"""Train with focal loss, :math:`-\alpha_y (1 - q_y)^\gamma \log q_y`.

    Parameters
    ----------
    gamma : float, default=2.0
        Focusing exponent, at least 0; 0 is cross-entropy.
    alpha : float, array-like of shape (n_classes,), "balanced" or None, default=None
        Weight of the classes. A number in (0, 1) is the weight of the positive class (the classifier's
        ``pos_label``), and the negative class has ``1 - alpha``; an array gives one positive weight per class;
        "balanced" takes :math:`n / (K n_c)`; None weights all classes equally. The 0.25 of the paper was tuned
        together with gamma = 2 for object detection, and makes the rare class count *less*.

    Notes
    -----
    Focal loss is not proper: the softmax of its optimum is less extreme than P(y | x) (15 % where P is 1 %, at
    gamma = 2). It is strictly order-preserving, though, and Charoenphakdee et al. derive the link,

    .. math:: P(c | x) \propto h(q_c), \quad h(v) = \frac{v}{(1-v)^\gamma - \gamma (1-v)^{\gamma-1} v \ln v},

    which ``predict_proba`` applies. Alpha acts as class weights do, and so shifts the class prior.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár (2017), "Focal Loss for Dense Object
       Detection", ICCV, arXiv:1708.02002.
    .. [2] N. Charoenphakdee, J. Vongkulbhisal, N. Chairatanakul and M. Sugiyama (2021), "On Focal Loss for
       Class-Posterior Probability Estimation: A Theoretical Perspective", CVPR, arXiv:2011.09172.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import Focal
    >>> Focal(alpha=0.25).class_weight(np.array([90.0, 10.0]), progress=0.0)
    array([0.75, 0.25])
    """

    def __init__(self, gamma: float = 2.0, alpha: float | ArrayLike | Literal["balanced"] | None = None) -> None:
        self.gamma = gamma
        self.alpha = alpha

    @property
    def needs_positive(self) -> str | None:
        """Return alpha as text if it is the weight of one class, else None."""
        return f"alpha={self.alpha!r}" if isinstance(self.alpha, Real) else None

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return alpha of each class."""
        n_classes = len(class_counts)
        if self.alpha is None:
            return np.ones(n_classes)
        if isinstance(self.alpha, str) and self.alpha == "balanced":
            return balanced_weights(class_counts)
        alpha = None if isinstance(self.alpha, str) else np.asarray(self.alpha, dtype=np.float64)
        if alpha is not None and alpha.ndim == 0 and n_classes == 2 and 0 < alpha < 1:
            return np.where(np.arange(2) == self.positive, alpha, 1 - alpha)
        if alpha is not None and alpha.shape == (n_classes,) and np.all(alpha > 0) and np.all(alpha < np.inf):
            return alpha
        raise ValueError(
            f"Focal loss got alpha={self.alpha!r} for {n_classes} classes; it takes a number in (0, 1), the "
            'weight of the positive class of two, one positive weight per class, "balanced", or None.'
        )

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the focal loss."""
        return FocalLoss(gamma=self.gamma)


@keras.saving.register_keras_serializable("skimbalance")
class FocalLoss(LogitsLoss):
    r"""Focal loss on logits, :math:`-(1 - q_y)^\gamma \log q_y` with :math:`q = \mathrm{softmax}(z)`.

    Parameters
    ----------
    gamma : float, default=2.0
        Focusing exponent, at least 0; 0 is cross-entropy.
    name : str, default=None
        Name of the loss in Keras' logs.

    Raises
    ------
    ValueError
        If gamma is negative or not finite.
    """

    hyperparameters = ("gamma",)

    def __init__(self, gamma=2.0, name=None):
        super().__init__(name=name)
        if not 0 <= gamma < np.inf:
            raise ValueError(
                f"Focal loss got gamma={gamma!r}; it takes a number of at least 0, where 0 is cross-entropy."
            )
        self.gamma = float(gamma)

    def call(self, y_true, y_pred):
        """Return the focal loss of every row."""
        log_true, log_rest = true_log_probabilities(y_true, y_pred)
        return -keras.ops.exp(self.gamma * log_rest) * log_true

    def link(self):
        """Return the link of Charoenphakdee et al. (2021), theorem 11."""
        return FocalLink(self.gamma)
