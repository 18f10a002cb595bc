"""Check that a base model returns probabilities of the classes, and name it in the error otherwise."""

import numpy as np

# How far probabilities may lie outside of [0, 1], and their sum from one: that much is rounding of single precision.
# Sums that are farther from one than double precision rounds them are mended.
_ROUNDING, _ROUNDING_OF_SUMS, _EXACT = 1e-6, 1e-4, 1e-9


def checked_classifier(classifier, y, name):
    """Refuse a fitted classifier that has no probabilities of the classes that it was shown.

    Parameters
    ----------
    classifier : classifier
        Classifier of scikit-learn's kind, after its fit.
    y : ndarray of int, shape (n_rows,)
        Class indices that it was fitted to.
    name : str
        What it is called.

    Raises
    ------
    ValueError
        If it has no ``predict_proba``, or its ``classes_`` are not those of y.
    """
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"ensemble holds {name}, which has no predict_proba after its fit. Let it, and what it is made of, give "
            'probabilities (voting="soft", a final step that has predict_proba), wrap it in '
            "sklearn.calibration.CalibratedClassifierCV, or leave it out."
        )
    shown, has = np.unique(y).tolist(), np.asarray(getattr(classifier, "classes_", [])).tolist()
    if not isinstance(has, list) or len(has) != len(shown) or set(has) != set(shown):
        raise ValueError(
            f"ensemble holds {name}, whose classes_ are {has} after a fit to the classes {shown}; they must be all "
            "labels that its fit was given, in the order of the columns of its predict_proba. Mend or leave it out."
        )


def checked_answer(proba, n_rows, n_classes, name):
    """Return the answer of a base model as probabilities.

    Parameters
    ----------
    proba : array-like
        What its ``predict_proba`` returned.
    n_rows : int
        Number of rows that it was asked about.
    n_classes : int
        Number of its classes.
    name : str
        What it is called.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_classes)
        Probabilities.

    Raises
    ------
    ValueError
        If they are none: of another shape, not finite, negative, above one, or not summing to one.
    """
    shape = np.shape(proba)
    if shape != (n_rows, n_classes):
        raise ValueError(
            f"ensemble holds {name}, whose predict_proba returned an array of shape {shape} for {n_rows} rows and "
            f"{n_classes} classes; it must be ({n_rows}, {n_classes}), a column for each of its classes_. Mend or "
            "leave it out."
        )
    proba = np.asarray(proba, dtype=np.float64)
    least, most, sums = proba.min(axis=1), proba.max(axis=1), proba.sum(axis=1)
    is_finite = np.isfinite(sums)
    if not is_finite.all():
        raise ValueError(
            f"ensemble holds {name}, which gives no finite probabilities {_where(~is_finite, proba)}. Values of such "
            "rows are probably far outside those it was fitted to: scale or clip them, or leave this base model out."
        )
    is_good = (least >= -_ROUNDING) & (most <= 1 + _ROUNDING) & (abs(sums - 1) <= _ROUNDING_OF_SUMS)
    if not is_good.all():
        raise ValueError(
            f"ensemble holds {name}, whose predict_proba returned no probabilities {_where(~is_good, proba)}. Each "
            "must lie between 0 and 1, and those of a row sum to one; mend it, wrap it in "
            "sklearn.calibration.CalibratedClassifierCV, or leave it out."
        )
    proba = np.clip(proba, 0, 1)
    return proba if abs(sums - 1).max() <= _EXACT else proba / proba.sum(axis=1, keepdims=True)


def _where(is_bad, proba):
    """Return how many rows are bad, and the first of them."""
    rows = np.flatnonzero(is_bad)
    shown = [float(f"{p:.4g}") for p in proba[rows[0]]]
    return f"for {len(rows)} of {len(proba)} rows, the first of which is row {rows[0]}, {shown}"
