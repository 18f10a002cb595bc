"""How does a result look in a notebook? Plain tables and paragraphs, in the colours of the page, light or dark."""

import html

# Rows of a table from which it scrolls.
_MANY = 25
_LEFT, _LONG = ' style="text-align: left"', ' style="max-height: 40em; overflow: auto"'


def table(head, rows, n_text=None):
    """Return a table; whatever its cells hold is shown as it is written.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells of each row; where there are fewer than columns, the last one takes the place of the others.
    n_text : int, default=None
        How many columns, from the first, hold text; the others hold numbers, which are aligned to the right. None is
        all of them.
    """
    n_text = len(head) if n_text is None else n_text
    body = "".join(_row(row, "td", n_text, len(head)) for row in rows)
    found = f"<table><thead>{_row(head, 'th', n_text, len(head))}</thead><tbody>{body}</tbody></table>"
    return f"<div{_LONG}>{found}</div>" if len(rows) > _MANY else found


def paragraph(text):
    """Return a paragraph of text."""
    return f"<p>{html.escape(text)}</p>"


def _row(cells, tag, n_text, width):
    """Return a row of a table."""
    written = []
    for i, cell in enumerate(cells):
        rest = width - i if i == len(cells) - 1 < width - 1 else 1
        span = f' colspan="{rest}"' if rest > 1 else ""
        align = _LEFT if i < n_text or rest > 1 else ""
        written.append(f"<{tag}{align}{span}>{html.escape(str(cell))}</{tag}>")
    return f"<tr>{''.join(written)}</tr>"
