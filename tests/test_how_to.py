"""Does the code of the "How do I" pages run?

All blocks of a page run one after the other. Above a block, ``<!-- needs: PACKAGE -->`` leaves it out where that cannot
be imported, and ``<!-- not run: REASON -->`` always.
"""

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from skimbalance.networks import Recipe, mlp, realmlp

PAGES = sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))
BLOCK = re.compile(r"(?:<!-- (needs|not run): ([^>]*) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
mpl.use("Agg")


def blocks(path):
    """Return the blocks of a page: the package that each needs, if any, and its code, on the lines where it stands."""
    text = path.read_text()
    found = [m for m in BLOCK.finditer(text) if m[1] != "not run"]
    return [(m[2] if m[1] else None, "\n" * text.count("\n", 0, m.start(3)) + m[3]) for m in found]


RUNS = [(path, package) for path in PAGES for package in sorted({of for of, _ in blocks(path)}, key=str)]


@pytest.mark.parametrize(("path", "package"), RUNS, ids=lambda part: getattr(part, "stem", part))
def test_code_of_a_page_runs(path, package, monkeypatch, tmp_path):
    """With few epochs, and without other opinions."""
    if package is not None:
        pytest.importorskip(package, reason=f"{path.name} shows something of {package}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mlp, "recipe", Recipe(early_stopping="loss", epochs=4))
    monkeypatch.setattr(realmlp, "recipe", Recipe(early_stopping="loss", hold_out=0.15, own_rows=True, epochs=4))
    namespace = {"__name__": path.stem}
    for needs, code in blocks(path):
        if needs in (None, package):
            exec(compile(code, path, "exec"), namespace)
    plt.close("all")


def test_every_page_begins_with_code():
    """The shortest that works, within its first lines."""
    late = [path.name for path in PAGES if path.stem != "index" and not re.search("```", path.read_text()[:600])]
    assert not late
