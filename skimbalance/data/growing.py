"""Describe the columns of a table that arrives in chunks; new categories are added up to a limit."""

import copy
import warnings

import numpy as np

from skimbalance.data.reading import order_of
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, MOST_ONE_HOT, Columns

# Columns that may be told apart by gaps which came after the first piece.
_ROOM_FOR_GAPS = 4
# Levels of a column whose rows are counted before they are told apart.
_MOST_CANDIDATES = 1024


class GrowingColumns(Columns):
    """What the columns of a table hold, of which the first piece has been seen.

    Kinds, offsets, and which columns have `gaps` are those of the first piece. A level that a later piece brings is
    told apart, and gets a code behind the others, once three distinct rows have had it; until then it is "other", and
    takes no room. The code of a level never changes. A column has room for twice the levels of the first piece, at
    least 8 and at most 255, and the most frequent take it first; what comes when it is full is "other". Likewise, the
    first four columns of numbers in which three distinct rows of later pieces have gaps are told to have them.

    Attributes
    ----------
    room : list of int
        Most levels of each category that are told apart; None for other columns.
    late_gaps : list of int
        Columns that had no gaps in the first piece, and were found to have some later, in the order in which they were.

    Notes
    -----
    Rows of levels that are not told apart yet are counted in bounded memory, after Misra and Gries [1]_: when there are
    more than 1,024 such levels in a column, each loses a row. A level that has more than one in 1,024 of these rows is
    found however many others come, such as misspelt ones that come once.

    References
    ----------
    .. [1] J. Misra and D. Gries (1982), "Finding Repeated Elements", Science of Computer Programming 2(2),
       doi:10.1016/0167-6423(82)90012-0.
    """

    def __init__(self, *facts):
        super().__init__(*facts)
        self.room = [None if levels is None else _room_for(len(levels)) for levels in self.levels]
        self._n_codes = [None if levels is None else len(levels) + _room_for(len(levels)) for levels in self.levels]
        self._candidates = [None if levels is None else {} for levels in self.levels]
        self._new, self._had_others = [[] for _ in self.levels], [False] * len(self.levels)
        self._are_full, self._is_settled = [False] * len(self.levels), False
        self._late_rows, self._is_full_of_gaps = np.zeros(len(self.names)), False

    @property
    def room_for_gaps(self):
        """Most columns that may be found to have gaps later."""
        return min(_ROOM_FOR_GAPS, int(np.sum(~self.are_codes & ~self.gaps)))

    def n_codes(self, j):
        """Return how many codes the levels of a category have or may come to have; the next one is "other"."""
        return self._n_codes[j]

    def n_rare(self, j):
        """Return the number of levels of a category that are "other", as far as they are known."""
        late = sum(level not in self._codes[j] for level in self._candidates[j])
        return max(super().n_rare(j) + late, int(self._had_others[j]))

    def grown(self, X):
        """Return the columns as of a further piece, and its matrix; these columns stay as they are.

        Levels that have no code yet have one of their own in the matrix, behind "other", until `settle` has decided.
        """
        grown = copy.copy(self)
        for name in ("levels", "kept", "_codes", "_candidates", "_new", "_had_others", "_are_full", "late_gaps"):
            setattr(grown, name, list(getattr(self, name)))
        if "category" not in self.kinds:
            return grown, grown.read(X)
        read, codes = self._columns_read(X), list(self._codes)
        for j in np.flatnonzero(self.are_codes):
            grown._new[j] = [level for level in read[j].sorted() if level not in codes[j]]
            first = self.n_codes(j) + 1
            codes[j] = codes[j] | {level: code for code, level in enumerate(grown._new[j], start=first)}
        return grown, grown._matrix(read, len(X), codes)

    def settle(self, matrix, index, weight=None):
        """Decide, from the distinct rows of all pieces so far, which levels are told apart.

        In the matrix, these get their codes, and other levels that have none that of "other".

        Warns
        -----
        UserWarning
            If a column has no room for a level that three rows have had, or there is none for its gaps.
        """
        if not self._is_settled:
            super().settle(matrix, index, weight)
            self._is_settled = True
        self._settle_gaps(np.isnan(matrix)[index].sum(axis=0))
        for j in np.flatnonzero(self.are_codes):
            codes = matrix[:, j].astype(np.intp)
            self._settle_levels(j, np.bincount(codes[index], minlength=self.n_codes(j) + 1 + len(self._new[j])))
            if self._new[j]:
                other = self.n_codes(j)
                now = [self._codes[j].get(level, other) for level in self._new[j]]
                matrix[:, j] = np.array([*range(other + 1), *now])[codes]
                self._new[j] = []

    def _settle_levels(self, j, counts):
        """Decide which levels of a category are told apart from now on, by how many rows of a piece have each code."""
        told, levels, rows = self.kept[j].tolist(), list(self.levels[j]), dict(self._candidates[j])
        other, left = self.n_codes(j), self.room[j] - len(told)
        for code in np.setdiff1d(np.flatnonzero(counts), told).tolist():
            level = levels[code] if code < other else self._new[j][code - other - 1]
            rows[level] = rows.get(level, 0) + int(counts[code])
        enough = sorted((level for level in rows if rows[level] >= FEW_ROWS), key=lambda of: (-rows[of], order_of(of)))
        found, without = sorted(enough[:left], key=order_of), enough[left:]
        levels += [level for level in found if level not in self._codes[j]]
        self.levels[j], self._codes[j] = levels, {level: code for code, level in enumerate(levels)}
        self.kept[j] = np.array(told + sorted(self._codes[j][level] for level in found), dtype=np.intp)
        rest = {level: n for level, n in rows.items() if level not in found}
        self._candidates[j], self._had_others[j] = _most_frequent(rest), self._had_others[j] or bool(rest)
        if not self._are_full[j] and any(level not in self._codes[j] for level in without):
            self._are_full[j] = True
            warnings.warn(
                f"Column {self.names[j]!r} has room for {self.room[j]} levels, twice those of the first chunk (8 "
                'to 255), and further ones have come, which are all read as "other". Start with a chunk that holds '
                "more of them, or encode the column first, for example with sklearn.preprocessing.TargetEncoder.",
                UserWarning,
                stacklevel=6,
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


def _most_frequent(rows):
    """Return the rows of each level without those of the rarest, where there are too many: all lose as many rows."""
    while len(rows) > _MOST_CANDIDATES:
        least = min(rows.values())
        rows = {level: n - least for level, n in rows.items() if n > least}
    return rows


def _room_for(n_levels):
    """Return how many levels a column may come to tell apart that has so many in its first piece."""
    return min(max(2 * n_levels, MOST_ONE_HOT), MOST_LEVELS)
