"""Convert imputers, encoders and discretizers to ONNX."""

import warnings

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from skimbalance.deployment.table import holds_text, texts_of

#: Texts, one of which is not a category of a column.
_UNSEEN = ("another", "another level", "a level that nobody has seen")


def impute(steps, imputer, columns):
    """Return imputed columns and, after them, the indicators of missing values."""
    kept = range(len(columns))
    if imputer.strategy != "constant" and not imputer.keep_empty_features:
        kept = [j for j in kept if not _is_missing(imputer.statistics_[j])]
    if any(isinstance(value, str) for value in imputer.statistics_):
        filled, is_missing = _impute_text(steps, imputer, columns)
    else:
        X, is_missing = _missing(steps, imputer, columns)
        values = np.array([np.nan if _is_missing(v) else v for v in imputer.statistics_], dtype=np.float64)
        filled = steps.nodes.add("Where", is_missing, steps.constant(values), X)
        filled = steps.columns_of(filled, len(columns), columns)
    shown = [] if imputer.indicator_ is None else imputer.indicator_.features_
    flags = steps.columns_of(steps.nodes.cast(is_missing, np.float64), len(columns))
    return [filled[j] for j in kept] + [flags[j] for j in shown]


def indicate(steps, indicator, columns):
    """Return the indicators of missing values."""
    _, is_missing = _missing(steps, indicator, columns)
    flags = steps.columns_of(steps.nodes.cast(is_missing, np.float64), len(columns))
    return [flags[j] for j in indicator.features_]


def _missing(steps, step, columns):
    """Return columns of numbers, and a mask of their missing values, (n_rows, n_columns)."""
    X = steps.matrix(columns, step)
    if _is_missing(step.missing_values):
        return X, steps.nodes.add("IsNaN", X)
    steps.far(columns, np.float32(step.missing_values) != step.missing_values)
    return X, steps.nodes.add("Equal", X, steps.constant(step.missing_values))


def _impute_text(steps, imputer, columns):
    """Return imputed columns of text, and a mask of missing values (the empty text), (n_rows, n_columns)."""
    placeholder = "" if _is_missing(imputer.missing_values) else str(imputer.missing_values)
    filled, masks = [], []
    for column, value in zip(columns, imputer.statistics_, strict=True):
        text = steps.text(column, imputer)
        # Opset 18 compares no texts.
        place = steps.nodes.look_up(text, [placeholder])
        is_missing = steps.nodes.add("Equal", place, steps.nodes.constant(0, np.int64))
        masks.append(is_missing)
        if not _is_missing(value):
            text = steps.nodes.add("Where", is_missing, steps.nodes.constant([str(value)]), text)
        filled.append(steps.column_of_text(text, is_filled=placeholder == ""))
    return filled, masks[0] if len(masks) == 1 else steps.nodes.add("Concat", *masks, axis=1)


def encode(steps, encoder, columns):
    """Return the columns of an encoder, looked up in a table of its output for each category."""
    made = []
    for column, levels, shown in zip(columns, encoder.categories_, _shown(encoder), strict=True):
        told = [None if _is_missing(level) else level for level in np.asarray(levels).tolist()]
        if told.count(None) > 1:
            raise ValueError(
                f"{type(encoder).__name__} of the pipeline has both None and NaN as categories of one column, which "
                "ONNX cannot distinguish; encode missing values in one way before fit."
            )
        codes = _codes_of_texts if holds_text(told) and column.holds != "number" else _codes_of_numbers
        code = codes(steps, encoder, column, told)
        rows = steps.nodes.add("Gather", steps.constant(shown[:, 1:]), code, axis=0)
        if shown[-1, 0]:
            refused = steps.nodes.add("Equal", code, steps.nodes.constant(len(levels), np.int64))
            steps.refuse(steps.nodes.add("Unsqueeze", refused, steps.nodes.constant([1], np.int64)))
        made += steps.columns_of(rows, shown.shape[1] - 1)
    return made


def _codes_of_texts(steps, encoder, column, levels):
    """Return the code of each text, (n_rows,)."""
    if column.holds == "filled text" and "" in levels:
        raise ValueError(
            f"{type(encoder).__name__} of the pipeline has the empty text as a category, but in ONNX it means a "
            "missing value, which a SimpleImputer fills; replace the empty text before fit."
        )
    codes = steps.nodes.look_up(steps.text(column, encoder), texts_of(levels))
    return steps.nodes.add("Squeeze", codes, steps.nodes.constant([1], np.int64))


def _codes_of_numbers(steps, encoder, column, levels):
    """Return the code of each number, (n_rows,)."""
    X = steps.matrix([column], encoder)
    if any(level is not None and not isinstance(level, (int, float, np.number, np.bool_)) for level in levels):
        raise ValueError(
            f"{type(encoder).__name__} of the pipeline has categories that are neither text nor numbers, such as "
            f"{next(level for level in levels if level is not None)!r}, which ONNX does not support; convert them to "
            "text."
        )
    numbers = np.array([np.nan if level is None else level for level in levels], dtype=np.float64)
    steps.far([column], bool((np.float32(numbers) != numbers)[~np.isnan(numbers)].any()))
    is_level = steps.nodes.add("Equal", X, steps.constant(numbers))
    if None in levels:
        is_missing = steps.nodes.add("And", steps.nodes.add("IsNaN", X), steps.nodes.constant(np.isnan(numbers)))
        is_level = steps.nodes.add("Or", is_level, is_missing)
    # The first that is true: the category, else the code after the last.
    flags = steps.nodes.add("Pad", steps.nodes.cast(is_level, np.float32), steps.nodes.constant([0, 0, 0, 1], np.int64),
                            steps.nodes.constant(0.5, np.float32))  # fmt: skip
    return steps.nodes.add("ArgMax", flags, axis=1, keepdims=0)


def _shown(encoder):
    """Return the output of an encoder for the categories of each column, (n_levels + 1, 1 + n_made).

    The last row is its output for an unknown category; the first column is 1 where it raises for it.
    """
    levels = [list(of) for of in encoder.categories_]
    known = np.empty((max(map(len, levels)), len(levels)), dtype=object)
    unseen = np.empty((1, len(levels)), dtype=object)
    for j, of in enumerate(levels):
        known[:, j] = [*of, *of[:1] * (len(known) - len(of))]
        unseen[0, j] = _unseen(of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of columns, and of handle_unknown="warn"
        shown = _dense(encoder.transform(known))
        try:
            other, refuses = _dense(encoder.transform(unseen)), 0.0
        except ValueError:
            other, refuses = np.zeros((1, shown.shape[1])), 1.0
    ends = np.cumsum(_widths(encoder, shown.shape[1]))[:-1]
    parts = zip(levels, np.split(shown, ends, axis=1), np.split(other, ends, axis=1), strict=True)
    return [
        np.column_stack([[0.0] * len(of) + [refuses], np.vstack([of_levels[: len(of)], of_other])])
        for of, of_levels, of_other in parts
    ]


def _unseen(levels):
    """Return a value that is not a category of a column."""
    levels = [level for level in levels if not _is_missing(level)]
    if not levels or any(isinstance(level, str) for level in levels):
        return next(text for text in _UNSEEN if text not in levels)
    return np.nextafter(max(map(float, levels)), np.inf)


def _widths(encoder, n_made):
    """Return the number of columns that an encoder makes of each."""
    if not isinstance(encoder, OneHotEncoder):
        return [n_made // len(encoder.categories_)] * len(encoder.categories_)
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    dropped = [None] * len(encoder.categories_) if encoder.drop_idx_ is None else encoder.drop_idx_
    return [
        len(of) - (0 if few is None else len(few) - 1) - (0 if drop is None else 1)
        for of, few, drop in zip(encoder.categories_, rare, dropped, strict=True)
    ]


def _dense(X):
    """Return a matrix of any kind as an array of numbers."""
    X = X.toarray() if hasattr(X, "toarray") else X
    return np.asarray(X, dtype=np.float64)


def _is_missing(value):
    """Whether a value is None, NaN or pandas' NA."""
    is_nan = isinstance(value, (float, np.floating)) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def into_bins(steps, binner, columns):
    """Return the bins of numbers, counted or one-hot."""
    made = []
    for column, edges, n_bins in zip(columns, binner.bin_edges_, binner.n_bins_, strict=True):
        X, edges = steps.matrix([column], binner), np.asarray(edges, dtype=np.float64)[1:-1]
        steps.far([column], bool((np.float32(edges) != edges).any()))
        reaches = steps.nodes.cast(steps.nodes.add("GreaterOrEqual", X, steps.constant(edges)), np.int64)
        code = steps.nodes.add("ReduceSum", reaches, steps.nodes.constant([1], np.int64), keepdims=0)
        shown = np.arange(n_bins)[:, None] if binner.encode == "ordinal" else np.eye(n_bins)
        rows = steps.nodes.add("Gather", steps.constant(shown), code, axis=0)
        made += steps.columns_of(rows, shown.shape[1])
    return made
