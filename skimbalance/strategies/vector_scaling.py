"""Vector-scaling loss: a scale and a shift of the logits for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skimbalance.strategies.base import Strategy
from skimbalance.strategies.logit_adjustment import LogitAdjustedLoss, adjustment_of

if TYPE_CHECKING:
    import numpy as np

    from skimbalance.strategies.base import LogitsLoss


class VectorScaling(Strategy):
    r"""Train with the vector-scaling loss, cross-entropy of :math:`z_c / \Delta_c + \tau \log \pi_c`.

    Parameters
    ----------
    gamma : float, default=0.15
        Exponent of the scales :math:`\Delta_c = (n_{max} / n_c)^\gamma`, at least 0; 0 scales nothing.
    tau : float, default=1.0
        Factor of the log class prior that is added, at least 0.

    Raises
    ------
    ValueError
        At fit, for a negative gamma or tau.

    Notes
    -----
    The optimum is :math:`\mathrm{softmax}(z / \Delta + \tau \log \pi) = P(y | x)`, so that
    :math:`\mathrm{softmax}(z / \Delta)` is the posterior of a population with class shares proportional to
    :math:`\pi_c^{1-\tau}` (``train_prior_``). ``predict_proba`` shifts it to `target_prior`, by default the shares of
    y.

    References
    ----------
    .. [1] G. R. Kini, O. Paraskevas, S. Oymak and C. Thrampoulidis (2021), "Label-Imbalanced and Group-Sensitive
       Classification under Overparameterization", NeurIPS, arXiv:2103.01550.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import VectorScaling
    >>> VectorScaling(gamma=0.5).loss(np.array([90.0, 10.0])).scale.round(3)
    array([1.   , 0.333])
    """

    def __init__(self, gamma: float = 0.15, tau: float = 1.0) -> None:
        self.gamma = gamma
        self.tau = tau

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the vector-scaling loss."""
        if not self.gamma >= 0:
            raise ValueError(f"VectorScaling got gamma={self.gamma!r}; it takes a number of at least 0.")
        scale = (class_counts / class_counts.max()) ** self.gamma
        return LogitAdjustedLoss(adjustment_of(class_counts, self.tau, "VectorScaling"), scale)
