"""Print to streams of any encoding, and to those that nobody reads any more."""

import contextlib
import os
import shlex
import subprocess
import sys

# Warnings of the audit that are printed.
_WARNED = 6


def show(text, stream=None):
    """Print text, with escapes for what the stream's encoding lacks; a stream that takes none ends nothing.

    Parameters
    ----------
    text : str
        What to print.
    stream : file or None
        None is standard output.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:  # closed before Python started
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        with contextlib.suppress(OSError):  # what Python flushes at exit must find somewhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError) and stream is not sys.stderr:  # such as a disk that is full
            show(f"What is printed could not be written: {error.strerror or error}.", sys.stderr)


def say_task(task, options):
    """Print notes on a table; severe findings are left to `compare_strategies`, which prints them before it fits."""
    say(task.said)
    warned = [str(one) for one in task.findings if one.severity == "warning"]
    say(warned[:_WARNED])
    if len(warned) > _WARNED:
        say([f"{len(warned) - _WARNED} more warnings: {_audit_line(options)}"])


def _audit_line(options):
    """Return the command that shows all that the audit finds."""
    return typed(["skimbalance", "audit", options.file, "--target", options.target])


def say(notes):
    """Print notes for the user, a line each, beside what is printed as the result."""
    if sys.stderr is not None:
        for note in notes:
            show(note, sys.stderr)


def typed(words):
    """Return a command as it is typed: quoted for this system's shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
