"""Converter of this package's classifier for skl2onnx pipelines."""

import numpy as np
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.preprocessing import StandardScaler

from skimbalance.deployment.onnx_members import CONVERTERS
from skimbalance.deployment.onnx_model import OnnxAnswers
from skimbalance.deployment.onnx_nodes import OPSETS, Nodes
from skimbalance.deployment.onnx_wrappers import add_to, refuse_wrappers_of, register_wrappers

#: Options of skl2onnx that a classifier supports. "nocl" (class indices for labels) is refused.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [False],
    "raw_scores": [True, False],
}


def register(kind):
    """Tell skl2onnx how a class of classifiers, and what scikit-learn wraps around it, are converted."""
    skl2onnx.update_registered_converter(
        kind, f"Skimbalance{kind.__name__}", calculate_linear_classifier_output_shapes, _convert, options=OPTIONS
    )
    register_wrappers()


def model_of(classifier, n_features):
    """Return another classifier of one matrix, (n_rows, n_features), as a model of ONNX."""
    inputs = [("X", FloatTensorType([None, n_features]))]
    # scikit-learn divides by the scale, and skl2onnx multiplies by its inverse, to another last bit.
    options = {StandardScaler: {"div": "div"}, id(classifier): {"zipmap": False}}
    register_wrappers()
    advice = "Fit without it (ensemble), or deploy by pickle."
    return _converted(classifier, inputs, advice, options=options, custom_conversion_functions=CONVERTERS)


def model_of_step(step, n_features, dtype):
    """Return a transformer of one matrix of a type, (n_rows, n_features), as a model of ONNX."""
    inputs = [("X", (DoubleTensorType if dtype is np.float64 else FloatTensorType)([None, n_features]))]
    advice = "Fit the classifier on the raw table, which it encodes itself, or deploy by pickle."
    return _converted(step, inputs, advice)


def _converted(estimator, inputs, advice, **how):
    """Return what skl2onnx makes of an estimator."""
    try:
        return skl2onnx.convert_sklearn(estimator, "skimbalance", inputs, target_opset=OPSETS, **how)
    except Exception as error:  # skl2onnx raises all kinds of errors for models without a converter
        raise ValueError(
            f"skl2onnx does not turn {type(estimator).__name__} into ONNX: "
            f"{(str(error).strip() or repr(error)).splitlines()[0]:.300} {advice}"
        ) from error


def _convert(scope, operator, container):
    """Add the nodes of a classifier to a model that skl2onnx makes."""
    classifier, (given,) = operator.raw_operator, operator.inputs
    answers = classifier.answers_
    columns, version = answers.columns, container.target_opset_any_domain("")
    refuse_wrappers_of(classifier, scope)
    if "category" in columns.kinds:
        raise ValueError(
            f"The pipeline hands the classifier categories in {columns.where(columns.are_codes)}, and a pipeline in "
            "ONNX hands over numbers alone; encode them in it (OneHotEncoder), or export the classifier without it."
        )
    if version < OPSETS[""]:
        raise ValueError(f"target_opset={version}; this package writes operators of version {OPSETS['']} or later.")
    nodes = Nodes(prefix=f"{scope.get_unique_operator_name('skimbalance')}_")
    wide = np.float64 if columns.offset.any() else np.float32
    rows = nodes.cast(given.full_name, wide)
    label, proba = (variable.full_name for variable in operator.outputs)
    shown, found = f"{proba}_double", f"{label}_own"
    own = OnnxAnswers(answers)
    own.add_to(nodes, found, shown, rows, "float64" if wide is np.float64 else "float32")
    if container.get_options(classifier, {"raw_scores": False})["raw_scores"]:
        shown = _decision_function(nodes, shown, len(own.labels))
    is_double = isinstance(operator.outputs[1].type, DoubleTensorType)
    nodes.cast(shown, np.float64 if is_double else np.float32, to=proba)
    if own.labels.dtype.kind == "U":
        nodes.add("Identity", found, to=label)
    else:
        nodes.cast(found, np.int64, to=label)
    add_to(container, nodes)


def _decision_function(nodes, proba, n_classes):
    """Return ``decision_function``, (n_rows, n_classes): of two classes d, as skl2onnx has it, [-d, d]."""
    log_proba = nodes.add("Log", nodes.add("Max", proba, nodes.constant(np.finfo(np.float64).tiny)))
    if n_classes > 2:
        return log_proba
    return nodes.add("MatMul", log_proba, nodes.constant([[1.0, -1.0], [-1.0, 1.0]]))
