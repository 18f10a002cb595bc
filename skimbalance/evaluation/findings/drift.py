"""Are rows in the order of a column, and do the last ones differ from the first?"""

import numpy as np
from scipy.stats import chi2_contingency, ks_2samp

from skimbalance.evaluation.findings.finding import Finding

# Distance of two distributions from which a column counts, and from which it is a warning; chance of a column that does
# not drift among all of a table.
_FAR, _VERY_FAR, _CHANCE = 0.25, 0.5, 0.001
_LEAST_ROWS = 30
_IN_TIME = 'If rows are in time, hold out the last ones: validation_split="last", and cv=TimeSeriesSplit().'


def find_rising(column):
    """Return the finding of a column that never falls from row to row, or never rises, or None."""
    if not column.is_numeric or column.n_distinct < _LEAST_ROWS:
        return None
    steps = np.diff(column.whole[~np.isnan(column.whole)])
    if steps.min() < 0 < steps.max():
        return None
    return Finding(
        "note", "sorted", column.name, f"It never {'falls' if steps.max() > 0 else 'rises'} from row to row.", _IN_TIME
    )


def find_drift(columns, y, is_ordered, is_sorted):
    """Yield the finding of columns whose first and last third differ.

    Parameters
    ----------
    columns : list of AuditedColumn
        Columns, without those that follow the order of the rows by themselves.
    y : ndarray of int
        Class index of each drawn row, -1 without a label.
    is_ordered : bool
        Whether the target depends on the order: then rows of the most frequent class are compared.
    is_sorted : bool
        Whether rows are sorted by the target, so that their order is not that of time.
    """
    rows = np.arange(len(y))
    if is_ordered:
        rows = np.flatnonzero(y == np.bincount(y[y >= 0]).argmax())
    third = len(rows) // 3
    if third < _LEAST_ROWS:
        return
    found = []
    for column in columns:
        first, last = column.drawn[rows[:third]], column.drawn[rows[-third:]]
        distance, chance = _distance(first, last, column.kind == "category")
        if distance >= _FAR and chance * len(columns) < _CHANCE:
            found.append((distance, column.name))
    if not found:
        return
    found.sort(key=lambda one: -one[0])
    named = ", ".join(f"{name!r} ({distance:.2f})" for distance, name in found[:3])
    among = " among rows of the most frequent class" if is_ordered else ""
    which = "1 column differs" if len(found) == 1 else f"{len(found)} columns differ"
    yield Finding(
        "warning" if found[0][0] >= _VERY_FAR and not is_sorted else "note", "drift",
        found[0][1] if len(found) == 1 else None,
        f"{which} between the first and the last third of the rows{among}, by the largest difference of cumulative "
        f"shares: {named}{', ...' if len(found) > 3 else ''}.",
        _IN_TIME,
    )  # fmt: skip


def _distance(first, last, is_category):
    """Return how far two samples of a column are apart, in [0, 1], and the chance of that without drift."""
    missing = [np.isnan(of) for of in (first, last)]
    counts = np.array([[of.sum(), (~of).sum()] for of in missing])
    shares = counts[:, 0] / counts.sum(axis=1)
    distance, chance = abs(shares[0] - shares[1]), _of_table(counts)
    first, last = first[~missing[0]], last[~missing[1]]
    if min(len(first), len(last)) < _LEAST_ROWS:
        return distance, chance
    if is_category:
        codes = np.unique(np.concatenate([first, last]), return_inverse=True)[1]
        counts = np.stack(
            [np.bincount(of, minlength=codes.max() + 1) for of in (codes[: len(first)], codes[len(first) :])]
        )
        # Rare categories are one: each of them alone differs by chance.
        rare = counts.sum(axis=0) < 10
        counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
        shares = counts / counts.sum(axis=1, keepdims=True)
        other = abs(shares[0] - shares[1]).sum() / 2, _of_table(counts)
    else:
        test = ks_2samp(first, last, method="asymp")
        other = test.statistic, test.pvalue
    return max((distance, chance), other, key=lambda of: (of[1] * 1e3 < _CHANCE, of[0]))


def _of_table(counts):
    """Return the chance of counts that differ so much, by a chi-squared test."""
    counts = counts[:, counts.sum(axis=0) > 0]
    return 1.0 if counts.shape[1] < 2 else float(chi2_contingency(counts).pvalue)
