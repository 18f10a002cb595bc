"""What does a decision rule do to labelled rows? Counts, costs and scores in words."""

import numpy as np

#: Scores of a model that are shown.
SCORES = ("average precision", "ROC AUC", "log-loss", "calibration", "Brier", "F1", "balanced accuracy", "cost")
# Scores that are never negative, and those that lie between 0 and 1.
_FROM_ZERO = {"log-loss", "refinement", "calibration", "cost"}
_SHARES = {"average precision", "ROC AUC", "Brier", "F1", "balanced accuracy", "accuracy"}


def counted(is_positive, is_called, weight=None, groups=None, costs=None):
    """Return what a rule does to labelled rows, in plain values.

    Parameters
    ----------
    is_positive, is_called : ndarray of bool, shape (n_rows,)
        Which rows are positive, and which are predicted to be.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    groups : ndarray of int, shape (n_rows,) or None
        Groups, as wholes of which the standard error of the cost is computed.
    costs : dict, ndarray of shape (2, 2), or None
        "fp" and "fn", what mistakes cost, or the costs [is positive, is called].

    Returns
    -------
    dict
        Shares of the weight: "positive", "called" and "hit" (both); "rows"; with costs "cost", its standard error
        "cost_error", and the costs of "never" and "always" predicting the positive label, each per row.
    """
    weight = np.ones(len(is_positive)) if weight is None else np.asarray(weight, dtype=np.float64)
    weight = weight / weight.sum()
    found = {
        "rows": len(is_positive),
        "positive": float(weight[is_positive].sum()),
        "called": float(weight[is_called].sum()),
        "hit": float(weight[is_positive & is_called].sum()),
    }
    if costs is not None:
        costs = np.array([[0.0, costs["fp"]], [costs["fn"], 0.0]]) if isinstance(costs, dict) else costs
        of_row = costs[is_positive.astype(np.intp), is_called.astype(np.intp)]
        never, always = np.array([1 - found["positive"], found["positive"]]) @ costs
        found |= {
            "cost": float(weight @ of_row),
            "cost_error": standard_error(of_row, weight, groups),
            "never": float(never),
            "always": float(always),
        }
    return found


def standard_error(values, weight=None, groups=None):
    """Return the standard error of the weighted mean of values, whole groups being drawn where there are any."""
    weight = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    weight = weight / weight.sum()
    deviations = weight * (values - weight @ values)
    of_group = np.bincount(np.arange(len(values)) if groups is None else groups, deviations)
    return float(np.sqrt(np.square(of_group).sum()))


def predictions_in_words(found, label, who="The rule"):
    """Return how many of 1,000 rows are positive, and how many `who` predicts to be, as two sentences."""
    positive, called, hit = (per_thousand(found[name], found["positive"]) for name in ("positive", "called", "hit"))
    shares = f"Of 1,000 rows, {positive} are {label!r}."
    if not found["called"]:
        return [shares, f"{who} predicts {label!r} for none of them."]
    rates = f"recall {found['hit'] / found['positive']:.0%}, " if found["positive"] else ""
    rates += f"precision {found['hit'] / found['called']:.0%}"
    return [shares, f"{who} predicts {label!r} for {called}, {hit} of the {positive} among them ({rates})."]


def counts_in_words(found, label):
    """Return what a rule does, per 1,000 rows, and what its mistakes cost, as sentences."""
    said = " ".join(predictions_in_words(found, label))
    if "cost" in found:
        cost, never, always = (shortly(1000 * found[name]) for name in ("cost", "never", "always"))
        error = shortly(1960 * found["cost_error"], 2)
        said += (
            f" Mistakes cost {cost} per 1,000 rows (95 % interval ±{error}); predicting it for no row would cost "
            f"{never}, for every row {always}."
        )
    return said


def shortly(number, digits=3):
    """Return a number of so many significant digits, without an exponent."""
    return f"{float(f'{number:.{digits}g}'):,.12g}"


def per_thousand(share, positive):
    """Return a share as a count per 1,000, with decimals where positive rows are few."""
    digits = 0 if positive >= 0.01 else 1 if positive >= 0.001 else 2
    return f"{1000 * share:,.{digits}f}"


def written(rule):
    """Return a decision rule as the command line reads it."""
    if not isinstance(rule, tuple):
        return str(rule)
    name, *numbers = rule
    if name in ("precision", "recall"):
        return f"{name}>={'@'.join(map(str, numbers))}"
    return f"{name}={numbers[0]}"


def rule_in_words(decision, threshold, label):
    """Return by which rule a classifier predicts the positive label of two."""
    if decision is None:
        rule = "no rule is asked for, so that both labels count as equally frequent (--costs or --decision change it)"
    elif isinstance(decision, dict) and set(decision) == {"fp", "fn"}:
        rule = f"least expected cost, {', '.join(f'{name}={value:g}' for name, value in decision.items())}"
    else:
        rule = written(decision)
    if threshold is None:
        where = ""
    elif threshold == float("inf"):
        where = f" {label!r} is never predicted."
    else:
        where = f" {label!r} is predicted from a probability of {threshold:.4g} on."
    return f"Rule: {rule}.{where}"


def scores_in_words(scores):
    """Return lines of scores, from (mean, low, high) by name; the ends are None where they are not known."""
    width = max(map(len, scores))
    return [f"  {name:<{width}}  {mean:.3f}  {interval_in_words(name, low, high)}".rstrip()
            for name, (mean, low, high) in scores.items()]  # fmt: skip


def interval_in_words(name, low, high, has_gains=False):
    """Return the interval of a score, within the values that it can take; nothing where it is not known.

    With costs below zero (`has_gains`), the score "cost" can be negative.
    """
    if low is None or np.isnan(low):
        return ""
    if name in _FROM_ZERO | _SHARES and not (name == "cost" and has_gains):
        low = max(low, 0.0)
    if name in _SHARES:
        high = min(high, 1.0)
    return f"({low:.3f} to {high:.3f})"
