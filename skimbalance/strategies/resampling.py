"""Which rows does the network see? Those that one of imbalanced-learn's samplers returns."""

import numpy as np
from sklearn.base import clone

from skimbalance.strategies.base import Strategy


class Resampling(Strategy):
    """Resample the training rows with one of imbalanced-learn's samplers.

    Parameters
    ----------
    sampler : object
        Sampler with ``fit_resample(X, y)`` in imbalanced-learn's manner; it is cloned for every fit.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_rows,)
        Rows of the input that were selected; present only where the sampler selects rows and makes none up.

    Notes
    -----
    Resampling changes the class prior that the network learns, from that of the rows to that of the resampled
    rows; ``predict_proba`` is the posterior under the latter. Synthetic rows (SMOTE and its family) change the
    distribution within the class as well, so for them this holds approximately.

    References
    ----------
    .. [1] N. V. Chawla, K. W. Bowyer, L. O. Hall and W. P. Kegelmeyer (2002), "SMOTE: Synthetic Minority
       Over-sampling Technique", JAIR 16, 321-357, doi:10.1613/jair.953.
    .. [2] A. Dal Pozzolo, O. Caelen, R. A. Johnson and G. Bontempi (2015), "Calibrating Probability with
       Undersampling for Unbalanced Classification", IEEE SSCI, doi:10.1109/SSCI.2015.33.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from skimbalance.strategies import Resampling
    >>> X, y = np.arange(10.0)[:, None], np.array([0] * 8 + [1] * 2)
    >>> X_resampled, y_resampled = Resampling(RandomUnderSampler(random_state=0)).fit_resample(X, y)
    >>> np.bincount(y_resampled)
    array([2, 2])
    """

    def __init__(self, sampler):
        self.sampler = sampler

    def fit_resample(self, X, y):
        """Return the sampler's rows and labels."""
        sampler = clone(self.sampler)
        self._check_neighbours(sampler, y)
        try:
            X_resampled, y_resampled = sampler.fit_resample(X, y)
        except Exception as error:
            labels, counts = np.unique(y, return_counts=True)
            raise ValueError(
                f"{type(sampler).__name__} could not resample the training rows, whose classes count "
                f"{dict(zip(labels.tolist(), counts.tolist(), strict=True))}: {error}"
                + ("" if isinstance(error, ValueError) else f" ({type(error).__name__})")
            ) from error
        if hasattr(self, "sample_indices_"):
            del self.sample_indices_
        if hasattr(sampler, "sample_indices_"):
            self.sample_indices_ = np.asarray(sampler.sample_indices_)
        return X_resampled, y_resampled

    @staticmethod
    def _check_neighbours(sampler, y):
        """Refuse a sampler that looks for more neighbours than the smallest class has."""
        k_neighbors = getattr(sampler, "k_neighbors", None)
        labels, counts = np.unique(y, return_counts=True)
        if isinstance(k_neighbors, int | np.integer) and counts.min() < min(k_neighbors + 1, counts.max()):
            rarest = labels.tolist()[counts.argmin()]
            raise ValueError(
                f"{type(sampler).__name__} interpolates between k_neighbors={k_neighbors} neighbours of the same "
                f"class and so needs at least {k_neighbors + 1} training rows in each, but class {rarest!r} has "
                f"{counts.min()}. Lower k_neighbors (strategy__k_neighbors={max(counts.min() - 1, 1)}), or take "
                'strategy="random_oversample" or "class_weight", which need no neighbours.'
            )
