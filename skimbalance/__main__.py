"""``python -m skimbalance compare FILE --target COLUMN``: compare strategies on a table, from the command line."""

import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from skimbalance._cli import Refusal
from skimbalance._cli.options import parser

#: What the process ends with: nothing could be compared, or written; refused; interrupted.
FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def main(arguments=None):
    """Run the command; return what the process is to end with."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        parser().print_help()
        return 0
    options = parser().parse_args(arguments)
    try:
        return _compare(options)
    except Refusal as refusal:
        _show(f"python -m skimbalance: error: {refusal}", sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        _show("\nInterrupted.", sys.stderr)
        return INTERRUPTED


def _compare(options):
    """Compare strategies on a table; whatever can be refused is, before TensorFlow is imported."""
    if options.out:
        _check_page(options.out, options.file)
    from skimbalance._cli.reading import read_table
    from skimbalance._cli.task import read_task

    table, said = read_table(options.file, options.target, options.sep, options.encoding)
    task = read_task(table, options)
    said += task.said
    for one in said:
        _show(one, sys.stderr)
    found = _compared(task, options)
    if found is None:
        return FAILED
    is_written = not options.out or _write(found, said, options)
    _show(str(found), sys.stdout)
    if options.out and is_written:
        _show(f"\nWritten to {options.out}", sys.stdout)
    if found.interrupted_:
        return INTERRUPTED
    return 0 if found.scores_ and is_written else FAILED


def _compared(task, options):
    """Return the comparison, or None where it failed as a whole, after a message."""
    from skimbalance import ImbalancedKerasClassifier, compare_strategies

    strategies = {name: name for name in options.strategies}
    strategies["auto, F1 rule"] = {"strategy": "auto", "decision": "f1"}
    try:
        return compare_strategies(
            ImbalancedKerasClassifier(options.model, pos_label=task.pos_label), task.X, task.y,
            strategies=strategies, cv=options.folds, pos_label=task.pos_label, costs=options.costs, random_state=0,
        )  # fmt: skip
    except Exception as error:
        _show(f"The comparison failed. {type(error).__name__}: {error}", sys.stderr)
        return None


def _check_page(out, file):
    """Refuse a page that could not be written, or that would take the place of the table."""
    if find_spec("matplotlib") is None:
        raise Refusal("--out draws pictures, which need matplotlib: pip install 'skimbalance[plot]'.")
    path = Path(out)
    try:
        if path.is_dir() or not path.parent.is_dir():
            raise Refusal(f"--out={out} cannot be written; it takes a file in a folder that exists.")
        is_there = path.exists()
        if is_there and Path(file).exists() and path.samefile(file):
            raise Refusal(f"--out={out} is the table itself, which the page would overwrite; give another file.")
        if Path(file).is_dir() and path.resolve().is_relative_to(Path(file).resolve()):
            raise Refusal(f"--out={out} is in the folder of the table, and would become a part of it.")
        with path.open("ab"):
            pass
        if not is_there:
            path.unlink()
    except (OSError, ValueError) as error:
        raise Refusal(f"--out={out} cannot be written: {getattr(error, 'strerror', None) or error}.") from None


def _write(found, said, options):
    """Write the page, and return whether that was possible."""
    from skimbalance._cli.page import page

    text = page(found, f"{options.target} in {Path(options.file).name}", said)
    try:
        # A file's name may hold bytes that are no text, which UTF-8 refuses.
        Path(options.out).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        _show(f"{options.out} could not be written: {error.strerror or error}.", sys.stderr)
        return False
    return True


def _show(text, stream):
    """Print text, with escapes for what the stream's encoding lacks; a stream that takes none ends nothing."""
    if stream is None:  # closed before Python started
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        with contextlib.suppress(OSError):  # what Python flushes at exit must find somewhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:  # such as a disk that is full
            _show(f"What is printed could not be written: {error.strerror or error}.", sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
