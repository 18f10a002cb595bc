"""Translate and check the ``sampling_strategy`` of a sampler against the training rows."""

from functools import partial

import numpy as np
from imblearn import FunctionSampler
from imblearn.base import BaseSampler
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, KMeansSMOTE
from imblearn.utils import check_sampling_strategy


def takes_indices(sampler):
    """Whether a sampler is imbalanced-learn's; these get class indices, since some fail on text labels."""
    is_own = type(sampler).__module__.startswith("imblearn.")
    return is_own and isinstance(sampler, BaseSampler) and not isinstance(sampler, FunctionSampler)


def say_by_indices(sampler, classes, indices):
    """Replace labels by class indices in every ``sampling_strategy`` of a sampler.

    Parameters
    ----------
    sampler : BaseSampler
        Sampler, which is changed.
    classes : ndarray of shape (n_classes,)
        Labels.
    indices : ndarray of int, shape (n_samples,)
        Class indices of the rows.

    Raises
    ------
    ValueError
        If it names a label without training rows.
    """
    parameters = sampler.get_params()
    for name, asked in parameters.items():
        owner, _, last = name.rpartition("__")
        if last == "sampling_strategy":
            kind = getattr(parameters[owner] if owner else sampler, "_sampling_type", None)
            sampler.set_params(**{name: _by_index(asked, classes, indices, kind)})


def _by_index(asked, classes, indices, kind):
    """Return a ``sampling_strategy`` of labels as one of class indices."""
    if callable(asked):
        return partial(_called, asked, classes)
    if isinstance(asked, float | np.floating) and 0 < asked <= 1:
        return _whole(asked, np.bincount(indices, minlength=len(classes)), kind)
    if not isinstance(asked, dict | list | tuple):
        return asked
    index_of = {label: i for i, label in enumerate(classes.tolist())}
    unknown = [label for label in asked if label not in index_of]
    if unknown:
        raise ValueError(
            f"sampling_strategy={asked!r} names {unknown}, of which there is no training row; the labels are "
            f"{classes.tolist()}."
        )
    if isinstance(asked, dict):
        return {index_of[label]: n for label, n in asked.items()}
    return [index_of[label] for label in asked]


def _called(asked, classes, indices):
    """Return the result of a callable ``sampling_strategy``, by class indices."""
    return _by_index(asked(classes[indices]), classes, indices, None)


def _whole(share, counts, kind):
    """Return the target row count of a class instead of a share, if it is an integer up to rounding errors."""
    if len(counts) != 2 or counts[0] == counts[1] or kind not in ("over-sampling", "under-sampling"):
        return share
    adds = kind == "over-sampling"
    wanted = share * counts.max() if adds else counts.min() / share
    changed, n_rows = int(counts.argmin() if adds else counts.argmax()), round(wanted)
    is_possible = n_rows >= counts[changed] if adds else n_rows <= counts[changed]
    return {changed: n_rows} if is_possible and abs(wanted - n_rows) < 1e-9 * wanted else share


def check_neighbours(sampler, y):
    """Refuse a sampler that generates rows of a class with fewer rows than it needs neighbours.

    Parameters
    ----------
    sampler : object
        Sampler.
    y : ndarray of shape (n_samples,)
        Labels.
    """
    smote = getattr(sampler, "smote", sampler)
    smote = SMOTE() if smote is None else smote
    name = "n_neighbors" if isinstance(smote, ADASYN) else "k_neighbors"
    k, counts = getattr(smote, name, None), _made_up(sampler, y)
    if not isinstance(k, int | np.integer) or not counts or min(counts.values()) > k:
        return
    rarest = min(counts, key=counts.get)
    n = counts[rarest]
    advice = "A single row has no neighbours: set" if n == 1 else _of_fewer(sampler, smote, n - 1)
    raise ValueError(
        f"{type(sampler).__name__} interpolates between {name}={k} neighbours of the same class and so needs at least "
        f"{k + 1} training rows in each, but class {rarest!r} has {n} (held-out rows and the folds of a "
        "cross-validation are not counted, so this may be fewer than the table has). "
        f'{advice} strategy="random_oversample" or "class_weight", which need no neighbours.'
    )


def _of_fewer(sampler, smote, k):
    """Return how to set fewer neighbours for such a sampler."""
    if isinstance(smote, SVMSMOTE | KMeansSMOTE):  # these fail on small classes for any number of neighbours
        return f"Set strategy=SMOTE(k_neighbors={k}), or"
    name = "n_neighbors" if isinstance(smote, ADASYN) else "k_neighbors"
    inside = f"{type(smote).__name__}({name}={k})"
    if smote is sampler:
        return f"Set strategy__{name}={k} (in a list, {inside}), or"
    return f"Set strategy={type(sampler).__name__}(smote={inside}), or"


def _made_up(sampler, y):
    """Return the number of training rows, by label, of each class that a sampler generates rows of."""
    labels, indices = np.unique(y, return_inverse=True)
    counts = np.bincount(indices)
    try:
        asked = _by_index(getattr(sampler, "sampling_strategy", "auto"), labels, indices, "over-sampling")
        n_new = check_sampling_strategy(asked, indices, "over-sampling")
    except ValueError:  # the sampler raises it as well
        return {}
    return {labels.tolist()[i]: int(counts[i]) for i, n in n_new.items() if n > 0}
