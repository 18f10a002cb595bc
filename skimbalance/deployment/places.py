"""Check where a file may be written; only an earlier export is replaced, and only by a complete one."""

import importlib
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from skimbalance.deployment.table import RESULTS
from skimbalance.deployment.written import LiteGraph

# Marks a SavedModel of this package: TensorFlow leaves this folder in it free.
_MARK = Path("assets.extra", "skimbalance.txt")
# What else it holds.
_OF_TENSORFLOW = {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}


@contextmanager
def replaced(path, format):
    """Give a place beside `path` to write to, whose content takes the place of `path` only once it is whole.

    Parameters
    ----------
    path : Path
        Where the export goes.
    format : str
        Its format.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    FileExistsError
        If something is there that is no earlier export in this format.
    """
    path = Path(os.path.abspath(path))  # the links in it stay: what is refused is one at its end
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r} lies in a folder that does not exist; make it first.")
    found = _what_else_is_there(path, format)
    if found:
        raise FileExistsError(
            f"path={str(path)!r} {found}, and export replaces nothing but an earlier export in the same format; give "
            "another path, or remove what is there."
        )
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield str(draft / path.name)
        _swap(draft / path.name, path, draft / "earlier")
    finally:
        shutil.rmtree(draft)


def mark_folder(folder):
    """Note in a SavedModel that it is an export of this package."""
    mark = Path(folder) / _MARK
    mark.parent.mkdir()
    mark.write_text("Written by skimbalance.export, which may replace this folder.\n", encoding="utf-8")


def _swap(new, path, earlier):
    """Put what is new in the place of what was before, or leave that."""
    if path.is_dir():
        os.replace(path, earlier)
    try:
        os.replace(new, path)
    except BaseException:
        if earlier.exists():
            os.replace(earlier, path)
        raise


def _what_else_is_there(path, format):
    """Return what is at a path where that is no earlier export in a format, else None."""
    if path.is_symlink():
        return "is a symbolic link"
    if not path.exists():
        return None
    if path.is_dir():
        if path == Path.cwd() or path in Path.cwd().parents:
            return "is the current folder, or holds it"
        if format != "saved_model":
            return "is a folder, where this format has a file"
        held = {of.name for of in path.iterdir()}
        if not held or ((path / _MARK).is_file() and held <= _OF_TENSORFLOW and _is_whole(path)):
            return None
        return "holds something other than an earlier export"
    if format == "saved_model":
        return "is a file, where this format has a folder"
    is_ours = path.is_file() and (not path.stat().st_size or _IS_OURS[format](path))
    return None if is_ours else "is something other than an earlier export"


def _is_whole(folder):
    """Whether the parts of a SavedModel hold what TensorFlow and this package write, and nothing else."""
    ours = {_MARK.name}
    return (
        {of.name for of in (folder / "assets.extra").iterdir()} == ours
        and all(of.name.startswith("variables.") for of in _in(folder / "variables"))
        and not any(_in(folder / "assets"))
    )


def _in(folder):
    """Return what a folder holds, nothing where there is none."""
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_our_onnx(path):
    """Whether a file is ONNX that this package has written."""
    with suppress(Exception):  # whatever it is that cannot be read, it is none of ours
        onnx = importlib.import_module("onnx")
        model = onnx.load_model(path, load_external_data=False)
        return any(note.key == "producer" and note.value == "skimbalance" for note in model.metadata_props)
    return False


def _is_our_litert(path):
    """Whether a file is a LiteRT model with the results of an export."""
    with suppress(Exception), path.open("rb") as file:
        return file.read(8)[4:] == b"TFL3" and LiteGraph(str(path)).outputs == set(RESULTS)
    return False


_IS_OURS = {"onnx": _is_our_onnx, "litert": _is_our_litert}
