"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

import copy
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np

from skimbalance.data.numbers_given import as_numbers, check_proba
from skimbalance.probability.links import NUMPY
from skimbalance.probability.positive import known_positive
from skimbalance.probability.posterior import shift_prior

_BY_ROWS = ("fbeta", "mcc")
# Most groups of rows that a rule keeps: a threshold moves by less than a thousandth of the rows.
_MOST_ROWS = 4096
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
    rows: "RowProbabilities | None" = None
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
        return _shift_threshold(threshold, prior, shown, self.positive)

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
            return ops.argmax(-ops.matmul(proba, ops.cast(_of_size_one(self.value), proba.dtype)), axis=1)
        return ops.argmax(proba, axis=1)

    def _threshold_of_costs(self):
        """Return the threshold of two classes that follows from costs; None where both mistakes are rewarded."""
        order = [1 - self.positive, self.positive]
        costs = self.value[np.ix_(order, order)]
        (tn, fp), (fn, tp) = costs
        alarm, miss = (int(a > b) - int(a < b) for a, b in ((fp, tn), (fn, tp)))  # is a mistake worse than being right?
        if alarm > 0 and miss > 0:
            (tn, fp), (fn, tp) = _of_size_one(costs)
            return float((fp - tn) / (fp - tn + fn - tp))
        if alarm < 0 and miss < 0:
            return None
        return 0.0 if alarm <= 0 <= miss else np.inf


def _of_size_one(costs):
    """Return costs over a power of two, so that sums and differences of the largest numbers there are do not overflow.

    The largest of each matrix, (..., n_classes, n_classes), is below one then; single precision holds it as well.
    """
    exponents = np.frexp(np.abs(costs).max(axis=(-2, -1), keepdims=True))[1]
    return np.ldexp(costs, -exponents)


@dataclass(frozen=True)
class RowProbabilities:
    """Probabilities of rows, from which a threshold follows at any class prior; at most a few thousand numbers.

    Attributes
    ----------
    proba : ndarray of shape (n_rows,)
        Calibrated probabilities of the second class of two, rising and distinct.
    weight : ndarray of shape (n_rows,)
        Weights.
    prior : ndarray of shape (2,)
        Class shares that both refer to.
    """

    proba: np.ndarray
    weight: np.ndarray
    prior: np.ndarray

    @classmethod
    def of(cls, proba, weight, prior):
        """Gather rows: those of equal probability are one, and of many, neighbours of little weight are.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, 2)
            Calibrated probabilities.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        prior : ndarray of shape (2,)
            Class shares of the population that the weighted rows stand for.
        """
        p, same = np.unique(proba[:, 1], return_inverse=True)
        weight = np.bincount(same.ravel(), weight)
        if len(p) > _MOST_ROWS:
            # Groups hold equal shares of the rows and of the expected members of either class, so that a rare class,
            # or a small part of the rows, is resolved as finely as all of them.
            shares = [of / max(of.sum(), np.finfo(np.float64).tiny) for of in (weight, weight * p, weight * (1 - p))]
            group = np.floor(np.cumsum(np.sum(shares, axis=0)) / 3 * _MOST_ROWS).astype(int)
            _, group = np.unique(group, return_inverse=True)
            total = np.bincount(group, weight)
            p = np.divide(np.bincount(group, weight * p), total, out=np.zeros_like(total), where=total > 0)
            weight = total
        return cls(p, weight, np.asarray(prior))

    def at(self, prior, positive=1):
        """Return probabilities of the positive class, and weights, in a population of other class shares."""
        ratio = np.asarray(prior) / self.prior
        weight = self.weight * (self.proba * ratio[1] + (1 - self.proba) * ratio[0])
        proba = np.stack([1 - self.proba, self.proba], axis=1)
        return shift_prior(proba, self.prior, prior)[:, positive], weight


def _shift_threshold(threshold, prior, shown, positive):
    """Return a threshold in a population of class shares `prior` as a probability at the shares `shown`."""
    if threshold is None or threshold in (0.0, np.inf):
        return threshold
    proba = np.array([[1 - threshold, threshold] if positive else [threshold, 1 - threshold]])
    return float(shift_prior(proba, prior, shown)[0, positive])


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
            return "costs", _costs_by_label(decision, classes)
    else:
        parsed = _parse_matrix(decision, n_classes)
    if parsed is None:
        raise ValueError(f"decision={decision!r} is no decision rule; {_ALLOWED}.")
    kind, value = parsed
    if n_classes > 2 and (kind in ("threshold", *_BY_ROWS) or isinstance(decision, dict)):
        raise ValueError(
            f"decision={decision!r} is a rule for two classes, but y has {n_classes}; take None, "
            '"accuracy", "balanced_accuracy", or a matrix of costs [true class, predicted class].'
        )
    return kind, value


def _costs_by_label(costs, classes):
    """Return costs by (true label, predicted label) as a matrix; what is not named costs nothing."""
    labels = np.asarray(classes).tolist()
    matrix = np.zeros((len(labels), len(labels)))
    for pair, cost in costs.items():
        unknown = [label for label in pair if label not in labels]
        if unknown or not isinstance(cost, Real) or not np.isfinite(cost):
            problem = f"names {unknown[0]!r}, which is none of the labels {labels}" if unknown else f"costs {cost!r}"
            raise ValueError(
                f"decision has the entry {pair!r}, which {problem}; it takes finite costs by (true label, predicted "
                "label)."
            )
        matrix[labels.index(pair[0]), labels.index(pair[1])] = cost
    return matrix


def _parse_matrix(decision, n_classes):
    """Return a matrix of costs, or refuse its shape or an entry."""
    try:
        costs = np.asarray(decision, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if costs.shape != (n_classes, n_classes):
        raise ValueError(
            f"decision is a matrix of costs of shape {costs.shape}, but y has {n_classes} classes; it takes finite "
            f"costs [true class, predicted class] of shape {(n_classes, n_classes)}."
        )
    if not np.all(np.isfinite(costs)):
        true, predicted = np.argwhere(~np.isfinite(costs))[0].tolist()
        raise ValueError(
            f"decision is a matrix of costs whose entry [true class {true}, predicted class {predicted}] is "
            f"{costs[true, predicted]}; it takes finite costs."
        )
    return "costs", costs


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


def decide(proba, *, costs, classes=None, pos_label=None):
    """Return the labels of least expected cost, for costs that differ from row to row.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes), or (n_samples,)
        Calibrated probabilities in the population decided about, such as ``predict_proba`` gives with
        ``target_prior="fit"``; of the positive class alone, for two classes.
    costs : dict or array-like of shape (n_classes, n_classes) or (n_samples, n_classes, n_classes)
        For two classes ``{"fp": cost, "fn": cost}``, what a false alarm and a miss cost: numbers, or one a row (the
        amount that a missed fraud loses). For any number of classes a matrix [true class, predicted class], or one a
        row. Negative costs are gains.
    classes : array-like of shape (n_classes,), default=None
        Labels, in the order of the columns of `proba`; None numbers them.
    pos_label : label, default=None
        Positive label of two. None is 1 or True among {0, 1}, {-1, 1} and booleans; other labels need it, where
        `costs` is a dict or `proba` of one column.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels.

    Raises
    ------
    ValueError
        If `proba` holds no probabilities, shapes do not fit, a cost is not finite, or it is not said which label is
        positive.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI.

    Examples
    --------
    A miss costs the amount of a payment, an alarm 5:

    >>> import numpy as np
    >>> from skimbalance import decide
    >>> decide([0.1, 0.1], costs={"fp": 5.0, "fn": np.array([20.0, 200.0])})
    array([0, 1])
    """
    proba = check_proba(proba, alone=True)
    n_classes = 2 if proba.ndim == 1 else proba.shape[1]
    classes = np.arange(n_classes) if classes is None else np.asarray(classes)
    if classes.shape != (n_classes,):
        raise ValueError(f"classes has shape {classes.shape}, but proba is of {n_classes} classes.")
    positive = 1
    if proba.ndim == 1 or isinstance(costs, dict):
        if n_classes != 2:
            raise ValueError(f"costs={costs!r:.80} are of two classes, but proba is of {n_classes}; give a matrix.")
        positive = known_positive(pos_label, classes)
        if positive is None:
            raise ValueError(
                f"Which label is positive? The labels are {classes.tolist()}; say so by pos_label="
                f"{classes.tolist()[1]!r}, for example."
            )
    if proba.ndim == 1:
        proba = np.stack([1 - proba, proba] if positive else [proba, 1 - proba], axis=1)
    expected = np.einsum("nt,ntp->np", proba, _of_size_one(_cost_matrices(costs, len(proba), n_classes, positive)))
    return classes[expected.argmin(axis=1)]


def _cost_matrices(costs, n_samples, n_classes, positive):
    """Return costs as one matrix [true class, predicted class] a row."""
    if isinstance(costs, dict):
        if set(costs) != {"fp", "fn"}:
            raise ValueError(f"costs has the keys {list(costs)}; it takes 'fp' and 'fn', or is a matrix.")
        matrices = np.zeros((n_samples, 2, 2))
        for name, true, predicted in (("fp", 1 - positive, positive), ("fn", positive, 1 - positive)):
            cost = as_numbers(costs[name], f"costs[{name!r}]")
            if cost.shape not in ((), (n_samples,)):
                raise ValueError(
                    f"costs[{name!r}] has shape {cost.shape}; it takes a number, or one for each of {n_samples} rows."
                )
            matrices[:, true, predicted] = cost
    else:
        matrices = as_numbers(costs, "costs")
        if matrices.shape not in ((n_classes, n_classes), (n_samples, n_classes, n_classes)):
            raise ValueError(
                f"costs has shape {matrices.shape}; it takes {(n_classes, n_classes)}, [true class, predicted class], "
                f"or {(n_samples, n_classes, n_classes)}."
            )
        matrices = np.broadcast_to(matrices, (n_samples, n_classes, n_classes))
    if not np.all(np.isfinite(matrices)):
        raise ValueError("costs holds a number that is not finite.")
    return matrices


def threshold_from_rows(kind, value, positive, sample_weight=None):
    r"""Return the threshold with the best expected score, from calibrated probabilities alone.

    Parameters
    ----------
    kind : {"fbeta", "mcc"}
        Score to maximise.
    value : float or None
        Beta.
    positive : ndarray of shape (n_samples,)
        Calibrated probabilities of the positive class.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Threshold. For F-beta it is :math:`F_\beta^* / (1 + \beta^2)`, with the best expected F-beta of a cut of the
        sorted rows; for Matthews' correlation it lies in the middle of the rows at the best cut.

    References
    ----------
    .. [1] Z. C. Lipton, C. Elkan and B. Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1
       Measure", ECML PKDD, arXiv:1402.1892.
    """
    order = np.argsort(-positive, kind="stable")
    p = positive[order]
    weight = np.ones(len(p)) if sample_weight is None else sample_weight[order]
    true_positive, predicted = np.cumsum(weight * p), np.cumsum(weight)
    positives, total = true_positive[-1], predicted[-1]
    if kind == "fbeta":
        # The best F-beta over 1 + beta^2; zero, for recall alone, where the square of beta is infinite.
        return float((true_positive / (predicted + float(value) * float(value) * positives)).max())
    covariance = true_positive * total - predicted * positives
    spread = predicted * (total - predicted) * positives * (total - positives)
    score = covariance / np.sqrt(np.maximum(spread, 1e-300))
    best = int(score[:-1].argmax()) if len(p) > 1 else 0
    return float(p[best : best + 2].mean())
