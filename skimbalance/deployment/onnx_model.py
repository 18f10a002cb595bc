"""How does a fitted classifier become a file for onnxruntime?"""

import importlib
import json
from functools import partial

import numpy as np

from skimbalance.deployment.answering import Answering
from skimbalance.deployment.needed import need
from skimbalance.deployment.onnx_nodes import Nodes, model_of
from skimbalance.deployment.onnx_operations import Translation
from skimbalance.deployment.table import Input, with_plain_names
from skimbalance.engine.graph import operations, stand_in, trace


def write_onnx(classifier, file):
    """Write a classifier as a file of ONNX."""
    answers, nodes = OnnxAnswers(classifier.answers_), Nodes()
    inputs, labels = answers.add_to(nodes, label="label", proba="proba"), answers.labels
    model = model_of(
        nodes,
        {one.name: (one.dtype, one.shape) for one in inputs},
        {
            "proba": ("float64", (None, len(labels))),
            "label": ("string" if labels.dtype.kind == "U" else labels.dtype, (None,)),
        },
        classes=json.dumps(labels.tolist()),
    )
    with open(file, "wb") as opened:
        opened.write(model.SerializeToString())


class OnnxAnswers:
    """The answers of a fitted classifier as nodes of ONNX.

    Parameters
    ----------
    answers : Answers
        What it computes with.
    """

    def __init__(self, answers):
        self._stand_ins = {}
        self._answering = Answering(answers, "float64", self._look_up, self._sums, self._others)
        self.labels = self._answering.labels

    def add_to(self, nodes, label, proba, rows=None, dtype="float32"):
        """Add the nodes; return the inputs of the table.

        Parameters
        ----------
        nodes : Nodes
            Where they are added.
        label, proba : str
            Names of the outputs.
        rows : str, default=None
            Name of a tensor that holds the table as one matrix, (n_rows, n_features), in place of inputs.
        dtype : str, default="float32"
            Its type.
        """
        answering = self._answering
        inputs = answering.inputs if rows is None else [Input(rows, dtype, len(answering.answers.columns.names))]
        plain = with_plain_names(inputs)

        def answer(**given):
            shown, indices = answering.of_columns([given[one.name] for one in plain])
            return {"proba": shown, "label": answering.label(indices)}

        graph, results = operations(trace(answer, {one.name: (one.dtype, one.shape) for one in plain}))
        named = {one.name: given.name for one, given in zip(plain, inputs, strict=True)}
        tensors = Translation(nodes, named, self._stand_ins).add(graph, [results["label"], results["proba"]])
        for tensor, name in zip(tensors, (label, proba), strict=True):
            nodes.add("Identity", tensor, to=name)
        return inputs

    def _look_up(self, texts, levels):
        """Stand for a LabelEncoder."""
        return self._stand_in(texts, lambda nodes, given: nodes.look_up(given, levels), np.int64)

    def _sums(self, classifier, rows):
        """Stand for a TreeEnsembleRegressor."""
        ensemble = partial(Nodes.sums_of_trees, classifier=classifier)
        return self._stand_in(rows, lambda nodes, given: ensemble(nodes, rows=given), np.float32, classifier.n_outputs)

    def _others(self, classifier, rows):
        """Stand for what skl2onnx makes of a classifier."""
        need("skl2onnx")
        convert = importlib.import_module("skimbalance.deployment.skl2onnx_converter").model_of
        model = convert(classifier, rows.shape[1])
        n_classes = len(classifier.classes_)
        return self._stand_in(rows, lambda nodes, given: nodes.inline(model, given), np.float32, n_classes)

    def _stand_in(self, tensor, add, dtype, *shape):
        """Return a tensor in the place of what nodes will compute."""
        name = f"stand_in_{len(self._stand_ins)}"
        self._stand_ins[name] = add
        return stand_in(name, tensor, dtype, *shape)
