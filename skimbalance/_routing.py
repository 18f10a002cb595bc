"""What does a routed parameter reach? ``optimizer__learning_rate`` and the like, and the Keras objects of a name."""

import inspect
import re
from collections.abc import Mapping
from difflib import get_close_matches

from skimbalance._keras.startup import keras

#: What stands before the two underscores of a routed parameter.
PREFIXES = ("model", "optimizer", "loss", "metrics", "callbacks", "fit", "predict", "compile", "strategy")


def named_metrics(metrics):
    """Return metrics under names that do not change from one fit to the next.

    Keras numbers the names of equal metrics over the whole process (auc, auc_1, ...).

    Parameters
    ----------
    metrics : list or dict of str, callable or keras.metrics.Metric
        Metrics, possibly in lists of their own.

    Returns
    -------
    dict of str to str, callable or tuple of (class, dict)
        Names and functions as they are, metrics as their class and configuration.
    """
    named = {}
    for metric in flatten(metrics):
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        if isinstance(metric, keras.metrics.Metric):
            default, name = _snake_case(type(metric).__name__), metric.name
            if name.startswith(default) and name[len(default) :].lstrip("_").isdigit():
                name = default
            metric = type(metric), {**metric.get_config(), "name": name}
        taken = sum(other.rstrip("_0123456789") == name.rstrip("_0123456789") for other in named)
        named[f"{name}_{taken}" if name in named else name] = metric
    return named


def is_routed(name):
    """Whether a name is of the form ``prefix__rest``."""
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in PREFIXES


def reaches_nothing(name, allowed, instead=None):
    """Return the error for a routed parameter without a target."""
    prefix, _, rest = name.partition("__")
    near = get_close_matches(rest, allowed, n=1, cutoff=0.5)
    hint = f" Did you mean {prefix + '__' + near[0]!r}?" if near else ""
    hint = f" {instead[0].upper()}{instead[1:]}." if instead else hint
    return UnreachableParameterError(
        f"The parameter {name!r} reaches nothing; {prefix}__* takes {list(allowed) or 'nothing'}.{hint}"
    )


class UnreachableParameterError(ValueError, TypeError):
    """A routed parameter that nothing takes: a ValueError, as in scikit-learn, and a TypeError, as in SciKeras."""


def reachable(target, path):
    """Return True if a routed name finds a parameter below `target`, else the names it could have had."""
    if isinstance(target, Mapping | list | tuple):
        parts = target if isinstance(target, Mapping) else {str(i): part for i, part in enumerate(target)}
        if path[0] in parts:
            return reachable(parts[path[0]], path[1:]) if path[1:] else list(parts)
        found = [reachable(part, path) for part in parts.values()]
        return next((names for names in found if names is not True), True if found else list(parts))
    if isinstance(target, keras.optimizers.Optimizer):
        target = type(target)
    if not isinstance(target, type):
        return []
    parameters = {}
    if issubclass(target, keras.callbacks.Callback):
        taken = {p.kind for p in inspect.signature(target).parameters.values()}
        if inspect.Parameter.VAR_KEYWORD in taken:
            return True
    for parent in target.__mro__:
        parameters |= dict(inspect.signature(parent.__init__).parameters) if "__init__" in vars(parent) else {}
    names = [n for n, p in parameters.items() if n != "self" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return True if path[0] in names or path[0].isdigit() else names


def class_of_name(name, module, base):
    """Return the class that a name means in Keras ("AUC", "binary_crossentropy"), or what Keras finds for it."""
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, base):
            snake = _snake_case(found.__name__)
            if name in (found.__name__, snake, snake.replace("_", "")):
                return found
    return module.get(name)


def _snake_case(name):
    """Return the name that Keras gives an object of a class: BinaryAccuracy -> binary_accuracy."""
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()


def flatten(given):
    """Return an object, or nested lists and dicts of them, as one list."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if not isinstance(given, list | tuple):
        return [given]
    return [one for part in given for one in flatten(part)]
