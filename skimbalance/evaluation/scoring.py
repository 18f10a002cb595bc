"""Which scores does the caller want besides, and what do their scorers say?"""

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from skimbalance.evaluation.scores import score_names


class OwnScores:
    """Scores of the caller's own, of which more is better.

    Parameters
    ----------
    estimator : estimator
        What scorers are checked against.
    scoring : str, callable, list or dict
        As `cross_validate` takes it.
    budget : float
        Share of the rows that can be looked at.

    Raises
    ------
    ValueError
        If a score has the name of one that a comparison has by itself, or a name that is no text.
    """

    def __init__(self, estimator, scoring, budget):
        self.taken, self.name = score_names(budget), None
        if isinstance(scoring, str):
            scoring = [scoring]
        if callable(scoring):
            self.name = getattr(scoring, "__name__", "score")
            self._refuse([self.name])
            self.scorer = check_scoring(estimator, scoring)
            return
        if not isinstance(scoring, dict):
            scoring = {name: name for name in scoring}
        usual = [name for name, one in scoring.items() if name in self.taken and name == one in get_scorer_names()]
        asked = {name: one for name, one in scoring.items() if name not in usual}
        self._refuse(asked)
        self.scorer = check_scoring(estimator, asked, raise_exc=False) if asked else None

    def _refuse(self, names):
        """Refuse names of scores that are taken, or no text."""
        for name in names:
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"scoring has the name {name!r}; names of scores are text that is not empty.")
            if name in self.taken:
                raise ValueError(
                    f"scoring has a score named {name!r}, as a score that every comparison has; give it another name. "
                    f"Taken are {', '.join(map(repr, self.taken))}."
                )

    def __call__(self, model, X, y):
        """Return scores by name, NaN where a scorer fails, and by name what scorers that failed said."""
        if self.scorer is None:
            return {}, {}
        if self.name is None:
            found = self.scorer(model, X, y)
        else:
            try:
                found = self.scorer(model, X, y)
            except Exception as error:
                return {self.name: np.nan}, {self.name: f"{type(error).__name__}: {error}"}
            if isinstance(found, dict):
                self._refuse(found)
            else:
                found = {self.name: found}
        scores, complaints = {}, {}
        for name, value in found.items():
            try:
                scores[name] = float(value)
            except (TypeError, ValueError):
                scores[name] = np.nan
                complaints[name] = _last_error(value) if isinstance(value, str) else f"it returned {value!r}"
        return scores, complaints


def _last_error(traceback):
    """Return the error that a traceback in text ends with."""
    lines = traceback.strip().splitlines()
    last = max((i for i, line in enumerate(lines) if line.startswith(" ")), default=-1)
    return " ".join(lines[last + 1 :]) or lines[-1]
