"""Poly-1 loss: cross-entropy with a larger weight on the first term of its expansion."""

from __future__ import annotations

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.probability.links import PolyLink
from skimbalance.strategies.base import LogitsLoss, Strategy, true_log_probabilities


class Poly(Strategy):
    r"""Train with the Poly-1 loss, :math:`-\log q_y + \epsilon (1 - q_y)`.

    Parameters
    ----------
    epsilon : float, default=1.0
        Weight of the added term, above -1; 0 is cross-entropy.

    Raises
    ------
    ValueError
        At fit, for an epsilon of -1 or less, where the loss is no longer increasing in 1 - q.

    Notes
    -----
    The loss is not proper; the condition of the optimum gives the link :math:`P(c | x) \propto q_c / (1 + \epsilon
    q_c)`, which ``predict_proba`` applies.

    References
    ----------
    .. [1] Z. Leng, M. Tan, C. Liu, E. D. Cubuk, X. Shi, S. Cheng and D. Anguelov (2022), "PolyLoss: A Polynomial
       Expansion Perspective of Classification Loss Functions", ICLR, arXiv:2204.12511.

    Examples
    --------
    >>> from skimbalance.strategies import Poly
    >>> Poly(epsilon=2.0).loss(None).epsilon
    2.0
    """

    def __init__(self, epsilon: float = 1.0) -> None:
        self.epsilon = epsilon

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the Poly-1 loss."""
        return PolyLoss(epsilon=self.epsilon)


@keras.saving.register_keras_serializable("skimbalance")
class PolyLoss(LogitsLoss):
    r"""Poly-1 loss on logits, :math:`-\log q_y + \epsilon (1 - q_y)` with :math:`q = \mathrm{softmax}(z)`.

    Parameters
    ----------
    epsilon : float, default=1.0
        Weight of the added term, above -1; 0 is cross-entropy.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    hyperparameters = ("epsilon",)

    def __init__(self, epsilon=1.0, name=None):
        super().__init__(name=name)
        if not -1 < epsilon < np.inf:
            raise ValueError(
                f"Poly loss got epsilon={epsilon!r}; it takes a number above -1, where 0 is cross-entropy."
            )
        self.epsilon = float(epsilon)

    def call(self, y_true, y_pred):
        """Return the loss of every row."""
        log_true, log_rest = true_log_probabilities(y_true, y_pred)
        return -log_true + self.epsilon * keras.ops.exp(log_rest)

    def link(self):
        """Return the link of the optimum."""
        return PolyLink(self.epsilon)
