"""Grow and evaluate trees on as many threads as OpenMP may use."""

from functools import cache

from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController

# Numbers that may be in work at once: growing takes some twenty bytes for each.
_MOST_NUMBERS = 2**23


def side_by_side(function, tasks, n_numbers):
    """Return what a function makes of each task, in order.

    The threads of OpenMP are not used, as they cost more than they gain on small tables, and very much where cores are
    busy; their number is, since joblib, Dask, Ray and users limit it.

    Parameters
    ----------
    function : callable
        Function that runs on one thread, most of the time without Python's lock.
    tasks : list of tuple
        Its arguments.
    n_numbers : int
        Numbers of the table that each copies as a whole; 0 where it takes them some at a time.

    Returns
    -------
    list
        Results.
    """
    n_threads = max((library["num_threads"] for library in _openmp().info()), default=1)
    n_at_once = max(min(n_threads, len(tasks), _MOST_NUMBERS // max(n_numbers, 1)), 1)
    return Parallel(n_at_once, require="sharedmem")(delayed(function)(*task) for task in tasks)


def on_one_thread():
    """Return a context in which OpenMP computes on one thread."""
    return _openmp().limit(limits=1)


@cache
def _openmp():
    """Return what knows and sets the threads of OpenMP; looking for its libraries takes a while."""
    return ThreadpoolController().select(user_api="openmp")
