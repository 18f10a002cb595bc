"""Emit each strategy message once a process, so that a grid search does not repeat it."""

import warnings

_said = set()


def warn_once(message, about, strategy, stacklevel):
    """Warn of remedies; once a process for each of them, or each list of them, as a grid meets it in every fit.

    Python's own registry forgets whenever filters change, as they do around every fit of a search. Where somebody has
    set a filter for the warning, the filter decides, fit by fit.

    Parameters
    ----------
    message : str
        What to say.
    about : str
        What is said of the remedies, in a word.
    strategy : None, str, Strategy, sampler, or a list of these
        The ``strategy`` parameter.
    stacklevel : int
        Whose line is named: 1 is the caller of this function.
    """
    remedies = strategy if isinstance(strategy, list | tuple) else [strategy]
    what = (about, *(remedy if isinstance(remedy, str) else type(remedy).__name__ for remedy in remedies))
    is_filtered = any(
        issubclass(UserWarning, category) and (text is None or text.match(message))
        for _, text, category, *_ in warnings.filters
    )
    if is_filtered or what not in _said:
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)
    if not is_filtered:
        _said.add(what)
