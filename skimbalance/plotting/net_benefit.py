"""Decision curves: the net benefit of a model against acting always or never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skimbalance.data.numeric_input import is_number
from skimbalance.plotting.display import GREY, ProbabilityDisplay, as_rows, finish, is_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from skimbalance._typing import ColumnLike


class NetBenefitDisplay(ProbabilityDisplay):
    r"""Net benefit of a model over the decision threshold: a decision curve [1]_.

    To act from a threshold t on means that a miss is (1 - t) / t times as bad as a false alarm. The net benefit of
    acting on the model at t, in units of one row found, is

    .. math:: \frac{\text{found}}{n} - \frac{t}{1 - t} \frac{\text{false alarms}}{n},

    Never acting has a net benefit of 0; always acting is a line that crosses zero at the share of the label. The model
    is useful at the thresholds at which its curve is above both. Use `from_estimator` or `from_predictions`.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Probabilities from which one acts, rising.
    net_benefit : ndarray of shape (n_thresholds,)
        Net benefit of acting on the model.
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

    References
    ----------
    .. [1] A. J. Vickers and E. B. Elkin (2006), "Decision Curve Analysis: A Novel Method for Evaluating Prediction
       Models", Medical Decision Making 26(6), doi:10.1177/0272989X06295361.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, NetBenefitDisplay
    >>> X, y = make_classification(n_samples=1000, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10, random_state=0).fit(X[:500], y[:500])
    >>> display = NetBenefitDisplay.from_estimator(clf, X[500:], y[500:])
    """

    line_: Line2D

    def __init__(
        self,
        thresholds: np.ndarray,
        net_benefit: np.ndarray,
        *,
        prevalence: float,
        pos_label: Any,
        name: str | None = None,
    ) -> None:
        self.thresholds, self.net_benefit = thresholds, net_benefit
        self.prevalence, self.pos_label, self.name = prevalence, pos_label, name

    @classmethod
    def from_predictions(
        cls,
        y_true: ColumnLike,
        y_proba: ArrayLike,
        *,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        max_threshold: float | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the decision curve of given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_proba : array-like of shape (n_samples,)
            Probabilities of the positive label, at its share among the rows.
        pos_label : label, default=None
            That label; None is 1 or True.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        max_threshold : float in (0, 1), default=None
            Largest probability that is drawn; None is five times the share of the label, and at least 0.2.
        name, ax, **line_kwargs
            As `plot` takes them.

        Returns
        -------
        NetBenefitDisplay
        """
        is_positive, proba, weight, pos_label = as_rows(y_true, y_proba, pos_label, sample_weight)
        weight = weight / weight.sum()
        share = float(weight @ is_positive)
        if max_threshold is None:
            max_threshold = min(max(5 * share, 0.2), 0.95)
        if not (is_number(max_threshold) and 0 < max_threshold < 1):
            raise ValueError(f"max_threshold={max_threshold!r} is not a probability between 0 and 1.")
        thresholds = np.linspace(0, max_threshold, 201)[1:]
        order = np.argsort(proba)
        first = np.searchsorted(proba[order], thresholds)  # rows from there on are acted on
        found, alarms = (
            np.r_[np.cumsum((weight * rows)[order][::-1])[::-1], 0.0][first] for rows in (is_positive, ~is_positive)
        )
        benefit = found - alarms * thresholds / (1 - thresholds)
        return cls(thresholds, benefit, prevalence=share, pos_label=pos_label, name=name).plot(ax, **line_kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **line_kwargs: Any) -> Self:
        """Draw the curve beside those of acting always and never.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name in the legend.
        **line_kwargs : dict
            What matplotlib's ``plot`` takes for the curve.

        Returns
        -------
        NetBenefitDisplay
        """
        ax, name = self._axes(ax), self.name if name is None else name
        (self.line_,) = ax.plot(self.thresholds, self.net_benefit, **{"label": name or "model"} | line_kwargs)
        if is_first(ax, "always"):
            odds = self.thresholds / (1 - self.thresholds)
            always = self.prevalence - (1 - self.prevalence) * odds
            ax.plot(self.thresholds, always, color=GREY, linestyle="--", linewidth=1, label="act always", gid="always")
            ax.axhline(0, color=GREY, linestyle=":", linewidth=1, label="act never", gid="never")
            ax.set(xlim=(0, self.thresholds[-1]), ylim=(-0.15 * self.prevalence, 1.08 * self.prevalence))
            self._name_odds(ax)
        finish(
            ax, xlabel=f"one acts from this probability of {self.pos_label!r} on",
            ylabel="net benefit, rows found for each row",
        )  # fmt: skip
        return self

    @staticmethod
    def _name_odds(ax):
        """Label the upper axis with the number of false alarms that one true positive is worth."""
        odds = np.array([1, 2, 4, 9, 19, 49, 99, 199, 499])
        places = 1 / (1 + odds)
        shown = [(place, worth) for place, worth in zip(places, odds, strict=True) if place <= ax.get_xlim()[1]]
        kept = []
        for place, worth in shown:  # from the right to the left, as far apart as can be read
            if not kept or kept[-1][0] - place > 0.08 * ax.get_xlim()[1]:
                kept.append((place, worth))
        above = ax.secondary_xaxis("top")
        above.set_xticks([place for place, _ in kept], [f"{worth}" for _, worth in kept])
        above.set_xlabel("false alarms that a row found is worth")
        above.spines["top"].set_visible(False)
