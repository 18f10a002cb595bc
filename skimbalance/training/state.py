"""Read and write the variables that change in training, without Keras' slow checks."""

from contextlib import contextmanager

import numpy as np

from skimbalance._keras.keras_internals import metrics_of
from skimbalance._keras.startup import tf


def state_of(model):
    """Every variable of a network that training changes: weights, statistics and seeds."""
    return model.trainable_variables + model.non_trainable_variables


def values(variables):
    """Return the values of variables as tensors, which they are until the next assignment."""
    return [
        tf.raw_ops.ReadVariableOp(resource=variable.value.handle, dtype=variable.value.dtype) for variable in variables
    ]


def read(variables):
    """Return the values of variables as arrays of their own."""
    return [value.numpy() for value in values(variables)]


def compact(value):
    """Return an array that is equal everywhere, such as most of an optimizer starts with, as a view of one number."""
    return np.broadcast_to(value.flat[0], value.shape) if value.size and np.ptp(value) == 0 else value


def write(variables, values):
    """Assign values to variables, one by one."""
    for variable, value in zip(variables, values, strict=True):
        shape, dtype = variable.value.shape, variable.value.dtype
        if tuple(value.shape) != tuple(shape):
            raise ValueError(f"{variable.name} has shape {tuple(shape)}, its new value {tuple(value.shape)}.")
        tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=tf.convert_to_tensor(value, dtype))


@contextmanager
def unchanged_on_failure(model):
    """Give a network back the state it had, and its compilation, where what is done with it fails or is interrupted."""
    before, compiled = read(state_of(model)), (model.optimizer, model.loss, metrics_of(model))
    rate = None if model.optimizer is None else model.optimizer.get_config()
    try:
        yield
    except BaseException:
        write(state_of(model), before)
        if (model.optimizer, model.loss, metrics_of(model)) != compiled:
            model.compile(*compiled[:2], metrics=compiled[2], jit_compile=False)
        if rate is not None and isinstance(rate.get("learning_rate"), float):
            model.optimizer.learning_rate = rate["learning_rate"]
        raise
