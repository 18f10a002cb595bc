"""Describe the columns of a table (numbers, booleans, categories) and turn it into one float32 matrix."""

import numpy as np

from skimbalance.data.reading import Levels, columns_of, offsets_of, read_column

#: Distinct rows below which a level is no level of its own, but "other".
FEW_ROWS = 3
#: Most levels of a column that are told apart; the rarer ones are "other".
MOST_LEVELS = 255
#: Levels up to which a column is one-hot; more are embedded by a network that learns embeddings (RealMLP's recipe).
MOST_ONE_HOT = 8
# Columns are told apart down to numbers of this size: float32 begins at 1e-38, and then has few bits.
_LEAST = 2.0**-109
# Rows by which typical values of a column are known.
_SAMPLE = 1000


class Columns:
    """What the columns of a table hold, and the way from a table to numbers, codes and NaN.

    Numbers stay as they are, but for the `offset` of their column and their rounding to float32, which comes last:
    whole numbers that float64 cannot hold (2**53 and more) are told apart as far as float32 tells apart their distances
    to it. A category becomes the position of its level, in the order of the levels, and a missing category is a level;
    what training has not seen gets the position behind them. A boolean is 0 or 1. A gap among numbers or booleans is
    NaN.

    Attributes
    ----------
    names : list of str, or list of int
        Names of the columns, or their positions in an array.
    kinds : list of {"number", "boolean", "category"}
        What each holds.
    levels : list
        Levels of each category in their order, the last one None where some were missing; None for other columns.
    offset : ndarray of float64, shape (n_columns,)
        What is subtracted from each column before it is rounded to float32: 0, but for numbers so far from zero (ids,
        timestamps) that float32 could not tell them apart.
    kept : list of ndarray of int
        Codes of the levels of each category that are told apart, in the order of the levels; those of fewer than three
        distinct rows (of three rows, where most rows would be "other" so), and all but the 255 of most rows, are
        "other". None for other columns.
    room : list
        None for each column; `GrowingColumns` have room for more levels.
    gaps : ndarray of bool, shape (n_columns,)
        Which columns of numbers or booleans have gaps.
    typical : ndarray of float64, shape (2, n_columns)
        Mean and standard deviation of each column of the matrix, by a sample of its rows.
    late_gaps : list of int
        Empty; `GrowingColumns` have some columns whose gaps came later.
    room_for_gaps : int
        Most of these, 0 here.
    asked : object
        The ``categorical_features`` by which they were read.
    """

    room_for_gaps = 0

    def __init__(self, names, kinds, levels, offset, asked):
        self.names, self.kinds, self.levels, self.offset = names, kinds, levels, offset
        self.kept, self.gaps = [None] * len(names), np.zeros(len(names), dtype=bool)
        self.room, self.late_gaps = [None] * len(names), []
        self.typical = np.stack([np.zeros(len(names)), np.ones(len(names))])
        self.asked = asked
        self._codes = _codes_of(levels)

    def __getstate__(self):
        """Return the state for pickling, without what follows from the levels."""
        return {name: value for name, value in vars(self).items() if name != "_codes"}

    def __setstate__(self, state):
        """Restore the state."""
        vars(self).update(state)
        self._codes = _codes_of(self.levels)

    @classmethod
    def learn(cls, X, categorical_features="auto", names=None, shifts=True):
        """Return the columns of a table, and its matrix.

        Parameters
        ----------
        X : dataframe, or array-like of shape (n_samples, n_columns)
            Table.
        categorical_features : "auto", None, or array-like of bool, int or str, default="auto"
            Which columns are categories; "auto" goes by the types of a frame's columns.
        names : array-like of str, default=None
            Names of the columns; None takes those of the frame, or positions.
        shifts : bool, default=True
            Whether numbers far from zero are moved towards it.

        Returns
        -------
        columns : Columns
        matrix : ndarray of float32, shape (n_samples, n_columns)

        Raises
        ------
        ValueError
            If `categorical_features` names no column of the table, or leaves out one that holds text.
        TypeError
            If a column holds dates or nested values.
        """
        found, parts = columns_of(X)
        names = found if names is None else list(names)
        chosen = chosen_columns(categorical_features, names)
        if _are_floats(X) and (chosen is None or not chosen.any()):
            offset = offsets_of(X) if shifts else np.zeros(len(names))
            columns = cls(names, ["number"] * len(names), [None] * len(names), offset, categorical_features)
            matrix = columns._moved(X)
            columns._refuse_tiny(matrix, X.T)
            return columns, matrix
        read = []
        for j, part in enumerate(parts):
            values = read_column(part, names[j], wants_codes=chosen is not None and chosen[j])
            if chosen is not None and not chosen[j] and isinstance(values, Levels):
                problem = f"Column {names[j]!r} is none of categorical_features={categorical_features!r:.50}"
                values = values.as_numbers(
                    f"{problem}, but X holds text", 'put it among them, or take categorical_features="auto"'
                )
            read.append(values)
        kinds = [values.kind for values in read]
        levels = [values.sorted() if isinstance(values, Levels) else None for values in read]
        offset = [v.offset() if shifts and v.kind == "number" else 0.0 for v in read]
        columns = cls(names, kinds, levels, np.array(offset), categorical_features)
        matrix = columns._matrix(read, len(X))
        columns._refuse_tiny(matrix, [values.numbers if values.kind != "category" else None for values in read])
        return columns, matrix

    def read(self, X):
        """Return the matrix of another table with the same columns, (n_samples, n_columns)."""
        if _are_floats(X) and "category" not in self.kinds:
            return self._moved(X)
        return self._matrix(self._columns_read(X), len(X))

    def _columns_read(self, X):
        """Return the columns of another table, each as what it was in training."""
        read = []
        for part, name, kind in zip(columns_of(X)[1], self.names, self.kinds, strict=True):
            values = read_column(part, name, wants_codes=kind == "category")
            if kind != "category" and isinstance(values, Levels):
                values = values.as_numbers(
                    f"Column {name!r} held numbers in fit, and now holds text", "mend or remove it"
                )
            read.append(values)
        return read

    def settle(self, matrix, index, weight=None):
        """Decide which columns have gaps and, from the distinct rows of the matrix, which levels are told apart.

        Where most rows of a column would be "other" so, as in a table of a single category, copies of rows count too.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n_samples, n_columns)
            Matrix of the table.
        index : ndarray of int, shape (n_distinct,)
            One row of it for each kind of row.
        weight : ndarray of shape (n_distinct,), default=None
            Weight of all rows of that kind; None is 1.

        Raises
        ------
        ValueError
            If a column has so many levels that most rows would be "other": text, or the name of a row.
        """
        self.gaps = np.isnan(matrix).any(axis=0)
        self._settle_typical(matrix, index)
        for j in np.flatnonzero(self.are_codes):
            codes, n_levels = matrix[index, j].astype(np.intp), len(self.levels[j])
            counts = np.bincount(codes, minlength=n_levels)
            self.kept[j] = _of_enough_rows(counts)
            copies = counts if weight is None else np.bincount(codes, weight / min(weight.min(), 1), n_levels)
            if 2 * copies[self.kept[j]].sum() < copies.sum():
                counts, self.kept[j] = copies, _of_enough_rows(copies)
            if len(counts) > MOST_LEVELS and 2 * counts[self.kept[j]].sum() < counts.sum():
                raise ValueError(
                    f"Column {self.names[j]!r} holds {len(counts):,} levels in {len(index):,} distinct rows, such as "
                    f"{self.levels[j][0]!r}; the {len(self.kept[j])} that could be told apart are fewer than half of "
                    "the rows. It is probably free text or a name of the row: drop it, or encode it first, for "
                    "example with sklearn.preprocessing.TargetEncoder or skrub.TableVectorizer."
                )

    def _settle_typical(self, matrix, index):
        """Learn what is typical of each column; of one without any value, 0 and 1."""
        rows = matrix[index[:: max(len(index) // _SAMPLE, 1)]].astype(np.float64)
        n_there = np.maximum((~np.isnan(rows)).sum(axis=0), 1)
        mean = np.nansum(rows, axis=0) / n_there
        deviation = np.sqrt(np.nansum(np.square(rows - mean), axis=0) / n_there)
        self.typical = np.stack([mean, np.where(deviation > 0, deviation, 1.0)])

    def with_others(self, matrix):
        """Return the matrix with the code behind all levels for those that are "other"; itself without categories."""
        codes = np.flatnonzero(self.are_codes)
        if len(codes):
            matrix = matrix.copy()
        for j in codes:
            code_of = np.full(len(self.levels[j]) + 1, len(self.levels[j]), dtype=np.float32)
            code_of[self.kept[j]] = self.kept[j]
            matrix[:, j] = code_of[matrix[:, j].astype(np.intp)]
        return matrix

    @property
    def is_category(self):
        """Which columns hold categories, booleans included: what lies between two values means nothing."""
        return np.array([kind != "number" for kind in self.kinds])

    @property
    def are_codes(self):
        """Which columns hold codes of levels."""
        return np.array([kind == "category" for kind in self.kinds])

    @property
    def are_plain(self):
        """Whether every column is a number (or 0 and 1) without gaps, so that any network can compute with it."""
        return "category" not in self.kinds and not self.gaps.any()

    @property
    def follow_from_rows(self):
        """Whether other rows of the table would have made other codes or offsets."""
        return "category" in self.kinds or bool(self.offset.any())

    def n_codes(self, j):
        """Return how many codes the levels of a category have; the next one is that of a level not among these."""
        return len(self.levels[j])

    def n_rare(self, j):
        """Return the number of levels of a category that are "other"."""
        return len(self.levels[j]) - len(self.kept[j])

    def where(self, mask):
        """Return "column 'a'" or "columns 'a', 'b', ..." for those that a mask says."""
        named = [repr(self.names[j]) for j in np.flatnonzero(mask)]
        return f"column{'s' if len(named) > 1 else ''} {', '.join(named[:5])}{', ...' if len(named) > 5 else ''}"

    def summary(self):
        """Return in one line what the columns hold."""
        n_categories, n_booleans = self.kinds.count("category"), self.kinds.count("boolean")
        rare = [
            f"{self.n_rare(j)} rare level{'s' if self.n_rare(j) > 1 else ''} in {self.names[j]!r}"
            for j, kept in enumerate(self.kept)
            if kept is not None and self.n_rare(j)
        ]
        listed = f" ({', '.join(rare[:3])}{', ...' if len(rare) > 3 else ''})" if rare else ""
        parts = [
            f"{n_categories} categor{'ies' if n_categories > 1 else 'y'}{listed}" if n_categories else "",
            f"{n_booleans} yes-or-no" if n_booleans else "",
            f"{n} number{'s' if n > 1 else ''}" if (n := self.kinds.count("number")) else "",
            f"{self.gaps.sum()} with gaps" if self.gaps.any() else "",
        ]
        return f"{len(self.names)} column{'s' if len(self.names) > 1 else ''}: {', '.join(filter(None, parts))}"

    def __repr__(self):
        """Return a small table, a line a column."""
        rows = [("column", "holds", "levels", "gaps")]
        for j, kind in enumerate(self.kinds):
            levels = self.levels[j]
            told = ""
            if levels is not None:
                shown = ["missing" if level is None else str(level) for level in levels[:6]]
                told = f"{len(levels)}: {', '.join(shown)}{', ...' if len(levels) > 6 else ''}"
                if self.kept[j] is not None and self.n_rare(j):
                    told += f"; {self.n_rare(j)} rare"
            has_gaps = self.gaps[j] or (levels is not None and None in levels)
            rows.append((str(self.names[j]), kind, told, "yes" if has_gaps else ""))
        widths = [min(max(len(row[i]) for row in rows), 60) for i in range(4)]
        return "\n".join(
            "  ".join(f"{cell[:60]:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _refuse_tiny(self, matrix, numbers):
        """Refuse columns of numbers so small that float32, and processors that compute with it, take them for 0."""
        if not matrix.size:
            return
        largest = np.maximum(np.fmax.reduce(matrix), -np.fmin.reduce(matrix))
        tiny = np.zeros(len(self.names), dtype=bool)
        for j in np.flatnonzero((largest < _LEAST) & ~self.are_codes):
            there = numbers[j][~np.isnan(numbers[j])]
            # A constant says nothing in any unit; what single precision holds there is noise of a computation.
            tiny[j] = there.dtype == np.float64 and there.min() < there.max()
        if tiny.any():
            raise ValueError(
                f"X holds numbers below {_LEAST:.0e} alone in {self.where(tiny)}, which single precision takes for 0; "
                "give such columns in another unit (for example multiplied by 1e30), or drop them."
            )

    def _moved(self, X):
        """Return an array of numbers as a matrix."""
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            return (X - self.offset if self.offset.any() else X).astype(np.float32, copy=False)

    def _matrix(self, read, n_rows, codes=None):
        """Return columns that were read as one matrix, by the codes of their levels."""
        codes = codes or self._codes
        matrix = np.empty((n_rows, len(read)), dtype=np.float32)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            for j, values in enumerate(read):
                if self.kinds[j] == "category":
                    matrix[:, j] = values.codes_of(codes[j], self.names[j])
                else:
                    matrix[:, j] = values.minus(self.offset[j])
        return matrix


def _of_enough_rows(counts):
    """Return the levels that are told apart, in their order, by the rows of each."""
    enough = np.flatnonzero(counts >= FEW_ROWS)
    return np.sort(enough[np.argsort(-counts[enough], kind="stable")[:MOST_LEVELS]])


def _codes_of(levels):
    """Return the position of each level of each category, by level."""
    return [None if of is None else {level: i for i, level in enumerate(of)} for of in levels]


def chosen_columns(categorical_features, names):
    """Return which columns the user says are categories, or None where their types say so."""
    if isinstance(categorical_features, str) and categorical_features == "auto":
        return None
    mask = np.zeros(len(names), dtype=bool)
    if categorical_features is None:
        return mask
    given = np.asarray(categorical_features)
    if given.dtype == bool and given.shape == mask.shape:
        return given
    for one in given.ravel().tolist():
        j = names.index(one) if isinstance(one, str) and one in names else one
        if isinstance(j, bool | str | float) or not -len(names) <= j < len(names):
            raise ValueError(
                f"categorical_features={categorical_features!r:.80} names {one!r}, which is no column; it takes "
                f'"auto", None, a mask of {len(names)} booleans, positions below {len(names)}, or names out of '
                f"{names[:10]}{'...' if len(names) > 10 else ''}."
            )
        mask[j] = True
    return mask


def _are_floats(X):
    """Whether a table is an array of floating-point numbers."""
    return isinstance(X, np.ndarray) and X.dtype.kind == "f"
