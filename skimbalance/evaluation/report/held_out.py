"""What do the labels of a candidate do to held-out rows, and how sure is that?"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skimbalance.evaluation.report.words import counted, predictions_in_words, rule_in_words, shortly, standard_error
from skimbalance.probability.decision import Decision
from skimbalance.probability.labels import decide


@dataclass
class RuleOutcome:
    """What a candidate does to held-out rows.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    matrix : ndarray of shape (n_classes, n_classes)
        Shares of the rows, [true class, predicted class].
    counts : dict or None
        What `counted` returns of two classes.
    saved : tuple of float or None
        How much less mistakes cost per row than those of never predicting the positive label, and its standard error.
    recall : tuple of float or None
        Share of the positive rows that is found, and its standard error.
    """

    n_rows: int
    matrix: np.ndarray
    counts: dict | None = None
    saved: tuple | None = None
    recall: tuple | None = None


def asked_score(found):
    """Return the score by which candidates are ordered: the cost where there are costs."""
    return "average precision" if found.costs_ is None else "cost"


def held_out(found, label, rule=None):
    """Return what a candidate does to held-out rows.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    label : str
        Candidate.
    rule : str, tuple, float, dict or None
        Its decision. With None, and where there are costs, the labels of least expected cost are counted, as the score
        "cost" does; and those of a number of rows are of all rows held out, where the candidate took as many of each
        fold.
    """
    proba = found.oof_proba_[label]
    tested = ~np.isnan(proba[:, 0])
    predicted = found.decisions_[label][tested]
    how = {"classes": found.classes_, "pos_label": found.pos_label_}
    if rule is None and found.costs_ is not None:
        predicted = decide(proba[tested], costs=found.costs_, **how)
    elif is_number_of_rows(rule):
        predicted = decide(proba[tested], decision=rule, **how)
    of_rows = found.classes_[found._codes], found._weight, found._groups
    y, weight, groups = (None if of is None else of[tested] for of in of_rows)
    matrix = _matrix(y, predicted, found.classes_, weight)
    if found.pos_label_ is None:
        return RuleOutcome(len(y), matrix)
    rows = y == found.pos_label_, predicted == found.pos_label_, weight, groups
    least_cost = _least_cost(found)
    return _of_two(matrix, rows, None if least_cost is None else least_cost.costs_of_direction())


def _least_cost(found):
    """Return the rule of least expected cost of two classes, or None where there are no costs."""
    return None if found.costs_ is None else Decision(found.costs_, found.classes_, found._positive)


def is_number_of_rows(rule):
    """Whether a rule is a budget in rows, not in a share of them."""
    return isinstance(rule, tuple) and rule[0] == "top" and isinstance(rule[1], Integral)


def _of_two(matrix, rows, costs):
    """Return what a rule does to rows of two classes, given the costs [is positive, is called]."""
    is_positive, is_called, weight, groups = rows
    counts, saved, recall = counted(*rows, costs), None, None
    if costs is not None:
        of_row = costs[is_positive.astype(np.intp)]
        gain = np.where(is_called, of_row[:, 0] - of_row[:, 1], 0.0)
        saved = counts["never"] - counts["cost"], standard_error(gain, weight, groups)
    if counts["positive"]:
        share = counts["hit"] / counts["positive"]
        recall = share, standard_error(is_positive * (is_called - share), weight, groups) / counts["positive"]
    return RuleOutcome(len(is_positive), matrix, counts, saved, recall)


def _matrix(y, predicted, classes, weight):
    """Return the shares of rows, [true class, predicted class]."""
    matrix = np.zeros((len(classes), len(classes)))
    places = np.searchsorted(classes, y), np.searchsorted(classes, predicted)
    np.add.at(matrix, places, 1.0 if weight is None else weight)
    return matrix / matrix.sum()


def sentences_of_two(held, label, name):
    """Return three sentences on what a rule does to 1,000 rows of two classes.

    Parameters
    ----------
    held : RuleOutcome
        What it does.
    label : label
        Positive label.
    name : str
        Name of the candidate.
    """
    said = predictions_in_words(held.counts, label, f"With this rule, {_called(name)}")
    return [*said, _of_costs(held, label) if held.saved else _of_recall(held, label)]


def _of_costs(held, label):
    """Return a sentence on what mistakes cost, against those of never predicting the positive label."""
    (saved, error), counts = held.saved, held.counts
    cost, never, always = (shortly(1000 * counts[of]) for of in ("cost", "never", "always"))
    said = f"Mistakes cost {cost} per 1,000 rows instead of {never} for predicting {label!r} for none"
    margin = 1.96 * error
    if saved or margin:
        kind = "less" if saved >= 0 else "more"
        said += f": {shortly(1000 * abs(saved))} {kind} (95 % interval ±{shortly(1000 * margin, 2)})"
    if abs(saved) <= margin:
        said += ", a difference that is not significant"
    if counts["always"] < counts["cost"]:
        said += f"; predicting it for every row would cost only {always}"
    return said + "."


def _of_recall(held, label):
    """Return a sentence on the share of positive rows that is found."""
    if not held.recall:
        return f"No held-out row is {label!r}."
    share, error = held.recall
    low, high = max(share - 1.96 * error, 0.0), min(share + 1.96 * error, 1.0)
    return (
        f"The 95 % interval of the share of {label!r} that is found is {_percent(low)} to {_percent(high)}; what "
        "mistakes cost is shown with --costs, such as --costs fp=1,fn=25."
    )


def missed_floor(held, decision):
    """Return a sentence where held-out rows do not have the precision or recall that a rule asks for, or None."""
    if held.counts is None or not isinstance(decision, tuple) or decision[0] not in ("precision", "recall"):
        return None
    name, floor = decision[:2]
    whole = held.counts["called" if name == "precision" else "positive"]
    if not whole or held.counts["hit"] / whole >= floor:
        return None
    reached = held.counts["hit"] / whole
    return f"Held-out rows do not have the {name} that the rule asks for: {reached:.1%}, not {floor:.1%}."


def against_rival(found, label, known):
    """Return a sentence that compares a candidate with the best of those that `train` does not fit, or None."""
    score = asked_score(found)
    rival = next((one for one in found.ordered(score) if one not in known), None)
    if rival is None or rival == label:
        return None
    told = found.versus(rival, label, score)
    means = [found.interval(one, score)[0] for one in (label, rival)]
    if np.isnan(told["difference"]):
        return None
    name = "average precision" if score == "average precision" else "cost per row"
    said = f"{rival!r}, the best model that `skimbalance train` does not fit, has {name} {means[1]:.3g}; {label!r} has "
    said += f"{means[0]:.3g}. "
    if told["better"] > 0.95:
        return said + f"{rival!r} is better with a probability above 95 %: consider it instead."
    if told["worse"] > 0.95:
        return said + f"{label!r} is better with a probability above 95 %."
    return said + "The difference is not significant."


def rule_of(found, label, rule):
    """Return the rule by which a candidate of two classes decides, as a sentence; None is least cost or the default."""
    if found.pos_label_ is None:
        return ""
    least_cost = _least_cost(found)
    if rule is not None or least_cost is None:
        return rule_in_words(rule, found.thresholds_.get(label), found.pos_label_)
    (tn, fp), (fn, tp) = least_cost.costs_of_direction()
    prior = np.full(2, 0.5)  # costs hold for any class shares, as long as the probabilities refer to the same
    rule = {"fp": fp, "fn": fn} if tn == tp == 0 else "least expected cost"
    return rule_in_words(rule, least_cost.threshold(prior, prior), found.pos_label_)


def _called(name):
    """Return what a candidate is called in a sentence."""
    return "the model" if name == "model" else f"the model {name!r}"


def _percent(share):
    """Return a share in percent."""
    return f"{share:.0%}"
