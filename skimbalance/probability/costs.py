"""Which label is the least expensive? Costs of mistakes, by label, by a matrix, or for each row."""

import numpy as np

from skimbalance.data.numeric_input import as_numbers, is_number


def least_cost(proba, costs, positive):
    """Return the class indices, (n_samples,), of least expected cost.

    Of two that cost the same it is the positive one, unless costs never favour that.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Calibrated probabilities.
    costs : dict or array-like
        As `decide` takes them.
    positive : int
        Position of the positive class of two.
    """
    costs = _cost_matrices(costs, *proba.shape, positive)
    expected = np.einsum("nt,ntp->np", proba, of_size_one(costs))
    if proba.shape[1] != 2:
        return expected.argmin(axis=1)
    threshold, negative = threshold_of_costs(costs, positive), 1 - positive
    is_cheaper = expected[:, positive] <= expected[:, negative]
    return np.where(np.where(np.isnan(threshold), is_cheaper, proba[:, positive] >= threshold), positive, negative)


def threshold_of_costs(costs, positive):
    """Return from which probability of the positive class of two the label positive costs no more than the other.

    Parameters
    ----------
    costs : ndarray of shape (..., 2, 2)
        Costs [true class, predicted class].
    positive : int
        Position of the positive class.

    Returns
    -------
    ndarray of shape (...)
        Thresholds; infinity where no row is to be positive, NaN where both mistakes cost less than right labels, so
        that no threshold gives the labels.
    """
    costs = positive_last(costs, positive)
    (tn, fp), (fn, tp) = np.moveaxis(costs, (-2, -1), (0, 1))
    both_worse, both_better = (fp > tn) & (fn > tp), (fp < tn) & (fn < tp)
    (tn, fp), (fn, tp) = np.moveaxis(of_size_one(costs), (-2, -1), (0, 1))
    share = np.divide(fp - tn, fp - tn + fn - tp, out=np.zeros(both_worse.shape), where=both_worse)
    return np.select([both_worse, both_better, (fp <= tn) & (fn >= tp)], [share, np.nan, 0.0], np.inf)


def positive_last(costs, positive):
    """Return costs [..., true class, predicted class] of two classes, the positive one last."""
    order = [1 - positive, positive]
    return costs[..., order, :][..., order]


def _cost_matrices(costs, n_samples, n_classes, positive):
    """Return costs as one matrix [true class, predicted class] a row."""
    if isinstance(costs, dict):
        if set(costs) != {"fp", "fn"}:
            raise ValueError(f"costs has the keys {list(costs)}; it takes 'fp' and 'fn', or is a matrix.")
        matrices = np.zeros((n_samples, 2, 2))
        for name, true, predicted in (("fp", 1 - positive, positive), ("fn", positive, 1 - positive)):
            cost = as_numbers(costs[name], f"costs[{name!r}]")
            if cost.shape not in ((), (n_samples,)):
                raise ValueError(
                    f"costs[{name!r}] has shape {cost.shape}; it takes a number, or one for each of {n_samples} rows."
                )
            matrices[:, true, predicted] = cost
    else:
        matrices = as_numbers(costs, "costs")
        if matrices.shape not in ((n_classes, n_classes), (n_samples, n_classes, n_classes)):
            raise ValueError(
                f"costs has shape {matrices.shape}; it takes {(n_classes, n_classes)}, [true class, predicted class], "
                f"or {(n_samples, n_classes, n_classes)}."
            )
        matrices = np.broadcast_to(matrices, (n_samples, n_classes, n_classes))
    if not np.all(np.isfinite(matrices)):
        raise ValueError("costs holds a number that is not finite.")
    return matrices


def costs_by_label(costs, classes):
    """Return costs by (true label, predicted label) as a matrix; what is not named costs nothing."""
    labels = np.asarray(classes).tolist()
    matrix = np.zeros((len(labels), len(labels)))
    for pair, cost in costs.items():
        unknown = [label for label in pair if label not in labels]
        if unknown or not (is_number(cost) and np.isfinite(cost)):
            problem = f"names {unknown[0]!r}, which is none of the labels {labels}" if unknown else f"costs {cost!r}"
            raise ValueError(
                f"decision has the entry {pair!r}, which {problem}; it takes finite costs by (true label, predicted "
                "label)."
            )
        matrix[labels.index(pair[0]), labels.index(pair[1])] = cost
    return matrix


def parse_matrix(decision, n_classes):
    """Return a matrix of costs, or refuse its shape or an entry; None for what is no matrix of numbers."""
    try:
        is_text = np.asarray(decision).dtype.kind in "SU"
        costs = np.asarray(decision, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if costs.ndim != 2 or is_text:
        return None
    if costs.shape != (n_classes, n_classes):
        raise ValueError(
            f"decision is a matrix of costs of shape {costs.shape}, but y has {n_classes} classes; it takes finite "
            f"costs [true class, predicted class] of shape {(n_classes, n_classes)}."
        )
    if not np.all(np.isfinite(costs)):
        true, predicted = np.argwhere(~np.isfinite(costs))[0].tolist()
        raise ValueError(
            f"decision is a matrix of costs whose entry [true class {true}, predicted class {predicted}] is "
            f"{costs[true, predicted]}; it takes finite costs."
        )
    return "costs", costs


def of_size_one(costs):
    """Return costs over a power of two, so that sums and differences of the largest numbers there are do not overflow.

    The largest of each matrix, (..., n_classes, n_classes), is below one then; single precision holds it as well.
    """
    exponents = np.frexp(np.abs(costs).max(axis=(-2, -1), keepdims=True))[1]
    return np.ldexp(costs, -exponents)
