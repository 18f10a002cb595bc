"""Import an optional package, or raise an error that says how to install it."""

import importlib


def need(*packages):
    """Refuse to go on without packages of the extra ``export``."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(
                f"This needs the package {package}, which cannot be imported ({error}); pip install skimbalance[export]"
            ) from error
