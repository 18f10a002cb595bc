"""Find the classifier inside a pipeline, search or other meta-estimator, and the rule by which the whole decides."""

from numbers import Real

import numpy as np
from sklearn.ensemble import BaggingClassifier
from sklearn.multiclass import OneVsRestClassifier

from skimbalance.probability.positive import known_positive


def inner_classifier(model):
    """Return the classifier that a fitted pipeline or search ends in, or the model itself.

    Parameters
    ----------
    model : estimator
        Fitted classifier, pipeline, search, or another estimator around a single one.

    Returns
    -------
    estimator
        The innermost one.
    """
    inner = _deciding(model)
    while hasattr(inner, "estimator_") and not hasattr(inner, "estimators_"):  # a threshold classifier, no ensemble
        inner = _deciding(inner.estimator_)
    return inner


def _deciding(model):
    """Return the model inside pipelines and searches, whose ``predict`` is that of this model."""
    if hasattr(model, "best_estimator_"):
        return _deciding(model.best_estimator_)
    return _deciding(model.steps[-1][1]) if getattr(model, "steps", None) else model


def used_threshold(model, positive, proba, predict):
    """Return the probability from which a fitted model predicts one of two labels.

    Parameters
    ----------
    model : estimator
        Fitted classifier, or any estimator around one.
    positive : int
        Position of the label among ``classes_``; if the model's own positive label is the other one, its threshold is
        converted.
    proba : ndarray of shape (n_samples, n_classes)
        Its probabilities of some rows.
    predict : callable
        Returns its labels of these rows. It is called only for models without a threshold of their own, such as a
        budget of the rows, and those of other packages, whose threshold is accepted only if it explains the labels.

    Returns
    -------
    float or None
        None for more classes, and if no threshold explains the labels.
    """
    decides = _deciding(model)
    if len(model.classes_) != 2:
        return None
    if has_strategy(decides):
        own, threshold = own_positive(decides), getattr(decides, "threshold_", None)
        if threshold is not None:
            return threshold if own == positive else _of_the_other(threshold)
        return _between(proba[:, positive], np.asarray(predict()) == np.asarray(model.classes_)[positive])
    is_called = np.asarray(predict()) == np.asarray(model.classes_)[positive]
    stated = getattr(decides, "best_threshold_", getattr(decides, "threshold", None))
    for threshold in (stated, 0.5):
        if not isinstance(threshold, Real):
            continue
        for own in (positive, 1 - positive):
            if np.array_equal(proba[:, own] >= threshold, is_called if own == positive else ~is_called):
                return float(threshold) if own == positive else _of_the_other(threshold)
    return _between(proba[:, positive], is_called)


def _between(proba, is_called):
    """Return the threshold halfway between the rows that are called and the others, or None where none tells them."""
    if not 0 < is_called.sum() < len(is_called):
        return None
    below, above = proba[~is_called].max(), proba[is_called].min()
    return float((below + above) / 2) if below < above else None


def _of_the_other(threshold):
    """Return the threshold of one label of two from that of the other."""
    return {0.0: np.inf, np.inf: 0.0}.get(threshold, 1 - threshold)


def own_positive(classifier):
    """Return the position of the positive label of a fitted classifier of two, by `pos_label` as it is now."""
    known = known_positive(classifier.pos_label, classifier.classes_)
    if known is not None:
        return known
    label = getattr(classifier, "pos_label_", None)
    return 1 if label is None else classifier.classes_.tolist().index(label)


def prefix_of_classifier(estimator):
    """Return the prefix of the parameters of the classifier that an estimator ends in.

    Parameters
    ----------
    estimator : estimator
        Classifier, pipeline, search, or another estimator around one; not fitted.

    Returns
    -------
    str or None
        Such as ``"estimator__imbalancedkerasclassifier__"``; empty for the classifier itself, and None if no classifier
        in it has a strategy.
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


def renumbers_labels(estimator):
    """Return whether an estimator around a classifier of this package passes class indices as labels to it."""
    while not has_strategy(estimator):
        if isinstance(estimator, BaggingClassifier | OneVsRestClassifier):
            return True
        steps = getattr(estimator, "steps", None)
        estimator = steps[-1][1] if steps else estimator.estimator
    return False


def has_strategy(estimator):
    """Return whether an estimator is a classifier of this package, by its parameters."""
    return hasattr(estimator, "strategy") and hasattr(estimator, "target_prior")


def decides_after_fit(model):
    """Return whether a model is a classifier of this package, or a pipeline that ends in one.

    A search selects parameters by labels, and other meta-estimators fit copies: a decision that is set later does not
    apply to them.
    """
    while getattr(model, "steps", None):
        model = model.steps[-1][1]
    return has_strategy(model)
