"""Of which tasks does a fit consist, and how do callbacks of scikit-learn 1.9 hear of them?

.. code-block:: text

    fit
        train       the network
            epoch
        grow        base models beside it
            forest, boosting, ...: one task for each that is grown
"""

import threading
from contextlib import contextmanager
from typing import TypeVar

from skimbalance._keras.packing import OfPickle

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:
        """Nothing: there are no callbacks to set."""

    def _with_callbacks(method):
        """Return a method as it is."""
        return method


_Method = TypeVar("_Method")


def with_callbacks(method: _Method) -> _Method:
    """Return a method that callbacks hear of; type checkers and editors keep its signature."""
    return _with_callbacks(method)


#: Attributes that an estimator has while it is fitted.
_OF_RUNNING_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")


class SupportsCallbacks(CallbackSupportMixin):
    """An estimator whose fit tells callbacks of its tasks, where there are any."""

    def _task(self, X, y, sample_weight):
        """Return the task of a fit that begins; nothing is told where no callback is set."""
        if not vars(self).get("_skl_callbacks"):
            return NoFitTask()
        context = self._init_callback_context(max_subtasks=2)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return FitTask(context, {"estimator": self, "X": X, "y": y, "metadata": metadata})

    def __copy__(self):
        """Return a copy, without what belongs to a fit that runs.

        In a fit, scikit-learn copies the estimator and sets what this fit has found so far (`found_so_far`): nothing
        that an earlier fit left may stay beside it.
        """
        copied, runs = object.__new__(type(self)), "_callback_fit_ctx" in vars(self)
        if runs:
            vars(copied).update(without_task(self._unfitted()))
        else:
            copied.__setstate__(OfPickle(self.__getstate__()))
        return copied


def without_task(attributes):
    """Return attributes without those that an estimator has while it is fitted."""
    return {name: value for name, value in attributes.items() if name not in _OF_RUNNING_FIT}


def found_so_far(draft, outcome):
    """Return the attributes that the estimator would have, had the fit ended with this outcome."""
    shown = object.__new__(type(draft))
    vars(shown).update(without_task(vars(draft)))
    shown._keep(outcome)
    return vars(shown)


class FitTask:
    """A task of a fit, of which callbacks hear when it begins and ends.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Its place among the tasks.
    told : dict
        What callbacks are told in all tasks: the user's estimator, X, y and metadata.
    """

    def __init__(self, context, told):
        self._context, self._told, self._lock = context, told, threading.Lock()
        context.call_on_fit_task_begin(**told)

    def begin(self, name, most=0):
        """Begin a task within this one, of at most so many tasks of its own; return it."""
        return FitTask(self._context.subcontext(task_name=name, max_subtasks=most), self._told)

    def end(self, found=None):
        """End the task; return whether a callback asks to stop.

        Parameters
        ----------
        found : callable, default=None
            Returns the attributes with which the estimator predicts as if the fit had ended with this task; called
            where a callback asks for a ``fitted_estimator``.
        """
        return self._context.call_on_fit_task_end(**self._told, reconstruction_attributes=found)

    @contextmanager
    def running(self, name):
        """Tell of a task within this one while a block runs; blocks of several threads are told of one by one."""
        with self._lock:
            task = self.begin(name)
        yield
        with self._lock:
            task.end()


class NoFitTask:
    """A task of a fit without callbacks."""

    def __bool__(self):
        """Return False."""
        return False

    def begin(self, name, most=0):
        """Return itself."""
        return self

    def end(self, found=None):
        """Return False: nobody asks to stop."""
        return False

    @contextmanager
    def running(self, name):
        """Do nothing while a block runs."""
        yield
