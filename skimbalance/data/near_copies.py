"""Do held-out rows have near copies among training rows, as the rows of one patient or of one second have?"""

from dataclasses import dataclass

import numpy as np

from skimbalance._warnings import warn_once
from skimbalance.data.rows import mix

# Rows that columns are described by; rows whose neighbours are looked for; rows that may be neighbours; rows among
# which far ones are counted; pairs of rows. More would take longer than the fit of a small network.
_SAMPLE, _ASKED, _MOST_ROWS, _COUNTED, _MOST_PAIRS = 1000, 300, 50_000, 2000, 3_000_000
# Columns that distances are measured in: those of most different values; of categories, the first. Each of these is as
# many signs of one half as are said, so that two categories are about as far as two random numbers in robust units.
_MOST_COLUMNS, _MOST_CODES, _SIGNS = 16, 8, 3
# Least rows and columns from which the distances of neighbours say something.
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


def warn_of_near_copies(rows, columns):
    """Warn, once for tables of as many columns, where rows have near copies, and name columns that explain them."""
    found = find_near_copies(rows, columns)
    if not found:
        return
    group, time = _group_column(rows, columns, found.pairs), _time_column(rows, columns)
    labels = "..." if group is None else f"X[{group!r}]" if isinstance(group, str) else f"X[:, {group}]"
    message = (
        "Held-out rows have near copies among training rows (the nearest row is, in the median, "
        f"{found.ratio:.2f} times as far as the twentieth), so that their scores say too much of new rows, and early "
        "stopping, calibration and thresholds, which follow them, are wrong. Where rows belong together (of one "
        f"patient, device or event), call fit(X, y, groups={labels})"
    )
    if group is not None:
        message += f": column {group!r} looks like such a group"
    message += '; where they are neighbours in time, set validation_split="last" and sort them by time'
    if time is not None:
        message += f" (column {time!r} looks like it)"
    warn_once(f"{message}.", f"near copies in {len(columns.names)} columns", None)


def find_near_copies(rows, columns):
    """Look for near copies in a sample of the distinct rows of a table; None of them are identical ones."""
    rng, index = np.random.default_rng(0), np.sort(rows.index)
    if len(index) > _MOST_ROWS:  # neighbours in the table, as rows of a group often are
        begin = rng.integers(len(index) - _MOST_ROWS)
        index = index[begin : begin + _MOST_ROWS]
    sample = rows.X[rng.choice(index, min(len(index), _SAMPLE), replace=False)]
    scaling, codes = _scaling(sample, ~columns.are_codes), np.flatnonzero(columns.are_codes)[:_MOST_CODES]
    if len(index) < _LEAST_ROWS or len(scaling[2]) < _LEAST_COLUMNS:
        return NearCopies()
    asked = rng.choice(len(index), min(_MOST_PAIRS // len(index), _ASKED, len(index)), replace=False)
    blocks = (index[begin : begin + 8192] for begin in range(0, len(index), 8192))
    table = np.concatenate([np.hstack([_scaled(rows.X, of, scaling), _signs(rows.X, of, codes)]) for of in blocks])
    nearest, first = _nearest(table, asked)
    twentieth, hundredth = _distances(table, asked, rng)
    pairs, is_known = index[np.column_stack([asked, nearest])], twentieth > 0
    if not is_known.any():
        return NearCopies()
    ratio = np.where(is_known, np.minimum(first / np.where(is_known, twentieth, 1), 1), 1)
    growth = np.log(np.median(hundredth[is_known] / twentieth[is_known]))
    expected = (np.log(2) / _NEIGHBOUR) ** (growth / np.log(_FAR / _NEIGHBOUR))
    return NearCopies(float(np.median(ratio)), float(expected), pairs[ratio < _NEAR])


def _scaling(sample, is_number):
    """Return middle, scale and position of the columns that distances are measured in."""
    used = np.flatnonzero(is_number)
    n_different = np.array([len(np.unique(column)) for column in sample[:, used].T], dtype=int)
    most = np.argsort(-n_different, kind="stable")[:_MOST_COLUMNS]
    used = used[most[n_different[most] > 1]]
    values = [column[~np.isnan(column)].astype(np.float64) for column in sample[:, used].T]
    quantiles = np.array([np.quantile(of, (0, 0.25, 0.5, 0.75, 1)) for of in values if len(of)]).reshape(-1, 5)
    used, (least, low, middle, high, most) = used[[len(of) > 0 for of in values]], quantiles.T
    spread = np.where(high > low, high - low, (most - least) / 2)
    return middle[spread > 0], spread[spread > 0], used[spread > 0]


def _scaled(X, rows, scaling):
    """Return rows in robust units, far values drawn in and missing ones in the middle, as float32."""
    middle, spread, used = scaling
    values = np.nan_to_num((X[rows[:, None], used] - middle) / spread)
    return (values / np.sqrt(1 + (values / 3) ** 2)).astype(np.float32)


def _signs(X, rows, codes):
    """Return the categories of rows as signs of one half, the same for the same category, as float32."""
    keys = mix(X[rows[:, None], codes].astype(np.uint64))
    signs = np.stack([(keys >> np.uint64(bit)) & np.uint64(1) for bit in range(_SIGNS)], axis=-1)
    return signs.reshape(len(rows), -1).astype(np.float32) - np.float32(0.5)


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


def _group_column(rows, columns, pairs):
    """Return the name of a column in which near copies agree and other rows do not, or None."""
    one, other = rows.X[pairs[:, 0]], rows.X[pairs[:, 1]]
    agree = np.mean(one == other, axis=0)
    by_chance = np.mean(one == np.roll(other, 1, axis=0), axis=0)
    able = np.flatnonzero((agree >= _AGREE) & (by_chance <= _MAY_AGREE))
    return columns.names[able[by_chance[able].argmin()]] if len(able) else None


def _time_column(rows, columns):
    """Return the name of a column of numbers that never falls from row to row of the table, or None."""
    numbers = np.flatnonzero(~columns.are_codes)
    steps = np.diff(rows.X[:_MOST_ROWS, numbers], axis=0)
    rises = np.mean(steps > 0, axis=0) * np.all(steps >= 0, axis=0)
    return columns.names[numbers[rises.argmax()]] if rises.max(initial=0) > _MAY_AGREE else None
