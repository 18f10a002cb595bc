"""How does a fitted classifier become one file that runs without this package?"""

import importlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from skimbalance.deployment.answering import Answering
from skimbalance.deployment.needed import need
from skimbalance.deployment.pipelines import Scaling, split
from skimbalance.deployment.table import with_plain_names
from skimbalance.engine.graph import Lookup, compare, save, to_litert, trace


def export(estimator, path, *, format="saved_model"):
    """Write a fitted classifier as one graph, from the rows of a table to probabilities and labels.

    Its result ``proba`` is what ``predict_proba`` shows, at `target_prior`, members averaged, the loss' link undone,
    calibrated, with all opinions; ``label`` is what ``predict`` says by `decision`, the label itself. Both follow the
    parameters as they are now. Any number of rows may be given.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier or Pipeline
        Fitted classifier, or a pipeline (of scikit-learn or imbalanced-learn) that ends in one.
    path : str or path-like
        File to write, or folder for "saved_model"; an earlier export there is replaced.
    format : {"saved_model", "onnx", "litert"}, default="saved_model"
        "saved_model" is TensorFlow's, a folder that TensorFlow, TensorFlow Serving and Keras (``TFSMLayer``) load.
        "onnx" is for onnxruntime, and takes whole pipelines that skl2onnx knows; it needs the package onnx. "litert" is
        for LiteRT (TensorFlow Lite), and computes in single precision.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If `format` is unknown, or something of the estimator cannot be exported to it; the message says what. Nothing
        is written then.
    TypeError
        If the estimator is no classifier of this package, and does not end in one.
    ImportError
        If a package is missing that the format needs.
    FileExistsError
        If `path` holds something that is no earlier export.

    Notes
    -----
    The graph has an input for each column, of shape (n_rows,) and of its name: numbers and booleans as float32 (float64
    where they lie so far from zero that float32 could not tell them apart; NaN is a gap), categories as text, or as
    float64 where they are numbers. A missing category is the empty text (or "missing", where the empty text is a
    level). The table of an array of numbers is one input "X" of shape (n_rows, n_features). TensorFlow takes no other
    names than of letters, digits and underscores: "saved_model" and "litert" have underscores for all else. The graph
    checks nothing: a row that ``predict_proba`` refuses gives NaN.

    Of a pipeline, samplers are left out. "saved_model" and "litert" take scikit-learn's scalers, and numbers as float64
    ("litert" as float32); "onnx" takes what skl2onnx takes, with its inputs: a column is of shape (n_rows, 1), text
    where an encoder of a ColumnTransformer knows it as text, else float32, its name with underscores; without a
    ColumnTransformer one matrix "X".

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, export
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(clf, f"{folder}/model.tflite", format="litert")
    """
    if format not in _WRITERS:
        raise ValueError(f"format={format!r} is unknown; it takes {', '.join(map(repr, _WRITERS))}.")
    steps, classifier = split(estimator)
    check_is_fitted(classifier)
    with _whole_or_nothing(Path(path), is_folder=format == "saved_model") as draft:
        _WRITERS[format](steps, classifier, draft)


def _write_saved_model(steps, classifier, folder):
    """Write TensorFlow's SavedModel."""
    lookup = Lookup()
    answering = Answering(classifier.answers_, "float64", lookup)
    save(_graph(answering, Scaling(steps)), answering.answers.network, lookup, folder)


def _write_litert(steps, classifier, file):
    """Write a file for LiteRT."""
    answering = Answering(classifier.answers_, "float32", compare)
    Path(file).write_bytes(to_litert(_graph(answering, Scaling(steps)), answering.answers.network))


def _graph(answering, scaling):
    """Return the whole way from columns to probabilities and labels, in TensorFlow's names."""
    inputs = with_plain_names(scaling.inputs(answering))

    def answer(**given):
        table = scaling([given[one.name] for one in inputs], answering.ops)
        proba, indices = answering.of_columns(table)
        return {"proba": proba, "label": answering.label(indices)}

    return trace(answer, {one.name: (one.dtype, one.shape) for one in inputs})


def _write_onnx(steps, classifier, file):
    """Write a file for onnxruntime: a pipeline by skl2onnx, a classifier alone without it."""
    if steps:
        need("onnx", "skl2onnx")
        importlib.import_module("skimbalance.deployment.skl2onnx_converter").write_pipeline(steps, classifier, file)
    else:
        need("onnx")
        importlib.import_module("skimbalance.deployment.onnx_model").write_onnx(classifier, file)


def register_skl2onnx(*classes):
    """Tell skl2onnx how classifiers of this package are converted, so that it takes pipelines that end in one.

    Parameters
    ----------
    *classes : type
        Subclasses of `ImbalancedKerasClassifier` to be known as well.

    Raises
    ------
    ImportError
        If skl2onnx or onnx is missing.

    Examples
    --------
    >>> from skimbalance.deployment import register_skl2onnx
    >>> register_skl2onnx()  # doctest: +SKIP
    >>> skl2onnx.to_onnx(pipeline, X[:1])  # doctest: +SKIP
    """
    need("onnx", "skl2onnx")
    converter = importlib.import_module("skimbalance.deployment.skl2onnx_converter")
    for kind in (importlib.import_module("skimbalance").ImbalancedKerasClassifier, *classes):
        converter.register(kind)


_WRITERS = {"saved_model": _write_saved_model, "onnx": _write_onnx, "litert": _write_litert}


@contextmanager
def _whole_or_nothing(path, is_folder):
    """Give a place to write to, whose content takes the place of `path` only once it is whole."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r} lies in a folder that does not exist; make it first.")
    is_earlier = not path.exists() or (
        (path / "saved_model.pb").exists() or not any(path.iterdir()) if path.is_dir() else path.is_file()
    )
    if not is_earlier or (path.exists() and path.is_dir() != is_folder):
        wanted, found = ("folder", "file") if is_folder else ("file", "folder")
        what = f"is a {found}" if path.is_dir() != is_folder else "holds something other than an earlier export"
        raise FileExistsError(f"path={str(path)!r} {what}, and the {wanted} of this format does not replace it.")
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    try:
        yield str(draft / path.name)
        if is_folder and path.exists():
            shutil.rmtree(path)
        os.replace(draft / path.name, path)
    finally:
        shutil.rmtree(draft)
