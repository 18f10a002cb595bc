"""Blend the posteriors of the network and of base models into one, as held-out rows say."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from skimbalance.data.rows import weighted_counts
from skimbalance.probability.links import NUMPY

# Most steps that the weights of the mean, and the exponents, take.
_MAX_ITER = 1000

# Share of the class prior that each posterior is mixed with before its logarithm is taken: trees may say zero.
_SMOOTHING = 0.01

# Exponents before any row is seen: half for the mean, the rest for its parts. They are drawn there as by so many rows.
_OF_MEAN, _EXPONENT_ROWS = 0.5, 8.0

# The intercept of a class is drawn to zero by this factor of its square: a standard deviation of half a unit for the
# log-odds of two classes.
_INTERCEPT_ROWS = 4.0


@dataclass(frozen=True, eq=False)
class Blend:
    r"""What several posteriors say together: their weighted mean, or a log-linear pool of this mean and its parts.

    With the mean :math:`m = \sum_k w_k p_k`, the probability of class c is proportional to
    :math:`e^{b_c} m_c^{a_0} \prod_k p_{kc}^{a_k}`.

    Attributes
    ----------
    weights : ndarray of shape (n_parts,)
        Weights w of the network and of the base models in the mean; they sum to one.
    exponents : ndarray of shape (1 + n_parts,) or None
        Exponents a of the mean and of its parts, none below zero; None is the mean alone.
    intercept : ndarray of shape (n_classes,) or None
        Intercepts b; None is zero.
    """

    weights: np.ndarray
    exponents: np.ndarray | None = None
    intercept: np.ndarray | None = None

    def of(self, parts, prior, ops=NUMPY):
        """Return the blend of posteriors.

        Parameters
        ----------
        parts : list of ndarray or tensor of shape (n_samples, n_classes)
            P(y | x) of the network and of each base model, under the class prior of the data.
        prior : ndarray of shape (n_classes,)
            That prior.
        ops : namespace, default=NUMPY
            What to compute with, as for `Link.inverse`.

        Returns
        -------
        ndarray or tensor of shape (n_samples, n_classes)
            Probabilities; every row sums to one.
        """
        mean = sum(weight * proba for weight, proba in zip(self.weights.tolist(), parts, strict=True))
        if self.exponents is None:
            return mean
        logs = [ops.log(_smoothed(proba, prior, ops)) for proba in (mean, *parts)]
        pooled = sum(exponent * log for exponent, log in zip(self.exponents.tolist(), logs, strict=True))
        return ops.softmax(pooled + ops.cast(self.intercept, pooled.dtype))

    @property
    def shares(self):
        """How much each part counts, (n_parts,): its exponent, and its weight in the mean times that of the mean."""
        if self.exponents is None:
            return self.weights
        counted = self.exponents[1:] + self.exponents[0] * self.weights
        return counted / max(counted.sum(), np.finfo(float).tiny)


def even_blend(n_others):
    """Return the mean in which the network counts as much as all base models together."""
    return Blend(np.array([0.5, *[0.5 / n_others] * n_others]) if n_others else np.ones(1))


#: The network without base models.
NETWORK_ALONE = even_blend(0)


def fit_blend(ensemble, y, sample_weight, prior):
    r"""Return the blend under which held-out rows are most likely.

    The weights of the mean come first, by `fit_weights`. Exponents and intercepts then maximise
    :math:`\sum_i v_i \log q_{i y_i} - 8 |a - a^0|^2 - 4 |b|^2`, where q is the blend; this is concave, a multinomial
    regression on log-probabilities. A mean of posteriors that are right on average is less sure than it should be [1]_,
    and a single part may be too sure: exponents mend both, and intercepts make classes as frequent as they are [2]_.
    Coefficients below zero would follow chance, as in stacking [3]_.

    Parameters
    ----------
    ensemble : ndarray of shape (n_parts, n_samples, n_classes)
        P(y | x) of the network and of the base models under the prior of the data; at least two.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights.
    prior : ndarray of shape (n_classes,)
        Class prior of the data.

    Returns
    -------
    Blend
        Blend.

    References
    ----------
    .. [1] T. Gneiting and R. Ranjan (2013), "Combining Predictive Distributions", Electronic Journal of Statistics 7,
       doi:10.1214/13-EJS823.
    .. [2] B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W. Steyerberg (2019), "Calibration: the
       Achilles heel of predictive analytics", BMC Medicine 17, doi:10.1186/s12916-019-1466-7.
    .. [3] L. Breiman (1996), "Stacked Regressions", Machine Learning 24, doi:10.1007/BF00117832.
    """
    shown = sample_weight > 0  # sets of groups are filled up by rows of weight zero
    ensemble, y, sample_weight = ensemble[:, shown], y[shown], sample_weight[shown]
    weights = fit_weights(ensemble, y, sample_weight)
    mean = np.tensordot(weights, ensemble, axes=1)
    logs = np.log(_smoothed(np.concatenate([mean[None], ensemble]), prior))
    start = np.array([_OF_MEAN, *[(1 - _OF_MEAN) / len(ensemble)] * len(ensemble)])
    exponents, intercept = _fit_pool(logs, y, sample_weight / sample_weight.mean(), start)
    return Blend(weights, exponents, intercept)


def fit_weights(ensemble, y, sample_weight):
    r"""Return the weights of the mean of posteriors under which held-out rows are most likely.

    The weights w maximise :math:`\sum_i v_i \log \sum_k w_k p_{ik} + \sum_k a_k \log w_k`, where p is what a part gives
    to the true class: a concave function, and the mixture's EM algorithm climbs it. Its last term draws them to those
    of the `even_blend`, as much as a single row would.

    Parameters
    ----------
    ensemble : ndarray of shape (n_parts, n_samples, n_classes)
        P(y | x) under the prior of the data; at least two.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    ndarray of shape (n_parts,)
        Weights, all above zero; they sum to one.
    """
    at_truth = np.maximum(ensemble[:, np.arange(len(y)), y], np.finfo(np.float32).tiny)
    rows, start = sample_weight / sample_weight.mean(), even_blend(len(ensemble) - 1).weights
    weights = start
    for _ in range(_MAX_ITER):
        before, shares = weights, weights[:, None] * at_truth
        weights = start + (shares / shares.sum(axis=0)) @ rows
        weights = weights / weights.sum()
        if np.abs(weights - before).max() < 1e-5:
            break
    return weights


def _fit_pool(logs, y, weight, start):
    """Return the exponents (n_terms,) and intercepts (n_classes,) of log-probabilities (n_terms, n_rows, n_classes)."""
    n_terms, n_rows, n_classes = logs.shape
    counts = weighted_counts(y, weight, n_classes)
    truth = (weight * logs[:, np.arange(n_rows), y]).sum(axis=1)

    def loss(coefficients):
        """Return the penalised loss and its gradient; sums in a fixed order, whatever the number of threads."""
        exponents, intercept = coefficients[:n_terms], coefficients[n_terms:]
        scores = sum(exponent * log for exponent, log in zip(exponents, logs, strict=True)) + intercept
        most = scores.max(axis=1, keepdims=True)
        q = np.exp(scores - most)
        total = q.sum(axis=1, keepdims=True)
        drawn = weight[:, None] * q / total
        log_total = (np.log(total) + most)[:, 0]
        value = (weight * log_total).sum() - exponents @ truth - intercept @ counts
        value += _EXPONENT_ROWS * ((exponents - start) ** 2).sum() + _INTERCEPT_ROWS * (intercept**2).sum()
        slope = [(drawn * log).sum() for log in logs] - truth + 2 * _EXPONENT_ROWS * (exponents - start)
        return value, np.concatenate([slope, drawn.sum(axis=0) - counts + 2 * _INTERCEPT_ROWS * intercept])

    bounds = [(0, None)] * n_terms + [(None, None)] * n_classes
    found = minimize(
        loss, np.concatenate([start, np.zeros(n_classes)]), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": _MAX_ITER, "ftol": 1e-13, "gtol": 1e-6 * n_rows**0.5},
    )  # fmt: skip
    return found.x[:n_terms], found.x[n_terms:]


def _smoothed(proba, prior, ops=NUMPY):
    """Return probabilities mixed with a small share of the class prior."""
    return (proba + ops.cast(_SMOOTHING * np.asarray(prior), proba.dtype)) / (1 + _SMOOTHING)
