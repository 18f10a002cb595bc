"""Class weights proportional to a power of the class count, milder than balanced ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from skimbalance.strategies.base import Strategy

if TYPE_CHECKING:
    import numpy as np


class PowerWeight(Strategy):
    r"""Weight the loss of each row by a power of its class count, :math:`w_c \propto n_c^{-s}`.

    Parameters
    ----------
    exponent : float in [0, 1] or "sqrt", default="sqrt"
        The power s: 1 balances the classes, 0 weights all rows equally, "sqrt" is 0.5.

    Raises
    ------
    ValueError
        At fit, for an exponent outside [0, 1].

    Notes
    -----
    The network learns the posterior of a population with class shares proportional to :math:`n_c^{1-s}`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import PowerWeight
    >>> PowerWeight().class_weight(np.array([100.0, 4.0]), progress=0.0)
    array([0.1, 0.5])
    """

    def __init__(self, exponent: float | Literal["sqrt"] = "sqrt") -> None:
        self.exponent = exponent

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return one weight per class."""
        exponent = 0.5 if isinstance(self.exponent, str) and self.exponent == "sqrt" else self.exponent
        if isinstance(exponent, str) or not 0 <= exponent <= 1:
            raise ValueError(
                f'PowerWeight got exponent={self.exponent!r}; it takes a number in [0, 1] or "sqrt", where 1 balances '
                "the classes and 0 weights all rows equally."
            )
        return class_counts**-exponent
