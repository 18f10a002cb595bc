"""Does the Python code of the README and of every page run?

All blocks of a page run one after the other, in one namespace and an empty folder. Above a block, ``<!-- needs: PACKAGE
-->`` leaves it out where that cannot be imported, and ``<!-- not run: REASON -->`` always.
"""

import inspect
import re
import runpy
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(page for folder in ("", "guide", "how_to") for page in sorted((DOCS / folder).glob("*.md"))),
]
BLOCK = re.compile(r"(?:<!-- (needs|not run): ([^>]*) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Pages whose code needs probabilities that two small members do not reach in four epochs.
LEARNT = {"guide/monitor", "how_to/choose_a_threshold", "how_to/read_a_probability"}
mpl.use("Agg")


def name(page):
    """Return what a page is called in a report, such as "how_to/tune"."""
    return page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT).with_suffix("").as_posix()


def blocks(page):
    """Return the blocks of a page: the package that each needs, if any, and its code, on the lines where it stands."""
    text = page.read_text(encoding="utf-8")
    found = [m for m in BLOCK.finditer(text) if m[1] != "not run"]
    return [(m[2] if m[1] else None, "\n" * text.count("\n", 0, m.start(3)) + m[3]) for m in found]


RUNS = [(page, package) for page in PAGES for package in sorted({needs for needs, _ in blocks(page)}, key=str)]


@pytest.mark.filterwarnings("ignore:.*cannot be met", "ignore:Precision is ill-defined")  # after four epochs
@pytest.mark.usefixtures("few_epochs")
@pytest.mark.parametrize(("page", "package"), RUNS, ids=[f"{name(page)}-{package}" for page, package in RUNS])
def test_code_of_a_page_runs(page, package, request, monkeypatch, tmp_path):
    if package is not None:
        pytest.importorskip(package, reason=f"{page.name} shows something of {package}, which is not installed")
        warnings.simplefilter("ignore")  # what such a package deprecates is its own; pytest resets the filters
    if name(page) not in LEARNT:
        request.getfixturevalue("two_small_members")
    monkeypatch.chdir(tmp_path)
    if page.parent.name == "guide":
        runpy.run_path(str(DOCS / "guide" / "payments.py"))
    namespace = {"__name__": page.stem}
    for needs, code in blocks(page):
        if needs in (None, package):
            exec(compile(code, page, "exec"), namespace)
    plt.close("all")


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "how_to" and p.stem != "index"], ids=name)
def test_a_how_to_begins_with_code(page):
    """The shortest that works, before any words."""
    assert page.read_text(encoding="utf-8").splitlines()[2].startswith(("```", "<!-- "))


@pytest.mark.usefixtures("few_epochs", "two_small_members")
def test_the_reference_shows_every_parameter_in_a_group_with_an_example(small_table):
    from skimbalance import ImbalancedKerasClassifier

    page = runpy.run_path(str(DOCS / "parameter_groups.py"))
    grouped = [name for _, parameters, _ in page["GROUPS"].values() for name in parameters]
    assert sorted(["self", *grouped]) == sorted(inspect.signature(ImbalancedKerasClassifier.__init__).parameters)
    assert all(name in page["GROUPS"][group][1] for name, (group, _) in page["FIRST"].items())
    namespace = {"ImbalancedKerasClassifier": ImbalancedKerasClassifier, "X": small_table[0], "y": small_table[1]}
    for _, _, example in page["GROUPS"].values():
        exec(example, namespace)
