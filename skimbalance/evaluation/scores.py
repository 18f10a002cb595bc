"""Scores for a rare class: ranking, probabilities, decisions and costs."""

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from skimbalance.probability.labels import decide

#: Scores for which smaller is better.
LESS_IS_BETTER = {"log-loss", "refinement", "calibration", "Brier", "cost"}


def score_names(budget):
    """Return the names of the built-in scores of a comparison; "recall at" is for two classes only."""
    return [
        "average precision", "ROC AUC", "log-loss", "refinement", "calibration", "Brier", "F1", "balanced accuracy",
        "accuracy", _recall_name(budget), "cost",
    ]  # fmt: skip


def score_fold(y, proba, labels, sample_weight, positive, budget, costs=None):
    """Return the scores of one model on the rows of one fold.

    Parameters
    ----------
    y : ndarray of int, shape (n_samples,)
        Class indices.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities under the class prior of the data.
    labels : ndarray of int, shape (n_samples,)
        Predicted class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights; rows of weight zero are ignored.
    positive : int or None
        Position of the positive class of two; None takes the mean over the classes that occur in the rows.
    budget : float in (0, 1)
        Share of the rows that can be inspected.
    costs : ndarray of shape (n_classes, n_classes), default=None
        Costs, [true class, predicted class].

    Returns
    -------
    dict of str to float
        Scores by name, NaN where a score is undefined on these rows: average precision and recall without a positive
        row; ROC AUC, refinement, calibration and balanced accuracy if all rows are of one class; F1 of two classes if
        no row is positive or predicted to be. "refinement" is the log-loss that remains after the probabilities are
        recalibrated on these rows, "calibration" the reduction by recalibration. "cost" is that of the labels of least
        expected cost under `proba`, whatever `labels` are.

    Raises
    ------
    ValueError
        If no row has a positive weight, or a probability is not finite.
    """
    if not np.isfinite(proba).all():
        raise ValueError(f"predict_proba gives {proba[~np.isfinite(proba)][0]}, which is not a probability.")
    if sample_weight is not None:
        kept = sample_weight > 0
        y, proba, labels, sample_weight = y[kept], proba[kept], labels[kept], sample_weight[kept]
    if not len(y):
        raise ValueError("No test row of the fold has a positive weight.")
    one_hot, weight, present = np.eye(proba.shape[1])[y], sample_weight, np.unique(y)
    log_loss = _log_loss(y, np.log(_clipped(proba)), weight)
    refinement = _recalibrated_log_loss(y, proba, weight) if len(present) > 1 else np.nan
    scores = {
        "average precision": _mean_over(present, positive, average_precision_score, one_hot, proba, weight),
        "ROC AUC": np.nan if len(present) < 2
        else _mean_over(present, positive, roc_auc_score, one_hot, proba, weight),
        "log-loss": log_loss,
        "refinement": refinement,
        "calibration": log_loss - refinement,
        "Brier": float(np.average(np.square(proba - one_hot).sum(axis=1), weights=weight) / 2),
        "F1": _f1(y, labels, weight, positive, present),
        "balanced accuracy": _balanced_accuracy(y, labels, weight, present),
        "accuracy": float(np.average(labels == y, weights=weight)),
    }  # fmt: skip
    if positive is not None:
        scores[_recall_name(budget)] = _recall_at(y == positive, proba[:, positive], weight, budget)
    if costs is not None:
        largest = max(np.abs(costs).max(), np.finfo(np.float64).tiny)  # sums of the largest numbers would overflow
        predicted = decide(proba, costs=costs, pos_label=positive)
        scores["cost"] = largest * np.average(costs[y, predicted] / largest, weights=weight)
    return {name: float(value) for name, value in scores.items()}


def _recall_name(budget):
    """Return the name of the recall at a budget."""
    return f"recall at {budget:.0%}"


def _mean_over(present, positive, score, one_hot, proba, weight):
    """Return a score of the positive class, or its mean over the classes present; NaN if there is no such class."""
    classes = present if positive is None else np.intersect1d(present, positive)
    if not len(classes):
        return np.nan
    return np.mean([score(one_hot[:, c], proba[:, c], sample_weight=weight) for c in classes])


def _f1(y, labels, weight, positive, present):
    """Return F1 of the positive class (NaN if it is neither true nor predicted), or the mean over classes."""
    if positive is None:
        return f1_score(y, labels, labels=present, average="macro", sample_weight=weight, zero_division=0.0)
    return f1_score(y == positive, labels == positive, sample_weight=weight, zero_division=np.nan)


def _balanced_accuracy(y, labels, weight, present):
    """Return the mean recall of the classes present, NaN if there is only one."""
    if len(present) < 2:
        return np.nan
    is_right, weight = labels == y, np.ones(len(y)) if weight is None else weight
    return np.mean([np.average(is_right[y == c], weights=weight[y == c]) for c in present])


def _recall_at(is_positive, score, weight, budget):
    """Return the share of the positive rows that are among the highest scores, within the budget."""
    if not is_positive.any():
        return np.nan
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    order = np.argsort(-score, kind="stable")
    before = np.cumsum(weight[order]) - weight[order]
    seen = np.clip((budget * weight.sum() - before) / np.maximum(weight[order], 1e-300), 0, 1) * weight[order]
    return (seen * is_positive[order]).sum() / (weight * is_positive).sum()


def _clipped(proba):
    """Return probabilities clipped at one in ten million, so that the log-loss is finite."""
    proba = np.maximum(proba, 1e-7)
    return proba / proba.sum(axis=1, keepdims=True)


def _log_loss(y, log_proba, weight):
    """Return the mean of -log P(y | x)."""
    return float(np.average(-log_proba[np.arange(len(y)), y], weights=weight))


def _recalibrated_log_loss(y, proba, weight):
    """Return the least log-loss of p^a exp(b_c), normalised, over a >= 0 and numbers b of all classes but the first."""
    log_proba = np.log(_clipped(proba))
    target = np.eye(proba.shape[1])[y]
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    weight = weight / weight.sum()

    def loss(parameters):
        z = parameters[0] * log_proba
        z[:, 1:] += parameters[1:]
        z -= z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        slope = weight[:, None] * (np.exp(log_p) - target)
        return -(weight * log_p[np.arange(len(y)), y]).sum(), np.r_[(slope * log_proba).sum(), slope[:, 1:].sum(axis=0)]

    n_shifts = proba.shape[1] - 1
    start = np.r_[1.0, np.zeros(n_shifts)]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] + [(None, None)] * n_shifts)
    return float(min(best.fun, loss(start)[0]))
