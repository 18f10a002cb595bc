"""Combine several strategies: samplers in turn, weights multiplied, one loss, one batch prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skimbalance.strategies.base import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skimbalance.strategies.base import LogitsLoss


def _shared(name, doc):
    """Return a property that is the same for all strategies."""

    def get(self):
        return getattr(self.strategies[0], name)

    def put(self, value):
        for strategy in self.strategies:
            setattr(strategy, name, value)

    return property(get, put, doc=doc)


class Combined(Strategy):
    """Apply several strategies to one fit.

    Parameters
    ----------
    strategies : list of Strategy
        Strategies; rows are resampled in their order, and class weights are multiplied.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_rows,)
        Rows of the input that were selected; present only if every strategy that resamples selects rows.

    Raises
    ------
    ValueError
        At fit, if two of them have a loss or two have a batch prior.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import ClassWeight, Combined, Focal
    >>> both = Combined([ClassWeight([1.0, 3.0]), Focal(alpha=0.25)])
    >>> both.class_weight(np.array([90.0, 10.0]), progress=0.0)
    array([0.75, 0.75])
    """

    def __init__(self, strategies: Sequence[Strategy]) -> None:
        self.strategies = strategies

    positive = _shared("positive", "Position of the positive class, the same for all strategies.")
    columns = _shared("columns", "`Columns` of the rows, the same for all strategies.")

    @property
    def needs_positive(self) -> str | None:
        """Return `needs_positive` of the first strategy that has one."""
        return next(filter(None, (strategy.needs_positive for strategy in self.strategies)), None)

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Resample with each strategy in turn."""
        indices = np.arange(len(y))
        for strategy in self.strategies:
            X_before = X
            X, y = strategy.fit_resample(X, y)
            if X is not X_before and indices is not None:
                chosen = getattr(strategy, "sample_indices_", None)
                indices = None if chosen is None else indices[chosen]
        if hasattr(self, "sample_indices_"):
            del self.sample_indices_
        if indices is not None:
            self.sample_indices_ = indices
        return X, y

    def batch_prior(self, class_counts: np.ndarray) -> np.ndarray | None:
        """Return the batch prior of the one strategy that has one."""
        return self._only_one("batch prior", [s.batch_prior(class_counts) for s in self.strategies])

    def class_weight(self, class_counts: np.ndarray, progress: float) -> np.ndarray:
        """Multiply the class weights of all strategies."""
        weights = [strategy.class_weight(class_counts, progress) for strategy in self.strategies]
        return np.prod(weights, axis=0)

    def loss(self, class_counts: np.ndarray) -> LogitsLoss | None:
        """Return the loss of the one strategy that has one."""
        return self._only_one("loss", [s.loss(class_counts) for s in self.strategies])

    def _only_one(self, what, offers):
        """Return the only offer that is not None, or None; raise if there are several."""
        given = [i for i, offer in enumerate(offers) if offer is not None]
        if len(given) > 1:
            names = " and ".join(type(self.strategies[i]).__name__ for i in given)
            raise ValueError(f"strategy combines {names}, each with a {what} of its own; keep one of them.")
        return offers[given[0]] if given else None
