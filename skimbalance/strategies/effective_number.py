"""Class weights by the effective number of samples."""

from __future__ import annotations

import numpy as np

from skimbalance.strategies.base import Strategy


class EffectiveNumber(Strategy):
    r"""Weight the loss by the effective number of rows of a class, :math:`w_c \propto (1-\beta)/(1-\beta^{n_c})`.

    Parameters
    ----------
    beta : float in [0, 1), default=0.999
        Overlap between the information of the rows of a class; 0 weights all rows equally, and towards 1 the weights
        become those of balanced classes. The paper uses 0.9, 0.99, 0.999 and 0.9999.

    Raises
    ------
    ValueError
        At fit, for a beta outside [0, 1).

    Notes
    -----
    The weights sum to the number of classes. The network learns the posterior of a population with class shares
    proportional to :math:`n_c w_c`. Counts are weighted counts, on whose scale this strategy depends.

    References
    ----------
    .. [1] Y. Cui, M. Jia, T.-Y. Lin, Y. Song and S. Belongie (2019), "Class-Balanced Loss Based on Effective Number of
       Samples", CVPR, arXiv:1901.05555.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import EffectiveNumber
    >>> EffectiveNumber(beta=0.5).class_weight(np.array([1.0, 2.0]), progress=0.0)
    array([1.2, 0.8])
    """

    def __init__(self, beta: float = 0.999) -> None:
        self.beta = beta

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return one weight per class."""
        if not 0 <= self.beta < 1:
            raise ValueError(
                f"EffectiveNumber got beta={self.beta!r}; it takes a number in [0, 1), where 0 weights all rows "
                "equally and 0.9999 nearly balances the classes."
            )
        return effective_number_weights(class_counts, self.beta)


def effective_number_weights(class_counts, beta):
    """Return the weights of equation 5 of Cui et al., whose sum is the number of classes."""
    weights = (1 - beta) / -np.expm1(class_counts * np.log(beta)) if beta > 0 else np.ones(len(class_counts))
    return weights * len(weights) / weights.sum()
