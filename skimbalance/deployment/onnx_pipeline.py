"""Export a scikit-learn pipeline to a file for onnxruntime."""

import importlib
import warnings

import numpy as np
from onnx import compose
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skimbalance.deployment.needed import need
from skimbalance.deployment.onnx_model import OnnxAnswers, save
from skimbalance.deployment.onnx_nodes import Nodes
from skimbalance.deployment.onnx_steps import Steps, TableIsNoMatrix
from skimbalance.deployment.table import Input, with_plain_names


def write_pipeline(steps, classifier, file):
    """Write a pipeline as a file of ONNX, its steps in double precision; return its inputs' names.

    Parameters
    ----------
    steps : list of tuple (str, transformer)
        Fitted transformers.
    classifier : ImbalancedKerasClassifier
        Fitted classifier behind them.
    file : str
        File to write.

    Returns
    -------
    list of str or None
        Name of the input of each column, None for one that no step reads; or of the one matrix.

    Raises
    ------
    ValueError
        If a step is not known, or hands the classifier something other than numbers.
    """
    answers, transformers = classifier.answers_, [step for _, step in steps]
    _refuse_categories(answers.columns)
    own = OnnxAnswers(answers)
    try:
        nodes, written = _write_steps(transformers, classifier, as_matrix=not _is_by_column(transformers[0]))
    except TableIsNoMatrix:
        nodes, written = _write_steps(transformers, classifier, as_matrix=False)
    front = Nodes(prefix="/in/")
    inputs = _add_inputs(front, written, transformers[0])
    own.add_to(nodes, "label", "/proba", written.result, "float64")
    _add_proba(nodes, written.refused)
    nodes.nodes = front.nodes + nodes.nodes
    save(nodes, inputs, own.labels, file)
    names = iter([one.name for one in inputs])
    return list(names) if inputs[0].width > 1 else [None if kind is None else next(names) for kind in written.reads]


def _refuse_categories(columns):
    """Refuse a classifier that is given categories."""
    if "category" in columns.kinds:
        raise ValueError(
            f"The pipeline hands the classifier categories in {columns.where(columns.are_codes)}, and a pipeline in "
            "ONNX hands over numbers alone; encode them in it (OneHotEncoder), or export the classifier without it."
        )


def _write_steps(steps, classifier, as_matrix):
    """Return the nodes of transformers, and them, with the tensor that the classifier is given as `result`."""
    nodes, n_columns = Nodes(prefix="/"), getattr(steps[0], "n_features_in_", None)
    if n_columns is None:
        raise ValueError(
            f"{type(steps[0]).__name__}, the first step of the pipeline, does not say of how many columns the table is "
            "(n_features_in_), which the export to ONNX has to know; deploy by pickle."
        )
    written = Steps(nodes, n_columns, as_matrix, _foreign)
    columns = written.table
    for step in steps:
        columns = written.pass_through(step, columns)
    written.far(columns, classifier.answers_.columns.offset != 0)
    written.result = written.matrix(columns, classifier)
    return nodes, written


def _is_by_column(first):
    """Whether a pipeline begins with a ColumnTransformer of named columns, so that its table is an input a column."""
    while isinstance(first, Pipeline):
        first = first.steps[0][1]
    return isinstance(first, ColumnTransformer) and hasattr(first, "feature_names_in_")


def _add_inputs(front, written, first):
    """Add the nodes from the inputs of the file to the table; return the inputs.

    They are one matrix "X", or a column each, (n_rows, 1). Numbers are float32, or float64 where that could not hold
    them. Columns that no step reads are no inputs.
    """
    dtypes = np.where(written.needs_double, "float64", "float32").tolist()
    if written.table[0].tensor == "/X":
        dtype = "float64" if written.needs_double.any() else "float32"
        inputs, tensors = [Input("X", dtype, len(written.table))], ["/X"]
    else:
        names = getattr(first, "feature_names_in_", [f"x{j}" for j in range(len(written.table))])
        inputs, tensors = [], []
        for name, kind, dtype, column in zip(names, written.reads, dtypes, written.table, strict=True):
            if kind is not None:
                inputs.append(Input(name, "string" if kind == "text" else dtype, 1))
                tensors.append(column.tensor)
    outputs = [Input(name, "float64") for name in ("proba", "label")]
    inputs = with_plain_names([*outputs, *inputs])[len(outputs) :]
    for one, tensor in zip(inputs, tensors, strict=True):
        if one.dtype == "string":
            front.add("Identity", one.name, to=tensor)
        else:
            front.cast(one.name, np.float64, to=tensor)
    return inputs


def _add_proba(nodes, refused):
    """Add the nodes of the probabilities, which are NaN in rows that a step refuses in Python."""
    shown = "/proba"
    for flags in refused:
        any_of = nodes.add("ReduceMax", flags, nodes.constant([1], np.int64), keepdims=1)
        shown = nodes.add("Where", nodes.cast(any_of, bool), nodes.constant(np.nan), shown)
    nodes.add("Identity", shown, to="proba")


def _foreign(nodes, step, rows, n_columns):
    """Add a transformer by skl2onnx, if what it makes of some rows is what the transformer makes of them."""
    need("skl2onnx", "onnxruntime")
    convert = importlib.import_module("skimbalance.deployment.skl2onnx_converter").model_of_step
    for dtype in (np.float64, np.float32):  # skl2onnx computes some in single precision alone
        try:
            model = convert(step, n_columns, dtype)
            width = _check(model, step, n_columns, dtype)
            break
        except ValueError:
            if dtype is np.float32:
                raise
    rows = nodes.cast(rows, dtype)
    graph = compose.add_prefix(model, f"/{len(nodes.nodes)}/").graph
    nodes.add("Identity", rows, to=graph.input[0].name)
    nodes.nodes += graph.node
    nodes.constants += graph.initializer
    return nodes.cast(graph.output[0].name, np.float64), width


def _check(model, step, n_columns, dtype):
    """Compare what a model makes of rows with what a transformer makes of them; return the number of columns."""
    widths = set()
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # failures here are reported below
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for X, expected in _rows_of(step, n_columns, dtype):
            widths.add(expected.shape[1])
            (found,) = session.run(None, {session.get_inputs()[0].name: X})
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
            room = 1e-5 * (np.nanmax(expected, axis=0, initial=-np.inf) - np.nanmin(expected, axis=0, initial=np.inf))
            np.testing.assert_array_less(np.nan_to_num(np.abs(found - expected)) - room, 1e-12)
        (width,) = widths
    except Exception as error:  # those of onnxruntime are no public classes
        raise ValueError(
            f"skl2onnx turns {type(step).__name__} of the pipeline into ONNX that computes something else than its "
            "transform. Give the classifier the raw table, which it encodes itself, or deploy by pickle."
        ) from error
    return width


def _rows_of(step, n_columns, dtype):
    """Yield matrices of a type, and what a transformer makes of them, where it takes them."""
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 10.0, 1000.0):
        X = (scale * rng.normal(size=(200, n_columns))).astype(dtype)
        for rows in (X, np.abs(X), np.round(X), np.where(rng.random(X.shape) < 0.2, dtype(np.nan), X)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # names of columns
                    made = step.transform(rows.astype(np.float64))
            except ValueError:
                continue
            yield rows, np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)
