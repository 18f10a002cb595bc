"""Pass sample weights and groups to the classifier inside pipelines, searches and other meta-estimators."""

import inspect
from numbers import Integral

import sklearn
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.validation import has_fit_parameter

from skimbalance._nesting import has_strategy


def fit_with_rows(model, X, y, of_rows, params):
    """Fit a model, with sample weights and groups if there are any.

    Parameters
    ----------
    model : estimator
        A copy that may be changed: classifiers inside meta-estimators that pass weights on only by scikit-learn's
        metadata routing are set to request them, unless the user has enabled routing; searches whose ``cv`` is None or
        an int take folds of whole groups.
    X, y : array-like
        Rows and labels.
    of_rows : dict of str to array-like of shape (n_samples,)
        What there is of "sample_weight" and "groups".
    params : dict
        Further arguments of ``fit``.

    Returns
    -------
    estimator
        The model, fitted.

    Raises
    ------
    ValueError
        If they cannot be passed to the classifier.
    """
    if not of_rows:
        return model.fit(X, y, **params)
    prefix, inner, searches = "", model, False
    while getattr(inner, "steps", None) or _is_search(inner):
        if _is_search(inner):
            if "groups" in of_rows and (inner.cv is None or isinstance(inner.cv, Integral)):
                inner.cv = StratifiedGroupKFold(5 if inner.cv is None else inner.cv)
            inner, searches = inner.estimator, True
            continue
        _refuse_samplers(inner.steps)
        prefix, inner = f"{prefix}{inner.steps[-1][0]}__", inner.steps[-1][1]
    if sklearn.get_config()["enable_metadata_routing"]:
        if "groups" in of_rows and has_strategy(inner) and inner.get_metadata_routing().fit.requests["groups"] is None:
            inner.set_fit_request(groups=True)
        return model.fit(X, y, **of_rows, **params)
    takes, is_wrapper = inspect.signature(inner.fit).parameters, any(map(is_classifier, _parts(inner)[1:]))
    takes_any = any(of.kind is of.VAR_KEYWORD for of in takes.values())
    if "groups" in of_rows:  # a search takes them for its splitter alone
        passes = has_strategy(inner) and not searches
    else:
        passes = "sample_weight" in takes or has_strategy(inner) or (takes_any and not is_wrapper)
    if passes:
        return model.fit(X, y, **params, **{f"{prefix}{name}": values for name, values in of_rows.items()})
    if not (is_wrapper or has_strategy(inner)):
        raise ValueError(f"{type(inner).__name__} takes no sample_weight in fit; compare it without weights.")
    with sklearn.config_context(enable_metadata_routing=True):
        _request(model, of_rows)
        return model.fit(X, y, **of_rows, **params)


def _is_search(model):
    """Return whether a model is a search, which passes on the arguments of ``fit``."""
    return hasattr(model, "estimator") and hasattr(model, "error_score")


def _refuse_samplers(steps):
    """Raise if a sampler in a pipeline changes the rows that weights or groups belong to."""
    for name, step in steps:
        if hasattr(step, "fit_resample") and not is_classifier(step):
            raise ValueError(
                f"The step {name!r} resamples rows in a pipeline, so that their weights or groups are lost. Pass "
                f"{type(step).__name__} as strategy= of the classifier, which resamples training rows alone, and "
                "weights as well, or compare without weights and groups."
            )


def _parts(model):
    """Return a model and the estimators that it is made of."""
    return [model, *(of for of in model.get_params().values() if isinstance(of, BaseEstimator))]


def _request(model, names):
    """Let the classifiers inside a model, and the scorers that it selects by, request weights or groups alone."""
    for part in _parts(model):
        for name in names:
            if has_fit_parameter(part, name):
                part.set_fit_request(**{name: is_classifier(part)})
        if hasattr(part, "set_score_request") and "sample_weight" in inspect.signature(part.score).parameters:
            part.set_score_request(sample_weight=False)
        scorer = getattr(part, "scoring", None)
        scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
        if "sample_weight" in names and hasattr(scorer, "set_score_request") and takes_weights(scorer):
            part.scoring = scorer.set_score_request(sample_weight=True)


def takes_weights(scorer):
    """Return whether a scorer takes ``sample_weight``: a function of its own, or the metric that scikit-learn wraps."""
    try:
        return "sample_weight" in inspect.signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):  # a callable without a signature
        return False
