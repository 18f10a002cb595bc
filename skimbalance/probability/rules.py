"""Which rule does a ``decision`` ask for? Its kind and its numbers, or an error that says what is allowed."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from skimbalance.data.numeric_input import is_number
from skimbalance.probability.costs import costs_by_label, parse_matrix

_ALLOWED = (
    'it takes None, a threshold in [0, 1], "f1", ("fbeta", beta), "accuracy", "balanced_accuracy", "mcc", '
    '("precision", floor), ("recall", floor), either with a confidence as a third entry, ("top", n_rows or share), '
    '("rate", share), {"fp": cost, "fn": cost}, {("true label", "predicted label"): cost, ...}, or a matrix of costs '
    "[true class, predicted class]"
)
_OF_TWO = ("threshold", "fbeta", "mcc", "precision", "recall", "rate", "top")


class Rule(NamedTuple):
    """A rule, parsed.

    Attributes
    ----------
    kind : str
        "argmax", "threshold", "fbeta", "mcc", "balanced_accuracy", "costs", "precision", "recall", "rate", "top" or
        "macro_f1".
    value : object
        Threshold, beta, costs, share or number of rows; a floor as a tuple (floor,), or (floor, confidence).
    """

    kind: str
    value: object = None


def parse(decision, classes, positive):
    """Return the `Rule` that a ``decision`` parameter asks for.

    Parameters
    ----------
    decision : None, float, str, tuple, dict or array-like
        The parameter.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int
        Position of the positive class of two.

    Raises
    ------
    ValueError
        For anything that is no rule, and for rules of two classes where there are more.
    """
    n_classes = len(classes)
    if decision is None:
        return Rule("argmax")
    rule = None
    if isinstance(decision, str):
        rule = _of_name(decision, n_classes)
    elif is_number(decision):
        rule = Rule("threshold", float(decision)) if 0 <= decision <= 1 else None
    elif isinstance(decision, tuple) and decision and isinstance(decision[0], str):
        rule = _of_tuple(decision)
    elif isinstance(decision, dict):
        rule = _of_dict(decision, classes, positive)
    else:
        rule = parse_matrix(decision, n_classes)
        rule = None if rule is None else Rule(*rule)
    if rule is None:
        raise ValueError(f"decision={decision!r} is no decision rule; {_ALLOWED}.")
    if n_classes > 2 and (rule.kind in _OF_TWO or (isinstance(decision, dict) and set(decision) == {"fp", "fn"})):
        raise ValueError(
            f"decision={decision!r} is a rule for two classes, but y has {n_classes}; take None, "
            '"f1", "accuracy", "balanced_accuracy", {("true label", "predicted label"): cost, ...}, or a matrix of '
            "costs [true class, predicted class]."
        )
    return rule


def _of_name(name, n_classes):
    """Return the rule of a name, or None."""
    return {
        "f1": Rule("fbeta", 1.0) if n_classes == 2 else Rule("macro_f1"),
        "mcc": Rule("mcc"),
        "accuracy": Rule("costs", 1 - np.eye(n_classes)),
        "balanced_accuracy": Rule("balanced_accuracy"),
    }.get(name)


def _of_dict(decision, classes, positive):
    """Return the rule of a dict of costs, or None."""
    if set(decision) == {"fp", "fn"}:
        if not all(is_number(cost) and 0 < cost < np.inf for cost in decision.values()):
            raise ValueError(
                f"decision={decision!r} is not allowed; it takes finite costs above 0. For a mistake that costs "
                "nothing, give a matrix of costs [true class, predicted class]."
            )
        costs = np.array([[0.0, decision["fp"]], [decision["fn"], 0.0]])
        return Rule("costs", costs if positive else costs[::-1, ::-1])
    if decision and all(isinstance(pair, tuple) and len(pair) == 2 for pair in decision):
        return Rule("costs", costs_by_label(decision, classes))
    return None


def _of_tuple(decision):
    """Return the rule of a tuple that begins with its name; raise for numbers that do not fit the name."""
    name, *numbers = decision
    forms = {
        "fbeta": '("fbeta", beta), beta a finite number above 0',
        "precision": '("precision", floor) or ("precision", floor, confidence), both between 0 and 1',
        "recall": '("recall", floor) or ("recall", floor, confidence), both between 0 and 1',
        "rate": '("rate", share), the share of the population that is flagged, between 0 and 1',
        "top": '("top", n_rows), an integer of 1 or more, or ("top", share), between 0 and 1',
    }
    if name not in forms:
        return None
    if all(map(is_number, numbers)):
        are_shares = all(0 < number < 1 for number in numbers)
        if name in ("precision", "recall") and len(numbers) in (1, 2) and are_shares:
            return Rule(name, tuple(map(_as_float, numbers)))
        if name == "rate" and len(numbers) == 1 and are_shares:
            return Rule(name, _as_float(numbers[0]))
        if (
            name == "top"
            and len(numbers) == 1
            and (are_shares or (isinstance(numbers[0], Integral) and numbers[0] >= 1))
        ):
            return Rule(name, _as_float(numbers[0]) if are_shares else int(numbers[0]))
        if name == "fbeta" and len(numbers) == 1 and 0 < numbers[0] < np.inf:
            return Rule(name, _as_float(numbers[0]))
    raise ValueError(f"decision={decision!r} is not allowed; it takes {forms[name]}.")


def _as_float(number):
    """Return a number as a float, one of single precision by its digits: float32(0.29) is 0.29."""
    return float(str(number)) if isinstance(number, np.floating) else float(number)


def rows_looked_at(decision):
    """Return which rows of a fit a ``decision`` looks at, whether it is a rule or not.

    Returns
    -------
    {"apart", "all", "held out", None}
        Rows set apart from training, which the fit then lacks; all rows, where few are held out; these;
        or none.
    """
    name = decision[0] if isinstance(decision, tuple) and decision else decision
    if not isinstance(name, str):
        return None
    if name in ("precision", "recall", "rate"):
        return "apart" if len(decision) > 2 else "all"
    return "held out" if name in ("f1", "fbeta", "mcc") else None
