"""Describe an architecture as text, so that equal networks share a compiled program."""

import inspect
import json

from skimbalance._keras.keras_internals import layers_of
from skimbalance._keras.startup import keras
from skimbalance.networks.schedule import CosineLog
from skimbalance.training.optimizers import follows_our_schedule


def architecture(*parts):
    """Return a text that is equal for networks, optimizers and losses that one program can serve, or None.

    Names, seeds and initial values are left out, and so are a constant learning rate and a loss's
    hyper-parameters, which reach the program as data. None means that equality cannot be told: a lambda, a
    function or a class from outside Keras and this package, whose code a configuration does not show.
    """
    if any(_holds_foreign_code(part) for part in parts):
        return None
    return json.dumps([_comparable(part) for part in parts], sort_keys=True)


def _holds_foreign_code(part):
    """Whether a network, optimizer or loss runs code from outside Keras and this package, or a lambda layer."""
    if isinstance(part, str | int | float | bool | None):
        return False
    if isinstance(part, keras.Model):
        return not _is_ours(part) or any(map(_holds_foreign_code, layers_of(part, include_self=False)))
    if not _is_ours(part) or isinstance(part, keras.layers.Lambda):
        return True
    values = [value for value in vars(part).values() if callable(value)]
    return any(not _is_ours(value) for value in values)


def _is_ours(value):
    """Whether an object's code is that of Keras or of this package."""
    owner = value if inspect.isroutine(value) or inspect.isclass(value) else type(value)
    return (owner.__module__ or "").partition(".")[0] in ("keras", "skimbalance", "tensorflow", "builtins")


def _comparable(part):
    """Return the part of an object's configuration that shapes its program."""
    if isinstance(part, str | int | float | bool | None):
        return part
    config = keras.saving.serialize_keras_object(part)
    settings = config["config"]
    if isinstance(part, keras.optimizers.Optimizer):
        if isinstance(settings.get("learning_rate"), float):
            del settings["learning_rate"]
        elif follows_our_schedule(part):
            settings["learning_rate"] = CosineLog.__name__
    elif isinstance(part, keras.losses.Loss):
        for name in part.hyperparameters:
            settings.pop(name, None)
    return _without_names(config, {})


def _without_names(value, names, key=None):
    """Replace layers' names by their order of appearance, drop seeds and initial values."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return value
        return {
            k: _without_names(v, names, k)
            for k, v in sorted(value.items(), key=lambda item: item[0] != "name")
            if k not in ("seed", "build_config", "compile_config", "shared_object_id")
            and not k.endswith("_initializer")
        }
    if isinstance(value, list | tuple):
        return [_without_names(v, names, key) for v in value]
    if isinstance(value, str) and key in ("name", "keras_history", "input_layers", "output_layers"):
        return names.setdefault(value, len(names))
    return value
