"""Which epoch's weights does each member of a network keep? Those of the best score on rows held out from it."""

import numpy as np

from skimbalance.posterior import true_posterior
from skimbalance.training.evaluation import log_loss, macro_average_precision
from skimbalance.training.holdout import members_in_pair
from skimbalance.training.state import read, write


class MemberSelection:
    """Score the members of a network after every epoch, pair by pair, and keep the best weights of each.

    Members of a pair have the same held-out rows, on which their mean probability is scored: each learns longer then
    than it would alone, which the mean gains from. Members of an odd number choose alone.

    Parameters
    ----------
    loss : LogitsLoss
        Loss whose link gives probabilities.
    train_prior, prior : ndarray of shape (n_classes,)
        Class shares that training shows, and those of the data, under which members are scored.
    held_out : tuple of (X, y, sample_weight)
        Rows of each member's own, (n_members, n_rows, n_features), with y and weights (n_rows, n_members), alike in a
        pair; or rows for all members, (n_rows, n_features) and (n_rows,). Weights may be None.
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
        self.best_epoch = self.logits = None

    def update(self, epoch, program):
        """Score the members as they are now; return what belongs into the epoch's log, and whether to stop."""
        logits = program.logits(self.X)
        self.logits = logits.copy() if self.logits is None else self.logits
        proba = self._posteriors(logits)
        y, weight = self._rows_of_pairs(proba.shape[1])
        losses, precisions = log_loss(y, proba, weight), macro_average_precision(y, proba, weight)
        score = -losses if self._score == "loss" else precisions
        score = np.repeat(np.where(np.isfinite(score), score, -np.inf), logits.shape[1] // len(score))
        variables = program.model.trainable_variables
        if self.best_epoch is None:
            self.best_epoch, self._best = np.full(len(score), epoch), score
            self._weights = read(variables)
        better = score > self._best
        if better.any():
            self._best, self.best_epoch = np.where(better, score, self._best), np.where(better, epoch, self.best_epoch)
            self.logits[:, better] = logits[:, better]
            for kept, value in zip(self._weights, read(variables), strict=True):
                kept[better] = value[better]
        # Held-out rows of all are logged as those of the whole network are, elsewhere.
        own = {"val_loss": losses, "val_average_precision": precisions} if self._is_own else {}
        logs = {name: float(of_pairs.mean()) for name, of_pairs in own.items()}
        return logs, epoch - self.best_epoch.max() >= self._patience

    def restore(self, program):
        """Give every member its best weights."""
        write(program.model.trainable_variables, self._weights)

    def held_out_posteriors(self):
        """Return each pair's probabilities of the rows held out from it, their labels and weights, row by row."""
        proba = self._posteriors(self.logits)
        rows = [None if of is None else of.T.ravel() for of in self._rows_of_pairs(proba.shape[1])]
        return proba.transpose(1, 0, 2).reshape(-1, proba.shape[2]), *rows

    def _posteriors(self, logits):
        """Return the mean P(y | x) of each pair at the prior of the data, (n_rows, n_pairs, n_classes)."""
        n_rows, n_members, n_classes = logits.shape
        pairs = logits.reshape(-1, members_in_pair(n_members), n_classes)
        proba = true_posterior(self._loss, pairs, self._train_prior, self._prior, self._prior)
        return proba.reshape(n_rows, -1, n_classes)

    def _rows_of_pairs(self, n_pairs):
        """Return labels and weights of each pair's held-out rows, (n_rows, n_pairs); weights may be None."""
        of_pairs = []
        for values in (self._y, self._weight):
            if values is not None and values.ndim == 2:
                values = values[:, :: values.shape[1] // n_pairs]
            elif values is not None:
                values = np.repeat(values[:, None], n_pairs, axis=1)
            of_pairs.append(values)
        return of_pairs
