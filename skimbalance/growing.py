"""What do columns hold whose rows arrive in pieces? Levels are added as they come, up to a stated room."""

import copy
import warnings

import numpy as np

from skimbalance.columns import FEW_ROWS, MOST_LEVELS, MOST_ONE_HOT, Columns

# Columns that may be told apart by gaps which came after the first piece.
_ROOM_FOR_GAPS = 4


class GrowingColumns(Columns):
    """What the columns of a table hold, of which the first piece has been seen.

    Kinds, offsets, and which columns have `gaps` are those of the first piece. A level that a later piece brings is
    added behind the others, so that the code of a level never changes; it is told apart once three distinct rows have
    had it. A column has room for twice the levels of the first piece, at least 8 and at most 255; what comes when it is
    full is "other". Likewise, the first four columns of numbers in which three distinct rows of later pieces have gaps
    are told to have them.

    Attributes
    ----------
    room : list of int
        Most levels of each category; None for other columns.
    late_gaps : list of int
        Columns that had no gaps in the first piece, and were found to have some later, in the order in which they were.
    """

    def __init__(self, *facts):
        super().__init__(*facts)
        self.room = [None if levels is None else _room_for(len(levels)) for levels in self.levels]
        self._rows_of = [None if levels is None else np.zeros(len(levels)) for levels in self.levels]
        self._are_full, self._is_settled = [False] * len(self.levels), False
        self._late_rows, self._is_full_of_gaps = np.zeros(len(self.names)), False

    @property
    def room_for_gaps(self):
        """Most columns that may be found to have gaps later."""
        return min(_ROOM_FOR_GAPS, int(np.sum(~self.are_codes & ~self.gaps)))

    def grown(self, X):
        """Return the columns with the levels of a further piece, and its matrix; these columns stay as they are."""
        grown = copy.copy(self)
        for name in ("levels", "kept", "_codes", "_rows_of", "_are_full", "late_gaps"):
            setattr(grown, name, list(getattr(self, name)))
        if "category" not in self.kinds:
            return grown, grown.read(X)
        read = self._columns_read(X)
        for j in np.flatnonzero(self.are_codes):
            new = [level for level in read[j].sorted() if level not in self._codes[j]]
            grown.levels[j] = self.levels[j] + new[: max(self.room[j] - len(self.levels[j]), 0)]
            grown._codes[j] = {level: code for code, level in enumerate(grown.levels[j])}
        return grown, grown._matrix(read, len(X))

    def settle(self, matrix, index):
        """Decide, from the distinct rows of all pieces so far, which levels are told apart.

        Warns
        -----
        UserWarning
            If a column has no room for a level that three rows of this piece have, or there is none for its gaps.
        """
        if not self._is_settled:
            super().settle(matrix, index)
            self._is_settled = True
        self._settle_gaps(np.isnan(matrix)[index].sum(axis=0))
        for j in np.flatnonzero(self.are_codes):
            n_levels = len(self.levels[j])
            counts = np.bincount(matrix[index, j].astype(np.intp), minlength=n_levels + 1)
            before = self._rows_of[j]
            self._rows_of[j] = counts[:n_levels] + np.pad(before, (0, n_levels - len(before)))
            kept = self.kept[j][: self.room[j]]
            enough = np.setdiff1d(np.flatnonzero(self._rows_of[j] >= FEW_ROWS), kept)
            self.kept[j] = np.concatenate([kept, enough])[: self.room[j]]
            if counts[n_levels] >= FEW_ROWS and not self._are_full[j]:
                self._are_full[j] = True
                warnings.warn(
                    f"Column {self.names[j]!r} has room for {self.room[j]} levels, twice those of the first chunk (8 "
                    'to 255), and further ones have come, which are all read as "other". Start with a chunk that holds '
                    "more of them, or encode the column first, for example with sklearn.preprocessing.TargetEncoder.",
                    UserWarning,
                    stacklevel=5,
                )

    def _settle_gaps(self, counts):
        """Decide, from the distinct rows of a piece with a gap in each column, which have gaps the first had not."""
        self._late_rows = self._late_rows + counts * ~self.gaps
        found = [j for j in np.flatnonzero(self._late_rows >= FEW_ROWS).tolist() if j not in self.late_gaps]
        left = self.room_for_gaps - len(self.late_gaps)
        self.late_gaps += found[:left]
        if found[left:] and not self._is_full_of_gaps:
            self._is_full_of_gaps = True
            warnings.warn(
                f"Column {self.names[found[left]]!r} has gaps, as have more columns that had none in the first chunk "
                f"than there is room for ({_ROOM_FOR_GAPS}): its gaps, and those of further columns, are read as the "
                "middle of the rows so far. Start with a chunk that has such gaps, or impute them first, for example "
                "with sklearn.impute.SimpleImputer(add_indicator=True).",
                UserWarning,
                stacklevel=6,
            )


def _room_for(n_levels):
    """Return how many levels a column may come to tell apart that has so many in its first piece."""
    return min(max(2 * n_levels, MOST_ONE_HOT), MOST_LEVELS)
