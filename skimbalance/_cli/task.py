"""Choose the labels, rows and columns of a comparison from a table, and check them."""

from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.checks import check_columns, draw

# Most labels that are compared, and most names that a message lists.
_MOST_LABELS, _LISTED = 20, 50


@dataclass
class Task:
    """Rows and labels to compare strategies on.

    Attributes
    ----------
    X : pandas.DataFrame
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    pos_label : label or None
        Positive label of two.
    said : list of str
        Notes for the user on the table.
    """

    X: object
    y: np.ndarray
    pos_label: object
    said: list


def read_task(table, options):
    """Choose the rows, labels and columns to compare strategies on.

    Parameters
    ----------
    table : pandas.DataFrame
        The table as it was read.
    options : argparse.Namespace
        Options of the command line.

    Returns
    -------
    Task

    Raises
    ------
    Refusal
        If strategies cannot be compared on the table.
    """
    _refuse_unknown(table, [options.target], options.file)
    table = table.drop(columns=_dropped(table, options))
    if table.shape[1] < 2:
        raise Refusal(f"{options.file} has no column besides the target {options.target!r}.")
    labels, there = _labels(table.pop(options.target), options)
    said, n_missing = [], int((~there).sum())
    if n_missing:
        said.append(f"{n_missing:,} of {len(there):,} rows have no {options.target!r} and are left out.")
    table, y = table[there].reset_index(drop=True), labels
    classes, counts = _counted(y, options)
    pos_label = _positive(classes, counts, options)
    if len(y) > options.rows:
        said.append(f"{options.rows:,} of {len(y):,} rows are drawn (--rows).")
        rows = draw(y, options.rows)
        table, y = table.iloc[rows].reset_index(drop=True), y[rows]
        counts = np.array([(y == label).sum() for label in classes])
    _refuse_few(classes, counts, options)
    said += check_columns(table, y, options.target, options.folds)
    return Task(table, y, pos_label, said)


def _refuse_unknown(table, names, file):
    """Raise for unknown column names, and suggest similar ones."""
    columns = list(table.columns)
    for name in names:
        if name not in columns:
            lower = {column.strip().lower(): column for column in columns}
            near = [f"Did you mean {lower[one]!r}? " for one in get_close_matches(name.strip().lower(), lower, 1)]
            more = f", ... ({len(columns)} columns)" if len(columns) > _LISTED else ""
            listed = f"It has {', '.join(map(repr, columns[:_LISTED]))}{more}"
            raise Refusal(f"{file} has no column {name!r}. {''.join(near)}{listed}.")


def _dropped(table, options):
    """Return the columns to leave out."""
    columns = set(table.columns)
    given = [name for text in options.drop for name in ([text] if text in columns else text.split(","))]
    names = [name if name in columns else name.strip() for name in given]
    _refuse_unknown(table, names, options.file)
    if options.target in names:
        raise Refusal(f"--drop names {options.target!r}, which is the target.")
    return names


def _labels(column, options):
    """Return the labels of the rows that have one, and a mask of these rows."""
    there = column.notna().to_numpy(dtype=bool)
    labels = column[there].astype(object).tolist()
    return _of_one_type([_plain(label) for label in labels], options.target), there


def _plain(value):
    """Return a NumPy scalar as a Python one."""
    return value.item() if isinstance(value, np.generic) else value


def _of_one_type(labels, target):
    """Return labels as an array; raise for values that are not labels, or of several types."""
    for kind in (str, bool, Real):
        if all(isinstance(label, kind) and isinstance(label, bool) == (kind is bool) for label in labels):
            return np.array(labels, dtype=object if kind is str else None)
    odd = next((one for one in labels if not isinstance(one, str | bool | Real)), None)
    problem = "labels of several types" if odd is None else f"values such as {odd!r:.80}"
    raise Refusal(f"Column {target!r} has {problem}; labels must be all text, all numbers or all booleans.")


def _counted(y, options):
    """Return the labels and how many rows have each."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        raise Refusal(f"Column {options.target!r} has only the label {classes.tolist()[0]!r}; it takes 2 to 20 labels.")
    if len(classes) > _MOST_LABELS or not len(classes):
        hint = ""
        if len(classes) and y.dtype.kind in "if":
            hint = " It holds numbers: cut them into classes first, such as above and below a limit."
        raise Refusal(f"Column {options.target!r} holds {len(classes):,} labels; it takes 2 to {_MOST_LABELS}.{hint}")
    if len(classes) > 2 and options.costs is not None:
        raise Refusal(f"--costs takes costs of two labels, but {options.target!r} has {_listed(classes)}.")
    if len(classes) > 2 and "asymmetric_focal" in options.strategies:
        raise Refusal(f"asymmetric_focal is a strategy for two labels, but {options.target!r} has {_listed(classes)}.")
    return classes, counts


def _positive(classes, counts, options):
    """Return the positive label of two, by default the rarer one."""
    labels = classes.tolist()
    if options.pos_label is None:
        return labels[int(counts.argmin())] if len(labels) == 2 else None
    if len(labels) > 2:
        raise Refusal(f"--pos-label is the positive of two labels, but {options.target!r} has {_listed(classes)}.")
    for label in labels:
        if _is_written(label, options.pos_label):
            return label
    raise Refusal(f"No row has the label {options.pos_label!r}; the labels are {_listed(classes)}.")


def _is_written(label, text):
    """Return whether a text stands for a label."""
    if str(label) == text or (isinstance(label, bool) and str(label).lower() == text.lower()):
        return True
    try:
        return not isinstance(label, str | bool) and float(text) == label
    except ValueError:
        return False


def _refuse_few(classes, counts, options):
    """Raise if there are too few rows of a label for every fold."""
    few = [f"{label!r} ({n})" for label, n in zip(classes.tolist(), counts.tolist(), strict=True) if n < options.folds]
    if few:
        raise Refusal(
            f"{options.folds} folds need {options.folds} rows of each label, but there are too few of "
            f"{', '.join(few)}: set fewer --folds, or use more rows."
        )


def _listed(classes):
    """Return labels as a list in words."""
    return ", ".join(map(repr, classes.tolist()))
