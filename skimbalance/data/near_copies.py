"""Do held-out rows have near copies among training rows, as the rows of one patient or of one second have?"""

from dataclasses import dataclass

import numpy as np

from skimbalance._warnings import warn_once

# Rows that columns are described by; rows whose neighbours are looked for; rows that may be neighbours; rows among
# which far ones are counted; pairs of rows. More would take longer than the fit of a small network.
_SAMPLE, _ASKED, _MOST_ROWS, _COUNTED, _MOST_PAIRS = 1000, 300, 50_000, 2000, 3_000_000
# Distances are measured in numbers of many values, those of most: in which two rows agree at most this often. Among
# rows that agree in flags and categories, few numbers are left to differ in, and neighbours are as near as on a curve.
_MOST_COLUMNS, _MAY_REPEAT = 16, 0.05
# Least rows and columns from which the distances of neighbours say something; near copies differ in as many columns.
_LEAST_ROWS, _LEAST_COLUMNS = 200, 3
# The first neighbour is compared with the twentieth; how it grows up to the hundredth is how it would grow without
# copies.
_NEIGHBOUR, _FAR = 20, 100
# Ratio of distances below which rows are near copies: .08 to .14 for groups of two to ten, .22 or more on 24 real
# tables. Of rows along a curve, it is as low without copies: so it must also be far below what the hundredth neighbour
# lets expect (.14 to .18 of it for groups, above a third on these tables).
_NEAR, _SHARE_OF_EXPECTED = 0.15, 0.25
# Share of near copies that agree in a column which is named, and of other rows that may agree there.
_AGREE, _MAY_AGREE = 0.9, 0.1


@dataclass(frozen=True)
class NearCopies:
    """Near copies among the rows of a table.

    Attributes
    ----------
    ratio : float
        Median, over a sample of rows, of the distance to the first neighbour divided by that to the twentieth.
    expected : float
        The same as the distance to the hundredth lets expect, if no row had copies.
    pairs : ndarray of int, shape (n_pairs, 2)
        Rows of the table, and the near copy of each.
    """

    ratio: float = 1.0
    expected: float = 1.0
    pairs: np.ndarray | None = None

    def __bool__(self):
        """Whether rows have near copies."""
        return self.ratio < min(_NEAR, _SHARE_OF_EXPECTED * self.expected)


def warn_of_near_copies(rows, columns, method="fit"):
    """Warn, once for tables of as many columns, where rows have near copies, and name columns that explain them.

    Parameters
    ----------
    rows : Rows
        Rows of the table, or of a first chunk.
    columns : Columns
        What they were read as.
    method : {"fit", "partial_fit"}
        What the caller has called: what the warning suggests differs.
    """
    found = find_near_copies(rows, columns)
    if not found:
        return
    group, time = group_column(rows, columns, found.pairs), time_column(rows, columns)
    time = None if time == group else time
    labels = "..." if group is None else f"X[{group!r}]" if isinstance(group, str) else f"X[:, {group}]"
    message = (
        "Held-out rows have near copies among training rows (the nearest row is, in the median, "
        f"{found.ratio:.2f} times as far as the twentieth), so that their scores are better than those of new rows "
        "will be, and early stopping, calibration and thresholds, which follow them, may be misled. Where rows belong "
        f"together (of one patient, device or event), call {method}(X, y, groups={labels})"
    )
    if group is not None:
        message += f", and leave that column out of X: {group!r} looks like such a group"
    if method == "fit":
        message += _on_time(time)
    warn_once(f"{message}.", f"near copies in {len(columns.names)} columns", None)


def _on_time(column):
    """Return what the warning says of rows in time; `column` looks like it, or is None."""
    message = '; where they are neighbours in time, set validation_split="last" and sort them by time'
    return message if column is None else f"{message} (column {column!r} looks like it)"


def refuse_near_copies(rows, columns, what):
    """Raise where rows have near copies: they are not independent, as a guarantee needs them; `what` is which."""
    found = find_near_copies(rows, columns)
    if found:
        raise ValueError(
            f"{what} counts independent rows, and rows have near copies (the nearest row is, in the median, "
            f"{found.ratio:.2f} times as far as the twentieth). Keep one row of each patient, device or event; pass "
            "rows that are independent to choose_decision after a fit without this rule; or, if these are, say so by "
            "groups=np.arange(len(X))."
        )


def find_near_copies(rows, columns):
    """Look for near copies in a sample of the distinct rows of a table; none of them are identical in all numbers."""
    rng, index = np.random.default_rng(0), np.sort(rows.index)
    if len(index) > _MOST_ROWS:  # neighbours in the table, as rows of a group often are
        begin = rng.integers(len(index) - _MOST_ROWS)
        index = index[begin : begin + _MOST_ROWS]
    sample = rows.X[rng.choice(index, min(len(index), _SAMPLE), replace=False)]
    scaling = _scaling(sample, np.flatnonzero(~columns.are_codes))
    if len(index) < _LEAST_ROWS or len(scaling[2]) < _LEAST_COLUMNS:
        return NearCopies()
    asked = rng.choice(len(index), min(_MOST_PAIRS // len(index), _ASKED, len(index)), replace=False)
    blocks = (index[begin : begin + 8192] for begin in range(0, len(index), 8192))
    table = np.concatenate([_scaled(rows.X, of, scaling) for of in blocks])
    nearest, first = _nearest(table, asked)
    twentieth, hundredth = _distances(table, asked, rng)
    pairs, is_known = index[np.column_stack([asked, nearest])], twentieth > 0
    if not is_known.any():
        return NearCopies()
    ratio = np.where(is_known, np.minimum(first / np.where(is_known, twentieth, 1), 1), 1)
    growth = np.log(np.median(hundredth[is_known] / twentieth[is_known]))
    expected = (np.log(2) / _NEIGHBOUR) ** (growth / np.log(_FAR / _NEIGHBOUR))
    pairs = pairs[ratio < _NEAR]
    if np.median(_n_different(rows.X, pairs, scaling[2])) < _LEAST_COLUMNS:
        return NearCopies()
    return NearCopies(float(np.median(ratio)), float(expected), pairs)


def _n_different(X, pairs, used):
    """Return in how many columns the rows of each pair differ; 0 where there are no pairs."""
    one, other = (X[of[:, None], used] for of in pairs.T)
    different = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return different.sum(axis=1) if len(pairs) else np.zeros(1)


def _scaling(sample, numbers):
    """Return middle, scale and position of the columns of numbers that distances are measured in."""
    values = [column[~np.isnan(column)].astype(np.float64) for column in sample[:, numbers].T]
    counts = [np.unique(of, return_counts=True)[1] for of in values]
    is_used = np.array([len(of) > 1 and np.sum((of / of.sum()) ** 2) <= _MAY_REPEAT for of in counts], dtype=bool)
    most = np.argsort([-len(of) for of in counts], kind="stable").astype(int)
    most = most[is_used[most]][:_MOST_COLUMNS]
    quantiles = np.array([np.quantile(values[j], (0.25, 0.5, 0.75)) for j in most]).reshape(-1, 3)
    low, middle, high = quantiles.T
    is_wide = high > low
    return middle[is_wide], (high - low)[is_wide], numbers[most][is_wide]


def _scaled(X, rows, scaling):
    """Return rows in robust units, far values drawn in and missing ones in the middle, as float32."""
    middle, spread, used = scaling
    values = np.nan_to_num((X[rows[:, None], used] - middle) / spread)
    return (values / np.sqrt(1 + (values / 3) ** 2)).astype(np.float32)


def _nearest(table, asked):
    """Return the nearest row that is not identical, and the distance to it, of some rows of a table."""
    of, best = table[asked], np.full(len(asked), np.inf, dtype=np.float32)
    nearest, size = np.zeros(len(asked), dtype=np.intp), (of**2).sum(axis=1)
    same = 1e-6 * (1 + size) - size
    for begin in range(0, len(table), 4096):
        block = table[begin : begin + 4096]
        distances = (block**2).sum(axis=1) - 2 * (of @ block.T)
        distances[distances < same[:, None]] = np.inf
        place = distances.argmin(axis=1)
        found = distances[np.arange(len(of)), place]
        better = found < best
        best[better], nearest[better] = found[better], begin + place[better]
    first = np.linalg.norm((of - table[nearest]).astype(np.float64), axis=1)
    return nearest, np.where(np.isfinite(best), first, np.inf)


def _distances(table, asked, rng):
    """Return the distances of some rows to the twentieth and the hundredth neighbour, estimated from part of all."""
    n = len(table)
    some = table[rng.permutation(n)[: max(min(n, _COUNTED), n // _NEIGHBOUR)]]
    of = table[asked]
    distances = (some**2).sum(axis=1) - 2 * (of @ some.T) + (of**2).sum(axis=1)[:, None]
    near, far = (max(round(k * len(some) / n), 1) for k in (_NEIGHBOUR, _FAR))
    distances.partition((near, far), axis=1)
    return np.sqrt(np.maximum(distances[:, [near, far]], 0)).astype(np.float64).T


def group_column(rows, columns, pairs):
    """Return the name of a column in which near copies agree and other rows do not, or None."""
    one, other = rows.X[pairs[:, 0]], rows.X[pairs[:, 1]]
    agree = np.mean(one == other, axis=0)
    by_chance = np.mean(one == np.roll(other, 1, axis=0), axis=0)
    able = np.flatnonzero((agree >= _AGREE) & (by_chance <= _MAY_AGREE))
    return columns.names[able[by_chance[able].argmin()]] if len(able) else None


def time_column(rows, columns):
    """Return the name of a column of numbers that never falls from row to row of the table, or None."""
    numbers = np.flatnonzero(~columns.are_codes)
    steps = np.diff(rows.X[:_MOST_ROWS, numbers], axis=0)
    rises = np.mean(steps > 0, axis=0) * np.all(steps >= 0, axis=0)
    return columns.names[numbers[rises.argmax()]] if rises.max(initial=0) > _MAY_AGREE else None
