"""Converters of scikit-learn classifiers whose predictions skl2onnx does not reproduce.

skl2onnx loses the branch that missing values take in trees, doubles the log-odds of a linear discriminant analysis of
two classes, and does not support the current HistGradientBoostingClassifier.
"""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from skimbalance.deployment.onnx_nodes import Nodes
from skimbalance.deployment.onnx_wrappers import add_to, answer


def _converter(proba_of):
    """Return a converter for skl2onnx of the nodes of probabilities, ``proba_of(nodes, classifier, rows)``."""

    def convert(scope, operator, container):
        nodes = Nodes(prefix=f"{scope.get_unique_operator_name('member')}_")
        proba = proba_of(nodes, operator.raw_operator, operator.inputs[0].full_name)
        answer(operator, nodes, proba, nodes.add("ArgMax", proba, axis=1, keepdims=0))
        add_to(container, nodes)

    return convert


def _discriminant(nodes, classifier, rows):
    """Return the probabilities, (n_rows, n_classes), of a linear discriminant analysis."""
    scores = nodes.add("MatMul", nodes.cast(rows, np.float64), nodes.constant(classifier.coef_.T, np.float64))
    scores = nodes.add("Add", scores, nodes.constant(classifier.intercept_, np.float64))
    return _of_scores(nodes, scores, len(classifier.intercept_))


def _of_scores(nodes, scores, n_scores):
    """Return the probabilities of log-odds, (n_rows, 1), or of the scores of each class."""
    if n_scores > 1:
        return nodes.add("Softmax", scores, axis=1)
    return nodes.add("Concat", nodes.add("Sigmoid", nodes.add("Neg", scores)), nodes.add("Sigmoid", scores), axis=1)


def _forest(nodes, classifier, rows):
    """Return the probabilities of a tree, or of a forest: the mean of the shares in the leaves."""
    trees = [one.tree_ for one in getattr(classifier, "estimators_", [classifier])]
    if classifier.n_outputs_ > 1:
        raise ValueError(f"{type(classifier).__name__} of several outputs cannot be converted.")
    parts = [
        (
            tree.feature, tree.threshold, tree.children_left, tree.children_right, tree.missing_go_to_left,
            tree.children_left < 0, tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) / len(trees),
        )
        for tree in trees
    ]  # fmt: skip
    return _sums(nodes, parts, rows)


def _boosted(nodes, classifier, rows):
    """Return the probabilities of a HistGradientBoostingClassifier: the link of the sums of the leaves."""
    parts, n_outputs = [], classifier.n_trees_per_iteration_
    if classifier.is_categorical_ is not None and classifier.is_categorical_.any():
        raise ValueError("HistGradientBoostingClassifier with categorical_features cannot be converted to ONNX.")
    for trees in classifier._predictors:
        for output, tree in enumerate(trees):
            of, values = tree.nodes, np.zeros((len(tree.nodes), n_outputs))
            values[:, output] = of["value"]
            left, is_leaf = of["left"].astype(np.int64), of["is_leaf"].astype(bool)
            right, missing_left = of["right"].astype(np.int64), of["missing_go_to_left"].astype(bool)
            feature = of["feature_idx"].astype(np.int64)
            parts.append((feature, of["num_threshold"], left, right, missing_left, is_leaf, values))
    base = np.ravel(classifier._baseline_prediction)[None].astype(np.float64)
    scores = nodes.add("Add", _sums(nodes, parts, rows), nodes.constant(base))
    return _of_scores(nodes, scores, n_outputs)


def _sums(nodes, trees, rows):
    """Return the sums of the leaves of trees, (n_rows, n_values), in double precision.

    Each is (feature, threshold, left, right, missing_left, is_leaf, values), arrays of its nodes.
    """
    tree = np.repeat(np.arange(len(trees)), [len(one[0]) for one in trees])
    node = np.concatenate([np.arange(len(one[0])) for one in trees])
    feature, threshold, left, right, missing_left, is_leaf, values = map(np.concatenate, zip(*trees, strict=True))
    # The largest number of float32 up to the threshold parts numbers of float32 as the threshold does.
    limits = np.finfo(np.float32)
    bound = np.clip(threshold, limits.min, limits.max).astype(np.float32)
    bound = np.where(bound > threshold, np.nextafter(bound, np.float32(-np.inf)), bound)
    leaves, outputs = np.flatnonzero(is_leaf), np.arange(values.shape[1])
    whole = {
        "nodes_treeids": tree, "nodes_nodeids": node, "nodes_featureids": np.where(is_leaf, 0, feature),
        "nodes_truenodeids": np.where(is_leaf, 0, left), "nodes_falsenodeids": np.where(is_leaf, 0, right),
        "nodes_missing_value_tracks_true": missing_left.astype(np.int64) * ~is_leaf,
        "target_treeids": np.repeat(tree[leaves], len(outputs)),
        "target_nodeids": np.repeat(node[leaves], len(outputs)),
        "target_ids": np.tile(outputs, len(leaves)),
    }  # fmt: skip
    sums = nodes.add(
        "TreeEnsembleRegressor", nodes.cast(rows, np.float32), domain="ai.onnx.ml", n_targets=len(outputs),
        nodes_values=np.where(is_leaf, 0, bound).tolist(), nodes_modes=np.where(is_leaf, "LEAF", "BRANCH_LEQ").tolist(),
        target_weights=values[leaves].ravel().tolist(), **{name: of.tolist() for name, of in whole.items()},
    )  # fmt: skip
    return nodes.cast(sums, np.float64)


#: Converters for skl2onnx, in the place of its own.
CONVERTERS = {
    LinearDiscriminantAnalysis: _converter(_discriminant),
    HistGradientBoostingClassifier: _converter(_boosted),
    **dict.fromkeys(
        (RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier, ExtraTreeClassifier), _converter(_forest)
    ),
}
