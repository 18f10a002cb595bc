"""Compile and call functions in a session, which frees its memory when it is closed, or as a ``tf.function``.

TensorFlow keeps the machine code of XLA, about 6 MB for each function of members, for as long as the devices that it
was compiled for, and 4 MB of preparation for any loop. Outside a session that is the rest of the process. A session
has devices of its own, which are freed with it.
"""

from functools import partial

import numpy as np

from skimbalance._keras.startup import has_xla, new_session, start_sessions, tf


def as_function(function, *specs, xla=False):
    """Compile a function of tensors for arguments of these specs; return it."""
    compiled = tf.function(lambda *arguments: function(*arguments), autograph=False, jit_compile=xla)
    concrete = compiled.get_concrete_function(*specs)
    return lambda *arguments: concrete(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


def as_operation(function, *specs):
    """Compile a small function of tensors, to one tensor, for arguments of these specs; return it as an operation.

    Arguments may be arrays or tensors. It leaves out TensorFlow's checks of them, which take several times as long as a
    small network does. What TensorFlow prepares for the first call stays, some 0.1 MB.
    """
    compiled = tf.function(lambda *arguments: function(*arguments), autograph=False).get_concrete_function(*specs)

    def run(*arguments):
        flat = [*tf.nest.flatten(arguments), *compiled.captured_inputs]
        return tf.raw_ops.StatefulPartitionedCall(args=flat, Tout=[compiled.outputs[0].dtype], f=compiled)[0]

    return run


def as_arrays(function, *specs):
    """Compile a function of tensors with XLA, where there is one; return it as a function of arrays, to an array."""
    if has_gpu() or not has_xla():
        return as_function(function, *specs, xla=has_xla())
    call = InSession(function, specs, [])
    return lambda *arguments: call(arguments)[0]


def has_gpu():
    """Whether TensorFlow sees a GPU. Each session there prints a line on standard error, so that none is made."""
    return bool(tf.config.list_physical_devices("GPU"))


class InSession:
    """A compiled function, which runs in a session with variables of its own.

    Parameters
    ----------
    function : callable
        Function of tensors, to one tensor; it may read and assign variables.
    specs : structure of tf.TensorSpec
        Its arguments.
    variables : list of keras.Variable
        Variables that it reads or assigns.
    n_copies : int, default=1
        How many copies of it, with variables and arguments of their own, run side by side.
    xla : bool, default=True
        Whether to compile with XLA.

    Raises
    ------
    LookupError
        If the function uses what lies outside of the session, such as a table of a layer's.
    """

    def __init__(self, function, specs, variables, n_copies=1, xla=True):
        start_sessions(xla)
        compiled = tf.function(lambda *arguments: function(*arguments), autograph=False, jit_compile=xla)
        traced = compiled.get_concrete_function(*specs)
        # XLA compiles what is called in the session's graph, not what a function that it runs had asked for.
        call = tf.function(partial(_call, traced), autograph=False, jit_compile=xla)
        state = [variable.value for variable in variables]
        with tf.Graph().as_default() as graph:
            copies = [self._add(call, traced, state, name) for name in range(n_copies)]
            self._inputs, self._results, self._given, assignments, self._values = map(list, zip(*copies, strict=True))
            self._write = tf.group(*_flat(assignments))
        self._session = new_session(graph)
        # A single function of XLA runs in the caller's own thread.
        alone = xla and n_copies == 1
        self._options = tf.compat.v1.RunOptions(inter_op_thread_pool=-1) if alone else None

    @staticmethod
    def _add(call, traced, variables, name):
        """Add a copy of a function to the graph; return its arguments and result, and what sets and reads its state."""
        slots = [
            tf.raw_ops.VarHandleOp(dtype=v.dtype, shape=v.shape, shared_name=f"{name}/{i}")
            for i, v in enumerate(variables)
        ]
        given = [tf.compat.v1.placeholder(v.dtype, v.shape) for v in variables]
        assignments = [
            tf.raw_ops.AssignVariableOp(resource=s, value=value) for s, value in zip(slots, given, strict=True)
        ]
        values = [tf.raw_ops.ReadVariableOp(resource=s, dtype=v.dtype) for s, v in zip(slots, variables, strict=True)]
        places = {id(v.handle): slot for v, slot in zip(variables, slots, strict=True)}
        if any(of.dtype == tf.resource and id(of) not in places for of in traced.captured_inputs):
            raise LookupError("The function uses what no session holds.")
        captured = [places[id(of)] if id(of) in places else tf.constant(of.numpy()) for of in traced.captured_inputs]
        arguments = traced.inputs[: len(traced.inputs) - len(captured)]
        inputs = [tf.compat.v1.placeholder(argument.dtype, argument.shape) for argument in arguments]
        return inputs, call(*inputs, *captured), given, assignments, values

    def write(self, values):
        """Set the variables of each copy: a list of arrays for each."""
        self._session.run(self._write, dict(zip(_flat(self._given), _flat(values), strict=True)))

    def read(self, n=None):
        """Return the values of the variables of each copy, or of its first `n`."""
        return self._session.run([of[:n] for of in self._values])

    def __call__(self, *arguments):
        """Return the result of each copy, given a structure of arrays for each."""
        flat = [np.asarray(a) for of in arguments for a in tf.nest.flatten(of)]
        return self._session.run(self._results, dict(zip(_flat(self._inputs), flat, strict=True)), self._options)


def _call(traced, *arguments):
    """Call a traced function on its arguments and on what stands for what it has captured."""
    return tf.raw_ops.StatefulPartitionedCall(args=arguments, Tout=[traced.outputs[0].dtype], f=traced)[0]


def _flat(lists):
    """Return the parts of lists in one."""
    return [part for parts in lists for part in parts]
