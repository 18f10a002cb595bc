"""Which rows does training never see? A stratified share, taken before anything is resampled."""

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
