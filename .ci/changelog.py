"""Make a release's section of the changelog from "Unreleased", and read it.

``python .ci/changelog.py release 0.2.0 [2027-01-31]``   the section, the version of the package, and CITATION.cff
``python .ci/changelog.py check v0.2.0``                 whether a tag, the version and a dated section agree
``python .ci/changelog.py section 0.2.0``                the section alone, as the notes of a release
"""

import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "Unreleased"
#: File -> the line in it that has the version.
VERSIONED = {"skimbalance/__init__.py": r'(?m)^__version__ = "(.*)"$', "CITATION.cff": r"(?m)^version: (.*)$"}


def sections(text):
    """Return the head of a changelog, and its sections: name -> (heading, body)."""
    head, *parts = re.split(r"(?m)^(?=## )", text)
    split = (part.partition("\n")[::2] for part in parts)
    return head, {heading[3:].split(" - ")[0].strip(): (heading, body.strip()) for heading, body in split}


def release(version, date, root=ROOT):
    """Turn "Unreleased" into a section of a version, after what that has already, and set the version elsewhere."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"{version!r} is no version; it takes three numbers, such as 0.2.0.")
    path = root / "CHANGELOG.md"
    head, found = sections(path.read_text(encoding="utf-8"))
    heading, said = found.pop(version, ("", ""))
    if " - " in heading:
        sys.exit(f"CHANGELOG.md has {version} already: {heading!r}. Give the next version.")
    body = "\n\n".join(part for part in (said, found.pop(UNRELEASED, ("", ""))[1]) if part)
    if not body:
        sys.exit('"Unreleased" in CHANGELOG.md says nothing: there is nothing to release.')
    parts = [head.strip(), f"## {UNRELEASED}", f"## {version} - {date}", body]
    parts += [part for section in found.values() for part in section if part]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    for name, line in VERSIONED.items():
        text = (root / name).read_text(encoding="utf-8")
        first, last = re.search(line, text).span(1)
        (root / name).write_text(text[:first] + version + text[last:], encoding="utf-8")


def section(version, root=ROOT):
    """Return what the changelog says of a version."""
    found = sections((root / "CHANGELOG.md").read_text(encoding="utf-8"))[1]
    if version not in found or " - " not in found[version][0]:
        sys.exit(f"CHANGELOG.md has no dated section of {version}; run `python .ci/changelog.py release {version}`.")
    return found[version][1]


def check(tag, root=ROOT):
    """Refuse a tag that is not the version of the package, of CITATION.cff, and of a dated section."""
    for name, line in VERSIONED.items():
        of = re.search(line, (root / name).read_text(encoding="utf-8"))[1]
        if tag != f"v{of}":
            sys.exit(f"The tag is {tag!r}, but {name} says {of}; tag v{of}, or release {tag[1:]} first.")
    section(tag[1:], root)


def main(arguments):
    """Run one of the three."""
    what, version, *date = arguments if len(arguments) in (2, 3) else ("", "")
    if what == "release":
        release(version, *(date or [datetime.date.today().isoformat()]))
    elif what == "check":
        check(version)
    elif what == "section":
        print(section(version))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
