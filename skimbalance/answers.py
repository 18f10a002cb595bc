"""With what does a fitted classifier answer? Everything between a table and its probabilities and labels."""

from dataclasses import dataclass

import numpy as np

from skimbalance.data.table import Columns
from skimbalance.ensemble import Ensemble
from skimbalance.networks.network import Network
from skimbalance.probability.decision import Decision
from skimbalance.probability.links import NUMPY
from skimbalance.probability.posterior import Posterior


@dataclass(frozen=True)
class Answers:
    """What ``predict_proba`` and ``predict`` compute with, by the parameters as they are now.

    Attributes
    ----------
    columns : Columns
        What the columns of a table hold.
    network : Network
        Trained network.
    ensemble : Ensemble or None
        Other classifiers that are asked.
    posterior : Posterior
        What logits, and they, say of P(y | x).
    target_prior : ndarray of shape (n_classes,)
        Class shares that ``predict_proba`` refers to.
    decision : Decision
        Rule of ``predict``.
    decision_prior : ndarray of shape (n_classes,)
        Class shares of the population that the rule holds in.
    classes : ndarray of shape (n_classes,)
        Labels.
    """

    columns: Columns
    network: Network
    ensemble: Ensemble | None
    posterior: Posterior
    target_prior: np.ndarray
    decision: Decision
    decision_prior: np.ndarray
    classes: np.ndarray

    def proba(self, logits, others=None, ops=NUMPY):
        """Return what ``predict_proba`` shows, (n_samples, n_classes): see `Posterior.at`."""
        return self.posterior.at(self.target_prior, logits, others, ops)

    def indices(self, proba, ops=NUMPY):
        """Return the class index that ``predict`` gives each row, (n_samples,), from what `proba` returned."""
        return self.decision.labels(proba, self.decision_prior, self.target_prior, ops)

    @property
    def threshold(self):
        """Probability of the positive class of two, as `proba` shows it, from which ``predict`` says positive."""
        return self.decision.threshold(self.decision_prior, self.target_prior)
