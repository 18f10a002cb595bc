"""Copy an optimizer, apply its steps and read its learning rate."""

from skimbalance._keras.startup import keras
from skimbalance.networks.copying import copy_optimizer, set_decays
from skimbalance.networks.schedule import CosineLog

#: Optimizers of which `update_step` is the whole step: that of Nadam, say, is not.
_PLAIN = tuple(
    getattr(keras.optimizers, name)
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adamax", "Adagrad", "Adadelta", "Lion", "Ftrl")
)


def schedule_of(optimizer):
    """Return a schedule equal to the one of ours that an optimizer's rate follows from step to step, or None."""
    if isinstance(optimizer.learning_rate, keras.Variable):
        return None
    rate = optimizer.get_config().get("learning_rate")
    is_ours = isinstance(rate, dict) and rate.get("registered_name") == keras.saving.get_registered_name(CosineLog)
    return CosineLog(**rate["config"]) if is_ours else None


def follows_our_schedule(optimizer):
    """Whether an optimizer's rate is set from step to step by a schedule of ours."""
    return schedule_of(optimizer) is not None


def constant_rate(optimizer):
    """Return the learning rate, or None where it follows a schedule."""
    rate = optimizer.learning_rate
    return float(rate) if isinstance(rate, keras.Variable) else None


def with_constant_rate(optimizer):
    """Return a fresh optimizer of the same settings, its rate a number where it follows a schedule of ours."""
    schedule = schedule_of(optimizer)
    return copy_optimizer(optimizer, **({} if schedule is None else {"learning_rate": schedule.learning_rate}))


def fresh_copy(optimizer, variables, decays):
    """Return a new optimizer with the same settings, built on variables; `decays` marks those with weight decay."""
    copy = set_decays(copy_optimizer(optimizer), variables, decays)
    copy.build(variables)
    return copy


def apply_gradients(optimizer, gradients, variables, decays):
    """Trace a step of an optimizer, as its ``apply`` does; `decays` marks the variables with weight decay.

    Keras' ``apply`` sums gradients over devices by a function with a gradient of its own, and TensorFlow keeps every
    graph with such a function for the rest of the process, 4 MB each. So a step that only updates variables is written
    out here; one that also clips, accumulates, scales or averages is left to ``apply``.
    """
    if not only_updates(optimizer):
        return optimizer.apply(gradients, variables)
    rate = optimizer.learning_rate
    for gradient, variable, decay in zip(gradients, variables, decays, strict=True):
        if gradient is not None:
            if optimizer.weight_decay is not None and decay:
                variable.assign_sub(variable * optimizer.weight_decay * rate)
            optimizer.update_step(gradient, variable, rate)
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
    optimizer.iterations.assign_add(1)
    return None


def only_updates(optimizer):
    """Whether all that a step of an optimizer does is to update variables by gradients as they are."""
    names = ("clipnorm", "clipvalue", "global_clipnorm", "use_ema", "loss_scale_factor", "gradient_accumulation_steps")
    is_plain = type(optimizer) in _PLAIN
    return is_plain and not any(getattr(optimizer, name, True) for name in names)


def kept_of_each(optimizer, n_variables):
    """Return for each variable of an optimizer which of those it steps it is kept for, and as what; None if for all.

    Returns
    -------
    list of (str, int) or None
        Name of the attribute that holds it, and position of the variable that is stepped.
    """
    kept = {id(variable): None for variable in optimizer.variables}
    for name, held in vars(optimizer).items():
        is_of_each = isinstance(held, list) and len(held) == n_variables and all(id(of) in kept for of in held)
        if is_of_each and all(of is not optimizer.iterations for of in held):
            kept |= {id(of): (name, i) for i, of in enumerate(held)}
    return list(kept.values())
