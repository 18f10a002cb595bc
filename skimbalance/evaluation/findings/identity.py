"""Which columns say which row it is, and when: row numbers, identifiers, dates?"""

import numpy as np
from scipy.stats import kstest

from skimbalance.data.table import FEW_ROWS, MOST_LEVELS
from skimbalance.evaluation.findings.columns import are_mostly, is_named_as_one
from skimbalance.evaluation.findings.finding import Finding, listed
from skimbalance.evaluation.findings.texts import day_of, is_date

# Rows from which values that never repeat say something.
_LEAST = 20
# Coincidences that numbers drawn at random would have had, from which it says something that there are none.
_COINCIDENCES = 20
_NAMES = {"key", "pk", "nr", "no", "number", "index", "idx", "rownum", "rowid"}
# 1990 and 2040 in seconds since 1970.
_EPOCH = (631_152_000, 2_208_988_800)
_DROP = "Leave it out: new rows will have other values."


def find_identity(column):
    """Return the finding of a column that is a date, a row number or an identifier, or None.

    Dates as text are turned into numbers in the order of dates.
    """
    if column.kind == "date" or column.levels is not None:
        return find_date(column) or _text(column)
    if not column.holds_whole_numbers or column.n_there < 10:
        return None
    return _number_of_date(column) or _row_number(column) or _identifier(column)


def find_date(column):
    """Return the finding of a column of dates, by its type or as text, or None."""
    spread = "Spread it into numbers (month, weekday, days since a date), for example with skrub.DatetimeEncoder, or "
    if column.kind == "date":
        return Finding(
            "severe", "date", column.name, f"It holds dates or times, {column.n_distinct:,} different ones.",
            f"{spread}leave it out: the classifier refuses it.",
        )  # fmt: skip
    texts = [text for text in column.texts() if text is not None]
    if not are_mostly(texts, is_date):
        return None
    refused = _is_refused(column)
    column.read_as("date", day_of)
    return Finding(
        "severe" if refused else "warning", "date", column.name, f"It holds dates as text, such as {listed(texts, 2)}.",
        f"{spread}leave it out{': the classifier refuses it' if refused else ''}.",
    )  # fmt: skip


def _number_of_date(column):
    """Return the finding of whole numbers that are dates: 20240131, or seconds since 1970."""
    low, high = column.distinct[0], column.distinct[-1]
    if column.n_distinct < _LEAST or low <= 0 or is_named_as_one(column.name):
        return None
    what = None
    if 19_000_101 <= low <= high <= 21_001_231:
        month, day = column.distinct // 100 % 100, column.distinct % 100
        if np.all((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)):
            what = "a year, a month and a day in one number"
    for unit, factor in (("seconds", 1), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)):
        # Numbers that follow each other closely are rather those of rows or customers.
        if _EPOCH[0] * factor <= low <= high <= _EPOCH[1] * factor and high - low > 2 * factor * column.n_distinct:
            what = f"{unit} since 1970"
    if what is None:
        return None
    return Finding(
        "warning", "date", column.name, f"It looks like {what}, such as {low:.0f}.",
        "If it is a date, spread it into month, weekday or days since a date, or leave it out.",
    )  # fmt: skip


def _row_number(column):
    """Return the finding of whole numbers that rise, or fall, from each row to the next."""
    values = column.whole[~np.isnan(column.whole)]
    steps = np.diff(values)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        return None
    how = f"by {abs(steps[0]):.0f}" if np.all(steps == steps[0]) else "unevenly"
    return Finding(
        "warning", "row number", column.name,
        f"It {'rises' if steps[0] > 0 else 'falls'} {how} from each row to the next.", _DROP,
    )  # fmt: skip


def _identifier(column):
    """Return the finding of whole numbers that never repeat, although numbers at random would."""
    if column.n_there < _LEAST or not column.differs_in_all_rows:
        return None
    values, n = column.distinct, column.n_distinct
    if not (is_named_as_one(column.name, _NAMES) or _without_repeats(column) or _are_spread_evenly(values)):
        return None
    seldom = "never" if n == column.n_there else "hardly ever"
    return Finding(
        "warning", "identifier", column.name,
        f"Its {n:,} whole numbers, {values[0]:.0f} to {values[-1]:.0f}, {seldom} repeat.", _DROP,
    )  # fmt: skip


def _without_repeats(column):
    """Whether values repeat far less often than if each row drew its own from their distribution."""
    values = column.distinct
    edges = values[np.linspace(0, len(values) - 1, min(50, len(values) // 10) + 1).astype(int)]
    expected = np.sum((len(values) / (len(edges) - 1)) ** 2 / (2 * np.diff(edges)))
    repeats = column.n_there - column.n_distinct
    return expected >= _COINCIDENCES and repeats < expected / 10


def _are_spread_evenly(values):
    """Whether numbers of many digits are spread evenly over their range, as no measurement is."""
    width = values[-1] - values[0]
    return len(values) >= 100 and width >= 1e5 and kstest((values - values[0]) / width, "uniform").pvalue > 0.05


def _text(column):
    """Return the finding of texts that differ in nearly every row, or are too many for a fit."""
    texts = [text for text in column.texts() if isinstance(text, str)]
    if column.n_there < _LEAST or not texts:
        return None
    refused = _is_refused(column)
    if not refused and not column.differs_in_all_rows:
        return None
    evidence = f"It holds {column.n_distinct:,} different texts in {column.n_there:,} rows, such as {listed(texts, 2)}"
    advice = f"Leave it out{', as the classifier refuses it' if refused else ''}"
    if not column.differs_in_all_rows:
        evidence += f"; the {MOST_LEVELS} most frequent cover fewer than half of the rows"
        advice += "; or, if the rows of one value belong together, pass it as groups; or encode it first, for example "
        advice += "with sklearn.preprocessing.TargetEncoder"
    elif np.mean([len(text.split()) > 3 for text in texts]) > 0.5:
        evidence += ": free text"
        advice += "; or encode it first, for example with skrub.TableVectorizer"
    return Finding("severe" if refused else "warning", "identifier", column.name, f"{evidence}.", f"{advice}.")


def _is_refused(column):
    """Whether the classifier refuses a column of text: its frequent categories cover fewer than half of the rows."""
    kept = np.sort(column.counts[column.counts >= FEW_ROWS])[::-1][:MOST_LEVELS].sum()
    return column.n_distinct > MOST_LEVELS and 2 * kept < column.n_there
