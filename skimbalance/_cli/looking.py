"""Find columns that would fail in a comparison, carry no information, or reveal the target."""

import re
import shlex

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from skimbalance._cli import Refusal
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, Columns

_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?\s*")
# Rows by which columns are looked at, and the share of each label's rows that a column has to tell to be warned of.
_ROWS, _TELLS = 2_000, 0.99


def advice(names):
    """Return the option that leaves columns out, as it is typed."""
    return f"--drop {shlex.quote(','.join(names))}"


def look(table, y, target, folds):
    """Return what is to be said of the columns of a table.

    Parameters
    ----------
    table : pandas.DataFrame
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    target : str
        What these are called.
    folds : int
        Folds; the rest of the rows is trained on.

    Returns
    -------
    list of str
        Sentences.

    Raises
    ------
    Refusal
        If a column is of a kind that no strategy could be fitted with.
    """
    refused, codes, said = {}, {}, []
    for name in table.columns:
        try:
            columns, matrix = Columns.learn(table[[name]])
            codes[name] = matrix[:, 0].astype(np.float64)
            refused[name] = _problem(name, table[name], columns, codes[name], 1 - 1 / folds)
        except (TypeError, ValueError) as error:
            refused[name] = str(error)
    refused = {name: problem for name, problem in refused.items() if problem}
    if refused:
        raise Refusal(f"{' '.join(refused.values())} To leave {'it' if len(refused) == 1 else 'them'} out: "
                      f"{advice(refused)}")  # fmt: skip
    halves = _halves(y)
    for name, of in codes.items():
        if len(np.unique(of)) > 1 and _tells_all(of, y, halves):
            said.append(
                f"Column {name!r} alone tells {target!r}: if it is known only afterwards, leave it out: "
                f"{advice([name])}"
            )
    return said


def _problem(name, column, columns, codes, share):
    """Return why no strategy could be fitted with a column, or None."""
    if columns.kinds != ["category"]:
        n = int(np.isinf(codes).sum())
        return f"Column {name!r} holds infinite numbers, or numbers beyond 3e38, in {n:,} rows." if n else None
    counts = np.bincount(codes.astype(np.intp), minlength=len(columns.levels[0])) * share
    kept = np.sort(counts[counts >= FEW_ROWS])[::-1][:MOST_LEVELS].sum()
    if 2 * kept >= counts.sum():
        return None
    texts = [level for level in columns.levels[0] if level is not None]
    if np.mean([_DATE.fullmatch(str(text)) is not None for text in texts]) > 0.9:
        return (
            f"Column {name!r} holds dates as text, such as {texts[0]!r}; a network takes numbers made of them, such as "
            "a month, a weekday or days since then."
        )
    if len(counts) > MOST_LEVELS:
        return (
            f"Column {name!r} holds {len(counts):,} texts in {len(codes):,} rows, such as {texts[0]!r}: free text, or "
            "the name of a row, of which nothing can be learnt."
        )
    return None


def _tells_all(codes, y, halves):
    """Return whether a small tree on one column tells the labels of rows that it has not seen."""
    tree = DecisionTreeClassifier(max_leaf_nodes=32, class_weight="balanced", random_state=0)
    tree.fit(codes[halves[0], None], y[halves[0]])
    for half in halves:  # those that it has seen first, as most columns do not tell these either
        is_right, labels = tree.predict(codes[half, None]) == y[half], np.unique(y[half])
        if len(labels) < 2 or np.mean([is_right[y[half] == label].mean() for label in labels]) < _TELLS:
            return False
    return True


def _halves(y):
    """Return positions of the rows by which columns are looked at, in two halves with each label's share."""
    rows = draw(y, min(len(y), _ROWS))
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[draw(y[rows], len(rows) // 2)] = True
    return rows[chosen], rows[~chosen]


def draw(y, n_rows, seed=0):
    """Return positions of rows, in their order, in which each label has its share, but for a row."""
    order = np.random.default_rng(seed).permutation(len(y))
    _, codes = np.unique(y[order], return_inverse=True)
    by_label = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)
    return np.sort(order[by_label[np.argsort(place, kind="stable")[:n_rows]]])
