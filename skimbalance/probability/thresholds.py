"""From which probability on is a row positive? The threshold of a score, from rows, in any population."""

from dataclasses import dataclass

import numpy as np

from skimbalance.probability.prior import shift_prior

# Most groups of rows that a rule keeps: a threshold moves by less than a thousandth of the rows.
_MOST_ROWS = 4096


@dataclass(frozen=True)
class RowProbabilities:
    """Probabilities of rows, from which a threshold follows at any class prior; at most a few thousand numbers.

    Attributes
    ----------
    proba : ndarray of shape (n_rows,)
        Calibrated probabilities of the second class of two, rising and distinct.
    weight : ndarray of shape (n_rows,)
        Weights.
    prior : ndarray of shape (2,)
        Class shares that both refer to.
    """

    proba: np.ndarray
    weight: np.ndarray
    prior: np.ndarray

    @classmethod
    def of(cls, proba, weight, prior):
        """Gather rows: those of equal probability are one, and of many, neighbours of little weight are.

        Parameters
        ----------
        proba : ndarray of shape (n_samples, 2)
            Calibrated probabilities.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        prior : ndarray of shape (2,)
            Class shares of the population that the weighted rows stand for.
        """
        p, same = np.unique(proba[:, 1], return_inverse=True)
        weight = np.bincount(same.ravel(), weight)
        if len(p) > _MOST_ROWS:
            # Groups hold equal shares of the rows and of the expected members of either class, so that a rare class,
            # or a small part of the rows, is resolved as finely as all of them.
            shares = [of / max(of.sum(), np.finfo(np.float64).tiny) for of in (weight, weight * p, weight * (1 - p))]
            group = np.floor(np.cumsum(np.sum(shares, axis=0)) / 3 * _MOST_ROWS).astype(int)
            _, group = np.unique(group, return_inverse=True)
            total = np.bincount(group, weight)
            p = np.divide(np.bincount(group, weight * p), total, out=np.zeros_like(total), where=total > 0)
            weight = total
        return cls(p, weight, np.asarray(prior))

    def at(self, prior, positive=1):
        """Return probabilities of the positive class, and weights, in a population of other class shares."""
        ratio = np.asarray(prior) / self.prior
        weight = self.weight * (self.proba * ratio[1] + (1 - self.proba) * ratio[0])
        proba = np.stack([1 - self.proba, self.proba], axis=1)
        return shift_prior(proba, self.prior, prior)[:, positive], weight


def threshold_from_rows(kind, value, positive, sample_weight=None):
    r"""Return the threshold with the best expected score, from calibrated probabilities alone.

    Parameters
    ----------
    kind : {"fbeta", "mcc"}
        Score to maximise.
    value : float or None
        Beta.
    positive : ndarray of shape (n_samples,)
        Calibrated probabilities of the positive class.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Threshold. For F-beta it is :math:`F_\beta^* / (1 + \beta^2)`, with the best expected F-beta of a cut of the
        sorted rows; for Matthews' correlation it lies in the middle of the rows at the best cut.

    References
    ----------
    .. [1] Z. C. Lipton, C. Elkan and B. Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1
       Measure", ECML PKDD, arXiv:1402.1892.
    """
    order = np.argsort(-positive, kind="stable")
    p = positive[order]
    weight = np.ones(len(p)) if sample_weight is None else sample_weight[order]
    true_positive, predicted = np.cumsum(weight * p), np.cumsum(weight)
    positives, total = true_positive[-1], predicted[-1]
    if kind == "fbeta":
        # The best F-beta over 1 + beta^2; zero, for recall alone, where the square of beta is infinite.
        return float((true_positive / (predicted + float(value) * float(value) * positives)).max())
    covariance = true_positive * total - predicted * positives
    spread = predicted * (total - predicted) * positives * (total - positives)
    score = covariance / np.sqrt(np.maximum(spread, 1e-300))
    best = int(score[:-1].argmax()) if len(p) > 1 else 0
    return float(p[best : best + 2].mean())


def shift_threshold(threshold, prior, shown, positive):
    """Return a threshold in a population of class shares `prior` as a probability at the shares `shown`."""
    if threshold is None or threshold in (0.0, np.inf):
        return threshold
    proba = np.array([[1 - threshold, threshold] if positive else [threshold, 1 - threshold]])
    return float(shift_prior(proba, prior, shown)[0, positive])
