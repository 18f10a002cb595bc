"""Replace a column of dates by numbers: year, month, day, weekday, hour and the number of the day."""

import datetime
import re

from skimbalance._cli import Refusal
from skimbalance.evaluation.findings.columns import AuditedColumn
from skimbalance.evaluation.findings.identity import find_date

#: What a date is replaced by; the day number counts from 1970-01-01.
PARTS = ("year", "month", "day", "weekday", "hour", "day number")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
# How dates that the audit finds are written, with the sign between their parts; the day before the month first.
_ORDERS = (
    "%d{0}%m{0}%Y", "%m{0}%d{0}%Y", "%d{0}%m{0}%y", "%m{0}%d{0}%y", "%Y{0}%m{0}%d", "%Y{0}%m", "%d{0}%b{0}%Y",
    "%d{0}%B{0}%Y", "%d{0}%b{0}%y", "%d. %b %Y", "%d. %B %Y", "%b{0}%d, %Y", "%B{0}%d, %Y", "%b{0}%d %Y", "%B{0}%d %Y",
    "%b{0}%Y", "%B{0}%Y", "%b{0}%y",
)  # fmt: skip


def holds_dates(name, column):
    """Return whether a column of pandas holds dates, by its type or as text, as the audit finds them."""
    if getattr(column.dtype, "kind", "O") in "iufb":
        return False
    column = AuditedColumn(name, column)
    return (column.kind == "date" or column.levels is not None) and find_date(column) is not None


def learn_dates(name, column):
    """Return how dates of a column are written, and the parts that differ between its rows.

    Returns
    -------
    dict
        "format" (None where the column has a type of dates), and "parts".
    """
    texts = [one for one in column.dropna().unique() if isinstance(one, str)]
    spec = {"format": _format_of(name, texts) if texts else None, "parts": list(PARTS)}
    parts = dates_as_numbers(name, column, spec)
    spec["parts"] = [part for part in PARTS if parts[f"{name} {part}"].nunique() > 1]
    return spec


def dates_as_numbers(name, column, spec):
    """Return a frame of numbers, named such as "when weekday", in place of a column of dates."""
    import pandas as pd

    found = _read(column, spec["format"])
    wrong = found.isna() & column.notna()
    if wrong.any():
        written = "as dates" if spec["format"] is None else f"as {spec['format']}"
        raise Refusal(f"Column {name!r} holds {column[wrong].iloc[0]!r}, which cannot be read {written} as the others.")
    of = found.dt
    parts = {
        "year": of.year, "month": of.month, "day": of.day, "weekday": of.day_of_week, "hour": of.hour,
        "day number": (found - pd.Timestamp(0)) // pd.Timedelta(days=1),
    }  # fmt: skip
    return pd.DataFrame({f"{name} {part}": parts[part].astype("float64") for part in spec["parts"]})


def _read(column, written):
    """Return a column as timestamps without a time zone, NaT where one is missing or is not written so."""
    import pandas as pd

    if written is not None:
        column = column.astype(object).where(column.notna(), None).map(lambda one: one and str(one).strip())
    found = pd.to_datetime(column, format=written, errors="coerce", utc=written == "ISO8601")
    return found if found.dt.tz is None else found.dt.tz_convert("UTC").dt.tz_localize(None)


def _format_of(name, texts):
    """Return the format of dates in text, which all of them have."""
    import pandas as pd

    column = pd.Series(texts, dtype=object)
    if re.match(r"\s*\d{4}-", texts[0]) and _read(column, "ISO8601").notna().all():
        return "ISO8601"
    signs = re.search(r"\w([-/. ])", texts[0])
    orders = [order.format(signs[1] if signs else "-") for order in _ORDERS]
    fitting = {}
    for written in (order + time for order in orders for time in _TIMES):
        if _is_written_so(texts[0], written):
            found = _read(column, written)
            if found.notna().all():
                fitting[written] = found
    if not fitting:
        raise Refusal(
            f"Dates in column {name!r}, such as {texts[0]!r}, are not all written in one way, or in one that is not "
            "known; write them as 2024-12-31, or leave the column out."
        )
    first, *others = fitting
    are_german = signs is not None and signs[1] == "." and first.startswith("%d")
    if not are_german and any(not fitting[other].equals(fitting[first]) for other in others):
        raise Refusal(
            f"Dates in column {name!r}, such as {texts[0]!r}, can be read with the day or the month first; write "
            "them as 2024-12-31."
        )
    return first


def _is_written_so(text, written):
    """Return whether a text is a date of a format."""
    try:
        datetime.datetime.strptime(text.strip(), written)
    except ValueError:
        return False
    return True
