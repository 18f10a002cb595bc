"""Define the inputs by which a graph receives a table, and turn them into the network's matrix."""

import keyword
import re
from dataclasses import dataclass, replace
from itertools import chain, count
from numbers import Number

import numpy as np

#: Names of the results, which no input has.
RESULTS = ("proba", "label")
#: Whole numbers up to here, and their sums, are exact in float32.
_EXACT = 2**24
#: A column whose centre lies so many times its spread from zero keeps fewer than 14 of float32's 24 bits.
_FAR = 1024


@dataclass(frozen=True)
class Input:
    """An input of a graph.

    Attributes
    ----------
    name : str
        Its name.
    dtype : {"float32", "float64", "string"}
        What it takes.
    width : int or None
        Columns of a matrix; None is one column, (n_rows,).
    """

    name: str
    dtype: str
    width: int | None = None

    @property
    def shape(self):
        """Its shape, None where rows are counted."""
        return (None,) if self.width is None else (None, self.width)


def inputs_of(columns, floatx):
    """Return the inputs of a table: one a column; one matrix "X" where the columns have no names and are numbers.

    Numbers are float32, or `floatx` where they lie far from zero. A category is a text, or a number of `floatx` where
    its levels are numbers. Columns without names are "x0", "x1", ...

    Parameters
    ----------
    columns : Columns
        What the columns hold.
    floatx : {"float32", "float64"}
        Widest type of number that the graph takes.

    Raises
    ------
    ValueError
        If the graph would merge values or categories of a column.
    """
    wide = floatx if columns.offset.any() else "float32"
    _refuse_far(columns, floatx)
    if not any(isinstance(name, str) for name in columns.names) and "category" not in columns.kinds:
        return [Input("X", wide, len(columns.names))]
    inputs = []
    for j, name in enumerate(columns.names):
        levels, dtype = columns.levels[j], floatx if columns.offset[j] else "float32"
        if levels is not None:
            dtype = "string" if holds_text(levels) else floatx
        inputs.append(Input(name if isinstance(name, str) else f"x{j}", dtype))
    return inputs


def with_own_names(inputs):
    """Return inputs with names that no other and no result has: underscores are added to one that is taken."""
    return _told_apart(inputs, [one.name or f"x{j}" for j, one in enumerate(inputs)], RESULTS, str)


def with_plain_names(inputs):
    """Return inputs with names that TensorFlow takes and tells apart.

    They are of letters, digits and underscores, no word of Python's, and differ by more than by capitals.
    """
    names = [re.sub(r"[^0-9A-Za-z_]", "_", one.name) for one in inputs]
    names = [name if re.match("[A-Za-z]", name) else f"x_{name}" for name in names]
    return _told_apart(inputs, names, ("self", *map(str.lower, keyword.kwlist)), str.lower)


def _told_apart(inputs, names, taken, folded):
    """Return inputs by names, to which underscores are added where they are taken."""
    taken, told = set(taken), []
    for one, name in zip(inputs, names, strict=True):
        while folded(name) in taken:
            name += "_"
        taken.add(folded(name))
        told.append(replace(one, name=name))
    return told


def matrix_of(columns, given, look_up, ops):
    """Return the matrix of numbers, codes and NaN that `Columns.read` makes of a table, as a tensor.

    Parameters
    ----------
    columns : Columns
        What the columns hold.
    given : list of tensor
        The table, in the order of `inputs_of`.
    look_up : callable
        ``look_up(texts, levels)``: the position of each text, the one behind all levels for another.
    ops : namespace
        What to compute with.
    """
    if len(given[0].shape) == 2:
        (X,) = given
        return ops.cast(X - ops.cast(columns.offset, X.dtype) if columns.offset.any() else X, "float32")
    parts = []
    for values, levels, offset in zip(given, columns.levels, columns.offset, strict=True):
        if levels is None:
            parts.append(ops.cast(values - float(offset) if offset else values, "float32"))
        elif holds_text(levels):
            parts.append(ops.cast(look_up(values, texts_of(levels)), "float32"))
        else:
            parts.append(ops.cast(_codes_of_numbers(values, levels, ops), "float32"))
    return ops.stack(parts, axis=1)


def holds_text(levels):
    """Whether some categories of a column are text, or all are missing."""
    return not any(level is not None for level in levels) or any(
        level is not None and not isinstance(level, Number) for level in levels
    )


def text_of(level):
    """Return the text of a category in a graph."""
    return level.decode() if isinstance(level, bytes) else str(level)


def missing_text(levels):
    """Return the text that stands for a missing category: the first of "", "missing", "<missing>", ... that is none."""
    told = {text_of(level) for level in levels if level is not None}
    tried = chain(("", "missing"), ("<" * n + "missing" + ">" * n for n in count(1)))
    return next(text for text in tried if text not in told)


def texts_of(levels):
    """Return the texts of categories in a graph, in their order; a missing one as the text that stands for it.

    Raises
    ------
    ValueError
        If two categories have the same text.
    """
    told = [text_of(level) for level in levels if level is not None]
    if len(set(told)) < len(told):
        twice = next(text for text in told if told.count(text) > 1)
        raise ValueError(
            f"Two categories of a column are both {twice!r} as text, such as a number and a text, but a graph supports "
            "only text; convert the column to one type before fit."
        )
    return [missing_text(levels) if level is None else text_of(level) for level in levels]


def told_apart(columns, X, ops):
    """Return a matrix with the code behind all levels for those that are "other", as `Columns.with_others` does."""
    codes = np.flatnonzero(columns.are_codes)
    if not len(codes):
        return X
    width = max(len(columns.levels[j]) for j in codes) + 1
    code_of = np.zeros((len(codes), width), dtype=np.float32)
    for i, j in enumerate(codes):
        code_of[i] = len(columns.levels[j])
        code_of[i, columns.kept[j]] = columns.kept[j]
    places = ops.cast(ops.take(X, codes, axis=1), "int32") + width * np.arange(len(codes), dtype=np.int32)
    told = ops.take(code_of.ravel(), places, axis=0)
    place_of = np.arange(X.shape[1])
    place_of[codes] = X.shape[1] + np.arange(len(codes))
    return ops.take(ops.concatenate([X, told], axis=1), place_of, axis=1)


def _codes_of_numbers(values, levels, ops):
    """Return the positions of numbers among levels, by bisection; later levels of a stream come in no order."""
    numbers = np.array([np.nan if level is None else level for level in levels], dtype=ops.floatx)
    order = np.argsort(numbers)[: np.sum(~np.isnan(numbers))].astype(np.int32)
    n_steps = int(np.ceil(np.log2(len(order))))
    padded = np.concatenate([numbers[order], np.full(2**n_steps - len(order), np.inf)]).astype(ops.floatx)
    low = 0 * ops.cast(ops.is_missing(values), "int32")
    for step in 2 ** np.arange(n_steps)[::-1]:
        low = ops.where(ops.take(padded, low + int(step), axis=0) <= values, low + int(step), low)
    low = ops.minimum(low, len(order) - 1)
    is_level = ops.take(padded, low, axis=0) == values
    codes = ops.where(is_level, ops.take(order, low, axis=0), len(levels))
    return ops.where(ops.is_missing(values), levels.index(None), codes) if None in levels else codes


def _refuse_far(columns, floatx):
    """Refuse columns that a graph of such numbers could not tell the values of apart."""
    is_single = floatx == "float32"
    alike = columns.offset != 0 if is_single else abs(columns.offset) >= 2**53
    for j, levels in enumerate(columns.levels):
        if levels is not None and not holds_text(levels):
            numbers = [float(level) for level in levels if level is not None]
            alike[j] = len(set(np.array(numbers, dtype=floatx).tolist())) < len(numbers)
    if alike.any() and is_single:
        raise ValueError(
            f"Single precision, in which LiteRT computes, does not distinguish the values of {columns.where(alike)}; "
            'set format="saved_model" or "onnx", or subtract an offset from the numbers before fit.'
        )
    if alike.any():
        raise ValueError(
            f"Double precision, in which a graph takes numbers, does not distinguish the values of "
            f"{columns.where(alike)}: subtract an offset from such numbers before fit, or pass categories as text, for "
            "example with X.astype({name: str})."
        )


def is_far(centre, spread):
    """Whether float32 could not tell the values of columns apart that lie around a centre."""
    centre, spread = np.abs(centre), np.abs(spread)
    return (centre > _FAR * spread) | (centre + spread > _EXACT)
