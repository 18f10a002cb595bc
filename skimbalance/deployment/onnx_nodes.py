"""Collect the nodes and constants of an ONNX graph under unique names."""

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper

#: Versions of the operators that are written: those of 2022.
OPSETS = {"": 18, "ai.onnx.ml": 3}

#: Most small constants that are looked for among those there are.
_SMALL = 64


class Nodes:
    """Nodes and constants of a graph.

    Parameters
    ----------
    prefix : str, default=""
        What all names begin with.
    """

    def __init__(self, prefix=""):
        self.nodes, self.constants, self._prefix = [], [], prefix
        self._known = {}

    @property
    def used_constants(self):
        """Constants that a node takes."""
        used = {name for node in self.nodes for name in node.input}
        return [constant for constant in self.constants if constant.name in used]

    def add(self, kind, *inputs, n=1, domain="", to=None, **attributes):
        """Add a node; return the name of its output, or a list of `n` names.

        Parameters
        ----------
        kind : str
            Operator.
        *inputs : str
            Names of its inputs.
        n : int, default=1
            Number of outputs.
        domain : str, default=""
            Where the operator is from.
        to : str, default=None
            Name of the only output; None makes one up.
        **attributes : dict
            Attributes.
        """
        outputs = [to] if to else [f"{self._prefix}{kind}_{len(self.nodes)}_{i}" for i in range(n)]
        name = f"{self._prefix}{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, domain=domain, **attributes))
        return outputs[0] if n == 1 else outputs

    def constant(self, value, dtype=None):
        """Return the name of a constant."""
        value = np.asarray(value, dtype=dtype)
        if value.dtype.kind in "SU":
            value = value.astype(object)
        key = (value.dtype.str, value.shape, value.tobytes()) if value.size < _SMALL and value.dtype != object else None
        if key in self._known:
            return self._known[key]
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        if key:
            self._known[key] = name
        return name

    def cast(self, tensor, dtype, to=None):
        """Return a tensor as one of another type."""
        name = self.add("Cast", tensor, to=to)
        self.nodes[-1].attribute.append(helper.make_attribute("to", helper.np_dtype_to_tensor_dtype(np.dtype(dtype))))
        return name

    def inline(self, model, given):
        """Add a classifier that is a model of its own, of one input; return its second output, the probabilities."""
        graph = compose.add_prefix(model, f"{self._prefix}{len(self.nodes)}_").graph
        self.add("Identity", given, to=graph.input[0].name)
        self.nodes += graph.node
        self.constants += graph.initializer
        return graph.output[1].name

    def look_up(self, texts, levels):
        """Return the position of each text among levels, the one behind all of them for another."""
        return self.add(
            "LabelEncoder", texts, domain="ai.onnx.ml", keys_strings=levels,
            values_int64s=list(range(len(levels))), default_int64=len(levels),
        )  # fmt: skip

    def sums_of_trees(self, classifier, rows):
        """Return the sums of the leaves of a classifier of trees, (n_rows, n_outputs)."""
        return self.add("TreeEnsembleRegressor", rows, domain="ai.onnx.ml", **_ensemble(classifier))


def _ensemble(classifier):
    """Return trees as the attributes of a TreeEnsembleRegressor."""
    trees, n_outputs = classifier.trees_, classifier.n_outputs
    n_nodes, nodes = len(trees.feature), np.arange(len(trees.feature))
    tree = np.repeat(np.arange(len(trees.roots)), np.diff([*trees.roots, n_nodes]))
    node, left, right = nodes - trees.roots[tree], trees.children[::2], trees.children[1::2]
    is_leaf = left == nodes
    children = [np.where(is_leaf, 0, child - trees.roots[tree]) for child in (left, right)]
    weighs = (trees.value != 0) & is_leaf[:, None]
    weighs[:, 0] |= is_leaf & ~weighs.any(axis=1)  # runtimes need a weight for each leaf, even a zero
    leaf, output = np.nonzero(weighs)
    # Where a node has a single value, the trees are those of the outputs in turn.
    target = output if trees.value.shape[1] == n_outputs else tree[leaf] % n_outputs
    whole = {
        "nodes_treeids": tree, "nodes_nodeids": node, "nodes_featureids": trees.feature,
        "nodes_truenodeids": children[0], "nodes_falsenodeids": children[1],
        "nodes_missing_value_tracks_true": trees.missing_left.astype(np.int64),
        "target_treeids": tree[leaf], "target_nodeids": node[leaf], "target_ids": target,
    }  # fmt: skip
    modes = np.where(is_leaf, "LEAF", "BRANCH_LEQ")
    return {
        **{name: values.tolist() for name, values in whole.items()},
        "nodes_values": np.where(np.isfinite(trees.threshold), trees.threshold, np.finfo(np.float32).max).tolist(),
        "nodes_modes": modes.tolist(),
        "target_weights": trees.value[leaf, output].tolist(),
        "n_targets": n_outputs,
    }


def model_of(nodes, inputs, outputs, **notes):
    """Return a checked model.

    Parameters
    ----------
    nodes : Nodes
        Its nodes.
    inputs, outputs : dict of str to tuple (dtype, shape)
        What it takes and gives, by name; None in a shape is the number of rows.
    **notes : dict of str
        What is noted in it.
    """

    def values(tensors):
        kinds = {"string": onnx.TensorProto.STRING}
        return [
            helper.make_tensor_value_info(
                name,
                kinds.get(dtype) or helper.np_dtype_to_tensor_dtype(np.dtype(dtype)),
                ["n_rows" if size is None else size for size in shape],
            )
            for name, (dtype, shape) in tensors.items()
        ]

    graph = helper.make_graph(nodes.nodes, "skimbalance", values(inputs), values(outputs), nodes.used_constants)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="skimbalance", ir_version=8)
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model)
    return model
