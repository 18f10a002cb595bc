"""Resample the training rows with a sampler of imbalanced-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from imblearn.over_sampling import SMOTEN, SMOTENC
from sklearn.base import clone

from skimbalance.data.table import chosen_columns
from skimbalance.strategies.base import Strategy
from skimbalance.strategies.sampler_targets import check_neighbours, say_by_indices, takes_indices

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class Resampling(Strategy):
    """Resample the training rows with a sampler of imbalanced-learn.

    Parameters
    ----------
    sampler : object
        Sampler with imbalanced-learn's ``fit_resample(X, y)``; it is cloned for every fit.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_rows,)
        Rows of the input that were selected; present only if the sampler selects rows and generates none.

    Notes
    -----
    Resampling changes the class prior that the network learns to that of the resampled rows (``train_prior_``);
    ``predict_proba`` shifts from there to `target_prior`, by default the shares of y. Synthetic rows (SMOTE and its
    variants) also change the distribution within a class, so for them this holds approximately.

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

    #: Whether the sampler was chosen by name, so that a variant for categories and missing values may replace it.
    by_name = False

    def __init__(self, sampler: BaseEstimator) -> None:
        self.sampler = sampler

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sampler's rows and labels."""
        sampler, labels = clone(self.sampler), y
        check_neighbours(sampler, y)
        classes, indices = np.unique(y, return_inverse=True)
        if takes_indices(sampler):
            say_by_indices(sampler, classes, indices)
            labels = indices
        table = None if self.columns is None else _TableOfSmote(self.columns, X)
        if table is not None and self.by_name and hasattr(sampler, "k_neighbors") and table.is_mixed:
            sampler, X = table.sampler_like(sampler), table.extended()
        else:
            table = None
            self._check_columns(sampler, X)
        try:
            X_resampled, y_resampled = sampler.fit_resample(X, labels)
        except Exception as error:
            raise _failed(sampler, classes, indices, labels is indices, error) from error
        if labels is indices:
            y_resampled = classes[y_resampled]
        if hasattr(self, "sample_indices_"):
            del self.sample_indices_
        if hasattr(sampler, "sample_indices_"):
            self.sample_indices_ = np.asarray(sampler.sample_indices_)
        return X_resampled if table is None else table.reduced(X_resampled), y_resampled

    def _check_columns(self, sampler, X):
        """Refuse a sampler that would compute with category codes or missing values; set SMOTENC's columns."""
        if self.columns is None:
            return
        is_code, has_missing = self.columns.are_codes, np.isnan(X).any(axis=0)
        if getattr(sampler, "categorical_features", None) is not None:
            chosen = chosen_columns(sampler.categorical_features, self.columns.names)
            chosen = self.columns.is_category if chosen is None else chosen
            sampler.categorical_features, is_code = np.flatnonzero(chosen).tolist(), is_code & ~chosen
        elif isinstance(sampler, SMOTEN):
            is_code = np.zeros_like(is_code)
        if not (is_code.any() or has_missing.any()) or _computes_with_nothing(sampler):
            return
        what = [f"the codes of categories ({self.columns.where(is_code)})"] if is_code.any() else []
        what += [f"missing values ({self.columns.where(has_missing)})"] if has_missing.any() else []
        raise ValueError(
            f"{type(sampler).__name__} would compute with {' and '.join(what)}, which it does not support. Set "
            'strategy="smote", which handles both, or "random_oversample" or "random_undersample", which only select '
            "rows; or encode and impute first, in a pipeline before this classifier."
        )


def _failed(sampler, classes, indices, by_index, error):
    """Return the error for a sampler that failed on rows of some classes."""
    counts = dict(zip(classes.tolist(), np.bincount(indices).tolist(), strict=True))
    is_other = by_index and not np.array_equal(classes, np.arange(len(classes)))
    is_wrongly_asked = any(word in str(error) for word in ("sampling_strategy", "ratio"))
    return ValueError(
        f"{type(sampler).__name__} could not resample the training rows, whose class counts are {counts}"
        + (" (numbered from 0 in this order)" if is_other else "")
        + f": {str(error).rstrip('.')}"
        + ("" if isinstance(error, ValueError) else f" ({type(error).__name__})")
        + ("." if is_wrongly_asked else '. You can set strategy="random_oversample" or "class_weight" instead.')
    )


def _computes_with_nothing(sampler):
    """Whether a sampler ignores the values of rows; samplers from other packages are assumed to handle them."""
    own = next(of for of in type(sampler).__mro__ if of.__module__.startswith("imblearn.") or of is object)
    if own.__name__ == "RandomOverSampler":
        return sampler.shrinkage is None
    return own is object or own.__module__ == "imblearn.base" or own.__name__ == "RandomUnderSampler"


class _TableOfSmote:
    """A table with categories or missing values, in the form that SMOTE's variants for categories take.

    Missing values are imputed by the median and marked in a categorical column of their own: a synthetic row has a
    missing value where most of its neighbours have one.
    """

    def __init__(self, columns, X):
        self._X, self._is_category = X, columns.is_category
        self._missing = np.flatnonzero(np.isnan(X).any(axis=0))

    @property
    def is_mixed(self):
        """Whether the table holds anything but numbers without missing values."""
        return bool(self._is_category.any() or len(self._missing))

    def sampler_like(self, sampler):
        """Return SMOTENC, or SMOTEN if every column is categorical, with the parameters of SMOTE."""
        parameters = sampler.get_params()
        mask = np.concatenate([self._is_category, np.ones(len(self._missing), dtype=bool)])
        if not mask.all():
            parameters["categorical_features"] = np.flatnonzero(mask).tolist()
        return (SMOTEN if mask.all() else SMOTENC)(**parameters)

    def extended(self):
        """Return the table with missing values imputed, and marked in additional columns at the end."""
        table = np.hstack([self._X, np.isnan(self._X[:, self._missing]).astype(self._X.dtype)])
        for j in self._missing:
            column = table[:, j]
            is_missing = np.isnan(column)
            column[is_missing] = 0.0 if is_missing.all() else np.median(column[~is_missing])
        return table

    def reduced(self, table):
        """Return a table with missing values where they are marked, without the marks."""
        n_columns = self._X.shape[1]
        reduced = np.array(table[:, :n_columns], dtype=np.float32)
        for mark, j in zip(table[:, n_columns:].T, self._missing, strict=True):
            reduced[mark == 1, j] = np.nan
        return reduced
