"""How does the classifier's page show its parameters? The eight that matter first as a table, then all in groups."""

import re

CLASS = "skimbalance.ImbalancedKerasClassifier"
#: Parameter -> (group, when to set it).
FIRST = {
    "decision": ("decide", "always: what mistakes cost, or a precision or recall to keep"),
    "pos_label": ("data", "of two labels that are not 0/1, -1/1 or booleans"),
    "categorical_features": ("data", "if columns of numbers are codes"),
    "strategy": ("strategy", "to compare strategies"),
    "model": ("network", '"mlp" for one small network, or your own'),
    "ensemble": ("network", "None for the network alone"),
    "target_prior": ("decide", "if the share of the rare class is another one where the model is used"),
    "random_state": ("running", "to get equal numbers again"),
}
#: Group -> (title, parameters, example).
GROUPS = {
    "data": (
        "Data",
        ["pos_label", "categorical_features"],
        'ImbalancedKerasClassifier(pos_label="fraud", categorical_features=["country", "branch"])',
    ),
    "strategy": (
        "Strategy: what training sees",
        ["strategy", "gamma", "alpha", "class_weight", "loss"],
        'ImbalancedKerasClassifier(strategy="focal", gamma=1.0)\n'
        'ImbalancedKerasClassifier(strategy=["random_undersample", "class_weight"])',
    ),
    "decide": (
        "Probabilities and decisions",
        ["decision", "target_prior", "calibration"],
        'clf = ImbalancedKerasClassifier(decision={"fp": 1, "fn": 20}).fit(X, y)\n'
        "clf.set_params(target_prior=0.01).predict(X)  # where one row in a hundred is positive; no new fit",
    ),
    "network": (
        "Network and ensemble",
        ["model", "ensemble", "optimizer", "metrics"],
        'ImbalancedKerasClassifier("mlp", model__hidden_layer_sizes=(100,), optimizer__learning_rate=0.003)\n'
        'ImbalancedKerasClassifier(model__n_members=4, ensemble="forest")',
    ),
    "training": (
        "Training and held-out rows",
        [
            "epochs", "batch_size", "shuffle", "validation_split", "early_stopping", "n_iter_no_change", "callbacks",
            "warm_start",
        ],
        'ImbalancedKerasClassifier("mlp", early_stopping="average_precision", validation_split=0.2)\n'
        'ImbalancedKerasClassifier(validation_split="last")  # rows in time: the last ones are held out',
    ),
    "running": (
        "Running",
        ["random_state", "verbose", "run_eagerly", "routed"],
        "ImbalancedKerasClassifier(random_state=0, verbose=1)",
    ),
}  # fmt: skip


def regroup(app, what, name, of, options, lines):
    """Put the parameters of the classifier into groups, each with an example, below a table of the first eight."""
    if what != "class" or name not in (CLASS, "ImbalancedKerasClassifier"):
        return
    start = lines.index(":Parameters:")
    end = next(i for i in range(start + 1, len(lines)) if lines[i] and not lines[i][0].isspace())
    entries = {}
    for line in lines[start + 1 : end]:
        named = re.match(r" {4}\*{2}\\?\*{0,2}(\w+)\*{2} :|^ {4}\*\*(.*?)\*\* :", line)
        if named:
            current = entries.setdefault(named[1] or named[2].strip("\\*"), [])
        if named or entries:
            current.append(line)
    lines[start:end] = [*_table(), *(line for key in GROUPS for line in _group(key, entries))]
    if entries:
        raise ValueError(f"docs/parameter_groups.py has no group for {', '.join(entries)}.")


def _table():
    """Return the lines of the table of the parameters that matter first."""
    rows = [
        f"   * - ``{parameter}``\n     - {when}\n     - :ref:`{GROUPS[group][0]} <classifier-{group}>`"
        for parameter, (group, when) in FIRST.items()
    ]
    header = "   * - parameter\n     - set it\n     - all of the group"
    text = [".. list-table:: The parameters that matter first", "   :header-rows: 1", "", header, *rows, ""]
    return "\n".join(text).split("\n")


def _group(key, entries):
    """Return the lines of a group, whose parameters are taken from those that are left."""
    title, parameters, example = GROUPS[key]
    fields = [line for parameter in parameters for line in entries.pop(parameter)]
    code = [f"   {line}" for line in example.split("\n")]
    return [
        f".. _classifier-{key}:", "", f".. rubric:: {title}", "", ".. code-block:: python", "", *code, "",
        ":Parameters:", "", *fields, "",
    ]  # fmt: skip
