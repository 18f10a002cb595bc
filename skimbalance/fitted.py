"""What does a fit leave? A value that holds all between a table and its probabilities and labels."""

from dataclasses import dataclass, replace

import numpy as np

from skimbalance.data.table import Columns
from skimbalance.data.validation import check_finite
from skimbalance.ensemble import Ensemble
from skimbalance.networks.network import Network
from skimbalance.networks.prepare import check_missing
from skimbalance.probability.decision import Decision
from skimbalance.probability.links import NUMPY
from skimbalance.probability.macro_f1 import ClassProbabilities
from skimbalance.probability.posterior import Posterior
from skimbalance.probability.thresholds import RowProbabilities
from skimbalance.training.forward import predict_logits


@dataclass(frozen=True, eq=False)
class Fitted:
    """What ``predict_proba`` and ``predict`` compute with.

    Attributes
    ----------
    columns : Columns
        What the columns of a table hold.
    network : Network
        Trained network.
    ensemble : Ensemble or None
        Base models beside the network.
    posterior : Posterior
        Turns the network's logits and the base models' probabilities into P(y | x).
    decision : Decision
        Rule of ``predict``: that of the fit; of `answers_`, that of the parameters.
    target : {"fit", "train"} or ndarray of shape (n_classes,), default="fit"
        Class shares that ``predict_proba`` refers to: those of the data, those that training showed, or these.
    rows : RowProbabilities or ClassProbabilities, default=None
        Rows that the rule of the fit looked at, without labels; None for a rule that looks at none.
    chosen : Decision, default=None
        Rule that `choose_decision` has chosen since, with rows of its own.
    """

    columns: Columns
    network: Network
    ensemble: Ensemble | None
    posterior: Posterior
    decision: Decision
    target: str | np.ndarray = "fit"
    rows: RowProbabilities | ClassProbabilities | None = None
    chosen: Decision | None = None

    def at(self, target):
        """Return the same, with probabilities that refer to other class shares."""
        return replace(self, target=target)

    def known(self, rule):
        """Return the rule chosen since the fit, or that of the fit, if this one is the same; else None."""
        return next((one for one in (self.chosen, self.decision) if one is not None and one.is_same(rule)), None)

    def deciding(self, rule):
        """Return the same, with another rule: with its own rows if it is known, else by probabilities of the fit's."""
        known = self.known(rule)
        if known is not None:
            return replace(self, decision=rule.with_rows(known.rows))
        return replace(self, decision=rule.with_rows(self.rows if rule.needs_rows and not rule.is_guaranteed else None))

    def check_decision(self):
        """Warn where no threshold does what the rule says in the population as it is now."""
        if not self.decision.lacks_rows:
            self.decision.threshold(self.decision_prior, self.target_prior)

    @property
    def classes(self):
        """Labels, (n_classes,)."""
        return self.decision.classes

    @property
    def target_prior(self):
        """Class shares, (n_classes,), that ``predict_proba`` refers to."""
        if isinstance(self.target, str):
            return self.posterior.data_prior if self.target == "fit" else self.posterior.train_prior
        return self.target

    @property
    def decision_prior(self):
        """Class shares, (n_classes,), of the population that the rule holds in."""
        if self.decision.kind == "argmax":
            return self.posterior.rule_prior
        return self.posterior.data_prior if isinstance(self.target, str) else self.target

    @property
    def threshold(self):
        """Probability of the positive class of two, as `proba` shows it, from which ``predict`` says positive."""
        return self.decision.threshold(self.decision_prior, self.target_prior)

    @property
    def weights(self):
        """How much the network, and each base model, counts, by name: `Blend.shares`."""
        names = ["network"] if self.ensemble is None else ["network", *self.ensemble.names]
        return dict(zip(names, self.posterior.blend.shares.tolist(), strict=True))

    def logits(self, X, callbacks=(), chunk_rows=None):
        """Return the network's logits of rows, (n_samples, n_members, n_classes): see `predict_logits`."""
        return predict_logits(self.network, X, chunk_rows, callbacks)

    def proba(self, logits, others=None, ops=NUMPY):
        """Return what ``predict_proba`` shows, (n_samples, n_classes): see `Posterior.at`."""
        return self.posterior.at(self.target_prior, logits, others, ops)

    def proba_of(self, X, callbacks=(), chunk_rows=None):
        """Return what ``predict_proba`` shows of rows of float32, missing values as NaN.

        Raises
        ------
        ValueError
            If a column has its first missing values here, of which the network makes nothing, or the network gives no
            finite output.
        """
        check_missing(self.network.model, X, self.columns)
        logits = check_finite(self.logits(X, callbacks, chunk_rows))
        return self.proba(logits, None if self.ensemble is None else self.ensemble.proba(X))

    def indices(self, proba, ops=NUMPY):
        """Return the class index that ``predict`` gives each row, (n_samples,), from what `proba` returned."""
        return self.decision.labels(proba, self.decision_prior, self.target_prior, ops)
