"""Which label does a probability call for? The decision rule, in closed form from calibrated probabilities."""

from numbers import Real

import numpy as np

_BY_ROWS = ("fbeta", "mcc")
_ALLOWED = (
    'it takes None, a threshold in [0, 1], "f1", ("fbeta", beta), "balanced_accuracy", "mcc", '
    '{"fp": cost, "fn": cost}, or a matrix of costs [true class, predicted class]'
)


def parse_decision(decision, n_classes):
    """Return a ``decision`` parameter as (kind, value).

    Parameters
    ----------
    decision : None, float, str, tuple, dict or array-like
        What the user asked for.
    n_classes : int
        Number of classes.

    Returns
    -------
    kind : {"argmax", "threshold", "fbeta", "mcc", "balanced_accuracy", "costs"}
        Form of the rule.
    value : float, ndarray of shape (n_classes, n_classes), or None
        Threshold, beta, or costs.

    Raises
    ------
    ValueError
        For anything else, and for rules of two classes where there are more.
    """
    if decision is None:
        return "argmax", None
    parsed = None
    if isinstance(decision, str):
        named = {"f1": ("fbeta", 1.0), "mcc": ("mcc", None), "balanced_accuracy": ("balanced_accuracy", None)}
        parsed = named.get(decision)
    elif isinstance(decision, Real) and not isinstance(decision, bool):
        parsed = ("threshold", float(decision)) if 0 <= decision <= 1 else None
    elif isinstance(decision, tuple) and len(decision) == 2 and decision[0] == "fbeta":
        beta = decision[1]
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
    """Return a matrix of costs, or refuse its shape."""
    try:
        costs = np.asarray(decision, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if costs.shape != (n_classes, n_classes) or not np.all(np.isfinite(costs)):
        raise ValueError(
            f"decision is a matrix of costs of shape {costs.shape}, but y has {n_classes} classes; it takes finite "
            f"costs [true class, predicted class] of shape {(n_classes, n_classes)}."
        )
    return "costs", costs


def needs_rows(kind):
    """Whether a rule follows from the probabilities of rows, and not from its own numbers."""
    return kind in _BY_ROWS


def closed_form_threshold(kind, value, prior):
    """Return the probability of the positive class from which a rule of two classes says positive."""
    if kind == "threshold":
        return value
    if kind == "balanced_accuracy":
        return float(prior[1])
    (tn, fp), (fn, tp) = value
    if fp <= tn or fn <= tp:
        raise ValueError("These costs reward mistakes, so that no threshold of the probability minimises them.")
    return float((fp - tn) / (fp - tn + fn - tp))


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


def decide(kind, value, threshold, proba, prior):
    """Return the class index that a rule gives each row, from calibrated probabilities (n_samples, n_classes)."""
    if threshold is not None:
        return (proba[:, 1] >= threshold).astype(np.intp)
    if kind == "balanced_accuracy":
        return (proba / prior).argmax(axis=1)
    return (proba @ value).argmin(axis=1)
