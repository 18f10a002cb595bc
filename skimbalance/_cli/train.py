"""``skimbalance train``: fit a classifier on all rows of a table, say what it does on held-out ones, and write it."""

import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skimbalance._cli import Refusal
from skimbalance._cli.console import say, say_task, show, typed
from skimbalance._cli.files import check_page
from skimbalance._cli.model_file import check_place, name_of, results, write_model
from skimbalance._cli.recommendation import Recommendation
from skimbalance._cli.task import read_task
from skimbalance.evaluation.report.held_out import held_out
from skimbalance.evaluation.report.words import SCORES

#: What the process ends with where the page could not be written.
FAILED = 1
#: Rows from which one fold is predicted, not all.
_MANY = 50_000


def run(options):
    """Train; whatever can be refused is, before TensorFlow is imported."""
    check_place(options.out, options.file)
    if options.out_page:
        check_page(options.out_page, options.file, "--out-page")
        if Path(options.out_page).resolve() == Path(options.out).resolve():
            raise Refusal(f"--out-page={options.out_page} is the file of --out; give another name.")
    task = read_task(options)
    say_task(task, options)
    from skimbalance import ImbalancedKerasClassifier

    decision = options.costs if options.decision is None else options.decision
    classifier = ImbalancedKerasClassifier(
        options.model, strategy=options.strategy, decision=task.rule_of_fits(decision), pos_label=task.pos_label,
        random_state=options.seed,
    )  # fmt: skip
    found = _compared(classifier, task, options)
    notes = task.notes + _fit(classifier.set_params(decision=decision), task)
    about = _about(classifier, task, options, notes) | {"held_out": _held_out(found, task, options)}
    write_model(options.out, classifier.set_params(verbose=0), about, task.X)
    show("\n".join(results(about)))
    show(f"\nWritten to {options.out}. To score a new file:\n  {_next(options)}")
    if options.out_page:
        if not _write_page(found, task, options):
            return FAILED
        show(f"\nThe page is written to {options.out_page}")
    return 0


def _compared(classifier, task, options):
    """Return rows that are predicted by fits on the others, as a comparison of one candidate."""
    from skimbalance import compare_strategies

    cv = options.folds
    if len(task.y) > _MANY:
        kind = StratifiedKFold if task.groups is None else StratifiedGroupKFold
        folds = kind(cv, shuffle=True, random_state=options.seed)
        cv = [next(folds.split(task.X, task.y, task.groups))]
    found = compare_strategies(
        classifier, task.X, task.y, strategies={"model": {}}, cv=cv, pos_label=task.pos_label, costs=options.costs,
        sample_weight=task.sample_weight, groups=task.groups, audit=task.audited,
        random_state=options.seed,
    )  # fmt: skip
    if found.interrupted_:
        raise KeyboardInterrupt
    if not found.scores_:
        raise Refusal(f"The classifier cannot be fitted. {found.errors_['model']}")
    return found


def _held_out(found, task, options):
    """Return scores and counts of held-out rows in plain values."""
    scores = {name: _plain(found.interval("model", name)) for name in found.scores_["model"] if name in SCORES}
    held = held_out(found, "model", task.rule_of_fits(options.decision))
    return {"rows": held.n_rows, "folds": options.folds, "scores": scores, "counts": held.counts}


def _write_page(found, task, options):
    """Write the page, and return whether that was possible."""
    from skimbalance._cli.page import page, write_page

    chosen = Recommendation("model", options.strategy, options.decision)
    step = "To score a new file", _next(options)
    return write_page(options.out_page, page(found, task, options, chosen, step, ("model",)))


def _plain(numbers):
    """Return numbers as JSON holds them, None for NaN."""
    return [None if np.isnan(number) else float(number) for number in numbers]


def _fit(classifier, task):
    """Fit on all rows, and return what was warned of."""
    of_rows = {"sample_weight": task.sample_weight, "groups": task.groups}
    of_rows = {name: values for name, values in of_rows.items() if values is not None}
    classifier.set_params(verbose=1)
    with warnings.catch_warnings(record=True) as heard, redirect_stdout(sys.stderr):
        warnings.simplefilter("always")
        try:
            classifier.fit(task.X, task.y, **of_rows)
        except (ValueError, TypeError) as error:
            raise Refusal(f"The classifier cannot be fitted. {error}") from None
    notes = list(dict.fromkeys(str(one.message) for one in heard))
    say(notes)
    return notes


def _about(classifier, task, options, notes):
    """Return what a model is, in plain values."""
    return {
        "file": name_of(options.file), "target": options.target, "rows": task.n_rows, "labelled": task.n_labelled,
        "classes": classifier.classes_.tolist(), "prior": classifier.prior_.tolist(), "pos_label": task.pos_label,
        "columns": task.columns, "notes": notes, "model": options.model, "strategy": options.strategy,
        "seed": options.seed, "decision": classifier.decision, "costs": options.costs,
        "threshold": getattr(classifier, "threshold_", None),
    }  # fmt: skip


def _next(options):
    """Return the command that scores a file."""
    new = f"NEW{Path(options.file).suffix or '.csv'}"
    return typed(["skimbalance", "predict", options.out, new, "--out", "scored.parquet"])
