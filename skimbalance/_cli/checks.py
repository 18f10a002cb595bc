"""Find columns that no strategy can be fitted with, and draw rows."""

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.console import typed
from skimbalance.data.reading import HoldsDates
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, Columns
from skimbalance.evaluation.findings.columns import are_mostly
from skimbalance.evaluation.findings.texts import is_date

_EXPANDED = "--dates expand turns them into numbers."


def advice(names):
    """Return the command-line option that leaves columns out."""
    return typed(["--drop", ",".join(names)])


def check_columns(table, folds):
    """Refuse a table with a column that no strategy can be fitted with.

    Parameters
    ----------
    table : pandas.DataFrame
        Features.
    folds : int
        Number of folds.

    Raises
    ------
    Refusal
        The message names all such columns, and the option that leaves them out.
    """
    refused = {}
    for name in table.columns:
        try:
            refused[name] = _problem(name, *Columns.learn(table[[name]]), 1 - 1 / folds)
        except HoldsDates:
            refused[name] = f"Column {name!r} holds dates; {_EXPANDED}"
        except (TypeError, ValueError) as error:
            refused[name] = str(error)
    refused = {name: problem for name, problem in refused.items() if problem}
    if refused:
        raise Refusal(f"{' '.join(refused.values())} To leave {'it' if len(refused) == 1 else 'them'} out: "
                      f"{advice(refused)}")  # fmt: skip


def _problem(name, columns, matrix, share):
    """Return why no strategy can be fitted with a column, or None."""
    codes = matrix[:, 0]
    if columns.kinds != ["category"]:
        n = int(np.isinf(codes).sum())
        return f"Column {name!r} holds infinite numbers, or numbers beyond 3e38, in {n:,} rows." if n else None
    counts = np.bincount(codes.astype(np.intp), minlength=len(columns.levels[0])) * share
    kept = np.sort(counts[counts >= FEW_ROWS])[::-1][:MOST_LEVELS].sum()
    if 2 * kept >= counts.sum():
        return None
    texts = [level for level in columns.levels[0] if level is not None]
    if are_mostly(texts, is_date):
        return f"Column {name!r} holds dates as text, such as {texts[0]!r}; {_EXPANDED}"
    if len(counts) > MOST_LEVELS:
        return (
            f"Column {name!r} holds {len(counts):,} texts in {len(codes):,} rows, such as {texts[0]!r}: free text or "
            "an identifier, from which nothing can be learned."
        )
    return None


def draw(y, n_rows, seed=0):
    """Return sorted positions of a stratified sample of rows."""
    order = np.random.default_rng(seed).permutation(len(y))
    _, codes = np.unique(y[order], return_inverse=True)
    by_label = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)
    return np.sort(order[by_label[np.argsort(place, kind="stable")[:n_rows]]])
