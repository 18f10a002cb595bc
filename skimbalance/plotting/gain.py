"""Cumulative gain, and the lift at a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skimbalance.data.numeric_input import check_share
from skimbalance.plotting.display import GREY, ProbabilityDisplay, as_rows, cumulated, finish, is_first, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from skimbalance._typing import ColumnLike


class GainDisplay(ProbabilityDisplay):
    """Cumulative gain: the share of a label that is found over the share of rows that are inspected, by probability.

    Use `from_estimator` or `from_predictions`. The legend shows what a budget finds, and how many times as much that is
    as by chance: the lift.

    Parameters
    ----------
    share, gain : ndarray of shape (n_points,)
        Share of the rows that are looked at, and share of the label that is found; from zero to one. Rows of equal
        probability are looked at in no order, so that the curve is straight between.
    budget : float
        Share of the rows that can be looked at.
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
    line_ : matplotlib Line2D
        The curve.
    gain_at_budget, lift_at_budget : float
        What the budget finds, and how many times as much that is as by chance.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import GainDisplay, ImbalancedKerasClassifier
    >>> X, y = make_classification(n_samples=1000, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10, random_state=0).fit(X[:500], y[:500])
    >>> display = GainDisplay.from_estimator(clf, X[500:], y[500:], budget=0.1)
    """

    line_: Line2D

    def __init__(
        self,
        share: np.ndarray,
        gain: np.ndarray,
        *,
        budget: float,
        prevalence: float,
        pos_label: Any,
        name: str | None = None,
    ) -> None:
        self.share, self.gain, self.budget = share, gain, budget
        self.prevalence, self.pos_label, self.name = prevalence, pos_label, name
        self.gain_at_budget = float(np.interp(budget, share, gain))
        self.lift_at_budget = self.gain_at_budget / budget

    @classmethod
    def from_predictions(
        cls,
        y_true: ColumnLike,
        y_proba: ArrayLike,
        *,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        budget: float = 0.05,
        name: str | None = None,
        ax: Axes | None = None,
        kind: Literal["gain", "lift"] = "gain",
        **line_kwargs: Any,
    ) -> Self:
        """Draw the cumulative gain of given probabilities.

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
        budget : float in (0, 1], default=0.05
            Share of the rows that can be looked at.
        name, ax, kind, **line_kwargs
            As `plot` takes them.

        Returns
        -------
        GainDisplay
        """
        is_positive, proba, weight, pos_label = as_rows(y_true, y_proba, pos_label, sample_weight)
        check_share(budget, "budget")
        _, found, alarms = cumulated(is_positive, proba, weight)
        share, gain = np.r_[0.0, found + alarms], np.r_[0.0, found / found[-1]]
        return cls(
            share, gain, budget=budget, prevalence=float(found[-1]), pos_label=pos_label, name=name
        ).plot(ax, kind=kind, **line_kwargs)  # fmt: skip

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        kind: Literal["gain", "lift"] = "gain",
        **line_kwargs: Any,
    ) -> Self:
        """Draw the curve, that of chance, and the best there is.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name in the legend.
        kind : {"gain", "lift"}, default="gain"
            Share of the label that is found, or how many times as much that is as by chance.
        **line_kwargs : dict
            What matplotlib's ``plot`` takes for the curve.

        Returns
        -------
        GainDisplay
        """
        if kind not in ("gain", "lift"):
            raise ValueError(f'kind={kind!r} is unknown; it takes "gain" or "lift".')
        ax, name = self._axes(ax), self.name if name is None else name
        budget = f"{100 * self.budget:.3g}%"
        label = named(name, f"{self.gain_at_budget:.0%} in {budget} of rows, lift {self.lift_at_budget:.1f}")
        is_lift = kind == "lift"
        best_share = np.r_[0.0, np.linspace(self.prevalence, 1, 50)]
        best = np.minimum(best_share / self.prevalence, 1)
        y, best = ((_lift(*curve) if is_lift else curve[1]) for curve in ((self.share, self.gain), (best_share, best)))
        (self.line_,) = ax.plot(self.share, y, **{"label": label} | line_kwargs)
        if is_first(ax, "best"):
            ax.plot(best_share, best, color=GREY, linewidth=0.8, linestyle="--", label="best there is", gid="best")
            ax.plot([0, 1], [1, 1] if is_lift else [0, 1], color=GREY, linewidth=0.8, linestyle=":", label="chance")
            ax.axvline(self.budget, color=GREY, linewidth=0.8, label=f"budget, {budget} of rows")
            ax.set(xlim=(0, 1), ylim=(0, 1.05 * best.max()))
        finish(
            ax, xlabel="share of the rows that are looked at",
            ylabel="lift: times as many as by chance" if is_lift else f"share of {self.pos_label!r} that is found",
        )  # fmt: skip
        return self


def _lift(share, gain):
    """Return gain over share; at nothing that of the first rows."""
    lift = gain[1:] / share[1:]
    return np.r_[lift[0], lift]
