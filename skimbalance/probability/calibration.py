"""Fit a logistic regression from logits to probabilities, on rows that training has not seen."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skimbalance.data.splits import ENOUGH
from skimbalance.probability.links import NUMPY

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
