"""Check that a saved configuration names nothing that runs code on loading."""

import numpy as np

#: Public modules of Keras whose classes compute, and touch neither files nor the network.
_CLASSES = frozenset({
    "keras", "keras.constraints", "keras.dtype_policies", "keras.initializers", "keras.layers", "keras.losses",
    "keras.metrics", "keras.models", "keras.optimizers", "keras.optimizers.schedules", "keras.quantizers",
    "keras.random", "keras.regularizers",
})  # fmt: skip
#: Of these modules, whatever wraps code or a file.
_RUN_CODE = frozenset({"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"})
#: Modules whose functions are mathematics, apart from those that would read a configuration of their own.
_FUNCTIONS = frozenset({"builtins", "keras.activations", "keras.initializers", "keras.losses", "keras.metrics"})
_READ = frozenset({"deserialize", "get", "serialize"})
#: Values that Keras serializes in the form of a class.
_VALUES = frozenset({"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"})
#: Packages that Keras imports modules of where a file names them; of others, it takes registered classes alone.
_IMPORTED = frozenset({"keras", "keras_cv", "keras_hub", "keras_nlp"})
_OURS = frozenset({"imblearn", "sklearn", "skimbalance"})


def forbidden_in(config):
    """Return the names in a configuration of Keras that may run code, or reach files or the network.

    Keras' own safe mode refuses lambdas and some functions by their names; all others of ``keras`` may still be called
    by a file (3.15.1: those that download data sets or draw pictures into files, for example). Here it is the other
    way round: what is not known to be harmless is refused.

    Parameters
    ----------
    config : dict, list or other value
        Configuration, as ``get_config`` or the ``config.json`` of a network have it.

    Returns
    -------
    list of str
        Names, in the order in which they come.
    """
    if isinstance(config, dict):
        own = [] if "class_name" not in config or _is_harmless(config) else [_name_of(config)]
        return own + [name for value in config.values() for name in forbidden_in(value)]
    if isinstance(config, list | tuple):
        return [name for value in config for name in forbidden_in(value)]
    return []


def _name_of(config):
    """Return the name of the class or function in an entry of a configuration."""
    name = config["config"] if config["class_name"] == "function" else config["class_name"]
    return f"{config.get('module')}.{name!s:.60}"


def _is_harmless(config):
    """Whether an entry names a class or a function that only computes, or one that has to be registered."""
    kind, module = config["class_name"], config.get("module", "")
    if not isinstance(kind, str):
        return False
    if kind.startswith("__"):
        return kind in _VALUES
    if module is None:
        return True
    if not isinstance(module, str) or not module:
        return False
    package = module.partition(".")[0]
    if kind == "function":
        name = config.get("config")
        is_math = module in _FUNCTIONS or module == "keras.ops" or module.startswith("keras.ops.")
        is_plain = isinstance(name, str) and "." not in name and name not in _READ
        return is_plain and (is_math or package not in _IMPORTED)
    if package not in _IMPORTED:
        return True
    is_room = module in _CLASSES or module.startswith(("keras.src.ops.", "keras.src.models."))
    return is_room and kind[:1].isupper() and "." not in kind and kind not in _RUN_CODE


def check_config(config, what):
    """Raise for a configuration that names anything that may run code or access files."""
    names = forbidden_in(config)
    if names:
        raise ValueError(
            f"The file holds {what} that names {names[0]}, which may run code or reach files, and was not loaded. Ask "
            "whoever made the file; a pickle of your own does load."
        )


def check_loaded(state):
    """Refuse the state of an object from a file that would write, or call what it names, at the next ``fit``.

    skops checks types; this checks the values of their parameters: a scikit-learn pipeline with
    `memory` keeps a cache where a file says, and loads pickles from there.

    Parameters
    ----------
    state : dict
        Attributes by name, of which everything is looked at that scikit-learn, imbalanced-learn or this package made.

    Raises
    ------
    ValueError
        If anything in it has a `memory`, or is a configuration that names what may run code.
    """
    seen, todo = {}, [state]  # what was seen is kept, so that no other object gets its id
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, dict):
            if "class_name" in value:
                check_config(value, "a configuration")
            todo += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            todo += value
        elif isinstance(value, np.ndarray):
            todo += value.ravel().tolist() if value.dtype == object else []
        elif not isinstance(value, type) and type(value).__module__.partition(".")[0] in _OURS:
            attributes = getattr(value, "__dict__", {})
            if attributes.get("memory") is not None:
                raise ValueError(
                    f"The file holds a {type(value).__name__} with memory={attributes['memory']!r}, which would write "
                    "to and read pickles from that folder at the next fit, and was not loaded. Have it written with "
                    "memory=None."
                )
            todo.append(attributes)
