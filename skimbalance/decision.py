"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

import copy
from numbers import Real

import numpy as np

from skimbalance.links import NUMPY

_BY_ROWS = ("fbeta", "mcc")
_ALLOWED = (
    'it takes None, a threshold in [0, 1], "f1", ("fbeta", beta), "balanced_accuracy", "mcc", '
    '{"fp": cost, "fn": cost}, {("true label", "predicted label"): cost, ...}, or a matrix of costs [true class, '
    "predicted class]"
)


class Decision:
    """A rule that turns probabilities at the prior of the data into labels.

    Parameters
    ----------
    decision : None, float, str, tuple, dict or array-like
        What the user asked for.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int, default=1
        Position of the positive class of two.

    Attributes
    ----------
    kind : {"argmax", "threshold", "fbeta", "mcc", "balanced_accuracy", "costs"}
        Form of the rule.
    value : float, ndarray of shape (n_classes, n_classes), or None
        Threshold, beta, or costs.
    threshold : float or None
        Probability of the positive class of two from which the rule says positive; None before `choose_threshold`, for
        more classes, and for a rule without one.

    Raises
    ------
    ValueError
        For anything that is no rule, and for rules of two classes where there are more.
    """

    def __init__(self, decision, classes, positive=1):
        self.n_classes, self.positive, self.threshold = len(classes), positive, None
        self._given = copy.deepcopy(decision)  # the user may change a list or a dict of theirs
        self.kind, self.value = _parse(decision, classes, positive)

    def __getstate__(self):
        """Return the state for pickling: costs by pairs of labels as a list, which skops writes as well."""
        pairs = list(self._given.items()) if isinstance(self._given, dict) else None
        return {**vars(self), "pairs": pairs, "_given": self._given if pairs is None else None}

    def __setstate__(self, state):
        """Restore the state."""
        pairs = state["pairs"]
        vars(self).update({name: value for name, value in state.items() if name != "pairs"})
        if pairs is not None:
            self._given = dict(pairs)

    @property
    def needs_positive(self):
        """What of the rule depends on which class is positive, or None."""
        asks = self.kind in ("threshold", "fbeta") or (
            isinstance(self._given, dict) and set(self._given) == {"fp", "fn"}
        )
        return f"decision={self._given!r}" if asks else None

    @property
    def needs_rows(self):
        """Whether the threshold follows from the probabilities of rows, and not from the rule's own numbers."""
        return self.kind in _BY_ROWS

    def is_of(self, decision):
        """Whether the rule was parsed from this parameter."""
        if type(decision) is not type(self._given):
            return False
        return np.array_equal(np.asarray(self._given, dtype=object), np.asarray(decision, dtype=object))

    def choose_threshold(self, data_prior, proba=None, sample_weight=None):
        """Set the threshold of a rule for two classes; return the rule.

        Parameters
        ----------
        data_prior : ndarray of shape (n_classes,)
            Class shares of the data.
        proba : ndarray of shape (n_samples, n_classes), default=None
            Calibrated probabilities of rows, at `data_prior`, for a rule that needs rows.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the rows.
        """
        if self.n_classes == 2 and self.kind != "argmax":
            if self.needs_rows:
                self.threshold = threshold_from_rows(self.kind, self.value, proba[:, self.positive], sample_weight)
            else:
                self.threshold = self._closed_form(data_prior)
        return self

    def labels(self, proba, data_prior, ops=NUMPY):
        """Return the class index that the rule gives each row.

        Parameters
        ----------
        proba : ndarray or tensor of shape (n_samples, n_classes)
            Calibrated probabilities at `data_prior`.
        data_prior : ndarray of shape (n_classes,)
            Class shares of the data.
        ops : namespace, default=NUMPY
            What to compute with, as for `Link.inverse`.

        Returns
        -------
        ndarray or tensor of int, shape (n_samples,)
            Class indices.
        """
        if self.threshold is not None:
            return ops.where(proba[:, self.positive] >= self.threshold, self.positive, 1 - self.positive)
        if self.kind == "balanced_accuracy":
            return ops.argmax(proba / ops.cast(data_prior, proba.dtype), axis=1)
        if self.kind == "argmax":
            return ops.argmax(proba, axis=1)
        return ops.argmax(-ops.matmul(proba, ops.cast(self.value, proba.dtype)), axis=1)

    def _closed_form(self, data_prior):
        """Return the threshold that follows from the rule's numbers; None where costs reward mistakes."""
        if self.kind == "threshold":
            return self.value
        if self.kind == "balanced_accuracy":
            return float(data_prior[self.positive])
        order = [1 - self.positive, self.positive]
        (tn, fp), (fn, tp) = self.value[np.ix_(order, order)]
        return float((fp - tn) / (fp - tn + fn - tp)) if fp > tn and fn > tp else None


def _parse(decision, classes, positive):
    """Return a ``decision`` parameter as (kind, value)."""
    n_classes = len(classes)
    if decision is None:
        return "argmax", None
    parsed = None
    if isinstance(decision, str):
        named = {"f1": ("fbeta", 1.0), "mcc": ("mcc", None), "balanced_accuracy": ("balanced_accuracy", None)}
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
            '"balanced_accuracy", or a matrix of costs [true class, predicted class].'
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
        If shapes do not fit, a cost is not finite, or it is not said which label is positive.

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
    proba = np.asarray(proba, dtype=np.float64)
    if proba.ndim not in (1, 2) or not np.all(np.isfinite(proba)):
        raise ValueError(f"proba has shape {proba.shape}; it takes finite probabilities, one row a sample.")
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
    expected = np.einsum("nt,ntp->np", proba, _cost_matrices(costs, len(proba), n_classes, positive))
    return classes[expected.argmin(axis=1)]


def _cost_matrices(costs, n_samples, n_classes, positive):
    """Return costs as one matrix [true class, predicted class] a row."""
    if isinstance(costs, dict):
        if set(costs) != {"fp", "fn"}:
            raise ValueError(f"costs has the keys {list(costs)}; it takes 'fp' and 'fn', or is a matrix.")
        matrices = np.zeros((n_samples, 2, 2))
        for name, true, predicted in (("fp", 1 - positive, positive), ("fn", positive, 1 - positive)):
            cost = np.asarray(costs[name], dtype=np.float64)
            if cost.shape not in ((), (n_samples,)):
                raise ValueError(
                    f"costs[{name!r}] has shape {cost.shape}; it takes a number, or one for each of {n_samples} rows."
                )
            matrices[:, true, predicted] = cost
    else:
        matrices = np.asarray(costs, dtype=np.float64)
        if matrices.shape not in ((n_classes, n_classes), (n_samples, n_classes, n_classes)):
            raise ValueError(
                f"costs has shape {matrices.shape}; it takes {(n_classes, n_classes)}, [true class, predicted class], "
                f"or {(n_samples, n_classes, n_classes)}."
            )
        matrices = np.broadcast_to(matrices, (n_samples, n_classes, n_classes))
    if not np.all(np.isfinite(matrices)):
        raise ValueError("costs holds a number that is not finite.")
    return matrices


def known_positive(pos_label, classes):
    """Return the position of the positive class of two, or None where nobody has said which it is.

    Parameters
    ----------
    pos_label : label or None
        What the user said.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.

    Raises
    ------
    ValueError
        If `pos_label` is none of the labels, or there are not two.
    """
    labels = np.asarray(classes).tolist()
    if pos_label is not None:
        if len(labels) != 2 or pos_label not in labels:
            raise ValueError(
                f"pos_label={pos_label!r} names the positive of two labels, but y has {labels}"
                + ("." if len(labels) == 2 else "; leave it out for more than two classes.")
            )
        return labels.index(pos_label)
    is_number = all(isinstance(label, Real) for label in labels)
    return 1 if is_number and labels in ([0, 1], [-1, 1]) else None


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
        score = (1 + value**2) * true_positive / (predicted + value**2 * positives)
        return float(score.max() / (1 + value**2))
    covariance = true_positive * total - predicted * positives
    spread = predicted * (total - predicted) * positives * (total - positives)
    score = covariance / np.sqrt(np.maximum(spread, 1e-300))
    best = int(score[:-1].argmax()) if len(p) > 1 else 0
    return float(p[best : best + 2].mean())
