"""How is a function compiled and called, without TensorFlow's checks of its arguments?"""

import numpy as np

from skimbalance.engine.startup import new_session, start_sessions, tf
from skimbalance.engine.tensorflow_internals import call_of


def as_operation(function, *specs):
    """Compile a function of one result, for arguments of these specs; return it as an operation.

    Arguments may be arrays or tensors. It leaves out TensorFlow's checks of them, which take several times as long as a
    small network does.
    """
    compiled = tf.function(lambda *arguments: function(*arguments), autograph=False).get_concrete_function(*specs)

    def run(*arguments):
        flat = [*tf.nest.flatten(arguments), *compiled.captured_inputs]
        return tf.raw_ops.StatefulPartitionedCall(args=flat, Tout=[compiled.outputs[0].dtype], f=compiled)[0]

    return run


def as_arrays(function, *specs, in_parallel=False):
    """Compile a function, whole or in parts, with XLA; return it as a function of arrays or tensors, to arrays.

    TensorFlow keeps the machine code that XLA makes, some 6 MB for each function of members, as long as the devices it
    was made for. On a CPU the function runs in a session, which has devices of its own, and they go with it; sessions
    on a GPU say so on standard error, one by one.

    Parameters
    ----------
    function : callable
        Function of tensors, to a tensor or a structure of them.
    *specs : structure of tf.TensorSpec
        Its arguments.
    in_parallel : bool
        Whether it has large parts that may run side by side.
    """
    compiled = tf.function(lambda *arguments: function(*arguments), autograph=False)
    if tf.config.list_physical_devices("GPU"):
        on_gpu = compiled.get_concrete_function(*specs)
        return lambda *arguments: tf.nest.map_structure(
            np.asarray, on_gpu(*tf.nest.map_structure(tf.convert_to_tensor, arguments))
        )
    start_sessions()
    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.nest.map_structure(lambda spec: tf.compat.v1.placeholder(spec.dtype, spec.shape), specs)
        outputs = compiled(*inputs)
    call = call_of(new_session(graph), tf.nest.flatten(inputs), tf.nest.flatten(outputs), in_parallel)

    def run(*arguments):
        results = call(*map(np.asarray, tf.nest.flatten(arguments)))
        return tf.nest.pack_sequence_as(outputs, results)

    return run
