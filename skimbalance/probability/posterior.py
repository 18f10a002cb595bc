"""Turn the logits of a network, and the base models' probabilities, into P(y | x) at any class prior."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from skimbalance.data.holdout import at_prior
from skimbalance.probability.blend import NETWORK_ALONE, Blend
from skimbalance.probability.calibration import calibrated, fit_calibrator
from skimbalance.probability.links import NUMPY
from skimbalance.probability.prior import shifted

# Rows whose probabilities are computed at once: those of all members, in float64, take many times the logits' memory.
_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Posterior:
    """P(y | x) by the logits of a trained network, in a population of any class prior.

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
    blend : Blend, default=NETWORK_ALONE
        How the network and the base models beside it are joined, under the prior of the data; the network alone.
    """

    loss: object
    member_priors: np.ndarray
    data_prior: np.ndarray
    calibrator: LogisticRegression | None = None
    blend: Blend = NETWORK_ALONE

    def __post_init__(self):
        """Turn what is given into arrays."""
        object.__setattr__(self, "member_priors", np.atleast_2d(self.member_priors))
        object.__setattr__(self, "data_prior", np.asarray(self.data_prior))

    @property
    def train_prior(self):
        """Class shares, (n_classes,), that training showed: the mean over members that keep different epochs."""
        return self.member_priors.mean(axis=0)

    def at(self, prior, logits, others=None, ops=NUMPY):
        """Return P(y | x) in a population with class shares `prior`.

        Parameters
        ----------
        prior : array-like of shape (n_classes,)
            Class shares of the population that probabilities refer to.
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
            return shifted(self.joined(network, others, ops), self.data_prior, prior, ops)
        n_members, n_classes = logits.shape[1:]
        if self.calibrator is not None:
            return shifted(calibrated(self.calibrator, logits, ops), self.data_prior, prior, ops)
        proba = self._under_shown_prior(ops.reshape(ops.cast(logits, ops.floatx), (-1, n_classes)), ops)
        if n_members == 1:
            return shifted(proba, self.member_priors[0], prior, ops)
        proba = ops.reshape(proba, (-1, n_members, n_classes))
        proba = ops.mean(shifted(proba, self.member_priors, self.data_prior, ops), axis=1)
        return shifted(proba, self.data_prior, prior, ops)

    def _under_shown_prior(self, logits, ops):
        """Return the probabilities of logits (n_rows, n_classes) by the loss; in a graph, by its link."""
        if ops is NUMPY:
            return self.loss.predict_proba(logits)
        if not self.loss.is_by_link:
            raise ValueError(
                f"{type(self.loss).__name__} overrides predict_proba, which computes with NumPy; override link() in "
                "its place, whose inverse computes in a graph as well."
            )
        return self.loss.link().inverse(logits, ops)

    def joined(self, network, others, ops=NUMPY):
        """Return the blend of the network's posterior and others, all under the prior of the data."""
        return self.blend.of([network, *others], self.data_prior, ops)

    @property
    def rule_prior(self):
        """Class shares, (n_classes,), of the population in which `decision=None` takes the likeliest class.

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
        if not self.loss.needs_calibration or held_out.is_own or not held_out.units.holds_enough(1.0):
            return self
        if len(np.unique(held_out.y)) < len(self.data_prior) or not np.isfinite(logits).all():
            return self
        weight = at_prior(held_out.y, held_out.sample_weight, self.data_prior)
        return replace(self.of(slice(None)), calibrator=fit_calibrator(logits, held_out.y, weight))

    def of(self, members):
        """Return the posterior of some members alone, by their positions."""
        chosen = self.member_priors if len(self.member_priors) == 1 else self.member_priors[members]
        return Posterior(self.loss, chosen, self.data_prior)
