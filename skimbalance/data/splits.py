"""Split rows into training and held-out rows, stratified by class: one by one, or in whole groups."""

from functools import cached_property

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from skimbalance.data.rows import positions_of

#: Least number of held-out rows, or groups, outside the largest class for their scores to be meaningful.
ENOUGH = 5
# Multiples of it, modulo one, are spread evenly over [0, 1), however many there are.
_GOLDEN = (5**0.5 - 1) / 2
_HOLD_OUT_NONE = 'hold out no rows (validation_split=0, early_stopping="auto" or False, calibration=None).'


def units_of(y, groups=None):
    """Return what is held out as a whole: rows of class indices `y`, or their groups."""
    return SingleRows(y) if groups is None else WholeGroups(y, groups)


class SingleRows:
    """Rows that are held out one by one.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        Class indices.
    """

    noun = "distinct rows"

    def __init__(self, y):
        self._y = y

    def __len__(self):
        """Return the number of units."""
        return len(self._y)

    def counts(self, n_classes):
        """Return how many units have rows of each class, (n_classes,)."""
        return np.bincount(self._y, minlength=n_classes)

    def listed(self, labels):
        """Return the same by label."""
        return dict(zip(np.asarray(labels).tolist(), self.counts(len(labels)).tolist(), strict=True))

    def hold_out(self, labels, share, rng, why="hold_out"):
        """Split rows into training and held-out rows.

        Parameters
        ----------
        labels : ndarray of shape (n_classes,)
            Labels, for the error message.
        share : float in (0, 1)
            Share to hold out.
        rng : numpy.random.Generator
            Source of the split.
        why : str
            Which parameter requires the split, for the error message.

        Returns
        -------
        train, held_out : ndarray of int
            Positions of rows, ascending.

        Raises
        ------
        ValueError
            If a class would be missing on either side.
        """
        y, counts = self._y, self.counts(len(labels))
        n_held_out = max(round(share * len(y)), len(labels))
        if counts.min() < 2 or len(y) - n_held_out < len(labels):
            few = [label for label, n in self.listed(labels).items() if n < 2]
            raise ValueError(
                f"{why} needs every class on both sides of the split, but the classes have {self.listed(labels)} "
                f"distinct rows{f', and {few} cannot be split' if few else ''}; provide at least two rows of each "
                f"class, leave out the rows of smaller classes, or {_HOLD_OUT_NONE}"
            )
        split = StratifiedShuffleSplit(1, test_size=n_held_out, random_state=int(rng.integers(2**31 - 1)))
        train, held_out = next(split.split(np.zeros((len(y), 1)), y))
        # Shares rounded down leave the rarest class without a row on one side: swap one with a row of the largest
        # class there.
        for side, other in ((held_out, train), (train, held_out)):
            present = np.bincount(y[side], minlength=len(counts))
            for missing in np.flatnonzero(present == 0):
                largest = np.bincount(y[side], minlength=len(counts)).argmax()
                i, j = np.flatnonzero(y[other] == missing)[0], np.flatnonzero(y[side] == largest)[0]
                side[j], other[i] = other[i], side[j]
        return np.sort(train), np.sort(held_out)

    def hold_out_by_default(self, labels, share, rng):
        """Return the rows to hold out where nobody has asked for it: the only row of a class stays in training."""
        several = np.flatnonzero(np.bincount(self._y, minlength=len(labels))[self._y] > 1)
        present, codes = np.unique(self._y[several], return_inverse=True)
        return several[SingleRows(codes).hold_out(np.asarray(labels)[present], share, rng)[1]]

    def sets(self, n_sets, share, rng):
        """Split rows several times.

        Parameters
        ----------
        n_sets : int
            How many times.
        share : float in [0, 1)
            Share of each class to hold out. The same row is held out twice only where there are more than
            ``1 / share`` sets.
        rng : numpy.random.Generator
            Source of the splits.

        Returns
        -------
        train : ndarray of int, shape (n_train, n_sets)
        held_out : ndarray of int, shape (n_held_out, n_sets)
            Positions of rows, ascending; of groups, sets of fewer rows are filled up, the first by rows of their own
            once more, the second by -1.
        """
        y = self._y
        out = np.zeros((n_sets, len(y)), dtype=bool)
        for c in range(y.max() + 1):
            rows = rng.permutation(np.flatnonzero(y == c))
            n_out = round(share * len(rows))
            for i in range(n_sets):
                out[i, np.roll(rows, -i * n_out)[:n_out]] = True
        every = np.broadcast_to(positions_of(y), out.shape)
        return every[~out].reshape(n_sets, -1).T, every[out].reshape(n_sets, -1).T

    def sets_of_members(self, members, share, rng):
        """Split rows for each member, (n_rows, n_members), the same for both of a pair; see `sets`."""
        return tuple(
            np.repeat(of_pairs, members.in_pair, axis=1) for of_pairs in self.sets(members.n_pairs, share, rng)
        )

    def holds_enough(self, share, at_least=ENOUGH):
        """Whether a share of the units holds enough outside the largest class for scores to be meaningful."""
        counts = np.sort(np.bincount(self._y))[::-1]
        return bool(np.round(share * counts[1:]).sum() >= at_least)


class WholeGroups(SingleRows):
    """Groups of rows that are held out as a whole, for example those of one patient.

    A group is stratified by its rarest class, and groups of a class by their size. A group with more than half of the
    rows of a class is not held out.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        Class indices.
    keys : ndarray of shape (n_rows,)
        Group of each row.

    Attributes
    ----------
    keys : ndarray of shape (n_groups,)
        The groups, sorted.
    """

    noun = "groups"

    def __init__(self, y, keys):
        super().__init__(y)
        self.keys, self._of = np.unique(keys, return_inverse=True)
        n_classes = int(y.max()) + 1
        self._rows = np.bincount(self._of * n_classes + y, minlength=len(self.keys) * n_classes)
        self._rows = self._rows.reshape(len(self.keys), n_classes)

    def __len__(self):
        """Return the number of groups."""
        return len(self.keys)

    def counts(self, n_classes):
        """Return how many groups have rows of each class, (n_classes,)."""
        counts = np.zeros(n_classes, dtype=int)
        counts[: self._rows.shape[1]] = (self._rows > 0).sum(axis=0)
        return counts

    @cached_property
    def _strata(self):
        """Rarest class of each group."""
        total = self._rows.sum(axis=0)
        return np.where(self._rows > 0, total, np.inf).argmin(axis=1)

    def holds_enough(self, share, at_least=ENOUGH):
        """Whether a share of the groups holds enough with rows outside the largest class."""
        counts = np.bincount(self._strata, minlength=self._rows.shape[1])
        counts[self._rows.sum(axis=0).argmax()] = 0
        return bool(np.round(share * counts).sum() >= at_least)

    def hold_out(self, labels, share, rng, why="hold_out"):
        """Split rows into training and held-out rows; see `SingleRows.hold_out`."""
        out = self.choose(labels, share, rng)
        if (out[:, None] * self._rows).any(axis=0).sum() < len(labels):
            raise ValueError(
                f"{why} holds out whole groups and needs every class on both sides of the split, but rows of the "
                f"classes {self.listed(labels)} are in that many groups (of {len(self)}), which cannot be split so; "
                f"provide more groups, or {_HOLD_OUT_NONE}"
            )
        return np.flatnonzero(~out[self._of]), np.flatnonzero(out[self._of])

    def hold_out_by_default(self, labels, share, rng):
        """Return the rows to hold out where nobody has asked for it: the only group of a class stays in training."""
        return np.flatnonzero(self.choose(labels, share, rng)[self._of])

    def choose(self, labels, share, rng):
        """Choose the groups to hold out, with rows of every class where others have some as well.

        Returns
        -------
        ndarray of bool, shape (n_groups,)
            Which groups.
        """
        out = self._choose(1, share, rng)[0]
        for c in np.flatnonzero(~self._rows[out].any(axis=0)):
            left = self._rows[~out].sum(axis=0)
            able = np.flatnonzero(
                ~out & (self._rows[:, c] > 0) & np.all((self._rows == 0) | (self._rows < left), axis=1)
            )
            if len(able):
                out[able[self._rows[able].sum(axis=1).argmin()]] = True
        return out

    def sets(self, n_sets, share, rng):
        """Split rows several times; see `SingleRows.sets`."""
        is_out = self._choose(n_sets, share, rng)[:, self._of]
        train, out = ([np.flatnonzero(rows) for rows in rows_of] for rows_of in (~is_out, is_out))
        n_train, n_out = (max(map(len, rows)) for rows in (train, out))
        train = [np.sort(np.concatenate([rows, rng.choice(rows, n_train - len(rows))])) for rows in train]
        out = [np.concatenate([rows, np.full(n_out - len(rows), -1)]) for rows in out]
        dtype = positions_of(self._y).dtype
        return np.stack(train, axis=1).astype(dtype), np.stack(out, axis=1).astype(dtype)

    def _choose(self, n_sets, share, rng):
        """Choose groups for each set, (n_sets, n_groups), so that training has rows of every class."""
        out, total = np.zeros((n_sets, len(self)), dtype=bool), self._rows.sum(axis=0)
        may = np.all(2 * self._rows <= total, axis=1)
        for c in np.unique(self._strata):
            groups, n_out = (
                self._spread(np.flatnonzero(may & (self._strata == c)), rng),
                share * (self._strata == c).sum(),
            )
            for i in range(n_sets):
                out[i, np.roll(groups, -i * round(n_out))[: round(n_out)]] = True
        for own in out:
            while (missing := ~self._rows[~own].any(axis=0)).any():
                own[np.flatnonzero(own & self._rows[:, missing].any(axis=1))[0]] = False
        return out

    def _spread(self, groups, rng):
        """Return groups in a random order of which every stretch holds small and large ones alike."""
        groups = rng.permutation(groups)
        groups = groups[np.argsort(self._rows[groups].sum(axis=1), kind="stable")]
        return groups[np.argsort((np.arange(len(groups)) * _GOLDEN + rng.random()) % 1)]


def weight_of(rows, positions):
    """Return the weights of distinct rows, 0 where a position is the -1 that fills up a set."""
    return np.where(positions < 0, 0.0, rows.weight[positions])
