"""skimbalance: a scikit-learn classifier on Keras for tables in which one class is rare."""

import importlib

__version__ = "0.1.0"

#: Public name -> module it lives in. Importing the package loads none of them, and so not TensorFlow.
_PUBLIC = {
    "ImbalancedKerasClassifier": "classifier",
    "Strategy": "strategies",
    "mlp": "networks",
    "networks": None,
    "strategies": None,
}

__all__ = ["ImbalancedKerasClassifier", "Strategy", "__version__", "mlp", "networks", "strategies"]


def __getattr__(name):
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(_PUBLIC)}")
    if _PUBLIC[name] is None:
        return importlib.import_module(f"{__name__}.{name}")
    value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    """List public names, for tab completion."""
    return sorted({*globals(), *_PUBLIC})
