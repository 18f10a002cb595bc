"""Evaluate the network after an epoch: metrics on training rows, scores on held-out rows."""

import numpy as np


class EpochEvaluation:
    """Evaluate a network on whole sets of rows, once an epoch.

    Parameters
    ----------
    metrics : list of MetricOnOutputs
        Metrics to log, by their names.
    rows : TrainingRows
        Rows that the metrics are computed on.
    held_out : HeldOut or None
        Rows for all members that the metrics, the log-loss and the average precision are computed on, the latter two at
        their prior, so that scores compare across strategies.
    labels : ndarray of shape (n_classes,)
        Labels, for the names of metrics of one number a class.
    positive : int, default=1
        Position of the positive class of two.
    """

    def __init__(self, metrics, rows, held_out, labels, positive=1):
        self.metrics, self._labels, self._positive = metrics, labels, positive
        self._train = rows.shown() if metrics else None
        self._held_out = held_out

    def __bool__(self):
        """Whether there is anything to evaluate."""
        return bool(self.metrics) or self.scores_held_out

    @property
    def scores_held_out(self):
        """Whether there are held-out rows to score."""
        return self._held_out is not None

    def __call__(self, program, posterior, logits=None):
        """Return the current scores of a program's network.

        Parameters
        ----------
        program : Program or KerasLoop
            Computes the network's logits.
        posterior : Posterior
            Map from its logits to probabilities.
        logits : ndarray, default=None
            Logits of the held-out rows, where they are known.
        """
        logs = {}
        if self.metrics:
            X, y = self._train
            proba = posterior.at(posterior.train_prior, program.logits(X))
            for metric in self.metrics:
                logs |= metric.scores(y, proba, self._labels)
        if self._held_out is not None:
            out = self._held_out
            logits = program.logits(out.X) if logits is None else logits
            posterior = posterior.learning_from(out, logits)
            if self.metrics:
                proba = posterior.at(posterior.train_prior, logits)
                for metric in self.metrics:
                    logs |= {f"val_{name}": of for name, of in metric.scores(out.y, proba, self._labels).items()}
            proba = posterior.at(out.prior, logits)
            logs["val_loss"] = float(log_loss(out.y, proba, out.sample_weight))
            logs["val_average_precision"] = float(
                macro_average_precision(out.y, proba, out.sample_weight, self._positive)
            )
        return logs


# The scores below are those of scikit-learn, without its checks, which take longer than a small epoch. Rows are the
# first axis; a second one, if any, holds several models, each with labels and weights of its own.


def log_loss(y, proba, sample_weight=None):
    """Return the mean of -log P(y | x): (n_rows[, n_models]), (n_rows[, n_models], n_classes) -> [n_models]."""
    at_truth = np.take_along_axis(proba, y[..., None], axis=-1)[..., 0]
    losses = -np.log(np.maximum(at_truth, np.finfo(np.float32).tiny))
    return losses.mean(axis=0) if sample_weight is None else np.average(losses, axis=0, weights=sample_weight)


def macro_average_precision(y, proba, sample_weight=None, positive=1):
    """Return the average precision of the positive class of two, or its mean over those of more that have rows.

    It is NaN for a model whose rows, those of weight zero left out, are of none of these classes.
    """
    if proba.shape[-1] == 2:
        return average_precision(y == positive, proba[..., positive], sample_weight)
    return mean_of_known([average_precision(y == c, proba[..., c], sample_weight) for c in np.unique(y)])


def mean_of_known(values):
    """Return the mean over the first axis of the values that are not NaN, NaN where all are."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


def average_precision(is_positive, score, sample_weight=None):
    """Return the average precision, NaN without positives: (n_rows[, n_models]), (n_rows[, n_models]) -> [n_models]."""
    order = np.argsort(-score, axis=0)
    positive, score = np.take_along_axis(is_positive, order, axis=0), np.take_along_axis(score, order, axis=0)
    if sample_weight is None:
        weight, shown = 1.0, np.arange(1.0, len(order) + 1).reshape(-1, *[1] * (order.ndim - 1))
    else:
        weight = np.take_along_axis(sample_weight, order, axis=0)
        shown = np.maximum(np.cumsum(weight, axis=0), 1e-300)
    gained = weight * positive
    found = np.cumsum(gained, axis=0)
    precision = found / shown
    is_tied = score[1:] == score[:-1]
    if is_tied.any():  # rows of one score pass a threshold together: all have the precision at the last of them
        rows = np.arange(len(order)).reshape(-1, *[1] * (order.ndim - 1))
        last = np.where(np.concatenate([is_tied, np.zeros_like(is_tied[:1])]), len(order), rows)
        last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
        precision = np.take_along_axis(precision, last, axis=0)
    with np.errstate(invalid="ignore"):  # NaN where no row is positive yet, as rows arrive in pieces
        return (gained * precision).sum(axis=0) / found[-1]
