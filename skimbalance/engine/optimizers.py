"""How does a Keras optimizer step inside a compiled loop, as a function of its state?"""

from skimbalance.engine.keras_internals import StatelessOptimizer, rate_of
from skimbalance.engine.startup import keras
from skimbalance.networks import CosineLog, set_decays


def follows_our_schedule(optimizer):
    """Whether an optimizer's rate is set from step to step by a schedule of ours."""
    return isinstance(rate_of(optimizer), CosineLog)


def constant_rate(optimizer):
    """Return the learning rate, or None where it follows a schedule."""
    rate = rate_of(optimizer)
    return None if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else float(rate)


def with_constant_rate(optimizer):
    """Return an optimizer of the same settings, its rate a number where it follows a schedule of ours."""
    config = optimizer.get_config()
    if follows_our_schedule(optimizer):
        config["learning_rate"] = rate_of(optimizer).learning_rate
    return type(optimizer).from_config(config)


def stateless_copy(optimizer, variables, decays):
    """Return an optimizer of the same settings, built on variables, whose ``stateless_apply`` can be called.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        Optimizer.
    variables : list of keras.Variable
        Variables that it will update.
    decays : list of bool
        Whether weight decay applies to each.
    """
    optimizer_class = type(type(optimizer).__name__, (type(optimizer), StatelessOptimizer), {})
    copy = set_decays(optimizer_class.from_config(optimizer.get_config()), variables, decays)
    copy.build(variables)
    return copy
