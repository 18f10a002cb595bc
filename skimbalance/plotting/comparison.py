"""Pictures of a comparison: scores with their intervals, and curves of precision and recall."""

import numpy as np

# Okabe and Ito's colours, which the colour-blind tell apart, and lines to tell those of more candidates.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", ":", "-.")


def plot_comparison(comparison, kind, ax=None):
    """Draw a comparison.

    Parameters
    ----------
    comparison : StrategyComparison
        What was compared.
    kind : {"scores", "precision_recall"}
        What to draw.
    ax : matplotlib Axes or array of these, default=None
        Where to draw; None makes a figure. "scores" takes as many as there are `SCORES`.

    Returns
    -------
    ndarray of matplotlib Axes
        What was drawn on.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown; it takes {', '.join(map(repr, KINDS))}.")
    if not comparison.scores_:
        raise ValueError(f"There is nothing to draw, as every candidate failed: {comparison.errors_}")
    return KINDS[kind](comparison, ax)


#: Scores that "scores" draws, and which end of each is the better one.
SCORES = {
    "average precision": "more",
    "log-loss": "less",
    "F1": "more",
    "balanced accuracy": "more",
}


def _plot_scores(comparison, ax):
    """Draw a dot and an interval for each candidate and score, the best at the top."""
    labels = comparison.ordered()[::-1]
    if ax is None:
        size = (3.0 * len(SCORES), 1.0 + 0.35 * len(labels))
        ax = _pyplot().subplots(1, len(SCORES), figsize=size, sharey=True, layout="constrained")[1]
    axes = np.ravel(ax)
    if len(axes) != len(SCORES):
        raise ValueError(f"ax holds {len(axes)} axes; kind='scores' takes one for each of {list(SCORES)}.")
    for axis, (score, better) in zip(axes, SCORES.items(), strict=True):
        for place, label in enumerate(labels):
            mean, low, high = comparison.interval(label, score)
            color = _COLORS[0] if label == comparison.best(score) else "#777777"
            if np.isfinite(low):
                axis.hlines(place, low, high, color=color, linewidth=1.5)
            axis.plot(mean, place, "o", color=color)
        axis.set(title=score, xlabel=f"{better} is better")
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(labels)), labels)
    return axes


def _plot_precision_recall(comparison, ax):
    """Draw precision over recall of out-of-fold probabilities, with the curves on which F1 is the same."""
    from sklearn.metrics import precision_recall_curve

    if comparison.pos_label_ is None:
        raise ValueError('kind="precision_recall" is for two classes; take "scores" for more.')
    if ax is None:
        ax = _pyplot().subplots(figsize=(8.6, 4.8), layout="constrained")[1]
    positive = list(comparison.classes_).index(comparison.pos_label_)
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 200)
        ax.plot(recall, f1 * recall / (2 * recall - f1), color="#dddddd", linewidth=0.8, zorder=0)
        ax.annotate(
            f"F1 = {f1}", (1.02, f1 / (2 - f1)), color="#999999", fontsize=8, va="center", annotation_clip=False
        )
    for i, label in enumerate(comparison.ordered()):
        is_positive, proba = comparison.out_of_fold(label)
        precision, recall, _ = precision_recall_curve(is_positive, proba[:, positive])
        mean = comparison.scores_[label]["average precision"].mean()
        style = {"color": _COLORS[i % len(_COLORS)], "linestyle": _STYLES[i // len(_COLORS) % len(_STYLES)]}
        ax.plot(recall, precision, drawstyle="steps-post", label=f"{label} ({mean:.3f})", **style)
    share = is_positive.mean()
    ax.axhline(share, color="#777777", linewidth=0.8, linestyle=":", label=f"chance ({share:.3f})")
    ax.set(
        xlabel=f"recall: share of {comparison.pos_label_!r} that is found",
        ylabel="precision: share of what is found that is so",
        xlim=(0, 1.01), ylim=(0, 1.03),
    )  # fmt: skip
    ax.legend(title="average precision", loc="upper left", bbox_to_anchor=(1.12, 1), frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return np.ravel(ax)


#: What can be drawn.
KINDS = {"scores": _plot_scores, "precision_recall": _plot_precision_recall}


def _pyplot():
    """Return matplotlib's pyplot, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'skimbalance[plot]'.") from error
    return plt
