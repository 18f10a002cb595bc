"""Gradient-boosted trees of scikit-learn on bins that take sample weights into account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from skimbalance.data.rows import weighted_quantiles
from skimbalance.ensemble.threads import on_one_thread
from skimbalance.ensemble.trees import TreeClassifier, Trees
from skimbalance.probability.links import NUMPY

if TYPE_CHECKING:
    from skimbalance._typing import RandomState

# Most and least bins of a column, and the most of all columns together: they take 20 bytes for each leaf. In tables of
# 1,000 columns, 63 bins were as good as 255, in half the time.
_N_BINS, _FEW_BINS, _ALL_BINS = 255, 63, 32_768

# Position of a bound between two values: about half, but an irrational share. Values of new rows may be exactly halfway
# between integers, or amounts of cents, where a rounding error would decide on the side.
_SHARE_OF_WAY = 5**0.5 - 1.7


class Boosting(TreeClassifier):
    """scikit-learn's histogram gradient boosting, with few iterations.

    It is fitted on the bin number of each value. Bins are bounded by weighted quantiles, so that a weight of 2 equals
    repeating the row; scikit-learn's own bins are slow with weights or ignore them.

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
        learning_rate: float = 0.2,
        max_iter: int = 40,
        max_leaf_nodes: int = 15,
        random_state: RandomState | None = None,
    ) -> None:
        self.learning_rate, self.max_iter, self.max_leaf_nodes = learning_rate, max_iter, max_leaf_nodes
        self.random_state = random_state

    def _prepared(self, X, sample_weight):
        """Return the number of bins, their edges in each column, and the rows by their bins."""
        n_bins = int(np.clip(_ALL_BINS // X.shape[1], _FEW_BINS, _N_BINS))
        edges = [_edges(column, sample_weight, n_bins) for column in X.T]
        return n_bins, edges, _bins(X, edges)

    def _grow(self, prepared, y, sample_weight):
        """Grow the trees and store them as arrays."""
        n_bins, edges, bins = prepared
        boosting = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate, max_iter=self.max_iter, max_leaf_nodes=self.max_leaf_nodes,
            max_bins=n_bins, early_stopping=False, random_state=self.random_state,
        )  # fmt: skip
        with on_one_thread():
            boosting.fit(bins, y, sample_weight)
        self.classes_, self.n_iter_ = boosting.classes_, boosting.n_iter_
        # Private in scikit-learn 1.6 to 1.9, which has no public way to read boosted trees.
        self.baseline_ = boosting._baseline_prediction.ravel()
        self.trees_ = Trees([_on_values(tree.nodes, edges) for of_iter in boosting._predictors for tree in of_iter])

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


def _on_values(nodes, edges):
    """Return the nodes of a tree on bins as one on values, as `Trees` takes it."""
    threshold = np.full(len(nodes), np.inf)
    for i in np.flatnonzero(nodes["is_leaf"] == 0):
        threshold[i] = _bound(edges[nodes["feature_idx"][i]], nodes["num_threshold"][i])
    left, right = (np.where(nodes["is_leaf"], 0, nodes[side]) for side in ("left", "right"))
    return nodes["feature_idx"], threshold, left, right, nodes["missing_go_to_left"], nodes["value"][:, None]


def _bound(edges, threshold):
    """Return the largest value whose bin is not above a threshold; infinity if there are only missing values."""
    bin_ = int(min(np.floor(threshold), len(edges)))
    return edges[bin_] if bin_ < len(edges) else np.inf
