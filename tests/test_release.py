"""Do the scripts of a release do what CONTRIBUTING.md says, and do the workflows call what there is?"""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
CHANGELOG = """# Changelog

Of what.

## Unreleased

### Added

- A thing.

## 0.1.0 - 2026-12-01

First.
"""


@pytest.fixture
def changelog():
    """Return the script of the changelog as a module."""
    spec = importlib.util.spec_from_file_location("changelog", ROOT / ".ci" / "changelog.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    """Return a folder with the files that a release changes."""
    (tmp_path / "skimbalance").mkdir()
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (tmp_path / "CITATION.cff").write_text("title: x\nversion: 0.1.0\n", encoding="utf-8")
    (tmp_path / "skimbalance" / "__init__.py").write_text('"""X."""\n\n__version__ = "0.1.0"\n', encoding="utf-8")
    return tmp_path


def test_a_release_turns_unreleased_into_its_section(changelog, repository):
    changelog.check("v0.1.0", repository)
    with pytest.raises(SystemExit, match="v0.1.0"):
        changelog.check("v0.2.0", repository)
    changelog.release("0.2.0", "2027-01-31", repository)
    changelog.check("v0.2.0", repository)
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text == CHANGELOG.replace("## Unreleased", "## Unreleased\n\n## 0.2.0 - 2027-01-31")
    assert changelog.section("0.2.0", repository) == "### Added\n\n- A thing."
    assert '__version__ = "0.2.0"' in (repository / "skimbalance" / "__init__.py").read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match="0.2.0 already"):
        changelog.release("0.2.0", "2027-02-01", repository)
    with pytest.raises(SystemExit, match="nothing to release"):
        changelog.release("0.3.0", "2027-02-01", repository)


def test_a_section_that_is_begun_by_hand_gets_its_date_and_what_is_unreleased(changelog, repository):
    begun = CHANGELOG.replace("## 0.1.0 - 2026-12-01", "## 0.1.0")
    (repository / "CHANGELOG.md").write_text(begun, encoding="utf-8")
    with pytest.raises(SystemExit, match="no dated section of 0.1.0"):
        changelog.check("v0.1.0", repository)
    changelog.release("0.1.0", "2026-12-01", repository)
    assert changelog.section("0.1.0", repository) == "First.\n\n### Added\n\n- A thing."


def test_the_changelog_of_this_package_can_be_released(changelog):
    _, found = changelog.sections((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert next(iter(found)) == "Unreleased"


def test_workflows_call_scripts_that_are_there():
    known = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert len(workflows) == 4
    called = [word for path in workflows for word in re.findall(r"\.ci/\S+(?: \w+)?", path.read_text(encoding="utf-8"))]
    assert len(called) > 5
    for script, *part in map(str.split, called):
        if "$" not in script:
            assert (ROOT / script).is_file(), script
        if script == ".ci/run" and part:
            assert re.search(rf"\b{part[0]}\b.*\)", known), part


@pytest.mark.parametrize("which", ["oldest", "newest"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_constraints_are_versions_that_the_package_allows(system, python, which):
    place = {"sys_platform": system, "python_version": python}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["test"]])
    allowed = [one for one in needed if one.marker is None or one.marker.evaluate(place)]
    lines = (ROOT / ".ci" / f"{which}.txt").read_text(encoding="utf-8").splitlines()
    lines = [Requirement(line) for line in lines if line and line[0] != "#"]
    lines = [one for one in lines if one.marker is None or one.marker.evaluate(place)]
    pinned = {one.name: str(one.specifier).removeprefix("==") for one in lines}
    assert len(pinned) == len(lines)
    assert {"imbalanced-learn", "keras", "numpy", "scikeras", "scikit-learn", "tensorflow"} < set(pinned)
    for one in allowed:
        assert one.name not in pinned or pinned[one.name] in one.specifier, (one.name, pinned[one.name])
    if (which, system, python) == ("oldest", "linux", "3.11"):  # the floors themselves are what is tried
        for one in map(Requirement, project["dependencies"]):
            (of,) = one.specifier
            assert one.marker or pinned[one.name].startswith(of.version.rstrip("*")), one
