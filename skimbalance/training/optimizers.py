"""How does a Keras optimizer step inside a compiled loop, as a function of its state?"""

import functools

from skimbalance.training.schedule import CosineLog


def with_constant_rate(optimizer):
    """Return an optimizer of the same settings, and whether its rate is set from step to step by a schedule of ours."""
    config, schedule = optimizer.get_config(), optimizer._learning_rate
    if isinstance(schedule, CosineLog):
        config["learning_rate"] = schedule.learning_rate
    return type(optimizer).from_config(config), isinstance(schedule, CosineLog)


def stateless_copy(optimizer, variables):
    """Return an optimizer of the same settings, built on variables, whose ``stateless_apply`` can be called.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Optimizer.
    variables : list of keras.Variable
        Variables that it will update.
    """
    copy = _stateless_class(type(optimizer)).from_config(optimizer.get_config())
    copy.build(variables)
    return copy


@functools.cache
def _stateless_class(optimizer_class):
    """Return an optimizer's class as Keras has it on JAX.

    On TensorFlow, Keras overrides the methods that write variables, for ``tf.distribute``, and withdraws
    ``stateless_apply``; without these overrides it works here as well.
    """
    mro = optimizer_class.__mro__
    overriding = next(parent for parent in mro if parent.__module__.endswith("backend.tensorflow.optimizer"))
    base = next(parent for parent in mro if parent.__name__ == "BaseOptimizer")
    own = {
        name: getattr(base, name)
        for name in vars(overriding)
        if callable(getattr(base, name, None)) and not name.startswith("__") and name not in vars(optimizer_class)
    }
    return type(optimizer_class.__name__, (optimizer_class,), own)
