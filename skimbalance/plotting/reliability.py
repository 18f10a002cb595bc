"""Reliability diagram: observed frequencies of a label against its predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy import stats

from skimbalance.data.numeric_input import check_count
from skimbalance.plotting.display import (
    COLORS,
    FAINT,
    GREY,
    ProbabilityDisplay,
    as_rows,
    finish,
    import_pyplot,
    is_first,
    named,
    plain,
    probability_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from skimbalance._typing import ColumnLike

# What axes of densities are known by, from the axes above them.
_DENSITY = "density below {}"


class ReliabilityDisplay(ProbabilityDisplay):
    """Observed frequency of a label over its predicted probability, with the band expected of calibrated probabilities.

    Use `from_estimator` or `from_predictions`. Rows are gathered in bins of equal information, in each of which the sum
    of p (1 - p) is the same: where one label is rare, bins of equally many rows would nearly all hold none of it.

    Parameters
    ----------
    prob_true, prob_pred : ndarray of shape (n_bins,)
        Frequency, and mean probability, of each bin.
    low, high : ndarray of shape (n_bins,)
        Frequencies between which a bin of honest probabilities lies in 95 of 100 tables: the consistency band [1]_.
    proba, sample_weight : ndarray of shape (n_samples,)
        Probabilities and weights of the rows.
    brier_score, calibration_error : float
        Mean square error of the probabilities, and mean distance between frequency and probability over the rows'
        bins.
    prevalence : float
        Share of the rows that have the label.
    pos_label : label
        Positive label.
    name : str, default=None
        Name in the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Axes and figure of the plot.
    density_ax_ : matplotlib Axes or None
        Those of the densities below; axes that are given get none.
    line_ : matplotlib Line2D
        The curve.

    References
    ----------
    .. [1] J. Broecker and L. A. Smith (2007), "Increasing the Reliability of Reliability Diagrams", Weather and
       Forecasting 22(3), doi:10.1175/WAF993.1.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, ReliabilityDisplay
    >>> X, y = make_classification(n_samples=1000, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10, random_state=0).fit(X[:500], y[:500])
    >>> display = ReliabilityDisplay.from_estimator(clf, X[500:], y[500:])
    """

    density_ax_: Axes | None
    line_: Line2D

    def __init__(
        self,
        prob_true: np.ndarray,
        prob_pred: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        proba: np.ndarray,
        sample_weight: np.ndarray,
        *,
        brier_score: float,
        calibration_error: float,
        prevalence: float,
        pos_label: Any,
        name: str | None = None,
    ) -> None:
        self.prob_true, self.prob_pred, self.low, self.high = prob_true, prob_pred, low, high
        self.proba, self.sample_weight, self.prevalence = proba, sample_weight, prevalence
        self.brier_score, self.calibration_error = brier_score, calibration_error
        self.pos_label, self.name = pos_label, name

    @classmethod
    def from_predictions(
        cls,
        y_true: ColumnLike,
        y_proba: ArrayLike,
        *,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        n_bins: int = 10,
        name: str | None = None,
        ax: Axes | None = None,
        scale: Literal["auto", "linear", "log"] = "auto",
        **line_kwargs: Any,
    ) -> Self:
        """Draw the reliability diagram of given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples,)
            Probabilities of the positive label.
        pos_label : label, default=None
            That label; None is 1 or True.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        n_bins : int, default=10
            Number of bins.
        name, ax, scale, **line_kwargs
            As `plot` takes them.

        Returns
        -------
        ReliabilityDisplay
        """
        is_positive, proba, weight, pos_label = as_rows(y_true, y_proba, pos_label, sample_weight)
        check_count(n_bins, "n_bins")
        of_bin = _bins(proba, weight, n_bins)
        total = np.bincount(of_bin, weight)
        true, predicted = np.bincount(of_bin, weight * is_positive) / total, np.bincount(of_bin, weight * proba) / total
        variance = np.bincount(of_bin, weight**2 * proba * (1 - proba)) / total**2
        low, high = _band(predicted, variance)
        return cls(
            true, predicted, low, high, proba, weight,
            brier_score=float(np.average(np.square(proba - is_positive), weights=weight)),
            calibration_error=float(np.average(np.abs(true - predicted), weights=total)),
            prevalence=float(np.average(is_positive, weights=weight)), pos_label=pos_label, name=name,
        ).plot(ax, scale=scale, **line_kwargs)  # fmt: skip

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        scale: Literal["auto", "linear", "log"] = "auto",
        **line_kwargs: Any,
    ) -> Self:
        """Draw the curve, its band, and the density of probabilities below.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name in the legend.
        scale : {"auto", "linear", "log"}, default="auto"
            Scale of both axes; "auto" is logarithmic where less than a tenth of the rows have the label.
        **line_kwargs : dict
            What matplotlib's ``plot`` takes for the curve.

        Returns
        -------
        ReliabilityDisplay
        """
        log = probability_scale(scale, self.prevalence) == "log"
        ax, self.density_ax_ = (ax, _below(ax)) if ax is not None else _new_axes()
        self._axes(ax)
        lowest = self._lowest() if log else 0.0
        facts = f"Brier {self.brier_score:.3f}, error {self.calibration_error:.3f}"
        label = named(self.name if name is None else name, facts)
        line_kwargs = {"marker": "o", "markersize": 4, "label": label} | line_kwargs
        (self.line_,) = ax.plot(self.prob_pred, np.maximum(self.prob_true, lowest), **line_kwargs)
        color = self.line_.get_color()
        ax.fill_between(
            self.prob_pred, np.maximum(self.low, lowest), np.maximum(self.high, lowest), color=color, alpha=0.15,
            linewidth=0, zorder=0,
        )  # fmt: skip
        if is_first(ax, "honest"):
            label = "perfectly calibrated"
            ax.plot([1e-9, 1], [1e-9, 1], color=GREY, linewidth=0.8, linestyle=":", gid="honest", label=label)
            ax.set(xscale="log" if log else "linear", yscale="log" if log else "linear")
            ax.set(xlim=(lowest, 1), ylim=(lowest, 1))
        elif log:
            lowest = min(lowest, ax.get_xlim()[0])
            ax.set(xlim=(lowest, 1), ylim=(lowest, 1))
        label = f"probability of {self.pos_label!r}"
        finish(ax, ylabel=f"share that is {self.pos_label!r}", xlabel=label if self.density_ax_ is None else "")
        if self.density_ax_ is not None:
            self._plot_density(color, log)
            self.density_ax_.set_xlabel(plain(label))
        return self

    def _lowest(self):
        """Return where logarithmic axes begin: a little below the lowest number above zero."""
        shown = np.r_[self.prob_pred, self.prob_true, self.high]
        return float(max(shown[shown > 0].min() / 3, 1e-6))

    def _plot_density(self, color, log):
        """Draw the share of rows over probabilities, on axes below that all curves share."""
        ax, density = self.ax_, self.density_ax_
        lowest = ax.get_xlim()[0]
        edges = np.geomspace(lowest, 1, 41) if log else np.linspace(0, 1, 41)
        share = np.histogram(np.maximum(self.proba, edges[0]), edges, weights=self.sample_weight)[0]
        density.stairs(share / self.sample_weight.sum(), edges, color=color)
        density.set(yscale="log", ylabel="rows")
        density.spines[["top", "right"]].set_visible(False)
        density.grid(axis="y", color=FAINT, linewidth=0.5)


def _new_axes():
    """Return axes for frequencies, with axes for densities below."""
    pyplot = import_pyplot()
    ax, below = pyplot.subplots(2, 1, figsize=(8.0, 5.4), height_ratios=[4, 1], sharex=True, layout="constrained")[1]
    ax.set_prop_cycle(color=COLORS)
    below.set_gid(_DENSITY.format(id(ax)))
    return ax, below


def _below(ax):
    """Return the axes of densities that another display has made below its own, or None."""
    return next((other for other in ax.figure.axes if other.get_gid() == _DENSITY.format(id(ax))), None)


def _bins(proba, weight, n_bins):
    """Return the bin of each row, from 0 on: bins hold equal sums of p (1 - p), and rows of one probability stay."""
    inverse = np.unique(proba, return_inverse=True)[1]
    information = np.bincount(inverse, weight * (proba * (1 - proba) + 1e-12))
    middle = np.cumsum(information) - information / 2
    bins = np.minimum((n_bins * middle / information.sum()).astype(np.intp), n_bins - 1)
    return np.unique(bins, return_inverse=True)[1][inverse]


def _band(predicted, variance):
    """Return the 2.5 and 97.5 % quantiles of frequencies of this mean and variance, by the binomial that has both."""
    spread = predicted * (1 - predicted)
    n = np.maximum(np.round(spread / np.maximum(variance, 1e-300)), 1).clip(max=1e9)
    sure = spread <= 0
    low, high = (stats.binom.ppf(q, n, predicted) / n for q in (0.025, 0.975))
    return np.where(sure, predicted, low), np.where(sure, predicted, high)
