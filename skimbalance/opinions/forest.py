"""A forest that remembers single rows: grown by scikit-learn, kept as arrays."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

# Half of the columns are tried at a node, rather than their square root: the metric is to ignore those without use. Of
# wide tables fewer, whose trees would take longer than their network.
_MOST_TRIED = 32

# Rows times trees that are led down at once, and levels between which those at a leaf are sorted out.
_AT_ONCE, _LEVELS = 2**18, 4


class Forest(ClassifierMixin, BaseEstimator):
    """Extremely randomised trees grown to pure leaves: scikit-learn's, in a third of the memory.

    A smooth network misses what single rows tell where classes lie in small islands, or rows have near-duplicates. Such
    trees remember every row, in a metric that ignores columns without use [1]_.

    Parameters
    ----------
    n_trees : int or "auto", default="auto"
        Number of trees. "auto" is 16, and more on small tables, where they cost little and say more: as many as have
        65,536 rows together, at most 64.
    random_state : int, RandomState instance or None, default=None
        Source of splits.

    Attributes
    ----------
    most_rows : int
        Rows that it should be grown on at most: a node takes some twenty bytes, and there are up to two a row and tree.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of features.
    roots_ : ndarray of int, shape (n_trees,)
        First node of each tree.
    feature_ : ndarray of int, shape (n_nodes,)
        Column that a node asks for.
    children_ : ndarray of int, shape (2 * n_nodes,)
        Nodes below and above each node; a leaf is its own child.
    threshold_ : ndarray of float32, shape (n_nodes,)
        Largest value that goes below.
    gaps_below_ : ndarray of bool, shape (n_nodes,)
        Whether a gap goes below.
    share_ : ndarray of float32, shape (n_nodes, n_classes)
        Class shares of a node's rows.

    References
    ----------
    .. [1] P. Geurts, D. Ernst and L. Wehenkel (2006), "Extremely Randomized Trees", Machine Learning 63,
       doi:10.1007/s10994-006-6226-1.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance.opinions import Forest
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> Forest(n_trees=8, random_state=0).fit(X, y).predict_proba(X).shape
    (200, 2)
    """

    most_rows = 16_384

    def __init__(self, n_trees="auto", random_state=None):
        self.n_trees, self.random_state = n_trees, random_state

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
        self : Forest
            Fitted estimator.
        """
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        tried = round(max(min(0.5 * X.shape[1], _MOST_TRIED), X.shape[1] ** 0.5))
        n_trees = int(np.clip(65_536 // len(X), 16, 64)) if self.n_trees == "auto" else self.n_trees
        grown = ExtraTreesClassifier(n_trees, max_features=max(tried, 1), random_state=self.random_state)
        trees = [tree.tree_ for tree in grown.fit(X, y, sample_weight).estimators_]
        self.classes_ = grown.classes_
        counts = np.array([tree.node_count for tree in trees])
        self.roots_ = np.cumsum(counts) - counts
        self.feature_ = np.concatenate([np.maximum(tree.feature, 0) for tree in trees]).astype(np.int32)
        self.children_ = np.concatenate(
            [_children(tree) + root for tree, root in zip(trees, self.roots_.tolist(), strict=True)]
        )
        self.threshold_ = _rounded_down(np.concatenate([tree.threshold for tree in trees]))
        self.gaps_below_ = np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool)
        self.share_ = np.concatenate([tree.value[:, 0] for tree in trees]).astype(np.float32)
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
            Mean class shares of the leaves that rows end in.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", ensure_all_finite="allow-nan", reset=False)
        n_rows = max(_AT_ONCE // len(self.roots_), 1)
        return np.concatenate([self._shares(X[i : i + n_rows]) for i in range(0, len(X), n_rows)])

    def predict(self, X):
        """Return the label of the largest probability of each row."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def _shares(self, X):
        """Return the mean class shares of the leaves that rows end in: all rows go down all trees, level by level."""
        flat, n_features, has_gaps = X.ravel(), X.shape[1], np.isnan(X).any()
        nodes, ends = np.repeat(self.roots_, len(X)), np.empty(len(X) * len(self.roots_), dtype=np.intp)
        under_way = np.arange(len(ends))
        first = np.tile(np.arange(len(X)) * n_features, len(self.roots_))
        while len(under_way):
            # Leaves lead to themselves, so that those who have arrived are sorted out every few levels only.
            for _ in range(_LEVELS):
                values = flat.take(first + self.feature_.take(nodes))
                goes_above = values > self.threshold_.take(nodes)
                if has_gaps:
                    goes_above |= np.isnan(values) & ~self.gaps_below_.take(nodes)
                before, nodes = nodes, self.children_.take(2 * nodes + goes_above)
            goes_on = nodes != before
            ends[under_way] = nodes
            under_way, nodes, first = under_way[goes_on], nodes[goes_on], first[goes_on]
        return self.share_.take(ends, axis=0).reshape(len(self.roots_), len(X), -1).mean(axis=0, dtype=np.float64)

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: X may hold gaps."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _children(tree):
    """Return the nodes below and above each node of a tree, (2 * n_nodes,); a leaf is its own child."""
    children = np.column_stack([tree.children_left, tree.children_right]).ravel()
    return np.where(children < 0, np.repeat(np.arange(tree.node_count), 2), children).astype(np.int32)


def _rounded_down(threshold):
    """Return the largest float32 not above each number: the same single-precision values lie below it."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
