"""Check that a base model returns probabilities of the classes, and name it in the error otherwise."""

import numpy as np

# Tolerances for probabilities outside [0, 1] and for sums other than one: rounding errors of single precision. Sums
# that differ from one by more than rounding errors of double precision are normalised.
_ROUNDING, _ROUNDING_OF_SUMS, _EXACT = 1e-6, 1e-4, 1e-9


def checked_classifier(classifier, y, name):
    """Raise if a fitted classifier does not predict probabilities of the classes in y.

    Parameters
    ----------
    classifier : classifier
        Fitted scikit-learn classifier.
    y : ndarray of int, shape (n_rows,)
        Class indices that it was fitted to.
    name : str
        Name of the base model.

    Raises
    ------
    ValueError
        If it has no ``predict_proba``, or its ``classes_`` are not those of y.
    """
    if not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"ensemble holds {name}, which has no predict_proba after fit. Use a base model with probabilities "
            '(voting="soft", a final step that has predict_proba), wrap it in '
            "sklearn.calibration.CalibratedClassifierCV, or remove it."
        )
    shown, has = np.unique(y).tolist(), np.asarray(getattr(classifier, "classes_", [])).tolist()
    if not isinstance(has, list) or len(has) != len(shown) or set(has) != set(shown):
        raise ValueError(
            f"ensemble holds {name}, whose classes_ are {has} after a fit to the classes {shown}; they must be all "
            "labels passed to its fit, in the order of the columns of its predict_proba. Correct or remove it."
        )


def checked_answer(proba, n_rows, n_classes, name):
    """Return the predictions of a base model as valid probabilities.

    Parameters
    ----------
    proba : array-like
        Result of its ``predict_proba``.
    n_rows : int
        Number of rows predicted.
    n_classes : int
        Number of its classes.
    name : str
        Name of the base model.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_classes)
        Probabilities.

    Raises
    ------
    ValueError
        If they are not probabilities: of another shape, not finite, negative, above one, or not summing to one.
    """
    shape = np.shape(proba)
    if shape != (n_rows, n_classes):
        raise ValueError(
            f"ensemble holds {name}, whose predict_proba returned an array of shape {shape} for {n_rows} rows and "
            f"{n_classes} classes; it must be ({n_rows}, {n_classes}), a column for each of its classes_. Correct or "
            "remove it."
        )
    proba = np.asarray(proba, dtype=np.float64)
    least, most, sums = proba.min(axis=1), proba.max(axis=1), proba.sum(axis=1)
    is_finite = np.isfinite(sums)
    if not is_finite.all():
        raise ValueError(
            f"ensemble holds {name}, which gives no finite probabilities {_where(~is_finite, proba)}. Values of such "
            "rows are probably far outside the range of its training rows: scale or clip them, or remove this base "
            "model."
        )
    is_good = (least >= -_ROUNDING) & (most <= 1 + _ROUNDING) & (abs(sums - 1) <= _ROUNDING_OF_SUMS)
    if not is_good.all():
        raise ValueError(
            f"ensemble holds {name}, whose predict_proba returned invalid probabilities {_where(~is_good, proba)}. "
            "Each must be between 0 and 1, and those of a row must sum to one; correct it, wrap it in "
            "sklearn.calibration.CalibratedClassifierCV, or remove it."
        )
    proba = np.clip(proba, 0, 1)
    return proba if abs(sums - 1).max() <= _EXACT else proba / proba.sum(axis=1, keepdims=True)


def _where(is_bad, proba):
    """Describe how many rows are invalid, and the first of them."""
    rows = np.flatnonzero(is_bad)
    shown = [float(f"{p:.4g}") for p in proba[rows[0]]]
    return f"for {len(rows)} of {len(proba)} rows, the first of which is row {rows[0]}, {shown}"
