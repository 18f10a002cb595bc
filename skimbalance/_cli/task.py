"""Choose the labels, rows and columns of a table to fit classifiers on, and check them."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from skimbalance import audit
from skimbalance._cli import Refusal
from skimbalance._cli.checks import check_columns, draw
from skimbalance._cli.dates import holds_dates
from skimbalance._cli.drawing import opened_rows
from skimbalance._cli.features import learn_features, named, refuse_unknown
from skimbalance._cli.reading import open_table
from skimbalance.evaluation.report.held_out import is_number_of_rows
from skimbalance.evaluation.table_audit import find_identities

# Most labels that are compared.
_MOST_LABELS = 20


@dataclass
class Task:
    """Rows and labels to fit classifiers on.

    Attributes
    ----------
    X : pandas.DataFrame
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    pos_label : label or None
        Positive label of two.
    said : list of str
        Notes for the user on the table.
    sample_weight, groups : ndarray of shape (n_rows,) or None
        Weights and groups of the rows.
    columns : list of dict
        How features follow from the columns of a file; see `learn_features`.
    dropped : list of str
        Columns that are left out, those of ``--drop auto`` included.
    n_rows : int
        Rows of the file, those without a label included.
    n_labelled : int
        Rows of the file with a label.
    audited : TableAudit or None
        What is wrong with the features; see `skimbalance.audit`.
    """

    X: object
    y: np.ndarray
    pos_label: object
    said: list
    sample_weight: np.ndarray | None = None
    groups: np.ndarray | None = None
    columns: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    n_rows: int = 0
    n_labelled: int = 0
    audited: object = None

    @property
    def findings(self):
        """What the audit warns of, the severe ones first."""
        return [] if self.audited is None else [one for one in self.audited.findings if one.severity != "note"]

    def rule_of_fits(self, rule):
        """Return the rule of fits on parts of the rows: a budget of the whole file is a share of these."""
        return ("top", rule[1] / self.n_rows) if is_number_of_rows(rule) else rule

    @property
    def notes(self):
        """Notes for the user, the findings of the audit included."""
        return [*self.said, *map(str, self.findings)]


def read_task(options):
    """Read a file, and choose the rows, labels and columns to fit classifiers on.

    Parameters
    ----------
    options : argparse.Namespace
        Options of the command line.

    Returns
    -------
    Task

    Raises
    ------
    Refusal
        If the file cannot be read, or classifiers cannot be fitted on it.
    """
    source, dropped, codes = open_columns(options)
    takes_top = isinstance(options.decision, tuple) and options.decision[0] == "top"  # of rows, whatever their weights
    by_label = not takes_top and getattr(options, "strategy", None) != "smote"
    source = opened_rows(source, options.rows, options.seed, options.target, by_label)
    table = source.table(options.target, [*codes, *([options.groups] if options.groups else [])])
    n_rows = getattr(source, "n_rows", None) or len(table)
    table, of_rows, y, said = _labelled(table.drop(columns=dropped), options, source)
    classes, counts = count_labels(y, options)
    pos_label, most = _positive(classes, counts, options), options.rows
    n_labelled = getattr(source, "n_labelled", None) or len(y)
    if most and len(y) > most:
        said.append(f"{most:,} of {len(y):,} rows are drawn (--rows).")
        rows = draw(y, most)
        table, y = table.iloc[rows].reset_index(drop=True), y[rows]
        of_rows = {name: values[rows] for name, values in of_rows.items()}
        counts = np.array([(y == label).sum() for label in classes])
    _refuse_few(classes, counts, options)
    if drops_auto(options, source.names):
        found = _of_identity(table, options)
        said.append(_left_out(found))
        dropped = [*dropped, *found]
        table = table.drop(columns=list(found))
    X, columns = learn_features(table, codes, options.dates == "expand")
    check_columns(X, options.folds)
    about = {"columns": columns, "dropped": dropped, "n_rows": n_rows, "n_labelled": n_labelled}
    said += _of_budget(getattr(options, "decision", None), n_rows)
    audited = _audited(X, y, of_rows.get("groups"))
    return Task(X, y, pos_label, source.said + said, audited=audited, **about, **of_rows)


def open_columns(options):
    """Return a file, the columns to leave out, and those of codes; refuse names that do not fit it."""
    source = open_table(options.file, options.sep, options.encoding, options.decimal)
    columns, others = list(source.names), [name for name in (options.groups, options.weights) if name]
    refuse_unknown([options.target, *others], columns, options.file)
    dropped, codes = _dropped(options, columns), named(options.categorical, columns, options.file)
    _refuse_two_uses(options, dropped, codes)
    if not set(columns) - {options.target, *others, *dropped}:
        raise Refusal(f"{options.file} has no column besides the target {options.target!r}.")
    return source, dropped, codes


def drops_auto(options, columns):
    """Return whether identifiers and dates are to be left out as the audit finds them."""
    return "auto" not in columns and any("auto" in _words(text, columns) for text in options.drop)


def _words(text, columns):
    """Return the words of an option that names columns."""
    return [text] if text in columns else [word.strip() for word in text.split(",")]


def _dropped(options, columns):
    """Return the columns that --drop names."""
    if not drops_auto(options, columns):
        return named(options.drop, columns, options.file)
    texts = [",".join(word for word in _words(text, columns) if word != "auto") for text in options.drop]
    return named(filter(None, texts), columns, options.file)


def _of_budget(rule, n_rows):
    """Return notes on a budget in rows; refuse one of all rows of the file."""
    if not is_number_of_rows(rule):
        return []
    n, share = rule[1], rule[1] / n_rows
    if share >= 1:
        raise Refusal(
            f"--decision top={n} takes {n:,} rows of a file, and this one has {n_rows:,}: every row. Give fewer, or "
            "the share that it is of the files to be scored, such as top=0.01."
        )
    return [f"The rule top={n} takes {n:,} of the {n_rows:,} rows of the file, {share:.2%}: held-out rows likewise."]


def _of_identity(table, options):
    """Return the identifiers, row numbers and dates of a table, and which of these each is."""
    found = find_identities(table)
    if options.dates == "expand":
        found = {name: kind for name, kind in found.items() if not (kind == "date" and holds_dates(name, table[name]))}
    if len(found) == table.shape[1]:
        raise Refusal(f"--drop auto would leave no column of {options.file}: all are identifiers or dates.")
    return found


def _audited(X, y, groups):
    """Return the audit of a table."""
    try:
        return audit(X, y, groups=groups, cv=None)
    except (TypeError, ValueError) as error:  # such as labels that are measured numbers
        raise Refusal(f"No classifier can be fitted: {error}") from None


def _left_out(found):
    """Return a note on the columns that the audit leaves out."""
    if not found:
        return "--drop auto leaves out no column: no identifier and no date is found."
    return f"Left out by --drop auto: {', '.join(f'{name!r} ({kind})' for name, kind in found.items())}."


def _refuse_two_uses(options, dropped, codes):
    """Raise where a column is asked to be two things at once."""
    uses = {
        "--target": [options.target], "--groups": [options.groups], "--weights": [options.weights],
        "--categorical": codes,
    }  # fmt: skip
    if options.target in dropped:
        raise Refusal(f"--drop names {options.target!r}, which is the target.")
    seen = dict.fromkeys(dropped, "--drop")
    for option, names in uses.items():
        for name in filter(None, names):
            if seen.setdefault(name, option) != option:
                raise Refusal(f"{seen[name]} and {option} both name {name!r}; a column has one use.")


def _labelled(table, options, source):
    """Return the features of the rows with a label, what else there is of each row, labels, and notes."""
    labels, there = labels_there(table.pop(options.target), options)
    of_rows, said, n_rows = {}, [], getattr(source, "n_rows", len(there))
    n_missing = n_rows - getattr(source, "n_labelled", int(there.sum()))
    if n_missing:
        said.append(f"{n_missing:,} of {n_rows:,} rows have no {options.target!r} and are left out.")
    if options.groups:
        of_rows["groups"] = _groups(table.pop(options.groups)[there], options.groups)
    weights = getattr(source, "weights", None)
    if weights is not None:
        of_rows["sample_weight"] = weights[there]
    if options.weights:
        found = weights_of(table.pop(options.weights)[there], options.weights)
        of_rows["sample_weight"] = found * of_rows.get("sample_weight", 1.0)
    return table[there].reset_index(drop=True), of_rows, labels, said


def _groups(column, name):
    """Return the group of each row."""
    n_missing = int(column.isna().sum())
    if n_missing:
        raise Refusal(f"{n_missing:,} rows have no {name!r}, by which rows are grouped; give each row its group.")
    return np.unique(column.astype(str).to_numpy(dtype=object), return_inverse=True)[1]


def weights_of(column, name):
    """Return the weight of each row."""
    import pandas as pd

    found = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise Refusal(f"Column {name!r} holds {str(column[wrong].iloc[0])!r}; weights are finite numbers of 0 or more.")
    return found


def labels_there(column, options):
    """Return the labels of the rows that have one, and a mask of these rows."""
    there = column.notna().to_numpy(dtype=bool)
    labels = column[there].astype(object).tolist()
    return of_one_type([_plain(label) for label in labels], options.target), there


def _plain(value):
    """Return a NumPy scalar as a Python one."""
    return value.item() if isinstance(value, np.generic) else value


def of_one_type(labels, target):
    """Return labels as an array; raise for values that are not labels, or of several types."""
    for kind in (str, bool, Real):
        if all(isinstance(label, kind) and isinstance(label, bool) == (kind is bool) for label in labels):
            return np.array(labels, dtype=object if kind is str else None)
    odd = next((one for one in labels if not isinstance(one, str | bool | Real)), None)
    problem = "labels of several types" if odd is None else f"values such as {odd!r:.80}"
    raise Refusal(f"Column {target!r} has {problem}; labels must be all text, all numbers or all booleans.")


def count_labels(y, options):
    """Return the labels and how many rows have each; refuse a target that is none."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        raise Refusal(f"Column {options.target!r} has only the label {classes.tolist()[0]!r}; it takes 2 to 20 labels.")
    if len(classes) > _MOST_LABELS or not len(classes):
        hint = ""
        if len(classes) and y.dtype.kind in "if":
            hint = " It holds numbers: cut them into classes first, such as above and below a limit."
        raise Refusal(f"Column {options.target!r} holds {len(classes):,} labels; it takes 2 to {_MOST_LABELS}.{hint}")
    if len(classes) > 2:
        _refuse_rules_of_two(classes, options)
    return classes, counts


def _refuse_rules_of_two(classes, options):
    """Raise for options that are for two labels."""
    if getattr(options, "costs", None) is not None:
        raise Refusal(f"--costs takes costs of two labels, but {options.target!r} has {listed(classes)}.")
    if getattr(options, "decision", None) not in (None, "f1", "accuracy", "balanced_accuracy"):
        raise Refusal(f"--decision is a rule for two labels, but {options.target!r} has {listed(classes)}.")
    if "asymmetric_focal" in getattr(options, "strategies", [getattr(options, "strategy", None)]):
        raise Refusal(f"asymmetric_focal is a strategy for two labels, but {options.target!r} has {listed(classes)}.")


def _positive(classes, counts, options):
    """Return the positive label of two, by default the rarer one."""
    labels = classes.tolist()
    if options.pos_label is None:
        return labels[int(counts.argmin())] if len(labels) == 2 else None
    if len(labels) > 2:
        raise Refusal(f"--pos-label is the positive of two labels, but {options.target!r} has {listed(classes)}.")
    for label in labels:
        if is_written(label, options.pos_label):
            return label
    raise Refusal(f"No row has the label {options.pos_label!r}; the labels are {listed(classes)}.")


def is_written(label, text):
    """Return whether a text stands for a label."""
    if str(label) == text or (isinstance(label, bool) and str(label).lower() == text.lower()):
        return True
    try:
        return not isinstance(label, str | bool) and float(text) == label
    except ValueError:
        return False


def _refuse_few(classes, counts, options):
    """Raise if there are too few rows of a label for every fold."""
    few = [f"{label!r} ({n})" for label, n in zip(classes.tolist(), counts.tolist(), strict=True) if n < options.folds]
    if few:
        raise Refusal(
            f"{options.folds} folds need {options.folds} rows of each label, but there are too few of "
            f"{', '.join(few)}: set fewer --folds, or use more rows."
        )


def listed(classes):
    """Return labels as a list in words."""
    return ", ".join(map(repr, classes.tolist()))
