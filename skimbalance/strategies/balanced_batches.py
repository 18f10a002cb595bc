"""Draw batches with given class shares, from fresh rows in every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skimbalance.strategies.base import Strategy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class BalancedBatches(Strategy):
    r"""Draw every batch with given class shares, equal ones by default.

    Parameters
    ----------
    shares : array-like of shape (n_classes,) or None, default=None
        Class shares of an epoch, positive and with sum one, in the order of ``classes_``; None draws all classes
        equally often.

    Raises
    ------
    ValueError
        At fit, for shares of another length, that do not sum to one, or that are not positive.

    Notes
    -----
    The number of steps of an epoch does not change. Rows of a class are drawn without replacement until all of them
    have been used, so that every row of a frequent class is used in the course of some epochs. The network learns the
    posterior of a population with these class shares.

    References
    ----------
    .. [1] B. Kang, S. Xie, M. Rohrbach, Z. Yan, A. Gordo, J. Feng and Y. Kalantidis (2020), "Decoupling Representation
       and Classifier for Long-Tailed Recognition", ICLR, arXiv:1910.09217.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import BalancedBatches
    >>> BalancedBatches().batch_prior(np.array([90.0, 10.0]))
    array([0.5, 0.5])
    """

    def __init__(self, shares: ArrayLike | None = None) -> None:
        self.shares = shares

    def batch_prior(self, class_counts: np.ndarray) -> np.ndarray | None:
        """Return the class shares of an epoch."""
        if self.shares is None:
            return np.full(len(class_counts), 1 / len(class_counts))
        shares = np.asarray(self.shares, dtype=np.float64)
        if shares.shape != class_counts.shape or not np.all(shares > 0) or abs(shares.sum() - 1) > 1e-6:
            raise ValueError(
                f"BalancedBatches got shares={self.shares!r} for {len(class_counts)} classes; it takes one positive "
                "share per class, with sum one, or None for equal shares."
            )
        return shares / shares.sum()
