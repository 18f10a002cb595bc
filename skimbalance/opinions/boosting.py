"""Boosted trees that split where classes change sharply: scikit-learn's, on bins that heed weights, on one thread."""

from functools import cache

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController

from skimbalance.rows import weighted_quantiles

_N_BINS = 255

# Below so many numbers in a table, threads of OpenMP cost more than they gain, and very much where cores are busy.
_WORTH_THREADS = 2_000_000


class Boosting(ClassifierMixin, BaseEstimator):
    """scikit-learn's histogram gradient boosting, with few iterations.

    It sees each value as the number of its bin. Bins are bounded by weighted quantiles, so that a weight of 2 is the
    same as a row twice, which scikit-learn's own take long for, or do not heed.

    Parameters
    ----------
    learning_rate : float, default=0.2
        Shrinkage of each iteration.
    max_iter : int, default=40
        Iterations.
    max_leaf_nodes : int, default=15
        Most leaves of a tree.
    random_state : int, RandomState instance or None, default=None
        Source of random numbers; there are none as long as scikit-learn's boosting draws none.

    Attributes
    ----------
    most_rows : int
        Rows that it should be grown on at most: scikit-learn copies them several times.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of features.
    n_iter_ : int
        Iterations.
    edges_ : list of ndarray or None
        Upper bounds of the bins of each column; None for gaps alone.
    boosting_ : HistGradientBoostingClassifier
        Boosted trees on bins.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance.opinions import Boosting
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> Boosting(random_state=0).fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    most_rows = 100_000

    def __init__(self, learning_rate=0.2, max_iter=40, max_leaf_nodes=15, random_state=None):
        self.learning_rate, self.max_iter, self.max_leaf_nodes = learning_rate, max_iter, max_leaf_nodes
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Grow the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; gaps are NaN.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of rows.

        Returns
        -------
        self : Boosting
            Fitted estimator.
        """
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        self.edges_ = [_edges(column, sample_weight) for column in X.T]
        self.boosting_ = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate, max_iter=self.max_iter, max_leaf_nodes=self.max_leaf_nodes,
            max_bins=_N_BINS, early_stopping=False, random_state=self.random_state,
        )  # fmt: skip
        with _threads_for(X):
            self.boosting_.fit(self._bins(X), y, sample_weight)
        self.classes_, self.n_iter_ = self.boosting_.classes_, self.boosting_.n_iter_
        return self

    def predict_proba(self, X):
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; gaps are NaN.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            Probabilities.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        with _threads_for(X):
            return self.boosting_.predict_proba(self._bins(X))

    def predict(self, X):
        """Return the label of the largest probability of each row."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def _bins(self, X):
        """Return the number of each value's bin, NaN for a gap."""
        bins = np.empty(X.shape, dtype=np.float64, order="F")
        for j, edges in enumerate(self.edges_):
            bins[:, j] = 0.0 if edges is None else np.searchsorted(edges, X[:, j])
            if edges is not None:
                bins[np.isnan(X[:, j]), j] = np.nan
        return bins

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: X may hold gaps."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _edges(column, sample_weight):
    """Return the upper bounds of a column's bins: between all values, or quantiles where there are too many.

    scikit-learn's boosting fails on a column of gaps alone, for which this is None.
    """
    there = ~np.isnan(column)
    values = np.unique(column[there])
    if len(values) > _N_BINS:
        weight = None if sample_weight is None else np.asarray(sample_weight)[there]
        return np.unique(weighted_quantiles(column[there], weight, np.arange(1, _N_BINS) / _N_BINS))
    return (values[1:].astype(np.float64) + values[:-1]) / 2 if len(values) else None


def _threads_for(X):
    """Return a context in which small tables are computed by one thread."""
    return _libraries_of_threads().limit(limits=1 if X.size < _WORTH_THREADS else None, user_api="openmp")


@cache
def _libraries_of_threads():
    """Return what sets the threads of native libraries; looking for them takes a while."""
    return ThreadpoolController()
