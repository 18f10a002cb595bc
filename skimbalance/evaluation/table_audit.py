"""What is wrong with a table, before a classifier is fitted on it?"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance._html import paragraph, table
from skimbalance.data.groups import group_keys
from skimbalance.data.numeric_input import check_count
from skimbalance.data.validation import refuse_other_tables, spawn_generators
from skimbalance.evaluation.findings.columns import Samples, hash_values, read_columns
from skimbalance.evaluation.findings.content import (
    find_constant,
    find_infinite,
    find_numbers_as_text,
    find_sentinels,
    find_words_for_missing,
)
from skimbalance.evaluation.findings.copies import find_copies, find_group, find_related
from skimbalance.evaluation.findings.drift import find_drift, find_rising
from skimbalance.evaluation.findings.finding import KINDS, SEVERITIES
from skimbalance.evaluation.findings.identity import find_identity
from skimbalance.evaluation.findings.labels import find_few, find_missing, read_labels
from skimbalance.evaluation.findings.leaks import SORTED, OutOfFold, find_leaks, find_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from skimbalance._typing import ColumnLike, RandomState, TableLike
    from skimbalance.evaluation.findings.finding import Finding

_FIELDS = ("severity", "kind", "column", "evidence", "advice")
_IDENTITIES = ("row number", "identifier", "date")
_WIDTH, _CELL = 110, 24


def audit(
    X: TableLike,
    y: ColumnLike,
    *,
    groups: ColumnLike | None = None,
    cv: int | None = 5,
    random_state: RandomState | None = 0,
) -> TableAudit:
    """Look for what is wrong with a table, before a classifier is fitted on it.

    Nothing is changed or left out. A large table is read column by column, and most findings look at samples of up to
    50,000 rows: a million rows of 50 columns take less than a minute.

    Parameters
    ----------
    X : {array-like, dataframe} of shape (n_samples, n_features)
        Rows, in the order of the file.
    y : array-like of shape (n_samples,)
        Labels; some may be missing (None or NaN).
    groups : array-like of shape (n_samples,), default=None
        Groups of rows that belong together, as `fit` takes them: near copies in one group are expected.
    cv : int or None, default=5
        Number of folds that are to be made; None asks for no number of rows of a class.
    random_state : int, RandomState instance or None, default=0
        Source of the samples.

    Returns
    -------
    TableAudit
        Findings, the severe ones first; printed as a table.

    Raises
    ------
    ValueError
        If y has fewer than two classes, or holds numbers that are measured; or `cv` is not 2 or more.
    TypeError
        If X is no table, or a column holds lists or dicts.

    See Also
    --------
    compare_strategies : Says the severe findings before it fits.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance import audit
    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(500) < 0.2
    >>> X = np.column_stack([np.arange(500), rng.normal(size=500) + y, y])
    >>> for finding in audit(X, y).findings:
    ...     print(finding.severity, finding.kind, finding.column)
    severe leak 2
    warning row number 0
    """
    refuse_other_tables(X)
    if cv is not None:
        check_count(cv, "cv", least=2)
    X = X if hasattr(X, "shape") else np.array(X, dtype=object)
    n_rows = X.shape[0]
    codes, classes = read_labels(y, n_rows)
    keys_of_groups = None if groups is None else group_keys(groups, n_rows)
    samples = Samples.draw(codes, spawn_generators(random_state, 1)[0])
    found = [*find_missing(codes), *(() if cv is None else find_few(codes, classes, cv, keys_of_groups))]
    columns, hashed, about_columns = _read(X, codes, samples)
    found += about_columns
    found += _across(columns, hashed, about_columns, codes, keys_of_groups, samples)
    return TableAudit(found, n_rows, len(columns), dict(zip(classes, np.bincount(codes[codes >= 0]), strict=True)))


def find_identities(X):
    """Return the columns of a table that are a row number, an identifier or a date, and which; a part of its audit."""
    found = {}
    for column in read_columns(X):
        if find_constant(column) is None:
            find_numbers_as_text(column)  # which reads them as numbers
            one = find_identity(column)
            if one is not None:
                found[column.name] = one.kind
    return found


def _read(X, codes, samples):
    """Return the columns of a table; a hash of each row, and the columns it is of; and what is found in columns.

    Columns that differ in every row are left out of the hash.
    """
    columns, hashed, found, keys = [], [], [], np.zeros(len(codes), dtype=np.uint64)
    for position, column in enumerate(read_columns(X)):
        found += _in_column(column, codes)
        if not column.differs_in_all_rows or not _are_of(found, column, "row number", "identifier"):
            keys += hash_values(column.whole, position)
            hashed.append(column)
        column.keep(samples)
        columns.append(column)
    return columns, (keys, hashed), found


def _in_column(column, codes):
    """Return the findings of one column; text that is numbers or dates is turned into them."""
    found = [find_infinite(column), find_constant(column)]
    if found[-1] is None:
        found.append(find_words_for_missing(column))
        found.append(find_numbers_as_text(column))
        was_text = found[-1] is not None
        found.append(find_identity(column))
        if found[-1] is None:
            found += [find_sentinels(column), None if was_text else find_group(column, codes)]
        if found[-1] is None or found[-1].kind == "date":
            found.append(find_rising(column))
    return [one for one in found if one is not None]


def _are_of(found, column, *kinds):
    """Whether a column has a finding of some kinds."""
    return any(one.column == column.name and one.kind in kinds for one in found)


def _across(columns, hashed, found, codes, groups, samples):
    """Return what is found in several columns, or in rows."""
    rows, near = samples.by_class, samples.neighbours
    scorer = OutOfFold(codes[rows], None if groups is None else groups[rows])
    order, area = find_order(rows, scorer)
    about = [] if order is None else [order]
    about += find_leaks(columns, [of for of in columns if _are_of(found, of, *_IDENTITIES)], scorer)
    about += find_copies(*hashed, codes, [of.name for of in columns if of not in hashed[1]])
    content = [of for of in columns if not _are_of(found, of, "row number", "identifier", "constant")]
    about += find_related(content, codes[near], None if groups is None else groups[near])
    in_time = [of for of in content if of.kind != "date" and not _are_of(found, of, "sorted")]
    about += find_drift(in_time, codes[samples.drawn], area > 0.5, area >= SORTED)
    named = {one.column for one in found if one.kind == "groups"}
    return [one for one in about if one.kind != "groups" or one.column not in named]


class TableAudit:
    """Result of `audit`; printed as a table.

    Kinds of findings are "leak" (a column that alone gives the target away), "identifier", "row number", "sorted" (the
    target depends on the order of the rows), "date", "duplicates", "contradictions" (identical rows of different
    labels), "near copies", "groups" (a column that says which rows belong together), "constant", "numbers as text",
    "placeholder" (a number or a word that stands for a missing value), "too few positives", "drift" and "missing
    target".

    Attributes
    ----------
    findings : tuple of Finding
        Findings, each with a `severity`, `kind`, `column`, `evidence` and `advice`; the severe ones first.
    n_rows, n_columns : int
        Size of the table.
    class_counts : dict of label to int
        Labelled rows of each class.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance import audit
    >>> X, y = np.arange(120).reshape(40, 3) % 7, np.arange(40) % 4 == 0
    >>> found = audit(X, y)
    >>> found.severe
    ()
    >>> found.columns("identifier", "row number", "date")
    []
    """

    findings: tuple[Finding, ...]
    n_rows: int
    n_columns: int
    class_counts: dict[Any, int]

    def __init__(
        self, findings: Sequence[Finding], n_rows: int, n_columns: int, class_counts: Mapping[Any, int]
    ) -> None:
        self.findings = tuple(sorted(findings, key=lambda one: one.order))
        self.n_rows, self.n_columns = n_rows, n_columns
        self.class_counts = {label: int(n) for label, n in class_counts.items()}

    @property
    def severe(self) -> tuple[Finding, ...]:
        """Findings that are severe."""
        return tuple(one for one in self.findings if one.severity == "severe")

    def columns(self, *kinds: str) -> list[str | int]:
        """Return the columns that have a finding of some kinds.

        Parameters
        ----------
        *kinds : str
            Kinds, such as "identifier"; none is all.

        Returns
        -------
        list of str or int
            Names of columns, or positions in an array, each once.
        """
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a kind of finding; these are {', '.join(map(repr, KINDS))}.")
        found = [one.column for one in self.findings if one.column is not None and (not kinds or one.kind in kinds)]
        return list(dict.fromkeys(found))

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a pandas DataFrame, one row each."""
        import pandas as pd

        return pd.DataFrame([[getattr(one, field) for field in _FIELDS] for one in self.findings], columns=_FIELDS)

    def __repr__(self):
        """Return the findings as text."""
        rows = [(one.severity, one.kind, "" if one.column is None else str(one.column)) for one in self.findings]
        rows = [tuple(cell if len(cell) <= _CELL else f"{cell[: _CELL - 3]}..." for cell in row) for row in rows]
        widths = [max(map(len, of)) for of in zip(*rows, strict=True)]
        lines = [self._summary()]
        indent = sum(widths) + 6
        for row, one in zip(rows, self.findings, strict=True):
            cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            said = textwrap.wrap(one.evidence, max(_WIDTH - indent, 50))
            said += textwrap.wrap(f"-> {one.advice}", max(_WIDTH - indent, 50), subsequent_indent="   ")
            lines += ["", f"{cells}  {said[0]}", *(" " * indent + line for line in said[1:])]
        return "\n".join(lines)

    def _repr_html_(self):
        """Return the findings as HTML, for notebooks."""
        rows = [[_cell(getattr(one, field)) for field in _FIELDS] for one in self.findings]
        head = ("severity", "kind", "column", "evidence", "what to do")
        return paragraph(self._summary()) + (table(head, rows) if rows else "")

    def _summary(self):
        """Return the size of the table and the number of findings in a line."""
        counts = {severity: sum(one.severity == severity for one in self.findings) for severity in SEVERITIES}
        shown = [f"{n} {name if name == 'severe' or n == 1 else name + 's'}" for name, n in counts.items() if n]
        n_labelled = sum(self.class_counts.values())
        label, least = min(self.class_counts.items(), key=lambda of: of[1])
        size = f"{self.n_rows:,} rows, {least / n_labelled:.1%} of them {label!r}, {self.n_columns} columns"
        return f"{size}: {', '.join(shown) or 'nothing found'}."


def _cell(value):
    """Return the text of a cell."""
    return "" if value is None else str(value)
