"""How is a function compiled and called, without TensorFlow's checks of its arguments?"""

from skimbalance.engine.startup import tf


def as_operation(function, *specs):
    """Compile a function of one result, for arguments of these specs; return it as an operation.

    Arguments may be arrays or tensors. It leaves out TensorFlow's checks of them, which take several times as long as a
    small network does.
    """
    compiled = _concrete(function, specs)

    def run(*arguments):
        flat = [*tf.nest.flatten(arguments), *compiled.captured_inputs]
        return tf.raw_ops.StatefulPartitionedCall(args=flat, Tout=[compiled.outputs[0].dtype], f=compiled)[0]

    return run


def as_function(function, *specs):
    """Compile a function whose parts may run side by side, where an operation would run one after the other."""
    compiled = _concrete(function, specs)
    return lambda *arguments: compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


def _concrete(function, specs):
    """Return the concrete function; one inside it keeps its own way of compilation, which an operation forgets."""
    return tf.function(lambda *arguments: function(*arguments), autograph=False).get_concrete_function(*specs)
