"""Merge identical rows of a table, and count and weigh rows."""

from functools import cached_property

import numpy as np


class Rows:
    """Rows of a table, their classes and their weights; identical rows are merged and their weights summed.

    The table itself is neither copied nor sorted, only an index into it. The order of merged rows depends on their
    content alone, so that neither the order of a table nor repeated rows change the fit.

    Parameters
    ----------
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights; None weights all rows equally.
    merges : bool
        Whether identical rows of [X, y] are merged, those of one group and one side of a split; if not, rows keep their
        order.
    groups : ndarray of uint64, shape (n_samples,), default=None
        Key of the group that each row belongs to, as `group_keys` returns it; None where rows are independent.
    is_out : ndarray of bool, shape (n_samples,), default=None
        Which rows a split of the caller's own holds out; None where there is none.

    Attributes
    ----------
    index : ndarray of int, shape (n_distinct,)
        One row of the table for each distinct row.
    weight : ndarray of float64, shape (n_distinct,)
        Summed weight of all its copies.
    out : ndarray of int or None
        Distinct rows that a split of the caller's own holds out.
    """

    def __init__(self, X, y, sample_weight, merges, groups=None, is_out=None):
        self.X, self.y, self.sample_weight, self.groups = X, y.astype(np.int32), sample_weight, groups
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if merges:
            together = [of.astype(np.uint64) for of in (groups, is_out) if of is not None]
            self._order, self._starts = _sort_identical(X, self.y, sum(together, start=np.uint64(0)))
            self.index = positions_of(y)[self._order[self._starts]]
            self.weight = np.add.reduceat(weight[self._order], self._starts)
        else:
            self._order, self.index, self.weight = None, positions_of(y), weight
        self.out = None if is_out is None else np.flatnonzero(is_out[self.index])

    def __len__(self):
        """Return the number of distinct rows."""
        return len(self.index)

    @cached_property
    def classes(self):
        """Class index of each distinct row."""
        return self.y[self.index]

    @cached_property
    def groups_of_distinct(self):
        """Key of the group of each distinct row, or None."""
        return None if self.groups is None else self.groups[self.index]

    def without(self, positions):
        """Return X, y and sample_weight of the table without these distinct rows and their copies."""
        if not len(positions):
            return self.X, self.y, self.sample_weight
        kept = self.are_others(positions)
        return self.X[kept], self.y[kept], None if self.sample_weight is None else self.sample_weight[kept]

    def are_others(self, positions):
        """Return which rows of the table are neither these distinct rows nor copies of them, (n_samples,)."""
        is_out = np.zeros(len(self), dtype=bool)
        is_out[positions] = True
        return ~(is_out if self._order is None else is_out[self._kinds])

    @cached_property
    def _kinds(self):
        """Position in `index` of the distinct row that each row of the table is a copy of."""
        is_first = np.zeros(len(self.y), dtype=np.intp)
        is_first[self._starts] = 1
        kinds = np.empty(len(self.y), dtype=np.intp)
        kinds[self._order] = np.cumsum(is_first) - 1
        return kinds


def positions_of(rows):
    """Return the positions of rows, as int32 where that suffices, since every member stores its own positions."""
    return np.arange(len(rows), dtype=np.int32 if len(rows) < 2**31 else np.int64)


def weighted_counts(y, sample_weight, n_classes):
    """Return the weighted number of rows of each class."""
    return np.bincount(y, sample_weight, minlength=n_classes).astype(np.float64)


def weighted_quantiles(values, weights, shares):
    """Return weighted quantiles (averaged inverted CDF); a weight of 2 equals repeating the value."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], np.ones(len(values)) if weights is None else weights[order]
    below = np.cumsum(weights)
    rounding = 1e-12 * below[-1]
    wanted = np.asarray(shares) * below[-1]
    last = len(values) - 1
    first_at = np.minimum(np.searchsorted(below, wanted - rounding), last)
    first_above = np.minimum(np.searchsorted(below, wanted + rounding), last)
    return (values[first_at] + values[first_above]) / 2


def _sort_identical(X, y, together):
    """Return an order of the rows of [X, y] in which identical ones are adjacent, and where each kind starts.

    Rows are identical only where `together`, (n_samples,) or a number, is the same, too.
    """
    together = np.broadcast_to(together, y.shape)

    def are_identical(one, other):
        are_equal = (y[one] == y[other]) & (together[one] == together[other])
        return are_equal & _are_equal(X[one], X[other])

    keys = hash_rows(X, y, together)
    order = np.argsort(keys, kind="stable")
    same_key = keys[order][1:] == keys[order][:-1]
    same = np.zeros(len(y), dtype=bool)
    later = np.flatnonzero(same_key) + 1
    same[later] = are_identical(order[later], order[later - 1])
    if not np.array_equal(np.flatnonzero(same), later):
        # Different rows with one hash, about once in 2**64 / n**2 tables: sort by the content itself.
        order = np.lexsort((*X.T, y, together))
        same = np.zeros(len(y), dtype=bool)
        same[1:] = are_identical(order[1:], order[:-1])
    return order, np.flatnonzero(~same)


def _are_equal(one, other):
    """Whether rows are equal; missing values equal each other."""
    return np.all((one == other) | (np.isnan(one) & np.isnan(other)), axis=1)


def hash_rows(X, y, seed=0):
    """Return a 64-bit hash of every row of [X, y], a column at a time; a seed may belong to each row."""
    keys = y.astype(np.uint64) ^ np.uint64(seed)
    for column in X.T:
        # Adding zero turns -0.0 into 0.0, which compares equal to it. NaN has several bit patterns.
        bits = np.where(np.isnan(column), np.float32(np.nan), column + np.float32(0)).view(np.uint32)
        keys = mix(keys ^ bits)
    return keys


def mix(keys):
    """Return other 64-bit numbers for 64-bit numbers, as if at random (the mixing steps of splitmix64)."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def unit_interval(keys):
    """Return 64-bit numbers as numbers in [0, 1)."""
    return (keys >> np.uint64(11)) * 2.0**-53
