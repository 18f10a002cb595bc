"""Where in a pipeline or a search is the classifier that has a strategy, and by what does the whole decide?"""


def inner_classifier(model):
    """Return the classifier that a fitted pipeline or search ends in, or the model itself.

    Parameters
    ----------
    model : estimator
        Fitted classifier, pipeline, search, or another estimator around one.

    Returns
    -------
    estimator
        The innermost one.
    """
    return _levels(model)[-1]


def _levels(model):
    """Return a fitted model and what is inside of it, from the outermost to the innermost."""
    for name in ("best_estimator_", "estimator_"):
        if hasattr(model, name):
            return [model, *_levels(getattr(model, name))]
    return [model, *_levels(model.steps[-1][1])] if getattr(model, "steps", None) else [model]


def used_threshold(model, positive):
    """Return from which probability on a fitted model calls one of two labels, at the prior of y.

    Parameters
    ----------
    model : estimator
        Fitted classifier, or a pipeline or search that ends in one. Those of this package have a ``threshold_``,
        `TunedThresholdClassifierCV` a ``best_threshold_``, and all others take one half.
    positive : int
        Position of the label among ``classes_``; where the model's own positive label is the other one, what it does
        not call so is this one.

    Returns
    -------
    float or None
        None for more classes, and where a threshold was tuned at another prior than that of y.
    """
    *outer, inner = _levels(model)
    if len(model.classes_) != 2:
        return None
    tuned = [of.best_threshold_ for of in outer if hasattr(of, "best_threshold_")]
    if tuned and has_strategy(inner) and inner.target_prior != "fit":
        return None
    threshold = float(tuned[0]) if tuned else getattr(inner, "threshold_", 0.5)
    own = 1 if tuned else own_positive(inner)
    return threshold if positive == own else 1 - threshold


def own_positive(classifier):
    """Return the position of the label that a fitted classifier of two takes for the positive one."""
    label = getattr(classifier, "pos_label_", None)
    return 1 if label is None else classifier.classes_.tolist().index(label)


def prefix_of_classifier(estimator):
    """Return what parameters of the classifier that an estimator ends in are preceded by.

    Parameters
    ----------
    estimator : estimator
        Classifier, pipeline, search, or another estimator around one; not fitted.

    Returns
    -------
    str or None
        Such as ``"estimator__imbalancedkerasclassifier__"``; empty for the classifier itself, and None where there is
        none with a strategy.
    """
    if has_strategy(estimator):
        return ""
    if getattr(estimator, "steps", None):
        name, inner = estimator.steps[-1]
    elif hasattr(estimator, "estimator"):
        name, inner = "estimator", estimator.estimator
    else:
        return None
    prefix = prefix_of_classifier(inner)
    return None if prefix is None else f"{name}__{prefix}"


def has_strategy(estimator):
    """Return whether an estimator is a classifier of this package, by what it offers."""
    return hasattr(estimator, "strategy") and hasattr(estimator, "target_prior")
