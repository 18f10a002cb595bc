"""Build wheel and sdist into dist/, check them, and use both as a stranger would: ``python .ci/dist.py``.

The wheel is installed in a fresh environment and fits a classifier; the sdist is unpacked into a folder whose name has
a space and a letter beyond ASCII, and the quick part of its tests runs there, with nothing of this checkout.
"""

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from environments import ROOT, install, make, run

#: Tests of some seconds each, which among them use conftest, cases, examples, pages and the changelog.
QUICK = (
    "tests/test_release.py", "tests/test_package.py", "tests/test_statistics.py", "tests/test_rows.py",
    "tests/test_growing.py", "tests/test_decision.py", "tests/test_validation.py", "tests/cases/test_large_integers.py",
)  # fmt: skip
USE = """
import sys
from sklearn.datasets import make_classification
import skimbalance
from skimbalance import ImbalancedKerasClassifier
assert sys.prefix in skimbalance.__file__, skimbalance.__file__
X, y = make_classification(300, weights=[0.9], random_state=0)
clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y)
print(skimbalance.__version__, clf.predict_proba(X[:2]))
"""


def build(folder):
    """Build both, and check what an index would show of them; return (wheel, sdist)."""
    python, dist = make(folder / "build"), ROOT / "dist"
    install(python, "build", "twine")
    shutil.rmtree(dist, ignore_errors=True)
    run(python, "-m", "build", "--outdir", dist, ROOT)
    made = sorted(dist.iterdir())
    run(python, "-m", "twine", "check", "--strict", *made)
    (wheel,), (sdist,) = ([one for one in made if one.name.endswith(end)] for end in (".whl", ".tar.gz"))
    return wheel, sdist


def try_wheel(wheel, folder):
    """Install the wheel, fit, and ask the command for help."""
    python = make(folder / "wheel")
    install(python, wheel)
    run(python, "-c", USE, folder=folder)
    run(python, "-m", "skimbalance", "--help", folder=folder)


def try_sdist(sdist, folder):
    """Unpack the sdist, and run the quick part of its tests from there."""
    folder = folder / "ein Ordner für Tests"
    folder.mkdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    python = make(folder / "environment")
    install(python, f"{unpacked}[test]")
    run(python, "-m", "pytest", "-q", *QUICK, folder=unpacked)


def main():
    """Build and try both."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        wheel, sdist = build(Path(folder))
        try_wheel(wheel, Path(folder))
        try_sdist(sdist, Path(folder))
    print(f"{wheel.name} and {sdist.name} in dist/ are good.")


if __name__ == "__main__":
    sys.exit(main())
