"""Which files may be written?"""

from importlib.util import find_spec
from pathlib import Path

from skimbalance._cli import Refusal


def check_file(out, file, what, option="--out"):
    """Refuse a file that could not be written, or that would take the place of the one that is read.

    Parameters
    ----------
    out, file : str
        What is to be written, and what is read.
    what : str
        What `out` is, for messages.
    option : str, default="--out"
        Option that names `out`.
    """
    path, shown = Path(out), f"{option}={out}"
    try:
        if path.is_dir() or not path.parent.is_dir():
            raise Refusal(f"{shown} cannot be written; it takes a file in a folder that exists.")
        is_there = path.exists()
        if is_there and Path(file).exists() and path.samefile(file):
            raise Refusal(f"{shown} is the file that is read itself, which the {what} would overwrite; give another.")
        if Path(file).is_dir() and path.resolve().is_relative_to(Path(file).resolve()):
            raise Refusal(f"{shown} is in the folder of the table, and would become a part of it.")
        with path.open("ab"):
            pass
        if not is_there:
            path.unlink()
    except (OSError, ValueError) as error:
        raise Refusal(f"{shown} cannot be written: {getattr(error, 'strerror', None) or error}.") from None


def check_page(out, file, option="--out"):
    """Refuse a page that could not be drawn or written."""
    if find_spec("matplotlib") is None:
        raise Refusal(f"{option} draws pictures, which need matplotlib: pip install 'skimbalance[plot]'.")
    check_file(out, file, "page", option)
