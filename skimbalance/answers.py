"""With what does a fitted classifier answer? Everything between a table and its probabilities and labels."""

from dataclasses import dataclass

import numpy as np

from skimbalance.columns import Columns
from skimbalance.decision import Decision
from skimbalance.links import NUMPY
from skimbalance.networks import Network
from skimbalance.opinions import Opinions
from skimbalance.posterior import Posterior


@dataclass(frozen=True)
class Answers:
    """What ``predict_proba`` and ``predict`` compute with, by the parameters as they are now.

    Attributes
    ----------
    columns : Columns
        What the columns of a table hold.
    network : Network
        Trained network.
    opinions : Opinions or None
        Other classifiers that are asked.
    posterior : Posterior
        What logits, and they, say of P(y | x).
    target_prior : ndarray of shape (n_classes,)
        Class shares that ``predict_proba`` refers to.
    decision : Decision or None
        Rule of ``predict``, at the prior of the data; None is the argmax of ``predict_proba``.
    classes : ndarray of shape (n_classes,)
        Labels.
    """

    columns: Columns
    network: Network
    opinions: Opinions | None
    posterior: Posterior
    target_prior: np.ndarray
    decision: Decision | None
    classes: np.ndarray

    def proba(self, logits, others=None, ops=NUMPY):
        """Return what ``predict_proba`` shows, (n_samples, n_classes): see `Posterior.at`."""
        return self.posterior.at(self.target_prior, logits, others, ops)

    def indices(self, logits, others=None, ops=NUMPY):
        """Return the class index that ``predict`` gives each row, (n_samples,)."""
        if self.decision is None:
            return ops.argmax(self.proba(logits, others, ops), axis=1)
        prior = self.posterior.data_prior
        return self.decision.labels(self.posterior.at(prior, logits, others, ops), prior, ops)
