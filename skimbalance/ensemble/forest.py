"""A random forest grown by scikit-learn and stored as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from skimbalance.ensemble.trees import TreeClassifier, Trees, between_values
from skimbalance.probability.links import NUMPY

if TYPE_CHECKING:
    from skimbalance._typing import RandomState

# Half of the columns are tried at each split, rather than their square root, so that uninformative columns are ignored;
# at most this many in wide tables, where growing trees would take longer than training the network.
_MOST_TRIED = 32

# Columns whose values are all below this are scaled before trees are grown.
_SMALL = 2.0**-10


class Forest(TreeClassifier):
    """Extremely randomised trees grown to pure leaves by scikit-learn, stored in a third of the memory.

    A smooth network cannot fit classes that form small clusters, or rows that have near-duplicates. Such trees act like
    a nearest-neighbour classifier in a metric that ignores uninformative columns [1]_.

    Parameters
    ----------
    n_trees : int or "auto", default="auto"
        Number of trees. "auto" is 65,536 divided by the number of rows, but at least 16 and at most 64: more trees on
        small tables, where they are cheap and improve the forest most.
    random_state : int, RandomState instance or None, default=None
        Source of splits.

    Attributes
    ----------
    most_rows : int
        Most rows that it should be grown on: a node takes about 20 bytes, and there are up to two per row and tree.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of features.
    trees_ : Trees
        Its trees; the values of leaves are class shares.

    References
    ----------
    .. [1] P. Geurts, D. Ernst and L. Wehenkel (2006), "Extremely Randomized Trees", Machine Learning 63,
       doi:10.1007/s10994-006-6226-1.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance.ensemble import Forest
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> Forest(n_trees=8, random_state=0).fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    most_rows = 16_384

    def __init__(self, n_trees: int | Literal["auto"] = "auto", random_state: RandomState | None = None) -> None:
        self.n_trees, self.random_state = n_trees, random_state

    def _grow(self, X, y, sample_weight):
        """Grow the trees and store them as arrays."""
        tried = round(max(min(0.5 * X.shape[1], _MOST_TRIED), X.shape[1] ** 0.5))
        n_trees = int(np.clip(65_536 // len(X), 16, 64)) if self.n_trees == "auto" else self.n_trees
        grown = ExtraTreesClassifier(n_trees, max_features=max(tried, 1), random_state=self.random_state)
        units = _units(X)
        grown.fit(np.ldexp(X, -units) if units.any() else X, y, sample_weight)
        self.classes_, trees = grown.classes_, [tree.tree_ for tree in grown.estimators_]
        nodes = [(t.feature, np.ldexp(t.threshold, units[np.maximum(t.feature, 0)])) for t in trees]
        thresholds = between_values(nodes, X)
        self.trees_ = Trees(
            [
                (t.feature, threshold, t.children_left, t.children_right, t.missing_go_to_left, t.value[:, 0])
                for t, threshold in zip(trees, thresholds, strict=True)
            ]
        )

    @property
    def n_outputs(self) -> int:
        """Number of values that a tree returns for a row: the shares of all classes."""
        return len(self.classes_)

    def proba_of_sums(self, sums: Any, ops: Any = NUMPY) -> Any:
        """Return the mean class shares of the leaves that rows reach."""
        return sums / len(self.trees_.roots)


def _units(X):
    """Return for each column the exponent of the power of two close to its largest value, 0 for ordinary columns.

    scikit-learn's trees treat values that differ by less than 1e-7 as equal, whatever the unit of the column.
    """
    largest = np.maximum(np.fmax.reduce(X), -np.fmin.reduce(X))
    return np.where((largest > 0) & (largest < _SMALL), np.frexp(largest)[1], 0)
