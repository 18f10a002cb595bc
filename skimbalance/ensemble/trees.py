"""Store scikit-learn's decision trees as arrays: smaller, and faster for a single row."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree._tree import NODE_DTYPE, TREE_LEAF, Tree  # private in scikit-learn 1.6 to 1.9
from sklearn.utils.validation import check_is_fitted, validate_data

from skimbalance._documentation import LinkedToDocumentation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Rows from which scikit-learn's compiled trees are faster once they are built, and how many of them descend a tree
# while they are in the processor's cache.
_MANY_ROWS, _ROWS_AT_ONCE = 256, 2**13

# Most nodes whose compiled trees are kept for later calls, at 72 bytes a node.
_FEW_NODES = 2**17

# Number of levels after which, of fewer rows, those that have reached a leaf are removed.
_LEVELS = 4

# Distance of a drawn threshold from values of the rows, if there is room: some steps of float32 at the largest value.
_MARGIN = 2.0**-20


# Arrays of `Trees`, and how many axes each has.
_DIMENSIONS = {"roots": 1, "feature": 1, "threshold": 1, "children": 1, "missing_left": 1, "value": 2}


class Trees:
    """Decision trees, concatenated into arrays of nodes.

    Parameters
    ----------
    trees : list of tuple of ndarray
        For each tree and every node: the column of its split, the largest value that goes left, its left and right
        child (not positive in a leaf), whether a missing value goes left, and its value, (n_nodes, n_outputs).

    Attributes
    ----------
    roots : ndarray of int, shape (n_trees,)
        First node of each tree.
    feature : ndarray of int32, shape (n_nodes,)
        Column of a node's split.
    threshold : ndarray of float32, shape (n_nodes,)
        Largest value that goes left.
    children : ndarray of int32, shape (2 * n_nodes,)
        Nodes to the left and to the right of each node; a leaf is its own child.
    missing_left : ndarray of bool, shape (n_nodes,)
        Whether a missing value goes left.
    value : ndarray of float32, shape (n_nodes, n_outputs)
        Value of a node.
    """

    def __init__(self, trees):
        features, thresholds, left, right, missing_left, values = zip(*trees, strict=True)
        counts = np.array([len(feature) for feature in features])
        self.roots = np.cumsum(counts) - counts
        self.feature = np.maximum(np.concatenate(features), 0).astype(np.int32)
        self.threshold = _rounded_down(np.concatenate(thresholds))
        children = np.stack([np.concatenate(left), np.concatenate(right)], axis=1).astype(np.int64)
        own = np.arange(len(children))[:, None]
        children = np.where(children <= 0, own, children + np.repeat(self.roots, counts)[:, None])
        self.children = children.astype(np.int32).ravel()
        self.missing_left = np.concatenate(missing_left).astype(bool)
        self.value = np.concatenate(values).astype(np.float32)

    def __getstate__(self):
        """Leave out the compiled trees, which are built again."""
        state = vars(self).copy()
        state.pop("_compiled", None)
        return state

    def __setstate__(self, state):
        """Take what a file holds; refuse nodes that lead out of their tree, or back: compiled trees check no bounds."""
        vars(self).update({name: state.get(name) for name in _DIMENSIONS})
        if not self._are_whole():
            raise ValueError("The trees of a base model are damaged in this file; take another copy of it.")

    def _are_whole(self):
        """Whether every node lies in a tree, and is a leaf or leads to two further down in the same."""
        of_arrays = (np.ndarray, np.memmap)  # no others, which may show other values than they hold
        if any(type(of) not in of_arrays or of.ndim != _DIMENSIONS[name] for name, of in vars(self).items()):
            return False
        n, counts = len(self.feature), np.diff(self.roots, append=len(self.feature))
        parts = (self.threshold, self.missing_left, self.value)
        if not n or len(self.children) != 2 * n or any(len(part) != n for part in parts):
            return False
        if not (_lie_within(self.roots, 0, n) and len(counts) and self.roots[0] == 0 and counts.min() > 0):
            return False
        own, end = np.repeat(np.arange(n), 2), np.repeat(np.cumsum(counts), 2 * counts)
        is_own = (self.children == own).reshape(-1, 2)
        leads_down = _lie_within(self.children, own, end) and bool(np.all(is_own[:, 0] == is_own[:, 1]))
        return leads_down and _lie_within(self.feature, 0, np.inf)

    def sums(self, X, n_outputs):
        """Return the sums of the values of the leaves that rows reach, ndarray of float64, (n_rows, n_outputs).

        If nodes have a single value, each tree belongs to one output, in turn.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            Rows, contiguous; missing values are NaN.
        n_outputs : int
            Number of outputs.
        """
        if len(X) < _MANY_ROWS or ("_compiled" not in vars(self) and len(X) * len(self.roots) < len(self.feature)):
            values = self.value.take(self._leaves(X), axis=0).reshape(len(self.roots), len(X), -1)
            in_turn = values.swapaxes(1, 2).reshape(-1, n_outputs, len(X))
            return in_turn.sum(axis=0, dtype=np.float64).T
        if self.feature.max() >= X.shape[1]:
            raise ValueError(f"The trees split on column {self.feature.max()}, but X has {X.shape[1]} columns.")
        sums, trees, width = np.zeros((n_outputs, len(X))), self._compiled, self.value.shape[1]
        for begin in range(0, len(X), _ROWS_AT_ONCE):
            rows = X[begin : begin + _ROWS_AT_ONCE]
            for i, (tree, value) in enumerate(trees):
                first = i * width % n_outputs
                sums[first : first + width, begin : begin + len(rows)] += value.T.take(tree.apply(rows), axis=1)
        if len(self.feature) > _FEW_NODES:
            vars(self).pop("_compiled", None)
        return sums.T

    @cached_property
    def _compiled(self):
        """Return each tree as one of scikit-learn's, and the values of its nodes."""
        begins = np.append(self.roots, len(self.feature))
        children = self.children.reshape(-1, 2)
        is_leaf = children[:, 0] == np.arange(len(children))
        nodes = np.zeros(len(children), dtype=NODE_DTYPE)
        children = np.where(is_leaf[:, None], TREE_LEAF, children - np.repeat(self.roots, np.diff(begins))[:, None])
        nodes["left_child"], nodes["right_child"] = children.T
        nodes["feature"], nodes["threshold"] = self.feature, self.threshold
        nodes["missing_go_to_left"] = self.missing_left
        n_features = self.feature.max() + 1
        return [(_tree(nodes[of], n_features), self.value[of]) for of in starmap(slice, pairwise(begins))]

    def _leaves(self, X):
        """Return the leaves that rows reach, tree after tree: all rows descend all trees, level by level."""
        flat, has_missing = X.ravel(), np.isnan(X).any()
        nodes, ends = np.repeat(self.roots, len(X)), np.empty(len(X) * len(self.roots), dtype=np.intp)
        under_way = np.arange(len(ends))
        first = np.tile(np.arange(len(X)) * X.shape[1], len(self.roots))
        while len(under_way):
            # A leaf is its own child, so that finished rows need to be removed every few levels only.
            for _ in range(_LEVELS):
                values = flat.take(first + self.feature.take(nodes))
                goes_right = values > self.threshold.take(nodes)
                if has_missing:
                    goes_right |= np.isnan(values) & ~self.missing_left.take(nodes)
                before, nodes = nodes, self.children.take(2 * nodes + goes_right)
            goes_on = nodes != before
            ends[under_way] = nodes
            under_way, nodes, first = under_way[goes_on], nodes[goes_on], first[goes_on]
        return ends


def _tree(nodes, n_features):
    """Return scikit-learn's tree of some nodes, which serves to find leaves: its values are not set."""
    tree = Tree(n_features, np.ones(1, dtype=np.intp), 1)
    values = np.zeros((len(nodes), 1, 1))
    tree.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree


class TreeClassifier(LinkedToDocumentation, ClassifierMixin, BaseEstimator):
    """Base class of tree ensembles that scikit-learn grows and that predict from arrays.

    ``fit``, or ``_grow`` that it calls, sets the fitted attributes, ``trees_`` among them; ``proba_of_sums`` computes
    probabilities from the sums of the leaves' values, ``n_outputs`` for each row.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing values are NaN.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of rows.

        Returns
        -------
        self : TreeClassifier
            Fitted estimator.
        """
        self._grow(self._validated(X), y, sample_weight)
        return self

    def _validated(self, X, reset=True):
        """Return rows as trees take them."""
        return validate_data(self, X, dtype=np.float32, order="C", ensure_all_finite="allow-nan", reset=reset)

    def __setstate__(self, state):
        """Take what a file holds; refuse trees that look at columns which are not there."""
        super().__setstate__(state)
        if hasattr(self, "trees_") and not _lie_within(self.trees_.feature, 0, self.n_features_in_):
            raise ValueError("The trees of a base model split columns that the table of this file does not have.")

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing values are NaN.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            Probabilities.
        """
        check_is_fitted(self)
        return self.proba_of_rows(self._validated(X, reset=False))

    def proba_of_rows(self, X: np.ndarray) -> np.ndarray:
        """Return the same for rows of float32 that are contiguous, without looking at them first."""
        return self.proba_of_sums(self.trees_.sums(X, self.n_outputs))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label of the largest probability of each row."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: X may have missing values."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def between_values(nodes, X):
    """Return randomly drawn thresholds, moved away from values of the rows that are very close to them.

    Rows keep their leaves, even if their values are recomputed in single precision, as in an exported pipeline.

    Parameters
    ----------
    nodes : list of tuple of ndarray
        For each tree and every node: the column of its split, negative in a leaf, and the largest value that goes left.
    X : ndarray of float32, shape (n_rows, n_features)
        Rows that the trees were grown on; missing values are NaN.

    Returns
    -------
    list of ndarray of float64
        Thresholds of each tree.
    """
    feature, threshold = (np.concatenate(of) for of in zip(*nodes, strict=True))
    by_feature = np.argsort(feature, kind="stable")
    begins = np.searchsorted(feature[by_feature], np.arange(X.shape[1] + 1))
    for j, (begin, end) in enumerate(pairwise(begins)):
        of_column = by_feature[begin:end]
        values = np.unique(X[:, j][~np.isnan(X[:, j])]).astype(np.float64)
        if not len(of_column) or len(values) < 2:
            continue
        place = np.clip(np.searchsorted(values, threshold[of_column], side="right"), 1, len(values) - 1)
        below, above = values[place - 1], values[place]
        margin = np.minimum((above - below) / 2, _MARGIN * abs(values).max())
        moved = np.clip(threshold[of_column], below + margin, above - margin)
        is_between = (threshold[of_column] >= below) & (threshold[of_column] < above)
        threshold[of_column] = np.where(is_between, moved, threshold[of_column])
    return np.split(threshold, np.cumsum([len(of) for of, _ in nodes])[:-1])


def _lie_within(numbers, least, end):
    """Whether whole numbers are at least as large as some, and smaller than another."""
    return numbers.dtype.kind == "i" and bool(np.all((numbers >= least) & (numbers < end)))


def _rounded_down(threshold):
    """Return the largest float32 not above each number, which splits single-precision values in the same way."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
