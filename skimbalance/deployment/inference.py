"""Compute the predictions of a fitted classifier as a function of tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skimbalance.deployment.graph import leaf_values, logits_of, tensors
from skimbalance.deployment.table import inputs_of, matrix_of, told_apart
from skimbalance.ensemble.trees import TreeClassifier
from skimbalance.fitted import Fitted
from skimbalance.probability.prior import shifted


@dataclass
class Inference:
    """The answers of a fitted classifier, for a graph.

    Attributes
    ----------
    answers : Fitted
        What the classifier computes with.
    floatx : {"float32", "float64"}
        Type of number in which probabilities are computed.
    look_up : callable
        ``look_up(texts, levels)``, the way from texts to positions.
    sums : callable
        ``sums(classifier, rows)``, the sums of the leaves of a classifier of trees.
    others : callable or None
        ``others(classifier, rows)``, the probabilities of another classifier, where there is a way to them.
    """

    answers: Fitted
    floatx: str
    look_up: Any
    sums: Any = None
    others: Any = None

    def __post_init__(self):
        """Refuse a budget, and base models that no graph holds."""
        if self.answers.decision.kind == "top":
            raise ValueError(
                f"decision={self.answers.decision.given!r} depends on all rows of a batch, and an exported file labels "
                'each row by itself; set another rule first, such as ("rate", share), a threshold or costs, and take '
                "the rows of highest probability where the file is used."
            )
        self.ops = tensors(self.floatx)
        self.sums = self.sums or self._sums
        ensemble = self.answers.ensemble
        for name, grown in zip(ensemble.names, ensemble.grown, strict=True) if ensemble else ():
            if self.others is None and not isinstance(grown[0][0], TreeClassifier):
                raise ValueError(
                    f'ensemble holds {name}, which cannot be exported to this format; of base models, "forest" and '
                    '"boosting" can. Take format="onnx", fit without it, or deploy by pickle.'
                )

    @property
    def inputs(self):
        """Inputs that the table is given by."""
        return inputs_of(self.answers.columns, self.floatx)

    def of_columns(self, given):
        """Return probabilities and class indices of a table, given as a tensor for each of `inputs`."""
        return self.of_rows(matrix_of(self.answers.columns, given, self.look_up, self.ops))

    def of_rows(self, X):
        """Return probabilities, (n_rows, n_classes), and class indices, (n_rows,), of a matrix of rows."""
        logits = self.ops.cast(logits_of(self.answers.network, X), self.floatx)
        others = None if self.answers.ensemble is None else self._others(X)
        proba = self.answers.proba(logits, others, self.ops)
        return proba, self.answers.indices(proba, self.ops)

    @property
    def labels(self):
        """Labels, (n_classes,), of one type: whole numbers, truth values, numbers or texts."""
        labels = np.array(self.answers.classes.tolist())
        return labels.astype({"O": str, "S": str, "f": self.floatx}.get(labels.dtype.kind, labels.dtype))

    def label(self, indices):
        """Return the labels of class indices."""
        labels = self.labels
        return self.ops.take(labels.tolist() if labels.dtype.kind == "U" else labels, indices, axis=0)

    def _others(self, X):
        """Return P(y | x) of each base model under the class prior of the data, as `Ensemble.proba` does."""
        ensemble, columns, ops = self.answers.ensemble, self.answers.columns, self.ops
        X = told_apart(columns, X, ops)
        X = ops.where(ops.is_missing(X) & ~columns.missing, ensemble.middle, X)
        return [sum(self._proba_of_one(*one, X) for one in grown) / len(grown) for grown in ensemble.grown]

    def _proba_of_one(self, classifier, prior, X):
        """Return the probabilities of one classifier, under the class prior of the data."""
        if isinstance(classifier, TreeClassifier):
            proba = classifier.proba_of_sums(self.ops.cast(self.sums(classifier, X), self.floatx), self.ops)
        else:
            proba = self.ops.cast(self.others(classifier, X), self.floatx)
        if len(classifier.classes_) < len(prior):
            proba = self.ops.matmul(proba, np.eye(len(prior), dtype=self.floatx)[classifier.classes_])
        return shifted(proba, prior, self.answers.posterior.data_prior, self.ops)

    def _sums(self, classifier, X):
        """Return the sums of the leaves of a classifier's trees, as `Trees.sums` does."""
        values = self.ops.cast(leaf_values(classifier.trees_, X), self.floatx)
        n_trees, n_values = values.shape[1:]
        in_turn = (-1, n_trees * n_values // classifier.n_outputs, classifier.n_outputs)
        return self.ops.sum(self.ops.reshape(values, in_turn), axis=1)
