"""Which rows can a guarantee count? Independent ones, of equal weight, that no choice of a fit has seen."""

import numpy as np

from skimbalance.data.rows import Rows
from skimbalance.data.splits import SingleRows

#: Share of the rows that a fit sets apart, and most rows of the rarer class among them.
SHARE, MOST = 0.2, 1000

# Share of identical rows above which a table counts as one of copies.
_COPIES = 0.05


def check_independent(sample_weight, groups, what):
    """Refuse rows that are not independent draws from the population, each as likely as the others.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    groups : ndarray of shape (n_samples,) or None
        What rows belong to; None is each to itself. Rows of weight zero are left out.
    what : str
        The decision, for the message.

    Raises
    ------
    ValueError
        If weights differ, or a group has several rows.
    """
    if sample_weight is not None:
        groups = None if groups is None else groups[sample_weight > 0]
        sample_weight = sample_weight[sample_weight > 0]
    if sample_weight is not None and np.ptp(sample_weight) > 1e-9 * np.max(sample_weight):
        raise ValueError(
            f"{what} counts rows, each as one draw from the population, and sample_weight differs between them "
            f"({np.min(sample_weight):g} to {np.max(sample_weight):g}); leave it out, or take the rule without a "
            "confidence."
        )
    if groups is not None:
        largest = np.unique(groups, return_counts=True)[1].max()
        if largest > 1:
            raise ValueError(
                f"{what} counts independent rows, and a group has {largest} of them; keep one row of each group, or "
                "take the rule without a confidence."
            )


def share_of_copies(rows):
    """Return the share of the rows of a table that are copies of others, label included; 0 for a few.

    Parameters
    ----------
    rows : Rows
        Rows of the table, identical ones merged.
    """
    share = 1 - len(rows) / len(rows.y)
    return share if share > _COPIES else 0.0


def set_apart(X, y, sample_weight, labels, what, rng):
    """Set rows apart that certify a decision, stratified by class: a fifth, or as many as hold 1,000 of each class.

    Parameters
    ----------
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, all equal.
    labels : ndarray of shape (n_classes,)
        Labels, for messages.
    what : str
        The decision, for messages.
    rng : numpy.random.Generator
        Source of the split.

    Returns
    -------
    is_kept : ndarray of bool, shape (n_samples,)
        Which are the other rows.
    apart : tuple of (X, y)
        Distinct rows, none of which has a copy among the others.

    Raises
    ------
    ValueError
        If a class has fewer than two distinct rows, or many rows are copies of others.
    """
    rows = Rows(X, y, sample_weight, merges=True)
    counts = np.bincount(rows.classes, minlength=len(labels))
    if counts.min() < 2:
        raise ValueError(
            f"{what} counts rows that are set apart from training, some of each class, but the classes have "
            f"{dict(zip(labels.tolist(), counts.tolist(), strict=True))} distinct rows, and two of each are the least. "
            "Drop the confidence, or fit with another rule and pass labelled rows to choose_decision."
        )
    copies = share_of_copies(rows)
    if copies:
        raise ValueError(
            f"{what} counts independent rows, and {copies:.1%} of the rows are copies of others, label "
            "included. If they are copies of one observation, drop them; if observations just look alike, keep some "
            "from fit, and pass them to choose_decision."
        )
    share = min(SHARE, MOST / counts.min())
    out = SingleRows(rows.classes).hold_out(labels, share, rng, what)[1]
    return rows.are_others(out), (X[rows.index[out]], rows.classes[out])
