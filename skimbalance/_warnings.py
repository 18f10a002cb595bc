"""Warn at the line that called this package, however deep inside the reason was found."""

import inspect
import os
import warnings
from pathlib import Path

import sklearn

# Files between a caller and the reason: of this package, and of scikit-learn's callbacks (they run fit from 1.9 on).
_BETWEEN = (f"{Path(__file__).parent}{os.sep}", f"{Path(sklearn.__file__).parent / 'callback'}{os.sep}")
_said = set()


def warn(message):
    """Emit a UserWarning that names the caller's line: what ``skip_file_prefixes`` does from Python 3.12 on."""
    frame, level = inspect.currentframe().f_back, 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def warn_once(message, about, strategy):
    """Warn about a strategy once a process, as a grid search would repeat the warning in every fit.

    Python's own registry of warnings is reset whenever filters change, as they do around every fit of a search. If a
    filter matches the warning, the filter decides instead, in every fit.

    Parameters
    ----------
    message : str
        Text of the warning.
    about : str
        Topic of the warning; each topic and strategy warn once.
    strategy : None, str, Strategy, sampler, or a list of these
        The ``strategy`` parameter.
    """
    parts = strategy if isinstance(strategy, list | tuple) else [strategy]
    what = (about, *(part if isinstance(part, str) else type(part).__name__ for part in parts))
    is_filtered = any(
        issubclass(UserWarning, category) and (text is None or text.match(message))
        for _, text, category, *_ in warnings.filters
    )
    if is_filtered or what not in _said:
        warn(message)
    if not is_filtered:
        _said.add(what)
