"""What does a strategy make of the rows of one fit, and which class shares does training then show?"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skimbalance.strategies.base import LogitsLoss
from skimbalance.strategies.combined import Combined


@dataclass
class AppliedStrategy:
    """What training is given.

    Attributes
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
        Rows, resampled where the strategy does so.
    y : ndarray of int, shape (n_rows,)
        Class indices.
    sample_weight : ndarray of shape (n_rows,) or None
        Their weights.
    is_resampled : bool
        Whether the strategy changed the rows.
    class_weight : callable
        ``class_weight(progress) -> (n_classes,)``, what a row of each class costs.
    batch_prior : ndarray of shape (n_classes,) or None
        Class shares that batches are drawn with.
    loss : LogitsLoss or None
        Loss of the strategy, where it brings one.
    train_prior : ndarray of shape (n_classes,)
        Class shares that all of this shows the network.
    """

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    is_resampled: bool
    class_weight: Callable
    batch_prior: np.ndarray | None
    loss: LogitsLoss | None
    train_prior: np.ndarray


def apply_strategy(strategy, X, y, sample_weight, classes, class_counts=None, given=None):
    """Let a strategy change rows, batches, weights and the loss.

    Parameters
    ----------
    strategy : Strategy
        Remedy.
    X : ndarray of float32, shape (n_samples, n_features)
        Training rows.
    y : ndarray of int, shape (n_samples,)
        Their class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights.
    classes : ndarray of shape (n_classes,)
        Labels.
    class_counts : ndarray of shape (n_classes,), default=None
        Weighted number of rows of each class in all chunks of a table so far, of which these rows are the last.
    given : object, default=None
        What the user gave as ``strategy``, for messages.

    Returns
    -------
    AppliedStrategy
        What training is given.

    Raises
    ------
    ValueError
        If rows are made up for which there is no weight.
    """
    natural = weighted_counts(y, sample_weight, len(classes))
    X, y, sample_weight, is_resampled = _resample(strategy, X, y, sample_weight, classes, given)
    if is_resampled or class_counts is None:
        class_counts = weighted_counts(y, sample_weight, len(classes))
    counts = np.maximum(class_counts, class_counts == 0)  # a class that no chunk has shown yet counts as one row
    batch_prior, loss = strategy.batch_prior(counts), strategy.loss(counts)
    shown = (counts if batch_prior is None else batch_prior) * strategy.class_weight(counts, 1.0)
    shown = shown * (1.0 if loss is None else loss.prior_factor())
    train_prior = shown / shown.sum()
    if is_resampled or batch_prior is not None or isinstance(strategy, Combined):
        moves = {
            "the rows": counts / natural if is_resampled else None,
            "batches": None if batch_prior is None else batch_prior / counts,
        }
        shares = dict(zip(classes.tolist(), train_prior.round(4).tolist(), strict=True))
        _warn_of_double_correction(moves, strategy, counts, loss, shares, given)
    return AppliedStrategy(
        X, y, sample_weight, is_resampled,
        class_weight=lambda progress: strategy.class_weight(counts, progress),
        batch_prior=batch_prior, loss=loss, train_prior=train_prior,
    )  # fmt: skip


def weighted_counts(y, sample_weight, n_classes):
    """Return the weighted number of rows of each class."""
    return np.bincount(y, sample_weight, minlength=n_classes).astype(np.float64)


def _resample(strategy, X, y, sample_weight, classes, given):
    """Let the strategy change the rows, and their weights follow them; say whether it did."""
    X_resampled, labels = strategy.fit_resample(X, classes[y])
    if X_resampled is X:
        return X, y, sample_weight, False
    X_resampled = np.ascontiguousarray(X_resampled, dtype=np.float32)
    y_resampled = np.searchsorted(classes, labels)
    if sample_weight is not None:
        if hasattr(strategy, "sample_indices_"):
            sample_weight = sample_weight[strategy.sample_indices_]
        elif np.ptp(sample_weight) == 0:
            sample_weight = None
        else:
            raise ValueError(
                f"strategy={given!r} makes up rows, for which there is no sample_weight. Leave out "
                'sample_weight, or take a strategy that selects rows ("random_oversample", '
                '"random_undersample") or weighs them ("class_weight", "focal").'
            )
    return X_resampled, y_resampled, sample_weight, True


def _warn_of_double_correction(moves, strategy, counts, loss, shares, given):
    """Warn where more than one part of the strategy moves the class prior."""
    parts = strategy.strategies if isinstance(strategy, Combined) else [strategy]
    moves |= {f"{type(part).__name__}'s weights": part.class_weight(counts, 1.0) for part in parts}
    moves |= {type(loss).__name__: None if loss is None else loss.prior_factor()}
    movers = [name for name, factor in moves.items() if factor is not None and np.ptp(factor) > 1e-3 * np.max(factor)]
    if len(movers) > 1:
        warnings.warn(
            f"strategy={given!r} moves the class prior more than once ({', '.join(movers)}): the network "
            f"learns the shares {shares}. Leave one out, or set target_prior, which undoes the net shift.",
            UserWarning,
            stacklevel=6,
        )
