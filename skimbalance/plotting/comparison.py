"""Plots of a comparison: scores with their intervals, and displays with a curve for each candidate."""

import numpy as np

from skimbalance.plotting.display import COLORS, FAINT, GREY, STYLES, finish, new_axes, one_legend, plain
from skimbalance.plotting.net_benefit import NetBenefitDisplay
from skimbalance.plotting.reliability import ReliabilityDisplay
from skimbalance.plotting.threshold import ThresholdDisplay
from skimbalance.probability.decision import Decision

#: Scores that "scores" draws.
SCORES = ("average precision", "log-loss", "F1", "balanced accuracy")


def plot_comparison(comparison, kind, ax=None):
    """Draw a comparison.

    Parameters
    ----------
    comparison : StrategyComparison
        What was compared.
    kind : str
        What to draw, one of `KINDS`.
    ax : matplotlib Axes or array of these, default=None
        Where to draw; None makes a figure. "scores" takes as many as there are `SCORES`, "history" two.

    Returns
    -------
    ndarray of matplotlib Axes
        What was drawn on.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown; it takes {', '.join(map(repr, KINDS))}.")
    if not comparison.scores_:
        raise ValueError(f"There is nothing to draw, as every candidate failed: {comparison.errors_}")
    if comparison.pos_label_ is None and kind in OF_TWO_CLASSES:
        raise ValueError(f'kind="{kind}" is for two classes; use "scores" for more.')
    if kind in OF_TWO_CLASSES:
        _check_rows(comparison, kind)
    return np.ravel(KINDS[kind](comparison, ax))


def _check_rows(comparison, kind):
    """Raise if all rows are of one class, before a figure is created."""
    _, _, y, _, weight = next(_curves(comparison))
    is_positive = (y == comparison.pos_label_)[slice(None) if weight is None else weight > 0]
    if not 0 < is_positive.sum() < len(is_positive):
        raise ValueError(
            f"{is_positive.sum()} of the {len(is_positive)} rows that were tested have the label "
            f"{comparison.pos_label_!r}; kind={kind!r} takes rows with and without it."
        )


def _plot_scores(comparison, ax):
    """Draw a dot and an interval for each candidate and score, the best at the top."""
    labels = comparison.ordered()[::-1]
    if ax is None:
        ax = new_axes((3.0 * len(SCORES), 1.0 + 0.35 * len(labels)), len(SCORES), sharey=True)
    axes = np.ravel(ax)
    if len(axes) != len(SCORES):
        raise ValueError(f"ax holds {len(axes)} axes; kind='scores' takes one for each of {list(SCORES)}.")
    for axis, score in zip(axes, SCORES, strict=True):
        for place, label in enumerate(labels):
            mean, low, high = comparison.interval(label, score)
            color = COLORS[0] if label == comparison.ordered(score)[0] else GREY
            if np.isfinite(low):
                axis.hlines(place, low, high, color=color, linewidth=1.5)
            axis.plot(mean, place, "o", color=color)
        axis.set(title=score, xlabel=f"{'less' if score in comparison.less_is_better else 'more'} is better")
        axis.grid(axis="x", color=FAINT, linewidth=0.6)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(labels)), [_named(comparison, label) for label in labels])
    return axes


def _plot_precision_recall(comparison, ax):
    """Draw precision over recall of out-of-fold probabilities, with the curves on which F1 is the same."""
    from sklearn.metrics import precision_recall_curve

    ax = new_axes((8.6, 4.8)) if ax is None else ax
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 200)
        ax.plot(recall, f1 * recall / (2 * recall - f1), color=FAINT, linewidth=0.8, zorder=0)
        ax.annotate(
            f"F1 = {f1}", (1.02, f1 / (2 - f1)), color="#999999", fontsize=8, va="center", annotation_clip=False
        )
    for label, style, y, proba, weight in _curves(comparison):
        is_positive = y == comparison.pos_label_
        precision, recall, _ = precision_recall_curve(is_positive, proba, sample_weight=weight)
        of_label = f"{_named(comparison, label)} ({comparison.interval(label)[0]:.3f})"
        ax.plot(recall, precision, drawstyle="steps-post", label=of_label, **style)
    share = np.average(is_positive, weights=weight)
    ax.axhline(share, color=GREY, linewidth=0.8, linestyle=":", label=f"chance ({share:.3f})")
    finish(
        ax, beside=1.12, xlim=(0, 1.01), ylim=(0, 1.03),
        xlabel=f"recall: share of {comparison.pos_label_!r} that is found",
        ylabel="precision: share of what is found that is so",
    )  # fmt: skip
    ax.get_legend().set_title("average precision")
    return ax


def _plot_reliability(comparison, ax):
    """Draw the reliability of every candidate's out-of-fold probabilities."""
    for label, style, *rows in _curves(comparison):
        ax = _draw(ReliabilityDisplay, comparison, rows, ax, name=_named(comparison, label), **style)
    return ax


def _plot_threshold(comparison, ax):
    """Draw F1 over the threshold, or the cost of a row where costs are known, with a dot where each decides.

    That is the threshold of its labels for F1, and for costs, by which all are compared, that of least expected cost.
    """
    costs, score, thresholds = comparison.costs_, "F1", comparison.thresholds_
    if costs is not None:
        positive = comparison.classes_.tolist().index(comparison.pos_label_)
        any_prior = np.array([0.5, 0.5])  # costs hold at the prior of the probabilities, whatever that is
        threshold = Decision(costs, comparison.classes_, positive).threshold(any_prior, any_prior)
        score, thresholds = "cost", dict.fromkeys(comparison.scores_, threshold)
        costs = costs if positive else costs[::-1, ::-1]
    for label, style, *rows in _curves(comparison):
        of_label = {"threshold": thresholds.get(label), "costs": costs, "label": _named(comparison, label)}
        ax = _draw(ThresholdDisplay, comparison, rows, ax, show=score, **of_label, **style)
    return ax


def _plot_net_benefit(comparison, ax):
    """Draw the decision curve of every candidate."""
    for label, style, *rows in _curves(comparison):
        ax = _draw(NetBenefitDisplay, comparison, rows, ax, name=_named(comparison, label), **style)
    return ax


def _draw(display, comparison, rows, ax, **options):
    """Draw one candidate's rows, and return the axes."""
    y, proba, weight = rows
    pos_label = comparison.pos_label_
    return display.from_predictions(y, proba, sample_weight=weight, pos_label=pos_label, ax=ax, **options).ax_


def _plot_history(comparison, ax):
    """Draw the loss of held-out rows (of training, where none are) and their average precision, a line a fold."""
    if not comparison.histories_:
        raise ValueError("There is nothing to draw: no candidate has a history of training.")
    axes = np.ravel(new_axes((10.0, 4.0), 2) if ax is None else ax)
    if len(axes) != 2:
        raise ValueError(f"ax holds {len(axes)} axes; kind='history' takes one for losses and one for scores.")
    for i, (label, folds) in enumerate(comparison.histories_.items()):
        for fold, history in enumerate(folds):
            for on, key in zip(axes, ("val_loss" if "val_loss" in history else "loss", "val_average_precision"),
                               strict=True):  # fmt: skip
                values = history.get(key, ())
                on.plot(
                    np.arange(1, len(values) + 1), values, linewidth=0.9,
                    label=None if fold else _named(comparison, label), **_style(i),
                )  # fmt: skip
    for on, name in zip(axes, ("loss", "average precision of held-out rows"), strict=True):
        finish(on, xlabel="epoch", ylabel=name)
    one_legend(axes)
    return axes


def _curves(comparison):
    """Yield for each candidate, best first, its label, its style, and the labels, probabilities and weights of rows.

    All curves are of the same rows. A candidate that is set aside, as it failed in too many folds, has none.
    """
    compared = comparison.shared_folds("log-loss")[1]
    labels = [label for label in comparison.ordered() if label in compared]
    tested = np.logical_and.reduce([~np.isnan(comparison.oof_proba_[label][:, 0]) for label in labels])
    for i, label in enumerate(labels):
        yield label, _style(i), *comparison.out_of_fold(label, tested)


def _named(comparison, label):
    """Return a label as text that matplotlib draws literally and shows in a legend."""
    shown = plain(comparison.short_labels()[label])
    return f"\N{ZERO WIDTH SPACE}{shown}" if shown.startswith("_") else shown


def _style(i):
    """Return how the curve of the i-th candidate is drawn."""
    return {"color": COLORS[i % len(COLORS)], "linestyle": STYLES[i // len(COLORS) % len(STYLES)]}


#: What can be drawn.
KINDS = {
    "scores": _plot_scores,
    "precision_recall": _plot_precision_recall,
    "reliability": _plot_reliability,
    "threshold": _plot_threshold,
    "net_benefit": _plot_net_benefit,
    "history": _plot_history,
}
OF_TWO_CLASSES = ("precision_recall", "reliability", "threshold", "net_benefit")
