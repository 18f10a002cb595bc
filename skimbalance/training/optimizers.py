"""How does a Keras optimizer step inside a compiled loop, as a function of its state?"""

from skimbalance._startup import keras
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
    optimizer_class = type(type(optimizer).__name__, (type(optimizer), _Stateless), {})
    copy = optimizer_class.from_config(optimizer.get_config())
    copy.build(variables)
    return copy


def _without_overrides():
    """Return Keras' base class of optimizers as it is on JAX.

    On TensorFlow, Keras overrides the methods that write variables, for ``tf.distribute``, and withdraws
    ``stateless_apply``; without these overrides it works here as well.
    """
    on_tensorflow, base = (
        next(parent for parent in keras.optimizers.Optimizer.__mro__ if parent.__name__ == name)
        for name in ("TFOptimizer", "BaseOptimizer")
    )
    methods = {
        name: getattr(base, name)
        for name in vars(on_tensorflow)
        if callable(getattr(base, name, None)) and not name.startswith("__")
    }
    return type("StatelessOptimizer", (keras.optimizers.Optimizer,), methods)


_Stateless = _without_overrides()
