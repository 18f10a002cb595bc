"""What does text hold: dates, numbers, or a word for a missing value?"""

import re

#: Texts that stand for a missing value, in lower case.
MISSING = frozenset((
    "", "?", "??", "-", "--", ".", "unknown", "unk", "missing", "n/a", "na", "n.a.", "#n/a", "nan", "null", "nil",
    "undefined", "unspecified", "not specified", "not available", "not known", "no data", "blank", "tbd",
))  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = rf"(?P<word>{'|'.join(_MONTHS)})[a-z]*\.?"
_REST = r"([t ,]\s*\d{1,2}:\d{2}.*)?"
_DATES = [
    re.compile(pattern + _REST)
    for pattern in (
        r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
        r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})",
        r"(?P<d>\d{2})[-/.](?P<m>\d{2})[-/.](?P<y>\d{2})",
        r"(?P<y>\d{4})-(?P<m>\d{2})",
        rf"(?P<d>\d{{1,2}})[-. ]+{_MONTH}[-, ]+(?P<y>\d{{4}}|\d{{2}})",
        rf"{_MONTH}[- ]+(?P<d>\d{{1,2}}),? +(?P<y>\d{{4}})",
        rf"{_MONTH}[- ]+(?P<y>\d{{4}}|\d{{2}})",
    )
]
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([, '\u00a0\u202f]\d{3})+(\.\d+)?|[+-]?[1-9]\d{0,2}(\.\d{3}){2,}")
_UNIT = re.compile(r"^[$€£¥]\s*|\s*([$€£¥%]|eur|usd)$")


def day_of(text):
    """Return a date written as text as a number in the order of dates, or None."""
    text = str(text).strip().lower()
    for pattern in _DATES:
        found = pattern.fullmatch(text)
        if found:
            parts = found.groupdict()
            year, day = int(parts["y"]), int(parts.get("d") or 1)
            month = _MONTHS.index(parts["word"]) + 1 if "word" in parts else int(parts["m"])
            year += 2000 if year < 70 else 1900 if year < 100 else 0
            if 12 < month <= 31 and day <= 12:  # the month first
                month, day = day, month
            if 1 <= month <= 12 and 1 <= day <= 31 and 1800 <= year < 2200:
                return (year * 12 + month) * 31 + day
    return None


def is_date(text):
    """Whether text is a date."""
    return day_of(text) is not None


def is_missing(text):
    """Whether text stands for a missing value."""
    return str(text).strip().lower() in MISSING


def is_code(text):
    """Whether text is digits that begin with a zero, as postcodes do: no number."""
    return re.fullmatch(r"0\d+", str(text).strip()) is not None


def has_comma(text):
    """Whether text is a number with a decimal comma."""
    text = _bare(text)
    return _COMMA.fullmatch(text) is not None and _THOUSANDS.fullmatch(text) is None


def number_of(text, comma=False):
    """Return a number written as text, or None; `comma` reads 1,234 as a little more than one."""
    text = _bare(text)
    if _PLAIN.fullmatch(text) and not (comma and re.fullmatch(r"[+-]?\d{1,3}\.\d{3}", text)):
        return float(text)
    if _COMMA.fullmatch(text) and (comma or not _THOUSANDS.fullmatch(text)):
        return float(text.replace(".", "").replace(",", "."))
    if comma:
        text = text.replace(".", "") if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+", text) else text
        return float(text) if _PLAIN.fullmatch(text) else None
    if _THOUSANDS.fullmatch(text):
        text = re.sub(r"[, '\u00a0\u202f]", "", text)
        return float(text if text.count(".") < 2 else text.replace(".", ""))
    return None


def _bare(text):
    """Return text without blanks around it, and without the sign of a currency or of percent."""
    return _UNIT.sub("", str(text).strip().lower())
