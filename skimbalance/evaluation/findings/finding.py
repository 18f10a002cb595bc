"""What is one finding of an audit?"""

from dataclasses import dataclass

#: From the worst to the least.
SEVERITIES = ("severe", "warning", "note")
#: Kinds of findings, in the order in which those of one severity are listed.
KINDS = (
    "missing target", "too few positives", "leak", "row number", "identifier", "date", "groups", "near copies",
    "contradictions", "duplicates", "sorted", "drift", "numbers as text", "placeholder", "constant",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One finding of an audit.

    Attributes
    ----------
    severity : {"severe", "warning", "note"}
        "severe": held-out scores would mislead, or the classifier refuses the table; "warning": probably to be
        changed; "note": good to know.
    kind : str
        What was found: see `TableAudit`.
    column : str, int or None
        Name of the column, its position in an array, or None for the table.
    evidence : str
        What was seen, with numbers.
    advice : str
        What to do.
    """

    severity: str
    kind: str
    column: object
    evidence: str
    advice: str

    def __str__(self):
        """Return the finding in a line."""
        where = "" if self.column is None else f"column {self.column!r}, "
        return f"{self.severity}: {where}{self.kind}: {self.evidence} {self.advice}"

    @property
    def order(self):
        """Sort key: severe ones first."""
        return SEVERITIES.index(self.severity), KINDS.index(self.kind)


def listed(values, most=3):
    """Return a few values as they are written, and that there are others."""
    return ", ".join(map(repr, values[:most])) + (" and others" if len(values) > most else "")
