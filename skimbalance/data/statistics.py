"""Summarise a column whose rows arrive in chunks: moments and quantiles of bounded size."""

import numpy as np

from skimbalance.data.rows import weighted_quantiles

#: Most values that a summary of quantiles keeps.
MOST_VALUES = 512


class Moments:
    """Running mean and standard deviation of a column.

    Attributes
    ----------
    weight : float
        Total weight of the values so far.
    """

    def __init__(self):
        self.weight, self._mean, self._variance = 0.0, 0.0, 0.0

    def with_piece(self, values, weights=None):
        """Return the moments after further values (Chan, Golub and LeVeque, 1983)."""
        if not len(values):
            return self
        # Two passes over the values: E[x^2] - E[x]^2 loses its digits far from zero.
        mean = np.average(values, weights=weights)
        variance = np.average(np.square(values - mean), weights=weights)
        new, weight = Moments(), len(values) if weights is None else weights.sum()
        new.weight, share = self.weight + weight, weight / (self.weight + weight)
        if share == 1:
            new._mean, new._variance = mean, variance
            return new
        new._mean = self._mean + share * (mean - self._mean)
        between = share * (1 - share) * (mean - self._mean) ** 2
        new._variance = (1 - share) * self._variance + share * variance + between
        return new

    def center_and_spread(self):
        """Return the mean and the standard deviation, 0 and 0 if there were no values."""
        return self._mean, np.sqrt(self._variance)

    def compressed(self):
        """Return itself: its size is bounded."""
        return self


class Quantiles:
    """Running quantiles of a column, exact as long as it has few distinct values.

    Attributes
    ----------
    weight : float
        Total weight of the values so far.

    Notes
    -----
    `compressed` keeps 512 values, the medians of as many parts of equal weight. Each compression changes the share of
    values below a threshold by at most 1 / 1024, in either direction.
    """

    def __init__(self):
        self._values, self._weights = np.empty(0), np.empty(0)
        self._low, self._high = np.inf, -np.inf

    @property
    def weight(self):
        """Total weight of the values so far."""
        return self._weights.sum()

    def with_piece(self, values, weights=None):
        """Return the quantiles after further values."""
        if not len(values):
            return self
        new, weights = Quantiles(), np.ones(len(values)) if weights is None else weights
        new._values = np.concatenate([self._values, values])
        new._weights = np.concatenate([self._weights, weights])
        new._low, new._high = min(self._low, values.min()), max(self._high, values.max())
        return new

    def at(self, shares):
        """Return the quantiles at shares in [0, 1]; there must be values."""
        return weighted_quantiles(self._values, self._weights, shares)

    def center_and_spread(self):
        """Return the median and the interquartile range, or half the range if that is zero; 0 and 0 without values."""
        if not len(self._values):
            return 0.0, 0.0
        low, median, high = self.at((0.25, 0.5, 0.75))
        return median, high - low if high > low else (self._high - self._low) / 2

    def compressed(self):
        """Return the quantiles in bounded size."""
        order = np.argsort(self._values, kind="stable")
        values = self._values[order]
        starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
        values, weights = values[starts], np.add.reduceat(self._weights[order], starts) if len(starts) else starts
        if len(values) > MOST_VALUES:
            upper = np.cumsum(weights)
            part = ((upper - weights / 2) * (MOST_VALUES / upper[-1])).astype(np.intp)
            starts = np.flatnonzero(np.concatenate([[True], part[1:] != part[:-1]]))
            of_parts = np.add.reduceat(weights, starts)
            middle = np.searchsorted(upper, upper[starts] - weights[starts] + of_parts / 2)
            values, weights = values[np.minimum(middle, len(values) - 1)], of_parts
        new = Quantiles()
        new._values, new._weights, new._low, new._high = values, weights, self._low, self._high
        return new
