"""Write a comparison as one self-contained HTML page."""

import html
import io

#: Pictures on the page, besides scores, where there are two classes.
_OF_TWO = ("precision_recall", "threshold", "reliability", "net_benefit")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 14px; } td, th { padding: .3rem .7rem; text-align: right; }
td:first-child, th:first-child { text-align: left; } tbody tr:nth-child(odd) { background: #f4f4f4; }
h1 { overflow-wrap: anywhere; } svg { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
"""


def page(found, title, said=()):
    """Return a comparison as HTML.

    Parameters
    ----------
    found : StrategyComparison
        The comparison.
    title : str
        Title of the page.
    said : sequence of str
        Notes on the table.

    Returns
    -------
    str
        The page; names of columns, files and labels are escaped.
    """
    kinds = ["scores", *_OF_TWO] if found.pos_label_ is not None else ["scores"]
    kinds = kinds if found.scores_ else []
    pictures = "".join(f"<div>{_svg(found, kind)}</div>" for kind in kinds)
    notes = "".join(f"<p>{html.escape(one)}</p>" for one in said)
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{notes}"
        f'<div class="wide">{found._repr_html_()}</div>{pictures}</body></html>\n'
    )


def _svg(found, kind):
    """Return a plot as SVG, or its error as text, so that a failed plot does not lose the page."""
    import matplotlib as mpl

    text, figure = io.StringIO(), None
    with mpl.rc_context({"svg.fonttype": "none", "backend": "agg", "path.simplify_threshold": 1.0}):
        from matplotlib import pyplot

        try:
            figure = found.plot(kind)[0].figure
            figure.savefig(text, format="svg")
        except Exception as error:  # such as no curve, as the rows that were tested are all of one class
            return f"<p>{html.escape(kind)}: {html.escape(str(error))}</p>"
        finally:
            pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]
