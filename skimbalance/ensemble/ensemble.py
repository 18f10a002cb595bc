"""Fit the base models beside the network, and learn their blending weights from held-out rows."""

from itertools import chain, compress
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import has_fit_parameter

from skimbalance.data.holdout import HeldOut, at_prior
from skimbalance.data.rows import weighted_counts, weighted_quantiles
from skimbalance.data.seeding import seed_nested
from skimbalance.ensemble.boosting import Boosting
from skimbalance.ensemble.checked import checked_answer, checked_classifier
from skimbalance.ensemble.forest import Forest
from skimbalance.ensemble.threads import side_by_side
from skimbalance.ensemble.trees import TreeClassifier
from skimbalance.probability.prior import shifted

#: Name of each base model that ``ensemble`` takes -> its classifier; a copy is fitted on each set of rows.
BASE_MODELS = {"forest": Forest(), "boosting": Boosting()}

# Rows from which trees predict in several threads: fewer are predicted faster than threads start.
_MANY_ROWS = 4000


class RowSets(NamedTuple):
    """The sets of rows on which classifiers of a kind are fitted.

    Attributes
    ----------
    train : ndarray of int, shape (n_rows, n_sets)
        Distinct rows of each set.
    unseen : HeldOut or None
        For each set rows that are not in it, with an `index` of shape (n_unseen, n_sets); None if none are known.
    """

    train: np.ndarray
    unseen: HeldOut | None


class Ensemble:
    """Base models fitted on the training rows: for each kind, one classifier for each set of rows.

    Parameters
    ----------
    columns : Columns
        Columns of the table. Rare categories share one code ("other") for all base models.
    data_prior : ndarray of shape (n_classes,)
        Class prior of the data.

    Attributes
    ----------
    names : list of str
        Name of each kind.
    grown : list of list of tuple (classifier, ndarray of shape (n_classes,))
        For each kind, the classifier of each set of rows, and the class shares of the set.
    middle : ndarray of float32, shape (n_features,)
        Median that replaces missing values in columns that had none in training.
    """

    def __init__(self, columns, data_prior):
        self.names, self.grown, self.middle = [], [], None
        self._columns, self._data_prior = columns, data_prior

    def __repr__(self):
        """Return the names."""
        return f"<Ensemble of {', '.join(self.names)}>"

    def grow(self, kinds, rows, kept, sets, rng, task):
        """Fit a classifier of each kind on each set of rows.

        Parameters
        ----------
        kinds : dict of str to classifier
            Result of `resolve_ensemble`.
        rows : Rows
            Rows of the table.
        kept : ndarray of int, shape (n_kept,)
            Which of its distinct rows are trained on.
        sets : RowSets
            Which of them are in each set.
        rng : numpy.random.Generator
            Source of seeds and samples.
        task : FitTask or NoFitTask
            Task of a fit within which each classifier is a task.

        Returns
        -------
        Ensemble
            Itself.

        Raises
        ------
        ValueError
            If a classifier takes no weights although rows have different ones, or does not predict probabilities.
        """

        def grow_one(classifier, positions, name, n_set):
            with task.running(name):
                return self._grow(rows, sets.unseen, classifier, positions, name, n_set)

        middle = [_median(rows.X[rows.index[kept], j], rows.weight[kept]) for j in range(rows.X.shape[1])]
        self.middle = np.array(middle, dtype=np.float32)
        drawn = [[_draw(kind, rows, own, rng) for own in sets.train.T] for kind in kinds.values()]
        n_rows = max(len(positions) for of_kind in drawn for _, positions in of_kind)
        self.names = list(kinds)
        tasks = [[(*one, name, n) for n, one in enumerate(of_kind)] for name, of_kind in zip(kinds, drawn, strict=True)]
        self.grown = _of_each(grow_one, tasks, n_rows * rows.X.shape[1])
        return self

    def _grow(self, rows, unseen, classifier, positions, name, n_set):
        """Return a classifier fitted on some distinct rows, and the class shares of these rows."""
        index, y, weight = rows.index[positions], rows.classes[positions], rows.weight[positions]
        counts = weighted_counts(y, weight, len(self._data_prior))
        counts = np.maximum(counts, counts == 0)
        prior = counts / counts.sum()
        # Trees look at the size of weights, which is to mean nothing.
        weight = np.ones(len(weight)) if np.ptp(weight) == 0 else weight / weight.mean()
        if has_fit_parameter(classifier, "sample_weight"):
            validation = {}
            if isinstance(classifier, Boosting) and unseen is not None and len(unseen.index):
                validation = self._validation(unseen, n_set, prior)
            classifier.fit(self._read(rows.X[index]), y, sample_weight=weight, **validation)
        elif np.ptp(weight) == 0:
            classifier.fit(self._read(rows.X[index]), y)
        else:
            raise ValueError(
                f"ensemble holds {type(classifier).__name__}, which takes no sample_weight, but rows of the table have "
                "different weights: those passed to fit, or the number of times that a row occurs. Use a classifier "
                "whose fit takes sample_weight, or remove it."
            )
        checked_classifier(classifier, y, name)
        return classifier, prior

    def _validation(self, unseen, n_set, prior):
        """Return rows that are not in a set, with weights under which each class has its share of the set."""
        y, weight = unseen.y[:, n_set], None if unseen.sample_weight is None else unseen.sample_weight[:, n_set]
        X = self._read(unseen.X[unseen.index[:, n_set]])
        return {"X_val": X, "y_val": y, "sample_weight_val": at_prior(y, weight, prior)}

    def proba(self, X):
        """Return P(y | x) under the class prior of the data: the mean over the sets of rows.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_features)
            Rows; missing values are NaN.

        Returns
        -------
        ndarray of float64, shape (n_base_models, n_rows, n_classes)
            Probabilities of each kind; every row sums to one.
        """
        proba = self._proba_of_each([self._read(X)] * len(self.grown[0]))
        return np.stack([np.mean(of_kind, axis=0) for of_kind in proba])

    def proba_of_sets(self, X, index):
        """Return the probabilities of the classifiers of each set for rows of its own.

        Parameters
        ----------
        X : ndarray of float32, shape (n_table, n_features)
            Rows.
        index : ndarray of int, shape (n_sets, n_rows)
            Which rows to predict for each set.

        Returns
        -------
        ndarray of float64, shape (n_base_models, n_rows of all sets, n_classes)
            Probabilities, set after set.
        """
        proba = self._proba_of_each([self._read(X[own]) for own in index])
        return np.stack([np.concatenate(of_kind) for of_kind in proba])

    def _proba_of_each(self, X):
        """Return for each kind the probabilities of each of its classifiers for the rows of its set."""
        tasks = [
            [(*one, rows, name) for one, rows in zip(grown, X, strict=True)]
            for name, grown in zip(self.names, self.grown, strict=True)
        ]
        if len(X[0]) < _MANY_ROWS:
            return [[self._proba_of_one(*task) for task in of_kind] for of_kind in tasks]
        return _of_each(self._proba_of_one, tasks)

    def _read(self, X):
        """Return rows as a network of this package reads them: rare categories merged, new missing values imputed."""
        X = self._columns.with_others(X)
        is_missing = np.isnan(X) & ~self._columns.missing
        return np.where(is_missing, self.middle, X) if is_missing.any() else X

    def _proba_of_one(self, classifier, prior, X, name):
        """Return the probabilities of one classifier, under the class prior of the data."""
        proba = np.zeros((len(X), len(prior)))
        if len(X):
            if isinstance(classifier, TreeClassifier):
                proba[:, classifier.classes_] = classifier.proba_of_rows(X)
            else:
                answer = classifier.predict_proba(X)
                proba[:, classifier.classes_] = checked_answer(answer, len(X), len(classifier.classes_), name)
        return shifted(proba, prior, self._data_prior)


def _draw(kind, rows, positions, rng):
    """Return a new classifier of a kind, seeded, and the distinct rows to fit it on."""
    positions = _bounded(rows.classes, np.unique(positions), getattr(kind, "most_rows", np.inf), rng)
    classifier = clone(kind)
    seed_nested(classifier, rng)
    return classifier, positions


def _of_each(function, tasks, n_numbers=0):
    """Return for each kind the results of a function for its tasks (classifier, ...); see `side_by_side`.

    Tasks of trees run in parallel, those of other classifiers, which may use threads themselves, one by one.
    """
    are_trees = [isinstance(of_kind[0][0], TreeClassifier) for of_kind in tasks]
    done = iter(side_by_side(function, list(chain.from_iterable(compress(tasks, are_trees))), n_numbers))
    return [
        [next(done) if is_tree else function(*task) for task in of_kind]
        for of_kind, is_tree in zip(tasks, are_trees, strict=True)
    ]


def _bounded(classes, positions, most, rng):
    """Return a sample of at most `most` positions, with rows of rarer classes kept up to an equal class share."""
    if len(positions) <= most:
        return positions
    y, room, kept = classes[positions], most, []
    present, counts = np.unique(y, return_counts=True)
    for n_left, c in zip(range(len(present), 0, -1), present[np.argsort(counts)], strict=True):
        kept.append(rng.permutation(positions[y == c])[: room // n_left])
        room -= len(kept[-1])
    return np.sort(np.concatenate(kept))


def _median(column, weight):
    """Return the weighted median of a column's values that are not missing; 0 where all are."""
    there = ~np.isnan(column)
    return weighted_quantiles(column[there], weight[there], (0.5,))[0] if there.any() else 0.0


def resolve_ensemble(base_models):
    """Return the base models of the ``ensemble`` parameter by name.

    Parameters
    ----------
    base_models : None, str, classifier, or list of these
        Names of `BASE_MODELS`, or scikit-learn classifiers. Some, such as a stack, have ``predict_proba`` only after
        they are fitted.

    Returns
    -------
    dict of str to classifier
        Classifiers; those passed without a name have that of their class.

    Raises
    ------
    ValueError
        If a name is unknown, or something is not a classifier.
    """
    if not isinstance(base_models, list | tuple):
        base_models = [] if base_models is None else [base_models]
    kinds = {}
    for one in base_models:
        is_known = isinstance(one, str) and one in BASE_MODELS
        if not is_known and not (isinstance(one, BaseEstimator) and is_classifier(one) and _may_have_proba(one)):
            raise ValueError(
                f"ensemble={one!r} is unknown; it takes {', '.join(map(repr, BASE_MODELS))}, classifiers of "
                'scikit-learn with predict_proba, a list of these, "auto" or None.'
            )
        name = one if is_known else type(one).__name__
        while name in kinds:
            name += "_"
        kinds[name] = BASE_MODELS[one] if is_known else one
    return kinds


def _may_have_proba(classifier):
    """Whether a classifier has ``predict_proba``, or may have it after fit."""
    return hasattr(classifier, "predict_proba") or hasattr(type(classifier), "predict_proba")
