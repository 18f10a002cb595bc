"""Which versions of Python and of the packages that matter are these?"""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("skimbalance", "tensorflow", "keras", "scikit-learn", "numpy", "skops")


def versions():
    """Return versions by name, Python's first; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # such as this package in a folder that is not installed
            continue
    return found
