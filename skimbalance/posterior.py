"""What does a probability mean under another class prior, and which prior do unlabelled rows have?"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skimbalance.checks import check_prior


def shift_prior(proba, train_prior, target_prior):
    r"""Turn posteriors under one class prior into posteriors under another.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        P(y | x) in a population with class shares `train_prior`.
    train_prior : array-like of shape (n_classes,)
        Those shares; they sum to one and are positive.
    target_prior : array-like of shape (n_classes,)
        Class shares of the population asked about.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        P(y | x) there, :math:`p_c \pi^t_c / \pi^s_c`, normalised.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI, theorem 2.
    .. [2] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a
       Priori Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.posterior import shift_prior
    >>> shift_prior(np.array([[0.5, 0.5]]), train_prior=[0.5, 0.5], target_prior=[0.99, 0.01])
    array([[0.99, 0.01]])
    """
    shifted = proba * (np.asarray(target_prior) / np.asarray(train_prior)).astype(proba.dtype)
    return shifted / shifted.sum(axis=1, keepdims=True)


def true_posterior(loss, logits, train_prior, prior, data_prior):
    """Return P(y | x) in a population with class shares `prior`.

    Parameters
    ----------
    loss : LogitsLoss
        Loss whose link gives the posterior under `train_prior`.
    logits : ndarray of shape (n_samples, n_classes) or (n_samples, n_members, n_classes)
        What the network returns, or each of its members.
    train_prior, prior : ndarray of shape (n_classes,)
        Class shares that training showed, and those asked about.
    data_prior : ndarray of shape (n_classes,)
        Class shares of the data, under which the posteriors of members are averaged: that keeps their mean. Averaged
        under another prior and shifted then, rows that members disagree about would get too small a share of the rare
        class.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_classes)
        Probabilities.
    """
    has_members, n_classes = logits.ndim == 3, logits.shape[-1]
    proba = loss.predict_proba(logits.reshape(-1, n_classes).astype(np.float64))
    if has_members:
        proba = shift_prior(proba, train_prior, data_prior).reshape(logits.shape).mean(axis=1)
    known = data_prior if has_members else train_prior
    return proba if prior is known else shift_prior(proba, known, prior)


def estimate_prior(proba, train_prior, *, max_iter=1000, tol=1e-8):
    """Estimate the class prior of unlabelled rows from their probabilities.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        P(y | x) of the rows, in a population with class shares `train_prior`; as ``predict_proba`` gives them.
    train_prior : array-like of shape (n_classes,)
        Those shares: ``train_prior_`` of the classifier, or its ``target_prior`` where one was set.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-8
        Change of a share below which the iteration ends.

    Returns
    -------
    ndarray of shape (n_classes,)
        Class shares that make the rows most likely; they sum to one.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `train_prior` is no prior.

    Notes
    -----
    The EM algorithm of Saerens et al. It assumes that rows of a class look as they did in training, only their
    frequency has changed, and that the probabilities are calibrated.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a Priori
       Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance import estimate_prior
    >>> proba = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> estimate_prior(proba, train_prior=[0.5, 0.5])
    array([0.75, 0.25])
    """
    proba = np.asarray(proba, dtype=np.float64)
    if proba.ndim != 2 or len(proba) == 0:
        raise ValueError(f"proba has shape {proba.shape}; it takes probabilities of shape (n_samples, n_classes).")
    train_prior = check_prior(train_prior, np.arange(proba.shape[1]), "train_prior")
    prior = train_prior
    for _ in range(max_iter):
        before, prior = prior, shift_prior(proba, train_prior, prior).mean(axis=0)
        if np.abs(prior - before).max() < tol:
            break
    return prior


def fit_calibrator(logits, y, sample_weight):
    """Fit a logistic regression from logits (n_samples, n_classes) to class indices, hardly regularised."""
    return LogisticRegression(C=1e4, max_iter=1000).fit(logits.reshape(len(logits), -1), y, sample_weight)
