"""What does a probability mean under another class prior, and which prior do unlabelled rows have?"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression

from skimbalance.data.holdout import ENOUGH, at_prior, holds_enough
from skimbalance.data.numbers_given import as_numbers, check_count, check_proba, check_share, check_size
from skimbalance.data.rows import weighted_counts
from skimbalance.data.validation import LEAST_SHARE, check_prior
from skimbalance.probability.links import NUMPY

# Most steps that weights of base models take.
_MAX_ITER = 1000

# What is known of the intercept of a class before any row is: its variance, so that the log-odds of two classes differ
# by half a unit of standard deviation.
_INTERCEPT_VARIANCE = 1 / 8

# What is known of the slopes of a calibrator without a link, for logits of unit variance: their variance.
_SLOPE_VARIANCE = 1.0

# Rows whose probabilities are computed at once: those of all members, in float64, take many times the logits' memory.
_AT_ONCE = 65_536


def shift_prior(proba, train_prior, target_prior, ops=NUMPY):
    r"""Turn posteriors under one class prior into posteriors under another.

    Parameters
    ----------
    proba : ndarray or tensor of shape (..., n_classes)
        P(y | x) in a population with class shares `train_prior`.
    train_prior : array-like of shape (n_classes,), or (..., n_classes)
        Those shares; they sum to one and are positive.
    target_prior : array-like of shape (n_classes,)
        Class shares of the population asked about.
    ops : namespace, default=NUMPY
        What to compute with, as for `Link.inverse`.

    Returns
    -------
    ndarray or tensor of shape (..., n_classes)
        P(y | x) there, :math:`p_c \pi^t_c / \pi^s_c`, normalised.

    Raises
    ------
    ValueError
        If shapes do not fit, a share is not finite or below zero, or one of `train_prior` is zero.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI, theorem 2.
    .. [2] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a
       Priori Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.probability.posterior import shift_prior
    >>> shift_prior(np.array([[0.5, 0.5]]), train_prior=[0.5, 0.5], target_prior=[0.99, 0.01])
    array([[0.99, 0.01]])
    """
    if ops is NUMPY:
        proba = _check_shift(proba, train_prior, target_prior)
    if np.array_equal(train_prior, target_prior):
        return proba
    shifted = proba * ops.cast(np.asarray(target_prior) / np.asarray(train_prior), proba.dtype)
    return shifted / ops.sum(shifted, axis=-1, keepdims=True)


def _check_shift(proba, train_prior, target_prior):
    """Return probabilities as floats; refuse priors under which they have no meaning."""
    if getattr(getattr(proba, "dtype", None), "kind", "") != "f":
        proba = as_numbers(proba, "proba")
    for name, prior, least in (("train_prior", train_prior, np.nextafter(0, 1)), ("target_prior", target_prior, 0)):
        shares = as_numbers(prior, name)
        fits = shares.ndim > 0 and proba.ndim > 0 and shares.shape[-1] == proba.shape[-1]
        if not fits or not np.all((shares >= least) & (shares < np.inf)):
            raise ValueError(
                f"{name}={prior!r} does not fit proba of shape {proba.shape}; it takes a finite share for each class, "
                f"{'none below zero' if least == 0 else 'each above zero'}."
            )
    return proba


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the logits of a trained network say of P(y | x), in a population of any class prior.

    Parameters
    ----------
    loss : LogitsLoss
        Loss whose link gives the posterior under the prior that training showed.
    member_priors : array-like of shape (n_classes,) or (n_members, n_classes)
        Class shares that training showed the network, or each of its members, in the epoch that was kept.
    data_prior : array-like of shape (n_classes,)
        Class shares of the data, under which members are averaged: that keeps the mean of their probabilities.
        Averaged under another prior and shifted then, rows that members disagree about would get too small a share of
        the rare class.
    calibrator : LogisticRegression, default=None
        What `fit_calibrator` returned; it takes the place of the link.
    weights : array-like of shape (1 + n_base_models,), default=(1,)
        Weights of the network and of the base models beside it, in their mean under the prior of the data; their sum
        is one.
    intercept : array-like of shape (n_classes,), default=None
        What is added to the logarithms of that mean, as `fit_intercept` returned it. None is zero.
    """

    loss: object
    member_priors: np.ndarray
    data_prior: np.ndarray
    calibrator: LogisticRegression | None = None
    weights: np.ndarray = (1.0,)
    intercept: np.ndarray | None = None

    def __post_init__(self):
        """Turn what is given into arrays."""
        n_classes = len(self.data_prior)
        arrays = {
            "member_priors": np.atleast_2d(self.member_priors),
            "data_prior": np.asarray(self.data_prior),
            "weights": np.asarray(self.weights),
            "intercept": np.zeros(n_classes) if self.intercept is None else np.asarray(self.intercept),
        }
        for name, array in arrays.items():
            object.__setattr__(self, name, array)

    @property
    def train_prior(self):
        """Class shares, (n_classes,), that training showed: the mean over members that keep different epochs."""
        return self.member_priors.mean(axis=0)

    def at(self, prior, logits, others=None, ops=NUMPY):
        """Return P(y | x) in a population with class shares `prior`.

        Parameters
        ----------
        prior : array-like of shape (n_classes,)
            Class shares of the population asked about.
        logits : ndarray or tensor of shape (n_samples, n_members, n_classes)
            What each member of the network returns; a network that is not made of members is one.
        others : ndarray of shape (n_base_models, n_samples, n_classes), or list of tensor, default=None
            Base models: P(y | x) under the prior of the data. None is the network alone.
        ops : namespace, default=NUMPY
            What to compute with, as for `Link.inverse`.

        Returns
        -------
        ndarray of float64, or tensor, shape (n_samples, n_classes)
            Probabilities; every row sums to one.

        Raises
        ------
        ValueError
            In a graph, if the loss has no link that computes in one.
        """
        if ops is NUMPY and len(logits) > _AT_ONCE:
            parts = [slice(begin, begin + _AT_ONCE) for begin in range(0, len(logits), _AT_ONCE)]
            return np.concatenate(
                [self.at(prior, logits[of], None if others is None else others[:, of]) for of in parts]
            )
        if others is not None:
            network = self.at(self.data_prior, logits, ops=ops)
            return shift_prior(self.mean(network, others, ops), self.data_prior, prior, ops)
        n_members, n_classes = logits.shape[1:]
        if self.calibrator is not None:
            return shift_prior(_calibrated(self.calibrator, logits, ops), self.data_prior, prior, ops)
        proba = self._under_shown_prior(ops.reshape(ops.cast(logits, ops.floatx), (-1, n_classes)), ops)
        if n_members == 1:
            return shift_prior(proba, self.member_priors[0], prior, ops)
        proba = ops.reshape(proba, (-1, n_members, n_classes))
        proba = ops.mean(shift_prior(proba, self.member_priors, self.data_prior, ops), axis=1)
        return shift_prior(proba, self.data_prior, prior, ops)

    def _under_shown_prior(self, logits, ops):
        """Return what the loss says of logits (n_rows, n_classes); in a graph, by its link."""
        if ops is NUMPY:
            return self.loss.predict_proba(logits)
        if not self.loss.is_by_link:
            raise ValueError(
                f"{type(self.loss).__name__} overrides predict_proba, which computes with NumPy; override link() in "
                "its place, whose inverse computes in a graph as well."
            )
        return self.loss.link().inverse(logits, ops)

    def mean(self, network, others, ops=NUMPY):
        """Return the weighted mean of the network's posterior and others, all under the prior of the data."""
        ensemble = zip(self.weights.tolist(), [network, *others], strict=True)
        return _tilted(sum(weight * proba for weight, proba in ensemble), self.intercept, ops)

    @property
    def rule_prior(self):
        """Class shares, (n_classes,), of the population in which ``predict`` without a decision says what is likelier.

        They are those that training showed; or those in which equal outputs are equal probabilities, where the loss
        has no other scale than its outputs', or one of its own.
        """
        if not self.loss.decides_by_outputs:
            return self.train_prior
        zeros = np.zeros((1, len(self.member_priors), len(self.data_prior)))
        at_zero = self.at(self.train_prior, zeros)
        shares = self.train_prior / np.maximum(at_zero[0], 1e-12)
        return shares / shares.sum()

    def learning_from(self, held_out, logits):
        """Return the posterior as it is for now: calibrated on held-out rows, where the loss tells no probability."""
        if not self.loss.needs_calibration or held_out.is_own or not holds_enough(held_out.y, 1.0):
            return self
        if len(np.unique(held_out.y)) < len(self.data_prior) or not np.isfinite(logits).all():
            return self
        weight = at_prior(held_out.y, held_out.sample_weight, self.data_prior)
        return replace(self.of(slice(None)), calibrator=fit_calibrator(logits, held_out.y, weight))

    def of(self, members):
        """Return the posterior of some members alone, by their positions."""
        chosen = self.member_priors if len(self.member_priors) == 1 else self.member_priors[members]
        return Posterior(self.loss, chosen, self.data_prior)


def estimate_prior(proba, train_prior, *, max_iter=1000, tol=1e-8, confidence=None):
    r"""Estimate the class prior of unlabelled rows from their probabilities.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        P(y | x) of the rows, in a population with class shares `train_prior`; as ``predict_proba`` gives them.
    train_prior : array-like of shape (n_classes,)
        Those shares: ``prior_`` of the classifier, unless another `target_prior` was set.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-8
        Change of a share below which the iteration ends.
    confidence : float in (0, 1), default=None
        Also return an interval of this confidence for each share, such as 0.95. None returns the shares alone.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Class shares that make the rows most likely, each 1e-9 or more, as `target_prior` takes them; they sum to one.
    interval : ndarray of shape (n_classes, 2)
        Lower and upper end of each share's interval. With `confidence` only.

    Raises
    ------
    ValueError
        If a row of `proba` is no distribution over the classes, or `train_prior` is no prior.

    Notes
    -----
    The EM algorithm of Saerens et al. [1]_ maximises :math:`\ell(\pi) = \sum_i \log \sum_c \pi_c p_{ic} / \pi^s_c`.
    It assumes that rows of a class look as they did in training, only their frequency has changed, and that the
    probabilities are calibrated.

    The interval holds the shares whose profile likelihood lies within half a quantile of chi-squared, with one degree
    of freedom, of the best one. It says how far the share may be off because the rows are a sample. It does not say how
    far it is off because the classifier is: a probability that was learned from a few dozen rare rows is not the true
    one, and the error grows with the distance between the two priors. With the default classifier,
    fitted on 2,000 rows of which 5 % were positive, 20,000 rows of true shares .1, .3 and .6 gave .09, .28 and .56;
    fitted on 10,000 of which 2 % were, .11, .36 and .70; the intervals were a tenth as wide. The true probabilities
    gave .10, .30 and .60. More rare rows in training lessen the error, and calibration on hundreds of held-out ones
    [2]_; a few hundred labelled rows of the new population show how large it is.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a Priori
       Probabilities: A Simple Procedure", Neural Computation 14(1), doi:10.1162/089976602753284446.
    .. [2] A. Alexandari, A. Kundaje and A. Shrikumar (2020), "Maximum Likelihood with Bias-Corrected Calibration is
       Hard-To-Beat at Label Shift Adaptation", ICML, arXiv:1901.06852.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance import estimate_prior
    >>> proba = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> estimate_prior(proba, train_prior=[0.5, 0.5])
    array([0.75, 0.25])
    >>> prior, interval = estimate_prior(proba, train_prior=[0.5, 0.5], confidence=0.95)
    >>> interval.round(2)
    array([[0.28, 0.98],
           [0.02, 0.72]])
    """
    proba = check_proba(proba)
    train_prior = check_prior(train_prior, np.arange(proba.shape[1]), "train_prior")
    check_count(max_iter, "max_iter")
    check_size(tol, "tol")
    if confidence is not None:
        check_share(confidence, "confidence", "samples", below=True)
    prior = train_prior
    for _ in range(max_iter):
        before, prior = prior, shift_prior(proba, train_prior, prior).mean(axis=0)
        if np.abs(prior - before).max() < tol:
            break
    prior = np.maximum(prior, LEAST_SHARE)
    prior = prior / prior.sum()
    return prior if confidence is None else (prior, _profile_intervals(proba / train_prior, prior, confidence))


def _profile_intervals(density, prior, confidence):
    """Return the interval of each class share, (n_classes, 2), by the profile likelihood.

    Parameters
    ----------
    density : ndarray of shape (n_samples, n_classes)
        Density of each row in each class, up to a factor of the row.
    prior : ndarray of shape (n_classes,)
        Shares that make the rows most likely.
    confidence : float
        Confidence.
    """
    limit = np.log(density @ prior).sum() - chi2.ppf(confidence, 1) / 2
    interval = np.tile([0.0, 1.0], (len(prior), 1))
    for c, share in enumerate(prior):
        for side, end in enumerate((LEAST_SHARE, 1 - LEAST_SHARE)):

            def excess(at, c=c):
                return _profile(density, prior, c, at) - limit

            if abs(end - share) > LEAST_SHARE and excess(end) < 0 < excess(share):
                interval[c, side] = brentq(excess, *sorted((share, end)), xtol=1e-9)
    return interval


def _profile(density, prior, c, share):
    """Return the largest log-likelihood of rows where one class has a given share, over the shares of the others."""
    own, others, shares = share * density[:, c], np.delete(density, c, axis=1), np.delete(prior, c)
    for _ in range(_MAX_ITER):
        shares = shares / shares.sum()
        mixed = own + (1 - share) * (others @ shares)
        before, shares = shares, shares * (others / mixed[:, None]).sum(axis=0)
        if np.abs(shares / shares.sum() - before).max() < 1e-6:
            break
    return np.log(mixed).sum()


def fit_calibrator(logits, y, sample_weight, by_link=None):
    """Fit a logistic regression from the members' mean logits to class indices.

    It is drawn to what the loss' link says, as much as `ENOUGH` more rows of the rarest class would: with one row of
    it, which the network ranks first, the slope has no bounds. Where there are hundreds, these count for little. Where
    the loss has no link, slopes are drawn to zero, in units of the logits' standard deviation.

    Parameters
    ----------
    logits : ndarray of shape (n_samples, n_members, n_classes)
        Logits of rows that training has not seen.
    y : ndarray of int, shape (n_samples,)
        Their class indices.
    sample_weight : ndarray of shape (n_samples,)
        Their weights, which give the classes the shares of the prior that the calibrator speaks of.
    by_link : ndarray of shape (n_samples, n_classes), default=None
        P(y | x) by the loss' link, at that prior; None where the loss has none, or one that is no more than coarse.

    Returns
    -------
    LogisticRegression
        Calibrator.
    """
    scores = _mean_logits(logits)
    if by_link is None:
        return LogisticRegression(C=_SLOPE_VARIANCE / max(scores.var(), 1e-12), max_iter=1000).fit(
            scores, y, sample_weight
        )
    n_samples, n_classes = by_link.shape
    drawn = ENOUGH / np.bincount(y).min() * sample_weight[:, None] * by_link
    scores = np.tile(scores, (1 + n_classes, 1))
    y = np.concatenate([y, np.repeat(np.arange(n_classes), n_samples)])
    sample_weight = np.concatenate([sample_weight, drawn.T.ravel()])
    return LogisticRegression(C=1e4, max_iter=1000).fit(scores, y, sample_weight)


def even_weights(n_others):
    """Return weights under which the network counts as much as all base models together."""
    return np.array([0.5, *[0.5 / n_others] * n_others]) if n_others else np.ones(1)


def fit_weights(ensemble, y, sample_weight):
    r"""Return the weights of base models, in whose mean rows that none of them knows are most likely.

    The weights w maximise :math:`\sum_i v_i \log \sum_k w_k p_{ik} + \sum_k a_k \log w_k`, where p is what a base model
    gives to the true class: a concave function, and the mixture's EM algorithm climbs it. Its last term draws them to
    the `even_weights` a, as much as a single row would.

    Parameters
    ----------
    ensemble : ndarray of shape (n_base_models, n_samples, n_classes)
        P(y | x) under the prior of the data; at least two.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    ndarray of shape (n_base_models,)
        Weights, all above zero; they sum to one.
    """
    at_truth = np.maximum(ensemble[:, np.arange(len(y)), y], np.finfo(np.float32).tiny)
    rows, start = sample_weight / sample_weight.mean(), even_weights(len(ensemble) - 1)
    weights = start
    for _ in range(_MAX_ITER):
        before, shares = weights, weights[:, None] * at_truth
        weights = start + (shares / shares.sum(axis=0)) @ rows
        weights = weights / weights.sum()
        if np.abs(weights - before).max() < 1e-5:
            break
    return weights


def fit_intercept(proba, y, sample_weight):
    r"""Return what is to be added to log-probabilities, so that classes are as frequent as they say.

    The intercept b maximises :math:`\sum_i v_i \log q_{i y_i} - 4 |b|^2`, where q is proportional to :math:`p e^b`: the
    recalibration in the large [1]_, drawn to zero as much as a handful of rows of a class would. Ensemble that are
    averaged by their likelihood may still be too sure that a class is rare: overgrown trees give rows that they do not
    know too small a share of it.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        P(y | x) of rows that training has not seen.
    y : ndarray of int, shape (n_samples,)
        Their class indices.
    sample_weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    ndarray of shape (n_classes,)
        Intercept of each class; they sum to zero.

    References
    ----------
    .. [1] B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants and E. W. Steyerberg (2019), "Calibration: the
       Achilles heel of predictive analytics", BMC Medicine 17, doi:10.1186/s12916-019-1466-7.
    """
    weight, n_classes = sample_weight / sample_weight.mean(), proba.shape[1]
    counts, intercept = weighted_counts(y, weight, n_classes), np.zeros(n_classes)
    for _ in range(_MAX_ITER):  # Newton's steps
        q = _tilted(proba, intercept)
        slope = counts - weight @ q - intercept / _INTERCEPT_VARIANCE
        curvature = np.diag(weight @ q) - (q * weight[:, None]).T @ q + np.eye(n_classes) / _INTERCEPT_VARIANCE
        step = np.linalg.solve(curvature, slope)
        intercept = intercept + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return intercept


def _tilted(proba, intercept, ops=NUMPY):
    """Return probabilities with an intercept added to their logarithms."""
    return shift_prior(proba, np.ones(len(intercept)), np.exp(intercept), ops)


def _calibrated(calibrator, logits, ops):
    """Return the probabilities of a calibrator, a logistic regression of two classes or more."""
    coef, intercept = calibrator.coef_, calibrator.intercept_
    if len(coef) == 1:  # of the second class of two
        coef, intercept = np.stack([0 * coef[0], coef[0]]), np.array([0.0, intercept[0]])
    scores = ops.matmul(_mean_logits(logits, ops), ops.cast(coef.T, ops.floatx))
    return ops.softmax(scores + ops.cast(intercept, ops.floatx))


def _mean_logits(logits, ops=NUMPY):
    """Return the mean logits of all members, each row centred: only differences between classes say anything."""
    mean = ops.mean(ops.cast(logits, ops.floatx), axis=1)
    return mean - ops.mean(mean, axis=1, keepdims=True)
