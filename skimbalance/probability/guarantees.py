"""Which threshold keeps a promise on new rows? Precision or recall of at least a floor, with a stated confidence."""

from typing import NamedTuple

import numpy as np
from scipy.stats import beta

# Thresholds that are tested flag 5 % more rows from one to the next. The first one flags a fifth as many rows as there
# are positive ones, if not more: with fewer, a single negative among them would end the search.
_RATIO, _FIRST = 1.05, 0.2


class Certificate(NamedTuple):
    """Whether a floor is met, and from which threshold on.

    Attributes
    ----------
    threshold : float
        Probability of the positive class; where the floor is not met, infinity for precision and 0 for recall.
    bound : float or None
        Lower confidence bound of the precision or recall there, or None where the floor is not met.
    n_rows, n_positive : int
        Rows that were counted.
    least : str
        Fewest rows that could certify it, in words.
    """

    threshold: float
    bound: float | None
    n_rows: int
    n_positive: int
    least: str

    def complaint(self, kind, floor, confidence):
        """Return what to say where the floor is not met, or None."""
        if self.bound is not None:
            return None
        flags = "no row (threshold_ is inf)" if kind == "precision" else "every row (threshold_ is 0)"
        return (
            f'decision=("{kind}", {floor:g}, {confidence:g}) is not certified by {self.n_rows} labelled rows, '
            f"{self.n_positive} of them positive, so predict flags {flags}. It takes {self.least} rows at the very "
            "least, and several times as many as a rule; give more rows (to fit, or to choose_decision), or ask for "
            "a lower floor or confidence."
        )


def certify(kind, floor, confidence, cuts, share=None):
    r"""Return the threshold that keeps a floor on new rows, by fixed-sequence testing of labelled rows.

    Parameters
    ----------
    kind : {"precision", "recall"}
        What has a floor.
    floor : float in (0, 1)
        Floor.
    confidence : float in (0, 1)
        Probability, over draws of these rows, that it holds for new rows.
    cuts : Cuts
        Counts of independent rows that neither training nor any other choice has seen.
    share : float, default=None
        Share of positives in the population, where it is another than that of the rows.

    Returns
    -------
    Certificate
        Threshold and bound.

    Notes
    -----
    At a threshold, k of n flagged rows are positive. The lower confidence bound of the precision is the quantile
    :math:`\delta` of Beta(k, n - k + 1) [1]_, with :math:`\delta` one minus the confidence. Thresholds are tested in a
    fixed order, from strict to loose, up to the first one whose bound is below the floor; the last one before it is
    taken. So no correction for their number is due [2]_. Where positives are of another share :math:`\pi`, the recall
    r is bounded from below and the share f of negatives that are flagged from above, at :math:`\delta / 2` each, and
    the precision is :math:`\pi r / (\pi r + (1 - \pi) f)`.

    The recall's bound is of the k positives that are flagged among all n of them; from the loosest threshold upwards
    it falls, so the last one that holds is the strictest.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson (1934), "The Use of Confidence or Fiducial Limits Illustrated in the Case of
       the Binomial", Biometrika 26(4), doi:10.1093/biomet/26.4.404.
    .. [2] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan and L. Lei (2021), "Learn then Test: Calibrating
       Predictive Algorithms to Achieve Risk Control", arXiv:2110.01052.
    """
    delta, n_positive, n_rows = 1 - confidence, cuts.found[-1], cuts.flagged[-1]
    if kind == "recall":
        bound = _lower(cuts.found, n_positive, delta)
        held = np.flatnonzero(bound >= floor)[:1]
    else:
        tested = _sequence(cuts, _least_flagged(floor, delta, cuts, share))
        bound = np.full(len(cuts.found), np.nan)
        bound[tested] = _precision_bound(cuts, tested, delta, share)
        fails = bound[tested] < floor
        held = tested[: np.argmax(fails) if fails.any() else len(tested)][-1:]
    least = _least_rows(floor, delta, int(n_rows - n_positive), share if kind == "precision" else None)
    counted = int(n_rows), int(n_positive), least
    if not len(held):
        return Certificate(np.inf if kind == "precision" else 0.0, None, *counted)
    return Certificate(cuts.threshold(held[0]), float(bound[held[0]]), *counted)


def _least(floor, delta):
    """Return how many flagged rows, all of them positive, it takes for a bound of at least the floor."""
    return int(np.ceil(np.log(delta) / np.log(floor)))


def _least_rows(floor, delta, n_negative, share):
    """Return in words how many rows certify a floor if all positives are flagged, and no negatives, of so many.

    Where positives are of a given share of the population, even all of them do not make up for too few negatives.
    """
    if share is None:
        return f"{_least(floor, delta)} positive"
    most_alarms = share * (1 - floor) / ((1 - share) * floor)  # the share of negatives that may be flagged, at recall 1
    recall = (1 - _lower(n_negative, n_negative, delta / 2)) / most_alarms
    if recall < 1:
        return f"{_least(recall, delta / 2)} positive"
    return f"{_least(1 - most_alarms, delta / 2)} negative"


def _least_flagged(floor, delta, cuts, share):
    """Return how many flagged rows, all of them positive, certify a precision; infinity where none do."""
    if share is None:
        return _least(floor, delta)
    found = np.arange(1, int(cuts.found[-1]) + 1)
    without_alarms = _shared_bound(found, cuts.found[-1], np.zeros(len(found)), cuts.alarms[-1], delta, share) >= floor
    return found[without_alarms.argmax()] if without_alarms.any() else np.inf


def _sequence(cuts, least):
    """Return the cuts that are tested, from strict to loose; they do not depend on which rows are positive."""
    first, last = max(least, _FIRST * cuts.found[-1]), cuts.flagged[-1]
    if first > last:
        return np.empty(0, dtype=int)
    steps = int(np.log(last / first) / np.log(_RATIO)) + 1
    flagged = np.append(first * _RATIO ** np.arange(steps), last)
    return np.unique(np.searchsorted(cuts.flagged, np.minimum(np.ceil(flagged), last)))


def _precision_bound(cuts, tested, delta, share):
    """Return lower confidence bounds of the precision at some cuts."""
    found, alarms = cuts.found[tested], cuts.alarms[tested]
    if share is None:
        return _lower(found, found + alarms, delta)
    return _shared_bound(found, cuts.found[-1], alarms, cuts.alarms[-1], delta, share)


def _shared_bound(found, n_positive, alarms, n_negative, delta, share):
    """Return lower confidence bounds of the precision where positives have a given share of the population."""
    recall = _lower(found, n_positive, delta / 2)
    flagged = 1 - _lower(n_negative - alarms, n_negative, delta / 2)
    return share * recall / np.maximum(share * recall + (1 - share) * flagged, np.finfo(np.float64).tiny)


def _lower(k, n, delta):
    """Return the lower confidence bound of a share of which k of n rows were counted (Clopper and Pearson)."""
    return np.where(k > 0, beta.ppf(delta, np.maximum(k, 1), n - k + 1), 0.0)
