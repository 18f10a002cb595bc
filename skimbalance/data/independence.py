"""Which rows can a guarantee count? Independent ones, of equal weight, that no choice of a fit has seen."""

import numpy as np

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
        is_shown = sample_weight > 0
        least, most = sample_weight[is_shown].min(), sample_weight.max()
        if most - least > 1e-9 * most:
            raise ValueError(
                f"{what} counts rows, each as one draw from the population, and sample_weight differs between them "
                f"({least:g} to {most:g}); leave it out, or take the rule without a confidence."
            )
        groups = None if groups is None else groups[is_shown]
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


def set_apart(rows, labels, what, rng):
    """Set rows apart that certify a decision, stratified by class: a fifth, or as many as hold 1,000 of each class.

    Parameters
    ----------
    rows : Rows
        Rows of a table, of equal weights, identical ones merged.
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
    return rows.are_others(out), (rows.X[rows.index[out]], rows.classes[out])
