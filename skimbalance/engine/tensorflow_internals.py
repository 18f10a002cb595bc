"""What do we use of TensorFlow that it does not promise to keep? Each use, the version it was seen in, its replacement.

``tests/test_engine.py`` has a test for each, which fails with a sentence once an upgrade removes it.
"""

from tensorflow.core.protobuf import config_pb2
from tensorflow.python.eager import context
from tensorflow.python.framework import convert_to_constants


def is_running():
    """Whether TensorFlow has started its threads in this process.

    TensorFlow 2.18 to 2.21: ``tensorflow.python.eager.context``. No public function says so without starting them.
    Without it: assume that it runs, and give up the error that forked processes get.
    """
    current = context.context_safe()
    return current is not None and current._initialized


def clear_kernels():
    """Free what TensorFlow keeps of functions that it has called as operations, also of those long gone.

    TensorFlow 2.18 to 2.21: 2.6 MB for each function, for the rest of the process; functions still in use are prepared
    anew at their next call. Without it: call programs as functions, whose kernels go with them, at 0.1 ms more a call.
    """
    context.context().clear_kernel_cache()


def handle_of(variable):
    """Return the resource that holds a Keras variable.

    Keras 3.15 on TensorFlow 2.21: ``variable.value`` is a ``tf.Variable``, and its ``handle`` is what
    ``tf.raw_ops.ReadVariableOp`` takes. Without it: ``variable.numpy()`` and ``variable.assign``, ten times slower.
    """
    return variable.value.handle


def call_of(session, inputs, outputs, in_parallel):
    """Return a function of the values of a graph's inputs, to those of its outputs.

    TensorFlow 2.18 to 2.21: ``Session._make_callable_from_options``, which prepares a call once. Without it:
    ``Session.make_callable``, at 0.6 ms more a call.
    """
    options = config_pb2.CallableOptions(feed=[t.name for t in inputs], fetch=[t.name for t in outputs])
    if not in_parallel:
        options.run_options.inter_op_thread_pool = -1  # the caller's own thread
    return session._make_callable_from_options(options)


def frozen(graph):
    """Return a graph whose variables are constants, and in which functions that it calls are part of it.

    TensorFlow 2.18 to 2.21: ``convert_variables_to_constants_v2``, which its own converter to LiteRT uses. Without it:
    no export to ONNX.
    """
    return convert_to_constants.convert_variables_to_constants_v2(graph, lower_control_flow=False)
