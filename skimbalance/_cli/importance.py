"""Which columns does a model use? How much worse are held-out rows predicted where one column is shuffled?"""

import warnings

import numpy as np
from sklearn.metrics import average_precision_score, log_loss

from skimbalance._cli.console import say
from skimbalance.evaluation.significance import corrected_interval

#: Held-out rows of a fold, times that each column is shuffled, folds, and most columns.
_ROWS, _REPEATS, _FOLDS, _COLUMNS = 2_000, 3, 5, 100


def importances(found, chosen, task, options):
    """Return how much worse a score is where one column is shuffled, by permutation of held-out rows.

    Parameters
    ----------
    found : StrategyComparison
        The comparison, by whose folds the recommended model is fitted once more.
    chosen : Recommendation
        That model.
    task : Task
        Rows and labels.
    options : argparse.Namespace
        Options of the command line.

    Returns
    -------
    list of tuple, or str
        Each column with the mean and the ends of the corrected 95 % confidence interval, the most important first; or
        why there is none.
    """
    n_columns, folds = task.X.shape[1], found._splits[:_FOLDS]
    if chosen.label is None:
        return "It is not computed, as no candidate that `skimbalance train` fits has a score."
    if found.interrupted_:
        return "It is not computed, as the comparison was interrupted."
    if n_columns > _COLUMNS:
        return f"It is not computed for {n_columns} columns, as they are more than {_COLUMNS}."
    say([f"Importance of {n_columns} columns, for the page: one more fit for each of {len(folds)} folds."])
    try:
        drops = np.array([_drops(fold, found.pos_label_, chosen, task, options) for fold in folds])
    except KeyboardInterrupt:
        return "It is not computed, as it was interrupted."
    except Exception as error:  # such as a fold with one class alone
        return f"It could not be computed. {type(error).__name__}: {error}"
    share = len(folds[0][1]) / len(task.y)
    columns = [(name, *corrected_interval(drops[:, j], share)) for j, name in enumerate(task.X.columns)]
    return sorted(columns, key=lambda one: -one[1])


def _drops(fold, pos_label, chosen, task, options):
    """Return how much worse the score of held-out rows of a fold is for each column that is shuffled, (n_columns,)."""
    import pandas as pd

    from skimbalance import ImbalancedKerasClassifier

    train, test = fold
    rng = np.random.default_rng(options.seed)
    test = np.sort(rng.choice(test, min(len(test), _ROWS), replace=False))
    of_rows = {"sample_weight": task.sample_weight, "groups": task.groups}
    of_rows = {name: values[train] for name, values in of_rows.items() if values is not None}
    model = ImbalancedKerasClassifier(
        options.model, strategy=chosen.strategy, pos_label=pos_label, random_state=options.seed, verbose=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the comparison has said them
        model.fit(task.X.iloc[train], task.y[train], **of_rows)
        X, y = task.X.iloc[test].reset_index(drop=True), task.y[test]
        weight = None if task.sample_weight is None else task.sample_weight[test]
        whole, drops = _score(model, model.predict_proba(X), y, weight), []
        for name in X.columns:
            parts = [X.copy() for _ in range(_REPEATS)]
            for part in parts:
                part[name] = X[name].iloc[rng.permutation(len(X))].set_axis(X.index)
            proba = model.predict_proba(pd.concat(parts, ignore_index=True)).reshape(_REPEATS, len(X), -1)
            drops.append(whole - np.mean([_score(model, of, y, weight) for of in proba]))
    return drops


def _score(model, proba, y, weight):
    """Return average precision of the positive label of two, and minus the log-loss of more labels."""
    classes = model.classes_.tolist()
    if len(classes) > 2:
        return -log_loss(y, proba, sample_weight=weight, labels=model.classes_)
    positive = classes.index(model.pos_label_)
    return average_precision_score(y == classes[positive], proba[:, positive], sample_weight=weight)
