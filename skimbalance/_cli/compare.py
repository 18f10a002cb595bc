"""``skimbalance compare``: compare strategies, and the models that others would take, on a table."""

import sys

from skimbalance._cli.console import say_task, show, typed
from skimbalance._cli.files import check_page
from skimbalance._cli.recommendation import OTHER_RULE, ours, recommend
from skimbalance._cli.task import read_task
from skimbalance._cli.values import written_costs
from skimbalance.evaluation.report.words import written

#: What the process ends with where nothing could be compared or written, and after an interruption.
FAILED, INTERRUPTED = 1, 130


def run(options):
    """Compare strategies on a table; whatever can be refused is, before TensorFlow is imported."""
    if options.out:
        check_page(options.out, options.file)
    task = read_task(options)
    say_task(task, options)
    found = _compared(task, options)
    if found is None:
        return FAILED
    is_written = not options.out or _write(found, task, options)
    show(str(found))
    if found.scores_:
        show(f"\nTo fit the best strategy on all rows:\n  {train_line(found, task, options)}")
    if options.out and is_written:
        show(f"\nWritten to {options.out}")
    if found.interrupted_:
        return INTERRUPTED
    return 0 if found.scores_ and is_written else FAILED


def _compared(task, options):
    """Return the comparison, or None where it failed as a whole, after a message."""
    from skimbalance import ImbalancedKerasClassifier, compare_strategies
    from skimbalance._cli.baselines import baselines

    strategies = {name: name for name in options.strategies}
    if options.decision is None:  # which shares the fits of "auto"
        strategies[OTHER_RULE] = {"strategy": "auto", "decision": "f1"}
    if options.baselines:
        strategies |= baselines(task.X, task.y, options.seed)
    classifier = ImbalancedKerasClassifier(
        options.model,
        pos_label=task.pos_label,
        decision=options.costs if options.decision is None else task.rule_of_fits(options.decision),
    )
    try:
        return compare_strategies(
            classifier, task.X, task.y, strategies=strategies, cv=options.folds, pos_label=task.pos_label,
            costs=options.costs, sample_weight=task.sample_weight, groups=task.groups, audit=task.audited,
            random_state=options.seed,
        )  # fmt: skip
    except Exception as error:
        show(f"The comparison failed. {type(error).__name__}: {error}", sys.stderr)
        return None


def train_line(found, task, options):
    """Return the command that fits the best strategy of a comparison on all rows."""
    chosen = recommend(found, options)
    words = ["skimbalance", "train", options.file, "--target", options.target]
    words += ["--drop", ",".join(task.dropped)] if task.dropped else []
    for value in options.categorical:
        words += ["--categorical", value]
    for name in ("sep", "encoding", "decimal", "pos_label", "groups", "weights", "dates"):
        if getattr(options, name) is not None:
            words += [f"--{name.replace('_', '-')}", getattr(options, name)]
    if options.costs is not None:
        words += ["--costs", written_costs(options.costs)]
    words += [] if chosen.decision is None else ["--decision", written(chosen.decision)]
    words += [] if chosen.strategy == "auto" else ["--strategy", chosen.strategy]
    words += [] if options.model == "realmlp" else ["--model", options.model]
    words += [] if options.folds == 5 else ["--folds", str(options.folds)]
    words += [] if options.seed == 0 else ["--seed", str(options.seed)]
    return typed([*words, "--out", "model.skb"])


def _write(found, task, options):
    """Write the page, and return whether that was possible."""
    from skimbalance._cli.page import page, write_page

    if not found.scores_:
        return write_page(options.out, page(found, task, options))
    step = "To fit the recommended model on all rows, and to write it to a file", train_line(found, task, options)
    return write_page(options.out, page(found, task, options, recommend(found, options), step, tuple(ours(options))))
