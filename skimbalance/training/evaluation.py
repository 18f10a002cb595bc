"""How good is the network after an epoch? Metrics on training rows, and the scores of held-out ones."""

import numpy as np

from skimbalance._startup import keras
from skimbalance.posterior import true_posterior
from skimbalance.training.prediction import predict_logits


class EpochEvaluation:
    """Evaluate a network on whole sets of rows, once an epoch.

    Parameters
    ----------
    loss : LogitsLoss
        Loss whose link gives probabilities.
    metrics : dict of str to metric
        Keras metrics, names ("accuracy") or functions, under the names they are logged by.
    train : tuple of (X, y)
        Rows that the metrics are computed on.
    held_out : tuple of (X, y, sample_weight) or None
        Rows that the metrics, the log-loss and the average precision are computed on.
    train_prior, prior : ndarray of shape (n_classes,)
        Class shares that training shows, and those of the data: held-out rows are scored under the latter, so
        that scores compare across strategies.
    """

    def __init__(self, loss, metrics, train, held_out, train_prior, prior):
        self._loss = loss
        self._metrics = {name: as_metric(metric, name, len(prior)) for name, metric in metrics.items()}
        self._train, self._held_out = train, held_out
        self._train_prior, self._prior = train_prior, prior

    def __call__(self, model):
        """Return the scores of the network as it is now."""
        logs = {}
        if self._metrics:
            X, y = self._train
            proba = self._posterior(predict_logits(model, X), self._train_prior)
            logs |= {name: _value(metric, y, proba) for name, metric in self._metrics.items()}
        if self._held_out is not None:
            X, y, sample_weight = self._held_out
            logits = predict_logits(model, X)
            if self._metrics:
                proba = self._posterior(logits, self._train_prior)
                logs |= {f"val_{name}": _value(metric, y, proba) for name, metric in self._metrics.items()}
            natural = self._posterior(logits, self._prior)
            logs["val_loss"] = log_loss(y, natural, sample_weight)
            logs["val_average_precision"] = macro_average_precision(y, natural, sample_weight)
        return logs

    def _posterior(self, logits, prior):
        """Return P(y | x) under the prior of training or that of the data."""
        return true_posterior(self._loss, logits, self._train_prior, prior, self._prior)


def log_loss(y, proba, sample_weight=None):
    """Weighted mean of -log P(y | x), without scikit-learn's checks, which take longer than a small epoch."""
    at_truth = np.maximum(proba[np.arange(len(y)), y], np.finfo(np.float32).tiny)
    return float(np.average(-np.log(at_truth), weights=sample_weight))


def macro_average_precision(y, proba, sample_weight=None):
    """Average precision of the positive class of two, or the mean of it over those of more classes that y holds."""
    classes = [1] if proba.shape[1] == 2 else np.unique(y)
    return float(np.mean([average_precision(y == c, proba[:, c], sample_weight) for c in classes]))


def average_precision(is_positive, score, sample_weight=None):
    """Average precision as scikit-learn defines it, but as fast as a small epoch."""
    order = np.argsort(-score, kind="stable")
    weight = np.ones(len(order)) if sample_weight is None else sample_weight[order]
    true, score = np.cumsum(weight * is_positive[order]), score[order]
    last_of_score = np.append(score[1:] != score[:-1], True)  # rows of one score pass a threshold together
    true, shown = true[last_of_score], np.cumsum(weight)[last_of_score]
    return float(np.sum(np.diff(true, prepend=0.0) * true / np.maximum(shown, 1e-300)) / true[-1])


def as_metric(metric, name, n_classes):
    """Return a Keras metric for a metric, a function, or one of Keras' names without a class."""
    metrics = keras.metrics
    if metric in ("acc", "accuracy"):
        return metrics.BinaryAccuracy() if n_classes == 2 else metrics.SparseCategoricalAccuracy()
    if metric in ("ce", "crossentropy"):
        return metrics.BinaryCrossentropy() if n_classes == 2 else metrics.SparseCategoricalCrossentropy()
    return metric if isinstance(metric, metrics.Metric) else metrics.MeanMetricWrapper(metric, name=name)


def _value(metric, y, proba):
    """Return a metric of probabilities, in the form of labels that it expects."""
    labels, outputs = y, proba.astype(np.float32)
    name = type(metric).__name__.lower()
    if not name.startswith("sparse"):
        if proba.shape[1] == 2 and not name.startswith("categorical"):
            labels, outputs = y[:, None].astype(np.float32), outputs[:, 1:]
        else:
            labels = np.eye(proba.shape[1], dtype=np.float32)[y]
    metric.reset_state()
    metric.update_state(labels, outputs)
    return float(metric.result())
