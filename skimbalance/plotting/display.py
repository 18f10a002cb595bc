"""What all displays share: probabilities, the label they are of, axes and legends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skimbalance._nesting import has_strategy, inner_classifier
from skimbalance._warnings import warn
from skimbalance.data.numeric_input import as_numbers, check_weights
from skimbalance.probability.positive import known_positive, undetermined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from skimbalance._typing import Classifier, ColumnLike, TableLike

# Colours of Okabe and Ito, which colour-blind readers can distinguish, and line styles for further curves.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":", "-.")
GREY, FAINT = "#777777", "#dddddd"
_LEGEND = {"frameon": False, "fontsize": "small"}

# Odds of a label, of which one is this many times the other, are of two populations.
_OTHER_ODDS = 1.5

#: Share of positive rows below which probabilities are drawn on a logarithmic axis.
RARE = 0.1


class ShownAsPicture:
    """Mixin of displays: a notebook shows the picture alone, and once."""

    def _ipython_display_(self):
        """Show the figure, unless the notebook does so by itself at the end of the cell that drew it."""
        if not hasattr(self, "figure_"):
            raise NotImplementedError  # by which IPython is told to show the text
        figure = self.figure_.figure  # of a figure inside another, that one
        if not _is_open(figure):
            from IPython.display import display

            display(figure)


def _is_open(figure):
    """Whether pyplot has a figure, and not another one of its number, which is given anew after a cell."""
    plt, number = import_pyplot(), getattr(figure, "number", -1)
    if not plt.fignum_exists(number):
        return False
    current = plt.gcf().number
    found = plt.figure(number)
    plt.figure(current)
    return found is figure


class ProbabilityDisplay(ShownAsPicture):
    """Base class of displays of the probabilities of one label against the others."""

    ax_: Axes
    figure_: Figure

    @classmethod
    def from_estimator(
        cls,
        estimator: Classifier,
        X: TableLike,
        y: ColumnLike,
        *,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Draw the predictions of a fitted classifier for held-out rows.

        Parameters
        ----------
        estimator : classifier with ``predict_proba``, or a pipeline or search that ends in one
            Fitted.
        X : {array-like, dataframe} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels.
        pos_label : label, default=None
            Positive label; None is the classifier's own, or 1 or True. Of more than two classes it is told
            from all others.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        name : str, default=None
            Name in the legend; None is that of the class.
        ax : matplotlib Axes, default=None
            Where to draw; ``display.ax_`` of another display puts a curve beside its own. None makes a figure.
        **options : dict
            What `from_predictions` takes besides.

        Returns
        -------
        display
            With `ax_`, `figure_` and what was drawn.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If it is not determined which label is positive.

        Warns
        -----
        UserWarning
            If the probabilities of a classifier of this package refer to another share of the label than the rows have.
        """
        check_is_fitted(estimator)
        clf = inner_classifier(estimator)
        classes = estimator.classes_.tolist()
        if pos_label is None:
            pos_label = getattr(clf, "pos_label_", None)
        positive = _position(pos_label, classes)
        sample_weight = check_weights(sample_weight, len(column_or_1d(y)))
        proba = estimator.predict_proba(X)
        options = {**cls._options_of(estimator, clf, positive, X, proba), **options}
        if has_strategy(clf):
            _warn_of_other_shares(clf, positive, np.asarray(y) == classes[positive], sample_weight)
        return cls.from_predictions(
            y, proba[:, positive], pos_label=classes[positive], sample_weight=sample_weight,
            name=type(clf).__name__ if name is None else name, ax=ax, **options,
        )  # fmt: skip

    @classmethod
    def _options_of(cls, estimator, clf, positive, X, proba):
        """Return options of `from_predictions` that a fitted estimator, or the classifier inside it, determines."""
        return {}

    def _axes(self, ax, size=(8.0, 4.5)):
        """Set `ax_` and `figure_`, and return the axes."""
        if ax is None:
            ax = new_axes(size)
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def _warn_of_other_shares(clf, positive, is_positive, sample_weight):
    """Warn if probabilities refer to another class prior than that of the rows, unless the user has set it.

    That is so after a sampler in front of the classifier, which hides the shares that there were before.
    """
    if not isinstance(clf.target_prior, str):
        return
    said = float((clf.prior_ if clf.target_prior == "fit" else clf.train_prior_)[positive])
    share = np.average(is_positive, weights=sample_weight)
    n_rows = (
        len(is_positive) if sample_weight is None else np.sum(sample_weight) ** 2 / np.sum(np.square(sample_weight))
    )
    odds = said / (1 - said) * (1 - share) / max(share, 1e-300)
    if 1 / _OTHER_ODDS < odds < _OTHER_ODDS or abs(said - share) < 5 * np.sqrt(said * (1 - said) / n_rows):
        return
    warn(
        f"The probabilities of {type(clf).__name__} refer to a population of which {said:.1%} have the label "
        f"{clf.classes_.tolist()[positive]!r}; of these rows, {share:.1%} have. Set target_prior to the shares of the "
        "rows' population, to compare like with like."
    )


def as_rows(y_true, y_proba, pos_label, sample_weight):
    """Return which rows are positive, their probabilities, their weights, and the label that is looked for.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba : array-like of shape (n_samples,)
        Probabilities of the positive label.
    pos_label : label or None
        That label; None is 1 or True.
    sample_weight : array-like of shape (n_samples,) or None
        Weights.

    Returns
    -------
    is_positive : ndarray of bool, shape (n_samples,)
    proba, weight : ndarray of float64, shape (n_samples,)
    pos_label : label

    Rows of weight zero are left out.
    """
    y_true, proba = column_or_1d(y_true), as_numbers(y_proba, "y_proba")
    if proba.ndim != 1:
        raise ValueError(
            f"y_proba has shape {proba.shape}; it takes the probabilities of the positive label alone, such as "
            "clf.predict_proba(X)[:, 1]."
        )
    check_consistent_length(y_true, proba)
    if not len(proba):
        raise ValueError("y_true and y_proba have no rows; a curve needs rows with and without the label.")
    if not (np.isfinite(proba).all() and proba.min() >= 0 and proba.max() <= 1):
        raise ValueError(f"y_proba lies in [{proba.min()}, {proba.max()}]; it takes probabilities, in [0, 1].")
    weight = check_weights(sample_weight, len(proba))
    weight = np.ones(len(proba)) if weight is None else weight
    y_true, proba, weight = y_true[weight > 0], proba[weight > 0], weight[weight > 0]
    classes = np.unique(y_true).tolist()
    if pos_label is None:
        pos_label = 1 if len(classes) == 1 else classes[_position(None, classes)]
    is_positive = y_true == pos_label
    if not 0 < is_positive.sum() < len(is_positive):
        raise ValueError(
            f"{is_positive.sum()} of {len(is_positive)} rows have the label {pos_label!r}; a curve takes rows with and "
            f"without it. The labels are {classes[:20]}."
        )
    return is_positive, proba, weight, pos_label


def _position(pos_label, classes):
    """Return the position of the positive label."""
    if len(classes) > 2 and pos_label in classes:
        return classes.index(pos_label)
    positive = known_positive(pos_label, classes)
    if positive is None:
        raise undetermined("The curve", classes, classes[-1])
    return positive


def cumulated(is_positive, proba, weight):
    """Return what is found at each threshold that a probability is.

    Returns
    -------
    thresholds : ndarray of shape (n_thresholds,)
        From the highest down; a row is called positive from its threshold on.
    found, false_alarms : ndarray of shape (n_thresholds,)
        Shares of all rows, by weight.
    """
    order = np.argsort(-proba, kind="stable")
    p, weight, is_positive = proba[order], weight[order] / weight.sum(), is_positive[order]
    last = np.r_[np.flatnonzero(np.diff(p)), len(p) - 1]
    return p[last], np.cumsum(weight * is_positive)[last], np.cumsum(weight * ~is_positive)[last]


def new_axes(size, n_axes=1, **how):
    """Return axes of a new figure, in our colours."""
    pyplot = import_pyplot()
    axes = pyplot.subplots(1, n_axes, figsize=size, layout="constrained", **how)[1]
    for ax in np.ravel(axes):
        ax.set_prop_cycle(color=COLORS)
    return axes


def finish(ax, beside=1.02, **labels):
    """Name the axes, and put a legend where it covers nothing: beside them, where the figure makes room for it."""
    ax.set(**{name: plain(of) if isinstance(of, str) else of for name, of in labels.items()})
    ax.spines[["top", "right"]].set_visible(False)
    makes_room = ax.figure.get_layout_engine() is not None
    ax.legend(**(_beside(beside) if makes_room else {"loc": "best"}), **_LEGEND)


def plain(text):
    """Return text that matplotlib draws literally, not as a formula."""
    return text.replace("$", r"\$")


def one_legend(axes):
    """Leave one legend, at the last axes, of all that is named on any of them."""
    entries = {}
    for ax in axes:
        entries |= {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        ax.get_legend().remove()
    axes[-1].legend(entries.values(), entries.keys(), **_beside(1.02), **_LEGEND)


def _beside(place):
    """Return the place of a legend beside the axes."""
    return {"loc": "upper left", "bbox_to_anchor": (place, 1)}


def named(name, facts):
    """Return the entry of a curve in the legend: facts below its name."""
    return f"{name}\n{facts}" if name else facts


def is_first(ax, reference):
    """Return whether axes have no line of reference of this name yet, that all curves share."""
    return all(line.get_gid() != reference for line in ax.lines)


def probability_scale(scale, share):
    """Return the scale of an axis of probabilities."""
    if scale not in ("auto", "linear", "log"):
        raise ValueError(f'scale={scale!r} is unknown; it takes "auto", "linear" or "log".')
    return ("log" if share < RARE else "linear") if scale == "auto" else scale


def import_pyplot():
    """Return matplotlib's pyplot, or raise with how to install it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'skimbalance[plot]'.") from error
    return plt
