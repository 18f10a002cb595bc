"""Define and check the options of the command line, before the file is read."""

import argparse
import math

#: Names of strategies, repeated here because importing their table would import TensorFlow.
STRATEGIES = (
    "auto", "none", "class_weight", "power_weight", "effective_number", "balanced_batches", "focal",
    "asymmetric_focal", "poly", "logit_adjustment", "vector_scaling", "ldam", "random_oversample",
    "random_undersample", "smote",
)  # fmt: skip

_USUAL = ("none", "auto", "class_weight", "focal", "random_undersample", "smote")

_EXAMPLE = """\
example:
  python -m skimbalance compare customers.csv --target churned --drop id,date --costs fp=1,fn=25 --out report.html
"""


def parser():
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m skimbalance", description="Tables in which one class is rare.", epilog=_EXAMPLE,
        usage="python -m skimbalance COMMAND [options; COMMAND --help lists them]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = whole.add_subparsers(metavar="COMMAND")
    compare = commands.add_parser(
        "compare", help="compare strategies on a table, by cross-validation", epilog=_EXAMPLE,
        usage="python -m skimbalance compare FILE --target COLUMN [options; --help lists them]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _add_table(compare)
    compare.add_argument("--pos-label", help="label to find, of two; the rarer one by default")
    compare.add_argument("--costs", type=costs, help="costs of mistakes, by which to compare as well: fp=1,fn=25")
    compare.add_argument(
        "--strategies", nargs="+", choices=STRATEGIES, metavar="NAME", default=_USUAL,
        help=f"strategies to compare, of {', '.join(STRATEGIES)} (default: {' '.join(_USUAL)})",
    )  # fmt: skip
    compare.add_argument(
        "--model", choices=["realmlp", "mlp"], default="realmlp", help="network (default: %(default)s)"
    )
    compare.add_argument("--folds", type=_at_least(2), default=5, help="folds, 2 or more (default: %(default)s)")
    compare.add_argument(
        "--rows", type=_at_least(4), default=20_000, help="rows to draw from a larger table (default: 20000)"
    )
    compare.add_argument("--out", help="file for a page in HTML, pictures included")
    return whole


def _add_table(command):
    """Add the options for reading the table."""
    command.add_argument("file", help="table with a header: CSV, compressed or not, or parquet")
    command.add_argument("--target", required=True, help="column to predict")
    command.add_argument(
        "--drop", action="append", default=[], metavar="NAME,NAME", help="columns to leave out, such as ids and dates"
    )
    command.add_argument("--sep", type=_separator, help="separator of a CSV; detected by default")
    command.add_argument(
        "--encoding", type=_encoding, help="encoding of a CSV; UTF-8, UTF-16 or Windows-1252 are detected"
    )


def costs(text):
    """Return costs written as fp=1,fn=25."""
    try:
        parts = [part.split("=") for part in text.split(",")]
        found = {name.strip(): float(value) for name, value in parts}
    except ValueError:
        parts, found = [], {}
    if set(found) != {"fp", "fn"} or len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} are not costs; write them as fp=1,fn=25")
    for name, value in found.items():
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{name}={value:g} is not a cost; it takes a finite number above zero")
    return found


def _at_least(least):
    """Return a parser of integers of `least` or more."""

    def number(text):
        try:
            value = int(text.replace("_", ""))
        except ValueError:
            value = None
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer of {least} or more")
        return value

    return number


def _separator(text):
    """Return a separator of columns; a tab may be written as two characters."""
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n\0':
        raise argparse.ArgumentTypeError(f"{text!r} is not a separator; it takes one character, such as ';' or tab")
    return text


def _encoding(text):
    """Return the name of a text encoding of Python."""
    try:
        "a".encode(text)
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an encoding of Python, such as utf-8, cp1252, latin-1 or utf-16"
        ) from None
    return text
