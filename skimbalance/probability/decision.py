"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

import copy
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np

from skimbalance.probability.costs import costs_by_label, of_size_one, parse_matrix
from skimbalance.probability.links import NUMPY
from skimbalance.probability.prior import shift_prior
from skimbalance.probability.thresholds import RowProbabilities, shift_threshold, threshold_from_rows

_BY_ROWS = ("fbeta", "mcc")
_ALLOWED = (
    'it takes None, a threshold in [0, 1], "f1", ("fbeta", beta), "accuracy", "balanced_accuracy", "mcc", '
    '{"fp": cost, "fn": cost}, {("true label", "predicted label"): cost, ...}, or a matrix of costs [true class, '
    "predicted class]"
)


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
    rows : RowProbabilities, default=None
        Rows from which the threshold of "fbeta" and "mcc" follows.

    Attributes
    ----------
    kind : {"argmax", "threshold", "fbeta", "mcc", "balanced_accuracy", "costs"}
        Form of the rule.
    value : float, ndarray of shape (n_classes, n_classes), or None
        Threshold, beta, or costs.

    Raises
    ------
    ValueError
        For anything that is no rule, and for rules of two classes where there are more.
    """

    given: object
    classes: np.ndarray
    positive: int = 1
    rows: RowProbabilities | None = None
    kind: str = field(init=False)
    value: object = field(init=False)

    def __post_init__(self):
        """Parse what is given."""
        kind, value = _parse(self.given, self.classes, self.positive)
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

    @property
    def needs_positive(self):
        """What of the rule depends on which class is positive, or None."""
        asks = self.kind in ("threshold", "fbeta") or (isinstance(self.given, dict) and set(self.given) == {"fp", "fn"})
        return f"decision={self.given!r}" if asks else None

    @property
    def needs_rows(self):
        """Whether the threshold follows from the probabilities of rows, and not from the rule's own numbers."""
        return self.kind in _BY_ROWS

    def is_of(self, decision):
        """Whether the rule was parsed from this parameter."""
        if type(decision) is not type(self.given):
            return False
        return np.array_equal(np.asarray(self.given, dtype=object), np.asarray(decision, dtype=object))

    def __str__(self):
        """Return the rule in words."""
        named = {
            "argmax": "the strategy's own rule",
            "threshold": "the threshold given",
            "mcc": "best expected Matthews correlation",
            "balanced_accuracy": "best expected balanced accuracy",
            "costs": "best expected accuracy" if isinstance(self.given, str) else "least expected cost",
        }
        if self.kind == "fbeta":
            return "best expected F1" if self.value == 1 else f"best expected F-beta, beta={self.value:g}"
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
            In [0, 1], or infinity for a rule that never says positive. None for more classes, and for costs under which
            a mistake is better than a right label, of either class: no threshold gives the labels of these.
        """
        if self.n_classes != 2:
            return None
        if self.kind == "threshold":
            return self.value
        if self.kind == "argmax":
            threshold = 0.5
        elif self.kind == "balanced_accuracy":
            threshold = float(prior[self.positive])
        elif self.kind == "costs":
            threshold = self._threshold_of_costs()
        else:
            threshold = threshold_from_rows(self.kind, self.value, *self.rows.at(prior, self.positive))
        return shift_threshold(threshold, prior, shown, self.positive)

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
        threshold = self.threshold(prior, shown)
        if threshold is not None:
            return ops.where(proba[:, self.positive] >= threshold, self.positive, 1 - self.positive)
        proba = shift_prior(proba, shown, prior, ops)
        if self.kind == "balanced_accuracy":
            return ops.argmax(proba / ops.cast(prior, proba.dtype), axis=1)
        if self.kind == "costs":
            return ops.argmax(-ops.matmul(proba, ops.cast(of_size_one(self.value), proba.dtype)), axis=1)
        return ops.argmax(proba, axis=1)

    def _threshold_of_costs(self):
        """Return the threshold of two classes that follows from costs; None where both mistakes are rewarded."""
        order = [1 - self.positive, self.positive]
        costs = self.value[np.ix_(order, order)]
        (tn, fp), (fn, tp) = costs
        alarm, miss = (int(a > b) - int(a < b) for a, b in ((fp, tn), (fn, tp)))  # is a mistake worse than being right?
        if alarm > 0 and miss > 0:
            (tn, fp), (fn, tp) = of_size_one(costs)
            return float((fp - tn) / (fp - tn + fn - tp))
        if alarm < 0 and miss < 0:
            return None
        return 0.0 if alarm <= 0 <= miss else np.inf


def _parse(decision, classes, positive):
    """Return a ``decision`` parameter as (kind, value)."""
    n_classes = len(classes)
    if decision is None:
        return "argmax", None
    parsed = None
    if isinstance(decision, str):
        named = {
            "f1": ("fbeta", 1.0),
            "mcc": ("mcc", None),
            "accuracy": ("costs", 1 - np.eye(n_classes)),
            "balanced_accuracy": ("balanced_accuracy", None),
        }
        parsed = named.get(decision)
    elif isinstance(decision, Real) and not isinstance(decision, bool):
        parsed = ("threshold", float(decision)) if 0 <= decision <= 1 else None
    elif isinstance(decision, tuple) and len(decision) == 2 and isinstance(decision[0], str):
        beta = decision[1] if decision[0] == "fbeta" else None
        parsed = ("fbeta", float(beta)) if isinstance(beta, Real) and 0 < beta < np.inf else None
    elif isinstance(decision, dict):
        if set(decision) == {"fp", "fn"} and all(isinstance(c, Real) and 0 < c < np.inf for c in decision.values()):
            costs = np.array([[0.0, decision["fp"]], [decision["fn"], 0.0]])
            parsed = "costs", costs if positive else costs[::-1, ::-1]
        elif decision and all(isinstance(pair, tuple) and len(pair) == 2 for pair in decision):
            return "costs", costs_by_label(decision, classes)
    else:
        parsed = parse_matrix(decision, n_classes)
    if parsed is None:
        raise ValueError(f"decision={decision!r} is no decision rule; {_ALLOWED}.")
    kind, value = parsed
    if n_classes > 2 and (kind in ("threshold", *_BY_ROWS) or isinstance(decision, dict)):
        raise ValueError(
            f"decision={decision!r} is a rule for two classes, but y has {n_classes}; take None, "
            '"accuracy", "balanced_accuracy", or a matrix of costs [true class, predicted class].'
        )
    return kind, value


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
