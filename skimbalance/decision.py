"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

import copy
from numbers import Real

import numpy as np

_BY_ROWS = ("fbeta", "mcc")
_ALLOWED = (
    'it takes None, a threshold in [0, 1], "f1", ("fbeta", beta), "balanced_accuracy", "mcc", '
    '{"fp": cost, "fn": cost}, or a matrix of costs [true class, predicted class]'
)


class Decision:
    """A rule that turns probabilities at the prior of the data into labels.

    Parameters
    ----------
    decision : None, float, str, tuple, dict or array-like
        What the user asked for.
    n_classes : int
        Number of classes.

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

    def __init__(self, decision, n_classes):
        self.n_classes, self.threshold = n_classes, None
        self._given = copy.deepcopy(decision)  # the user may change a list or a dict of theirs
        self.kind, self.value = _parse(decision, n_classes)

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
                self.threshold = threshold_from_rows(self.kind, self.value, proba[:, 1], sample_weight)
            else:
                self.threshold = self._closed_form(data_prior)
        return self

    def labels(self, proba, data_prior):
        """Return the class index that the rule gives each row.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            Calibrated probabilities at `data_prior`.
        data_prior : ndarray of shape (n_classes,)
            Class shares of the data.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            Class indices.
        """
        if self.threshold is not None:
            return (proba[:, 1] >= self.threshold).astype(np.intp)
        if self.kind == "balanced_accuracy":
            return (proba / data_prior).argmax(axis=1)
        return proba.argmax(axis=1) if self.kind == "argmax" else (proba @ self.value).argmin(axis=1)

    def _closed_form(self, data_prior):
        """Return the threshold that follows from the rule's numbers; None where costs reward mistakes."""
        if self.kind == "threshold":
            return self.value
        if self.kind == "balanced_accuracy":
            return float(data_prior[1])
        (tn, fp), (fn, tp) = self.value
        return float((fp - tn) / (fp - tn + fn - tp)) if fp > tn and fn > tp else None


def _parse(decision, n_classes):
    """Return a ``decision`` parameter as (kind, value)."""
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
            parsed = "costs", np.array([[0.0, decision["fp"]], [decision["fn"], 0.0]])
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
