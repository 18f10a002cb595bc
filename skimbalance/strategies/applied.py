"""Apply a strategy to the rows of one fit, and compute the class prior that training sees."""

from dataclasses import dataclass

import numpy as np

from skimbalance._warnings import warn_once
from skimbalance.data.rows import Rows, positions_of, weighted_counts
from skimbalance.data.splits import units_of
from skimbalance.strategies.base import LogitsLoss, Strategy
from skimbalance.strategies.combined import Combined

#: Least class share in training that a network can learn.
_LEAST_SHARE = 1e-30


@dataclass
class AppliedStrategy:
    """The training data after a strategy was applied.

    Attributes
    ----------
    strategy : Strategy
        Strategy.
    rows : Rows
        Rows of the table, resampled if the strategy does so.
    kept : ndarray of int, shape (n_kept,)
        Which of the distinct rows are trained on.
    counts : ndarray of shape (n_classes,)
        Weighted number of training rows of each class; 1 for a class that has not occurred in any chunk.
    batch_prior : ndarray of shape (n_classes,) or None
        Class shares that batches are drawn with.
    loss : LogitsLoss or None
        Loss of the strategy, or None.
    """

    strategy: Strategy
    rows: Rows
    kept: np.ndarray
    counts: np.ndarray
    batch_prior: np.ndarray | None
    loss: LogitsLoss | None

    @property
    def classes(self):
        """Class index of each distinct row that is trained on."""
        return self.rows.classes[self.kept]

    @property
    def units(self):
        """What base models leave out as a whole: distinct rows, or their groups; of resampled rows, each by itself."""
        groups = self.rows.groups_of_distinct
        return units_of(self.classes, None if groups is None else groups[self.kept])

    def class_weight(self, progress):
        """Return the class weights, (n_classes,), at a share of the epochs."""
        return self.strategy.class_weight(self.counts, progress)

    def train_prior(self, progress):
        """Return the class prior of training, (n_classes,), at a share of the epochs."""
        shown = self.counts if self.batch_prior is None else self.batch_prior
        with np.errstate(over="ignore", invalid="ignore"):
            shown = shown * self.class_weight(progress) * (1.0 if self.loss is None else self.loss.prior_factor())
            shares = shown / shown.sum()
        _check_shares(shares, self.strategy)
        return shares


def _check_shares(shares, strategy):
    """Raise for class shares that are not finite, or too small."""
    if not np.all(shares > _LEAST_SHARE):
        raise ValueError(
            f"With {type(strategy).__name__} and the weights, the class shares in training are {shares.tolist()}, "
            "which no network can learn; set parameters (tau, exponent, alpha) or weights of a usual size."
        )


def apply_strategy(strategy, plan, classes, merges, class_counts=None, given=None):
    """Apply a strategy to rows, batches, weights and the loss.

    Parameters
    ----------
    strategy : Strategy
        Strategy.
    plan : HoldOutPlan
        Rows of the table, and which of them are held out.
    classes : ndarray of shape (n_classes,)
        Labels.
    merges : bool
        Whether identical rows are merged, if they are not resampled.
    class_counts : ndarray of shape (n_classes,), default=None
        Weighted number of rows of each class in all chunks so far, of which these rows are the last.
    given : object, default=None
        The user's ``strategy`` parameter, for messages.

    Returns
    -------
    AppliedStrategy
        The training data.

    Raises
    ------
    ValueError
        If a sampler generates rows although rows have weights, or a class share is too small.
    """
    rows, kept, is_resampled = plan.rows, plan.kept, False
    natural = weighted_counts(rows.classes[kept], rows.weight[kept], len(classes))
    counts = natural if class_counts is None else class_counts
    if resamples(strategy):
        resampled = _resample(strategy, *rows.without(plan.out), classes, given)
        if resampled is not None:
            rows, is_resampled = Rows(*resampled, merges=False), True
            kept = positions_of(rows.index)
            counts = weighted_counts(rows.y, rows.weight, len(classes))
    counts = np.maximum(counts, counts == 0)
    _check_shares(counts / counts.sum(), strategy)
    applied = AppliedStrategy(strategy, rows, kept, counts, strategy.batch_prior(counts), strategy.loss(counts))
    train_prior = applied.train_prior(1.0)
    if is_resampled or applied.batch_prior is not None or isinstance(strategy, Combined):
        moves = {
            "the rows": counts / np.maximum(natural, 1e-300) if is_resampled else None,
            "batches": None if applied.batch_prior is None else applied.batch_prior / counts,
        }
        shares = dict(zip(classes.tolist(), train_prior.round(4).tolist(), strict=True))
        _warn_of_double_correction(moves, applied, shares, given)
    return applied


def resamples(strategy):
    """Whether a resolved strategy changes the rows."""
    parts = strategy.strategies if isinstance(strategy, Combined) else [strategy]
    return any(type(part).fit_resample is not Strategy.fit_resample for part in parts)


def needs_calibration(strategy):
    """Whether a resolved strategy's link is approximate, so that probabilities are calibrated on held-out rows."""
    parts = strategy.strategies if isinstance(strategy, Combined) else [strategy]
    return any(part.needs_calibration for part in parts)


def _resample(strategy, X, y, sample_weight, classes, given):
    """Resample rows and their weights with the strategy; return None if it does not change them."""
    X_resampled, labels = strategy.fit_resample(X, classes[y])
    if X_resampled is X:
        return None
    X_resampled = np.ascontiguousarray(X_resampled, dtype=np.float32)
    y_resampled = np.searchsorted(classes, labels)
    missing = np.setdiff1d(np.unique(y), y_resampled)
    if len(missing):
        raise ValueError(
            f"strategy={given!r} returned no row of the classes {classes[missing].tolist()}, which occur in the "
            "training rows; a sampler must keep rows of every class."
        )
    if sample_weight is not None:
        if hasattr(strategy, "sample_indices_"):
            sample_weight = sample_weight[strategy.sample_indices_]
        elif np.ptp(sample_weight) == 0:
            sample_weight = None
        else:
            raise ValueError(
                f"strategy={given!r} generates rows, for which there is no sample_weight. Pass no "
                'sample_weight, or set a strategy that selects rows ("random_oversample", '
                '"random_undersample") or weights them ("class_weight", "focal").'
            )
    return X_resampled, y_resampled, sample_weight


def _warn_of_double_correction(moves, applied, shares, given):
    """Warn if more than one part of the strategy changes the class prior."""
    strategy, loss = applied.strategy, applied.loss
    parts = strategy.strategies if isinstance(strategy, Combined) else [strategy]
    moves |= {f"{type(part).__name__}'s weights": part.class_weight(applied.counts, 1.0) for part in parts}
    moves |= {type(loss).__name__: None if loss is None else loss.prior_factor()}
    movers = [name for name, factor in moves.items() if factor is not None and np.ptp(factor) > 1e-3 * np.max(factor)]
    if len(movers) > 1:
        movers = ", ".join(movers)
        message = (
            f"strategy={given!r} moves the class prior more than once ({movers}): the network learns the class "
            f"shares {shares}. Remove one of them, or set target_prior, which corrects for the net shift."
        )
        warn_once(message, movers, given)
