"""Copy a network, in memory or through the bytes of a pickle."""

import copy
import threading
from contextlib import contextmanager

from skimbalance._keras.keras_internals import copy_exclusions, decays_of, restore_statistics
from skimbalance._keras.packing import model_from_bytes, model_to_bytes
from skimbalance._keras.startup import keras

_lock = threading.Lock()


def clone_network(model):
    """Return a network of the same layers with initial weights of its own, not compiled."""
    with _lock:
        # Keras would write down and read again what the network is compiled with, which functions do not survive.
        compiled, model.compiled = model.compiled, False
        try:
            clone = keras.models.clone_model(model)
        finally:
            model.compiled = compiled
    if model.built and not clone.built:
        clone.build(model.input_shape)
    return clone


def copy_network(model):
    """Return a copy of a network with the same weights that shares nothing with it."""
    if not type(model).__module__.startswith("keras."):
        return copy.deepcopy(model)  # a class of its own, which only saving and loading can copy
    clone = clone_network(model)
    if model.built:
        clone.set_weights(model.get_weights())
        restore_statistics(clone)
    return clone


def copy_optimizer(optimizer, **settings):
    """Return a fresh optimizer of the same settings, but for those given, that spares the same variables from decay."""
    copied = type(optimizer).from_config({**optimizer.get_config(), **settings})
    copy_exclusions(optimizer, copied)
    return copied


def set_decays(optimizer, variables, decays):
    """Exclude the variables whose entry in `decays` is False from an optimizer's weight decay; return it."""
    spared = [v for v, decay in zip(variables, decays, strict=True) if not decay]
    getattr(optimizer, "inner_optimizer", optimizer).exclude_from_weight_decay(spared)
    return optimizer


def build_when_saved(model):
    """Have the optimizer of a compiled network built once the network is saved.

    Keras builds it when it loads the network, and warns where the file lacks its variables. Built at every fit it would
    take longer than a small fit does.
    """
    optimizer, save = model.optimizer, type(model.optimizer).save_own_variables

    def save_built(store):
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        save(optimizer, store)

    optimizer.save_own_variables = save_built


def pack_network(model):
    """Return a compiled network as bytes, its optimizer's class and configuration, and its loss: for pickling.

    Saved by Keras without what it was compiled with, so that a loss or an optimizer that Keras has no name for can
    be pickled as what it is.
    """
    with _leaving_out_optimizer(model):
        content, trust = model_to_bytes(model)
    decays = decays_of(model.optimizer, model.trainable_variables)
    return content, trust, type(model.optimizer), model.optimizer.get_config(), decays, model.loss


def unpack_network(content, trust, optimizer_class, optimizer_config, decays, loss, metrics):
    """Return the network that `pack_network` was given, compiled with these metrics."""
    model = model_from_bytes(content, trust)
    optimizer = set_decays(optimizer_class.from_config(optimizer_config), model.trainable_variables, decays)
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
    build_when_saved(model)
    return model


@contextmanager
def _leaving_out_optimizer(model):
    """Have Keras save a network without the variables of its optimizer, which the classifier holds."""
    optimizer = model.optimizer
    with _lock:
        save, optimizer.save_own_variables = optimizer.save_own_variables, _save_nothing
        try:
            yield
        finally:
            optimizer.save_own_variables = save


def _save_nothing(store):
    """Write nothing to the file of a network."""
