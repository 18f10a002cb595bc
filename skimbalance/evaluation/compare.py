"""Fit every remedy on the same folds, and keep what each says of the rows it has not seen."""

import sys
import time
import warnings
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _check_method_params, _check_sample_weight

from skimbalance.decision import cost_matrix, known_positive
from skimbalance.evaluation.comparison import StrategyComparison
from skimbalance.evaluation.scores import score_fold
from skimbalance.nesting import inner_classifier, prefix_of_classifier, used_threshold

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
        are taken as they are. A dict gives each a label.
    scoring : str, callable, list or dict, default=None
        Scores besides the usual ones, as `cross_validate` takes them: more is better.
    cv : int, splitter or iterable, default=5
        Folds; an int makes them stratified and shuffled.
    pos_label : label, default=None
        Positive label of two; None is that of `estimator`, or 1 or True, or else the rarer one. Classifiers that are
        told none take it too, so that rules and scores mean the same label.
    costs : dict or array-like, default=None
        Costs of mistakes, as `decision` takes them; adds a score "cost", the mean for each row under the labels that a
        model decides for.
    budget : float in (0, 1), default=0.05
        Share of the rows that can be looked at, for "recall at a budget".
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, in fits and in scores.
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
        pipeline before the classifier asks for a `target_prior` there.

    Raises
    ------
    ValueError
        If the estimator does not end in a classifier with a `strategy`, or strategies are none or alike. A fit that
        fails is a line of the result, with its error.

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
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, codes[:, None], dtype=np.float64)
    prefix = _known_prefix(estimator)
    if pos_label is None:
        pos_label = estimator.get_params()[f"{prefix}pos_label"]
    positive = _positive(codes, classes, pos_label)
    candidates = _candidates(estimator, prefix, strategies, random_state)
    if positive is not None:
        for model, own in candidates.values():
            if own is not None and model.get_params()[f"{own}pos_label"] is None:
                model.set_params(**{f"{own}pos_label": classes.tolist()[positive]})
    matrix = None if costs is None else cost_matrix(costs, classes, 1 if positive is None else positive)
    if isinstance(cv, int):
        cv = StratifiedKFold(cv, shuffle=True, random_state=random_state)
    splits = list(check_cv(cv, y, classifier=True).split(X, y, groups))
    scorers = _scorers(estimator, scoring)
    usual = partial(score_fold, positive=positive, budget=budget, costs=matrix)
    calls = [
        delayed(_fit_fold)(
            model,
            prefix,
            X,
            y,
            codes,
            classes,
            positive,
            sample_weight,
            split,
            usual,
            scorers,
            params=None if prefix is None else params,
        )
        for model, prefix in candidates.values()
        for split in splits
    ]
    folds = _run(calls, n_jobs, verbose)
    of = {label: folds[i * len(splits) : (i + 1) * len(splits)] for i, label in enumerate(candidates)}
    return StrategyComparison(of, splits, classes, codes, positive, matrix, sample_weight)


def _known_prefix(estimator):
    """Return what parameters of the classifier that an estimator ends in are preceded by."""
    prefix = prefix_of_classifier(estimator)
    if prefix is None:
        raise ValueError(
            f"estimator={estimator!r} does not end in a classifier with a strategy; give an "
            "ImbalancedKerasClassifier, or a pipeline or search that ends in one. Other models go among the strategies."
        )
    return prefix


def _candidates(estimator, prefix, strategies, random_state):
    """Return the models by label, each with the prefix of its classifier's parameters, None for other models."""
    if isinstance(strategies, str):
        strategies = [strategies]
    labelled = strategies.items() if isinstance(strategies, dict) else ((_label(one), one) for one in strategies)
    candidates = {}
    for label, one in labelled:
        if label in candidates:
            raise ValueError(f"Two strategies have the label {label!r}; give them as a dict with a label for each.")
        if isinstance(one, BaseEstimator) and hasattr(one, "predict_proba"):
            model, own = clone(one), prefix_of_classifier(one)
        else:
            settings = one if isinstance(one, dict) else {"strategy": one}
            model, own = clone(estimator).set_params(**{prefix + name: v for name, v in settings.items()}), prefix
        if random_state is not None:
            seedless = [n for n, value in model.get_params().items() if n.endswith("random_state") and value is None]
            model.set_params(**{name: _seed(random_state) for name in seedless})
        candidates[label] = model, own
    if not candidates:
        raise ValueError("strategies is empty; it takes at least one.")
    return candidates


def _seed(random_state):
    """Return a seed for a model."""
    return random_state if not isinstance(random_state, np.random.RandomState) else random_state.randint(2**31 - 1)


def _label(strategy):
    """Return what a strategy is called where nobody has said."""
    if isinstance(strategy, dict):
        return ", ".join(f"{value}" if name == "strategy" else f"{name}={value}" for name, value in strategy.items())
    if isinstance(strategy, list | tuple):
        return " + ".join(map(_label, strategy))
    if strategy is None or isinstance(strategy, str):
        return strategy or "none"
    if getattr(strategy, "steps", None):
        return _label(strategy.steps[-1][1])
    return type(strategy).__name__


def _positive(codes, classes, pos_label):
    """Return the position of the positive class of two, None for more."""
    if len(classes) > 2:
        return None
    known = known_positive(pos_label, classes)
    return int(np.bincount(codes).argmin()) if known is None else known


def _scorers(estimator, scoring):
    """Return scores that the user has named as a function (estimator, X, y) -> dict, or None."""
    if scoring is None:
        return None
    if isinstance(scoring, str) or callable(scoring):
        scoring = {scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score"): scoring}
    return check_scoring(estimator, scoring)


def _fit_fold(model, prefix, X, y, codes, classes, positive, sample_weight, split, usual, scorers, params):
    """Fit a model on one fold, and return what it says of the other rows, its scores and its times."""
    train, test = split
    model, fit_params = clone(model), _check_method_params(X, params or {}, train)
    if sample_weight is not None:
        steps = getattr(model, "steps", None)
        fit_params[f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"] = sample_weight[train]
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            model.fit(_safe_indexing(X, train), _safe_indexing(y, train), **fit_params)
        fitted = time.perf_counter()
        rows = _safe_indexing(X, test)
        labels = np.searchsorted(classes, model.predict(rows))
        predicted = time.perf_counter()
        named = {} if scorers is None else scorers(model, rows, _safe_indexing(y, test))
        proba = np.zeros((len(test), len(classes)))
        proba[:, np.searchsorted(classes, model.classes_)] = said = model.predict_proba(rows)
        threshold = used_threshold(model, positive, said, lambda: classes[labels])
        scores = usual(codes[test], proba, labels, None if sample_weight is None else sample_weight[test])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "scores": scores | named,
        "proba": proba,
        "labels": labels,
        "seconds": fitted - began,
        "predict seconds": predicted - fitted,
        "warnings": sorted({str(warning.message) for warning in heard}),
        "threshold": threshold,
        "history": getattr(inner_classifier(model), "history_", None),
    }


def _run(calls, n_jobs, verbose):
    """Run the fits, and say how far they are."""
    began, results = time.perf_counter(), []
    for result in _parallel(n_jobs)(calls):
        results.append(result)
        if verbose:
            left = (time.perf_counter() - began) / len(results) * (len(calls) - len(results))
            print(
                f"\r{len(results)} of {len(calls)} fits, about {left:.0f} s left ", end="", file=sys.stderr, flush=True
            )
    if verbose:
        print(f"\r{len(calls)} fits in {time.perf_counter() - began:.0f} s" + " " * 20, file=sys.stderr, flush=True)
    return results


def _parallel(n_jobs):
    """Return what runs calls: one result after the other where its backend can, else (Ray) all at the end."""
    try:
        return Parallel(n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs)
