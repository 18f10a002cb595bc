"""What do rows that training has not seen correct? The scale of logits, the weights of base models, and a share."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skimbalance.data.rows import weighted_counts
from skimbalance.data.splits import ENOUGH
from skimbalance.probability.links import NUMPY
from skimbalance.probability.prior import shift_prior

# Most steps that weights of base models take.
_MAX_ITER = 1000

# What is known of the intercept of a class before any row is: its variance, so that the log-odds of two classes differ
# by half a unit of standard deviation.
_INTERCEPT_VARIANCE = 1 / 8

# What is known of the slopes of a calibrator without a link, for logits of unit variance: their variance.
_SLOPE_VARIANCE = 1.0


def fit_calibrator(logits, y, sample_weight, by_link=None):
    """Fit a logistic regression from the members' mean logits to class indices.

    It is shrunk towards the loss' link, as by `ENOUGH` more rows of the rarest class: with one row of
    it, which the network ranks first, the slope has no bounds. Where there are hundreds, these count for little. Where
    the loss has no link, slopes are drawn to zero, in units of the logits' standard deviation.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_members, n_classes)
        Logits of rows that training has not seen.
    y : ndarray of int, shape (n_samples,)
        Their class indices.
    sample_weight : ndarray of shape (n_samples,)
        Their weights, which give the classes the shares of the prior that the calibrator refers to.
    by_link : ndarray of shape (n_samples, n_classes), default=None
        P(y | x) by the loss' link, at that prior; None where the loss has none, or one that is no more than coarse.

    Returns
    -------
    LogisticRegression
        Calibrator.
    """
    scores = _mean_logits(logits)
    if by_link is None:
        return LogisticRegression(C=_SLOPE_VARIANCE / max(scores.var(), 1e-12), max_iter=1000).fit(
            scores, y, sample_weight
        )
    n_samples, n_classes = by_link.shape
    drawn = ENOUGH / np.bincount(y).min() * sample_weight[:, None] * by_link
    scores = np.tile(scores, (1 + n_classes, 1))
    y = np.concatenate([y, np.repeat(np.arange(n_classes), n_samples)])
    sample_weight = np.concatenate([sample_weight, drawn.T.ravel()])
    return LogisticRegression(C=1e4, max_iter=1000).fit(scores, y, sample_weight)


def even_weights(n_others):
    """Return weights under which the network counts as much as all base models together."""
    return np.array([0.5, *[0.5 / n_others] * n_others]) if n_others else np.ones(1)


def fit_weights(ensemble, y, sample_weight):
    r"""Return the blending weights of the network and the base models: they maximise the likelihood of held-out rows.

    The weights w maximise :math:`\sum_i v_i \log \sum_k w_k p_{ik} + \sum_k a_k \log w_k`, where p is what a base model
    gives to the true class: a concave function, and the mixture's EM algorithm climbs it. Its last term draws them to
    the `even_weights` a, as much as a single row would.

    Parameters
    ----------
    ensemble : ndarray of shape (n_base_models, n_samples, n_classes)
        P(y | x) under the prior of the data; at least two.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    ndarray of shape (n_base_models,)
        Weights, all above zero; they sum to one.
    """
    at_truth = np.maximum(ensemble[:, np.arange(len(y)), y], np.finfo(np.float32).tiny)
    rows, start = sample_weight / sample_weight.mean(), even_weights(len(ensemble) - 1)
    weights = start
    for _ in range(_MAX_ITER):
        before, shares = weights, weights[:, None] * at_truth
        weights = start + (shares / shares.sum(axis=0)) @ rows
        weights = weights / weights.sum()
        if np.abs(weights - before).max() < 1e-5:
            break
    return weights


def fit_intercept(proba, y, sample_weight):
    r"""Return an intercept per class on log-probabilities; it matches mean probabilities to observed frequencies.

    The intercept b maximises :math:`\sum_i v_i \log q_{i y_i} - 4 |b|^2`, where q is proportional to :math:`p e^b`: the
    recalibration in the large [1]_, drawn to zero as much as a handful of rows of a class would. Ensemble that are
    averaged by their likelihood may still be too sure that a class is rare: overgrown trees give rows that they do not
    know too small a share of it.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        P(y | x) of rows that training has not seen.
    y : ndarray of int, shape (n_samples,)
        Their class indices.
    sample_weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    ndarray of shape (n_classes,)
        Intercept of each class; they sum to zero.

    References
    ----------
    .. [1] B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W. Steyerberg (2019), "Calibration: the
       Achilles heel of predictive analytics", BMC Medicine 17, doi:10.1186/s12916-019-1466-7.
    """
    weight, n_classes = sample_weight / sample_weight.mean(), proba.shape[1]
    counts, intercept = weighted_counts(y, weight, n_classes), np.zeros(n_classes)
    for _ in range(_MAX_ITER):  # Newton's steps
        q = tilted(proba, intercept)
        slope = counts - weight @ q - intercept / _INTERCEPT_VARIANCE
        curvature = np.diag(weight @ q) - (q * weight[:, None]).T @ q + np.eye(n_classes) / _INTERCEPT_VARIANCE
        step = np.linalg.solve(curvature, slope)
        intercept = intercept + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return intercept


def tilted(proba, intercept, ops=NUMPY):
    """Return probabilities with an intercept added to their logarithms."""
    return shift_prior(proba, np.ones(len(intercept)), np.exp(intercept), ops)


def calibrated(calibrator, logits, ops):
    """Return the probabilities of a calibrator, a logistic regression of two classes or more."""
    coef, intercept = calibrator.coef_, calibrator.intercept_
    if len(coef) == 1:  # of the second class of two
        coef, intercept = np.stack([0 * coef[0], coef[0]]), np.array([0.0, intercept[0]])
    scores = ops.matmul(_mean_logits(logits, ops), ops.cast(coef.T, ops.floatx))
    return ops.softmax(scores + ops.cast(intercept, ops.floatx))


def _mean_logits(logits, ops=NUMPY):
    """Return the mean logits of all members, each row centred: only differences between classes have a meaning."""
    mean = ops.mean(ops.cast(logits, ops.floatx), axis=1)
    return mean - ops.mean(mean, axis=1, keepdims=True)
