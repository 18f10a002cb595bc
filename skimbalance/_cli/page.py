"""Write a comparison as one self-contained HTML page: what to do, why, and what it rests on."""

import datetime
import html
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skimbalance._cli.console import show
from skimbalance._cli.files import whole_file
from skimbalance._cli.model_file import versions
from skimbalance._cli.page_style import STYLE
from skimbalance._cli.pictures import figures
from skimbalance._cli.recommendation import (
    Recommendation,
    against_rival,
    asked_score,
    held_out,
    missed_floor,
    rule_of,
    sentences_of_two,
)
from skimbalance._cli.values import written
from skimbalance._cli.words import per_thousand
from skimbalance.evaluation.scores import LESS_IS_BETTER
from skimbalance.evaluation.summary import notes, sentences, table_as_html

#: Candidates of the short table, curves of a picture, and findings and columns that are not folded.
_SHOWN, _CURVES, _WARNED, _COLUMNS = 5, 3, 4, 10
#: Scores of the short table, besides the one that was asked for.
_SCORES = ("average precision", "F1", "log-loss")


@dataclass
class Asked:
    """What was asked for, and what is recommended.

    Attributes
    ----------
    task : Task
        Rows and labels.
    options : argparse.Namespace
        Options of the command line.
    chosen : Recommendation
        What is recommended.
    fitted : sequence of str
        Candidates that `train` fits.
    next_step : tuple of str
        What the next command does, and the command.
    importances : list of tuple, or str
        How important the columns are, or why that is not known; see `importances`.
    """

    task: object
    options: object
    chosen: Recommendation
    fitted: tuple
    next_step: tuple
    importances: object


def page(found, title, said=(), asked=None):
    """Return a comparison as HTML.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    title : str
        Title of the page.
    said : sequence of str
        Notes on the table.
    asked : Asked or None
        What was asked for; None leaves out what follows from it.

    Returns
    -------
    str
        The page; names of columns, files and labels are escaped.
    """
    if asked is None or not found.scores_:
        about = "".join(map(_paragraph, said))
        body = about + _candidates(found, None) + _curves(found, None)
    else:
        label = asked.chosen.label or found.ordered(asked_score(found))[0]
        body = _whole(found, label, asked)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>\n"
    )


def write_page(out, text):
    """Write a page, read it back, and return whether that was possible, after a message if not."""
    # A file's name may hold bytes that are no text, which UTF-8 refuses.
    content = text.encode("utf-8", errors="backslashreplace")
    try:
        if Path(out).exists() and not Path(out).is_file():  # such as a pipe
            Path(out).write_bytes(content)
            return True
        with whole_file(out) as draft:
            draft.write_bytes(content)
            if draft.read_bytes() != content:
                raise OSError("it holds something else than what was written")
        return True
    except OSError as error:
        problem = error.strerror or error
    show(f"{out} could not be written: {problem}.", sys.stderr)
    return False


def _whole(found, label, asked):
    """Return all sections of a page, from the conclusion to what it rests on."""
    chosen, costs = asked.chosen, asked.options.costs
    by_costs = costs is not None and chosen.decision is None
    held = held_out(found, label, asked.task, costs, by_costs)
    return (
        _top(found, label, held, asked)
        + _matrix(found, held, rule_of(found, label, chosen, costs) if found.pos_label_ is not None else "")
        + _next(found, asked)
        + _candidates(found, label)
        + _curves(found, label)
        + _columns(found, asked.importances)
        + _data(asked)
        + _settings(asked)
    )


def _top(found, label, held, asked):
    """Return the recommendation, and what a reader has to know of it."""
    said = sentences(found)[:3] if found.pos_label_ is None else sentences_of_two(held, found.pos_label_, label)
    basis = (
        f"From {held.n_rows:,} held-out rows in {len(found._splits)} folds: each was predicted by a model that had not "
        "seen it."
    )
    if asked.task.sample_weight is not None:
        basis += " Rows count by their weights."
    if len(found.scores_) > 1:
        basis += f" The best of {len(found.scores_)} candidates looks a little better than it will be on new rows."
    if asked.chosen.label is None:
        basis += " No candidate that `skimbalance train` fits has a score."
    if isinstance(asked.chosen.decision, tuple) and asked.chosen.decision[0] == "top":
        basis += f" The rule {written(asked.chosen.decision)} takes that many rows of each fold, not of all rows."
    severe = [str(one) for one in asked.task.findings if one.severity == "severe"]
    missed = missed_floor(held, asked.chosen.decision)
    more = [missed, against_rival(found, label, asked.fitted), *notes(found), basis]
    return (
        f'<section class="top"><p>{html.escape(" ".join(said))}</p></section>'
        + "".join(f'<p class="severe">Look at this first. {html.escape(one)}</p>' for one in severe)
        + "".join(map(_paragraph, filter(None, more)))
    )


def _matrix(found, held, rule):
    """Return the confusion matrix in counts per 1,000 rows, the positive label first."""
    order = np.arange(len(found.classes_))
    if found.pos_label_ is not None:
        order = order[::-1] if found.classes_.tolist()[1] == found.pos_label_ else order
    labels = [repr(label) for label in found.classes_[order].tolist()]
    least = held.matrix.sum(axis=1).min()
    rows = [
        [f"are {name}", *(per_thousand(share, least) for share in line)]
        for name, line in zip(labels, held.matrix[order][:, order], strict=True)
    ]
    head = ["of 1,000 rows", *(f"predicted {name}" for name in labels)]
    return f"<h2>What the rule does to 1,000 rows</h2>{_paragraph(rule) if rule else ''}{_table(head, rows)}"


def _next(found, asked):
    """Return what to run next."""
    options, chosen, (what, command) = asked.options, asked.chosen, asked.next_step
    decision = options.costs if chosen.decision is None else chosen.decision
    given = {"strategy": chosen.strategy, "decision": decision, "pos_label": found.pos_label_}
    given = {name: value for name, value in given.items() if value is not None} | {"random_state": options.seed}
    of_rows = {"groups": options.groups, "sample_weight": options.weights}
    more = "".join(f", {name}=table[{column!r}]" for name, column in of_rows.items() if column)
    code = (
        "from skimbalance import ImbalancedKerasClassifier\n\n"
        f"classifier = ImbalancedKerasClassifier({options.model!r}, "
        f"{', '.join(f'{name}={value!r}' for name, value in given.items())})\n"
        f"classifier.fit(X, y{more})  # X: the {asked.task.X.shape[1]} features; y: {options.target!r}"
    )
    return (
        "<h2>What to run next</h2>"
        + _paragraph(f"{what}:")
        + _code(command)
        + _paragraph("The same model in Python:")
        + _code(code)
    )


def _candidates(found, label):
    """Return the best candidates by what was asked, and all of them with all scores, folded."""
    if not found.scores_:
        return f'<h2>Candidates</h2><p>Every candidate failed.</p><div class="wide">{table_as_html(found)}</div>'
    score, shown = asked_score(found), found.short_labels()
    others = [name for name in _SCORES if name != score and name in found._names()]
    order = found.ordered(score)
    listed = order[:_SHOWN] + [one for one in order[_SHOWN:] if one == label]
    rows = [
        [
            shown[one],
            _interval(score, *found.interval(one, score)),
            *(_number(found.interval(one, name)[0]) for name in others),
            f"{found.seconds_[one]['fit']:.1f}",
        ]
        for one in listed
    ]
    head = ["candidate", f"{score} (95 % interval)", *others, "fit, s"]
    words = " ".join(sentences(found, score)) + ("" if label is not None else " ".join(["", *notes(found)]))
    if len(found.scores_) + len(found.errors_) == 1:
        head[0], words, title, every = "model", "", "Scores of held-out rows", "All scores"
    else:
        title = f"Candidates, the best {score} first"
        every = f"All {len(found.scores_) + len(found.errors_)} candidates and all scores"
    return (
        f"<h2>{title}</h2>{_table(head, rows, bold=shown.get(label))}{_paragraph(words)}"
        f"<details><summary>{every}</summary>"
        f'<div class="wide">{table_as_html(found)}</div></details>'
    )


def _curves(found, label):
    """Return pictures of the recommended candidate, the best of the others, and the best that is of another kind."""
    if not found.scores_:
        return ""
    order = found.ordered(asked_score(found))
    chosen = [] if label is None else [label]
    for one in order:  # rules that share their fits have the same curves
        same = [np.allclose(found.oof_proba_[one], found.oof_proba_[other], equal_nan=True) for other in chosen]
        if not any(same) and len(chosen) < _CURVES:
            chosen.append(one)
    return f'<h2>Pictures</h2><div class="figures">{figures(found, chosen)}</div>'


def _columns(found, importances):
    """Return how important the columns are, all but the first ones folded."""
    title = "<h2>Importance of columns</h2>"
    if isinstance(importances, str):
        return title + _paragraph(importances)
    score = "average precision" if found.pos_label_ is not None else "log-loss"
    about = (
        f"How much worse the {score} of held-out rows is where the values of one column are shuffled. Columns that say "
        "the same share their importance, and a column that helps to predict need not be a cause."
    )
    head, rows = ["column", "worse by (95 % interval)"], [[name, _drop(*of)] for name, *of in importances]
    more = len(rows) - _COLUMNS
    rest = f"<details><summary>{more} more columns</summary>{_table(head, rows[_COLUMNS:])}</details>"
    return title + _paragraph(about) + _table(head, rows[:_COLUMNS]) + (rest if more > 0 else "")


def _data(asked):
    """Return what the data are: rows, shares of labels, kinds of columns, and what the audit warns of."""
    task, options = asked.task, asked.options
    labels, counts = np.unique(task.y, return_counts=True)
    shares = ", ".join(
        f"{label!r} {count:,} ({count / len(task.y):.2%})"
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True)
    )
    kinds = Counter(column["kind"] for column in task.columns)
    rows = [
        ["rows used", f"{len(task.y):,} of {task.n_rows:,} in the file"],
        [f"labels, {options.target!r}", shares],
        ["columns", ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())],
        ["left out", ", ".join(map(repr, task.dropped)) or "no column"],
        ["groups", options.groups or "none"],
        ["weights", options.weights or "none"],
    ]
    found = [f"<li>{html.escape(str(one))}</li>" for one in task.findings]
    first, rest = "".join(found[:_WARNED]), "".join(found[_WARNED:])
    about = f"<ul>{first}</ul>" if found else "<p>The audit found nothing to warn of.</p>"
    if rest:
        about += f"<details><summary>{len(found) - _WARNED} more warnings</summary><ul>{rest}</ul></details>"
    return f"<h2>The data</h2>{_facts(rows)}{''.join(map(_paragraph, task.said))}<h3>What the audit found</h3>{about}"


def _settings(asked):
    """Return how the comparison was made, when and with what."""
    options = asked.options
    costs = "none" if options.costs is None else ", ".join(f"{name}={value:g}" for name, value in options.costs.items())
    rows = [
        ["file", Path(options.file).name],
        ["date", f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %z}"],
        ["costs of mistakes", costs],
        ["decision rule asked for", "none" if options.decision is None else written(options.decision)],
        ["network", options.model],
        ["strategies", ", ".join(getattr(options, "strategies", [asked.chosen.strategy]))],
        ["folds, seed", f"{options.folds}, {options.seed}"],
        ["versions", ", ".join(f"{name} {of}" for name, of in versions().items())],
    ]
    return f"<h2>Settings</h2>{_facts(rows)}"


def _paragraph(text):
    """Return text as a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def _code(text):
    """Return text as code."""
    return f"<pre><code>{html.escape(text)}</code></pre>"


def _facts(rows):
    """Return pairs of a name and a fact as a list."""
    return f"<dl>{''.join(f'<dt>{html.escape(name)}</dt><dd>{html.escape(of)}</dd>' for name, of in rows)}</dl>"


def _table(head, rows, bold=None):
    """Return a table, which scrolls on its own where it is wider than the page."""
    names = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(
        f"<tr{' class=chosen' if row[0] == bold else ''}>"
        f'<th scope="row">{html.escape(row[0])}</th>{"".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _number(value):
    """Return a score with three decimals."""
    return f"{value:.3f}"


def _interval(name, mean, low, high):
    """Return the mean of a score with its confidence interval, where it has one."""
    low, high = max(low, 0.0), high if name in LESS_IS_BETTER else min(high, 1.0)
    return _number(mean) if np.isnan(high) else f"{mean:.3f} ({low:.3f} to {high:.3f})"


def _drop(mean, low, high):
    """Return how much worse a score becomes, with its confidence interval, where it has one."""
    mean, low, high = (_number(round(value, 3) + 0.0) for value in (mean, low, high))  # never -0.000
    return mean if low == "nan" else f"{mean} ({low} to {high})"
