"""Significance of a difference between two models on folds whose training sets overlap."""

import numpy as np
from scipy import stats


def corrected_interval(values, test_share):
    r"""Return the mean of the scores of folds, and its 95 % confidence interval.

    The variance of the mean is :math:`s^2 (1/n + \rho / (1 - \rho))` rather than :math:`s^2 / n`, since the training
    sets of folds overlap [1]_.

    Parameters
    ----------
    values : array-like of shape (n_splits,)
        Scores, or differences of scores.
    test_share : float in (0, 1)
        Share of the rows that a fold tests, :math:`\rho`.

    Returns
    -------
    mean, low, high : float
        Mean and ends of the interval; the ends are NaN for fewer than two folds, the mean for none.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio (2003), "Inference for the Generalization Error", Machine Learning 52,
       doi:10.1023/A:1024068626366.
    """
    mean, scale, dof = _posterior_of_mean(values, test_share)
    if dof == 0:
        return mean, np.nan, np.nan
    half = float(scale * stats.t.ppf(0.975, dof))
    return mean, mean - half, mean + half


def probabilities(differences, test_share, region=0.0):
    """Return the probabilities that a model is worse, equivalent or better: the correlated Bayesian t-test [1]_.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
        Differences of its scores to those of another model, fold by fold.
    test_share : float in (0, 1)
        Share of the rows that a fold tests.
    region : float, default=0.0
        Differences up to this size count as equivalent.

    Returns
    -------
    worse, equivalent, better : float
        Probabilities; they sum to one. NaN for fewer than two folds.

    References
    ----------
    .. [1] A. Benavoli, G. Corani, J. Demsar and M. Zaffalon (2017), "Time for a Change: a Tutorial for Comparing
       Multiple Classifiers Through Bayesian Analysis", JMLR 18(77), section 4.
    """
    mean, scale, dof = _posterior_of_mean(differences, test_share)
    if dof == 0:
        return np.nan, np.nan, np.nan
    if scale == 0:  # folds that agree to the bit
        return float(mean < -region), float(abs(mean) <= region), float(mean > region)
    worse = stats.t.cdf((-region - mean) / scale, dof)
    better = stats.t.sf((region - mean) / scale, dof)
    return float(worse), float(max(1 - worse - better, 0.0)), float(better)


def _posterior_of_mean(values, test_share):
    """Return location, scale and degrees of freedom of Student's distribution of a mean."""
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if n < 2:
        return float(values.mean()) if n else np.nan, np.nan, 0
    scale = values.std(ddof=1) * np.sqrt(1 / n + test_share / (1 - test_share))
    return float(values.mean()), float(scale), n - 1
