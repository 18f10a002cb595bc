"""Keep a bounded sample of the rows of all chunks that are trained on, for base models that need rows at once."""

import copy

import numpy as np

from skimbalance.data.reservoir import merged
from skimbalance.data.rows import Rows, hash_rows, unit_interval

#: Most distinct rows in a sample, and most that wait to be merged with those before.
MOST_IN_SAMPLE, _WAITING = 100_000, 25_000


class TrainingSample:
    """Distinct rows of chunks: all while there is room, and then a sample of each class that has more than its share.

    The content of a row determines a hash between 0 and 1, and the row is in the sample if its hash is below the
    threshold of its class: so either all of its copies are, or none. Thresholds never rise. Rare classes are kept whole
    up to an equal share of the room; the prior undoes what that does to class shares.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the seed of the hash.
    """

    def __init__(self, rng):
        self._seed = rng.integers(2**63, dtype=np.uint64)
        self._rows, self._waiting, self._thresholds = None, (), {}

    def with_piece(self, X, y, weight):
        """Return the sample after a further chunk of distinct rows; this object is not changed."""
        new, keys = copy.copy(self), unit_interval(hash_rows(X, y, self._seed))
        stays = keys < np.array([self._thresholds.get(c, 1.0) for c in range(y.max(initial=0) + 1)])[y]
        new._waiting = (*self._waiting, (X[stays], y[stays], weight[stays], keys[stays]))
        if sum(len(piece[1]) for piece in new._waiting) >= _WAITING:
            new._settle()
        return new

    def rows(self):
        """Return the rows, none of them identical, with the summed weight of their copies."""
        settled = copy.copy(self)
        settled._settle()
        X, y, weight, _ = settled._rows
        return Rows(X, y, weight, merges=False)

    def _settle(self):
        """Merge rows that wait with those before, and lower the thresholds of classes of too many rows."""
        parts = [*([] if self._rows is None else [self._rows]), *self._waiting]
        X, y, weight, keys = (np.concatenate(of) for of in zip(*parts, strict=True))
        first, weight = merged(keys, weight)
        y, keys = y[first], keys[first]
        self._thresholds = self._thresholds | lowered(y, keys, MOST_IN_SAMPLE)
        stays = np.ones(len(y), dtype=bool)
        for c, threshold in self._thresholds.items():
            stays &= (y != c) | (keys < threshold)
        self._rows, self._waiting = (X[first[stays]], y[stays], weight[stays], keys[stays]), ()


def lowered(y, keys, room):
    """Return the threshold of each class that has more rows than there is room for, rare classes being kept whole."""
    thresholds = {}
    present, counts = np.unique(y, return_counts=True)
    for n_left, c in zip(range(len(present), 0, -1), present[np.argsort(counts)].tolist(), strict=True):
        of_class, most = keys[y == c], room // n_left
        if len(of_class) > most:
            thresholds[c] = np.partition(of_class, most)[most]
        room -= min(len(of_class), most)
    return thresholds
