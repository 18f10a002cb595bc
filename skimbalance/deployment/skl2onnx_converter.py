"""How does skl2onnx turn a classifier of this package, in a pipeline, into ONNX?"""

import numpy as np
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skimbalance.deployment.onnx_model import OnnxAnswers
from skimbalance.deployment.onnx_nodes import OPSETS, Nodes


def register(kind):
    """Tell skl2onnx how a class of classifiers is converted."""
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
    skl2onnx.update_registered_converter(
        kind, f"Skimbalance{kind.__name__}", calculate_linear_classifier_output_shapes, _convert, options=options
    )


def write_pipeline(steps, classifier, file):
    """Write a whole pipeline as a file of ONNX."""
    register(type(classifier))
    pipeline = Pipeline([*steps, ("classifier", classifier)])
    model = _converted(
        pipeline, classifier, _inputs_of(steps[0][1]),
        "Give the classifier the raw table, which it encodes itself, or deploy by pickle.",
        final_types=[("label", None), ("proba", None)],
    )  # fmt: skip
    with open(file, "wb") as opened:
        opened.write(model.SerializeToString())


def model_of(classifier, n_features):
    """Return another classifier of one matrix, (n_rows, n_features), as a model of ONNX."""
    inputs = [("X", FloatTensorType([None, n_features]))]
    return _converted(classifier, classifier, inputs, "Fit without it (opinions), or deploy by pickle.")


def _converted(estimator, classifier, inputs, remedy, **how):
    """Return what skl2onnx makes of an estimator that is, or ends in, a classifier."""
    options = {id(classifier): {"zipmap": False}}
    try:
        return skl2onnx.convert_sklearn(estimator, "skimbalance", inputs, options=options, target_opset=OPSETS, **how)
    except (NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"skl2onnx does not turn {type(estimator).__name__} into ONNX: "
            f"{str(error).strip().splitlines()[0]:.300} {remedy}"
        ) from error


def _inputs_of(first):
    """Return the inputs of a pipeline by its first step, as skl2onnx has them.

    One a column, (n_rows, 1), for a ColumnTransformer that was fitted on a frame; text where an encoder knows it as
    text. Else one matrix "X".
    """
    names = getattr(first, "feature_names_in_", None)
    if names is None or not isinstance(first, ColumnTransformer):
        return [("X", FloatTensorType([None, first.n_features_in_]))]
    texts = set()
    for _, step, columns in first.transformers_:
        encoder = next((s for s in (step, *getattr(step, "named_steps", {}).values()) if _knows_levels(s)), None)
        if encoder is not None:
            where = np.asarray(names)[columns] if np.asarray(columns).dtype.kind not in "OU" else np.atleast_1d(columns)
            levels = zip(where, encoder.categories_, strict=True)
            texts.update(name for name, of in levels if of.dtype.kind in "OU" and any(isinstance(v, str) for v in of))
    return [(name, (StringTensorType if name in texts else FloatTensorType)([None, 1])) for name in names]


def _knows_levels(step):
    """Whether a step is an encoder of levels."""
    return hasattr(step, "categories_")


def _convert(scope, operator, container):
    """Add the nodes of a classifier to a model that skl2onnx makes."""
    classifier, (given,) = operator.raw_operator, operator.inputs
    answers = classifier.answers_
    columns, version = answers.columns, container.target_opset_any_domain("")
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
    OnnxAnswers(answers).add_to(nodes, found, shown, rows, "float64" if wide is np.float64 else "float32")
    is_double = isinstance(operator.outputs[1].type, DoubleTensorType)
    nodes.cast(shown, np.float64 if is_double else np.float32, to=proba)
    if isinstance(operator.outputs[0].type, StringTensorType):
        nodes.add("Identity", found, to=label)
    else:
        nodes.cast(found, np.int64, to=label)
    container.nodes.extend(nodes.nodes)
    container.initializers.extend(nodes.used_constants)
    container.node_domain_version_pair_sets.update((node.domain, OPSETS[node.domain]) for node in nodes.nodes)
