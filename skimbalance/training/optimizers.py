"""How does a Keras optimizer step inside a compiled loop, as a function of its state?"""

from skimbalance._startup import keras
from skimbalance.networks import set_decays
from skimbalance.training.schedule import CosineLog


def with_constant_rate(optimizer):
    """Return an optimizer of the same settings, and whether its rate is set from step to step by a schedule of ours."""
    config, schedule = optimizer.get_config(), optimizer._learning_rate
    if isinstance(schedule, CosineLog):
        config["learning_rate"] = schedule.learning_rate
    return type(optimizer).from_config(config), isinstance(schedule, CosineLog)


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
    optimizer_class = type(type(optimizer).__name__, (type(optimizer), _Stateless), {})
    copy = set_decays(optimizer_class.from_config(optimizer.get_config()), variables, decays)
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


class _Stateless(_without_overrides()):
    """Optimizer that chooses between values where Keras' chooses between branches, which cannot write a state."""

    def _backend_apply_gradients(self, grads, trainable_variables):
        """Update the variables, on the last step of an accumulation only, and their moving averages."""
        ops, n_steps = keras.ops, self.gradient_accumulation_steps
        if not n_steps:
            self._update(grads, trainable_variables)
        else:
            is_last = ops.equal((self._iterations + 1) % n_steps, 0)
            sums = [self._accumulated_gradients[self._get_variable_index(v)] for v in trainable_variables]
            grads = [gradient + so_far for gradient, so_far in zip(grads, sums, strict=True)]
            before = [(v, v.value) for v in [*trainable_variables, *self.variables]]
            self._update([gradient / n_steps for gradient in grads], trainable_variables)
            for variable, value in before:
                variable.assign(ops.where(is_last, variable.value, value))
            for so_far, gradient in zip(sums, grads, strict=True):
                so_far.assign(ops.where(is_last, ops.zeros_like(gradient), gradient))
        if self.use_ema:
            self._update_model_variables_moving_average(self._trainable_variables)
            if self.ema_overwrite_frequency:
                is_due = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
                for v, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
                    v.assign(ops.where(is_due, average.value, v.value))

    def _update(self, grads, trainable_variables):
        """Update the variables by their clipped gradients."""
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(trainable_variables)
        self._backend_update_step(grads, trainable_variables, self.learning_rate)
