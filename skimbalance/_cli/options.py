"""Define the options of the command line, which are checked before a file is read."""

import argparse

from skimbalance._cli.values import at_least, costs, decision, encoding, separator

#: Names of strategies, repeated here because importing their table would import TensorFlow.
STRATEGIES = (
    "auto", "none", "class_weight", "power_weight", "effective_number", "balanced_batches", "focal",
    "asymmetric_focal", "poly", "logit_adjustment", "vector_scaling", "ldam", "random_oversample",
    "random_undersample", "smote",
)  # fmt: skip

_USUAL = ("none", "auto", "class_weight", "focal", "random_undersample", "smote")

_EXAMPLE = """\
example:
  skimbalance audit customers.csv --target churned
  skimbalance compare customers.csv --target churned --drop id,date --costs fp=1,fn=25 --out report.html
  skimbalance train customers.csv --target churned --drop id,date --costs fp=1,fn=25 --out model.skb
  skimbalance predict model.skb new.csv --out scored.parquet
  skimbalance evaluate model.skb labelled.csv
  skimbalance export model.skb --out model.onnx
"""


def parser():
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="skimbalance", description="Tables in which one class is rare.", epilog=_EXAMPLE,
        usage="skimbalance COMMAND [options; COMMAND --help lists them]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = whole.add_subparsers(metavar="COMMAND", dest="command")
    for add in (_add_audit, _add_compare, _add_train, _add_predict, _add_evaluate, _add_export):
        add(commands)
    return whole


def _command(commands, name, takes, about):
    """Return the parser of one command, whose example is its line among those of all."""
    example = next(line for line in _EXAMPLE.splitlines() if f"skimbalance {name} " in line)
    return commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=f"example:\n{example}\n",
        usage=f"skimbalance {name} {takes} [options; --help lists them]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip


def _add_audit(commands):
    """Add `audit`."""
    audit = _command(commands, "audit", "FILE --target COLUMN", "look for what is wrong with a table before a fit")
    _add_table(audit)
    audit.add_argument(
        "--rows", type=at_least(4), default=1_000_000, help="rows to draw from a large file (default: 1000000)"
    )
    audit.add_argument("--folds", type=at_least(2), default=5, help="folds to be made later (default: %(default)s)")


def _add_compare(commands):
    """Add `compare`."""
    compare = _command(
        commands, "compare", "FILE --target COLUMN", "compare strategies on a table, by cross-validation"
    )
    _add_table(compare)
    _add_rule(compare, "costs of mistakes, by which to compare as well: fp=1,fn=25")
    compare.add_argument(
        "--strategies", nargs="+", choices=STRATEGIES, metavar="NAME", default=_USUAL,
        help=f"strategies to compare, of {', '.join(STRATEGIES)} (default: {' '.join(_USUAL)})",
    )  # fmt: skip
    _add_model(compare)
    compare.add_argument("--folds", type=at_least(2), default=5, help="folds, 2 or more (default: %(default)s)")
    compare.add_argument(
        "--rows", type=at_least(4), default=20_000, help="rows to draw from a larger table (default: 20000)"
    )
    compare.add_argument(
        "--no-baselines", dest="baselines", action="store_false",
        help="leave out the constant, the logistic regression and boosted trees (scikit-learn's, and CatBoost and "
        "LightGBM where installed)",
    )  # fmt: skip
    compare.add_argument("--out", help="file for a page in HTML, pictures and importance of columns included")


def _add_train(commands):
    """Add `train`."""
    train = _command(
        commands, "train", "FILE --target COLUMN --out MODEL", "fit a classifier on all rows, and write it to a file"
    )
    _add_table(train)
    _add_rule(train, "costs of mistakes, which the decision rule minimises without --decision: fp=1,fn=25")
    train.add_argument(
        "--strategy", choices=STRATEGIES, metavar="NAME", default="auto",
        help=f"strategy, of {', '.join(STRATEGIES)} (default: auto)",
    )  # fmt: skip
    _add_model(train)
    train.add_argument(
        "--folds", type=at_least(2), default=5,
        help="folds by which held-out rows are predicted (default: 5; of more than 50,000 rows, one of them)",
    )  # fmt: skip
    train.add_argument(
        "--rows", type=at_least(4), help="rows to draw from a larger table (default: all that fit into memory)"
    )
    train.add_argument("--out", required=True, help="file to write, such as model.skb")
    train.add_argument("--out-page", help="file for a page in HTML, as compare --out writes")


def _add_predict(commands):
    """Add `predict`."""
    predict = _command(
        commands, "predict", "MODEL FILE --out SCORED", "add the probability and the decision to the rows of a file"
    )
    predict.add_argument("model", help="file that `train` wrote")
    _add_file(predict)
    predict.add_argument("--out", required=True, help="file to write: .parquet, .csv or .csv.gz")
    predict.add_argument("--overwrite", action="store_true", help="replace the file if it exists")


def _add_evaluate(commands):
    """Add `evaluate`."""
    evaluate = _command(
        commands, "evaluate", "MODEL FILE", "score a model on a labelled file, or estimate the share without labels"
    )
    evaluate.add_argument("model", help="file that `train` wrote")
    _add_file(evaluate)
    evaluate.add_argument("--weights", metavar="NAME", help="column of weights of rows, 0 or more")
    evaluate.add_argument("--costs", type=costs, help="costs of mistakes (default: those of `train`)")
    evaluate.add_argument(
        "--choose", type=decision, metavar="RULE", help="choose a decision rule on these rows; needs --out"
    )
    evaluate.add_argument("--out", help="file for the model with the rule of --choose")


def _add_export(commands):
    """Add `export`."""
    export = _command(commands, "export", "MODEL --out FILE", "write a model for other runtimes")
    export.add_argument("model", help="file that `train` wrote")
    export.add_argument(
        "--out", required=True, help="a file .onnx (onnxruntime) or .tflite (LiteRT), or a folder (TensorFlow)"
    )


def _add_file(command):
    """Add the options for reading a file."""
    command.add_argument("file", help="table with a header: CSV, compressed or not, or parquet")
    command.add_argument("--sep", type=separator, help="separator of a CSV; detected by default")
    command.add_argument(
        "--encoding", type=encoding, help="encoding of a CSV; UTF-8, UTF-16 or Windows-1252 are detected"
    )
    command.add_argument("--decimal", choices=[".", ","], help="decimal sign of a CSV; detected by default")


def _add_table(command):
    """Add the options for reading a table with a target."""
    _add_file(command)
    command.add_argument("--target", required=True, help="column to predict")
    command.add_argument("--pos-label", help="label to find, of two; the rarer one by default")
    command.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="NAME,NAME",
        help="columns to leave out, such as ids and dates; auto: those that the audit finds",
    )
    command.add_argument(
        "--categorical", action="append", default=[], metavar="NAME,NAME", help="columns of numbers that are codes"
    )
    command.add_argument("--groups", metavar="NAME", help="column of groups, such as customers; not a feature")
    command.add_argument("--weights", metavar="NAME", help="column of weights of rows, 0 or more; not a feature")
    command.add_argument(
        "--dates", choices=["expand"], help="expand: replace dates by year, month, day, weekday, hour and day number"
    )


def _add_rule(command, about_costs):
    """Add the options for mistakes and decisions."""
    command.add_argument("--costs", type=costs, help=about_costs)
    command.add_argument(
        "--decision", type=decision, metavar="RULE",
        help='decision rule: f1, mcc, 0.3, "precision>=0.8", "recall>=0.9", rate=0.01, top=100 (default: by --costs)',
    )  # fmt: skip


def _add_model(command):
    """Add the options for the network and its seed."""
    command.add_argument(
        "--model", choices=["realmlp", "mlp"], default="realmlp", help="network (default: %(default)s)"
    )
    command.add_argument("--seed", type=at_least(0), default=0, help="random seed (default: %(default)s)")
