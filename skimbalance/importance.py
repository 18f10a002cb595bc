"""How important is each column to a fitted classifier? For the ``importance_getter`` of scikit-learn's selectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from skimbalance._typing import ColumnLike, RandomState, TableLike

__all__ = ["Permutation", "total_effect"]

# Rows predicted at once: up to so many, a network needs no compilation.
_N_AT_ONCE = 256
# Least probability whose logarithm is taken, and the share of missing values in columns that had some.
_LEAST, _MISSING = 1e-12, 0.1


def total_effect(classifier: Any, *, n_repeats: int = 2, random_state: int = 0) -> np.ndarray:
    r"""Return how much the probabilities of a fitted classifier vary with each column.

    It needs no rows: it draws some from what the classifier keeps of each column. So it is an ``importance_getter``
    for ``SelectFromModel``, and for ``RFE`` and ``RFECV``, which fit on some of the columns and do not say on which.

    Parameters
    ----------
    classifier : ImbalancedKerasClassifier
        Fitted classifier.
    n_repeats : int, default=2
        How often each column is drawn anew, for 256 rows each time.
    random_state : int, default=0
        Seed of the drawn rows.

    Returns
    -------
    ndarray of shape (n_features,)
        Total effect of each column, at least 0: the variance of log P(y | x), summed over classes, that is left once
        all other columns are known.

    Raises
    ------
    NotFittedError
        Before ``fit``.
    TypeError
        If it is not a classifier of this package.

    See Also
    --------
    Permutation : What the scores of labelled rows lose without a column.

    Notes
    -----
    With f the log-probability of a class, x a row and x' the same row with column j drawn anew, the total effect is
    :math:`\frac{1}{2} \mathrm{E}[(f(x) - f(x'))^2]` [1]_. The columns are drawn independently of each other: numbers
    from a normal distribution of the mean and the standard deviation in training, booleans by their share, categories
    equally often; a tenth is missing where some were missing in training.

    It tells what the classifier looks at, not whether that is of use: labels play no part, and of two columns that say
    the same each has a part of the effect. Where columns depend on each other, or have long tails, drawn rows are
    unlike real ones; then prefer `Permutation`.

    References
    ----------
    .. [1] M. J. W. Jansen (1999), "Analysis of variance designs for model output", Computer Physics Communications.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.feature_selection import SelectFromModel
    >>> from skimbalance import ImbalancedKerasClassifier, importance
    >>> X = np.random.default_rng(0).normal(size=(400, 5))
    >>> y = X[:, 0] + X[:, 1] > 1.5
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=15, random_state=0)
    >>> SelectFromModel(clf, importance_getter=importance.total_effect).fit(X, y).get_support()
    array([ True,  True, False, False, False])
    """
    if not hasattr(type(classifier), "answers_"):
        raise TypeError(
            f"total_effect takes a fitted ImbalancedKerasClassifier, not {type(classifier).__name__}; of a pipeline, "
            "pass the classifier alone to the selector, with transformers before the selector."
        )
    check_is_fitted(classifier)
    answers, rng = classifier._shown(), np.random.default_rng(random_state)  # whatever its decision
    rows = _drawn(answers.columns, rng)
    before = _log_proba(answers, rows)
    effects = np.zeros(rows.shape[1])
    for anew in (_drawn(answers.columns, rng) for _ in range(n_repeats)):
        for j in range(rows.shape[1]):
            changed = rows.copy()
            changed[:, j] = anew[:, j]
            effects[j] += np.square(_log_proba(answers, changed) - before).sum(axis=1).mean() / 2
    return effects / n_repeats


def _log_proba(answers, rows):
    """Return log P(y | x), (n_rows, n_classes), of rows as the classifier encodes them."""
    return np.log(np.maximum(answers.proba_of(rows), _LEAST))


def _drawn(columns, rng):
    """Return rows, (n_rows, n_columns), of which each column is drawn by itself."""
    (means, spreads), n_rows = columns.typical, _N_AT_ONCE
    rows = (means + spreads * rng.normal(size=(n_rows, len(means)))).astype(np.float32)
    for j, (kind, kept, has_missing) in enumerate(zip(columns.kinds, columns.kept, columns.missing, strict=True)):
        if kind == "boolean":
            rows[:, j] = rng.random(n_rows) < means[j]
        elif kind == "category":
            rows[:, j] = rng.choice(kept, n_rows) if len(kept) else 0
        if has_missing:
            rows[rng.random(n_rows) < _MISSING, j] = np.nan
    return rows


class Permutation:
    """What the score of labelled rows loses without a column, as an ``importance_getter``.

    Parameters
    ----------
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Rows that the classifier was not fitted on.
    y : array-like of shape (n_samples,)
        Their labels.
    scoring : str or callable, default="average_precision"
        Score, as scikit-learn takes it; "average_precision" is for two classes.
    n_repeats : int, default=5
        How often each column is permuted.
    random_state : int, numpy.random.RandomState or None, default=0
        Source of the permutations.

    See Also
    --------
    total_effect : An importance that needs no rows, for ``RFE`` and ``RFECV`` as well.
    sklearn.inspection.permutation_importance : The same with the results of each permutation.

    Notes
    -----
    Columns without which the score does not fall have the importance 0: ``SelectFromModel`` takes the absolute value of
    what it is given, so that a fall below zero, by chance, would count as a gain.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.feature_selection import SelectFromModel
    >>> from skimbalance import ImbalancedKerasClassifier, importance
    >>> X = np.random.default_rng(0).normal(size=(600, 5))
    >>> y = X[:, 0] + X[:, 1] > 1.5
    >>> clf, getter = ImbalancedKerasClassifier("mlp", epochs=15), importance.Permutation(X[400:], y[400:])
    >>> SelectFromModel(clf, importance_getter=getter).fit(X[:400], y[:400]).get_support()
    array([ True,  True, False, False, False])
    """

    def __init__(
        self,
        X: TableLike,
        y: ColumnLike,
        *,
        scoring: Any = "average_precision",
        n_repeats: int = 5,
        random_state: RandomState | None = 0,
    ) -> None:
        self.X, self.y, self.scoring = X, y, scoring
        self.n_repeats, self.random_state = n_repeats, random_state

    def __call__(self, classifier: Any) -> np.ndarray:
        """Return the importance of each column that a classifier was fitted on.

        Parameters
        ----------
        classifier : estimator
            Fitted classifier.

        Returns
        -------
        ndarray of shape (n_features,)
            Mean loss of the score, at least 0.

        Raises
        ------
        ValueError
            If the classifier was fitted on other columns than those of X, and has no names to take them by.
        """
        X = (
            self.X.to_pandas() if hasattr(self.X, "to_pandas") else self.X
        )  # scikit-learn permutes frames of pandas alone
        n_columns = classifier.n_features_in_
        names = getattr(classifier, "feature_names_in_", None)
        if names is not None and hasattr(X, "columns"):
            X = _safe_indexing(X, list(names), axis=1)
        elif np.shape(X)[1] != n_columns:
            raise ValueError(
                f"The classifier was fitted on {n_columns} columns, but X of Permutation has {np.shape(X)[1]}. RFE and "
                "RFECV fit on some columns and do not say on which: give them importance.total_effect."
            )
        found = permutation_importance(
            classifier, X, self.y, scoring=self.scoring, n_repeats=self.n_repeats, random_state=self.random_state
        )
        return np.maximum(found.importances_mean, 0)
