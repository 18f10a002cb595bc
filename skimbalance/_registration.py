"""How does Keras find our layers and losses in a saved network? They are registered once Keras is imported.

``keras.saving.load_model`` looks for custom classes in its own registry alone. So that ``import skimbalance`` is
all that loading a network takes, the classes are registered when Keras is imported, before or after this package,
without importing Keras (and TensorFlow) for it.
"""

import importlib
import importlib.abc
import importlib.util
import sys


def register():
    """Import the modules that hold serializable classes; they register themselves."""
    importlib.import_module("skimbalance.networks")
    importlib.import_module("skimbalance.strategies")
    importlib.import_module("skimbalance.networks.schedule")


def register_with_keras():
    """Register now if Keras is loaded, else when it will be."""
    if "keras" in sys.modules:
        register()
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Leave finding Keras to the other finders, and register once it is loaded."""

    def __init__(self):
        self._is_searching = False

    def find_spec(self, fullname, path=None, target=None):
        """Return Keras' own spec with the registration appended to its execution."""
        if fullname != "keras" or self._is_searching:
            return None
        self._is_searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._is_searching = False
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module):
                load(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                # Where this package itself loads Keras, its modules follow, and register on their own.
                if "skimbalance.engine.startup" not in sys.modules:
                    register()

            spec.loader.exec_module = load_and_register
        return spec
