"""The private names of Keras that this package uses, and a replacement for each.

Nothing here fails if a name is missing: ``tests/test_missing_names.py`` removes each in turn and fits networks.
"""

import inspect
import io
import random
import sys
import threading
from contextlib import contextmanager

from skimbalance._keras.startup import keras

# --- networks ---


def layers_of(model, include_self=True):
    """Return every layer of a network, those inside others included, each once."""
    found = {}
    _walk(model, found)
    return [layer for layer in found.values() if include_self or layer is not model]


def _walk(layer, found):
    """Note a layer, and those that it holds: as a network, by itself, or in lists and dicts."""
    if id(layer) not in found:
        found[id(layer)] = layer
        held = [getattr(layer, "layers", []), *vars(layer).values()]
        for inner in [inner for value in held for inner in _layers_in(value)]:
            _walk(inner, found)


def _layers_in(value):
    """Return the layers that an attribute holds."""
    if isinstance(value, keras.Layer):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [layer for of in value for layer in _layers_in(of)]


def logits_behind(outputs):
    """Return the logits that Keras notes on the probabilities of a softmax or sigmoid, or None.

    Keras 3.11 to 3.15: ``_keras_logits``, which its own losses read; exact where log(softmax) would be rounded to
    0 or 1 already. Without it, probabilities are read as those of a network that notes none.
    """
    return getattr(outputs, "_keras_logits", None)


def last_operation(model):
    """Return the layer or operation that a network's only output comes from, or None where Keras does not record it.

    Keras 3.11 to 3.15: ``_keras_history``. Without it, the last layer.
    """
    outputs = getattr(model, "outputs", None)
    history = getattr(outputs[0], "_keras_history", None) if outputs else None
    return history[0] if history else (getattr(model, "layers", None) or [None])[-1]


def takes_training(model):
    """Whether a network's ``call`` has an argument ``training``, which Keras passes only then."""
    return "training" in inspect.signature(model.call).parameters


def read_statistics_when_called(model):
    """Let layers that keep statistics beside their variables derive them from the variables at every call.

    Keras 3.11 to 3.15: ``Normalization.finalize_state`` copies ``adapt_mean`` and ``adapt_variance`` into constants,
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

# One thread at a time has seeds of its own.
_seeding = threading.RLock()


@contextmanager
def seeds_of_layers(seed):
    """Draw what layers that this thread builds would take from Python's global generator from one with this seed."""
    module = sys.modules.get("keras.src.random.seed_generator")
    with _seeding:
        everyones = getattr(module, "python_random", None)
        if everyones is not None:
            module.python_random = _OfThisThread(seed, everyones)
        try:
            yield
        finally:
            if everyones is not None:
                module.python_random = everyones


class _OfThisThread:
    """A generator for the thread that makes it, and what stands for Python's ``random`` for all others."""

    def __init__(self, seed, everyones):
        self._own, self._everyones, self._thread = random.Random(seed), everyones, threading.get_ident()

    def __getattr__(self, name):
        """Return a function of the generator that the calling thread has."""
        return getattr(self._own if threading.get_ident() == self._thread else self._everyones, name)


def is_unseeded(initializer):
    """Whether an initializer has taken its seed from Python's generator."""
    return isinstance(initializer, keras.initializers.Initializer) and initializer.get_config().get("seed", 0) is None


def unseeded_generators(layer):
    """Return the generators of a layer (of dropout, say) that have taken their seed from Python's."""
    generators = [of for of in vars(layer).values() if isinstance(of, keras.random.SeedGenerator)]
    return [of for of in generators if of.get_config()["seed"] is None]


def random_states(model):
    """Return the variables of a network's random number generators (of dropout, say), which are none of its weights."""
    weights = set(map(id, model.weights))
    return [variable for variable in model.variables if id(variable) not in weights]


def metrics_of(model):
    """Return the metrics that a network was compiled with, as they were given.

    Keras 3.11 to 3.15: ``_compile_metrics._user_metrics``. Without it, metrics compiled by a builder are not logged.
    """
    return getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None) or []


def point(metric, direction):
    """Set for callbacks whether greater ("up") or smaller ("down") values of a metric are better; None sets nothing.

    Keras 3.11 to 3.15: ``MonitorCallback`` reads ``_direction`` of the metrics that a network is compiled with, where
    ``mode="auto"``. Without it, a callback needs its ``mode``.
    """
    if direction is not None:
        metric._direction = direction


def direction_of(metric):
    """Return the direction of a metric of Keras, as `point` sets it, or None."""
    return getattr(metric, "_direction", None)


# --- optimizers ---


def decays_of(optimizer, variables):
    """Return for each variable whether the optimizer's weight decay, if it has one, applies to it.

    An optimizer's configuration leaves out ``exclude_from_weight_decay``. Keras 3.11 to 3.15: ``_use_weight_decay``.
    From 3.16 on, ``_is_excluded_from_weight_decay``, as the other asks for an optimizer that has been built. Without
    them, nothing is spared from weight decay.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    uses = getattr(optimizer, "_use_weight_decay", lambda _: True)
    spares = getattr(optimizer, "_is_excluded_from_weight_decay", lambda variable: not uses(variable))
    try:
        return [not spares(variable.value) for variable in variables]
    except ValueError:
        return [True] * len(variables)


def copy_exclusions(optimizer, copied):
    """Let a copy spare the same variables from weight decay.

    Keras 3.11 to 3.15: ``_exclude_from_weight_decay`` and ``_exclude_from_weight_decay_pattern``. Without them, as for
    `decays_of`.
    """
    for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
        spared = getattr(optimizer, name, None)
        if spared is not None:
            setattr(copied, name, spared)


# --- callbacks ---


def detach(callback):
    """Take from a callback the network that it was used with, and files and writers that it has closed.

    So it keeps, copies and pickles none. Keras 3.11 to 3.15: ``_model``, and of TensorBoard the writers and the module
    that makes them, all set anew by the next training. Without it, callbacks keep their network, and one of TensorBoard
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

    Keras 3.11 to 3.15: ``TensorBoard._start_batch`` is 0 where no batch is profiled. Without it, TensorBoard is told of
    every batch.
    """
    callbacks = keras.callbacks
    return (
        isinstance(callback, callbacks.TerminateOnNaN)
        or (isinstance(callback, callbacks.ModelCheckpoint | callbacks.BackupAndRestore)
            and callback.save_freq == "epoch")
        or (isinstance(callback, callbacks.TensorBoard)
            and callback.update_freq == "epoch" and not getattr(callback, "_start_batch", True))
    )  # fmt: skip
