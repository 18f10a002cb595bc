"""What do we use of Keras that it does not promise to keep? Each use, the version it was seen in, its replacement.

``tests/test_engine.py`` has a test for each, which fails with a sentence once an upgrade removes it.
"""

import inspect
import io

from skimbalance.engine.startup import keras

# --- networks ---


def layers_of(model, include_self=True):
    """Return every layer of a network, those inside others included.

    Keras 3.10 to 3.15: ``_flatten_layers``. Without it: walk ``model.layers`` and the attributes of each.
    """
    return list(model._flatten_layers(include_self=include_self))


def logits_behind(outputs):
    """Return the logits that Keras notes on the probabilities of a softmax or sigmoid, or None.

    Keras 3.10 to 3.15: ``_keras_logits``, which its own losses read; exact where log(softmax) would be rounded to
    0 or 1 already. Without it: read probabilities as those of a network that notes none.
    """
    return getattr(outputs, "_keras_logits", None)


def last_operation(model):
    """Return the layer or operation that a network's only output comes from, or None where Keras does not know.

    Keras 3.10 to 3.15: ``_keras_history``. Without it: ``model.layers[-1]``.
    """
    outputs = getattr(model, "outputs", None)
    history = getattr(outputs[0], "_keras_history", None) if outputs else None
    return history and history[0]


def takes_training(model):
    """Whether a network's ``call`` has an argument ``training``, which Keras passes only then."""
    return "training" in inspect.signature(model.call).parameters


def read_statistics_when_called(model):
    """Let layers that keep statistics beside their variables derive them from the variables at every call.

    Keras 3.10 to 3.15: ``Normalization.finalize_state`` copies ``adapt_mean`` and ``adapt_variance`` into constants,
    which a compiled program would keep. Without it: do not share programs of networks with such a layer.
    """
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.call = _with_fresh_statistics(layer)


def _with_fresh_statistics(layer):
    """Return the layer's call, preceded by its reading of the variables."""
    call = type(layer).call

    def call_with_fresh_statistics(*args, **kwargs):
        layer.finalize_state()
        return call(layer, *args, **kwargs)

    return call_with_fresh_statistics


def restore_statistics(model):
    """Have layers that keep statistics beside their variables read the variables, which have been set."""
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


# --- random numbers ---


def is_unseeded(initializer):
    """Whether an initializer has taken its seed from Python's generator.

    Keras 3.10 to 3.15: ``_init_seed`` is what the constructor was given. Without it: ``get_config()["seed"]``.
    """
    return isinstance(initializer, keras.initializers.Initializer) and getattr(initializer, "_init_seed", 0) is None


def unseeded_generators(layer):
    """Return the generators of a layer (of dropout, say) that have taken their seed from Python's.

    Keras 3.10 to 3.15: ``_seed_generators`` and ``_initial_seed``. Without it: look for ``SeedGenerator`` in ``vars``.
    """
    return [of for of in getattr(layer, "_seed_generators", []) if of._initial_seed is None]


def metrics_of(model):
    """Return the metrics that a network was compiled with, as they were given.

    Keras 3.10 to 3.15: ``_compile_metrics._user_metrics``. Without it: metrics compiled by a builder are not logged.
    """
    compiled = getattr(model, "_compile_metrics", None)
    return [] if compiled is None else compiled._user_metrics or []


def point(metric, direction):
    """Tell callbacks whether more of a metric is better ("up") or less ("down"); None says nothing.

    Keras 3.10 to 3.15: ``MonitorCallback`` reads ``_direction`` of the metrics that a network is compiled with, where
    ``mode="auto"``. Without it: name the ``mode``.
    """
    if direction is not None:
        metric._direction = direction


def direction_of(metric):
    """Return the direction of a metric of Keras, as `point` sets it, or None."""
    return getattr(metric, "_direction", None)


# --- optimizers ---


def rate_of(optimizer):
    """Return an optimizer's learning rate: a variable, or a schedule.

    Keras 3.10 to 3.15: ``_learning_rate``; ``learning_rate`` has evaluated a schedule already. Without it:
    ``get_config()["learning_rate"]``.
    """
    return optimizer._learning_rate


def decays_of(optimizer, variables):
    """Return for each variable whether the optimizer's weight decay, if it has one, applies to it.

    An optimizer's configuration does not hold what ``exclude_from_weight_decay`` was told. Keras 3.10 to 3.15:
    ``_use_weight_decay``. Without it: nothing is spared from weight decay.
    """
    return [optimizer._use_weight_decay(variable.value) for variable in variables]


def copy_exclusions(optimizer, copied):
    """Let a copy spare the same variables from weight decay.

    Keras 3.10 to 3.15: ``_exclude_from_weight_decay`` and ``_exclude_from_weight_decay_pattern``. Without it: as for
    `decays_of`.
    """
    for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
        if hasattr(optimizer, name):
            setattr(copied, name, getattr(optimizer, name))


def _without_overrides():
    """Return Keras' base class of optimizers as it is on JAX.

    On TensorFlow, Keras 3.10 to 3.15 overrides the methods that write variables, for ``tf.distribute``, and withdraws
    ``stateless_apply``; without these overrides it works here as well. Without it: train through Keras' own loop.
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


class StatelessOptimizer(_without_overrides()):
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


# --- callbacks ---


def detach(callback):
    """Take from a callback the network that it was used with, and files and writers that it has closed.

    So it keeps, copies and pickles none. Keras 3.10 to 3.15: ``_model``, and of TensorBoard the writers and the module
    that makes them, all set anew by the next training. Without it: callbacks keep their network, and one of TensorBoard
    that has been used can be neither copied nor pickled.
    """
    callback._model = None
    if isinstance(callback, keras.callbacks.TensorBoard):
        callback._summary_module, callback._writers, callback._prev_summary_state = None, {}, []
    for name, value in list(vars(callback).items()):
        if isinstance(value, io.IOBase) and value.closed:
            setattr(callback, name, None)


def is_epoch_only(callback):
    """Whether one of Keras' callbacks that has batch hooks needs none of them.

    Keras 3.10 to 3.15: ``TensorBoard._start_batch`` is 0 where no batch is profiled. Without it: TensorBoard trains
    through Keras' own loop.
    """
    callbacks = keras.callbacks
    return (
        isinstance(callback, callbacks.TerminateOnNaN)
        or (isinstance(callback, callbacks.ModelCheckpoint | callbacks.BackupAndRestore)
            and callback.save_freq == "epoch")
        or (isinstance(callback, callbacks.TensorBoard)
            and callback.update_freq == "epoch" and not callback._start_batch)
    )  # fmt: skip
