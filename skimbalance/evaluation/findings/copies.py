"""Are rows copies of others, nearly copies, or of one group?"""

import numpy as np

from skimbalance.data.near_copies import find_near_copies, group_column, time_column
from skimbalance.data.rows import Rows
from skimbalance.data.table import Columns
from skimbalance.evaluation.findings.columns import hash_values
from skimbalance.evaluation.findings.finding import Finding

# Copies beyond chance are this many times as many as chance lets expect. Share of rows from which those are mentioned,
# and from which others are; least number of both.
_BEYOND_CHANCE, _MENTIONED, _BY_CHANCE, _LEAST = 5.0, 0.001, 0.01, 5
# Values of a column that may be groups: so many, of so many rows on average; how alike their labels must be, and how
# much more than those of neighbouring values.
_VALUES, _ROWS_OF_ONE, _ALIKE, _MORE_ALIKE = 20, 20, 0.8, 0.3


def find_copies(keys, columns, codes, without):
    """Yield findings of identical rows.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_rows,)
        Hash of each row, without columns that differ in every row.
    columns : list of AuditedColumn
        The columns of the hash, with their drawn rows.
    codes : ndarray of int, shape (n_rows,)
        Class indices, -1 without a label.
    without : list
        Names of columns that are left out of it.
    """
    if not columns:
        return
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))
    sizes = np.diff(np.append(starts, len(keys)))
    n_copies = len(keys) - len(starts)
    if n_copies < max(_LEAST, _MENTIONED * len(keys)):
        return
    are_many = _beyond_chance(columns)
    if not are_many and n_copies < _BY_CHANCE * len(keys):
        return
    lowest, highest = (of.reduceat(codes[order], starts) for of in (np.minimum, np.maximum))
    n_mixed = int(sizes[(lowest != highest) & (lowest >= 0)].sum())
    apart = f" (apart from {', '.join(map(repr, without[:3]))})" if without else ""
    yield Finding(
        "warning" if are_many else "note", "duplicates", None,
        f"{n_copies:,} of {len(keys):,} rows are copies of others{apart}"
        + ("." if are_many else ", about as many as there are by chance where few values differ."),
        "If they are copies of one observation, drop them: scores of copies in other folds are too good."
        if are_many else "Nothing, unless they are copies of one observation.",
    )  # fmt: skip
    if n_mixed:
        yield Finding(
            "warning" if are_many else "note", "contradictions", None,
            f"{n_mixed:,} rows are identical to rows of another label{apart}.",
            "Find out which label is right." if are_many else "No model can tell them apart by these columns.",
        )  # fmt: skip


def _beyond_chance(columns):
    """Whether identical rows are far more than rows that differ in one column let expect.

    Where columns hold few values, rows coincide by chance, and then more of them coincide in all columns but one: of q
    times as many, where q is how often two rows agree in that column.
    """
    hashes = np.stack([hash_values(column.drawn, j) for j, column in enumerate(columns)])
    whole = hashes.sum(axis=0, dtype=np.uint64)
    n_pairs = _pairs(whole)
    expected = 0.0
    for column, of in zip(columns, hashes, strict=True):
        counts = np.unique(column.drawn, return_counts=True)[1]
        agree = np.sum((counts / counts.sum()) ** 2)
        if agree < 1:
            expected = max(expected, (_pairs(whole - of) - n_pairs) * agree / (1 - agree))
    return n_pairs > _BEYOND_CHANCE * expected


def _pairs(keys):
    """Return how many pairs of keys are equal."""
    counts = np.unique(keys, return_counts=True)[1].astype(np.float64)
    return float(np.sum(counts * (counts - 1) / 2))


def find_related(columns, codes, groups):
    """Yield findings of near copies among neighbouring rows, and of the column that explains them."""
    if not columns:
        return
    table = _as_columns(columns)
    matrix = np.stack([_in_single(column.neighbours) for column in columns], axis=1)
    is_there = codes >= 0
    rows = Rows(matrix[is_there], codes[is_there], None, True)
    found = find_near_copies(rows, table)
    if not found:
        return
    if groups is not None:
        one, other = groups[is_there][found.pairs].T
        if np.mean(one == other) > 0.9:
            return
    group, time = group_column(rows, table, found.pairs), time_column(rows, table)
    advice = "Where rows belong together (of one patient, device or event), pass groups=... to audit, fit and compare"
    if time is not None and time != group:
        advice += f'; where they are neighbours in time (column {time!r} looks like it), validation_split="last"'
    yield Finding(
        "severe", "near copies", None,
        f"Rows have near copies: the nearest row is, in the median, {found.ratio:.2f} times as far as the twentieth.",
        f"{advice}: held-out scores are better than those of new rows will be.",
    )  # fmt: skip
    if group is not None:
        yield _group(group, "Near copies agree in it, and other rows do not.")


def _group(name, evidence):
    """Return the finding of a column of groups."""
    shown = f"X[{name!r}]" if isinstance(name, str) else f"X[:, {name}]"
    return Finding(
        "warning", "groups", name, evidence,
        f"If it says what rows belong to, pass groups={shown} to fit and compare_strategies, and leave it out of X.",
    )  # fmt: skip


def find_group(column, codes):
    """Return the finding of a column whose repeated values nearly tell the label, unlike neighbouring values, or None.

    So the rows of one patient or device share a label, which says nothing of another one.
    """
    if not _VALUES <= column.n_distinct < column.n_there / 1.5 or column.n_there > _ROWS_OF_ONE * column.n_distinct:
        return None
    if column.kind == "number" and not column.holds_whole_numbers:
        return None
    is_there = ~np.isnan(column.whole) & (codes >= 0)
    values, y = column.whole[is_there], codes[is_there]
    if len(np.unique(y)) < 2:
        return None
    order = np.argsort(values, kind="stable")
    values, y = values[order], y[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(values) != 0]))
    by_chance = np.sum((np.bincount(y) / len(y)) ** 2)
    same = np.diff(values) == 0
    within = np.mean((y[1:] == y[:-1])[same])
    between = np.mean(y[starts[1:]] == y[starts[1:] - 1]) if column.is_numeric else by_chance
    alike, beside = ((of - by_chance) / (1 - by_chance) for of in (within, between))
    if alike < _ALIKE or alike - beside < _MORE_ALIKE:
        return None
    evidence = f"Rows of one of its {column.n_distinct:,} values have the same label {within:.0%} of the time, those "
    return _group(column.name, f"{evidence}of neighbouring values, or of any, {between:.0%}.")


def _as_columns(columns):
    """Return columns as near copies are looked for in them."""
    kinds = ["category" if column.kind == "category" else "number" for column in columns]
    names = [column.name for column in columns]
    return Columns(names, kinds, [None] * len(names), np.zeros(len(names)), None)


def _in_single(values):
    """Return numbers less their median, in single precision."""
    middle = np.nanmedian(values) if not np.isnan(values).all() else 0.0
    return (values - middle).astype(np.float32)
