"""Which columns does a model use? How much worse are held-out rows predicted where one column is shuffled?"""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss

from skimbalance.evaluation.significance import corrected_interval
from skimbalance.evaluation.weights import fit_with_rows

#: Folds by which the importance of columns is found.
FOLDS = 5
# Held-out rows of a fold, times that each column is shuffled, and most columns.
_ROWS, _REPEATS, _COLUMNS = 2_000, 3, 100


def importances(found, label, X, seed=0):
    """Return how much worse a score is where one column is shuffled, by permutation of held-out rows.

    Parameters
    ----------
    found : StrategyComparison
        The comparison, by whose folds the candidate is fitted once more.
    label : str
        Candidate.
    X : {ndarray, pandas.DataFrame} of shape (n_samples, n_features)
        Rows.
    seed : int
        Seed of rows and permutations.

    Returns
    -------
    list of tuple, or str
        Each column with the mean and the ends of the corrected 95 % confidence interval, the most important first; or
        why there is none.
    """
    why = why_not(found, label, X)
    if why:
        return why
    folds, names = found._splits[:FOLDS], _names(X)
    try:
        drops = np.array([_drops(fold, found, label, X, seed) for fold in folds])
    except KeyboardInterrupt:
        return "It is not computed, as it was interrupted."
    except Exception as error:  # such as a fold with one class alone
        return f"It could not be computed. {type(error).__name__}: {error}"
    share = found._test_shares[: len(folds)].mean()
    columns = [(name, *corrected_interval(drops[:, j], share)) for j, name in enumerate(names)]
    return sorted(columns, key=lambda one: -one[1])


def why_not(found, label, X):
    """Return why the importance of columns cannot be computed, or None."""
    if found.interrupted_:
        return "It is not computed, as the comparison was interrupted."
    if label not in found._fits:
        return "It is not computed, as the comparison was pickled, which leaves its models out."
    if X.shape[1] > _COLUMNS:
        return f"It is not computed for {X.shape[1]} columns, as they are more than {_COLUMNS}."
    return None


def _names(X):
    """Return the names of columns as text, or their positions."""
    return [str(name) for name in getattr(X, "columns", range(X.shape[1]))]


def _drops(fold, found, label, X, seed):
    """Return how much worse the score of held-out rows of a fold is for each column that is shuffled, (n_columns,)."""
    train, test = fold
    rng, y, fit = np.random.default_rng(seed), found.classes_[found._codes], found._fits[label]
    test = np.sort(rng.choice(test, min(len(test), _ROWS), replace=False))
    of_rows = {"sample_weight": found._weight, "groups": None if fit.prefix is None else found._groups}
    of_rows = {name: values[train] for name, values in of_rows.items() if values is not None}
    model = clone(fit.model)
    fit.set_rule(model, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the comparison has said them
        fit_with_rows(model, _rows(X, train), y[train], of_rows, {})
        rows, weight, drops = _rows(X, test), None if found._weight is None else found._weight[test], []

        def score(proba):
            return _score(proba, found, model.classes_, y[test], weight)

        whole = score(model.predict_proba(rows))
        for j in range(X.shape[1]):
            parts = [_shuffled(rows, j, rng.permutation(len(test))) for _ in range(_REPEATS)]
            proba = model.predict_proba(_joined(parts)).reshape(_REPEATS, len(test), -1)
            drops.append(whole - np.mean([score(of) for of in proba]))
    return drops


def _rows(X, rows):
    """Return some rows of a table."""
    return X.iloc[rows].reset_index(drop=True) if hasattr(X, "iloc") else X[rows]


def _shuffled(X, j, order):
    """Return a table with one column in another order."""
    X = X.copy()
    if hasattr(X, "iloc"):
        X.isetitem(j, X.iloc[order, j].set_axis(X.index))
    else:
        X[:, j] = X[order, j]
    return X


def _joined(parts):
    """Return tables one below the other."""
    if not hasattr(parts[0], "iloc"):
        return np.concatenate(parts)
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def _score(proba, found, classes, y, weight):
    """Return average precision of the positive label of two, and minus the log-loss of more labels."""
    if found.pos_label_ is None:
        return -log_loss(y, proba, sample_weight=weight, labels=classes)
    positive = np.asarray(classes).tolist().index(found.pos_label_)
    return average_precision_score(y == found.pos_label_, proba[:, positive], sample_weight=weight)
