"""How does a user see how far a long call is? A bar in a terminal or a notebook, few plain lines anywhere else."""

import io
import multiprocessing
import shutil
import sys
import threading
import time

from tqdm import tqdm

# Seconds between two sights of a bar, and between two lines, which stay.
_EVERY, _EVERY_LINE = 0.1, 30.0
# Seconds and moves that are measured before the time left is estimated.
_SECONDS, _MOVES = 1.0, 2


class Progress(tqdm):
    """A bar that says what is being done and how long the rest takes, and ends as a sentence.

    A notebook keeps one output, which is replaced: neither standard error, which notebooks show in red, nor control
    characters, which exported pages show as boxes. Processes beside the first one write lines, since bars of several
    would overwrite each other.

    Parameters
    ----------
    unit : str
        What is counted, such as "epochs".
    total : int, default=None
        How many there are; None if that is unknown, and their number per second is shown.
    file : file, default=None
        Where to write outside notebooks; None is standard output.
    ends_early : bool, default=False
        Whether the estimated time left is an upper bound.
    in_lines : bool, default=False
        Whether to write a line for each that is done, wherever that is.
    """

    monitor_interval = 0  # no thread that watches bars
    _lock = threading.RLock()  # tqdm's own takes a semaphore of the system as well

    def __init__(self, unit, total=None, file=None, ends_early=False, in_lines=False):
        file = (sys.stdout if file is None else file) or io.StringIO()  # there is none without a console
        self._where, self._handle, self._in_lines = "lines" if in_lines else _where(file), None, in_lines
        self._told, self._doing, self._bound = "", "", "at most" if ends_early else "about"
        self._began = time.monotonic()
        self._shown = self._began if self._where == "lines" else float("-inf")  # the first doing is shown at once
        self.restart(0)
        has_bar = total and self._where != "lines"
        size = shutil.get_terminal_size()  # which is known even where the terminal says that it has no rows
        super().__init__(
            total=total, unit=unit, file=file, bar_format="{counted} |{bar:10}| {told}" if has_bar else "{line}",
            ncols=size.columns - 1 if self._where == "terminal" else None, nrows=size.lines,
            disable=False,  # whatever TQDM_DISABLE says: who wants no bar sets verbose=0
        )  # fmt: skip
        if self._where == "notebook":
            self._replace(str(self))

    def restart(self, n):
        """Start the clock of the estimate with `n` done: what was before, such as compilation, will not come again."""
        self._clock, self._n_moves = (n, time.monotonic()), 0

    def move(self, n, told=None):
        """Show that `n` are done, and what is known of them; None keeps what was told before."""
        self.n, self._told, self._doing = n, self._told if told is None else told, ""
        self._n_moves += 1
        self._show()

    def say(self, doing):
        """Show what is being done, until the next move."""
        self._doing = doing
        if self._where != "lines":
            self._show()

    def end(self, sentence=""):
        """Replace the bar by a sentence; without one, only take it away."""
        if self._where == "notebook":
            self._replace(sentence)
            self.close()
            return
        self.leave = False
        self.close()
        if sentence:
            show(sentence, self.fp)

    @property
    def seconds(self):
        """Seconds since the bar was made."""
        return time.monotonic() - self._began

    @property
    def format_dict(self):
        """What is shown, for tqdm."""
        counted = f"{int(self.n):,}" + (f"/{self.total:,}" if self.total else "") + f" {self.unit}"
        told = [self._time_left() if self.total else self._per_second(), self._told, self._doing]
        told = list(filter(None, told))
        more = {"counted": counted, "told": ", ".join(told), "line": ", ".join([counted, *told])}
        return {**super().format_dict, **more}

    def _time_left(self):
        """Return the estimated time left, once there is evidence for it."""
        n, began = self._clock
        seconds = time.monotonic() - began
        if not n < self.n < self.total or self._n_moves < _MOVES or seconds < _SECONDS:
            return ""
        return f"{self._bound} {in_time(max((self.total - self.n) * seconds / (self.n - n), 1))} left"

    def _per_second(self):
        """Return how many are done in a second."""
        return f"{self.n / max(self.seconds, 1e-9):,.0f} {self.unit}/s" if self.n else ""

    def _show(self):
        """Draw the bar, or write a line, unless that was done a moment ago."""
        now = time.monotonic()
        is_due = now - self._shown >= (_EVERY_LINE if self._where == "lines" else _EVERY)
        if not (self.n == int(self.n) if self._in_lines else is_due):
            return
        self._shown = now
        if self._where == "terminal":
            self.refresh()
        elif self._where == "notebook":
            self._replace(str(self))
        else:
            show(str(self), self.fp)

    def _replace(self, text):
        """Put text in the place of what a notebook's cell has shown of this bar."""
        if self._handle is None:
            from IPython.display import display

            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)

    def display(self, msg=None, pos=None):
        """Draw the bar in a terminal, also where tqdm has moved it for what was written above."""
        return super().display(msg, pos) if self._where == "terminal" else False

    def clear(self, nolock=False):
        """Take the bar away for what another one writes."""
        if self._where == "terminal":
            super().clear(nolock)

    def close(self):
        """Leave the bar as it is, as after an error."""
        if self._where == "terminal":
            super().close()
        elif not self.disable:
            self.disable = True
            self._decr_instances(self)


def show(text, file=None):
    """Write a line above the bars that are drawn, to standard output or another file."""
    file = sys.stdout if file is None else file
    if file is None:
        return
    if multiprocessing.parent_process() is not None and _is_terminal(file):  # over the bar of the first process
        text = f"\r{text:<{shutil.get_terminal_size().columns - 1}}"
    Progress.write(text, file=file)


def show_aside(text):
    """Write a line beside results: to standard error, or in a notebook, which shows that in red, to standard output."""
    show(text, sys.stdout if in_notebook() else sys.stderr)


def in_notebook():
    """Whether this is the kernel of a notebook, whose outputs can be replaced; those of Spyder's console cannot."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel") and "spyder_kernels" not in sys.modules


def in_time(seconds):
    """Return a duration in words."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"


def _where(file):
    """Return where a bar is seen."""
    if multiprocessing.parent_process() is not None:
        return "lines"
    if in_notebook():
        return "notebook"
    return "terminal" if _is_terminal(file) or "spyder_kernels" in sys.modules else "lines"


def _is_terminal(file):
    """Whether what is written to a file can be drawn over."""
    return getattr(file, "isatty", lambda: False)()
