"""What does each column of a table hold? Read one after the other, of which samples of rows are kept."""

import re
from dataclasses import dataclass

import numpy as np

from skimbalance.data.reading import ExactNumbers, HoldsDates, Levels, as_list, columns_of, factorize, read_column
from skimbalance.data.rows import mix

#: Rows drawn from the whole table; neighbouring rows; rows of each class, and of all.
DRAWN, NEIGHBOURS, OF_A_CLASS, OF_ALL = 50_000, 50_000, 2000, 20_000
# Distinct texts that are looked at to find out what a column of text holds, and the share that must agree.
_TEXTS, _MOST = 1000, 0.95
_NAME = re.compile(
    "ids?|[ug]uid|(user|customer|client|patient|person|member|employee|student|account|device|order|session|case|record)id"
)
_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True)
class Samples:
    """Positions of the rows that findings look at.

    Attributes
    ----------
    drawn : ndarray of int
        Rows of the whole table, in their order.
    neighbours : slice
        Rows that follow each other.
    by_class : ndarray of int
        Labelled rows, about as many of each class.
    """

    drawn: np.ndarray
    neighbours: slice
    by_class: np.ndarray

    @classmethod
    def draw(cls, codes, rng):
        """Draw rows, given the class of each, -1 without."""
        n_rows, n_classes = len(codes), codes.max() + 1
        drawn = np.sort(rng.choice(n_rows, min(n_rows, DRAWN), replace=False))
        begin = int(rng.integers(max(n_rows - NEIGHBOURS, 0) + 1))
        most = max(min(OF_A_CLASS, OF_ALL // n_classes), 5)
        shuffled = rng.permutation(n_rows)
        by_label = shuffled[np.argsort(codes[shuffled], kind="stable")]
        counts = np.bincount(codes + 1, minlength=n_classes + 1)
        ends = np.cumsum(counts)
        parts = [by_label[end - n : end - n + min(n, most)] for end, n in zip(ends[1:], counts[1:], strict=True)]
        return cls(drawn, slice(begin, begin + NEIGHBOURS), np.sort(np.concatenate(parts)))


class AuditedColumn:
    """A column of a table, as numbers, and what the whole of it says.

    Attributes
    ----------
    name : str or int
        Name, or position in an array.
    kind : {"number", "boolean", "category", "date"}
        What it holds.
    whole : ndarray of float64, shape (n_rows,), or None
        Numbers, or positions in `levels`; NaN for missing values.
    distinct, counts : ndarray
        Distinct values of `whole`, and the rows of each.
    levels : list or None
        Distinct values of a column of categories. These four are dropped by `keep`.
    n_rows, n_there, n_distinct : int
        Rows; those with a value; distinct values.
    n_infinite : int
        Rows with a number that is infinite in single precision, which are read as missing.
    drawn, neighbours, by_class : ndarray of float64
        Values of the samples, after `keep`.
    """

    def __init__(self, name, part):
        self.name, self.levels = name, None
        try:
            values = read_column(part, name, wants_codes=False)
            self.kind = values.kind
        except HoldsDates:
            self.kind, values = "date", None
        if values is None:
            self.whole = _days(part, name)
        elif isinstance(values, Levels):
            self.levels = values.levels
            self.whole = np.where(values.codes < 0, np.nan, values.codes)
        elif isinstance(values, ExactNumbers):
            self.whole = np.array(values.minus(values.offset()), dtype=np.float64)
        else:
            self.whole = np.array(values.numbers, dtype=np.float64)
        is_infinite = np.abs(self.whole) > _LARGEST
        self.n_infinite = int(is_infinite.sum())
        self.whole[is_infinite] = np.nan
        self.distinct, self.counts = np.unique(self.whole[~np.isnan(self.whole)], return_counts=True)
        self.n_rows, self.n_there, self.n_distinct = len(self.whole), int(self.counts.sum()), len(self.distinct)

    def __repr__(self):
        """Return name, kind and size, for debugging."""
        return f"<{self.name!r}: {self.kind}, {self.n_distinct} values in {self.n_there} rows>"

    @property
    def is_numeric(self):
        """Whether its values have an order."""
        return self.kind in ("number", "date")

    @property
    def differs_in_all_rows(self):
        """Whether nearly no value repeats."""
        return self.n_distinct >= _MOST * self.n_there

    @property
    def holds_whole_numbers(self):
        """Whether all numbers are whole."""
        return self.kind == "number" and bool(np.all(self.distinct == np.round(self.distinct)))

    def texts(self):
        """Return up to 1,000 distinct texts that occur, spread over all; none of a column of numbers."""
        if self.levels is None:
            return []
        positions = self.distinct[:: max(len(self.distinct) // _TEXTS, 1)].astype(np.intp)
        return [self.levels[i] for i in positions]

    def share_of(self, levels):
        """Return the share of the rows that hold one of some positions of levels."""
        return self.counts[np.isin(self.distinct, levels)].sum() / max(self.n_there, 1)

    def read_as(self, kind, numbers_of):
        """Read texts as numbers by a function that returns None for others, which become missing."""
        found = [numbers_of(level) for level in self.levels]
        numbers = np.array([*(np.nan if one is None else one for one in found), np.nan], dtype=np.float64)
        self.whole = numbers[np.where(np.isnan(self.whole), -1, self.whole).astype(np.intp)]
        self.distinct, self.counts = np.unique(self.whole[~np.isnan(self.whole)], return_counts=True)
        self.n_there, self.n_distinct = int(self.counts.sum()), len(self.distinct)
        self.kind, self.levels = kind, None

    def keep(self, samples):
        """Keep the values of samples, and drop the others."""
        self.drawn, self.by_class = self.whole[samples.drawn], self.whole[samples.by_class]
        self.neighbours = self.whole[samples.neighbours].copy()
        self.whole = self.distinct = self.counts = self.levels = None


def read_columns(X):
    """Yield the columns of a table, one after the other."""
    X = X.toarray() if hasattr(X, "toarray") else X
    for name, part in zip(*columns_of(X), strict=True):
        yield AuditedColumn(name, part)


def hash_values(values, position):
    """Return a 64-bit hash of each value of a column; missing values are equal."""
    bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)
    return mix(bits ^ mix(np.array([position], dtype=np.uint64)))


def are_mostly(levels, test):
    """Whether nearly all of some texts pass a test."""
    return bool(levels) and sum(map(test, levels)) >= _MOST * len(levels)


def _days(part, name):
    """Return a column of dates or times as numbers in their order."""
    if isinstance(getattr(part, "dtype", None), np.dtype) and part.dtype.kind in "mM":
        values = np.asarray(part)
        return np.where(np.isnat(values), np.nan, values.astype(np.int64).astype(np.float64))
    levels, codes = factorize(as_list(part), name)
    try:
        order = np.argsort(np.array(sorted(range(len(levels)), key=levels.__getitem__), dtype=np.intp))
    except TypeError:  # such as dates with and without a time zone
        order = np.arange(len(levels))
    return np.array([*order, np.nan], dtype=np.float64)[codes]


def is_named_as_one(name, also=()):
    """Whether a column's name is that of an identifier: "id", "customerId", "customer_id", or a word in `also`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", str(name))
    words = re.findall(r"[a-z]+", apart.lower())
    return any(word in also or _NAME.fullmatch(word) for word in words)
