"""List the candidates of a comparison and their labels; those that differ only in their decision share a fit."""

from dataclasses import dataclass
from numbers import Number

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier

from skimbalance._nesting import decides_after_fit, prefix_of_classifier, renumbers_labels
from skimbalance.probability.decision import Decision
from skimbalance.probability.rules import rows_looked_at


@dataclass
class Fit:
    """A model to fit once per fold, and the candidates that share it.

    Attributes
    ----------
    model : estimator
        Unfitted model.
    prefix : str or None
        Prefix of the parameters of the classifier inside it; None if no classifier in it has a strategy.
    settings : dict or None
        Parameters that were set on the estimator; None for another model.
    rules : dict of str to object
        The ``decision`` of each candidate by its label.
    shares : bool
        Whether a decision can be set once the model is fitted.
    """

    model: BaseEstimator
    prefix: str | None
    settings: dict | None
    rules: dict
    shares: bool

    def set_rule(self, model, rule):
        """Set a decision on a copy of the model, fitted or not, if it takes one."""
        if self.shares:
            model.set_params(**{f"{self.prefix}decision": rule})

    def rule_of_fit(self, classes, positive):
        """Return the decision to fit with: one that needs held-out rows, if any does."""
        looks_at_rows = {}
        for label, rule in self.rules.items():
            try:
                looks_at_rows[label] = Decision(rule, classes, 1 if positive is None else positive).needs_rows
            except ValueError:  # its candidate will fail with this error, and no other one
                continue
        label = max(looks_at_rows or self.rules, key=lambda label: looks_at_rows.get(label, False))
        return self.rules[label]


def labelled(strategies):
    """Return the strategies of a list or dict by label.

    Raises
    ------
    ValueError
        If there are none, or labels are equal or not strings.
    """
    if isinstance(strategies, dict):
        named = list(strategies.items())
    else:
        is_one = isinstance(strategies, str | BaseEstimator) or not np.iterable(strategies)
        named = [(_label(one), one) for one in ([strategies] if is_one else strategies)]
    by_label = {}
    for label, one in named:
        if not isinstance(label, str) or not label.strip():
            raise ValueError(
                f"strategies has the label {label!r}; labels must be non-empty strings, such as "
                f"{{{str(label).strip() or 'focal'!r}: ...}}."
            )
        if label in by_label:
            raise ValueError(f"Two strategies have the label {label!r}; pass them as a dict with a label for each.")
        by_label[label] = one
    if not by_label:
        raise ValueError("strategies is empty; it takes at least one.")
    return by_label


def _label(strategy):
    """Return the default label of a strategy."""
    if isinstance(strategy, dict):
        return ", ".join(f"{value}" if name == "strategy" else f"{name}={value}" for name, value in strategy.items())
    if isinstance(strategy, list | tuple):
        return " + ".join(map(_label, strategy))
    if strategy is None or isinstance(strategy, str):
        return strategy or "none"
    if getattr(strategy, "steps", None):
        return _label(strategy.steps[-1][1])
    return type(strategy).__name__


def plan_fits(estimator, prefix, candidates, classes, positive, random_state):
    """Return the fits that the strategies need.

    Parameters
    ----------
    estimator : estimator
        Estimator on which strategies are set.
    prefix : str
        Prefix of the parameters of the classifier that it ends in.
    candidates : dict of str to object
        Strategies and other models by label.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int or None
        Position of the positive one of two, for classifiers whose ``pos_label`` is None.
    random_state : int, RandomState instance or None
        Source of seeds.

    Returns
    -------
    list of Fit
        In the order of their first candidates.
    """
    fits = []
    for label, one in candidates.items():
        new = _fit_of(label, one, estimator, prefix)
        (rule,) = new.rules.values()
        for fit in fits:
            if _differ_in_rule(fit, new):
                fit.rules[label] = rule
                break
        else:
            fits.append(new)
    for fit in fits:
        parameters = fit.model.get_params()
        if positive is not None and fit.prefix is not None and parameters[f"{fit.prefix}pos_label"] is None:
            shown = positive if renumbers_labels(fit.model) else classes.tolist()[positive]
            fit.model.set_params(**{f"{fit.prefix}pos_label": shown})
        if random_state is not None:
            seedless = [name for name, value in parameters.items() if name.endswith("random_state") and value is None]
            fit.model.set_params(**{name: _seed(random_state) for name in seedless})
    return fits


def _fit_of(label, one, estimator, prefix):
    """Return the fit of one candidate."""
    if isinstance(one, BaseEstimator) and (is_classifier(one) or hasattr(one, "predict_proba")):
        model, prefix, settings = clone(one), prefix_of_classifier(one), None
    else:
        settings = dict(one) if isinstance(one, dict) else {"strategy": one}
        # Estimators among the values are copied, since those without a seed are given one.
        copies = {of: clone(v, safe=False) if hasattr(v, "get_params") else v for of, v in settings.items()}
        model = clone(estimator).set_params(**{prefix + name: value for name, value in copies.items()})
    shares = decides_after_fit(model)
    rule = model.get_params()[f"{prefix}decision"] if shares else None
    return Fit(model, prefix, settings, {label: rule}, shares)


def _differ_in_rule(fit, new):
    """Return whether a new fit differs from a planned one only in its decision, and both look at the same rows.

    Rows that a guarantee counts are set apart by a fit of its own.
    """
    if not (fit.shares and new.shares) or any(_are_alike(rule, *new.rules.values()) for rule in fit.rules.values()):
        return False
    looked_at = {rows_looked_at(rule) for of in (fit, new) for rule in of.rules.values()}
    if "apart" in looked_at or len(looked_at - {None}) > 1:
        return False
    if None not in (fit.settings, new.settings):
        settings = [{name: value for name, value in of.settings.items() if name != "decision"} for of in (fit, new)]
        if _are_alike(*settings):
            return True
    ruleless = [clone(of.model).set_params(**{f"{of.prefix}decision": None}) for of in (fit, new)]
    return _are_alike(*ruleless)


def _are_alike(one, other):
    """Return whether two parameters are equal; objects that cannot be compared must be identical."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        return _are_alike(one.get_params(deep=False), other.get_params(deep=False))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_are_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_are_alike, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype != object and np.array_equal(one, other)
    return isinstance(one, str | bytes | Number) and one == other


def _seed(random_state):
    """Return a seed for a model."""
    return random_state if not isinstance(random_state, np.random.RandomState) else random_state.randint(2**31 - 1)
