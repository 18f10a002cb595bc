"""Share compiled programs between fits and predictions, in bounded memory."""

import gc
import threading
from collections import OrderedDict
from contextlib import contextmanager


class ProgramCache:
    """Compiled programs by what they are compiled for.

    A program that holds the state of a fit is lent to one at a time; one that is a function of its arguments is shared.
    Programs whose key is None serve one user and are not kept.

    Parameters
    ----------
    size : int, default=64
        Largest number of idle programs kept. The one unused for longest goes first.
    n_discarded : int, default=16
        After so many programs have gone, what TensorFlow keeps of them goes as well, which takes a while.
    """

    def __init__(self, size=64, n_discarded=16):
        self._size, self._n_discarded = size, n_discarded
        self._idle, self._n_idle, self._n_gone, self._lock = OrderedDict(), 0, 0, threading.Lock()

    def __len__(self):
        """Return the number of idle programs."""
        return self._n_idle

    @contextmanager
    def lend(self, key, build):
        """Lend an idle program, or a new one from ``build()``; keep it after use, unless its user was interrupted.

        An error between two calls, such as a callback's that prunes a trial, leaves a program that the next user fills
        with state of their own; an interrupt may come within a call.
        """
        program = self._take(key, keeps=False)
        program = build() if program is None else program
        try:
            yield program
        except Exception:
            self._keep(key, program)
            raise
        except BaseException:
            self._discard(1)
            raise
        self._keep(key, program)

    def share(self, key, build):
        """Return the program of this key, or a new one from ``build()``; several fits may use it at the same time."""
        program = self._take(key, keeps=True)
        if program is None:
            program = build()
            self._keep(key, program)
        return program

    def clear(self):
        """Let all idle programs go, and what is left of them."""
        with self._lock:
            self._idle.clear()
            self._n_idle = 0
        self._discard(self._n_discarded)

    def _take(self, key, keeps):
        """Return an idle program or None; a shared one stays in the cache."""
        with self._lock:
            programs = self._idle.get(key)
            if not programs:
                return None
            self._idle.move_to_end(key)
            if keeps:
                return programs[0]
            self._n_idle -= 1
            return programs.pop()

    def _keep(self, key, program):
        """Keep a program; let the oldest go where there are too many."""
        if key is None:
            return self._discard(1)
        with self._lock:
            self._idle.setdefault(key, []).append(program)
            self._idle.move_to_end(key)
            self._n_idle += 1
            n_gone = 0
            while self._n_idle > self._size:
                oldest = next(iter(self._idle))
                n_gone += len(self._idle[oldest][:1])
                self._n_idle -= len(self._idle[oldest][:1])
                self._idle[oldest] = self._idle[oldest][1:]
                if not self._idle[oldest]:
                    del self._idle[oldest]
        return self._discard(n_gone)

    def _discard(self, n_gone):
        """Count programs that have gone, and free after some what is left of them."""
        with self._lock:
            self._n_gone += n_gone
            is_due = self._n_gone >= self._n_discarded
            if is_due:
                self._n_gone = 0
        if is_due:
            gc.collect()  # graphs refer to their operations, and these to them; with a graph goes its machine code


#: All compiled programs of this process, of training and of prediction.
programs = ProgramCache()
