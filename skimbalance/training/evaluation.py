"""How good is the network after an epoch? Metrics on training rows, and the scores of held-out ones."""

import numpy as np

from skimbalance.engine.startup import keras


class EpochEvaluation:
    """Evaluate a network on whole sets of rows, once an epoch.

    Parameters
    ----------
    metrics : dict of str to metric
        Keras metrics, names ("accuracy") or functions, under the names they are logged by.
    rows : TrainingRows
        Rows that the metrics are computed on.
    held_out : HeldOut or None
        Rows for all members that the metrics, the log-loss and the average precision are computed on, the latter two at
        their prior, so that scores compare across strategies.
    n_classes : int
        Number of classes.
    """

    def __init__(self, metrics, rows, held_out, n_classes):
        self._metrics = {name: as_metric(metric, name, n_classes) for name, metric in metrics.items()}
        self._train = rows.shown() if metrics else None
        self._held_out = held_out

    def __bool__(self):
        """Whether there is anything to evaluate."""
        return bool(self._metrics) or self._held_out is not None

    def __call__(self, program, posterior, logits=None):
        """Return the scores of the network of a program, as it is now.

        Parameters
        ----------
        program : Program or KerasLoop
            Tells the network's logits.
        posterior : Posterior
            What its logits mean.
        logits : ndarray, default=None
            Logits of the held-out rows, where they are known.
        """
        logs = {}
        if self._metrics:
            X, y = self._train
            proba = posterior.at(posterior.train_prior, program.logits(X))
            logs |= {name: _value(metric, y, proba) for name, metric in self._metrics.items()}
        if self._held_out is not None:
            out = self._held_out
            logits = program.logits(out.X) if logits is None else logits
            if self._metrics:
                proba = posterior.at(posterior.train_prior, logits)
                logs |= {f"val_{name}": _value(metric, out.y, proba) for name, metric in self._metrics.items()}
            proba = posterior.at(out.prior, logits)
            logs["val_loss"] = float(log_loss(out.y, proba, out.sample_weight))
            logs["val_average_precision"] = float(macro_average_precision(out.y, proba, out.sample_weight))
        return logs


# The scores below are those of scikit-learn, without its checks, which take longer than a small epoch. Rows are the
# first axis; a second one, if any, holds several models, each with labels and weights of its own.


def log_loss(y, proba, sample_weight=None):
    """Return the mean of -log P(y | x): (n_rows[, n_models]), (n_rows[, n_models], n_classes) -> [n_models]."""
    at_truth = np.take_along_axis(proba, y[..., None], axis=-1)[..., 0]
    losses = -np.log(np.maximum(at_truth, np.finfo(np.float32).tiny))
    return losses.mean(axis=0) if sample_weight is None else np.average(losses, axis=0, weights=sample_weight)


def macro_average_precision(y, proba, sample_weight=None):
    """Return the average precision of the positive class of two, or its mean over those of more that y holds."""
    classes = [1] if proba.shape[-1] == 2 else np.unique(y)
    return np.mean([average_precision(y == c, proba[..., c], sample_weight) for c in classes], axis=0)


def average_precision(is_positive, score, sample_weight=None):
    """Return the average precision: (n_rows[, n_models]), (n_rows[, n_models]) -> [n_models]."""
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
    return (gained * precision).sum(axis=0) / found[-1]


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
