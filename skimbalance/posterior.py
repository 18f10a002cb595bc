"""What does a probability mean under another class prior? The prior shift."""

import numpy as np


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
