"""Which labels do the probabilities of some rows call for, by any rule that needs no labels?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skimbalance.data.numeric_input import check_proba
from skimbalance.data.validation import LEAST_SHARE
from skimbalance.probability.costs import least_cost
from skimbalance.probability.decision import Decision
from skimbalance.probability.positive import known_positive, undetermined

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from skimbalance._typing import CostsLike, DecisionLike


def decide(
    proba: ArrayLike,
    *,
    costs: CostsLike | None = None,
    decision: DecisionLike | None = None,
    classes: ArrayLike | None = None,
    pos_label: Any = None,
) -> np.ndarray:
    """Return the labels of rows from their probabilities, by costs or by a decision rule.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes), or (n_samples,)
        Calibrated probabilities in the population decided about, such as ``predict_proba`` gives with
        ``target_prior="fit"``; of the positive class alone, for two classes.
    costs : dict or array-like of shape (n_classes, n_classes) or (n_samples, n_classes, n_classes), default=None
        For the least expected cost. For two classes ``{"fp": cost, "fn": cost}``, what a false alarm and a miss cost:
        numbers, or one a row (the amount that a missed fraud loses). For any number of classes a matrix [true class,
        predicted class], or one a row. Negative costs are gains. Of two labels that cost the same, a row gets the
        positive one, unless costs never favour it.
    decision : float, str, tuple, dict or array-like, default=None
        Rule, in place of `costs`: any that `ImbalancedKerasClassifier` takes, but for those that need labels (a floor
        with a confidence). "f1", a floor or a rate is that of these rows, by their expected counts.
    classes : array-like of shape (n_classes,), default=None
        Labels, in the order of the columns of `proba`; None numbers them.
    pos_label : label, default=None
        Positive label of two. None is 1 or True where `classes` is [0, 1], [-1, 1] or [False, True]; any others, [1, 0]
        among them, need it where the rule depends on it, or `proba` has one column.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels.

    Raises
    ------
    ValueError
        If `proba` holds no probabilities, shapes do not fit, a cost is not finite, the rule needs labels, neither or
        both of `costs` and `decision` are given, or it is not determined which label is positive.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI.

    Examples
    --------
    A miss costs the amount of a payment, an alarm 5:

    >>> import numpy as np
    >>> from skimbalance import decide
    >>> decide([0.1, 0.1], costs={"fp": 5.0, "fn": np.array([20.0, 200.0])})
    array([0, 1])

    Somebody can look at two rows:

    >>> decide([0.1, 0.7, 0.3, 0.2], decision=("top", 2))
    array([0, 1, 1, 0])
    """
    if (costs is None) == (decision is None):
        raise ValueError("decide takes either costs or a decision; give one of them.")
    proba = check_proba(proba, alone=True)
    n_classes = 2 if proba.ndim == 1 else proba.shape[1]
    classes = np.arange(n_classes) if classes is None else np.asarray(classes)
    if classes.shape != (n_classes,):
        raise ValueError(f"classes has shape {classes.shape}, but proba is of {n_classes} classes.")
    if isinstance(costs, dict) and n_classes != 2:
        raise ValueError(f"costs={costs!r:.80} are of two classes, but proba is of {n_classes}; give a matrix.")
    rule, positive = None if decision is None else Decision(decision, classes), 1
    if n_classes == 2:
        positive = _positive(pos_label, classes, _what_has_direction(proba, costs, rule))
    if proba.ndim == 1:
        proba = np.stack([1 - proba, proba] if positive else [proba, 1 - proba], axis=1)
    if rule is None:
        return classes[least_cost(proba, costs, positive)]
    return classes[_by_rule(Decision(decision, classes, positive), proba)]


def _what_has_direction(proba, costs, rule):
    """Return what of the arguments depends on which of two labels is positive, or None."""
    if proba.ndim == 1:
        return "proba of one class"
    if isinstance(costs, dict):
        return f"costs={costs!r:.80}"
    return None if rule is None else rule.needs_positive


def _positive(pos_label, classes, what):
    """Return the position of the positive label of two, or raise if it is not determined and `what` depends on it."""
    positive = known_positive(pos_label, classes)
    if positive is None and what is not None:
        raise undetermined(what, classes.tolist(), classes.tolist()[1])
    return 1 if positive is None else positive


def _by_rule(rule, proba):
    """Return the class indices that a rule gives rows which are the population themselves."""
    if rule.is_guaranteed:
        raise ValueError(
            f"decision={rule.given!r} counts labels, which decide is not given; take choose_decision of a fitted "
            f"classifier, or {rule.given[:2]!r}, whose floor is one of the expected {rule.kind}."
        )
    prior = np.maximum(proba.mean(axis=0), LEAST_SHARE)
    prior = prior / prior.sum()
    if rule.needs_rows:
        rule = rule.looking_at(proba, np.ones(len(proba)), prior)
    return rule.labels(proba, prior, prior)
