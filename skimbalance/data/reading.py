"""Read a column of a table as numbers, or as categories and the code of each row."""

import datetime
from decimal import Decimal
from fractions import Fraction
from numbers import Number

import numpy as np

#: float32 holds 24 bits. A column whose values lie so many times their spread from zero keeps fewer than 14 of them.
_FAR = 1024
#: From here on float64 does not hold every whole number.
_LARGE = 2.0**53


def holds_types(X):
    """Whether the columns of a table are to be read one by one: in a frame that is not all numbers, in objects, and
    where there are whole numbers that an array of float64 would not hold.
    """
    if hasattr(X, "iloc"):
        are_numbers = [isinstance(dtype, np.dtype) and dtype.kind in "iuf" for dtype in X.dtypes]
        whole = [j for j, dtype in enumerate(X.dtypes) if dtype.kind in "iu"]
        return not all(are_numbers) or any(_are_large(X.iloc[:, j].to_numpy()) for j in whole)
    if hasattr(X, "get_columns") or hasattr(X, "column_names"):
        return True
    if isinstance(X, list | tuple):
        return any(_is_no_float(value) for row in X if isinstance(row, list | tuple) for value in row)
    return isinstance(X, np.ndarray) and X.ndim == 2 and (X.dtype.kind in "OUSMm" or _are_large(X))


def _is_no_float(value):
    """Whether a value of a list cannot be read as a float64."""
    if isinstance(value, int | np.integer):
        return not -_LARGE < value < _LARGE
    return value is None or isinstance(value, str | datetime.date | Decimal)


def _are_large(values):
    """Whether there are whole numbers among these that float64 does not hold, or may not."""
    is_wide = values.dtype.kind in "iu" and values.dtype.itemsize == 8 and values.size > 0
    return is_wide and not -_LARGE < values.min() <= values.max() < _LARGE


def columns_of(X):
    """Return the names and the columns of a frame, or of an array."""
    if hasattr(X, "iloc"):
        return [_plain(name) for name in X.columns], [X.iloc[:, j] for j in range(X.shape[1])]
    if hasattr(X, "get_columns"):
        return list(X.columns), X.get_columns()
    if hasattr(X, "column_names"):
        return list(X.column_names), list(X.columns)
    X = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    return list(range(X.shape[1])), list(X.T)


def read_column(column, name, wants_codes):
    """Return a column of a frame or of an array as `Numbers` or, where they are wanted or it is no numbers, `Levels`.

    Series of pandas and polars, and arrays of pyarrow, say their type by its name; what it does not tell, the
    values do.
    """
    dtype = column.dtype if hasattr(column, "dtype") else column.type
    kind, text = getattr(dtype, "kind", "?"), str(dtype).lower()
    if isinstance(dtype, np.dtype) and kind in "iufb":
        values = Numbers(np.asarray(column), kind == "b")
    elif kind in "mM" or text.startswith(("date", "time", "duration", "period", "interval")):
        raise _refused_dates(name, f"of type {dtype}")
    elif kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r} holds some; give their parts as two columns.")
    elif text.startswith(("list", "struct", "array", "map", "large_list", "fixed_size")):
        raise _refused_nested(name, f"of type {dtype}")
    elif hasattr(dtype, "categories") and hasattr(getattr(column, "cat", None), "codes"):
        levels = [_plain(level) for level in dtype.categories]
        values = _of_objects(levels, column.cat.codes.to_numpy().astype(np.intp), name, is_category=True)
    elif hasattr(column, "iloc") and kind in "iufb":
        values = Numbers(column.to_numpy(dtype=np.float64, na_value=np.nan), kind == "b")
    elif text.startswith(("int", "uint", "float", "double")) and "128" not in text:
        values = Numbers(np.asarray(column, dtype=np.float64))
    else:
        is_category = any(word in text for word in ("str", "utf8", "cat", "enum", "dictionary"))
        values = _of_objects(*_factorize(_listed(column), name), name, is_category)
    if isinstance(values, Numbers) and text.startswith(("int", "uint")) and np.any(abs(values.numbers) >= _LARGE):
        values = ExactNumbers(*_factorize(_listed(column), name))
    if not wants_codes or isinstance(values, Levels):
        return values
    if not isinstance(values, ExactNumbers):
        _refuse_merged(values.numbers, name)
    return values.as_levels()


def _listed(column):
    """Return the values of a column as objects of Python."""
    return next(getattr(column, way) for way in ("to_list", "to_pylist", "tolist") if hasattr(column, way))()


def _factorize(values, name):
    """Return the distinct values that are not missing, and the position of each value among them, else -1."""
    places = {}
    try:
        codes = np.fromiter((places.setdefault(v, len(places)) for v in values), dtype=np.intp, count=len(values))
    except TypeError:
        nested = next(v for v in values if isinstance(v, list | dict | set | np.ndarray))
        raise _refused_nested(name, f"such as {nested!r:.40}") from None
    distinct = list(places)
    is_there = np.array([not is_none(v) for v in distinct], dtype=bool)
    renumbered = np.where(is_there, np.cumsum(is_there) - 1, -1)
    return [_plain(v) for v in distinct if not is_none(v)], renumbered[codes]


def _of_objects(levels, codes, name, is_category):
    """Return what a column of objects holds, by its distinct values: numbers, where all are, or levels."""
    for level in levels:
        if isinstance(level, datetime.date | datetime.time | datetime.timedelta | np.datetime64 | np.timedelta64):
            raise _refused_dates(name, f"such as {level!r:.60}")
        if not isinstance(level, str | bytes | Number):
            raise _refused_nested(name, f"such as {level!r:.40}")
    if is_category or not levels or any(map(_is_text, levels)):
        return _as_categories(levels, codes)
    return _as_numbers(levels, codes)


def _as_numbers(levels, codes):
    """Return a column of numbers by its distinct ones."""
    numbers = np.array([*map(_as_float, levels), np.nan])
    if any(isinstance(level, Decimal) for level in levels) or np.any(abs(numbers) >= _LARGE):
        return ExactNumbers(levels, codes)
    return Numbers(numbers[codes], all(isinstance(level, bool) for level in levels))


def _as_categories(levels, codes):
    """Return a column of levels; a decimal is the whole number, or the float, that is written like it."""
    if not any(isinstance(level, Decimal) for level in levels):
        return Levels(levels, codes)
    places = {}
    codes_of = [places.setdefault(_as_level(level), len(places)) for level in levels]
    return Levels(list(places), np.array([*codes_of, -1])[codes])


def _refuse_merged(numbers, name):
    """Refuse floats as categories where they may have been whole numbers that they do not hold."""
    merged = numbers[np.isfinite(numbers) & (abs(numbers) >= _LARGE)]
    if len(merged):
        raise ValueError(
            f"Column {name!r} holds categories of 2**53 and more, such as {merged[0]:.0f}, as floating-point numbers, "
            "which do not tell all of these apart: whole numbers in an array beside others, or beside missing ones, "
            'have become so. Give the column as integers (in pandas, dtype "Int64"), or as text.'
        )


def _refused_nested(name, what):
    """Return the error for a column of lists, dicts and other objects."""
    return TypeError(
        f"Column {name!r} holds values {what}; the argument must be a table with a string or a number in each cell. "
        "Spread them over columns first, for example with skrub.TableVectorizer, or drop the column."
    )


def _refused_dates(name, what):
    """Return the error for a column of dates."""
    return TypeError(
        f"Column {name!r} holds dates or times, {what}, which no one number stands for. Turn it into numbers first "
        "(year, weekday, hour, or seconds since some day), for example with skrub.DatetimeEncoder or "
        "skrub.TableVectorizer, or drop it."
    )


def _plain(value):
    """Return a scalar of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _as_float(number):
    """Return a number as a float, infinite where it is beyond all of them."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _as_level(level):
    """Return a decimal as the whole number, or the float, that is written like it, where there is one."""
    if not isinstance(level, Decimal) or not level.is_finite():
        return level
    if level == level.to_integral_value():
        return int(level)
    return float(level) if Decimal(repr(float(level))) == level else level


def _is_text(level):
    """Whether a level is text, and not a number."""
    return not isinstance(level, Number)


def is_none(value):
    """Whether a value stands for none: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Number) and value != value


class Numbers:
    """A column of numbers or booleans, gaps among them NaN."""

    def __init__(self, numbers, is_boolean=False):
        dtype = np.float32 if is_boolean else numbers.dtype if numbers.dtype.kind == "f" else np.float64
        self.numbers = numbers.astype(dtype, copy=False)
        self.kind = "boolean" if is_boolean else "number"

    def offset(self):
        """Return what is to be subtracted before the numbers are rounded to float32."""
        return offsets_of(self.numbers[:, None])[0] if self.kind == "number" else 0.0

    def minus(self, offset):
        """Return the numbers less an offset."""
        return self.numbers - offset if offset else self.numbers

    def as_levels(self):
        """Return the distinct numbers as levels."""
        levels, codes = np.unique(self.numbers.astype(np.float64), return_inverse=True)
        levels = [int(level) if level.is_integer() else level for level in levels[~np.isnan(levels)].tolist()]
        return Levels(levels, np.where(codes >= len(levels), -1, codes))


class ExactNumbers(Numbers):
    """A column of numbers that float64 may not tell apart (whole ones of 2**53 and more, decimals), by its distinct
    ones, and the position of each row's among them, -1 for a gap.
    """

    def __init__(self, levels, codes):
        super().__init__(np.array([*map(_as_float, levels), np.nan])[codes])
        self._levels, self._codes = levels, codes

    def offset(self):
        """Return what is to be subtracted before the numbers are rounded to float32."""
        if np.isinf(self.numbers).any() or not np.any(abs(self.numbers) >= _LARGE):
            return super().offset()
        return _middle_if_far(sorted(map(_exactly, self._levels)))

    def minus(self, offset):
        """Return the numbers less an offset, rounded after they are subtracted."""
        if not offset:
            return self.numbers
        offset = int(offset) if float(offset).is_integer() else Fraction(offset)
        return np.array([*(_as_float(_exactly(level) - offset) for level in self._levels), np.nan])[self._codes]

    def as_levels(self):
        """Return the distinct numbers as levels."""
        return _as_categories(self._levels, self._codes)


def _exactly(number):
    """Return a number as one that is computed with exactly; an infinite one as it is."""
    return number if isinstance(number, int) else Fraction(number) if np.isfinite(_as_float(number)) else float(number)


class Levels:
    """A column of levels, and the position of each row's among them, -1 where it is missing."""

    kind = "category"

    def __init__(self, levels, codes):
        self.levels, self.codes = levels, codes

    def sorted(self):
        """Return the levels that occur in an order that only they determine, and None where some are missing."""
        occur = np.unique(self.codes)
        levels = [self.levels[code] for code in occur[occur >= 0]]
        return sorted(levels, key=order_of) + [None] * bool(len(occur) and occur[0] < 0)

    def codes_of(self, codes, name):
        """Return each row's position among the levels of training, the one behind them for a level not among these."""
        known = next((level for level in codes if level is not None), None)
        if known is not None and self.levels and all(_is_text(level) != _is_text(known) for level in self.levels):
            held, holds = ("text", "numbers") if _is_text(known) else ("numbers", "text")
            raise ValueError(
                f"Column {name!r} held categories that are {held} in fit, such as {known!r}, and now holds {holds}, "
                f"such as {self.levels[0]!r}; give it the type that it had."
            )
        # The last entry is that of missing values, whose position is -1.
        places = [codes.get(level, len(codes)) for level in [*self.levels, None]]
        return np.array(places)[self.codes]

    def as_numbers(self, problem, remedy):
        """Return levels that are numbers as these; the error where some are text says the problem and the remedy."""
        text = next((level for level in self.levels if _is_text(level)), None)
        if text is not None:
            raise ValueError(f"{problem}, such as {text!r}; {remedy}.")
        return _as_numbers(self.levels, self.codes)


def order_of(level):
    """Return what levels are sorted by: numbers, then texts, then what is missing."""
    return (2, 0, "") if level is None else (1, 0, str(level)) if _is_text(level) else (0, level, "")


def offsets_of(X):
    """Return for each column of numbers the middle, where they lie so far from zero that float32 could not tell them
    apart, else 0.

    It is a quantile of the distinct ones, so that neither order nor repetition matters.
    """
    offsets = np.zeros(X.shape[1])
    if X.dtype == np.float32 or not len(X):
        return offsets
    low, high = np.fmin.reduce(X), np.fmax.reduce(X)
    with np.errstate(invalid="ignore"):
        is_large = (np.maximum(-low, high) >= 2**24) | (abs(low + high) >= _FAR * (high - low))
        is_large &= np.isfinite(high - low) & (high > low)
    for j in np.flatnonzero(is_large):
        distinct = np.unique(X[:, j][~np.isnan(X[:, j])])
        offsets[j] = _middle_if_far(distinct)
    return offsets


def _middle_if_far(distinct):
    """Return the middle one of sorted numbers, where these lie close together and far from zero, else 0."""
    lower, middle, upper = (distinct[(quarter * len(distinct)) // 4] for quarter in (1, 2, 3))
    return float(middle) if 0 < _FAR * (upper - lower) < abs(middle) else 0.0
