"""``python -m skimbalance compare FILE --target COLUMN``: compare remedies on a table, from the command line."""

import argparse
import html
import io
import sys
from importlib.util import find_spec
from pathlib import Path

#: Pictures on the page of a comparison, besides scores, where there are two classes.
_OF_TWO = ("precision_recall", "threshold", "reliability", "net_benefit")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 14px; } td, th { padding: .3rem .7rem; text-align: right; }
td:first-child, th:first-child { text-align: left; } tbody tr:nth-child(odd) { background: #f4f4f4; }
h1 { overflow-wrap: anywhere; } svg { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
"""


def main(arguments=None):
    """Run the command; return what the process is to end with."""
    options = _parser().parse_args(arguments)
    if options.out:
        _check_page(options.out)
    from skimbalance import ImbalancedKerasClassifier, compare_strategies

    X, y, pos_label = _read(options)
    strategies = {name: name for name in options.strategies}
    if y.nunique() == 2:
        strategies["auto, F1 rule"] = {"strategy": "auto", "decision": "f1"}
    clf = ImbalancedKerasClassifier(options.model, pos_label=pos_label)
    found = compare_strategies(
        clf, X, y, strategies=strategies, cv=options.folds, pos_label=pos_label, costs=options.costs, random_state=0
    )
    print(found)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(_page(found, f"{options.target} in {Path(options.file).name}"))
        print(f"\nWritten to {options.out}")
    return 0 if found.scores_ else 1


def _parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m skimbalance", description="Tables in which one class is rare.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    compare = commands.add_parser("compare", help="compare remedies on a table, by cross-validation")
    compare.add_argument("file", help="table with a header: CSV, or parquet")
    compare.add_argument("--target", required=True, help="column to predict")
    compare.add_argument("--pos-label", help="label to find, of two; the rarer one by default")
    compare.add_argument("--costs", type=_costs, help="costs of mistakes, by which to compare as well: fp=1,fn=25")
    compare.add_argument(
        "--strategies", nargs="+", default=["none", "auto", "class_weight", "focal", "random_undersample", "smote"],
        help="remedies by name (default: %(default)s)",
    )  # fmt: skip
    compare.add_argument(
        "--model", choices=["realmlp", "mlp"], default="realmlp", help="network (default: %(default)s)"
    )
    compare.add_argument("--folds", type=int, default=5, help="folds (default: %(default)s)")
    compare.add_argument("--rows", type=int, default=20_000, help="rows to draw from a larger table (default: 20,000)")
    compare.add_argument("--out", help="file for a page in HTML, pictures included")
    return parser


def _costs(text):
    """Return costs written as fp=1,fn=25."""
    try:
        costs = {name.strip(): float(value) for name, value in (part.split("=") for part in text.split(","))}
    except ValueError:
        costs = {}
    if set(costs) != {"fp", "fn"}:
        raise argparse.ArgumentTypeError(f"{text!r} are no costs; write them as fp=1,fn=25")
    return costs


def _read(options):
    """Return the features, the labels, and the positive one of two."""
    try:
        import pandas as pd
    except ImportError:
        raise SystemExit("The command reads tables by pandas: pip install pandas") from None
    read = pd.read_parquet if options.file.endswith((".parquet", ".pq")) else pd.read_csv
    try:
        table = read(options.file)
    except OSError as error:
        raise SystemExit(f"{options.file} cannot be read: {error}") from None
    if options.target not in table:
        raise SystemExit(f"There is no column {options.target!r} in {options.file}; it has {list(table.columns)}.")
    table = table.dropna(subset=[options.target])
    y = table.pop(options.target)
    counts = y.value_counts()
    if not 2 <= len(counts) <= 20:
        raise SystemExit(f"Column {options.target!r} holds {len(counts)} labels; a comparison takes 2 to 20.")
    if len(y) > options.rows:
        from sklearn.model_selection import train_test_split

        print(f"{options.rows:,} of {len(y):,} rows are drawn (--rows).", file=sys.stderr)
        table, _, y, _ = train_test_split(table, y, train_size=options.rows, stratify=y, random_state=0)
    if len(counts) > 2:
        return table, y, None
    if options.pos_label is None:
        return table, y, counts.index[-1]
    for label in counts.index:
        if str(label) == options.pos_label:
            return table, y, label
    raise SystemExit(f"No row has the label {options.pos_label!r}; the labels are {counts.index.tolist()}.")


def _check_page(path):
    """Refuse a page that could not be written, before anything is fitted."""
    if find_spec("matplotlib") is None:
        raise SystemExit("--out draws pictures, which need matplotlib: pip install 'skimbalance[plot]'.")
    if not Path(path).parent.is_dir() or Path(path).is_dir():
        raise SystemExit(f"--out={path} cannot be written; it takes a file in a folder that exists.")


def _page(found, title):
    """Return a comparison as one page that needs no other file."""
    kinds = ["scores", *_OF_TWO] if found.pos_label_ is not None else ["scores"]
    kinds = kinds if found.scores_ else []
    pictures = "".join(f"<div>{_svg(found, kind)}</div>" for kind in kinds)
    title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f'<div class="wide">{found._repr_html_()}</div>{pictures}</body></html>\n'
    )


def _svg(found, kind):
    """Return a picture as SVG, or why there is none."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "backend": "agg", "path.simplify_threshold": 1.0}):
        try:
            figure = found.plot(kind)[0].figure
        except ValueError as error:  # no curve, as the rows that were tested are all of one class
            return f"<p>{html.escape(kind)}: {html.escape(str(error))}</p>"
        figure.savefig(text, format="svg")
    mpl.pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


if __name__ == "__main__":
    sys.exit(main())
