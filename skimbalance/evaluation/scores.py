"""By what is a model judged where one class is rare? Ranking, probabilities, decisions, money."""

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

#: Scores of which less is better.
LESS_IS_BETTER = {"log-loss", "refinement", "calibration", "Brier", "cost"}


def score_fold(y, proba, labels, sample_weight, positive, budget, costs=None):
    """Return the scores of one model on the rows of one fold.

    Parameters
    ----------
    y : ndarray of int, shape (n_samples,)
        Class indices.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities at the prior of the data.
    labels : ndarray of int, shape (n_samples,)
        Class indices that the model decided for.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.
    positive : int or None
        Position of the positive class of two; None takes the mean over classes.
    budget : float in (0, 1)
        Share of the rows that can be looked at.
    costs : ndarray of shape (n_classes, n_classes), default=None
        Costs, [true class, predicted class].

    Returns
    -------
    dict of str to float
        Scores by name. "refinement" is the log-loss that is left once the probabilities are recalibrated on these rows,
        "calibration" what recalibration gains.
    """
    n_classes = proba.shape[1]
    one_hot, weight = np.eye(n_classes)[y], sample_weight
    of = slice(None) if positive is None else positive
    log_loss, refinement = _log_loss(y, np.log(_clipped(proba)), weight), _recalibrated_log_loss(y, proba, weight)
    of_f1 = {"average": "macro"} if positive is None else {"pos_label": positive}
    scores = {
        "average precision": average_precision_score(one_hot[:, of], proba[:, of], sample_weight=weight),
        "ROC AUC": roc_auc_score(one_hot[:, of], proba[:, of], sample_weight=weight),
        "log-loss": log_loss,
        "refinement": refinement,
        "calibration": log_loss - refinement,
        "Brier": float(np.average(np.square(proba - one_hot).sum(axis=1), weights=weight) / 2),
        "F1": f1_score(y, labels, **of_f1, sample_weight=weight, zero_division=0.0),
        "balanced accuracy": balanced_accuracy_score(y, labels, sample_weight=weight),
        "accuracy": float(np.average(labels == y, weights=weight)),
    }
    if positive is not None:
        scores[f"recall at {budget:.0%}"] = _recall_at(y == positive, proba[:, positive], weight, budget)
    if costs is not None:
        scores["cost"] = float(np.average(costs[y, labels], weights=weight))
    return {name: float(value) for name, value in scores.items()}


def _recall_at(is_positive, score, weight, budget):
    """Return the share of the positive rows among those of the highest scores, as many as can be looked at."""
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=np.float64)
    order = np.argsort(-score, kind="stable")
    before = np.cumsum(weight[order]) - weight[order]
    seen = np.clip((budget * weight.sum() - before) / np.maximum(weight[order], 1e-300), 0, 1) * weight[order]
    return (seen * is_positive[order]).sum() / (weight * is_positive).sum()


def _clipped(proba):
    """Return probabilities above zero: a model that is sure and wrong pays for one in ten million."""
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
