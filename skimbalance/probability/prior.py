"""What does a probability mean under another class prior, and which prior do unlabelled rows have?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from skimbalance.data.numeric_input import as_numbers, check_count, check_proba, check_share, check_size
from skimbalance.data.validation import LEAST_SHARE, check_prior
from skimbalance.probability.links import NUMPY

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Most steps of the profile likelihood.
_MAX_ITER = 1000


@overload
def shift_prior(proba: ArrayLike, train_prior: ArrayLike, target_prior: ArrayLike) -> np.ndarray: ...


@overload
def shift_prior(proba: Any, train_prior: ArrayLike, target_prior: ArrayLike, ops: Any) -> Any: ...


def shift_prior(proba, train_prior, target_prior, ops=NUMPY):
    r"""Turn posteriors under one class prior into posteriors under another.

    Parameters
    ----------
    proba : ndarray or tensor of shape (..., n_classes)
        P(y | x) in a population with class shares `train_prior`.
    train_prior : array-like of shape (n_classes,), or (..., n_classes)
        Those shares; they sum to one and are positive.
    target_prior : array-like of shape (n_classes,)
        Class shares of the population that probabilities refer to.
    ops : namespace, default=NUMPY
        What to compute with, as for `Link.inverse`.

    Returns
    -------
    ndarray or tensor of shape (..., n_classes)
        P(y | x) there, :math:`p_c \pi^t_c / \pi^s_c`, normalised.

    Raises
    ------
    ValueError
        If a row of `proba` is no distribution over the classes, shapes do not fit, a share is not finite or below zero,
        or one of `train_prior` is zero. Tensors are not checked.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI, theorem 2.
    .. [2] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a
       Priori Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.probability.prior import shift_prior
    >>> shift_prior(np.array([[0.5, 0.5]]), train_prior=[0.5, 0.5], target_prior=[0.99, 0.01])
    array([[0.99, 0.01]])
    """
    if ops is NUMPY:
        proba = _check_shift(proba, train_prior, target_prior)
    return _shift(proba, train_prior, target_prior, ops)


def shifted(proba, train_prior, target_prior, ops=NUMPY):
    """Return the same as `shift_prior` of normalised probabilities and valid priors; as they are between equal ones."""
    if np.array_equal(train_prior, target_prior):
        return proba
    return _shift(proba, train_prior, target_prior, ops)


def _shift(proba, train_prior, target_prior, ops):
    """Return probabilities, (..., n_classes), times the ratio of the priors, normalised."""
    proba = proba * ops.cast(np.asarray(target_prior) / np.asarray(train_prior), proba.dtype)
    return proba / ops.sum(proba, axis=-1, keepdims=True)


def _check_shift(proba, train_prior, target_prior):
    """Return probabilities as floats; refuse what are none, and priors under which they have no meaning."""
    if getattr(getattr(proba, "dtype", None), "kind", "") != "f":
        proba = as_numbers(proba, "proba")
    for name, prior, least in (("train_prior", train_prior, np.nextafter(0, 1)), ("target_prior", target_prior, 0)):
        shares = as_numbers(prior, name)
        fits = shares.ndim > 0 and proba.ndim > 0 and shares.shape[-1] == proba.shape[-1]
        if not fits or not np.all((shares >= least) & (shares < np.inf)):
            raise ValueError(
                f"{name}={prior!r} does not fit proba of shape {proba.shape}; it takes a finite share for each class, "
                f"{'none below zero' if least == 0 else 'each above zero'}."
            )
    if proba.size:
        check_proba(proba.reshape(-1, proba.shape[-1]))
    return np.clip(proba, 0, 1)


@overload
def estimate_prior(
    proba: ArrayLike, train_prior: ArrayLike, *, max_iter: int = 1000, tol: float = 1e-8, confidence: None = None
) -> np.ndarray: ...


@overload
def estimate_prior(
    proba: ArrayLike, train_prior: ArrayLike, *, max_iter: int = 1000, tol: float = 1e-8, confidence: float
) -> tuple[np.ndarray, np.ndarray]: ...


def estimate_prior(proba, train_prior, *, max_iter=1000, tol=1e-8, confidence=None):
    r"""Estimate the class prior of unlabelled rows from their probabilities.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        P(y | x) of the rows, in a population with class shares `train_prior`; as ``predict_proba`` gives them.
    train_prior : array-like of shape (n_classes,)
        Those shares: ``prior_`` of the classifier, unless another `target_prior` was set.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-8
        Change of a share below which the iteration ends.
    confidence : float in (0, 1), default=None
        Also return an interval of this confidence for each share, such as 0.95. None returns the shares alone.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Class shares that make the rows most likely, each 1e-9 or more, as `target_prior` takes them; they sum to one.
    interval : ndarray of shape (n_classes, 2)
        Lower and upper end of each share's interval. With `confidence` only.

    Raises
    ------
    ValueError
        If a row of `proba` is no distribution over the classes, or `train_prior` is no prior.

    Notes
    -----
    The EM algorithm of Saerens et al. [1]_ maximises :math:`\ell(\pi) = \sum_i \log \sum_c \pi_c p_{ic} / \pi^s_c`.
    It assumes that rows of a class look as they did in training, only their frequency has changed, and that the
    probabilities are calibrated.

    The interval holds the shares whose profile likelihood lies within half a quantile of chi-squared, with one degree
    of freedom, of the best one. It says how far the share may be off because the rows are a sample. It does not say how
    far it is off because the classifier is: a probability that was learned from a few dozen rare rows is not the true
    one, and the error grows with the distance between the two priors. With the default classifier,
    fitted on 2,000 rows of which 5 % were positive, 20,000 rows of true shares .1, .3 and .6 gave .09, .28 and .56;
    fitted on 10,000 of which 2 % were, .11, .36 and .70; the intervals were a tenth as wide. The true probabilities
    gave .10, .30 and .60. More rare rows in training lessen the error, and calibration on hundreds of held-out ones
    [2]_; a few hundred labelled rows of the new population show how large it is.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a Priori
       Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.
    .. [2] A. Alexandari, A. Kundaje and A. Shrikumar (2020), "Maximum Likelihood with Bias-Corrected Calibration is
       Hard-To-Beat at Label Shift Adaptation", ICML, arXiv:1901.06852.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance import estimate_prior
    >>> proba = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> estimate_prior(proba, train_prior=[0.5, 0.5])
    array([0.75, 0.25])
    >>> prior, interval = estimate_prior(proba, train_prior=[0.5, 0.5], confidence=0.95)
    >>> interval.round(2)
    array([[0.28, 0.98],
           [0.02, 0.72]])
    """
    proba = check_proba(proba)
    train_prior = check_prior(train_prior, np.arange(proba.shape[1]), "train_prior")
    check_count(max_iter, "max_iter")
    check_size(tol, "tol")
    if confidence is not None:
        check_share(confidence, "confidence", "samples", below=True)
    prior = train_prior
    for _ in range(max_iter):
        before, prior = prior, shifted(proba, train_prior, prior).mean(axis=0)
        if np.abs(prior - before).max() < tol:
            break
    prior = np.maximum(prior, LEAST_SHARE)
    prior = prior / prior.sum()
    return prior if confidence is None else (prior, _profile_intervals(proba / train_prior, prior, confidence))


def _profile_intervals(density, prior, confidence):
    """Return the interval of each class share, (n_classes, 2), by the profile likelihood.

    Parameters
    ----------
    density : ndarray of shape (n_samples, n_classes)
        Density of each row in each class, up to a factor of the row.
    prior : ndarray of shape (n_classes,)
        Shares that make the rows most likely.
    confidence : float
        Confidence.
    """
    limit = np.log(density @ prior).sum() - chi2.ppf(confidence, 1) / 2
    interval = np.tile([0.0, 1.0], (len(prior), 1))
    for c, share in enumerate(prior):
        for side, end in enumerate((LEAST_SHARE, 1 - LEAST_SHARE)):

            def excess(at, c=c):
                return _profile(density, prior, c, at) - limit

            if abs(end - share) > LEAST_SHARE and excess(end) < 0 < excess(share):
                interval[c, side] = brentq(excess, *sorted((share, end)), xtol=1e-9)
    return interval


def _profile(density, prior, c, share):
    """Return the largest log-likelihood of rows where one class has a given share, over the shares of the others."""
    own, others, shares = share * density[:, c], np.delete(density, c, axis=1), np.delete(prior, c)
    for _ in range(_MAX_ITER):
        shares = shares / shares.sum()
        mixed = own + (1 - share) * (others @ shares)
        before, shares = shares, shares * (others / mixed[:, None]).sum(axis=0)
        if np.abs(shares / shares.sum() - before).max() < 1e-6:
            break
    return np.log(mixed).sum()
