"""Fit a model on one fold, predict its test rows and score the predictions."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from skimbalance._nesting import inner_classifier, used_threshold
from skimbalance.evaluation.scores import score_fold
from skimbalance.evaluation.weights import fit_with_rows


@dataclass(frozen=True)
class ComparedRows:
    """The rows of a comparison.

    Attributes
    ----------
    X, y : array-like
        Rows and labels, as the caller passed them.
    codes : ndarray of int, shape (n_samples,)
        Class indices.
    classes : ndarray of shape (n_classes,)
        Labels.
    positive : int or None
        Position of the positive class of two.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.
    groups : array-like of shape (n_samples,) or None
        Groups.
    group_codes : ndarray of int, shape (n_samples,), or None
        Groups as numbers from 0.
    """

    X: object
    y: object
    codes: np.ndarray
    classes: np.ndarray
    positive: int | None
    sample_weight: np.ndarray | None
    groups: object = None
    group_codes: np.ndarray | None = None

    def weight_of(self, rows):
        """Return the weights of some rows, or None."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def of_rows(self, rows, with_groups):
        """Return the weights of some rows, and their groups for a classifier that takes them, by name."""
        found = {"sample_weight": self.sample_weight, "groups": self.groups if with_groups else None}
        return {name: _safe_indexing(values, rows) for name, values in found.items() if values is not None}


@dataclass(frozen=True)
class Scoring:
    """Settings of the scores.

    Attributes
    ----------
    budget : float
        Share of the rows that can be inspected.
    costs : ndarray of shape (n_classes, n_classes) or None
        Costs of mistakes.
    own : OwnScores or None
        The caller's `OwnScores`.
    """

    budget: float
    costs: np.ndarray | None
    own: object


def fit_fold(fit, table, split, params, scoring):
    """Fit a model on one fold, and return the predictions and scores of each of its candidates on the test rows.

    Parameters
    ----------
    fit : Fit
        Model, and the decisions of its candidates.
    table : ComparedRows
        All rows.
    split : tuple of (train, test)
        Positions of rows.
    params : dict or None
        Further arguments of ``fit``.
    scoring : Scoring
        Settings of the scores.

    Returns
    -------
    dict of str to dict
        By label: "scores", "proba", "labels", "seconds", "predict seconds", "warnings", "threshold", "history", "own"
        (names of the caller's scores), "complaints" (errors of their scorers) and "unweighted" (names of those that
        ignore weights, where weights differ); or "error" alone.
    """
    train, _ = split
    model = clone(fit.model)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        began = time.perf_counter()
        try:
            fit.set_rule(model, fit.rule_of_fit(table.classes, table.positive))
            fit_params = _check_method_params(table.X, params or {}, train)
            rows, labels = _safe_indexing(table.X, train), _safe_indexing(table.y, train)
            fit_with_rows(model, rows, labels, table.of_rows(train, fit.prefix is not None), fit_params)
        except Exception as error:
            return {label: {"error": _said(error)} for label in fit.rules}
        seconds, of_fit, outcomes = time.perf_counter() - began, list(heard), {}
        for label, rule in fit.rules.items():
            heard.clear()
            try:
                fit.set_rule(model, rule)
                outcomes[label] = _test(model, table, split, scoring) | {"seconds": seconds}
            except Exception as error:
                outcomes[label] = {"error": _said(error)}
            else:
                outcomes[label]["warnings"] = sorted({str(warning.message) for warning in of_fit + heard})
    return outcomes


def _test(model, table, split, scoring):
    """Return the predictions of a fitted model for the test rows of a fold, and its scores."""
    _, test = split
    rows, classes, y = _safe_indexing(table.X, test), table.classes, table.codes[test]
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{type(model).__name__} has no predict_proba, but models are compared by their probabilities. Use a "
            "model with predict_proba, or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
    began = time.perf_counter()
    predicted = model.predict(rows)
    seconds = time.perf_counter() - began
    labels, said = _positions(predicted, classes, "predict", len(test)), np.asarray(model.predict_proba(rows))
    known = _positions(model.classes_, classes, "classes_", len(model.classes_))
    if said.shape != (len(test), len(known)):
        raise ValueError(f"predict_proba has shape {said.shape}, of {len(test)} rows and {len(known)} classes.")
    proba = np.zeros((len(test), len(classes)))
    proba[:, known] = said
    threshold = None
    if table.positive is not None:
        threshold = used_threshold(model, table.positive, said, lambda: classes[labels])
    scores = score_fold(y, proba, labels, table.weight_of(test), table.positive, scoring.budget, scoring.costs)
    own, complaints, unweighted = {}, {}, []
    if scoring.own is not None:
        own, complaints, unweighted = _own_scores(model, table, test, rows, scoring.own)
    return {
        "scores": scores | own,
        "proba": proba,
        "labels": labels,
        "predict seconds": seconds,
        "threshold": threshold,
        "history": getattr(inner_classifier(model), "history_", None),
        "own": list(own),
        "complaints": complaints,
        "unweighted": unweighted,
    }


def _own_scores(model, table, test, rows, own):
    """Return what the caller's scorers say of a fitted model, on those of the test rows that have a positive weight."""
    weight = table.weight_of(test)
    if weight is not None and not weight.all():
        shown = np.flatnonzero(weight)
        test, rows, weight = np.asarray(test)[shown], _safe_indexing(rows, shown), weight[shown]
    labels = _safe_indexing(table.y, test)
    return own(model, rows, labels, weight, len(np.unique(table.codes[test])) < len(table.classes))


def _positions(labels, classes, what, length):
    """Return the class indices of labels; raise for unknown labels."""
    labels = np.asarray(labels)
    if labels.shape == (length, 1):
        labels = labels[:, 0]
    if labels.shape != (length,):
        raise ValueError(f"{what} has shape {labels.shape}; it should be {length} labels.")
    positions = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    unknown = labels[classes[positions] != labels]
    if len(unknown):
        raise ValueError(f"{what} has the label {unknown.tolist()[0]!r}, which is not one of {classes.tolist()}.")
    return positions


def _said(error):
    """Return an error as text, with its type."""
    return f"{type(error).__name__}: {error}"
