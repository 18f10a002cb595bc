"""``skimbalance audit``: what is wrong with a table, before a classifier is fitted on it."""

from skimbalance import audit
from skimbalance._cli import Refusal
from skimbalance._cli.console import say, show, typed
from skimbalance._cli.dates import holds_dates
from skimbalance._cli.drawing import opened_rows
from skimbalance._cli.task import count_labels, drops_auto, labels_there, open_columns


def run(options):
    """Audit a table in the order of its file, rows without a label included."""
    source, dropped, codes = open_columns(options)
    if drops_auto(options, source.names):
        raise Refusal("--drop auto leaves out what the audit finds; audit the table without it.")
    source = opened_rows(source, options.rows, 0, options.target)
    say(source.said)
    table = source.table(options.target, [*codes, *([options.groups] if options.groups else [])])
    table = table.drop(columns=dropped)
    count_labels(labels_there(table[options.target], options)[0], options)
    y, groups = table.pop(options.target), None
    if options.groups:
        groups = table.pop(options.groups).astype(str)
    if options.weights:
        table = table.drop(columns=options.weights)
    try:
        found = audit(table, y, groups=groups, cv=options.folds)
    except (TypeError, ValueError) as error:
        raise Refusal(f"{options.file} cannot be audited. {error}") from None
    show(str(found))
    words = typed(["skimbalance", "compare", options.file, "--target", options.target])
    show(f"\nTo compare strategies on it:\n  {words} --drop auto")
    if any(holds_dates(name, table[name]) for name in found.columns("date")):
        show(f"To keep dates, as numbers:\n  {words} --drop auto --dates expand")
    return 0
