"""Keep a bounded sample of the rows that are held out of chunks, one by one or in whole groups."""

import copy
from dataclasses import replace

import numpy as np

from skimbalance.data.holdout import HeldOut, at_prior
from skimbalance.data.rows import hash_rows, unit_interval
from skimbalance.data.splits import WholeGroups

#: Most rows that are held out of chunks.
MOST_IN_RESERVOIR = 10_000


class Reservoir:
    """Rows held out of chunks: at most 10,000, a stratified sample of all rows so far.

    The content of a distinct row determines a hash between 0 and 1, and the row is held out if its hash is below the
    threshold of its class. Thresholds never rise, so that no held-out row was trained on as a copy in an earlier chunk;
    rows above a lowered threshold are dropped.

    Parameters
    ----------
    share : float in (0, 1)
        Share of each class to hold out; a class of two rows or more holds out one at least.
    rng : numpy.random.Generator
        Source of the seed of the hash.
    """

    def __init__(self, share, rng):
        self.share, self._seed = share, rng.integers(2**63, dtype=np.uint64)
        self._rows, self._thresholds = None, {}

    def with_piece(self, rows):
        """Return the reservoir after a further chunk, and the positions of the chunk's distinct rows to hold out.

        Raises
        ------
        ValueError
            If the chunk has a single distinct row.
        """
        if len(rows) < 2:
            raise ValueError(
                "partial_fit holds out some rows of each chunk (validation_split or calibration), but this one has a "
                "single distinct row; pass larger chunks, or hold out none."
            )
        new, y, keys = copy.copy(self), rows.classes, self._keys_of(rows)
        new._thresholds = dict(self._thresholds)
        for c in np.unique(y).tolist():
            smallest, n = keys[y == c].min(), np.sum(y == c)
            first = max(self.share, np.nextafter(smallest, 1)) if n > 1 else self.share
            known = new._thresholds.get(c, first)
            new._thresholds[c] = min(known, self.share) if smallest < self.share else known
        is_out = keys < new._threshold_of(y)
        if is_out.all():
            is_out[keys.argmax()] = False
        out = np.flatnonzero(is_out)
        piece = rows.X[rows.index[out]], y[out], rows.weight[out], keys[out]
        new._rows = _joined(self._rows, piece)
        new._merge()
        new._trim()
        return new, out

    def held_out(self, prior):
        """Return the rows held out so far, to be scored at a class prior, or None if there are none."""
        X, y, weight, _ = self._rows
        return HeldOut(X, y, weight, prior) if len(y) else None

    def _merge(self):
        """Merge identical rows and sum their weights."""
        X, y, weight, keys = self._rows
        first, weight = merged(keys, weight)
        self._rows = X[first], y[first], weight, keys[first]

    def _trim(self):
        """Drop rows above the threshold of their class; lower all thresholds alike if there are too many rows."""
        X, y, weight, keys = self._rows
        heights = keys / self._threshold_of(y)
        if len(y) > MOST_IN_RESERVOIR:
            lowest = np.partition(heights, MOST_IN_RESERVOIR)[MOST_IN_RESERVOIR]
            self._thresholds = {c: lowest * threshold for c, threshold in self._thresholds.items()}
            heights = heights / lowest
        stays = heights < 1
        self._rows = X[stays], y[stays], weight[stays], keys[stays]

    def _threshold_of(self, y):
        """Return the threshold of each row's class."""
        of_class = np.zeros(max(self._thresholds) + 1)
        of_class[list(self._thresholds)] = list(self._thresholds.values())
        return of_class[y]

    def _keys_of(self, rows):
        """Return a hash in [0, 1) of each distinct row."""
        keys = hash_rows(rows.X[rows.index], rows.classes, self._seed)
        return unit_interval(keys)


class GroupReservoir:
    """Rows of whole groups that are held out of chunks: a sample of at most 10,000.

    A group once held out stays so, and a group once trained on stays in training. In the first chunk, groups are chosen
    as `WholeGroups` does. Later, a hash of a new group decides, so that only the groups of the first chunk, and of each
    ``fit``, have to be remembered.

    Parameters
    ----------
    share : float in [0, 1) or None
        Share of the groups to hold out; None until a chunk says it.
    rng : numpy.random.Generator
        Source of the seed of the hash.
    """

    def __init__(self, share, rng):
        self.share, self._seed = share, rng.integers(2**63, dtype=np.uint64)
        self._groups, self._is_out, self._rows = np.empty(0, np.uint64), np.empty(0, bool), None

    @classmethod
    def of_fit(cls, plan, rng, before=None):
        """Return the reservoir that remembers which groups a ``fit`` has held out from all of training.

        `before` is that of the calls from which a warm start goes on, or None.
        """
        reservoir = cls(None, rng) if before is None else copy.copy(before)
        keys, out = np.unique(plan.rows.groups_of_distinct), plan.rows.groups_of_distinct[plan.out]
        reservoir._remember(keys, np.isin(keys, out))
        if reservoir._rows is not None:
            stays = ~np.isin(reservoir._rows[3], np.setdiff1d(keys, out))
            reservoir._rows = tuple(of[stays] for of in reservoir._rows)
        return reservoir

    @property
    def holds_any(self):
        """Whether groups are known to be held out."""
        return bool(self._is_out.any() or self.share)

    def keep_sides(self, plan, share):
        """Return the plan of a ``fit`` that goes on, in which groups that are known stay on their side.

        Parameters
        ----------
        plan : HoldOutPlan
            Plan as if no group was known; of new groups, it holds out those.
        share : float in [0, 1)
            Share that the caller asks to be held out.

        Raises
        ------
        ValueError
            If no group may be held out, though a share is asked for; if all rows of a class are held out; or if chunks
            have held out another share.
        """
        if self.share is not None and share:
            self.with_share(share)
        groups, classes = plan.rows.groups_of_distinct, plan.rows.classes
        is_chosen = np.isin(np.arange(len(groups)), plan.out)
        is_known, is_out = self._sides(groups, is_chosen if self.share is None else None)
        if plan.own_share and not is_out.any():
            return plan
        if share and not is_out.any():
            raise ValueError(
                f"validation_split={share} holds out whole groups, but all of these were trained on before; pass new "
                "groups as well, or train anew (warm_start=False)."
            )
        if len(np.setdiff1d(classes, classes[~is_out])):
            raise ValueError(
                f"{is_known[is_out].sum()} of these rows belong to groups that an earlier call has held out, and "
                "without them a class has no row left to train on; pass more groups, or train anew (warm_start=False)."
            )
        return replace(plan, out=np.flatnonzero(is_out), own_share=0.0)

    def with_share(self, share):
        """Return the reservoir where a chunk holds out a share; raise if an earlier chunk held out another one."""
        if self.share not in (None, share):
            raise ValueError(
                f"This call holds out a share of {share} of the groups, those before {self.share}: "
                "groups that were trained on might be held out. Set validation_split before the first call, or start "
                "anew (fit, or a clone)."
            )
        new = copy.copy(self)
        new.share = share
        return new

    def with_piece(self, rows, labels):
        """Return the reservoir after a further chunk, and the positions of the chunk's distinct rows to hold out.

        Raises
        ------
        ValueError
            If all groups of the chunk are held out.
        """
        new, keys, y = copy.copy(self), rows.groups_of_distinct, rows.classes
        if not (self.share or len(self._groups)):
            return new, np.empty(0, dtype=np.intp)
        units = WholeGroups(y, keys)
        if not len(self._groups):
            is_out = units.choose(labels, self.share, np.random.default_rng(int(self._seed)))
            new._remember(units.keys, is_out)
        else:
            is_out = new._decide(units.keys)
        out = np.flatnonzero(is_out[np.searchsorted(units.keys, keys)])
        if not len(out):
            return new, out
        piece = rows.X[rows.index[out]], y[out], rows.weight[out], keys[out]
        new._rows = _joined(self._rows, piece)
        new._merge_and_trim()
        return new, out

    def held_out(self, prior):
        """Return the rows held out so far, weighted to a class prior, or None if there are none.

        A hash that holds out groups cannot look at their classes, whose shares so differ from those of the data.
        """
        if self._rows is None or not len(self._rows[1]):
            return None
        X, y, weight, groups = self._rows
        return HeldOut(X, y, at_prior(y, weight, prior), prior, groups=groups)

    def _decide(self, groups):
        """Return which groups of a chunk are held out."""
        is_out = self._sides(groups)[1]
        if is_out.all():
            raise ValueError(
                f"All rows of this chunk belong to groups that are held out ({len(groups)} of them), so that none is "
                "left to train on; pass chunks of more groups."
            )
        return is_out

    def _sides(self, groups, is_chosen=None):
        """Return which groups are known, and which are held out: of new ones those chosen, else those of a low hash."""
        if is_chosen is None:
            is_chosen = unit_interval(groups ^ self._seed) < self.share
        if not len(self._groups):
            return np.zeros(len(groups), dtype=bool), is_chosen
        places = np.minimum(np.searchsorted(self._groups, groups), len(self._groups) - 1)
        is_known = self._groups[places] == groups
        return is_known, np.where(is_known, self._is_out[places], is_chosen)

    def _remember(self, groups, is_out):
        """Remember which groups are held out, and which are trained on, from now on."""
        groups, is_out = np.concatenate([groups, self._groups]), np.concatenate([is_out, self._is_out])
        self._groups, first = np.unique(groups, return_index=True)
        self._is_out = is_out[first]

    def _merge_and_trim(self):
        """Merge rows that are identical within a group, and keep those of the lowest hashes if there are too many."""
        X, y, weight, groups = self._rows
        first, weight = (of[:MOST_IN_RESERVOIR] for of in merged(hash_rows(X, y, groups ^ self._seed), weight))
        self._rows = X[first], y[first], weight, groups[first]


def _joined(rows, piece):
    """Return rows held out so far, None or a tuple of arrays, and those of a piece after them."""
    return piece if rows is None else tuple(map(np.concatenate, zip(rows, piece, strict=True)))


def merged(keys, weight):
    """Return the first row of each key, in the order of keys, and the summed weight of all its rows."""
    keys, first, same = np.unique(keys, return_index=True, return_inverse=True)
    return first, np.bincount(same, weight, len(keys))
