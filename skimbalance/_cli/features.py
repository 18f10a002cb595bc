"""Turn the columns of a file into features, and those of another file into the same features."""

import re
from difflib import get_close_matches

from skimbalance._cli import Refusal
from skimbalance._cli.dates import dates_as_numbers, holds_dates, learn_dates

#: Most names that a message lists.
_LISTED = 50


def refuse_unknown(names, columns, file):
    """Raise for names of columns that a file does not have, and suggest similar ones."""
    for name in names:
        if name not in columns:
            lower = {column.strip().lower(): column for column in columns}
            near = [f"Did you mean {lower[one]!r}? " for one in get_close_matches(name.strip().lower(), lower, 1)]
            more = f", ... ({len(columns)} columns)" if len(columns) > _LISTED else ""
            listed = f"It has {', '.join(map(repr, columns[:_LISTED]))}{more}"
            raise Refusal(f"{file} has no column {name!r}. {''.join(near)}{listed}.")


def named(texts, columns, file):
    """Return the columns that texts such as "id,date" name; a name may hold a comma itself."""
    given = [name for text in texts for name in ([text] if text in columns else text.split(","))]
    names = [name if name in columns else name.strip() for name in given]
    refuse_unknown(names, columns, file)
    return names


def learn_features(table, categorical, expands_dates):
    """Return the features of a table, and how each follows from a column.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of features alone.
    categorical : list of str
        Columns of codes, which were read as text where the file has no types.
    expands_dates : bool
        Whether dates are replaced by numbers.

    Returns
    -------
    X : pandas.DataFrame
        Features.
    columns : list of dict
        "name" and "kind" of each column ("number", "boolean", "category", "date" or "other"), in plain values, for
        `read_features`.
    """
    columns = [_described(name, table[name], name in categorical, expands_dates) for name in table.columns]
    return read_features(table, columns), columns


def _described(name, column, is_category, expands_dates):
    """Return how features follow from one column."""
    import pandas as pd

    if expands_dates and holds_dates(name, column):
        return {"name": name, "kind": "date", **learn_dates(name, column)}
    if is_category:
        return {"name": name, "kind": "category"}
    if pd.api.types.is_bool_dtype(column.dtype):
        return {"name": name, "kind": "boolean"}
    if pd.api.types.is_numeric_dtype(column.dtype) and getattr(column.dtype, "kind", "O") in "iuf":
        return {"name": name, "kind": "number", "whole": column.dtype.kind in "iu"}
    if column.map(lambda one: isinstance(one, str)).any():
        return {"name": name, "kind": "category"}
    return {"name": name, "kind": "other"}


def read_features(table, columns):
    """Return the features of a table, as `learn_features` described them.

    Raises
    ------
    Refusal
        If a column holds values of another kind.
    """
    import pandas as pd

    parts = []
    for column in columns:
        name, values = column["name"], table[column["name"]]
        if column["kind"] == "date":
            parts.append(dates_as_numbers(name, values, column))
        elif column["kind"] == "number":
            parts.append(_as_numbers(name, values))
        elif column["kind"] == "category" and getattr(values.dtype, "kind", "O") in "iufb":
            parts.append(_as_text(values))
        else:
            parts.append(values)
    X = pd.concat(parts, axis=1)
    twins = X.columns[X.columns.duplicated()].tolist()
    if twins:
        raise Refusal(f"Parts of dates take the name {twins[0]!r}, which is that of a column; rename the column.")
    return X


def _as_numbers(name, values):
    """Return a column as numbers; refuse text."""
    import pandas as pd

    if getattr(values.dtype, "kind", "O") in "iufb":
        return values
    found = pd.to_numeric(values, errors="coerce")
    wrong = found.isna() & values.notna()
    if wrong.any():
        with_point = pd.to_numeric(values[wrong].astype(str).str.replace(",", "."), errors="coerce")
        if with_point.isna().any():  # not only numbers with another decimal sign
            wrong = wrong & with_point.isna().reindex(wrong.index, fill_value=False)
        text = str(values[wrong].iloc[0])
        is_comma = re.fullmatch(r"\s*[-+]?[\d.]*,\d+\s*", text) is not None
        advice = "pass --decimal , if it is a decimal comma" if is_comma else "correct the file"
        raise Refusal(
            f"Column {name!r} held numbers in training, and now holds {text!r} in row {values.index[wrong][0] + 1:,}; "
            f"{advice}."
        )
    return found


def _as_text(values):
    """Return a column of codes as text, whole numbers without a decimal point, missing ones as None."""
    texts = [
        None if one != one else str(int(one)) if isinstance(one, float) and one.is_integer() else str(one)
        for one in values.tolist()
    ]
    return values.__class__(texts, index=values.index, name=values.name, dtype=object)


def refuse_missing(columns, source):
    """Raise where a file lacks columns of the model."""
    missing = [column["name"] for column in columns if column["name"] not in source.names]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise Refusal(
            f"{source.file} lacks columns of the model: {', '.join(map(repr, missing[:5]))}{more}. It has "
            f"{', '.join(map(repr, source.names[:_LISTED]))}{', ...' if len(source.names) > _LISTED else ''}."
        )


def texts_of(columns, names):
    """Return the columns of a CSV to be read as text: codes such as 012, dates, and what the model does not use."""
    numbers = {column["name"] for column in columns if column["kind"] in ("number", "boolean", "other")}
    return [name for name in names if name not in numbers]
