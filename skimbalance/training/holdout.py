"""Which rows does training never see? A stratified share, one for all members of a network or one for each."""

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit


def hold_out(y, labels, validation_split, rng):
    """Split rows into training and held-out ones, each with the class shares of `y`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    labels : ndarray of shape (n_classes,)
        Their labels, for the error message.
    validation_split : float in (0, 1)
        Share of rows to hold out.
    rng : numpy.random.Generator
        Source of the split.

    Returns
    -------
    train, held_out : ndarray of int
        Row indices, ascending.

    Raises
    ------
    ValueError
        If a class would be missing on either side.
    """
    counts = np.bincount(y, minlength=len(labels))
    n_held_out = max(round(validation_split * len(y)), len(labels))
    if counts.min() < 2 or len(y) - n_held_out < len(labels):
        listed = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        raise ValueError(
            f"validation_split={validation_split} needs every class on both sides of the split, but the classes "
            f"count {listed} rows; give each at least two, or set validation_split=0."
        )
    split = StratifiedShuffleSplit(1, test_size=n_held_out, random_state=int(rng.integers(2**31 - 1)))
    train, held_out = next(split.split(np.zeros((len(y), 1)), y))
    # Shares rounded down leave the rarest class without a row on one side: it trades one for a row of the
    # largest class there.
    for side, other in ((held_out, train), (train, held_out)):
        present = np.bincount(y[side], minlength=len(counts))
        for missing in np.flatnonzero(present == 0):
            largest = np.bincount(y[side], minlength=len(counts)).argmax()
            i, j = np.flatnonzero(y[other] == missing)[0], np.flatnonzero(y[side] == largest)[0]
            side[j], other[i] = other[i], side[j]
    return np.sort(train), np.sort(held_out)


def hold_out_members(y, n_members, share, rng):
    """Split rows into training and held-out ones for each of several members, alike for those of a pair.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    n_members : int
        Number of members.
    share : float in [0, 1)
        Share of each class to hold out. The same row is held out by two pairs only where there are more than
        ``1 / share`` of them.
    rng : numpy.random.Generator
        Source of the splits.

    Returns
    -------
    train : ndarray of int, shape (n_members, n_train)
    held_out : ndarray of int, shape (n_members, n_held_out)
        Row indices, ascending.
    """
    size = members_in_pair(n_members)
    out = np.zeros((n_members // size, len(y)), dtype=bool)
    for c in range(y.max() + 1):
        rows = rng.permutation(np.flatnonzero(y == c))
        n_out = round(share * len(rows))
        for pair in range(len(out)):
            out[pair, np.roll(rows, -pair * n_out)[:n_out]] = True
    out = np.repeat(out, size, axis=0)
    every = np.broadcast_to(positions_of(y), out.shape)
    return every[~out].reshape(n_members, -1), every[out].reshape(n_members, -1)


def positions_of(rows):
    """Return the positions of rows, in 4 bytes each where these suffice: every member has positions of its own."""
    return np.arange(len(rows), dtype=np.int32 if len(rows) < 2**31 else np.int64)


def members_in_pair(n_members):
    """Return how many members choose their epoch together: two, or each its own where their number is odd."""
    return 1 if n_members % 2 else 2


def holds_enough(y, share, at_least=5):
    """Whether a share of the rows outside the largest class is a handful, so that scores of it mean something."""
    counts = np.sort(np.bincount(y))[::-1]
    return np.round(share * counts[1:]).sum() >= at_least
