"""Where in a pipeline or a search is the classifier that has a strategy?"""


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
    for name in ("best_estimator_", "estimator_"):
        if hasattr(model, name):
            return inner_classifier(getattr(model, name))
    return inner_classifier(model.steps[-1][1]) if getattr(model, "steps", None) else model


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
