"""How is a network copied: in memory, and as the bytes of a pickle?"""

import copy
import os
import tempfile

from skimbalance._startup import keras
from skimbalance.networks.outputs import LossOnOutputs


def clone_network(model):
    """Return a network of the same layers with initial weights of its own."""
    clone = keras.models.clone_model(model)
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
    return clone


def pack_network(model):
    """Return a compiled network as bytes, its optimizer's configuration and state, and its loss: for pickling.

    Saved by Keras without what it was compiled with, so that a loss or an optimizer that Keras has no name for can
    be pickled as what it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        keras.saving.save_model(model, path)
        with open(path, "rb") as file:
            packed = file.read()
    return packed, type(model.optimizer), model.optimizer.get_config(), model.loss.loss


def unpack_network(packed, optimizer_class, optimizer_config, loss):
    """Return the network that `pack_network` was given."""
    optimizer = optimizer_class.from_config(optimizer_config)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(packed)
        # A pickle runs whatever code it holds; a lambda layer in it asks for no more trust than that.
        model = keras.saving.load_model(path, compile=False, safe_mode=False)
    model.compile(optimizer=optimizer, loss=LossOnOutputs(loss), jit_compile=False)
    return model
