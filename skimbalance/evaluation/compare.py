"""Fit every strategy on the same folds, and keep the predictions for the test rows."""

import sys
import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import indexable

from skimbalance._nesting import prefix_of_classifier, renumbers_labels
from skimbalance.data.numbers_given import check_share, check_weights
from skimbalance.evaluation.candidates import labelled, plan_fits
from skimbalance.evaluation.comparison import StrategyComparison
from skimbalance.evaluation.folds import Scoring, Table, fit_fold
from skimbalance.evaluation.scoring import OwnScores
from skimbalance.evaluation.words import INTERRUPTED
from skimbalance.probability.decision import cost_matrix, known_positive

#: What is compared where nothing is said.
USUAL = ("none", "auto", "class_weight", "focal", "balanced_batches", "random_undersample", "smote")


def compare_strategies(
    estimator, X, y, *, strategies=USUAL, scoring=None, cv=5, pos_label=None, costs=None, budget=0.05,
    sample_weight=None, groups=None, params=None, n_jobs=None, random_state=None, verbose=1,
):  # fmt: skip
    """Compare remedies, and other models, on the same folds.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier, or a pipeline or search that ends in one
        What the strategies are set on.
    X : {array-like, dataframe} of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        Labels.
    strategies : list or dict, default=`USUAL`
        What `strategy` takes: names, objects, lists of these; dicts of parameters of the classifier, such as
        ``{"strategy": "focal", "gamma": 1.0, "decision": "f1"}``; or other classifiers of scikit-learn's kind, which
        are taken as they are. A dict gives each a label, which is text. Candidates that differ in their `decision`
        alone share one fit per fold.
    scoring : str, callable, list or dict, default=None
        Scores besides the usual ones, as `cross_validate` takes them: more is better. None may have the name of a usual
        one, such as "cost". A score is left out of the folds in which its scorer fails or gives NaN.
    cv : int, splitter or iterable, default=5
        Folds; an int makes them stratified and shuffled.
    pos_label : label, default=None
        Positive label of two; None is that of `estimator`, or 1 or True, or else the rarer one. Classifiers that are
        told none take it too, so that rules and scores mean the same label.
    costs : dict or array-like, default=None
        Costs of mistakes, as `decision` takes them; adds a score "cost", the mean for each row under the labels of
        least expected cost by the probabilities of each model (`decide`). All other scores of labels, such as F1, are
        of what ``predict`` returns.
    budget : float in (0, 1), default=0.05
        Share of the rows that can be looked at, for "recall at a budget".
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, in fits and in scores; a row of weight zero is not scored.
    groups : array-like of shape (n_samples,), default=None
        Groups, for the splitter.
    params : dict, default=None
        What `fit` of `estimator` is given besides, such as callbacks; what has one value a row is cut to the fold.
        Other classifiers get none of it.
    n_jobs : int, default=None
        Fits that run side by side, in processes that each start TensorFlow; one process is usually the faster choice.
    random_state : int, RandomState instance or None, default=None
        Source of folds, and of all seeds that the models are given.
    verbose : int, default=1
        1 says how many fits are done, and how long the others will take.

    Returns
    -------
    StrategyComparison
        Scores, out-of-fold probabilities and decisions; printed, a table and what it says. Models are scored by what
        their ``predict_proba`` and ``predict`` return, which should refer to the population of `y`: a sampler in a
        pipeline before the classifier asks for a `target_prior` there. After an interruption (Ctrl-C), a comparison of
        the fits that are finished, which says so; where none is, the interruption goes on.

    Raises
    ------
    ValueError
        Before anything is fitted: if the estimator does not end in a classifier with a `strategy`, strategies are none
        or their labels alike or no text, or a score has a name that is taken. A fit that fails is part of the result:
        the candidate is compared on the other folds.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, compare_strategies
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10)
    >>> comparison = compare_strategies(clf, X, y, strategies=["none", "focal"], cv=3, random_state=0, verbose=0)
    >>> list(comparison.scores_["none"])[:3]
    ['average precision', 'ROC AUC', 'log-loss']
    """
    X, y, groups = indexable(X, y, groups)
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y has one class, {classes.tolist()}; a comparison needs at least two.")
    check_share(budget, "budget", below=True)
    sample_weight = check_weights(sample_weight, len(codes))
    prefix = _known_prefix(estimator)
    if pos_label is None:
        pos_label = estimator.get_params()[f"{prefix}pos_label"]
        if pos_label in (0, 1) and renumbers_labels(estimator):
            pos_label = classes.tolist()[pos_label]
    positive = _positive(codes, classes, pos_label)
    candidates = labelled(strategies)
    own = None if scoring is None else OwnScores(estimator, scoring, budget)
    matrix = None if costs is None else cost_matrix(costs, classes, 1 if positive is None else positive)
    fits = plan_fits(estimator, prefix, candidates, classes, positive, random_state)
    if isinstance(cv, int):
        cv = StratifiedKFold(cv, shuffle=True, random_state=random_state)
    splits = list(check_cv(cv, y, classifier=True).split(X, y, groups))
    table = Table(X, y, codes, classes, positive, sample_weight)
    calls = [
        delayed(fit_fold)(fit, table, split, None if fit.prefix is None else params, Scoring(budget, matrix, own))
        for fit in fits
        for split in splits
    ]
    outcomes = _run(calls, n_jobs, verbose)
    n_done = len(outcomes)
    undone = [fit for fit in fits for _ in splits][n_done:]
    outcomes += [{label: {"error": INTERRUPTED} for label in fit.rules} for fit in undone]
    folds = {label: [of[label] for of in outcomes if label in of] for label in candidates}
    found = StrategyComparison(folds, splits, classes, codes, positive, matrix, sample_weight)
    if n_done < len(calls):
        found.interrupted_ = f"Interrupted: {n_done} of {len(calls)} fits were finished; all scores are of these."
    return found


def _known_prefix(estimator):
    """Return what parameters of the classifier that an estimator ends in are preceded by."""
    prefix = prefix_of_classifier(estimator)
    if prefix is None:
        raise ValueError(
            f"estimator={estimator!r} does not end in a classifier with a strategy; give an "
            "ImbalancedKerasClassifier, or a pipeline or search that ends in one. Other models go among the strategies."
        )
    return prefix


def _positive(codes, classes, pos_label):
    """Return the position of the positive class of two, None for more."""
    if len(classes) > 2:
        return None
    known = known_positive(pos_label, classes)
    return int(np.bincount(codes).argmin()) if known is None else known


def _run(calls, n_jobs, verbose):
    """Run the fits, and say how far they are; return those that are finished where the user interrupts the others."""
    began, results = time.perf_counter(), []
    try:
        for result in _parallel(n_jobs)(calls):
            results.append(result)
            if verbose:
                left = (time.perf_counter() - began) / len(results) * (len(calls) - len(results))
                said = f"\r{len(results)} of {len(calls)} fits, about {left:.0f} s left "
                print(said, end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not results:
            raise
    if verbose and len(results) < len(calls):
        print(f"\rInterrupted after {len(results)} of {len(calls)} fits" + " " * 20, file=sys.stderr, flush=True)
    elif verbose:
        print(f"\r{len(calls)} fits in {time.perf_counter() - began:.0f} s" + " " * 20, file=sys.stderr, flush=True)
    return results


def _parallel(n_jobs):
    """Return what runs calls: one result after the other where its backend can, else (Ray) all at the end."""
    try:
        return Parallel(n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs)
