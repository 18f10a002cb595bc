"""Does the code of the "How do I" pages run?

All blocks of a page run one after the other. Above a block, ``<!-- needs: PACKAGE -->`` leaves it out where that cannot
be imported, and ``<!-- not run: REASON -->`` always.
"""

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))
BLOCK = re.compile(r"(?:<!-- (needs|not run): ([^>]*) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Pages of fragments -> what they would need to run.
FRAGMENTS = {
    "deploy": "a fitted classifier, the files that it is exported to, and what reads them",
    "large_data": "files larger than a test should write",
    "many_machines": "a cluster",
}
mpl.use("Agg")


def blocks(path):
    """Return the blocks of a page: the package that each needs, if any, and its code, on the lines where it stands."""
    text = path.read_text(encoding="utf-8")
    found = [m for m in BLOCK.finditer(text) if m[1] != "not run"]
    return [(m[2] if m[1] else None, "\n" * text.count("\n", 0, m.start(3)) + m[3]) for m in found]


def runs():
    """Return each page with each package that blocks of it need, None for those that need nothing."""
    for path in PAGES:
        if path.stem in FRAGMENTS:
            yield pytest.param(path, None, marks=pytest.mark.skip(reason=f"{path.stem} needs {FRAGMENTS[path.stem]}"))
        else:
            yield from ((path, package) for package in sorted({needs for needs, _ in blocks(path)}, key=str))


@pytest.mark.usefixtures("few_epochs")
@pytest.mark.parametrize(("path", "package"), list(runs()), ids=lambda part: getattr(part, "stem", part))
def test_code_of_a_page_runs(path, package, monkeypatch, tmp_path):
    if package is not None:
        pytest.importorskip(package, reason=f"{path.name} shows something of {package}")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": path.stem}
    for needs, code in blocks(path):
        if needs in (None, package):
            exec(compile(code, path, "exec"), namespace)
    plt.close("all")


@pytest.mark.parametrize("path", [p for p in PAGES if p.stem not in ("index", *FRAGMENTS)], ids=lambda path: path.stem)
def test_page_begins_with_code(path):
    """The shortest that works, before any words."""
    assert path.read_text(encoding="utf-8").splitlines()[2].startswith("```")
