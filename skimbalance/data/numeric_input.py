"""Check numbers that the caller passes: probabilities, shares, counts and weights."""

from numbers import Integral, Real

import numpy as np

# Tolerances: for the rounding of a probability to float32, and for the sum of rounded probabilities.
_SLACK, _SUM_SLACK = 1e-6, 1e-3


def is_number(value):
    """Whether a value is a single number, not NaN and not a boolean."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and value == value


def as_numbers(values, name):
    """Return values as an array of float64; raise if they are not numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={values!r:.80} is not an array of numbers: {error}.") from None


def check_proba(proba, alone=False):
    """Return probabilities as an array (n_samples, n_classes) whose rows sum to one.

    With `alone`, probabilities of the positive class, (n_samples,), are accepted as well.
    """
    proba = as_numbers(proba, "proba")
    if proba.ndim not in ((1, 2) if alone else (2,)) or not proba.size:
        raise ValueError(
            f"proba has shape {proba.shape}; it takes probabilities of shape (n_samples, n_classes)"
            f"{', or (n_samples,) of the positive class alone' if alone else ''}, of one row or more."
        )
    wrong = ~((proba >= -_SLACK) & (proba <= 1 + _SLACK))
    if wrong.any():
        raise ValueError(f"proba holds {proba[wrong][0]}; it takes finite probabilities, between 0 and 1.")
    if proba.ndim == 2:
        sums = proba.sum(axis=1)
        row = int(np.abs(sums - 1).argmax())
        if abs(sums[row] - 1) > _SUM_SLACK:
            raise ValueError(
                f"Row {row} of proba sums to {sums[row]:.6g}; the probabilities of all classes must sum to 1."
            )
    return np.clip(proba, 0, 1)


def check_share(value, name, of="the rows", below=False):
    """Raise unless a value is a share above zero and up to one, or `below` one."""
    if not (is_number(value) and (0 < value < 1 if below else 0 < value <= 1)):
        raise ValueError(
            f"{name}={value!r} is not a share of {of}; it takes a number above 0 and {'below' if below else 'up to'} 1."
        )


def check_count(value, name, least=1):
    """Raise unless a value is an integer of `least` or more."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} is not allowed; it takes an integer of {least} or more.")


def check_size(value, name):
    """Raise unless a value is a finite number of zero or more."""
    if not (is_number(value) and 0 <= value < np.inf):
        raise ValueError(f"{name}={value!r} is not allowed; it takes a finite number of zero or more.")


def check_weights(sample_weight, n_rows):
    """Return sample weights as an array: finite, none negative, some positive; None stays None."""
    if sample_weight is None:
        return None
    weight = as_numbers(sample_weight, "sample_weight")
    if weight.ndim == 0:
        weight = np.full(n_rows, weight)
    if weight.shape != (n_rows,):
        raise ValueError(f"sample_weight has shape {weight.shape}; it takes one weight for each of {n_rows} rows.")
    wrong = ~((weight >= 0) & (weight < np.inf))
    if wrong.any():
        raise ValueError(f"sample_weight holds {weight[wrong][0]}; it takes finite weights, none negative.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row; some rows need a positive weight.")
    return weight
