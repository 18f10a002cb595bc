"""Replace a column of dates by numbers: year, month, day, weekday, hour and the number of the day."""

import datetime
import re

import numpy as np

from skimbalance._cli import Refusal

#: What a date is replaced by; the day number counts from 1970-01-01.
PARTS = ("year", "month", "day", "weekday", "hour", "day number")
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?\s*")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f")
_ORDERS = ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y", "%d{0}%m{0}%y", "%m{0}%d{0}%y", "%Y{0}%m{0}%d")


def is_written_date(text):
    """Return whether a text is written as a date."""
    return _DATE.fullmatch(str(text)) is not None


def holds_dates(column):
    """Return whether a column of pandas holds dates, by its type or by nine in ten of its texts."""
    if getattr(column.dtype, "kind", "O") == "M" or str(column.dtype).startswith(("date", "timestamp")):
        return True
    if getattr(column.dtype, "kind", "O") not in "OU":
        return False
    first = column.dropna().iloc[:1000].tolist()
    are_dates = [isinstance(one, datetime.date) or (isinstance(one, str) and is_written_date(one)) for one in first]
    return len(are_dates) > 0 and np.mean(are_dates) > 0.9


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
    signs = re.search(r"\d([-/.])\d", texts[0])
    orders = [order.format(signs[1] if signs else "-") for order in _ORDERS]
    fitting = {}
    for written in (order + time for order in orders for time in _TIMES):
        if _is_written_so(texts[0], written):
            found = _read(column, written)
            if found.notna().all():
                fitting[written] = found
    if not fitting:
        raise Refusal(
            f"Dates in column {name!r}, such as {texts[0]!r}, are not all written in one way; write them as "
            "2024-12-31, or leave the column out."
        )
    day_first, *others = fitting
    if others and (signs[1] != "." or not day_first.startswith("%d")) and not fitting[others[0]].equals(
        fitting[day_first]
    ):  # fmt: skip
        raise Refusal(
            f"Dates in column {name!r}, such as {texts[0]!r}, can be read with the day or the month first; write "
            "them as 2024-12-31."
        )
    return day_first


def _is_written_so(text, written):
    """Return whether a text is a date of a format."""
    try:
        datetime.datetime.strptime(text.strip(), written)
    except ValueError:
        return False
    return True
