"""What changes in training, and how is it read and written without Keras' checks, which take longer than a step?"""

from skimbalance._startup import tf


def state_of(model):
    """Every variable of a network that training changes: weights, statistics and seeds."""
    return model.trainable_variables + model.non_trainable_variables


def read(variables):
    """Return the values of variables as arrays of their own."""
    return [
        tf.raw_ops.ReadVariableOp(resource=variable.value.handle, dtype=variable.value.dtype).numpy()
        for variable in variables
    ]


def write(variables, values):
    """Assign values to variables, one by one."""
    for variable, value in zip(variables, values, strict=True):
        variable = variable.value
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(f"{variable.name} has shape {tuple(variable.shape)}, its new value {tuple(value.shape)}.")
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=tf.convert_to_tensor(value, variable.dtype))
