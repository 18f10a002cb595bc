"""Does a column alone, or the order of the rows, give the target away?"""

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from skimbalance.evaluation.findings.finding import Finding, listed

_FOLDS, _LEAVES = 5, 8
# ROC AUC from which a column is the target, gives it away, or stands out; it has at most this share of the error of the
# best of the others. What is the target is not one of the others.
_IS_TARGET, _TELLS, _STANDS_OUT, _OF_ERROR = 0.995, 0.97, 0.9, 0.25
# Columns whose ROC AUC on the training rows of a tree is lower are not scored on others: that would be lower still.
_PROMISING = 0.85
# Chance of a column without a signal among all of a table, and of a target that does not depend on the order.
_CHANCE, _CHANCE_OF_ORDER = 0.01, 1e-4
#: ROC AUC of the row's position: rows are sorted by the target; in blocks or in time; associated at all.
SORTED, _ORDERED, _ASSOCIATED = 0.95, 0.7, 0.6
_LEAST_ROWS = 20


class OutOfFold:
    """Score columns by how well a small tree on each alone predicts the target of rows that it has not seen.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        Class indices of the rows of a sample.
    groups : ndarray of shape (n_rows,) or None
        Groups, which are not split.
    """

    def __init__(self, y, groups):
        counts = np.bincount(y)
        # Classes that are not in every fold are left out, as long as two are left.
        least = min(_FOLDS, int(np.sort(counts)[-2]))
        self.rows = np.flatnonzero(counts[y] >= least)
        self.y = np.unique(y[self.rows], return_inverse=True)[1]
        self.counts = np.bincount(self.y)
        groups = None if groups is None else groups[self.rows]
        splits = least if groups is None else min(least, len(np.unique(groups)))
        self.folds = []
        if splits > 1:
            kind = StratifiedKFold if groups is None else StratifiedGroupKFold
            self.folds = list(kind(splits, shuffle=True, random_state=0).split(self.y[:, None], self.y, groups))

    def score(self, values, is_category=False, promising=_PROMISING):
        """Return the mean ROC AUC over classes, and the significance of the best in standard deviations.

        A column that is not promising even on training rows has the score of these.
        """
        if not self.folds:
            return 0.5, 0.0
        values, everywhere = values[self.rows], np.arange(len(self.y))
        if is_category:
            predict, values = self._by_category, np.unique(values, return_inverse=True)[1]
        else:  # single precision, which trees read, keeps ranks apart
            ranks = rankdata(np.nan_to_num(values, nan=-np.inf), "dense")
            predict, values = self._by_tree, np.where(np.isnan(values), np.nan, ranks)[:, None]
            areas = self._areas(predict(values, everywhere, everywhere))
            if areas.mean() < promising:
                return float(areas.mean()), 0.0
        proba = np.zeros((len(self.y), len(self.counts)))
        for train, test in self.folds:
            proba[test] = predict(values, train, test)
        areas, n = self._areas(proba), len(self.y)
        deviation = np.sqrt((n + 1) / 12 / self.counts / np.maximum(n - self.counts, 1))
        return float(areas.mean()), float(np.max((areas - 0.5) / deviation))

    def _by_tree(self, ranks, train, test):
        """Return probabilities of test rows by a small tree."""
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=3, random_state=0)
        tree.fit(ranks[train], self.y[train], sample_weight=1 / self.counts[self.y[train]])
        proba = np.zeros((len(test), len(self.counts)))
        proba[:, tree.classes_] = tree.predict_proba(ranks[test])
        return proba

    def _by_category(self, codes, train, test):
        """Return probabilities of test rows by the shares of classes in their category."""
        n_classes = len(self.counts)
        counts = np.bincount(codes[train] * n_classes + self.y[train], minlength=(codes.max() + 1) * n_classes)
        counts = counts.reshape(-1, n_classes) + self.counts / len(self.y)
        return (counts / counts.sum(axis=1, keepdims=True))[codes[test]]

    def _areas(self, proba):
        """Return the ROC AUC of each class."""
        return np.array([self._area(proba[:, k], k) for k in range(len(self.counts))])

    def _area(self, scores, k):
        """Return the ROC AUC of one class."""
        n, ranks = self.counts[k], rankdata(scores)
        return (ranks[self.y == k].sum() - n * (n + 1) / 2) / (n * max(len(self.y) - n, 1))


def find_leaks(columns, identities, scorer):
    """Yield findings of columns that predict the target alone, far better than the others do.

    Parameters
    ----------
    columns : list of AuditedColumn
        All columns.
    identities : list of AuditedColumn
        Those that say which row it is, and when: where one of them tells the target, the table is not an easy one.
    scorer : OutOfFold
        Scores of columns.
    """
    usable = [column for column in columns if column.n_distinct > 1 or column.n_there < column.n_rows]
    scores = {id(of): scorer.score(of.by_class, of.kind == "category") for of in usable}
    enough = norm.isf(_CHANCE / max(len(columns), 1))
    areas = np.array([area if area < _PROMISING or z > enough else 0.5 for area, z in scores.values()])
    tell = [of for of, area in zip(usable, areas, strict=True) if area >= _TELLS and of not in identities]
    n_others = len(columns) - len(identities)
    if 2 * len(tell) > n_others >= 4:
        yield Finding(
            "warning", "leak", None,
            f"{len(tell)} of {n_others} columns each predict the target nearly alone: "
            f"{listed([column.name for column in tell])}.",
            "Either that is easy, or they are computed from the target: leave those out that are known only after it.",
        )  # fmt: skip
        return
    is_honest = areas < _TELLS
    for i, (column, area) in enumerate(zip(usable, areas, strict=True)):
        if area < _STANDS_OUT or 1 - area > _OF_ERROR * (1 - areas[is_honest & (areas != area)].max(initial=0.5)):
            continue
        others = np.delete(areas, i)
        others = others[others < _IS_TARGET].max(initial=0.5)
        is_alone = 1 - area <= _OF_ERROR * (1 - others)
        yield Finding(
            "severe" if area >= _TELLS and is_alone else "warning", "leak", column.name,
            f"It alone predicts the target of held-out rows with a ROC AUC of {area:.3f}; the best other column has "
            f"{others:.3f}.",
            "If it is known only after the target, or is computed from it, leave it out.",
        )  # fmt: skip


def find_order(positions, scorer):
    """Return the finding that the target depends on where in the file a row stands, or None; and its ROC AUC."""
    area, z = scorer.score(positions.astype(np.float64), promising=0.0)
    if len(positions) < _LEAST_ROWS or z < norm.isf(_CHANCE_OF_ORDER) or area < _ASSOCIATED:
        return None, 0.5
    if area >= SORTED:
        return Finding(
            "warning", "sorted", None,
            f"Rows are sorted by the target: their position alone predicts it with a ROC AUC of {area:.3f}.",
            "Shuffle them; whatever follows their order, such as a row number, a date or an id, gives the target away.",
        ), area  # fmt: skip
    return Finding(
        "warning" if area >= _ORDERED else "note", "sorted", None,
        f"The target depends on the order of the rows: their position alone predicts it with a ROC AUC of {area:.3f}.",
        'If they are in time, hold out the last ones: validation_split="last", and cv=TimeSeriesSplit(); if they come '
        "in blocks, pass these as groups.",
    ), area  # fmt: skip
