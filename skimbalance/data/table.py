"""Describe the columns of a table (numbers, booleans, categories) and turn it into one float32 matrix."""

import numpy as np

from skimbalance._html import paragraph, table
from skimbalance.data.reading import Levels, columns_of, offsets_of, read_column

#: Categories of fewer distinct rows are rare: they share the code of "other".
FEW_ROWS = 3
#: Most categories of a column with a code of their own; rarer ones share the code of "other".
MOST_LEVELS = 255
#: Categories up to which a column is one-hot; more are embedded by a network that learns embeddings (RealMLP's recipe).
MOST_ONE_HOT = 8
# Least size of numbers that float32 still represents with most of its bits; it ends at 1e-38.
_LEAST = 2.0**-109
# Longest cell of the small table that is shown.
_WIDTH = 60
# Rows from which the typical values of a column are computed.
_SAMPLE = 1000


class Columns:
    """The columns of a table, and the encoding of a table as a matrix of numbers, codes and NaN.

    The `offset` of a column is subtracted from its numbers, and the difference is rounded to float32. So integers that
    float64 cannot represent (2**53 and more) stay distinct as far as float32 distinguishes their differences to the
    offset. A category becomes its code: its position among the sorted categories of the column. A missing category is
    a category of its own; unknown categories get the code after the last. A boolean is 0 or 1. A missing number or
    boolean is NaN.

    Attributes
    ----------
    names : list of str, or list of int
        Names of the columns, or their positions in an array.
    kinds : list of {"number", "boolean", "category"}
        Kind of each column.
    levels : list
        Sorted categories of each categorical column, with None last if some were missing; None for other columns.
    offset : ndarray of float64, shape (n_columns,)
        Number subtracted from each column before it is rounded to float32: 0, except for numbers so far from zero (ids,
        timestamps) that float32 would merge them.
    kept : list of ndarray of int
        Codes of the categories of each categorical column that keep a code of their own. Rare categories share one code
        ("other"): those of fewer than three distinct rows (of three rows, if otherwise most rows would be "other"), and
        all but the 255 most frequent. None for other columns.
    room : list
        None for each column; `GrowingColumns` have room for more categories.
    missing : ndarray of bool, shape (n_columns,)
        Which columns of numbers or booleans have missing values.
    typical : ndarray of float64, shape (2, n_columns)
        Mean and standard deviation of each column of the matrix, from a sample of its rows.
    late_missing : list of int
        Empty; in `GrowingColumns`, columns whose missing values first occurred in a later chunk.
    room_for_missing : int
        Most columns in `late_missing`, 0 here.
    asked : object
        The ``categorical_features`` that the columns were read with.
    """

    room_for_missing = 0

    def __init__(self, names, kinds, levels, offset, asked):
        self.names, self.kinds, self.levels, self.offset = names, kinds, levels, offset
        self.kept, self.missing = [None] * len(names), np.zeros(len(names), dtype=bool)
        self.room, self.late_missing = [None] * len(names), []
        self.typical = np.stack([np.zeros(len(names)), np.ones(len(names))])
        self.asked = asked
        self._codes = _codes_of(levels)

    def __getstate__(self):
        """Return the state for pickling, without the codes, which follow from the categories."""
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
            Which columns are categorical; "auto" decides by the data types of a frame's columns.
        names : array-like of str, default=None
            Names of the columns; None takes those of the frame, or positions.
        shifts : bool, default=True
            Whether an offset is subtracted from numbers far from zero.

        Returns
        -------
        columns : Columns
        matrix : ndarray of float32, shape (n_samples, n_columns)

        Raises
        ------
        ValueError
            If `categorical_features` names a column that is not in the table, or omits a column of text.
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
                problem = f"Column {names[j]!r} is not in categorical_features={categorical_features!r:.50}"
                values = values.as_numbers(
                    f"{problem}, but X holds text", 'add it there, or set categorical_features="auto"'
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
        """Return the columns of another table, each read as the kind that it had in training."""
        read = []
        for part, name, kind in zip(columns_of(X)[1], self.names, self.kinds, strict=True):
            values = read_column(part, name, wants_codes=kind == "category")
            if kind != "category" and isinstance(values, Levels):
                values = values.as_numbers(
                    f"Column {name!r} held numbers in fit, and now holds text", "convert it to numbers"
                )
            read.append(values)
        return read

    def settle(self, matrix, index, weight=None):
        """Find the columns with missing values, and the categories that keep a code of their own.

        Categories are counted in distinct rows. If most rows of a column would then be "other", as in a table of a
        single column, copies of rows count too.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n_samples, n_columns)
            Matrix of the table.
        index : ndarray of int, shape (n_distinct,)
            One row of it for each distinct row.
        weight : ndarray of shape (n_distinct,), default=None
            Summed weight of its copies; None is 1.

        Raises
        ------
        ValueError
            If a column has so many categories that most rows would be "other": free text, or an identifier.
        """
        self.missing = np.isnan(matrix).any(axis=0)
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
                    f"Column {self.names[j]!r} has {len(counts):,} categories in {len(index):,} distinct rows, such "
                    f"as {self.levels[j][0]!r}; the {len(self.kept[j])} that are frequent enough to be used cover "
                    "fewer than half of the rows. It is probably free text or an identifier: drop it, or encode it "
                    "first, for example with sklearn.preprocessing.TargetEncoder or skrub.TableVectorizer."
                )

    def _settle_typical(self, matrix, index):
        """Compute mean and standard deviation of each column, 0 and 1 for a column without values."""
        rows = matrix[index[:: max(len(index) // _SAMPLE, 1)]].astype(np.float64)
        n_there = np.maximum((~np.isnan(rows)).sum(axis=0), 1)
        mean = np.nansum(rows, axis=0) / n_there
        deviation = np.sqrt(np.nansum(np.square(rows - mean), axis=0) / n_there)
        self.typical = np.stack([mean, np.where(deviation > 0, deviation, 1.0)])

    def with_others(self, matrix):
        """Return the matrix with the code of "other", after the last, for rare categories."""
        codes = np.flatnonzero(self.are_codes)
        if len(codes):
            matrix = matrix.copy()
        for j in codes:
            code_of = np.full(self.n_codes(j) + 1, len(self.levels[j]), dtype=np.float32)
            code_of[self.kept[j]] = self.kept[j]
            matrix[:, j] = code_of[matrix[:, j].astype(np.intp)]
        return matrix

    @property
    def is_category(self):
        """Which columns are categorical, booleans included: values between two of theirs are meaningless."""
        return np.array([kind != "number" for kind in self.kinds])

    @property
    def are_codes(self):
        """Which columns hold codes of categories."""
        return np.array([kind == "category" for kind in self.kinds])

    @property
    def are_plain(self):
        """Whether every column holds numbers or booleans without missing values, so that any network can take it."""
        return "category" not in self.kinds and not self.missing.any()

    @property
    def follow_from_rows(self):
        """Whether codes or offsets depend on which rows of the table were read."""
        return "category" in self.kinds or bool(self.offset.any())

    def n_codes(self, j):
        """Return how many codes the categories of a column have; the next code is that of unknown categories."""
        return len(self.levels[j])

    def n_rare(self, j):
        """Return the number of rare categories of a column, which share the code of "other"."""
        return len(self.levels[j]) - len(self.kept[j])

    def where(self, mask):
        """Return "column 'a'" or "columns 'a', 'b', ..." for the columns in a mask."""
        named = [repr(self.names[j]) for j in np.flatnonzero(mask)]
        return f"column{'s' if len(named) > 1 else ''} {', '.join(named[:5])}{', ...' if len(named) > 5 else ''}"

    def summary(self):
        """Return a summary of the columns in one line."""
        n_categories, n_booleans = self.kinds.count("category"), self.kinds.count("boolean")
        rare = [
            f"{self.n_rare(j)} rare categor{'ies' if self.n_rare(j) > 1 else 'y'} in {self.names[j]!r}"
            for j, kept in enumerate(self.kept)
            if kept is not None and self.n_rare(j)
        ]
        listed = f" ({', '.join(rare[:3])}{', ...' if len(rare) > 3 else ''})" if rare else ""
        parts = [
            f"{n_categories} categorical{listed}" if n_categories else "",
            f"{n_booleans} boolean" if n_booleans else "",
            f"{n} numeric" if (n := self.kinds.count("number")) else "",
            f"{self.missing.sum()} with missing values" if self.missing.any() else "",
        ]
        return f"{len(self.names)} column{'s' if len(self.names) > 1 else ''}: {', '.join(filter(None, parts))}"

    def _told(self):
        """Return the lines of a small table: its header, and one for each column."""
        rows = [("column", "kind", "categories", "missing values")]
        for j, kind in enumerate(self.kinds):
            levels = self.levels[j]
            told = ""
            if levels is not None:
                shown = ["missing" if level is None else str(level) for level in levels[:6]]
                told = f"{len(levels)}: {', '.join(shown)}{', ...' if len(levels) > 6 else ''}"
                if self.kept[j] is not None and self.n_rare(j):
                    told += f"; {self.n_rare(j)} rare"
            has_missing = self.missing[j] or (levels is not None and None in levels)
            rows.append((str(self.names[j]), kind, told, "yes" if has_missing else ""))
        return [[cell if len(cell) <= _WIDTH else f"{cell[: _WIDTH - 3]}..." for cell in row] for row in rows]

    def __repr__(self):
        """Return a small table, one line for each column."""
        rows = self._told()
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _repr_html_(self):
        """Return the summary and the small table as HTML, for notebooks."""
        head, *rows = self._told()
        return paragraph(f"{self.summary()}.") + table(head, rows)

    def _refuse_tiny(self, matrix, numbers):
        """Refuse columns of numbers so small that float32 rounds them to 0."""
        if not matrix.size:
            return
        largest = np.maximum(np.fmax.reduce(matrix), -np.fmin.reduce(matrix))
        tiny = np.zeros(len(self.names), dtype=bool)
        for j in np.flatnonzero((largest < _LEAST) & ~self.are_codes):
            there = numbers[j][~np.isnan(numbers[j])]
            # A constant carries no information in any unit; float32 columns of that size are rounding noise.
            tiny[j] = there.dtype == np.float64 and there.min() < there.max()
        if tiny.any():
            raise ValueError(
                f"X holds only numbers below {_LEAST:.0e} in {self.where(tiny)}, which single precision rounds to 0; "
                "pass such columns in another unit (for example multiplied by 1e30), or drop them."
            )

    def _moved(self, X):
        """Return an array of numbers as a matrix."""
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            return (X - self.offset if self.offset.any() else X).astype(np.float32, copy=False)

    def _matrix(self, read, n_rows, codes=None):
        """Return columns that were read as one matrix of numbers and codes."""
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
    """Return the codes of the categories frequent enough to keep, in their order."""
    enough = np.flatnonzero(counts >= FEW_ROWS)
    return np.sort(enough[np.argsort(-counts[enough], kind="stable")[:MOST_LEVELS]])


def _codes_of(levels):
    """Return a dict from category to code for each categorical column."""
    return [None if of is None else {level: i for i, level in enumerate(of)} for of in levels]


def chosen_columns(categorical_features, names):
    """Return a mask of the columns chosen as categorical, or None where their data types decide."""
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
                f"categorical_features={categorical_features!r:.80} names {one!r}, which is not a column; it takes "
                f'"auto", None, a mask of {len(names)} booleans, positions below {len(names)}, or names out of '
                f"{names[:10]}{'...' if len(names) > 10 else ''}."
            )
        mask[j] = True
    return mask


def _are_floats(X):
    """Whether a table is an array of floating-point numbers."""
    return isinstance(X, np.ndarray) and X.dtype.kind == "f"
