"""``skimbalance train``: fit a classifier on all rows of a table, say what it does on held-out ones, and write it."""

import shlex
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from skimbalance._cli import Refusal
from skimbalance._cli.console import say, say_task, show
from skimbalance._cli.model_file import check_place, results, write_model
from skimbalance._cli.task import read_task
from skimbalance._cli.words import counted

#: Rows from which one fold is predicted, not all.
_MANY = 50_000
_SCORES = ("average precision", "ROC AUC", "log-loss", "calibration", "Brier", "F1", "balanced accuracy", "cost")


def run(options):
    """Train; whatever can be refused is, before TensorFlow is imported."""
    check_place(options.out, options.file)
    task = read_task(options)
    say_task(task, options)
    from skimbalance import ImbalancedKerasClassifier

    decision = options.costs if options.decision is None else options.decision
    classifier = ImbalancedKerasClassifier(
        options.model, strategy=options.strategy, decision=decision, pos_label=task.pos_label,
        random_state=options.seed,
    )  # fmt: skip
    held_out = _held_out(classifier, task, options)
    notes = task.notes + _fit(classifier, task)
    about = _about(classifier, task, options, notes) | {"held_out": held_out}
    write_model(options.out, classifier.set_params(verbose=0), about, task.X)
    show("\n".join(results(about)))
    show(f"\nWritten to {options.out}. To score a new file:\n  {_next(options)}")
    return 0


def _held_out(classifier, task, options):
    """Return scores and counts of rows that are predicted by fits on the others, in plain values."""
    from skimbalance import compare_strategies

    cv = options.folds
    if len(task.y) > _MANY:
        kind = StratifiedKFold if task.groups is None else StratifiedGroupKFold
        folds = kind(cv, shuffle=True, random_state=options.seed)
        cv = [next(folds.split(task.X, task.y, task.groups))]
    found = compare_strategies(
        classifier, task.X, task.y, strategies={"model": {}}, cv=cv, pos_label=task.pos_label, costs=options.costs,
        sample_weight=task.sample_weight, groups=task.groups, random_state=options.seed,
    )  # fmt: skip
    if found.interrupted_:
        raise KeyboardInterrupt
    if not found.scores_:
        raise Refusal(f"The classifier cannot be fitted. {found.errors_['model']}")
    tested = ~np.isnan(found.oof_proba_["model"][:, 0])
    scores = {name: _plain(found.interval("model", name)) for name in found.scores_["model"] if name in _SCORES}
    counts = None
    if task.pos_label is not None:
        counts = counted(
            (task.y == task.pos_label)[tested], (found.decisions_["model"] == task.pos_label)[tested],
            None if task.sample_weight is None else task.sample_weight[tested],
            None if task.groups is None else task.groups[tested], options.costs,
        )  # fmt: skip
    return {"rows": int(tested.sum()), "folds": options.folds, "scores": scores, "counts": counts}


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
        "file": Path(options.file).name, "target": options.target, "rows": task.n_rows, "labelled": task.n_labelled,
        "classes": classifier.classes_.tolist(), "prior": classifier.prior_.tolist(), "pos_label": task.pos_label,
        "columns": task.columns, "notes": notes, "model": options.model, "strategy": options.strategy,
        "seed": options.seed, "decision": classifier.decision, "costs": options.costs,
        "threshold": getattr(classifier, "threshold_", None),
    }  # fmt: skip


def _next(options):
    """Return the command that scores a file."""
    new = f"NEW{Path(options.file).suffix or '.csv'}"
    return shlex.join(["skimbalance", "predict", options.out, new, "--out", "scored.parquet"])
