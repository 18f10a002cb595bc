"""Plot precision, recall, F1 and cost over the decision threshold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skimbalance._nesting import has_strategy, own_positive, used_threshold
from skimbalance.data.numeric_input import is_number
from skimbalance.plotting.display import (
    COLORS,
    GREY,
    STYLES,
    ProbabilityDisplay,
    as_rows,
    cumulated,
    finish,
    is_first,
    probability_scale,
)
from skimbalance.probability.decision import Decision, cost_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

    from skimbalance._typing import ColumnLike, CostsLike

#: What can be drawn, and how.
SCORES = ("precision", "recall", "F1", "cost")
_NAMES = {"cost": "cost of a row, mean"}


class ThresholdDisplay(ProbabilityDisplay):
    """Precision, recall, F1 and cost of every threshold, with the one that a classifier uses marked.

    Use `from_estimator`, which marks the threshold that the estimator's labels follow, its own or that of a wrapper,
    and takes the costs that are its `decision`, or `from_predictions`.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Probabilities from which the label is called, falling.
    scores : dict of str to ndarray of shape (n_thresholds,)
        "precision", "recall", "F1", and "cost", the mean for each row, where costs are known.
    threshold : float or None
        The one that is used; infinity where the label is never predicted.
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
    cost_ax_ : matplotlib Axes or None
        Those of costs, with an axis on the right.
    lines_ : dict of str to matplotlib Line2D
        Curves by score.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, ThresholdDisplay
    >>> X, y = make_classification(n_samples=1000, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", decision="f1", epochs=10, random_state=0).fit(X[:500], y[:500])
    >>> display = ThresholdDisplay.from_estimator(clf, X[500:], y[500:])
    """

    cost_ax_: Axes | None
    lines_: dict[str, Line2D]

    def __init__(
        self,
        thresholds: np.ndarray,
        scores: dict[str, np.ndarray],
        *,
        threshold: float | None,
        prevalence: float,
        pos_label: Any,
        name: str | None = None,
    ) -> None:
        self.thresholds, self.scores, self.threshold = thresholds, scores, threshold
        self.prevalence, self.pos_label, self.name = prevalence, pos_label, name

    @classmethod
    def _options_of(cls, estimator, clf, positive, X, proba):
        """Return the threshold that is used, and costs where the classifier decides by them."""
        options = {"threshold": used_threshold(estimator, positive, proba, partial(estimator.predict, X))}
        if has_strategy(clf) and len(clf.classes_) == 2:
            rule = Decision(clf.decision, clf.classes_, own_positive(clf))
            if rule.kind == "costs":
                options["costs"] = rule.value if positive else rule.value[::-1, ::-1]
        return options

    @classmethod
    def from_predictions(
        cls,
        y_true: ColumnLike,
        y_proba: ArrayLike,
        *,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        threshold: float | None = None,
        costs: CostsLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        scale: Literal["auto", "linear", "log"] = "auto",
        show: Sequence[str] = SCORES,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the thresholds of given probabilities.

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
        threshold : float, default=None
            Threshold to mark.
        costs : dict or array-like of shape (2, 2), default=None
            ``{"fp": cost, "fn": cost}``, or [true, called], the label that is looked for last.
        name, ax, scale, show, **line_kwargs
            As `plot` takes them.

        Returns
        -------
        ThresholdDisplay
        """
        is_positive, proba, weight, pos_label = as_rows(y_true, y_proba, pos_label, sample_weight)
        if threshold is not None and not (is_number(threshold) and threshold >= 0):
            raise ValueError(f"threshold={threshold!r} is not allowed; it takes None or a number of zero or more.")
        thresholds, found, alarms = cumulated(is_positive, proba, weight)
        share = found[-1]
        scores = {
            "precision": found / (found + alarms),
            "recall": found / share,
            "F1": 2 * found / (found + alarms + share),
        }
        if costs is not None:
            (tn, fp), (fn, tp) = cost_matrix(costs, np.array([0, 1]))
            scores["cost"] = tn * (1 - share - alarms) + fp * alarms + fn * (share - found) + tp * found
        return cls(
            thresholds, scores, threshold=threshold, prevalence=float(share), pos_label=pos_label, name=name
        ).plot(ax, scale=scale, show=show, **line_kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        scale: Literal["auto", "linear", "log"] = "auto",
        show: Sequence[str] = SCORES,
        **line_kwargs: Any,
    ) -> Self:
        """Draw scores over thresholds.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name in the legend.
        scale : {"auto", "linear", "log"}, default="auto"
            Scale of thresholds; "auto" is logarithmic where less than a tenth of the rows have the label.
        show : str or sequence of {"precision", "recall", "F1", "cost"}, default=all
            What to draw; "cost" only where costs are known.
        **line_kwargs : dict
            What matplotlib's ``plot`` takes for the curves.

        Returns
        -------
        ThresholdDisplay
        """
        show = (show,) if isinstance(show, str) else tuple(show)
        unknown = sorted(set(show) - set(SCORES))
        if unknown:
            raise ValueError(f"show holds {unknown[0]!r}; it takes some of {list(SCORES)}.")
        show = [score for score in show if score in self.scores]
        ax, name = self._axes(ax), self.name if name is None else name
        log = probability_scale(scale, self.prevalence) == "log"
        thresholds = np.maximum(self.thresholds, max(self.prevalence / 100, 1e-6)) if log else self.thresholds
        nth = sum(line.get_gid() == show[0] for line in ax.lines)
        self.lines_, self.cost_ax_ = {}, None
        for score in show:
            on, place = (self._cost_axes(), 3) if score == "cost" and len(show) > 1 else (ax, SCORES.index(score))
            style = {"color": COLORS[place], "linestyle": STYLES[nth % len(STYLES)]} if len(show) > 1 else {}
            label = f"{name}: {score}" if name and (nth or len(show) == 1) else score
            (line,) = on.plot(
                thresholds, self.scores[score], **{"label": label, "drawstyle": "steps-pre", "gid": score} | style
                | line_kwargs,
            )  # fmt: skip
            self.lines_[score] = line
            if on is not ax:  # one legend, on the axes that have it
                ax.plot([], [], label=f"{label} (right)", color=line.get_color(), linestyle=line.get_linestyle())
        self._mark(ax, show, nth)
        ax.set(xscale="log" if log else "linear", xlim=(thresholds.min(), 1) if log else (0, 1))
        finish(
            ax, beside=1.02 if self.cost_ax_ is None else 1.16,
            xlabel=f"called {self.pos_label!r} from this probability on",
            ylabel=_NAMES.get(show[0], show[0]) if len(show) == 1 else "score",
        )  # fmt: skip
        if show != ["cost"]:
            ax.set_ylim(0, 1.03)
        return self

    def _cost_axes(self):
        """Return axes for costs, which share thresholds, with their scale on the right."""
        self.cost_ax_ = self.ax_.twinx()
        self.cost_ax_.set_ylabel(_NAMES["cost"], color=COLORS[3])
        self.cost_ax_.spines["top"].set_visible(False)
        return self.cost_ax_

    def _mark(self, ax, show, nth):
        """Mark the threshold that is used: by a line, and for curves of one score each by a dot."""
        if self.threshold is None:
            return
        if len(show) == 1:
            below = np.flatnonzero(self.thresholds >= self.threshold)
            if len(below):
                line = self.lines_[show[0]]
                dot = {"marker": "o", "markersize": 7, "markeredgecolor": "white", "zorder": 3}
                ax.plot(self.threshold, self.scores[show[0]][below[-1]], color=line.get_color(), **dot)
        elif is_first(ax, f"used {nth}"):
            never = not np.isfinite(self.threshold)
            ax.axvline(
                1.0 if never else self.threshold, color=GREY, linestyle=STYLES[nth % len(STYLES)], linewidth=1,
                gid=f"used {nth}",
                label="used (never)" if never else f"used ({self.threshold:.3g})",
            )  # fmt: skip
