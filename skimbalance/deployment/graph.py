"""Turn a function of tensors into a graph that runs without this package."""

from types import SimpleNamespace

import numpy as np

from skimbalance._keras.keras_internals import takes_training
from skimbalance._keras.startup import keras, new_session, quiet, start, tf
from skimbalance._keras.tensorflow_internals import frozen
from skimbalance.probability.links import NUMPY

_STAND_IN = "PyFuncStateless"
_NO_NUMBERS = (tf.resource, tf.variant)


def tensors(floatx):
    """Return the functions that links, posteriors and decisions compute with, on tensors.

    Parameters
    ----------
    floatx : {"float32", "float64"}
        Type of number in which they compute.

    Returns
    -------
    namespace
        Functions by the names in `skimbalance.probability.links.NUMPY`, and those that only a graph needs.
    """
    names = [name for name in vars(NUMPY) if name != "floatx"]
    shared = {name: getattr(keras.ops, name) for name in (*names, "concatenate", "take")}
    # Keras' own looks at the sign of zeros bit by bit, in single precision.
    return SimpleNamespace(**{**shared, "argmax": tf.argmax}, floatx=floatx, is_missing=tf.math.is_nan)


def logits_of(network, rows):
    """Return the logits of a network, (n_rows, n_members, n_classes), of a tensor of rows."""
    training = {"training": False} if takes_training(network.model) else {}
    return network.logits(network.model(rows, **training))


def leaves(trees, rows):
    """Return the leaves in which rows end, (n_rows, n_trees): all go down all trees, level by level.

    Parameters
    ----------
    trees : Trees
        Trees.
    rows : tensor of float32, shape (n_rows, n_features)
        Rows; missing values are NaN.
    """
    feature, threshold = tf.constant(trees.feature), tf.constant(trees.threshold)
    children, missing_left = tf.constant(trees.children), tf.constant(trees.missing_left)

    def go_down(nodes, _):
        values = tf.gather(rows, tf.gather(feature, nodes), batch_dims=1)
        is_missing_to_right = tf.math.is_nan(values) & ~tf.gather(missing_left, nodes)
        goes_right = (values > tf.gather(threshold, nodes)) | is_missing_to_right
        below = tf.gather(children, 2 * nodes + tf.cast(goes_right, tf.int32))
        return below, tf.reduce_any(below != nodes)

    roots = tf.constant(trees.roots.astype(np.int32))
    nodes = tf.tile(roots[None], [tf.shape(rows)[0], 1])
    return tf.while_loop(lambda _, goes_on: goes_on, go_down, (nodes, tf.constant(True)))[0]


def leaf_values(trees, rows):
    """Return the values of the leaves in which rows end, (n_rows, n_trees, n_outputs)."""
    return tf.gather(tf.constant(trees.value), leaves(trees, rows))


class Lookup:
    """Positions of texts among levels, by a table that is saved with a graph."""

    def __init__(self):
        self.tables = []

    def __call__(self, texts, levels):
        """Return the position of each text, (n_rows,), the one behind all levels for one that is none of them."""
        with tf.init_scope():
            pairs = tf.lookup.KeyValueTensorInitializer(
                tf.constant(levels, tf.string), tf.range(len(levels), dtype=tf.int64)
            )
            self.tables.append(tf.lookup.StaticHashTable(pairs, len(levels)))
            # Outside of graphs, TensorFlow notes None as what fills a table, and warns of it in every later export.
            noted = tf.compat.v1.get_collection_ref(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS)
            noted[:] = [operation for operation in noted if operation is not None]
        return self.tables[-1].lookup(texts)


def compare(texts, levels):
    """Return the position of each text among levels, as `Lookup` does, by comparing it with each."""
    is_level = tf.cast(tf.equal(texts[:, None], tf.constant(levels, tf.string)[None]), tf.float32)
    return tf.argmax(tf.pad(is_level, [[0, 0], [0, 1]], constant_values=0.5), axis=1)


def stand_in(name, tensor, dtype, *shape):
    """Return a tensor that stands for what another runtime computes of a tensor: an `Operation` of this name."""
    result = tf.numpy_function(lambda of: of, [tensor], tf.as_dtype(dtype), stateful=False, name=name)
    return tf.ensure_shape(result, (None, *shape))  # an operation of the graph, which keeps the shape when it is frozen


def trace(function, inputs):
    """Return the graph of a function.

    Parameters
    ----------
    function : callable
        Function of tensors by name, to a dict of tensors.
    inputs : dict of str to tuple (dtype, shape)
        Its arguments.

    Returns
    -------
    ConcreteFunction
        Graph.
    """
    start()
    specs = {name: tf.TensorSpec(shape, dtype, name=name) for name, (dtype, shape) in inputs.items()}
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def save(graph, network, lookup, folder):
    """Save a graph, the variables of its network and the tables of its look-ups as a SavedModel.

    Raises
    ------
    OSError
        If TensorFlow cannot write, as where the disk is full.
    """
    try:
        with quiet():
            tf.saved_model.save(_holder(network, lookup.tables), folder, signatures=graph)
    except tf.errors.OpError as error:
        raise OSError(f"TensorFlow could not write the SavedModel: {error.message.rpartition('; ')[2]}") from error


def to_litert(graph, network):
    """Return a graph as the bytes of a LiteRT model.

    Raises
    ------
    ValueError
        If it holds an operation that LiteRT does not have.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], _holder(network))
    try:
        with quiet():
            return converter.convert()
    except Exception as error:
        raise ValueError(
            "TensorFlow does not turn this network into LiteRT, which has fewer operations than TensorFlow; take "
            f'format="saved_model". It says: {str(error).strip().splitlines()[0]:.300}'
        ) from error


def _holder(network, tables=()):
    """Return what TensorFlow finds the variables of a network, and tables, in."""
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in network.model.variables]
    module.tables = list(tables)
    return module


class Operation:
    """An operation of a graph, described without TensorFlow.

    Attributes
    ----------
    kind : str
        Type of operation.
    name : str
        Its name, for one of `stand_in` the name given there.
    inputs, outputs : list of str
        Names of tensors.
    dtypes, shapes : list
        Types and shapes of the outputs; None in a shape, or for it, is what only running tells.
    value : ndarray or None
        Value of a constant, or of what only constants make.
    """

    def __init__(self, operation, value=None):
        self._operation = operation
        is_stand_in = operation.type == _STAND_IN
        self.kind, self.name = "StandIn" if is_stand_in else operation.type, operation.name
        self.inputs, self.outputs = [t.name for t in operation.inputs], [t.name for t in operation.outputs]
        self.ranks_in = [t.shape.rank for t in operation.inputs]
        self.dtypes = [None if t.dtype in _NO_NUMBERS else t.dtype.as_numpy_dtype for t in operation.outputs]
        self.shapes = [None if t.shape.rank is None else t.shape.as_list() for t in operation.outputs]
        self.value = tf.make_ndarray(operation.get_attr("value")) if operation.type == "Const" else value

    def attribute(self, name):
        """Return an attribute; types as those of NumPy."""
        value = self._operation.get_attr(name)
        return value.as_numpy_dtype if isinstance(value, tf.DType) else value


def operations(graph):
    """Return the operations of a graph in an order in which they can run, its weights as constants.

    Returns
    -------
    operations : list of Operation
    outputs : dict of str to str
        Name of the tensor of each result.
    """
    names = sorted(graph.structured_outputs)  # the order in which TensorFlow flattens a dict
    graph = frozen(graph)
    outputs = {name: tensor.name for name, tensor in zip(names, graph.outputs, strict=True)}
    all_of_them = graph.graph.get_operations()
    values = _values_of_constants(graph.graph, all_of_them)
    return [Operation(operation, values.get(operation.name)) for operation in all_of_them], outputs


def _values_of_constants(graph, operations):
    """Return the values of operations of one output that only constants lead to, by name."""
    fixed, made = set(), []
    for operation in operations:
        is_made = bool(operation.inputs) and all(tensor.op.name in fixed for tensor in operation.inputs)
        if operation.type == "Const" or (is_made and len(operation.outputs) == 1 and operation.type != _STAND_IN):
            fixed.add(operation.name)
        if is_made and operation.name in fixed:
            made.append(operation)
    with new_session(graph) as session:
        values = session.run([operation.outputs[0] for operation in made])
    return {operation.name: value for operation, value in zip(made, values, strict=True)}
