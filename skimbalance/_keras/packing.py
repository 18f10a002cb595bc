"""Turn Keras objects into plain parts that pickle and skops can both store."""

import io
import json
import os
import tempfile
import zipfile

import numpy as np

from skimbalance._keras.keras_internals import random_states
from skimbalance._keras.startup import keep_python_random, keras
from skimbalance._keras.vetting import check_config, forbidden_in

# Entry of a network's file for the states of its random number generators, which Keras leaves out.
_RANDOM_STATES = "random_states.json"


class Packed:
    """An optimizer, loss or metric of Keras as its class and configuration."""

    def __init__(self, kind, config):
        self.kind, self.config = kind, config

    def unpack(self):
        """Return the object."""
        check_config(self.config, "an optimizer, loss or metric")
        return self.kind.from_config(self.config)


class PackedModel:
    """A network of Keras, and what it was compiled with, as bytes."""

    def __init__(self, model):
        self.content, self.trust = model_to_bytes(model)

    def unpack(self):
        """Return the network."""
        return model_from_bytes(self.content, self.trust, compile=True)


class Pairs:
    """A dict by labels, or pairs of these, as a list: skops writes keys that are texts alone as what they are."""

    def __init__(self, of):
        self.pairs = [(key, packed(value)) for key, value in of.items()]

    def unpack(self):
        """Return the dict."""
        return {key: unpacked(value) for key, value in self.pairs}


def packed(value):
    """Return a value with Keras' objects in plain parts, in lists, tuples and dicts as well."""
    if type(value) is dict:
        by_name = all(type(key) is str for key in value)
        return {key: packed(of) for key, of in value.items()} if by_name else Pairs(value)
    if type(value) in (list, tuple):
        return type(value)(packed(of) for of in value)
    if isinstance(value, keras.Model):
        return PackedModel(value)
    is_configured = isinstance(value, keras.optimizers.Optimizer | keras.losses.Loss | keras.metrics.Metric)
    if not is_configured or hasattr(value, "__setstate__"):
        return value
    try:
        of = Packed(type(value), value.get_config())
        with keep_python_random():
            of.unpack()
    except Exception:  # whatever a class of the user's own raises: it is written as it is
        return value
    return of


def unpacked(value):
    """Return a value that `packed` made, as it was."""
    if type(value) is dict:
        return {key: unpacked(of) for key, of in value.items()}
    if type(value) in (list, tuple):
        return type(value)(unpacked(of) for of in value)
    return value.unpack() if isinstance(value, Packed | PackedModel | Pairs) else value


class ByArguments:
    """An object that pickle and skops write by its constructor's arguments, functions of the user's among them."""

    def __reduce__(self):
        """Pickle by the arguments; `copy.deepcopy` copies them, too."""
        return _constructed, (type(self), self._arguments())

    def __getstate__(self):
        """Return the arguments, Keras' objects among them in plain parts."""
        return packed(self._arguments())

    def __setstate__(self, state):
        """Construct the object."""
        self.__init__(**unpacked(state))


def _constructed(kind, arguments):
    """Return an object of a class."""
    return kind(**arguments)


class OfPickle:
    """The state of a classifier in a pickle or a copy, which runs code anyway: skops writes no object of this class."""

    def __init__(self, state):
        self.state = state


def lambdas_run_code():
    """Stand beside a network whose layers may run code: who loads a file that names this trusts that code."""


def model_to_bytes(model):
    """Return a network as bytes, and what it takes to trust these: `lambdas_run_code`, or None."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        keras.saving.save_model(model, path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_RANDOM_STATES, json.dumps([np.asarray(of).tolist() for of in random_states(model)]))
        with open(path, "rb") as file:
            content = file.read()
    return content, lambdas_run_code if forbidden_in(_config_of(content)) else None


def model_from_bytes(content, trust, compile=False):
    """Return the network; code that its layers hold or name runs only with `trust`."""
    is_trusted = trust is lambdas_run_code
    if not is_trusted:
        check_config(_config_of(content), "a network")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(content)
        with keep_python_random():
            model = keras.saving.load_model(path, compile=compile, safe_mode=not is_trusted)
    _set_random_states(model, content)
    return model


def _set_random_states(model, content):
    """Set the states of a network's random number generators, which files of earlier versions lack."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        values = json.loads(archive.read(_RANDOM_STATES)) if _RANDOM_STATES in archive.namelist() else []
    states = random_states(model)
    if len(states) == len(values):  # layers that shared a generator have one each once Keras has built them anew
        for state, value in zip(states, values, strict=True):
            state.assign(value)


def _config_of(content):
    """Return the configuration of a network that Keras has written."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("config.json"))
