"""Export a fitted classifier to one file that runs without this package."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sklearn.utils.validation import check_is_fitted

from skimbalance._warnings import warn
from skimbalance.deployment.comparing import compare_file, load_file
from skimbalance.deployment.graph import Lookup, compare, save, to_litert, trace
from skimbalance.deployment.inference import Inference
from skimbalance.deployment.needed import need
from skimbalance.deployment.pipelines import Scaling, split
from skimbalance.deployment.places import mark_folder, replaced
from skimbalance.deployment.probes import probe_pipeline, probe_rows
from skimbalance.deployment.table import RESULTS, with_plain_names

if TYPE_CHECKING:
    import os

    from sklearn.base import BaseEstimator

    from skimbalance._typing import TableLike


def export(
    estimator: BaseEstimator,
    path: str | os.PathLike[str],
    *,
    format: Literal["saved_model", "onnx", "litert"] = "saved_model",
    X: TableLike | None = None,
) -> None:
    """Write a fitted classifier as one graph, from the rows of a table to probabilities and labels.

    Its output ``proba`` equals ``predict_proba``: at `target_prior`, averaged over members and base models, with the
    loss' link and the calibration; ``label`` equals ``predict`` under `decision`. Both use the current parameters. The
    graph takes any number of rows.

    The file is loaded before it is put in place, and its predictions are compared with those of the classifier on
    synthetic rows: every category, an unknown one, missing values, thresholds of trees and the numbers next to them.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier or Pipeline
        Fitted classifier, or a pipeline (of scikit-learn or imbalanced-learn) that ends in one.
    path : str or path-like
        File to write, or folder for "saved_model". An earlier export in this format there is replaced, and nothing
        else ever is.
    format : {"saved_model", "onnx", "litert"}, default="saved_model"
        "saved_model" is TensorFlow's, a folder that TensorFlow, TensorFlow Serving and Keras (``TFSMLayer``) load.
        "onnx" is for onnxruntime, and takes whole pipelines; it needs onnx and onnxruntime. "litert" is for
        LiteRT (TensorFlow Lite), and computes in single precision.
    X : {array-like, dataframe} of shape (n_samples, n_features), default=None
        Rows, as ``predict_proba`` takes them, on which the file is compared as well; none is stored. Useful for a
        pipeline, which has few synthetic rows, and for a custom network.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If `format` is unknown, a part of the estimator cannot be exported to it, `decision` is a budget of a batch, or
        the file predicts otherwise than
        the classifier (a probability that differs by more than 1e-4, or a label). No file is written then.
    TypeError
        If the estimator is not a classifier of this package, and does not end in one.
    ImportError
        If a package is missing that the format needs.
    FileExistsError
        If `path` is something other than an earlier export in this format: another file or folder, a folder to which
        files were added, a symbolic link, the current folder.

    Warns
    -----
    UserWarning
        If no row could be compared, as the classifier raises for all of them.

    Notes
    -----
    The graph has an input for each column, of shape (n_rows,) and of its name, to which an underscore is added where a
    result ("proba", "label") or another column has it: numbers and booleans as float32 (float64 where they lie so far
    from zero that float32 could not tell them apart; NaN is missing), categories as text, or as float64 where they are
    numbers. A missing category is the empty text, or the first of "missing", "<missing>", ... that is no category. The
    table of an array of numbers is one input "X" of shape (n_rows, n_features). TensorFlow takes no other names than of
    letters, digits and underscores: "saved_model" and "litert" have underscores for all else. The graph checks nothing:
    a row that ``predict_proba`` refuses gives NaN.

    Of a pipeline, samplers are left out. "saved_model" and "litert" take scikit-learn's scalers, and numbers as float64
    ("litert" as float32). "onnx" takes scalers, imputers, encoders, bins, selections, products, PCA, ColumnTransformer
    and FeatureUnion, computed in double precision, and what else skl2onnx turns into ONNX that computes the same. If
    the pipeline begins with a ColumnTransformer of a dataframe, or reads text, each column that it reads is an input of
    shape (n_rows, 1), with underscores in its name: text where an encoder knows it as text, the empty text for a
    missing value; else the table is one matrix "X". Numbers are float32, or float64 where float32 could not hold them:
    beyond 2**24, far from zero, or compared with numbers that float32 rounds. A row that a step refuses, such as one
    of an unknown category, gives NaN.

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
    with replaced(Path(path), format) as draft:
        names = _WRITERS[format](steps, classifier, draft)
        # Scaled in single precision, as LiteRT does, numbers next to a threshold may pass it.
        answers, is_exact = classifier.answers_, format != "litert"
        made_up = probe_pipeline(steps, answers, is_exact) if steps else probe_rows(answers)
        run, given = load_file(format, draft), [made_up] if X is None else [made_up, X]
        written = estimator if steps else classifier
        if not sum(compare_file(run, names, written, answers, rows) for rows in given):
            warn(
                "export could not compare the file with the classifier, which raises for all synthetic rows; pass some "
                "valid rows: export(..., X=X)."
            )


def _write_saved_model(steps, classifier, folder):
    """Write TensorFlow's SavedModel; return the names of its inputs."""
    lookup = Lookup()
    inference = Inference(classifier.answers_, "float64", lookup)
    graph, names = _graph(inference, Scaling(steps))
    save(graph, inference.answers.network, lookup, folder)
    mark_folder(folder)
    return names


def _write_litert(steps, classifier, file):
    """Write a file for LiteRT; return the names of its inputs."""
    inference = Inference(classifier.answers_, "float32", compare)
    graph, names = _graph(inference, Scaling(steps))
    Path(file).write_bytes(to_litert(graph, inference.answers.network))
    return names


def _graph(inference, scaling):
    """Return the whole way from columns to probabilities and labels, in TensorFlow's names, and these."""
    inputs = with_plain_names(scaling.inputs(inference))

    def answer(**given):
        table = scaling([given[one.name] for one in inputs], inference.ops)
        proba, indices = inference.of_columns(table)
        return dict(zip(RESULTS, (proba, inference.label(indices)), strict=True))

    return trace(answer, {one.name: (one.dtype, one.shape) for one in inputs}), [one.name for one in inputs]


def _write_onnx(steps, classifier, file):
    """Write a file for onnxruntime: a pipeline by skl2onnx, a classifier alone without it; return its inputs' names."""
    if steps:
        need("onnx", "onnxruntime")
        write = importlib.import_module("skimbalance.deployment.onnx_pipeline").write_pipeline
        return write(steps, classifier, file)
    need("onnx", "onnxruntime")
    return importlib.import_module("skimbalance.deployment.onnx_model").write_onnx(classifier, file)


def register_skl2onnx(*classes: type) -> None:
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
