"""Keep the weights of each member's best epoch, by its score on held-out rows."""

import numpy as np

from skimbalance._warnings import warn
from skimbalance.training.evaluation import log_loss, macro_average_precision, mean_of_known


class EpochSelection:
    """Score the members of a network after every epoch, pair by pair, and keep the best weights of each.

    Members of a pair have the same held-out rows, on which their mean probability is scored: each then trains longer
    than it would alone, which improves the mean. If the number of members is odd, each member selects its own epoch; a
    network without members counts as one.

    Parameters
    ----------
    held_out : HeldOut
        Rows that epochs are scored on, at their class prior.
    members : Members
        The members.
    score : {"loss", "average_precision"}
        Score that selects the epoch: log-loss or average precision.
    patience : int
        Training stops after this many epochs without an improvement of any pair.
    positive : int, default=1
        Position of the positive class of two.

    Attributes
    ----------
    best_epoch : ndarray of int, shape (n_members,)
        Number of the epoch that each member keeps.
    logits : ndarray of shape (n_rows, n_members, n_classes)
        Logits of the held-out rows at those epochs.
    """

    def __init__(self, held_out, members, score, patience, positive=1):
        self.held_out, self._members, self._positive = held_out, members, positive
        self._score, self._patience = score, patience
        self.best_epoch = self.logits = None

    def update(self, epoch, program, posterior):
        """Score the members after an epoch.

        Returns
        -------
        logits : ndarray of shape (n_rows, n_members, n_classes)
            Their logits of the held-out rows.
        logs : dict
            Scores for the epoch's log, if each member has held-out rows of its own; empty otherwise.
        stops : bool
            Whether training is to stop.
        """
        logits = program.logits(self.held_out.X, self.held_out.index)
        proba = self._posteriors(posterior, logits, self.held_out.prior)
        y, weight = self.held_out.of_pairs(self._members.in_pair, self._members.n_pairs)
        losses = log_loss(y, proba, weight)
        precisions = macro_average_precision(y, proba, weight, self._positive)
        score = -losses if self._score == "loss" else np.where(np.isnan(precisions), -losses, precisions)
        score = self._members.of_pairs(np.where(np.isfinite(score), score, -np.inf))
        if self.best_epoch is None:
            self.best_epoch, self._best = np.full(len(score), epoch), np.full(len(score), -np.inf)
            self.logits, self._weights = logits.copy(), program.read_weights()
        better = score > self._best
        if better.any():
            self._best, self.best_epoch = np.where(better, score, self._best), np.where(better, epoch, self.best_epoch)
            self.logits[:, better] = logits[:, better]
            self._members.keep(self._weights, program.read_weights(), better)
        logs = {}
        if self.held_out.is_own:
            logs = {"val_loss": float(losses.mean()), "val_average_precision": float(mean_of_known(precisions))}
        return logits, logs, epoch - self.best_epoch.max() >= self._patience

    @property
    def has_finite(self):
        """Whether every member had a finite score in some epoch."""
        return self.best_epoch is not None and bool(np.isfinite(self._best).all())

    def restore(self, program):
        """Give every member its best weights."""
        program.write_weights(self._weights)

    def restore_again(self, program):
        """Do so once more if a callback has set others at the end of training, and warn."""
        now = zip(program.read_weights(), self._weights, strict=True)
        if not all(np.array_equal(of, kept, equal_nan=True) for of, kept in now):
            self.restore(program)
            warn(
                "A callback changed the weights at the end of training, but early_stopping had chosen the epochs whose "
                "weights are kept. Leave out what changes them (restore_best_weights of Keras' EarlyStopping, for "
                "example), or set early_stopping=False."
            )

    def held_out_predictions(self, posterior, ensemble):
        """Return the predictions of each pair, and of base models fitted on its rows, for rows held out from it.

        Returns
        -------
        proba : ndarray of shape (1 + n_base_models, n_rows, n_classes)
            P(y | x) under the class prior of the data, of the network and the base models, pair after pair.
        y, sample_weight : ndarray of shape (n_rows,)
            Class indices and weights; without weights the second is None.
        """
        network = self._posteriors(posterior, self.logits, posterior.data_prior)
        proba = [np.concatenate(network.transpose(1, 0, 2))]
        if ensemble is not None:
            own = self.held_out.index[:, :: self._members.in_pair].T
            proba += [*ensemble.proba_of_sets(self.held_out.X, own)]
        y, weight = self.held_out.of_pairs(self._members.in_pair, self._members.n_pairs)
        return np.stack(proba), y.T.ravel(), None if weight is None else weight.T.ravel()

    def _posteriors(self, posterior, logits, prior):
        """Return the mean P(y | x) of each pair, (n_rows, n_pairs, n_classes)."""
        of_pairs = [(posterior.of(pair), logits[:, pair]) for pair in self._members.pairs()]
        return np.stack([of.learning_from(self.held_out, its).at(prior, its) for of, its in of_pairs], axis=1)
