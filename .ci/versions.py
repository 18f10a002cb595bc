"""Run the tests with other versions of packages: ``python .ci/versions.py WHICH [arguments of pytest]``.

WHICH is "oldest" or "newest" (those of .ci/oldest.txt or .ci/newest.txt), "prerelease" (release candidates of Keras,
TensorFlow and scikit-learn) or "nightly" (what they built last night). Each has an environment of its own, .venv-WHICH.
"""

import sys

from environments import ROOT, install, make, run

WHICH = ("oldest", "newest", "prerelease", "nightly")
#: Where scikit-learn puts what it builds each night.
NIGHTLY_WHEELS = "https://pypi.anaconda.org/scientific-python-nightly-wheels/simple"
SHOW = """
from importlib.metadata import distributions
wanted = "keras", "tensorflow", "tf", "scikit", "imbalanced", "numpy", "scipy", "scikeras", "pandas", "pytest"
found = {f"{one.name} {one.version}" for one in distributions() if one.name.lower().startswith(wanted)}
import platform
print("Python", platform.python_version(), *sorted(found), sep=", ")
"""


def prepare(which):
    """Return the Python of an environment with the versions asked for."""
    python = make(ROOT / f".venv-{which}")
    if which in ("oldest", "newest"):
        install(python, "-e", f"{ROOT}[test]", "-c", ROOT / ".ci" / f"{which}.txt")
        return python
    install(python, "-e", f"{ROOT}[test]")
    if which == "prerelease":
        install(python, "--pre", "--upgrade", "keras", "tensorflow", "scikit-learn")
    else:  # nightly builds of Keras and TensorFlow have names of their own, and the same folders
        run(python, "-m", "pip", "uninstall", "-q", "-y", "tensorflow", "keras", "keras-nightly", "tf-nightly")
        install(python, "--pre", "--upgrade", "tf-nightly", "keras-nightly")
        install(python, "--pre", "--upgrade", "--no-deps", "--extra-index-url", NIGHTLY_WHEELS, "scikit-learn")
    return python


def main(arguments):
    """Prepare an environment, say what is in it, and run pytest."""
    if not arguments or arguments[0] not in WHICH:
        sys.exit(f"The first argument is one of {', '.join(WHICH)}; got {arguments[:1]}.")
    python = prepare(arguments[0])
    run(python, "-c", SHOW)
    run(python, "-m", "pytest", *arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
