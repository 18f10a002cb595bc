"""Class weights inversely proportional to the class counts, or as given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from skimbalance.strategies.base import Strategy, balanced_weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class ClassWeight(Strategy):
    r"""Weight the loss of each row by its class.

    Parameters
    ----------
    weights : {"balanced"} or array-like of shape (n_classes,), default="balanced"
        "balanced" takes :math:`w_c = n / (K n_c)` from the weighted counts of the training rows; an array
        gives one weight per class, in the order of ``classes_``. Only ratios matter.

    Notes
    -----
    The network learns the posterior of a population with class shares proportional to :math:`n_c w_c`; under
    balanced weights every class is equally frequent there (``train_prior_``). ``predict_proba`` shifts from these
    shares to `target_prior`, by default the shares of y.

    References
    ----------
    .. [1] G. King and L. Zeng (2001), "Logistic Regression in Rare Events Data", Political Analysis 9(2),
       137-163, doi:10.1093/oxfordjournals.pan.a004868.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import ClassWeight
    >>> ClassWeight().class_weight(np.array([90.0, 10.0]), progress=0.0).round(3)
    array([0.556, 5.   ])
    """

    def __init__(self, weights: Literal["balanced"] | ArrayLike = "balanced") -> None:
        self.weights = weights

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Return one weight per class."""
        if isinstance(self.weights, str):
            if self.weights != "balanced":
                raise ValueError(
                    f'ClassWeight got weights={self.weights!r}; it takes "balanced" or one weight per class.'
                )
            return balanced_weights(class_counts)
        weights = np.asarray(self.weights, dtype=np.float64)
        if weights.shape != class_counts.shape or not np.all(np.isfinite(weights)) or np.any(weights <= 0):
            raise ValueError(
                f"ClassWeight got weights={self.weights!r} for {len(class_counts)} classes; it takes one "
                'positive, finite weight per class, in the order of classes_, or "balanced".'
            )
        return weights
