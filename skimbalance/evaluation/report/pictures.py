"""Pictures of a comparison as SVG, which takes its colours from the page and needs no network."""

import html
import io

import numpy as np

#: Colours of matplotlib that the page names, so that they can be others where it is dark.
_COLORS = {
    "#010203": "currentColor", "#dddddd": "var(--faint)", "#777777": "var(--grey)", "#0072b2": "var(--first)",
    "#d55e00": "var(--second)", "#009e73": "var(--third)",
}  # fmt: skip
_INK = "#010203"
_PARTS = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
#: Inches of a picture, which is read on a phone as well.
_SIZE = (4.8, 4.4)

#: Pictures of two classes: what each shows, as a title and a sentence.
_OF_TWO = {
    "precision_recall": (
        "Precision by the share that is found (recall)",
        "The higher a curve, the more of the rows that are predicted to be {label} are so (precision) where the share "
        "of {label} on the lower axis is found (recall).",
    ),
    "threshold": (
        "{Score} by the threshold",
        "Each curve shows {score} over the probability from which {label} is predicted; a dot marks the threshold in "
        "use.",
    ),
    "reliability": (
        "The share of {label} by the predicted probability",
        "Of the rows with the probability on the lower axis, the share on the left axis is {label}; a good model lies "
        "on the dotted line.",
    ),
    "net_benefit": (
        "Net benefit, against acting always and never",
        "A curve above both grey lines is better than acting always and than acting never, for whoever acts from the "
        "probability on the lower axis on.",
    ),
}
_SCORES = (
    "Scores of the candidates, with 95 % confidence intervals",
    "A dot is the mean over the folds, and a line its 95 % confidence interval; candidates whose lines overlap widely "
    "may be equally good.",
)


def figures(found, labels):
    """Return pictures with titles and captions as HTML.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    labels : list of str
        Candidates whose curves are drawn, three at most.

    Returns
    -------
    str
        Figures; a picture that fails is its error as text, so that it does not lose the page.
    """
    if not found.scores_:
        return ""
    about = {"scores": _SCORES} | (_OF_TWO if found.pos_label_ is not None else {})
    words = {"label": repr(found.pos_label_), "score": "F1" if found.costs_ is None else "the cost of mistakes"}
    words["Score"] = words["score"][0].upper() + words["score"][1:]
    shown = []
    for kind, (title, caption) in about.items():
        picture = _svg(found if kind == "scores" else found.subset(labels), kind)
        title, caption = (html.escape(text.format(**words)) for text in (title, caption))
        shown.append(f"<figure><h3>{title}</h3>{picture}<figcaption>{caption}</figcaption></figure>")
    return "".join(shown)


def _svg(found, kind):
    """Return a plot as SVG, or its error as text."""
    import matplotlib as mpl

    ink = dict.fromkeys(_PARTS, _INK)
    figure, text = None, io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "backend": "agg", "path.simplify_threshold": 1.0} | ink):
        from matplotlib import pyplot

        try:
            figure = pyplot.figure(figsize=_SIZE, layout="constrained")
            _draw(found, kind, figure)
            figure.savefig(text, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
        except Exception as error:  # such as no curve, as the rows that were tested are all of one class
            return f"<p>{html.escape(kind)}: {html.escape(str(error))}</p>"
        finally:
            pyplot.close(figure)
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    for color, name in _COLORS.items():
        svg = svg.replace(color, name)
    return svg


def _draw(found, kind, figure):
    """Draw on a figure of our size, with the legend below."""
    if kind == "scores":
        figure.set_size_inches(_SIZE[0], 2.0 + 0.36 * len(found.scores_))
        axes = np.ravel(figure.subplots(2, 2, sharey=True))
    else:
        axes = [figure.subplots()]
    found.plot(kind, ax=axes if kind == "scores" else axes[0])
    legend = axes[0].get_legend()
    if legend is not None:
        title = legend.get_title().get_text()
        legend.remove()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower left", frameon=False, fontsize="small", title=title or None,
            alignment="left",
        )  # fmt: skip
