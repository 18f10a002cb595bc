"""Export a fitted classifier to a file for onnxruntime."""

import importlib
import json
from functools import partial

import numpy as np

from skimbalance.deployment.graph import operations, stand_in, trace
from skimbalance.deployment.inference import Inference
from skimbalance.deployment.needed import need
from skimbalance.deployment.onnx_nodes import Nodes, model_of
from skimbalance.deployment.onnx_operations import Translation
from skimbalance.deployment.table import RESULTS, Input, with_own_names


def write_onnx(classifier, file):
    """Write a classifier as a file of ONNX; return the names of its inputs."""
    answers = OnnxAnswers(classifier.answers_)
    nodes = Nodes(prefix=_free_prefix(answers.inputs))
    inputs, labels = answers.add_to(nodes, label="label", proba="proba"), answers.labels
    save(nodes, inputs, labels, file)
    return [one.name for one in inputs]


def save(nodes, inputs, labels, file):
    """Write nodes of the results "proba" and "label" as a file.

    Parameters
    ----------
    nodes : Nodes
        Nodes.
    inputs : list of Input
        Inputs of the table.
    labels : ndarray of shape (n_classes,)
        Labels, of one type.
    file : str
        File to write.
    """
    model = model_of(
        nodes,
        {one.name: (one.dtype, one.shape) for one in inputs},
        {
            "proba": ("float64", (None, len(labels))),
            "label": ("string" if labels.dtype.kind == "U" else labels.dtype, (None,)),
        },
        producer="skimbalance",
        classes=json.dumps(labels.tolist()),
    )
    with open(file, "wb") as opened:
        opened.write(model.SerializeToString())


def _free_prefix(inputs):
    """Return what names of nodes and constants begin with, and no name of an input does."""
    prefix = "_"
    while any(one.name.startswith(prefix) for one in inputs):
        prefix += "_"
    return prefix


class OnnxAnswers:
    """The answers of a fitted classifier as nodes of ONNX.

    Parameters
    ----------
    answers : Fitted
        What it computes with.
    """

    def __init__(self, answers):
        self._stand_ins = {}
        self._inference = Inference(answers, "float64", self._look_up, self._sums, self._others)
        self.labels = self._inference.labels

    @property
    def inputs(self):
        """Inputs of the table, by the names of its columns."""
        return with_own_names(self._inference.inputs)

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
        inference = self._inference
        inputs = self.inputs if rows is None else [Input(rows, dtype, len(inference.answers.columns.names))]

        def answer(**given):
            shown, indices = inference.of_columns([given[name] for name in traced])
            return dict(zip(RESULTS, (shown, inference.label(indices)), strict=True))

        named = {f"x{j}": one.name for j, one in enumerate(inputs)}
        traced = {plain: (one.dtype, one.shape) for plain, one in zip(named, inputs, strict=True)}
        graph, results = operations(trace(answer, traced))
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
