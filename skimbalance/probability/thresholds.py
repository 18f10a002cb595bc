"""From which probability on is a row positive? The threshold of a rule, from rows, in any population."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from skimbalance._warnings import warn
from skimbalance.probability.guarantees import certify
from skimbalance.probability.prior import shifted

# Most groups of rows that a rule keeps: a threshold moves by less than a thousandth of the rows.
_MOST_ROWS = 4096

# Least rounding error of sums that are compared with a floor or a rate.
_ROUNDING = 1e-12


class Cuts(NamedTuple):
    """What is flagged at each cut of rows that are sorted by the probability of the positive class, falling.

    Attributes
    ----------
    lowest, highest : ndarray of shape (n_groups,)
        Probabilities in the last group of rows that is flagged at a cut: one number where rows are not gathered.
    found, alarms : ndarray of shape (n_groups,)
        Weight of the positive and of the negative rows that are flagged, expected or counted.
    rounding : float, default=1e-12
        Relative rounding error of these sums.
    """

    lowest: np.ndarray
    highest: np.ndarray
    found: np.ndarray
    alarms: np.ndarray
    rounding: float = _ROUNDING

    @property
    def flagged(self):
        """Weight of the rows that are flagged, (n_groups,)."""
        return self.found + self.alarms

    def threshold(self, cut):
        """Return a threshold of a cut, halfway to the next row; 0 if all are flagged, infinity at -1, if none is."""
        if cut < 0:
            return np.inf
        if cut == len(self.lowest) - 1:
            return 0.0
        middle = (self.lowest[cut] + self.highest[cut + 1]) / 2
        return float(middle if middle > self.highest[cut + 1] else self.lowest[cut])


@dataclass(frozen=True, eq=False)
class RowProbabilities:
    """Probabilities of rows, from which a threshold follows at any class prior; at most a few thousand numbers.

    Attributes
    ----------
    lowest, highest : ndarray of shape (n_groups,)
        Least and largest probability of the second class of two in each group of rows, rising.
    weight : ndarray of shape (n_groups, 2)
        Weight of each class in a group: expected by the probabilities, or counted by labels.
    prior : ndarray of shape (2,)
        Class shares that all of these refer to.
    is_labelled : bool, default=False
        Whether labels were counted.
    n_rows : int, default=1
        Number of rows.
    """

    lowest: np.ndarray
    highest: np.ndarray
    weight: np.ndarray
    prior: np.ndarray
    is_labelled: bool = False
    n_rows: int = 1
    _known: dict = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, proba, weight, prior, y=None):
        """Gather rows: those of equal probability are one group, and of many, neighbours of little weight are.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, 2)
            Calibrated probabilities.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        prior : ndarray of shape (2,)
            Class shares of the population that the weighted rows stand for.
        y : ndarray of int, shape (n_samples,), default=None
            Class indices, to count; None counts what the probabilities say.
        """
        truth = proba if y is None else np.eye(2)[y]
        p, same = np.unique(proba[:, 1], return_inverse=True)
        by_class = np.stack([np.bincount(same.ravel(), weight * truth[:, c]) for c in (0, 1)], axis=1)
        starts = _starts_of_groups(by_class)
        ends = np.append(starts[1:], len(p)) - 1
        by_class = np.add.reduceat(by_class, starts)
        return cls(p[starts], p[ends], by_class, np.asarray(prior), y is not None, len(proba))

    def __getstate__(self):
        """Return the state for pickling, without the thresholds that are known."""
        return {**vars(self), "_known": {}}

    def cuts(self, prior, positive=1, counts=False):
        """Return the `Cuts` of the rows in a population of other class shares; with `counts`, of the rows as they are.

        Parameters
        ----------
        prior : array-like of shape (2,)
            Class shares of the population.
        positive : {0, 1}, default=1
            Position of the positive class.
        counts : bool, default=False
            Whether weights are not those of the population, but of these rows.
        """
        weight = self.weight if counts else self.weight * (np.asarray(prior) / self.prior)
        ends = [shifted(np.stack([1 - p, p], axis=1), self.prior, prior) for p in (self.lowest, self.highest)]
        if positive:
            lowest, highest = (end[::-1, 1] for end in ends)
            weight = weight[::-1]
        else:
            highest, lowest = (end[:, 0] for end in ends)
        found, alarms = np.cumsum(weight[:, positive]), np.cumsum(weight[:, 1 - positive])
        return Cuts(lowest, highest, found, alarms, max(_ROUNDING, self.n_rows * np.finfo(np.float64).eps))

    def threshold(self, kind, value, prior, positive):
        """Return the threshold of a rule in a population; warn, once for each, where no threshold does what it says."""
        key = kind, np.asarray(value, dtype=np.float64).tobytes(), np.asarray(prior).tobytes(), positive
        if key not in self._known:
            self._known[key], complaint = self._chosen(kind, value, prior, positive)
            if complaint:
                warn(complaint)
        return self._known[key]

    def certificate(self, kind, value, prior, positive):
        """Return the `Certificate` of a floor in a population."""
        share = None if np.allclose(prior, self.prior, rtol=1e-9, atol=0) else float(prior[positive])
        return certify(kind, *value, self.cuts(prior, positive, counts=True), share)

    def _chosen(self, kind, value, prior, positive):
        """Return the threshold of a rule, and what there is to complain about, or None."""
        if kind in ("precision", "recall") and len(value) == 2:
            certificate = self.certificate(kind, value, prior, positive)
            return certificate.threshold, certificate.complaint(kind, *value)
        cuts = self.cuts(prior, positive)
        if kind not in _SCORES:
            return _RULES[kind](cuts, value)
        score = _SCORES[kind](cuts, value)
        if score.max() <= 0:
            return np.inf, None
        if kind == "fbeta" and not self.is_labelled:
            return float(score.max()), None
        return cuts.threshold(int(score.argmax())), None


def _starts_of_groups(by_class):
    """Return where groups of rows begin, each of about the same share of the rows and of either class.

    So a rare class, or a small part of the rows, is resolved as finely as all of them.
    """
    if len(by_class) <= _MOST_ROWS:
        return np.arange(len(by_class))
    parts = np.column_stack([by_class.sum(axis=1), by_class])
    shares = (parts / np.maximum(parts.sum(axis=0), np.finfo(np.float64).tiny)).sum(axis=1)
    group = np.floor(np.cumsum(shares) / 3 * _MOST_ROWS).astype(int)
    return np.unique(group, return_index=True)[1]


def _fbeta(cuts, beta):
    r"""Return F-beta over :math:`1 + \beta^2` at each cut, the best of which is its threshold for calibrated rows [1]_.

    References
    ----------
    .. [1] Z. C. Lipton, C. Elkan and B. Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1
       Measure", ECML PKDD, arXiv:1402.1892.
    """
    return cuts.found / (cuts.flagged + min(float(beta) * float(beta), 1e300) * cuts.found[-1])


def _correlation(cuts, _):
    """Return Matthews' correlation at each cut."""
    positives, total = cuts.found[-1], cuts.flagged[-1]
    covariance = cuts.found * total - cuts.flagged * positives
    spread = cuts.flagged * (total - cuts.flagged) * positives * (total - positives)
    return np.append(covariance[:-1] / np.sqrt(np.maximum(spread[:-1], 1e-300)), 0.0)


def _recalls(cuts, _):
    """Return the sum of the recalls of both classes at each cut, less one (Youden's J)."""
    return cuts.found / cuts.found[-1] - cuts.alarms / cuts.alarms[-1]


def _savings(cuts, costs):
    """Return what each cut saves against flagging no row, for costs [true, predicted], the positive class last."""
    (tn, fp), (fn, tp) = costs
    return (fn - tp) * cuts.found - (fp - tn) * cuts.alarms


#: Scores, zero where no row is flagged, whose best cut is taken.
_SCORES = {"fbeta": _fbeta, "mcc": _correlation, "balanced_accuracy": _recalls, "costs": _savings}


def _of_precision(cuts, value):
    """Return the lowest threshold whose precision is at least a floor."""
    (floor,) = value
    precision = cuts.found / np.maximum(cuts.flagged, np.finfo(np.float64).tiny)
    met = np.flatnonzero(precision >= floor * (1 - cuts.rounding))
    if len(met):
        return cuts.threshold(met[-1]), None
    return np.inf, (
        f'decision=("precision", {floor:g}) cannot be met: the rows that it looks at have a precision of '
        f"{precision.max():.3g} at most, so no row is flagged. Take a lower floor."
    )


def _of_recall(cuts, value):
    """Return the highest threshold whose recall is at least a floor."""
    (floor,) = value
    if cuts.found[-1] <= 0:
        return np.inf, None
    return cuts.threshold(int(np.argmax(cuts.found >= floor * (1 - cuts.rounding) * cuts.found[-1]))), None


def _of_rate(cuts, rate):
    """Return the threshold that flags a share of the population: a quantile of the probabilities."""
    shares = cuts.flagged / cuts.flagged[-1]
    met = np.flatnonzero(shares <= rate * (1 + cuts.rounding))
    if len(met):
        return cuts.threshold(met[-1]), None
    return cuts.threshold(0), (
        f'decision=("rate", {rate:g}) is a smaller share than the rows that it looks at can tell: {shares[0]:.3g} of '
        "them have the highest probability, and are flagged. More rows tell smaller shares apart."
    )


#: The other rules that look at rows.
_RULES = {"precision": _of_precision, "recall": _of_recall, "rate": _of_rate}


def shift_threshold(threshold, prior, shown, positive):
    """Return a threshold in a population of class shares `prior` as a probability at the shares `shown`."""
    if threshold is None or threshold in (0.0, np.inf):
        return threshold
    proba = np.array([[1 - threshold, threshold] if positive else [threshold, 1 - threshold]])
    return float(shifted(proba, prior, shown)[0, positive])
