"""Compute the additional scorers that the caller passes to a comparison."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring, get_scorer_names

from skimbalance.evaluation.scores import score_names
from skimbalance.evaluation.weights import takes_weights

# scikit-learn's warning for an undefined average precision, which is not an UndefinedMetricWarning.
_NO_POSITIVE = "No positive class found in y_true"


class OwnScores:
    """Additional scores that the caller passes; greater is better.

    Parameters
    ----------
    estimator : estimator
        Estimator that scorers are checked against.
    scoring : str, callable, list or dict
        As `cross_validate` takes it.
    budget : float
        Share of the rows that can be inspected.

    Raises
    ------
    ValueError
        If a score has the name of a built-in one, or a name that is not a string.
    """

    def __init__(self, estimator, scoring, budget):
        self.taken, self.gives_several = score_names(budget), callable(scoring)
        if callable(scoring):
            scoring = {getattr(scoring, "__name__", "score"): scoring}
        elif not isinstance(scoring, dict):
            scoring = {name: name for name in ([scoring] if isinstance(scoring, str) else scoring)}
        usual = [name for name, one in scoring.items() if name in self.taken and name == one in get_scorer_names()]
        own = {name: one for name, one in scoring.items() if name not in usual}
        self._refuse(own)
        self.scorers = {name: check_scoring(estimator, one) for name, one in own.items()}

    def _refuse(self, names):
        """Raise for names of scores that are reserved, or not strings."""
        for name in names:
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"scoring has the name {name!r}; names of scores must be non-empty strings.")
            if name in self.taken:
                raise ValueError(
                    f"scoring has a score named {name!r}, like a built-in score; give it another name. Reserved names "
                    f"are {', '.join(map(repr, self.taken))}."
                )

    def __call__(self, model, X, y, sample_weight, lacks_a_class):
        """Return the scores of a fitted model on the test rows of a fold.

        Parameters
        ----------
        model : estimator
            Fitted model.
        X, y : array-like
            Rows and labels.
        sample_weight : ndarray of shape (n_samples,) or None
            Positive weights, passed to scorers that take ``sample_weight``.
        lacks_a_class : bool
            Whether these rows lack a class. A score is then NaN if scikit-learn warns that it is undefined; otherwise
            such a warning concerns a model that does not predict every class, and the score is kept.

        Returns
        -------
        scores : dict of str to float
            Scores by name; NaN also if a scorer fails.
        complaints : dict of str to str
            Reason for a missing score, by name.
        unweighted : list of str
            Names of scores that ignore weights, where weights differ.
        """
        scores, complaints, unweighted = {}, {}, []
        differ = sample_weight is not None and sample_weight.min() < sample_weight.max()
        for name, scorer in self.scorers.items():
            weighs = takes_weights(scorer)
            weights = {"sample_weight": sample_weight} if weighs and sample_weight is not None else {}
            try:
                with warnings.catch_warnings(record=True) as heard:
                    warnings.simplefilter("always")
                    found, is_weighted = _ask(scorer, model, X, y, weights)
                weighs = weighs and is_weighted
            except Exception as error:
                found, complaints[name] = np.nan, f"{type(error).__name__}: {error}"
            for warning in heard:
                if lacks_a_class and _is_of_undefined(warning):
                    found, complaints[name] = np.nan, str(warning.message)
                else:
                    warnings.warn(warning.message, stacklevel=2)  # for `warnings_`
            several = found if self.gives_several and isinstance(found, dict) else {name: found}
            if several is found:
                self._refuse(several)
            unweighted += several if differ and not weighs else []
            for each, value in several.items():
                try:
                    scores[each] = float(value)
                except (TypeError, ValueError):
                    scores[each], complaints[each] = np.nan, f"it returned {value!r}"
        return scores, complaints, unweighted


def _ask(scorer, model, X, y, weights):
    """Return what a scorer gives, and whether it did not refuse the weights: one of scikit-learn's takes and does."""
    try:
        return scorer(model, X, y, **weights), True
    except ValueError as error:
        if not weights or "sample_weight" not in str(error):
            raise
        return scorer(model, X, y), False


def _is_of_undefined(warning):
    """Return whether scikit-learn warns that a score is undefined."""
    return issubclass(warning.category, UndefinedMetricWarning) or str(warning.message).startswith(_NO_POSITIVE)
