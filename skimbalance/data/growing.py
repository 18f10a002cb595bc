"""Describe the columns of a table that arrives in chunks; later categories get a code of their own, up to a limit."""

import copy

import numpy as np

from skimbalance._warnings import warn
from skimbalance.data.reading import order_of
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, MOST_ONE_HOT, Columns

# Columns that get an indicator of missing values which first occur after the first chunk.
_ROOM_FOR_MISSING = 4
# Rare categories of a column whose rows are counted until they get a code of their own.
_MOST_CANDIDATES = 1024


class GrowingColumns(Columns):
    """The columns of a table that arrives in chunks, described by the first chunk and extended by later ones.

    Kinds, offsets and `missing` (the columns with missing values) are those of the first chunk. A category that first
    occurs in a later chunk gets a code of its own, after the existing ones, once three distinct rows have had it; until
    then it is read as "other" (the code that all rare categories share). The code of a category never changes. A column
    has room for twice the categories of the first chunk, at least 8 and at most 255; the most frequent categories get
    it first, and once it is full, new ones are read as "other". Likewise, the first four columns of numbers in which
    three distinct rows of later chunks have missing values get an indicator of them.

    Attributes
    ----------
    room : list of int
        Most categories of each categorical column with a code of their own; None for other columns.
    late_missing : list of int
        Columns without missing values in the first chunk in which some occurred later, in the order of discovery.

    Notes
    -----
    Rows of categories without a code of their own are counted in bounded memory, after Misra and Gries [1]_: when a
    column has more than 1,024 such categories, one row is subtracted from the count of each. A category with more than
    one in 1,024 of these rows is found no matter how many others occur, such as misspelt ones that occur once.

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
        self._late_rows, self._is_full_of_missing = np.zeros(len(self.names)), False

    @property
    def room_for_missing(self):
        """Most columns that may get an indicator of missing values later."""
        return min(_ROOM_FOR_MISSING, int(np.sum(~self.are_codes & ~self.missing)))

    def n_codes(self, j):
        """Return how many codes the categories of a column have or may get; the next code is that of "other"."""
        return self._n_codes[j]

    def n_rare(self, j):
        """Return the number of rare categories of a column, which are read as "other", as far as they are counted."""
        late = sum(level not in self._codes[j] for level in self._candidates[j])
        return max(super().n_rare(j) + late, int(self._had_others[j]))

    def grown(self, X):
        """Return the columns after a further chunk, and its matrix; this object is not changed.

        New categories get provisional codes in the matrix, after that of "other", until `settle` decides on them.
        """
        grown = copy.copy(self)
        for name in ("levels", "kept", "_codes", "_candidates", "_new", "_had_others", "_are_full", "late_missing"):
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
        """Decide, from the distinct rows of all chunks so far, which categories get a code of their own.

        These codes, or that of "other", replace the provisional codes in the matrix.

        Warns
        -----
        UserWarning
            If a column has no room for a category of three distinct rows, or for an indicator of missing values.
        """
        if not self._is_settled:
            super().settle(matrix, index, weight)
            self._is_settled = True
        self._settle_missing(np.isnan(matrix)[index].sum(axis=0))
        for j in np.flatnonzero(self.are_codes):
            codes = matrix[:, j].astype(np.intp)
            self._settle_levels(j, np.bincount(codes[index], minlength=self.n_codes(j) + 1 + len(self._new[j])))
            if self._new[j]:
                other = self.n_codes(j)
                now = [self._codes[j].get(level, other) for level in self._new[j]]
                matrix[:, j] = np.array([*range(other + 1), *now])[codes]
                self._new[j] = []

    def _settle_levels(self, j, counts):
        """Give categories of a column codes of their own, by how many rows of a chunk have each code."""
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
            warn(
                f"Column {self.names[j]!r} has room for {self.room[j]} categories (twice those of the first chunk, 8 "
                'to 255), and more have occurred; further ones are read as one rare category ("other"). Start with a '
                "chunk that holds more of them, or encode the column first, for example with "
                "sklearn.preprocessing.TargetEncoder."
            )

    def _settle_missing(self, counts):
        """Give columns an indicator of missing values, by how many distinct rows of a chunk have one in each column."""
        self._late_rows = self._late_rows + counts * ~self.missing
        found = [j for j in np.flatnonzero(self._late_rows >= FEW_ROWS).tolist() if j not in self.late_missing]
        left = self.room_for_missing - len(self.late_missing)
        self.late_missing += found[:left]
        if found[left:] and not self._is_full_of_missing:
            self._is_full_of_missing = True
            warn(
                f"Column {self.names[found[left]]!r} has missing values, but had none in the first chunk, and the "
                f"{_ROOM_FOR_MISSING} missing-value indicators for such columns are in use: its missing values, and "
                "those of further columns, are replaced by the median of the rows so far. Start with a chunk that has "
                "them, or impute them first, for example with "
                "sklearn.impute.SimpleImputer(add_indicator=True)."
            )


def _most_frequent(rows):
    """Return the row counts of categories; if there are too many, subtract the least count from all and drop zeros."""
    while len(rows) > _MOST_CANDIDATES:
        least = min(rows.values())
        rows = {level: n - least for level, n in rows.items() if n > least}
    return rows


def _room_for(n_levels):
    """Return the room for categories of a column that has `n_levels` in its first chunk."""
    return min(max(2 * n_levels, MOST_ONE_HOT), MOST_LEVELS)
