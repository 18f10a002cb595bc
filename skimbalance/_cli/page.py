"""The page of a comparison or a trained model: what the command line adds to that of Python users."""

import sys
from collections import Counter
from pathlib import Path

from skimbalance._cli.console import say, show
from skimbalance._cli.values import written_costs
from skimbalance.evaluation.report import ComparisonReport
from skimbalance.evaluation.report.held_out import asked_score, rule_of
from skimbalance.evaluation.report.importance import FOLDS, importances, why_not
from skimbalance.evaluation.report.page import About, body_of
from skimbalance.evaluation.report.report import now, shares_in_words, versions_in_words
from skimbalance.evaluation.report.words import written


def page(found, task, options, chosen=None, next_step=None, fitted=()):
    """Return the page of a comparison.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    task : Task
        Rows and labels.
    options : argparse.Namespace
        Options of the command line.
    chosen : Recommendation or None
        What is recommended; None where every candidate failed.
    next_step : tuple of str or None
        What the next command does, and the command.
    fitted : sequence of str
        Candidates that `train` fits.

    Returns
    -------
    ComparisonReport
    """
    title = f"{options.target} in {Path(options.file).name}"
    if chosen is None:
        return ComparisonReport(title, body_of(found, title, said=task.notes))
    label = chosen.label or found.ordered(asked_score(found))[0]
    about = About(
        label,
        task.rule_of_fits(chosen.decision),
        rule_of(found, label, chosen.decision),
        [next_step, ("The same model in Python", _code(found, task, options, chosen))],
        _importances(found, chosen, task, options),
        _data(task, options),
        _settings(options, chosen),
        said=task.said,
        findings=task.findings,
        fitted=fitted,
    )
    return ComparisonReport(title, body_of(found, title, about))


def write_page(out, report):
    """Write a page, and return whether that was possible, after a message if not."""
    try:
        report.write(out)
    except OSError as error:
        show(f"{out} could not be written: {error.strerror or error}.", sys.stderr)
        return False
    return True


def _importances(found, chosen, task, options):
    """Return the importance of columns, and say what it takes."""
    if chosen.label is None:
        return "It is not computed, as no candidate that `skimbalance train` fits has a score."
    if not why_not(found, chosen.label, task.X):
        n_folds = min(len(found._splits), FOLDS)
        say([f"Importance of {task.X.shape[1]} columns, for the page: one more fit for each of {n_folds} folds."])
    return importances(found, chosen.label, task.X, options.seed)


def _code(found, task, options, chosen):
    """Return the code that fits the recommended model."""
    decision = options.costs if chosen.decision is None else chosen.decision
    given = {"strategy": chosen.strategy, "decision": decision, "pos_label": found.pos_label_}
    given = {name: value for name, value in given.items() if value is not None} | {"random_state": options.seed}
    of_rows = {"groups": options.groups, "sample_weight": options.weights}
    more = "".join(f", {name}=table[{column!r}]" for name, column in of_rows.items() if column)
    return (
        "from skimbalance import ImbalancedKerasClassifier\n\n"
        f"classifier = ImbalancedKerasClassifier({options.model!r}, "
        f"{', '.join(f'{name}={value!r}' for name, value in given.items())})\n"
        f"classifier.fit(X, y{more})  # X: the {task.X.shape[1]} features; y: {options.target!r}"
    )


def _data(task, options):
    """Return what the data are: rows, shares of labels, and kinds of columns."""
    kinds = Counter(column["kind"] for column in task.columns)
    return [
        ("rows used", f"{len(task.y):,} of {task.n_rows:,} in the file"),
        (f"labels, {options.target!r}", shares_in_words(task.y)),
        ("columns", ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())),
        ("left out", ", ".join(map(repr, task.dropped)) or "no column"),
        ("groups", options.groups or "none"),
        ("weights", options.weights or "none"),
    ]


def _settings(options, chosen):
    """Return how the comparison was made, when and with what."""
    return [
        ("file", Path(options.file).name),
        ("date", now()),
        ("costs of mistakes", "none" if options.costs is None else written_costs(options.costs, ", ")),
        ("decision rule asked for", "none" if options.decision is None else written(options.decision)),
        ("network", options.model),
        ("strategies", ", ".join(getattr(options, "strategies", [chosen.strategy]))),
        ("folds, seed", f"{options.folds}, {options.seed}"),
        ("versions", versions_in_words()),
    ]
