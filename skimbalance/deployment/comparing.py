"""Check an exported file: load it and compare its predictions with those of the classifier."""

import importlib
import warnings
from numbers import Number

import numpy as np

from skimbalance.data.reading import columns_of
from skimbalance.deployment.needed import need
from skimbalance.deployment.table import missing_text, text_of
from skimbalance.deployment.written import LiteGraph, SavedGraph

#: Largest error of a probability in a file: rounding errors of single precision.
TOLERANCE = 1e-4

_CANNOT_RUN = (
    "The runtime of this format cannot run the exported file, which was removed: {0}. Set another format, remove base "
    "models of other packages (ensemble) or steps of the pipeline, or deploy by pickle."
)

# Rows that the classifier predicts at once: with more, XLA would compile a program first.
_FEW = 32


def compare_file(run, names, estimator, answers, rows):
    """Compare the predictions of a file with those of an estimator.

    Parameters
    ----------
    run : SavedGraph, LiteGraph or OnnxGraph
        The loaded file.
    names : list of str or None
        Its inputs, in the order of the columns of a table, None for a column that it does not use; a single input may
        be a matrix.
    estimator : ImbalancedKerasClassifier or Pipeline
        The exported estimator.
    answers : Fitted
        The fitted state of its classifier.
    rows : ndarray or dataframe
        Rows of a table, as ``predict_proba`` takes them. Rows for which it raises are left out.

    Returns
    -------
    int
        Number of rows that were compared.

    Raises
    ------
    ValueError
        If a probability or a label differs.
    """
    columns = None if hasattr(estimator, "steps") else answers.columns
    proba, labels, kept = _answers_of(estimator, rows)
    if not kept.any():
        return 0
    given = inputs_from(run.inputs, names, columns, rows)
    try:
        found = run({name: values[kept] for name, values in given.items()})
    except Exception as error:
        raise ValueError(_CANNOT_RUN.format(" ".join(str(error).split())[:300])) from error
    differences = np.abs(np.nan_to_num(found["proba"], nan=np.inf) - proba).max(axis=1)
    row = int(differences.argmax())
    if differences[row] > TOLERANCE:
        raise ValueError(_refusal(rows, kept, row, f"gives {np.round(found['proba'][row], 6).tolist()}",
                                  f"predict_proba {np.round(proba[row], 6).tolist()}"))  # fmt: skip
    # If rounding moves a probability across the threshold, the label changes with it.
    own = answers.classes[answers.indices(found["proba"].astype(np.float64))]
    told, labels, own = (_plain(of, answers.classes, found["label"].dtype) for of in (found["label"], labels, own))
    differs = (told != labels) & (told != own)
    if differs.any():
        row = int(differs.argmax())
        raise ValueError(
            _refusal(rows, kept, row, f"gives {told.tolist()[row]!r}", f"predict {labels.tolist()[row]!r}")
        )
    return int(kept.sum())


def inputs_from(inputs, names, columns, rows):
    """Return a table as the inputs of a file.

    Parameters
    ----------
    inputs : dict of str to tuple (dtype, rank)
        Inputs of the file.
    names : list of str or None
        Its inputs, in the order of the columns.
    columns : Columns or None
        Columns of the classifier; None for the table of a pipeline.
    rows : ndarray or dataframe
        The table.

    Returns
    -------
    dict of str to ndarray
        Values by input.
    """
    parts = columns_of(rows)[1]
    if len(names) == 1 and inputs[names[0]][1] == 2 and (columns is not None or len(parts) > 1):
        dtype = inputs[names[0]][0]
        return {names[0]: np.stack([_numbers(part, dtype) for part in parts], axis=1)}
    given = {}
    for j, (name, part) in enumerate(zip(names, parts, strict=True)):
        if name is None:
            continue
        dtype, rank = inputs[name]
        levels = None if columns is None else columns.levels[j]
        values = _texts(part, levels) if dtype is object else _numbers(part, dtype)
        given[name] = values[:, None] if rank == 2 else values
    return given


class OnnxGraph:
    """A file of ONNX, loaded by onnxruntime; see `SavedGraph`."""

    _TYPES = {"tensor(string)": object, "tensor(double)": np.float64, "tensor(float)": np.float32,
              "tensor(int64)": np.int64, "tensor(bool)": np.bool_}  # fmt: skip

    def __init__(self, file):
        need("onnxruntime")
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.inputs = {of.name: (self._TYPES[of.type], len(of.shape)) for of in self._session.get_inputs()}

    def __call__(self, given):
        """Return the results of inputs by name, as arrays by name."""
        return dict(zip(("proba", "label"), self._session.run(["proba", "label"], given), strict=True))


#: What loads the file of a format.
READERS = {"saved_model": SavedGraph, "litert": LiteGraph, "onnx": OnnxGraph}


def load_file(format, path):
    """Return the file of a format as what runs it, or refuse one that its runtime does not load."""
    try:
        return READERS[format](path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(_CANNOT_RUN.format(" ".join(str(error).split())[:300])) from error


def _answers_of(estimator, rows):
    """Return probabilities and labels of rows, predicted a few at a time, and a mask of rows without an error."""
    kept, proba, labels = np.zeros(len(rows), dtype=bool), [], []

    def ask(begin, end):
        part = rows[begin:end] if isinstance(rows, np.ndarray) else _slice(rows, begin, end)
        try:
            found = estimator.predict_proba(part), estimator.predict(part)
        except ValueError:
            if end - begin > 1:
                middle = (begin + end) // 2
                ask(begin, middle)
                ask(middle, end)
            return
        kept[begin:end] = True
        proba.append(found[0])
        labels.append(found[1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # made-up rows have no names of columns
        for begin in range(0, len(rows), _FEW):
            ask(begin, min(begin + _FEW, len(rows)))
    return (np.concatenate(proba), np.concatenate(labels), kept) if proba else (proba, labels, kept)


def _slice(rows, begin, end):
    """Return some rows of a frame."""
    return rows.iloc[begin:end] if hasattr(rows, "iloc") else rows[begin:end]


def _plain(labels, classes, dtype):
    """Return labels as a file gives them: of one-hot rows, their columns; numbers rounded as there."""
    labels = np.asarray(labels)
    labels = (classes[labels.argmax(axis=1)] if labels.ndim == 2 else labels).tolist()
    plain = np.array([label.decode() if isinstance(label, bytes) else label for label in labels])
    return plain.astype(dtype) if dtype.kind == "f" else plain


def _numbers(column, dtype):
    """Return a column as numbers; missing values are NaN."""
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    if values.dtype == object:
        values = np.array([np.nan if v is None or v != v else v for v in values.tolist()], dtype=np.float64)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _texts(column, levels):
    """Return a column as texts, missing values as the text that stands for them."""
    values = column.to_list() if hasattr(column, "to_list") else np.asarray(column, dtype=object).tolist()
    missing = missing_text(levels or [])
    return np.array([missing if _is_missing(v) else text_of(v) for v in values], dtype=object)


def _is_missing(value):
    """Whether a value is missing."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, Number) and value != value)


def _refusal(rows, kept, row, told, expected):
    """Return the error message for a file whose predictions differ."""
    where = np.flatnonzero(kept)[row]
    values = columns_of(rows)[1]
    shown = ", ".join(repr(np.asarray(column, dtype=object)[where]) for column in values[:8])
    return (
        f"The exported file predicts otherwise than the classifier, and was removed: for the row ({shown}"
        f"{', ...' if len(values) > 8 else ''}) it {told}, {expected}. A part of the classifier is computed "
        "differently in this format: set another format, remove base models of other packages (ensemble) or steps "
        "of the pipeline, or deploy by pickle."
    )
