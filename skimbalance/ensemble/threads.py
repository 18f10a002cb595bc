"""Grow and evaluate trees on as many threads as OpenMP may use."""

from functools import cache

from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController

# Most numbers processed at once: growing takes about 20 bytes for each.
_MOST_NUMBERS = 2**23


def side_by_side(function, tasks, n_numbers):
    """Return the result of a function for each task, in order, computed by several threads.

    As many threads are started as OpenMP may use, since joblib, Dask, Ray and users limit that number. OpenMP's own
    threads are not used: they are slower on small tables, and much slower if cores are busy.

    Parameters
    ----------
    function : callable
        Function that runs on one thread and releases Python's lock most of the time.
    tasks : list of tuple
        Its arguments.
    n_numbers : int
        Numbers of the table that each task copies; 0 if it processes them in chunks.

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
    """Return the controller of OpenMP's threads; cached, as finding its libraries takes a while."""
    return ThreadpoolController().select(user_api="openmp")
