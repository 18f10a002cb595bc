"""Emit each strategy message once a process, so that a grid search does not repeat it."""

import warnings

_said = set()


def warn_once(message, about, strategy, stacklevel):
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
    stacklevel : int
        Stack level of the warning; 1 is the caller of this function.
    """
    parts = strategy if isinstance(strategy, list | tuple) else [strategy]
    what = (about, *(part if isinstance(part, str) else type(part).__name__ for part in parts))
    is_filtered = any(
        issubclass(UserWarning, category) and (text is None or text.match(message))
        for _, text, category, *_ in warnings.filters
    )
    if is_filtered or what not in _said:
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)
    if not is_filtered:
        _said.add(what)
