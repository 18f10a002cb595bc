"""Gradient-boosted trees of scikit-learn on bins that take sample weights into account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import check_consistent_length, column_or_1d

from skimbalance.data.rows import weighted_quantiles
from skimbalance.ensemble.threads import on_one_thread
from skimbalance.ensemble.trees import TreeClassifier, Trees
from skimbalance.probability.links import NUMPY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from skimbalance._typing import RandomState

# Most and least bins of a column, and the most of all columns together: they take 20 bytes for each leaf. In tables of
# 1,000 columns, 63 bins were as good as 255, in half the time.
_N_BINS, _FEW_BINS, _ALL_BINS = 255, 63, 32_768

# Most rows that are learned at the first learning rate, and the second, for more. On 112,500 rows the second is better
# by .002 of average precision (docs/quality.md).
_FEW_ROWS, _RATE_OF_FEW, _RATE = 16_384, 0.2, 0.1

# Least sum of the learning rates of all iterations, and how many times as many there may be. They end once validation
# loss has its minimum in this share of them.
_LEAST_LEARNED, _MOST, _EARLY = 8, 8, 0.8

# Position of a bound between two values: about half, but an irrational share. Values of new rows may be exactly halfway
# between integers, or amounts of cents, where a rounding error would decide on the side.
_SHARE_OF_WAY = 5**0.5 - 1.7


class Boosting(TreeClassifier):
    """scikit-learn's histogram gradient boosting, for as many iterations as validation rows say.

    It is fitted on the bin number of each value. Bins are bounded by weighted quantiles, so that a weight of 2 equals
    repeating the row; scikit-learn's own bins are slow with weights or ignore them.

    Parameters
    ----------
    learning_rate : float or "auto", default="auto"
        Shrinkage of each iteration. "auto" is 0.2 for at most 16,384 rows, and 0.1 for more.
    max_iter : int or "auto", default="auto"
        Iterations. "auto" goes on as long as the log-loss of the validation rows passed to `fit` falls, and keeps those
        up to its minimum: at least ``8 / learning_rate`` and at most eight times as many. Without validation rows it is
        the least.
    max_leaf_nodes : int, default=15
        Most leaves of a tree.
    random_state : int, RandomState instance or None, default=None
        Source of random numbers; there are none as long as scikit-learn's boosting draws none.

    Attributes
    ----------
    most_rows : int
        Most rows that it should be grown on: scikit-learn copies them several times.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of features.
    n_iter_ : int
        Iterations.
    baseline_ : ndarray of shape (n_outputs,)
        Initial prediction for every row: log-odds of the second class of two, or of each class of more.
    trees_ : Trees
        Its trees, iteration by iteration.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance.ensemble import Boosting
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> Boosting(random_state=0).fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    most_rows = 100_000

    def __init__(
        self,
        learning_rate: float | Literal["auto"] = "auto",
        max_iter: int | Literal["auto"] = "auto",
        max_leaf_nodes: int = 15,
        random_state: RandomState | None = None,
    ) -> None:
        self.learning_rate, self.max_iter, self.max_leaf_nodes = learning_rate, max_iter, max_leaf_nodes
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing values are NaN.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of rows.
        X_val : array-like of shape (n_val, n_features), default=None
            Validation rows, by which the number of iterations is chosen; see `max_iter`.
        y_val : array-like of shape (n_val,), default=None
            Their labels.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : Boosting
            Fitted estimator.
        """
        X = self._validated(X)
        n_bins = int(np.clip(_ALL_BINS // X.shape[1], _FEW_BINS, _N_BINS))
        edges = [_edges(column, sample_weight, n_bins) for column in X.T]
        X = _bins(X, edges)  # rebinds X, so that a wide table is freed before trees are grown
        rate = self.learning_rate
        if rate == "auto":
            rate = _RATE_OF_FEW if len(X) <= _FEW_ROWS else _RATE
        n_iter, growth = self.max_iter, None
        if X_val is not None:
            X_val = self._validated(X_val, reset=False)
            y_val = column_or_1d(y_val)
            check_consistent_length(X_val, y_val, sample_weight_val)
        if n_iter == "auto":
            n_iter = round(_LEAST_LEARNED / rate)
            if X_val is not None:
                growth, n_iter = _Growth(edges, X_val, y_val, sample_weight_val, n_iter), _MOST * n_iter
        boosting = HistGradientBoostingClassifier(
            learning_rate=rate, max_iter=n_iter, max_leaf_nodes=self.max_leaf_nodes, max_bins=n_bins,
            early_stopping=growth is not None, scoring=growth, validation_fraction=None, n_iter_no_change=1, tol=0.0,
            random_state=self.random_state,
        )  # fmt: skip
        with on_one_thread():
            boosting.fit(X, y, sample_weight)
        self.classes_ = boosting.classes_
        # Private in scikit-learn 1.6 to 1.9, which has no public way to read boosted trees.
        self.baseline_ = boosting._baseline_prediction.ravel()
        grown = [_on_values(of_iter, edges) for of_iter in boosting._predictors] if growth is None else growth.grown
        self.n_iter_ = len(grown) if growth is None else growth.n_iter
        self.trees_ = Trees([tree for of_iter in grown[: self.n_iter_] for tree in of_iter])
        return self

    @property
    def n_outputs(self) -> int:
        """Number of values that the trees of an iteration return for a row."""
        return len(self.baseline_)

    def proba_of_sums(self, sums: Any, ops: Any = NUMPY) -> Any:
        """Return the probabilities of the sums of the leaves' log-odds."""
        logits = sums + ops.cast(self.baseline_, sums.dtype)
        if self.n_outputs > 1:
            return ops.softmax(logits)
        return ops.stack([ops.sigmoid(-logits[:, 0]), ops.sigmoid(logits[:, 0])], axis=1)


class _Growth:
    """The score by which scikit-learn's boosting stops: it rises while trees are to grow, and falls once.

    Parameters
    ----------
    edges : list of ndarray or None
        Bounds of each column's bins.
    X, y, sample_weight : ndarray
        Validation rows; those of classes without training rows do not count.
    least : int
        Least iterations.

    Attributes
    ----------
    grown : list of list
        For each iteration its trees on values, as `Trees` takes them.
    """

    def __init__(self, edges, X, y, sample_weight, least):
        self._edges, self._X, self._y, self._least = edges, X, y, least
        self._sample_weight = np.ones(len(X)) if sample_weight is None else sample_weight
        self.grown, self._logits, self._losses = [], None, []

    @property
    def n_iter(self):
        """Iterations to keep."""
        return max(self._best, self._least)

    @property
    def _best(self):
        """Iterations up to the minimum of the loss."""
        return int(np.argmin(self._losses)) + 1

    def __call__(self, boosting, X, y, sample_weight=None):
        """Return the score after the last iteration; scikit-learn's rows are not looked at."""
        if not boosting._predictors:
            self._logits = np.tile(boosting._baseline_prediction, (len(self._X), 1))
            return 0
        self.grown.append(_on_values(boosting._predictors[-1], self._edges))
        self._logits += Trees(self.grown[-1]).sums(self._X, self._logits.shape[1])
        self._losses.append(self._loss(boosting.classes_))
        n_iter = len(self._losses)
        return n_iter if n_iter < self._least or self._best > _EARLY * n_iter else -1

    def _loss(self, classes):
        """Return the log-loss."""
        truth = np.searchsorted(classes, self._y).clip(max=len(classes) - 1)
        if self._logits.shape[1] == 1:
            losses = np.logaddexp(0, np.where(truth, -1, 1) * self._logits[:, 0])
        else:
            losses = logsumexp(self._logits, axis=1) - self._logits[np.arange(len(truth)), truth]
        return (self._sample_weight * (classes[truth] == self._y)) @ losses


def _edges(column, sample_weight, n_bins):
    """Return the upper bounds of a column's bins: between all values, or next to quantiles if there are too many.

    A bound lies between neighbouring values, so that rounding moves none of them to another bin. Return None for a
    column of missing values alone, on which scikit-learn's boosting fails.
    """
    there = ~np.isnan(column) if sample_weight is None else ~np.isnan(column) & (np.asarray(sample_weight) > 0)
    values = np.unique(column[there]).astype(np.float64)
    if not len(values):
        return None
    between = values[:-1] + _SHARE_OF_WAY * np.diff(values)
    if len(values) <= n_bins:
        return between
    weight = None if sample_weight is None else np.asarray(sample_weight)[there]
    quantiles = weighted_quantiles(column[there].astype(np.float64), weight, np.arange(1, n_bins) / n_bins)
    n_below = np.unique(np.searchsorted(values, quantiles, side="right"))
    return between[n_below[n_below < len(values)] - 1]


def _bins(X, edges):
    """Return the bin number of each value, NaN for a missing one."""
    bins = np.zeros(X.shape, dtype=np.float64, order="F")
    for j, bounds in enumerate(edges):
        if bounds is not None:
            bins[:, j] = np.searchsorted(bounds, X[:, j])
            bins[np.isnan(X[:, j]), j] = np.nan
    return bins


def _on_values(trees, edges):
    """Return scikit-learn's trees on bins as trees on values, as `Trees` takes them."""
    return [_nodes_on_values(tree.nodes, edges) for tree in trees]


def _nodes_on_values(nodes, edges):
    """Return the nodes of a tree on bins as those of one on values."""
    threshold = np.full(len(nodes), np.inf)
    for i in np.flatnonzero(nodes["is_leaf"] == 0):
        threshold[i] = _bound(edges[nodes["feature_idx"][i]], nodes["num_threshold"][i])
    left, right = (np.where(nodes["is_leaf"], 0, nodes[side]) for side in ("left", "right"))
    return nodes["feature_idx"], threshold, left, right, nodes["missing_go_to_left"], nodes["value"][:, None]


def _bound(edges, threshold):
    """Return the largest value whose bin is not above a threshold; infinity if there are only missing values."""
    bin_ = int(min(np.floor(threshold), len(edges)))
    return edges[bin_] if bin_ < len(edges) else np.inf
