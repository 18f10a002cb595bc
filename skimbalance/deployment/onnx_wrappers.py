"""Converters of scikit-learn's meta-estimators around this package's classifier, where those of skl2onnx are wrong.

skl2onnx converts soft voting, stacking of probabilities, bagging, one-vs-rest, searches and pipelines correctly. It
differs from scikit-learn in calibration (it takes the value at the nearest threshold, where isotonic regression
interpolates) and in decision thresholds (it ignores them): both have a converter here. Estimators that need the labels
of ``predict`` are refused.
"""

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType, guess_tensor_type
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import Pipeline

from skimbalance.deployment.onnx_nodes import OPSETS, Nodes

_THRESHOLDS = (FixedThresholdClassifier, TunedThresholdClassifierCV)


def add_to(container, nodes):
    """Add nodes to a model that skl2onnx makes."""
    container.nodes.extend(nodes.nodes)
    container.initializers.extend(nodes.used_constants)
    container.node_domain_version_pair_sets.update((node.domain, OPSETS[node.domain]) for node in nodes.nodes)


def register_wrappers():
    """Tell skl2onnx how wrappers are converted that it converts otherwise than scikit-learn predicts."""
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False]}
    for kind, convert in {CalibratedClassifierCV: _calibrated, **dict.fromkeys(_THRESHOLDS, _with_threshold)}.items():
        shapes = calculate_linear_classifier_output_shapes
        update_registered_converter(kind, f"Sklearn{kind.__name__}", shapes, convert, True, options=options)


def _calibrated(scope, operator, container):
    """Add the nodes of a CalibratedClassifierCV."""
    wrapper, nodes = operator.raw_operator, Nodes(prefix=f"{scope.get_unique_operator_name('calibrated')}_")
    members = []
    for one in wrapper.calibrated_classifiers_:
        scores = _ask(nodes, scope, operator, container, one.estimator, scores=True)
        members.append(_member(nodes, one, scores, len(wrapper.classes_)))
    proba = nodes.add("Mul", nodes.add("Sum", *members), nodes.constant(1 / len(members)))
    answer(operator, nodes, proba, nodes.add("ArgMax", proba, axis=1, keepdims=0))
    add_to(container, nodes)


def _member(nodes, one, scores, n_classes):
    """Return the probabilities, (n_rows, n_classes), that one member of a CalibratedClassifierCV makes of scores."""
    if one.method == "temperature":
        if not hasattr(one.estimator, "decision_function"):
            scores = nodes.add("Log", nodes.add("Add", scores, nodes.constant(1e-12)))  # scikit-learn's eps
        logits = nodes.add("Mul", scores, nodes.constant(float(one.calibrators[0].beta_)))
        return nodes.add("Softmax", logits, axis=1)
    known = np.searchsorted(one.classes, one.estimator.classes_)
    if n_classes == 2:
        positive = _CALIBRATIONS[one.method](nodes, one.calibrators[0], _column(nodes, scores, 1))
        negative = nodes.add("Sub", nodes.constant(1.0), positive)
        return nodes.add("Concat", negative, positive, axis=1)
    columns = [nodes.add("Mul", _column(nodes, scores, 0), nodes.constant(0.0))] * n_classes
    for i, (j, calibrator) in enumerate(zip(known, one.calibrators, strict=True)):
        columns[j] = _CALIBRATIONS[one.method](nodes, calibrator, _column(nodes, scores, i))
    proba = nodes.add("Concat", *columns, axis=1)
    total = nodes.add("ReduceSum", proba, nodes.constant([1], np.int64), keepdims=1)
    is_none = nodes.add("Equal", total, nodes.constant(0.0))  # then scikit-learn gives all classes the same probability
    return nodes.add("Where", is_none, nodes.constant(1 / n_classes), nodes.add("Div", proba, total))


def _sigmoid(nodes, calibrator, scores):
    """Return 1 / (1 + exp(a s + b))."""
    a, b = (nodes.constant(-float(value)) for value in (calibrator.a_, calibrator.b_))
    return nodes.add("Sigmoid", nodes.add("Add", nodes.add("Mul", scores, a), b))


def _isotonic(nodes, calibrator, scores):
    """Return the line between the two thresholds on both sides of each score, (n_rows, 1)."""
    x, y = (np.float64(values) for values in (calibrator.X_thresholds_, calibrator.y_thresholds_))
    if len(x) == 1:
        return nodes.add("Add", nodes.add("Mul", scores, nodes.constant(0.0)), nodes.constant(y[0]))
    scores = nodes.add("Max", nodes.add("Min", scores, nodes.constant(x[-1])), nodes.constant(x[0]))
    is_right = nodes.cast(nodes.add("GreaterOrEqual", scores, nodes.constant(x[None, 1:-1])), np.int64)
    part = nodes.add("ReduceSum", is_right, nodes.constant([1], np.int64), keepdims=1)
    start, low, slope = (
        nodes.add("Gather", nodes.constant(values), part) for values in (x[:-1], y[:-1], np.diff(y) / np.diff(x))
    )
    return nodes.add("Add", low, nodes.add("Mul", nodes.add("Sub", scores, start), slope))


_CALIBRATIONS = {"sigmoid": _sigmoid, "isotonic": _isotonic}


def _with_threshold(scope, operator, container):
    """Add the nodes of a FixedThresholdClassifier or a TunedThresholdClassifierCV."""
    wrapper, nodes = operator.raw_operator, Nodes(prefix=f"{scope.get_unique_operator_name('threshold')}_")
    if wrapper.response_method == "decision_function":
        raise ValueError(
            f"{type(wrapper).__name__}(response_method='decision_function') cannot be converted, as ONNX holds "
            "probabilities; take response_method='predict_proba'."
        )
    if isinstance(wrapper, TunedThresholdClassifierCV):
        threshold, pos_label = wrapper.best_threshold_, wrapper._curve_scorer._get_pos_label()
    else:
        threshold, pos_label = 0.5 if wrapper.threshold == "auto" else wrapper.threshold, wrapper.pos_label
    positive = 1 if pos_label is None else int(np.flatnonzero(wrapper.classes_ == pos_label)[0])
    proba = _ask(nodes, scope, operator, container, getattr(wrapper, "estimator_", wrapper.estimator))
    reaches = nodes.add("GreaterOrEqual", _column(nodes, proba, positive), nodes.constant(float(threshold)))
    reaches = nodes.add("Squeeze", reaches, nodes.constant([1], np.int64))
    indices = nodes.add("Where", reaches, *(nodes.constant(i, np.int64) for i in (positive, 1 - positive)))
    answer(operator, nodes, proba, indices)
    add_to(container, nodes)


def _ask(nodes, scope, operator, container, estimator, scores=False):
    """Let skl2onnx convert what is wrapped; return its probabilities, or scores where it has some, as float64."""
    while (handed_on := _handed_on(estimator)) is not None:
        estimator = handed_on
    wants = {"zipmap": False, "raw_scores": scores and hasattr(estimator, "decision_function")}
    for one in (estimator, _innermost(estimator)):
        allowed = {name: value for name, value in wants.items() if container.has_options(one, name)}
        if wants["raw_scores"] and "raw_scores" not in allowed:
            raise ValueError(
                f"{type(operator.raw_operator).__name__} takes the decision_function of {type(one).__name__}, and "
                "skl2onnx has its probabilities alone; deploy by pickle."
            )
        for holder in (scope, container):
            holder.add_options(id(one), allowed)
    inner = scope.declare_local_operator(sklearn_operator_name_map[type(estimator)], estimator)
    inner.inputs = operator.inputs
    label = StringTensorType() if estimator.classes_.dtype.kind in "OUS" else Int64TensorType()
    is_double = _is_ours(estimator) or isinstance(estimator, CalibratedClassifierCV)
    proba = DoubleTensorType() if is_double else guess_tensor_type(operator.inputs[0].type)
    for name, of in (("inner_label", label), ("inner_proba", proba)):
        inner.outputs.append(scope.declare_local_variable(name, of))
    return nodes.cast(inner.outputs[1].full_name, np.float64)


def answer(operator, nodes, proba, indices):
    """Give a wrapper's operator its outputs, by probabilities in double precision and class indices."""
    label, shown = operator.outputs
    nodes.cast(proba, np.float64 if isinstance(shown.type, DoubleTensorType) else np.float32, to=shown.full_name)
    classes = operator.raw_operator.classes_
    classes = np.array(classes.tolist(), dtype=str) if classes.dtype.kind in "OUS" else classes.astype(np.int64)
    nodes.add("Gather", nodes.constant(classes), indices, to=label.full_name)


def _column(nodes, matrix, j):
    """Return one column of a matrix, (n_rows, 1)."""
    return nodes.add("Gather", matrix, nodes.constant([j], np.int64), axis=1)


def refuse_wrappers_of(classifier, scope):
    """Refuse a model in which a wrapper needs outputs of a classifier that skl2onnx does not support.

    Parameters
    ----------
    classifier : ImbalancedKerasClassifier
        Classifier that is converted.
    scope : Scope
        What skl2onnx has gathered of the model.

    Raises
    ------
    ValueError
        If there is such a wrapper.
    """
    for operator in scope.operators.values():
        wrapper = operator.raw_operator
        what = None
        if classifier is _innermost(getattr(wrapper, "final_estimator_", None)):
            what = "predicts as it does, and skl2onnx the most probable class; put another final_estimator"
        elif not any(classifier is _innermost(one) for one in getattr(wrapper, "estimators_", ())):
            continue
        elif isinstance(wrapper, AdaBoostClassifier):
            what = "boosts the labels of predict, and skl2onnx those of the most probable class"
        elif isinstance(wrapper, VotingClassifier) and wrapper.voting == "hard":
            what = "counts the labels of predict, and skl2onnx those of the most probable class; take voting='soft'"
        elif isinstance(wrapper, StackingClassifier) and {*wrapper.stack_method_} != {"predict_proba"}:
            what = "stacks other than probabilities; take stack_method='predict_proba'"
        elif isinstance(wrapper, OneVsOneClassifier):
            what = "counts the labels of predict, which skl2onnx does not; take OneVsRestClassifier"
        if what:
            name = type(wrapper).__name__
            raise ValueError(f"{name} around {type(classifier).__name__} cannot be converted: it {what}.")


def _innermost(estimator):
    """Return the classifier whose probabilities and scores pipelines, searches and the like hand on."""
    inner = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else _handed_on(estimator)
    return estimator if inner is None else _innermost(inner)


def _handed_on(estimator):
    """Return the estimator whose probabilities and scores another hands on as they are, or None."""
    if isinstance(estimator, _THRESHOLDS):
        return getattr(estimator, "estimator_", estimator.estimator)
    return (
        estimator.estimator if isinstance(estimator, FrozenEstimator) else getattr(estimator, "best_estimator_", None)
    )


def _is_ours(estimator):
    """Whether the classifier in an estimator is one of this package."""
    return hasattr(type(_innermost(estimator)), "answers_")
