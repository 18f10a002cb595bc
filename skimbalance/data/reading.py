"""Read a column of a table as numbers, or as categories and the code of each row."""

import datetime
from decimal import Decimal
from fractions import Fraction
from numbers import Number

import numpy as np


class HoldsDates(TypeError):
    """A column holds dates or times, which are no numbers yet."""


#: float32 holds 24 bits. A column whose values lie so many times their spread from zero keeps fewer than 14 of them.
_FAR = 1024
#: From here on float64 does not hold every whole number.
_LARGE = 2.0**53


def holds_types(X):
    """Whether a table is read column by column: a frame that is not all numbers, an array of objects, and a table
    with integers that float64 cannot represent.
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
    """Whether some values are integers so large that float64 may not represent them."""
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
    """Return a column of a frame or of an array as `Numbers`, or as `Levels` if it is not numeric or wants codes.

    The type of a pandas or polars series, or of a pyarrow array, is read from its name, and from the values where the
    name is not enough.
    """
    dtype = column.dtype if hasattr(column, "dtype") else column.type
    kind, text = getattr(dtype, "kind", "?"), str(dtype).lower()
    if isinstance(dtype, np.dtype) and kind in "iufb":
        values = Numbers(np.asarray(column), kind == "b")
    elif kind in "mM" or text.startswith(("date", "time", "duration", "period", "interval")):
        raise _refused_dates(name, f"of type {dtype}")
    elif kind == "c":
        raise ValueError(
            f"Complex data not supported: column {name!r} has complex numbers; pass real and imaginary part as two "
            "columns."
        )
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
        values = _of_objects(*factorize(as_list(column), name), name, is_category)
    if isinstance(values, Numbers) and text.startswith(("int", "uint")) and np.any(abs(values.numbers) >= _LARGE):
        values = ExactNumbers(*factorize(as_list(column), name))
    if not wants_codes or isinstance(values, Levels):
        return values
    if not isinstance(values, ExactNumbers):
        _refuse_merged(values.numbers, name)
    return values.as_levels()


def as_list(column):
    """Return the values of a column as objects of Python."""
    return next(getattr(column, way) for way in ("to_list", "to_pylist", "tolist") if hasattr(column, way))()


def factorize(values, name):
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
    """Return what a column of objects holds, by its distinct values: numbers, where all are, or categories."""
    for level in levels:
        if isinstance(level, datetime.date | datetime.time | datetime.timedelta | np.datetime64 | np.timedelta64):
            raise _refused_dates(name, f"such as {level!r:.60}")
        if not isinstance(level, str | bytes | Number):
            raise _refused_nested(name, f"such as {level!r:.40}")
    if is_category or not levels or any(map(_is_text, levels)):
        return _as_categories(levels, codes)
    return _as_numbers(levels, codes)


def _as_numbers(levels, codes):
    """Return a column of numbers, given its distinct values and the code of each row."""
    numbers = np.array([*map(_as_float, levels), np.nan])
    if any(isinstance(level, Decimal) for level in levels) or np.any(abs(numbers) >= _LARGE):
        return ExactNumbers(levels, codes)
    return Numbers(numbers[codes], all(isinstance(level, bool) for level in levels))


def _as_categories(levels, codes):
    """Return a column of categories; a decimal becomes the integer or the float that is equal to it, if any."""
    if not any(isinstance(level, Decimal) for level in levels):
        return Levels(levels, codes)
    places = {}
    codes_of = [places.setdefault(_as_level(level), len(places)) for level in levels]
    return Levels(list(places), np.array([*codes_of, -1])[codes])


def _refuse_merged(numbers, name):
    """Refuse floats as categories where they may have been integers that float64 does not represent."""
    merged = numbers[np.isfinite(numbers) & (abs(numbers) >= _LARGE)]
    if len(merged):
        raise ValueError(
            f"Column {name!r} has categories of 2**53 and more, such as {merged[0]:.0f}, as floating-point numbers, "
            "which cannot represent all integers of that size, so that different categories may have become equal. "
            "This happens to integers in an array with floats, or in a column with missing values. Pass the column "
            'as integers (in pandas, dtype "Int64"), or as text.'
        )


def _refused_nested(name, what):
    """Return the error for a column of lists, dicts and other objects."""
    return TypeError(
        f"Column {name!r} has values {what}; the argument must be a table with a string or a number in each cell. "
        "Split them into columns first, for example with skrub.TableVectorizer, or drop the column."
    )


def _refused_dates(name, what):
    """Return the error for a column of dates."""
    return HoldsDates(
        f"Column {name!r} holds dates or times, {what}, which are not supported. Turn it into numbers first "
        "(year, weekday, hour, or seconds since a date), for example with skrub.DatetimeEncoder or "
        "skrub.TableVectorizer, or drop it."
    )


def _plain(value):
    """Return a scalar of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _as_float(number):
    """Return a number as a float, infinite where it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _as_level(level):
    """Return a decimal as the integer or the float that is equal to it, if there is one."""
    if not isinstance(level, Decimal) or not level.is_finite():
        return level
    if level == level.to_integral_value():
        return int(level)
    return float(level) if Decimal(repr(float(level))) == level else level


def _is_text(level):
    """Whether a category is text, and not a number."""
    return not isinstance(level, Number)


def is_none(value):
    """Whether a value is missing: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Number) and value != value


class Numbers:
    """A column of numbers or booleans; missing values are NaN."""

    def __init__(self, numbers, is_boolean=False):
        dtype = np.float32 if is_boolean else numbers.dtype if numbers.dtype.kind == "f" else np.float64
        self.numbers = numbers.astype(dtype, copy=False)
        self.kind = "boolean" if is_boolean else "number"

    def offset(self):
        """Return the offset to subtract before the numbers are rounded to float32."""
        return offsets_of(self.numbers[:, None])[0] if self.kind == "number" else 0.0

    def minus(self, offset):
        """Return the numbers less an offset."""
        return self.numbers - offset if offset else self.numbers

    def as_levels(self):
        """Return the distinct numbers as categories."""
        levels, codes = np.unique(self.numbers.astype(np.float64), return_inverse=True)
        levels = [int(level) if level.is_integer() else level for level in levels[~np.isnan(levels)].tolist()]
        return Levels(levels, np.where(codes >= len(levels), -1, codes))


class ExactNumbers(Numbers):
    """A column of numbers that float64 may not represent exactly (integers of 2**53 and more, decimals): its distinct
    values, and the code of each row's value, -1 for a missing one.
    """

    def __init__(self, levels, codes):
        super().__init__(np.array([*map(_as_float, levels), np.nan])[codes])
        self._levels, self._codes = levels, codes

    def offset(self):
        """Return the offset to subtract before the numbers are rounded to float32."""
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
        """Return the distinct numbers as categories."""
        return _as_categories(self._levels, self._codes)


def _exactly(number):
    """Return a number as an int or a Fraction, for exact arithmetic; an infinite one as a float."""
    return number if isinstance(number, int) else Fraction(number) if np.isfinite(_as_float(number)) else float(number)


class Levels:
    """A categorical column: its categories, and the code of each row's category, -1 for a missing one."""

    kind = "category"

    def __init__(self, levels, codes):
        self.levels, self.codes = levels, codes

    def sorted(self):
        """Return the categories that occur, sorted, with None at the end if some rows are missing."""
        occur = np.unique(self.codes)
        levels = [self.levels[code] for code in occur[occur >= 0]]
        return sorted(levels, key=order_of) + [None] * bool(len(occur) and occur[0] < 0)

    def codes_of(self, codes, name):
        """Return the code of each row's category in `codes`; an unknown category gets the code after the last."""
        known = next((level for level in codes if level is not None), None)
        if known is not None and self.levels and all(_is_text(level) != _is_text(known) for level in self.levels):
            held, holds = ("text", "numbers") if _is_text(known) else ("numbers", "text")
            raise ValueError(
                f"Column {name!r} had categories that are {held} in fit, such as {known!r}, and now has {holds}, "
                f"such as {self.levels[0]!r}; convert it to the type that it had in fit."
            )
        # The last entry is that of missing values, whose position is -1.
        places = [codes.get(level, len(codes)) for level in [*self.levels, None]]
        return np.array(places)[self.codes]

    def as_numbers(self, problem, advice):
        """Return categories that are numbers as a column of numbers; raise with `problem` and `advice` for text."""
        text = next((level for level in self.levels if _is_text(level)), None)
        if text is not None:
            raise ValueError(f"{problem}, such as {text!r}; {advice}.")
        return _as_numbers(self.levels, self.codes)


def order_of(level):
    """Return the sort key of a category: numbers first, then text, then the missing category."""
    return (2, 0, "") if level is None else (1, 0, str(level)) if _is_text(level) else (0, level, "")


def offsets_of(X):
    """Return the offset of each column: its median where the values lie so far from zero that float32 would merge
    them, else 0.

    It is the median of the distinct values, so that neither order nor repetition matters.
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
    """Return the median of sorted numbers if they lie close together and far from zero, else 0."""
    lower, middle, upper = (distinct[(quarter * len(distinct)) // 4] for quarter in (1, 2, 3))
    return float(middle) if 0 < _FAR * (upper - lower) < abs(middle) else 0.0
