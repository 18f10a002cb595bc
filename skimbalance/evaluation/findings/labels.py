"""Read the target: its classes, rows that have none, and whether there are enough of each class."""

import numpy as np

from skimbalance.data.reading import as_list, is_none, order_of
from skimbalance.evaluation.findings.finding import Finding, listed

# Rows of a class in each fold below which scores say little.
_FEW = 10


def read_labels(y, n_rows):
    """Return the class index of each row, -1 without a label, and the labels in their order.

    Raises
    ------
    ValueError
        If there is not one label for each row, there are fewer than two classes, or y holds numbers that are measured.
    TypeError
        If y holds no labels.
    """
    if y is None or isinstance(y, str):
        raise TypeError(f"y={y!r:.40} are no labels; it takes one label per row, (n_samples,).")
    is_array = hasattr(y, "shape") or hasattr(y, "to_pylist")
    values = y if is_array else np.array([*y, None], dtype=object)[:-1]
    shape = getattr(values, "shape", (n_rows,))
    if len(shape) == 2 and shape[1] == 1:
        values = np.asarray(values)[:, 0]
    elif len(shape) != 1:
        raise ValueError(f"y has shape {tuple(shape)}; it takes one label per row, (n_samples,).")
    if len(values) != n_rows:
        raise ValueError(f"X has {n_rows} rows, but y has {len(values)} labels; it needs the label of each row.")
    classes, codes = _numbers(values) if _are_numbers(values) else _objects(as_list(values))
    if len(classes) < 2:
        raise ValueError(
            f"y has {len(classes) or 'no'} class{'' if len(classes) == 1 else 'es'}, {list(classes)}, in "
            f"{int((codes >= 0).sum())} rows that have a label; an audit needs rows of at least two classes."
        )
    return codes, list(classes)


def _are_numbers(values):
    """Whether labels are an array of numbers or booleans."""
    return isinstance(getattr(values, "dtype", None), np.dtype) and values.dtype.kind in "iufb"


def _numbers(values):
    """Return the classes and the class index of each row of an array of numbers."""
    values = np.asarray(values)
    is_there = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)
    classes, found = np.unique(values[is_there], return_inverse=True)
    if values.dtype.kind == "f" and np.any(classes != np.round(classes)):
        raise ValueError(
            f"y holds numbers that are measured, such as {listed(classes.tolist())}; an audit takes classes. Cut y "
            "into classes first, for example y > limit."
        )
    codes = np.full(len(values), -1)
    codes[is_there] = found
    return classes.tolist(), codes


def _objects(values):
    """Return the classes and the class index of each row of a list of any labels."""
    try:
        distinct = dict.fromkeys(values)
    except TypeError as error:
        raise TypeError(f"y holds a label that cannot be hashed ({error}); pass numbers or texts.") from None
    classes = sorted((label for label in distinct if not is_none(label)), key=order_of)
    places = {label: i for i, label in enumerate(classes)}
    return classes, np.array([places.get(label, -1) for label in values], dtype=np.intp)


def find_missing(codes):
    """Yield the finding of rows without a label."""
    n_missing = int((codes < 0).sum())
    if n_missing:
        yield Finding(
            "warning", "missing target", None, f"{n_missing:,} of {len(codes):,} rows have no label.",
            "Leave them out of fit; find out why they have none: if the reason has to do with the label, so do the "
            "rows that are left.",
        )  # fmt: skip


def find_few(codes, classes, n_folds, groups):
    """Yield the finding of classes with too few rows, or groups, for the folds."""
    is_there = codes >= 0
    unit, counts = "rows", np.bincount(codes[is_there])
    if groups is not None:
        pairs = np.unique(np.stack([codes[is_there].astype(np.uint64), groups[is_there]]), axis=1)
        unit, counts = "groups", np.bincount(pairs[0].astype(np.intp))
    few = [f"{classes[i]!r} ({n})" for i, n in enumerate(counts.tolist()) if n < n_folds * _FEW]
    if not few:
        return
    least = int(counts.min())
    if least < n_folds:
        advice = f"Set cv={least} or less, or collect more." if least > 1 else "Collect more, or merge classes."
        yield Finding(
            "severe", "too few positives", None,
            f"{n_folds} folds need {n_folds} {unit} of each class, but there are too few of {', '.join(few)}.", advice,
        )  # fmt: skip
        return
    yield Finding(
        "warning", "too few positives", None,
        f"{n_folds} folds hold fewer than {_FEW} {unit} each of {', '.join(few)}.",
        "Expect wide intervals: repeat the folds (RepeatedStratifiedKFold), compare few candidates, and choose "
        "thresholds by probabilities rather than by held-out rows.",
    )  # fmt: skip
