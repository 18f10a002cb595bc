"""Which of several classes does macro F1 call for? A slope and an offset of each, from rows, in any population."""

from dataclasses import dataclass, field

import numpy as np

from skimbalance.probability.prior import shifted

# Most rows that the rule keeps.
_MOST_ROWS = 4096

# Starts divide probabilities by a power of the class shares; an iterate moves half of the way, at most so many times.
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_DAMPING, _MAX_ITER = 0.5, 100


@dataclass(frozen=True, eq=False)
class ClassProbabilities:
    """Probabilities of rows of several classes, from which the rule of best macro F1 follows at any class prior.

    Attributes
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Calibrated probabilities.
    weight : ndarray of shape (n_rows, n_classes)
        Weight of each class in a row: expected by the probabilities, or that of its label.
    prior : ndarray of shape (n_classes,)
        Class shares that both refer to.
    is_labelled : bool, default=False
        Whether labels were counted.
    """

    proba: np.ndarray
    weight: np.ndarray
    prior: np.ndarray
    is_labelled: bool = False
    _known: dict = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, proba, weight, prior, y=None):
        """Gather rows; of many, a systematic sample that holds enough of every class.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, n_classes)
            Calibrated probabilities.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        prior : ndarray of shape (n_classes,)
            Class shares of the population that the weighted rows stand for.
        y : ndarray of int, shape (n_samples,), default=None
            Class indices, to count; None counts what the probabilities say.
        """
        by_class = weight[:, None] * (proba if y is None else np.eye(proba.shape[1])[y])
        if len(proba) > _MOST_ROWS:
            rows, factor = _sample(proba, by_class)
            proba, by_class = proba[rows], by_class[rows] * factor[:, None]
        return cls(proba, by_class, np.asarray(prior), y is not None)

    def __getstate__(self):
        """Return the state for pickling, without the rules that are known."""
        return {**vars(self), "_known": {}}

    def rule(self, prior):
        """Return the slopes and offsets, (n_classes,) each, of `best_macro_f1` in a population of class shares."""
        key = np.asarray(prior).tobytes()
        if key not in self._known:
            weight = self.weight * (np.asarray(prior) / self.prior)
            self._known[key] = best_macro_f1(shifted(self.proba, self.prior, prior), weight)
        return self._known[key]


def best_macro_f1(proba, weight):
    r"""Return the rule with the best macro F1 of rows.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities.
    weight : ndarray of shape (n_rows, n_classes)
        Weight of each class in a row.

    Returns
    -------
    slopes, offsets : ndarray of shape (n_classes,)
        A row is of the class with the largest ``proba * slopes - offsets``.

    Notes
    -----
    Macro F1 is the mean of :math:`F_c = 2 TP_c / (n_c + m_c)`, with :math:`n_c` members of a class and :math:`m_c`
    rows predicted as it. By its derivative, a row goes to the class with the largest
    :math:`(2 p_c - F_c) / (n_c + m_c)` [1]_, which depends on the rule itself: it is iterated from several starts, each
    step taking half of the way, and the best rule on the way is kept, that of the start included.

    References
    ----------
    .. [1] H. Narasimhan, H. Ramaswamy, A. Saha and S. Agarwal (2015), "Consistent Multiclass Algorithms for Complex
       Performance Measures", ICML.
    """
    best, best_rule = -np.inf, None
    shares = weight.sum(axis=0) / weight.sum()
    for power in _POWERS:
        rule, state = (np.maximum(shares, np.finfo(np.float64).tiny) ** -power, np.zeros(len(shares))), None
        for _ in range(_MAX_ITER):
            found = np.stack(_f1_and_sizes(proba, weight, *rule))
            if found[0].mean() > best:
                best, best_rule = found[0].mean(), rule
            before, state = state, found if state is None else state + _DAMPING * (found - state)
            rule = 2 / state[1], state[0] / state[1]
            if before is not None and np.allclose(before, state, rtol=1e-6):
                break
    scale = best_rule[0].max()
    return best_rule[0] / scale, best_rule[1] / scale


def _f1_and_sizes(proba, weight, slopes, offsets):
    """Return F1 of each class, and the weight of its members and of the rows predicted as it, by a rule."""
    predicted, n_classes = np.argmax(proba * slopes - offsets, axis=1), proba.shape[1]
    found = np.bincount(predicted, weight[np.arange(len(predicted)), predicted], n_classes)
    sizes = weight.sum(axis=0) + np.bincount(predicted, weight.sum(axis=1), n_classes)
    sizes = np.maximum(sizes, np.finfo(np.float32).tiny * weight.sum())
    return 2 * found / sizes, sizes


def _sample(proba, by_class):
    """Return rows, and what their weights are multiplied by, in whose draw rows count by their share of each class."""
    order = np.lexsort(proba.T)
    total = np.maximum(by_class.sum(axis=0), np.finfo(np.float64).tiny)
    shares = (by_class / total).sum(axis=1)[order]
    shares = np.minimum(shares / shares.sum() * _MOST_ROWS, 1.0)
    places = np.cumsum(shares)
    rows = np.searchsorted(places, np.arange(0.5, places[-1]))
    rows = np.unique(np.minimum(rows, len(order) - 1))
    return order[rows], 1 / shares[rows]
