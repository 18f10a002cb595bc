"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

import copy
from dataclasses import dataclass, field, replace

import numpy as np

from skimbalance.probability.costs import of_size_one, positive_last, threshold_of_costs
from skimbalance.probability.links import NUMPY
from skimbalance.probability.macro_f1 import ClassProbabilities
from skimbalance.probability.prior import shifted
from skimbalance.probability.rules import parse, rows_looked_at
from skimbalance.probability.thresholds import RowProbabilities, shift_threshold

# Which class is positive makes these another rule; costs and balanced accuracy are the same for either.
_WITH_DIRECTION = ("threshold", "fbeta", "precision", "recall", "rate", "top")
_BY_ROWS = ("fbeta", "mcc", "precision", "recall", "rate", "macro_f1")

# Rounding error of a share of rows: 0.29 * 100 is less than 29.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Decision:
    """A rule that turns probabilities into labels.

    The rule holds in one population, whose class shares are the argument `prior` of its methods: for "argmax" the
    shares that training showed, for all others those of the population decided about. The probabilities that it is
    given refer to the shares `shown`, those of ``predict_proba``.

    Parameters
    ----------
    given : None, float, str, tuple, dict or array-like
        What the user asked for.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int, default=1
        Position of the positive class of two.
    rows : RowProbabilities or ClassProbabilities, default=None
        Rows from which the rule follows, where it `needs_rows`; of costs and balanced accuracy, rows with labels.

    Attributes
    ----------
    kind : str
        Form of the rule, as `Rule` has it.
    value : object
        Its numbers.

    Raises
    ------
    ValueError
        For anything that is no rule, and for rules of two classes where there are more.
    """

    given: object
    classes: np.ndarray
    positive: int = 1
    rows: RowProbabilities | ClassProbabilities | None = None
    kind: str = field(init=False)
    value: object = field(init=False)

    def __post_init__(self):
        """Parse what is given."""
        kind, value = parse(self.given, self.classes, self.positive)
        given = copy.deepcopy(self.given)  # the user may change a list or a dict of theirs
        for name, of in {"given": given, "classes": np.asarray(self.classes), "kind": kind, "value": value}.items():
            object.__setattr__(self, name, of)

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.classes)

    def __getstate__(self):
        """Return the state for pickling: costs by pairs of labels as a list, which skops writes as well."""
        pairs = list(self.given.items()) if isinstance(self.given, dict) else None
        return {**vars(self), "pairs": pairs, "given": self.given if pairs is None else None}

    def __setstate__(self, state):
        """Restore the state."""
        given = state["given"] if state["pairs"] is None else dict(state["pairs"])
        vars(self).update({name: value for name, value in state.items() if name != "pairs"}, given=given)

    def with_rows(self, rows):
        """Return the same rule, with other rows to look at."""
        return replace(self, rows=rows)

    def looking_at(self, proba, weight, prior, y=None):
        """Return the same rule, with rows to look at.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            Calibrated probabilities.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        prior : ndarray of shape (n_classes,)
            Class shares of the population that the weighted rows stand for, which the probabilities refer to.
        y : ndarray of int, shape (n_samples,), default=None
            Class indices, which count in place of the probabilities.
        """
        kind = RowProbabilities if self.n_classes == 2 else ClassProbabilities
        return self.with_rows(kind.of(proba, weight, prior, y))

    @property
    def needs_positive(self):
        """What of the rule depends on which class is positive, or None."""
        asks = self.kind in _WITH_DIRECTION or (isinstance(self.given, dict) and set(self.given) == {"fp", "fn"})
        return f"decision={self.given!r}" if asks else None

    @property
    def needs_rows(self):
        """Whether the rule follows from the probabilities of rows, and not from its own numbers."""
        return self.kind in _BY_ROWS

    @property
    def looks_at_all(self):
        """Whether the rule follows from so few of the rows that all of a table are better than those held out."""
        return rows_looked_at(self.given) == "all"

    @property
    def is_guaranteed(self):
        """Whether the rule keeps a floor with a confidence, for which it counts labels."""
        return self.kind in ("precision", "recall") and len(self.value) == 2

    @property
    def lacks_rows(self):
        """Whether the rule has no rows that it could follow from."""
        return self.needs_rows and self.rows is None

    def is_same(self, other):
        """Whether another rule is the same, whatever rows both look at, and however costs were given."""
        is_alike = self.kind == other.kind and np.array_equal(self.value, other.value)
        return is_alike and (self.positive == other.positive or self.kind not in _WITH_DIRECTION)

    def __str__(self):
        """Return the rule in words."""
        named = {
            "argmax": "the strategy's own rule",
            "threshold": "the threshold given",
            "mcc": "best expected Matthews correlation",
            "macro_f1": "best expected macro F1",
            "balanced_accuracy": "best expected balanced accuracy",
            "costs": "best expected accuracy" if isinstance(self.given, str) else "least expected cost",
        }
        if self.kind == "fbeta":
            return "best expected F1" if self.value == 1 else f"best expected F-beta, beta={self.value:g}"
        if self.is_guaranteed:
            return f"{self.kind} of at least {self.value[0]:g} with probability {self.value[1]:g}"
        if self.kind in ("precision", "recall"):
            return f"expected {self.kind} of at least {self.value[0]:g}"
        if self.kind in ("rate", "top"):
            share = f"{self.value} rows" if isinstance(self.value, int) else f"{100 * self.value:.3g}% of rows"
            return f"the {share} of highest probability {'in a batch' if self.kind == 'top' else 'in the population'}"
        return named[self.kind]

    def threshold(self, prior, shown):
        """Return from which probability of the positive class of two, at the shares `shown`, the rule says positive.

        Parameters
        ----------
        prior : ndarray of shape (n_classes,)
            Class shares of the population that the rule holds in.
        shown : ndarray of shape (n_classes,)
            Class shares that the probabilities refer to.

        Returns
        -------
        float or None
            In [0, 1], or infinity for a rule that never says positive. None for more classes, for a budget, whose
            threshold depends on the batch, and for costs under which a mistake is better than a right label, of either
            class: no threshold gives the labels of these.
        """
        if self.n_classes != 2 or self.kind == "top":
            return None
        if self.kind == "threshold":
            return self.value
        if self.kind == "argmax":
            threshold = 0.5
        elif self.rows is not None:
            value = of_size_one(self.costs_of_direction()) if self.kind == "costs" else self.value
            threshold = self.rows.threshold(self.kind, value, prior, self.positive)
        elif self.kind == "balanced_accuracy":
            threshold = float(prior[self.positive])
        else:
            threshold = float(threshold_of_costs(self.value, self.positive))
            if np.isnan(threshold):
                return None
        return shift_threshold(threshold, prior, shown, self.positive)

    def costs_of_direction(self):
        """Return costs [true class, predicted class] of two classes, the positive one last."""
        return positive_last(self.value, self.positive)

    def labels(self, proba, prior, shown, ops=NUMPY):
        """Return the class index that the rule gives each row.

        Parameters
        ----------
        proba : ndarray or tensor of shape (n_samples, n_classes)
            Probabilities at the shares `shown`.
        prior, shown : ndarray of shape (n_classes,)
            As for `threshold`.
        ops : namespace, default=NUMPY
            What to compute with, as for `Link.inverse`.

        Returns
        -------
        ndarray or tensor of int, shape (n_samples,)
            Class indices. A row at the threshold is positive.
        """
        if self.kind == "top":
            return self._labels_of_budget(proba[:, self.positive])
        threshold = self.threshold(prior, shown)
        if threshold is not None:
            return ops.where(proba[:, self.positive] >= threshold, self.positive, 1 - self.positive)
        proba = shifted(proba, shown, prior, ops)
        if self.kind == "macro_f1":
            slopes, offsets = (ops.cast(of, proba.dtype) for of in self.rows.rule(prior))
            return ops.argmax(proba * slopes - offsets, axis=1)
        if self.kind == "balanced_accuracy":
            return ops.argmax(proba / ops.cast(prior, proba.dtype), axis=1)
        if self.kind == "costs":
            expected = ops.matmul(proba, ops.cast(of_size_one(self.value), proba.dtype))
            if self.n_classes > 2:
                return ops.argmax(-expected, axis=1)
            negative = 1 - self.positive
            return ops.where(expected[:, negative] >= expected[:, self.positive], self.positive, negative)
        return ops.argmax(proba, axis=1)

    def _labels_of_budget(self, score):
        """Return class indices, (n_samples,): rows of the highest scores are positive, the first of equal ones."""
        n_rows = self.value
        if isinstance(n_rows, float):
            n_rows = max(int(n_rows * len(score) + _ROUNDING), 1)
        labels = np.full(len(score), 1 - self.positive)
        labels[np.argsort(-score, kind="stable")[:n_rows]] = self.positive
        return labels


def cost_matrix(costs, classes, positive=1):
    """Return costs of mistakes as a matrix.

    Parameters
    ----------
    costs : dict or array-like of shape (n_classes, n_classes)
        As `Decision` takes them.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int, default=1
        Position of the positive class of two.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        [true class, predicted class].

    Raises
    ------
    ValueError
        For a rule that is no costs.
    """
    decision = Decision(costs, classes, positive)
    if decision.kind != "costs":
        raise ValueError(f"costs={costs!r} are no costs; give {{'fp': cost, 'fn': cost}}, costs by label, or a matrix.")
    return decision.value
