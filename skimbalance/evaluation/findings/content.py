"""What do the values of a column hold that they should not: one value, numbers as text, placeholders?"""

import numpy as np

from skimbalance.evaluation.findings.columns import are_mostly
from skimbalance.evaluation.findings.finding import Finding, listed
from skimbalance.evaluation.findings.texts import has_comma, is_code, is_missing, number_of

# Different whole numbers up to which text may be meant as categories.
_FEW_CODES = 20
# Least rows, and share of rows, of a placeholder; other values that it must be far from; how far, in their range.
_LEAST, _SHARE, _OTHERS, _FAR = 5, 0.001, 5, 2.0
_SENTINELS = {
    *(sign * (10.0**n - 1) for n in range(1, 10) for sign in (1, -1)), *(sign * 9e9 for sign in (1, -1)),
    -1, 96, 97, 98, 996, 997, 998, 32767, 65535, 2147483647, -32768, -2147483648, -88, -77, 88, 77,
}  # fmt: skip


def find_constant(column):
    """Return the finding of a column of one value, or None."""
    if column.n_distinct > 1 or (column.n_distinct == 1 and column.n_there < column.n_rows):
        return None
    what = "It has no value in any row." if not column.n_there else "It has the same value in every row."
    return Finding("note", "constant", column.name, what, "Leave it out: nothing can be learned from it.")


def find_numbers_as_text(column):
    """Return the finding of numbers that are stored as text, or None; the column is turned into numbers."""
    texts = [text for text in column.texts() if isinstance(text, str) and not is_missing(text)]
    comma = any(map(has_comma, texts))
    if not are_mostly(texts, lambda text: number_of(text, comma) is not None) or any(map(is_code, texts)):
        return None
    numbers = [number_of(text, comma) for text in texts]
    are_codes = len(texts) <= _FEW_CODES and all(one is None or one == round(one) for one in numbers)
    how = "with a decimal comma, " if comma else ""
    column.read_as("number", lambda level: None if level is None else number_of(level, comma))
    if are_codes:
        return Finding(
            "note", "numbers as text", column.name, f"It holds numbers as text, such as {listed(texts)}.",
            "If they are amounts rather than codes, turn them into numbers, for example with pandas.to_numeric.",
        )  # fmt: skip
    advice = "read the file with decimal=','" if comma else "for example with pandas.to_numeric(..., errors='coerce')"
    return Finding(
        "warning", "numbers as text", column.name,
        f"It holds numbers as text, {how}such as {listed(texts)}; each would be a category.",
        f"Turn them into numbers: {advice}.",
    )  # fmt: skip


def find_words_for_missing(column):
    """Return the finding of texts that stand for missing values, or None."""
    if column.levels is None:
        return None
    found = [i for i in column.distinct.astype(np.intp) if isinstance(column.levels[i], str)
             and is_missing(column.levels[i])]  # fmt: skip
    if not found or len(found) == column.n_distinct:
        return None
    share = column.share_of(found)
    return Finding(
        "note", "placeholder", column.name,
        f"{share:.1%} of its values are {listed([column.levels[i] for i in found])}.",
        "If that stands for a missing value, encode it as None.",
    )  # fmt: skip


def find_infinite(column):
    """Return the finding of infinite numbers, or None."""
    if not column.n_infinite:
        return None
    return Finding(
        "severe", "placeholder", column.name,
        f"{column.n_infinite:,} rows hold infinite numbers, or numbers beyond 3e38.",
        "Replace them, or encode them as NaN: the classifier refuses them.",
    )  # fmt: skip


def find_sentinels(column):
    """Return the finding of numbers such as -999 that are beyond all others, or None."""
    if column.kind != "number" or column.n_distinct <= _OTHERS:
        return None
    values, counts = column.distinct, column.counts
    enough = max(_LEAST, _SHARE * column.n_there)
    low, high = 0, len(values)
    while high - low > _OTHERS and values[high - 1] in _SENTINELS:
        high -= 1
    while high - low > _OTHERS and values[low] in _SENTINELS:
        low += 1
    is_rest = np.zeros(len(values), dtype=bool)
    is_rest[low:high] = True
    rest = values[is_rest]
    far = _FAR * (rest[-1] - rest[0])
    beyond = np.maximum(rest[0] - values, values - rest[-1])
    is_odd = ~is_rest & ((beyond > far) | ((values < 0) & (rest[0] >= 0) & (len(rest) > 2 * _OTHERS)))
    if counts[is_odd].sum() < enough:
        return None
    odd = values[is_odd]
    return Finding(
        "warning", "placeholder", column.name,
        f"{counts[is_odd].sum() / column.n_there:.1%} of its values are {', '.join(f'{one:g}' for one in odd[:3])}, "
        f"beyond the others, {rest[0]:g} to {rest[-1]:g}.",
        "If that stands for a missing value, encode it as NaN.",
    )  # fmt: skip
