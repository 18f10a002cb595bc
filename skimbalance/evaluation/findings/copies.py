"""Are rows copies of others, nearly copies, or of one group?"""

import numpy as np
from scipy.stats import binom

from skimbalance.data.near_copies import find_near_copies, group_column, time_column
from skimbalance.data.rows import Rows
from skimbalance.data.table import Columns
from skimbalance.evaluation.findings.columns import hash_values, is_named_as_one
from skimbalance.evaluation.findings.finding import Finding

# Copies beyond chance are this many times as many as chance lets expect. Share of rows from which those are mentioned,
# and from which others are; least number of both.
_BEYOND_CHANCE, _MENTIONED, _BY_CHANCE, _LEAST = 5.0, 0.001, 0.01, 5
# Values of a column that may be groups: so many, of so many rows on average. How alike their labels must be, how much
# more than those of neighbouring values, and how probable that may be without groups.
_VALUES, _ROWS_OF_ONE, _ALIKE, _MORE_ALIKE, _CHANCE = 20, 20, 0.8, 0.3, 1e-6
_LARGE = 1e37


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
    if not any(column.n_distinct > 1 for column in columns):
        return
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))
    sizes = np.diff(np.append(starts, len(keys)))
    n_copies = len(keys) - len(starts)
    if n_copies < max(_LEAST, _MENTIONED * len(keys)):
        return
    are_many = _beyond_chance(np.sum(sizes * (sizes - 1.0)) / 2, len(keys), columns)
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


def _beyond_chance(n_pairs, n_rows, columns):
    """Whether pairs of identical rows are far more than pairs that differ in one column let expect.

    Where columns hold few values, rows coincide by chance; then pairs that agree in all columns but one are (1 - q) / q
    times as many, where q is how often two rows agree in that column. These are counted among the drawn rows.
    """
    hashes = np.stack([hash_values(column.drawn, j) for j, column in enumerate(columns)])
    whole = hashes.sum(axis=0, dtype=np.uint64)
    expected, n_identical = 0.0, _pairs(whole)
    for column, of in zip(columns, hashes, strict=True):
        counts = np.unique(column.drawn, return_counts=True)[1]
        agree = np.sum((counts / counts.sum()) ** 2)
        if agree < 1:
            expected = max(expected, (_pairs(whole - of) - n_identical) * agree / (1 - agree))
    return n_pairs > _BEYOND_CHANCE * expected * (n_rows / len(whole)) ** 2


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
    """Return the finding of a column whose repeated values say which rows belong together, or None.

    Its name says so; or they nearly tell the label, unlike neighbouring values, as the number of a patient does.
    """
    if not _VALUES <= column.n_distinct < column.n_there / 1.2 or column.n_there > _ROWS_OF_ONE * column.n_distinct:
        return None
    if column.kind == "number" and not column.holds_whole_numbers:
        return None
    if is_named_as_one(column.name):
        often = f"each of its {column.n_distinct:,} values is in {column.n_there / column.n_distinct:.1f} rows"
        return _group(column.name, f"Its name is that of an identifier, and {often} on average.")
    alike, beside, chance = _agreement(column, codes)
    if alike < _ALIKE or alike - beside < _MORE_ALIKE or chance > _CHANCE:
        return None
    return _group(
        column.name,
        f"Rows of one of its {column.n_distinct:,} values nearly always have the same label (correlation {alike:.2f}); "
        f"those of neighbouring values, or of any, do not ({beside:.2f}).",
    )


def _agreement(column, codes):
    """Return how much more often than by chance two rows of one value have the same label, and of neighbouring values,
    and how probable the first is by chance.
    """
    rows = np.flatnonzero(~np.isnan(column.whole) & (codes >= 0))
    rows = np.random.default_rng(0).permutation(rows)  # rows of a value may be sorted by label
    rows = rows[np.argsort(column.whole[rows], kind="stable")]
    values, y = column.whole[rows], codes[rows]
    by_chance = np.sum((np.bincount(y) / len(y)) ** 2)
    are_equal, are_alike = np.diff(values) == 0, y[1:] == y[:-1]
    if by_chance == 1 or not are_equal.any():
        return 0.0, 0.0, 1.0
    within = np.mean(are_alike[are_equal])
    beside = np.mean(are_alike[~are_equal]) if column.is_numeric else by_chance
    chance = binom.sf(are_alike[are_equal].sum() - 1, are_equal.sum(), by_chance)
    return (within - by_chance) / (1 - by_chance), (beside - by_chance) / (1 - by_chance), chance


def _as_columns(columns):
    """Return columns as near copies are looked for in them."""
    kinds = ["category" if column.kind == "category" else "number" for column in columns]
    names = [column.name for column in columns]
    return Columns(names, kinds, [None] * len(names), np.zeros(len(names)), None)


def _in_single(values):
    """Return numbers less their median, in single precision."""
    middle = np.nanmedian(values) if not np.isnan(values).all() else 0.0
    with np.errstate(over="ignore", under="ignore"):
        return np.clip(values - middle, -_LARGE, _LARGE).astype(np.float32)
