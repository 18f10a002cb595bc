"""Find columns that would fail in a comparison, carry no information, or reveal the target."""

import shlex

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from skimbalance._cli import Refusal
from skimbalance._cli.dates import holds_dates, is_written_date
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, Columns

# Rows on which columns are checked, and the recall of each label from which a column is reported as revealing them.
_ROWS, _TELLS = 2_000, 0.99
_EXPANDED = "--dates expand turns them into numbers."


def advice(names):
    """Return the command-line option that leaves columns out."""
    return f"--drop {shlex.quote(','.join(names))}"


def check_columns(table, y, target, folds):
    """Check the columns of a table, and return warnings about them.

    Parameters
    ----------
    table : pandas.DataFrame
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    target : str
        Name of the target column.
    folds : int
        Number of folds.

    Returns
    -------
    list of str
        Sentences.

    Raises
    ------
    Refusal
        If no strategy can be fitted with a column.
    """
    refused, codes, said = {}, {}, []
    for name in table.columns:
        try:
            columns, matrix = Columns.learn(table[[name]])
            codes[name] = matrix[:, 0].astype(np.float64)
            refused[name] = _problem(name, table[name], columns, codes[name], 1 - 1 / folds)
        except (TypeError, ValueError) as error:
            is_date = holds_dates(table[name])
            refused[name] = f"Column {name!r} holds dates; {_EXPANDED}" if is_date else str(error)
    refused = {name: problem for name, problem in refused.items() if problem}
    if refused:
        raise Refusal(f"{' '.join(refused.values())} To leave {'it' if len(refused) == 1 else 'them'} out: "
                      f"{advice(refused)}")  # fmt: skip
    halves = _halves(y)
    for name, of in codes.items():
        if len(np.unique(of)) > 1 and _tells_all(of, y, halves):
            said.append(
                f"Column {name!r} alone predicts {target!r}: if it is known only after the target, leave it out: "
                f"{advice([name])}"
            )
    return said


def _problem(name, column, columns, codes, share):
    """Return why no strategy can be fitted with a column, or None."""
    if columns.kinds != ["category"]:
        n = int(np.isinf(codes).sum())
        return f"Column {name!r} holds infinite numbers, or numbers beyond 3e38, in {n:,} rows." if n else None
    counts = np.bincount(codes.astype(np.intp), minlength=len(columns.levels[0])) * share
    kept = np.sort(counts[counts >= FEW_ROWS])[::-1][:MOST_LEVELS].sum()
    if 2 * kept >= counts.sum():
        return None
    texts = [level for level in columns.levels[0] if level is not None]
    if np.mean([is_written_date(text) for text in texts]) > 0.9:
        return f"Column {name!r} holds dates as text, such as {texts[0]!r}; {_EXPANDED}"
    if len(counts) > MOST_LEVELS:
        return (
            f"Column {name!r} holds {len(counts):,} texts in {len(codes):,} rows, such as {texts[0]!r}: free text or "
            "an identifier, from which nothing can be learned."
        )
    return None


def _tells_all(codes, y, halves):
    """Return whether a small tree on one column predicts the labels of held-out rows."""
    tree = DecisionTreeClassifier(max_leaf_nodes=32, class_weight="balanced", random_state=0)
    tree.fit(codes[halves[0], None], y[halves[0]])
    for half in halves:  # training rows first, as most columns do not predict even these
        is_right, labels = tree.predict(codes[half, None]) == y[half], np.unique(y[half])
        if len(labels) < 2 or np.mean([is_right[y[half] == label].mean() for label in labels]) < _TELLS:
            return False
    return True


def _halves(y):
    """Return positions of the rows on which columns are checked, in two halves stratified by label."""
    rows = draw(y, min(len(y), _ROWS))
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[draw(y[rows], len(rows) // 2)] = True
    return rows[chosen], rows[~chosen]


def draw(y, n_rows, seed=0):
    """Return sorted positions of a stratified sample of rows."""
    order = np.random.default_rng(seed).permutation(len(y))
    _, codes = np.unique(y[order], return_inverse=True)
    by_label = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)
    return np.sort(order[by_label[np.argsort(place, kind="stable")[:n_rows]]])
