"""What stands before a classifier in a pipeline, and can it be part of a graph?"""

from sklearn.pipeline import Pipeline


def split(estimator):
    """Return the steps of a pipeline that rows to predict pass, as pairs (name, transformer), and its classifier.

    Raises
    ------
    TypeError
        If the estimator is, or ends in, no classifier of this package.
    """
    steps, classifier = [], estimator
    while isinstance(classifier, Pipeline):
        *before, (_, classifier) = classifier.steps
        steps += [(name, step) for name, step in before if _changes_rows(step)]
    if not hasattr(type(classifier), "answers_"):
        raise TypeError(
            f"export takes a fitted ImbalancedKerasClassifier, or a pipeline that ends in one, not "
            f"{type(classifier).__name__}."
        )
    return steps, classifier


def _changes_rows(step):
    """Whether a step does something to rows to predict: samplers are passed by."""
    is_sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
    return step is not None and step != "passthrough" and not is_sampler
