"""Which epoch's weights does each member of a network keep? Those of its best score on rows held out from it."""

import numpy as np

from skimbalance.posterior import true_posterior
from skimbalance.training.evaluation import log_loss, macro_average_precision


class MemberSelection:
    """Score the members of a network after every epoch, and keep each one's best weights.

    Parameters
    ----------
    loss : LogitsLoss
        Loss whose link gives probabilities.
    train_prior, prior : ndarray of shape (n_classes,)
        Class shares that training shows, and those of the data, under which members are scored.
    held_out : tuple of (X, y, sample_weight)
        Rows of each member's own, (n_members, n_rows, n_features), with y and weights (n_rows, n_members); or rows for
        all members, (n_rows, n_features) and (n_rows,). Weights may be None.
    score : {"loss", "average_precision"}
        What an epoch is chosen by: log-loss or average precision.
    patience : int
        Training stops after this many epochs in which no member improved.

    Attributes
    ----------
    best_epoch : ndarray of int, shape (n_members,)
        Number of the epoch that each member keeps.
    logits : ndarray of shape (n_rows, n_members, n_classes)
        Logits of the held-out rows at those epochs.
    """

    def __init__(self, loss, train_prior, prior, held_out, score, patience):
        self._loss, self._train_prior, self._prior = loss, train_prior, prior
        self.X, self._y, self._weight = held_out
        self._is_own = self.X.ndim == 3
        self._score, self._patience = score, patience
        self.best_epoch = None

    def update(self, epoch, program):
        """Score the members as they are now; return what belongs into the epoch's log, and whether to stop."""
        logits = program.logits(self.X)
        proba = self._posteriors(logits)
        losses, precisions = zip(*(self._score_member(proba[:, i], i) for i in range(proba.shape[1])), strict=True)
        score = -np.array(losses) if self._score == "loss" else np.array(precisions)
        score = np.where(np.isfinite(score), score, -np.inf)
        variables = program.model.trainable_variables
        if self.best_epoch is None:
            self.best_epoch, self._best = np.full(len(score), epoch), score
            self.logits, self._weights = logits.copy(), [np.asarray(variable).copy() for variable in variables]
        better = score > self._best
        if better.any():
            self._best, self.best_epoch = np.where(better, score, self._best), np.where(better, epoch, self.best_epoch)
            self.logits[:, better] = logits[:, better]
            for kept, variable in zip(self._weights, variables, strict=True):
                kept[better] = np.asarray(variable)[better]
        # Held-out rows of all are logged as those of the whole network are, elsewhere.
        logs = {"val_loss": np.mean(losses), "val_average_precision": np.mean(precisions)} if self._is_own else {}
        return logs, epoch - self.best_epoch.max() >= self._patience

    def restore(self, program):
        """Give every member its best weights."""
        for variable, kept in zip(program.model.trainable_variables, self._weights, strict=True):
            variable.assign(kept)

    def held_out_posteriors(self):
        """Return each member's probabilities of the rows held out from it, their labels and weights, row by row."""
        proba = self._posteriors(self.logits)
        shape = proba.shape[:2]
        y, weight = (
            None if of is None else np.broadcast_to(of.reshape(len(of), -1), shape).ravel()
            for of in (self._y, self._weight)
        )
        return proba.reshape(-1, proba.shape[2]), y, weight

    def _posteriors(self, logits):
        """Return each member's P(y | x) at the prior of the data, in the shape of the logits."""
        flat = logits.reshape(-1, logits.shape[-1])
        return true_posterior(self._loss, flat, self._train_prior, self._prior).reshape(logits.shape)

    def _score_member(self, proba, i):
        """Return log-loss and average precision of one member."""
        y, weight = (of[:, i] if of is not None and of.ndim == 2 else of for of in (self._y, self._weight))
        return log_loss(y, proba, weight), macro_average_precision(y, proba, weight)
