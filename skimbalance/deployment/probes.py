"""Choose rows, at edge values of each column, on which an exported file is compared with the classifier."""

import importlib

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skimbalance.deployment.pipelines import Scaling, positions
from skimbalance.deployment.table import holds_text
from skimbalance.ensemble.trees import TreeClassifier

# Rows that are made of usual values, and of these and unusual ones; the most thresholds of trees of a column.
_N_USUAL, _N_UNUSUAL, _MOST_THRESHOLDS = 256, 128, 100

# A text and a number that no column has as a category.
_UNKNOWN_TEXT, _UNKNOWN_NUMBER = "none of the categories", -98765.4321

# Fitted attributes of a pipeline's steps for the middle and the spread of their columns.
_MIDDLES, _SPREADS = ("mean_", "center_", "statistics_", "data_min_"), ("scale_", "data_range_")


def probe_rows(answers):
    """Return rows with every kind of value that a graph could get wrong; none is a row of training.

    Of numbers, zero, the thresholds of trees and the numbers next to them, typical values and large ones; every
    category. Half as many rows hold missing values and unknown categories as well.

    Parameters
    ----------
    answers : Fitted
        What a fitted classifier computes with.

    Returns
    -------
    ndarray of object, shape (n_rows, n_columns)
        Rows; missing values are None.
    """
    columns, thresholds, usual, unusual = answers.columns, _thresholds(answers), [], []
    for j, (kind, levels, offset) in enumerate(zip(columns.kinds, columns.levels, columns.offset, strict=True)):
        unusual.append([None])
        if kind == "boolean":
            usual.append([False, True])
        elif kind == "category":
            usual.append([level for level in levels if level is not None] or [None])
            unusual[-1].append(_UNKNOWN_TEXT if holds_text(levels) else _UNKNOWN_NUMBER)
        else:
            numbers = np.float32([*_around(*columns.typical[:, j]), *_with_neighbours(thresholds[j])])
            usual.append((numbers.astype(np.float64) + offset).tolist())
    return _drawn(usual, unusual)


def probe_pipeline(steps, answers, is_exact=True):
    """Return rows for a pipeline, as its first step takes them: a frame where it was fitted on named columns.

    Numbers are typical by what the steps have learnt; before scalers alone, they are also those that lie next to the
    thresholds of trees once they are scaled.

    Parameters
    ----------
    steps : list of tuple (str, transformer)
        Fitted steps before the classifier.
    answers : Fitted
        What the classifier computes with.
    is_exact : bool, default=True
        Whether numbers next to thresholds are tried.

    Returns
    -------
    ndarray or dataframe of shape (n_rows, n_columns)
    """
    first = steps[0][1]
    usual, unusual = [_around(0.0, 1.0) for _ in range(first.n_features_in_)], [[None]] * first.n_features_in_
    for where, part in _parts(first, np.arange(first.n_features_in_)):
        _learn_from(part, where, usual, unusual)
    for values, scaled in zip(usual, _before_scaling(steps, answers) if is_exact else (), strict=False):
        values += scaled
    rows, names = _drawn(usual, unusual), getattr(first, "feature_names_in_", None)
    are_numbers = [all(not isinstance(value, str) for value in values) for values in usual]
    if names is None:
        return rows.astype(np.float64) if all(are_numbers) else rows
    columns = {
        name: np.array(rows[:, j].tolist(), dtype=np.float64 if is_number else object)
        for j, (name, is_number) in enumerate(zip(names, are_numbers, strict=True))
    }
    return _frame(columns)


def _drawn(usual, unusual):
    """Return rows of values drawn for each column, all values equally often."""
    rng, rows = np.random.default_rng(0), np.empty((_N_USUAL + _N_UNUSUAL, len(usual)), dtype=object)
    for j, (values, others) in enumerate(zip(usual, unusual, strict=True)):
        for part, tried in ((slice(0, _N_USUAL), values), (slice(_N_USUAL, None), values[: 8 * len(others)] + others)):
            n = len(rows[part])
            order = np.concatenate([rng.permutation(len(tried)) for _ in range(-(-n // len(tried)))])[:n]
            rows[part, j] = [tried[i] for i in order]
    return rows


def _around(center, spread):
    """Return zeros, typical numbers and large ones."""
    near = center + spread * np.concatenate([np.linspace(-3, 3, 25) + 0.0137, [-30, 30]])
    return np.float32([0.0, -0.0, *near]).astype(np.float64).tolist()


def _with_neighbours(thresholds):
    """Return numbers, and those of single precision next to them."""
    beside = [np.nextafter(thresholds, np.float32(to)) for to in (-np.inf, np.inf)]
    return np.concatenate([thresholds, *beside])


def _thresholds(answers):
    """Return the thresholds of trees for each column, some where there are many."""
    found = [(np.zeros(0, dtype=int), np.zeros(0, dtype=np.float32))]
    for grown in answers.ensemble.grown if answers.ensemble else ():
        for classifier, _ in grown:
            if isinstance(classifier, TreeClassifier):
                trees = classifier.trees_
                asks = np.isfinite(trees.threshold) & (trees.children[::2] != np.arange(len(trees.feature)))
                found.append((trees.feature[asks], trees.threshold[asks]))
    feature, threshold = (np.concatenate(of) for of in zip(*found, strict=True))
    of_columns = [np.unique(threshold[feature == j]) for j in range(len(answers.columns.names))]
    return [of[:: max(-(-len(of) // _MOST_THRESHOLDS), 1)] for of in of_columns]


def _parts(step, where):
    """Yield the simple steps that look at columns first, with the positions of these columns."""
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            if hasattr(inner, "transform"):
                yield from _parts(inner, where)
            if not hasattr(inner, "transform") or getattr(inner, "n_features_in_", len(where)) != len(where):
                return
    elif isinstance(step, ColumnTransformer):
        names = list(getattr(step, "feature_names_in_", range(step.n_features_in_)))
        for _, inner, columns in step.transformers_:
            yield from _parts(inner, np.array(positions(columns, names), dtype=int))
    else:
        yield where, step


def _learn_from(step, where, usual, unusual):
    """Take typical values of columns from what a step has learnt of them."""
    for i, categories in enumerate(getattr(step, "categories_", ())):
        known = [v for v in np.asarray(categories, dtype=object).tolist() if v is not None and v == v]
        is_text = any(isinstance(value, str) for value in known)
        missing = [] if "" in known else [None]  # a file takes the empty text for a missing one
        usual[where[i]], unusual[where[i]] = known, [*missing, _UNKNOWN_TEXT if is_text else _UNKNOWN_NUMBER]
    middle = next((getattr(step, name) for name in _MIDDLES if getattr(step, name, None) is not None), None)
    spread = next((getattr(step, name) for name in _SPREADS if getattr(step, name, None) is not None), None)
    if np.shape(middle) != np.shape(where):
        return
    spread = [None] * len(where) if np.shape(spread) != np.shape(where) else spread
    for j, center, of in zip(where, middle, spread, strict=True):
        if isinstance(center, str):
            usual[j] = [center]
        else:
            of = abs(center) + 1 if of is None else 1 / of if hasattr(step, "min_") else of
            usual[j] = _around(center, of)


def _before_scaling(steps, answers):
    """Return for each column numbers that are next to thresholds once they are scaled; none for other steps."""
    try:
        scaling = Scaling(steps)
    except ValueError:
        return
    for j, thresholds in enumerate(_thresholds(answers)):
        numbers = scaling.undone(thresholds.astype(np.float64), j).astype(np.float32)
        yield _with_neighbours(numbers).astype(np.float64).tolist()


def _frame(columns):
    """Return columns as a frame of pandas, or of polars where that alone is installed."""
    try:
        return importlib.import_module("pandas").DataFrame(columns)
    except ImportError:
        return importlib.import_module("polars").DataFrame(columns)
