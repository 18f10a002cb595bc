"""Write a comparison as HTML: what to do, why, and what it rests on."""

import html
from dataclasses import dataclass

import numpy as np

from skimbalance._html import paragraph
from skimbalance.evaluation.report.held_out import (
    against_rival,
    asked_score,
    held_out,
    missed_floor,
    sentences_of_two,
)
from skimbalance.evaluation.report.pictures import figures
from skimbalance.evaluation.report.style import PAGE, STYLE
from skimbalance.evaluation.report.words import interval_in_words, per_thousand
from skimbalance.evaluation.summary import notes, sentences, table_as_html

#: Candidates of the short table, curves of a picture, and findings and columns that are not folded.
_SHOWN, _CURVES, _WARNED, _COLUMNS = 5, 3, 4, 10
#: Scores of the short table, besides the one that was asked for.
_SCORES = ("average precision", "F1", "log-loss")


@dataclass
class About:
    """What a page says of a candidate, beside the comparison itself.

    Attributes
    ----------
    label : str
        Candidate.
    rule : str, tuple, float, dict or None
        Its decision; see `held_out`.
    rule_in_words : str
        The same as a sentence; empty says nothing.
    next_steps : list of tuple of str
        What to do next, and the command or code for it.
    importances : list of tuple, or str
        How important the columns are, or why that is not known; see `importances`.
    data, settings : list of tuple of str
        Names and facts.
    said : sequence of str
        Notes on the table.
    findings : sequence of Finding or None
        What the audit found; None where there was none.
    fitted : sequence of str or None
        Candidates that `skimbalance train` fits, of which `label` is the best if it is one of them; None are all.
    """

    label: str
    rule: object
    rule_in_words: str
    next_steps: list
    importances: object
    data: list
    settings: list
    said: tuple = ()
    findings: tuple | None = None
    fitted: tuple | None = None


def body_of(found, title, about=None, said=()):
    """Return a comparison as HTML, without the head of a page.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    title : str
        Title.
    about : About or None
        The candidate to write of; None where every candidate failed.
    said : sequence of str
        Notes on the table, where there is no candidate.

    Returns
    -------
    str
        Names of columns, files and labels are escaped.
    """
    body = "".join(map(paragraph, said)) + _candidates(found, None) if about is None else _whole(found, about)
    return (
        f'<div class="skimbalance-report"><style>{STYLE}</style><main><h1>{html.escape(title)}</h1>{body}</main></div>'
    )


def page_of(title, body):
    """Return a page with a body."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{PAGE}</style></head>'
        f"<body>{body}</body></html>\n"
    )


def _whole(found, about):
    """Return all sections, from the conclusion to what it rests on."""
    held = held_out(found, about.label, about.rule)
    steps = "".join(paragraph(f"{what}:") + _code(code) for what, code in about.next_steps)
    return (
        _top(found, held, about)
        + _matrix(found, held, about.rule_in_words)
        + (f"<h2>What to run next</h2>{steps}" if steps else "")
        + _candidates(found, about.label)
        + _curves(found, about.label)
        + _columns(found, about.importances)
        + _data(about)
        + f"<h2>Settings</h2>{_facts(about.settings)}"
    )


def _top(found, held, about):
    """Return the recommendation, and what a reader has to know of it."""
    label, is_two = about.label, found.pos_label_ is not None
    said = sentences_of_two(held, found.pos_label_, label) if is_two else sentences(found)[:3]
    basis = (
        f"From {held.n_rows:,} held-out rows in {len(found._splits)} folds: each was predicted by a model that had not "
        "seen it."
    )
    if found._weight is not None:
        basis += " Rows count by their weights."
    if len(found.scores_) > 1:
        basis += f" The best of {len(found.scores_)} candidates looks a little better than it will be on new rows."
    rival = None
    if about.fitted is not None:
        rival = against_rival(found, label, about.fitted)
        if label not in about.fitted:
            basis += " No candidate that `skimbalance train` fits has a score."
    severe = [str(one) for one in about.findings or () if one.severity == "severe"]
    more = [missed_floor(held, about.rule), rival, *notes(found), basis]
    return (
        f'<section class="top"><p>{html.escape(" ".join(said))}</p></section>'
        + "".join(f'<p class="severe">Look at this first. {html.escape(one)}</p>' for one in severe)
        + "".join(map(paragraph, filter(None, more)))
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
    return f"<h2>What the rule does to 1,000 rows</h2>{paragraph(rule) if rule else ''}{_table(head, rows)}"


def _candidates(found, label):
    """Return the best candidates by what was asked, and all of them with all scores, folded."""
    if not found.scores_:
        return f'<h2>Candidates</h2><p>Every candidate failed.</p><div class="wide">{table_as_html(found)}</div>'
    score, shown = asked_score(found), found.short_labels()
    others = [name for name in _SCORES if name != score and name in found._names()]
    order = found.ordered(score)
    has_gains = found.costs_ is not None and bool((found.costs_ < 0).any())
    listed = order[:_SHOWN] + [one for one in order[_SHOWN:] if one == label]
    rows = [
        [
            shown[one],
            _interval(score, *found.interval(one, score), has_gains),
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
        f"<h2>{title}</h2>{_table(head, rows, bold=shown.get(label))}{paragraph(words)}"
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
        return title + paragraph(importances)
    score = "average precision" if found.pos_label_ is not None else "log-loss"
    about = (
        f"How much worse the {score} of held-out rows is where the values of one column are shuffled. Columns that say "
        "the same share their importance, and a column that helps to predict need not be a cause."
    )
    head, rows = ["column", "worse by (95 % interval)"], [[name, _drop(*of)] for name, *of in importances]
    more = len(rows) - _COLUMNS
    rest = f"<details><summary>{more} more columns</summary>{_table(head, rows[_COLUMNS:])}</details>"
    return title + paragraph(about) + _table(head, rows[:_COLUMNS]) + (rest if more > 0 else "")


def _data(about):
    """Return what the data are, and what the audit warns of."""
    facts = _facts(about.data) + "".join(map(paragraph, about.said))
    if about.findings is None:
        return f"<h2>The data</h2>{facts}"
    found = [f"<li>{html.escape(str(one))}</li>" for one in about.findings]
    first, rest = "".join(found[:_WARNED]), "".join(found[_WARNED:])
    warned = f"<ul>{first}</ul>" if found else "<p>The audit found nothing to warn of.</p>"
    if rest:
        warned += f"<details><summary>{len(found) - _WARNED} more warnings</summary><ul>{rest}</ul></details>"
    return f"<h2>The data</h2>{facts}<h3>What the audit found</h3>{warned}"


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


def _interval(name, mean, low, high, has_gains):
    """Return the mean of a score with its confidence interval, where it has one."""
    return f"{mean:.3f} {interval_in_words(name, low, high, has_gains)}".rstrip()


def _drop(mean, low, high):
    """Return how much worse a score becomes, with its confidence interval, where it has one."""
    mean, low, high = (_number(round(value, 3) + 0.0) for value in (mean, low, high))  # never -0.000
    return mean if low == "nan" else f"{mean} ({low} to {high})"
