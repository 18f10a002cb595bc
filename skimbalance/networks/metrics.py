"""Let Keras metrics see probabilities, and labels in the form they expect."""

import numpy as np

from skimbalance._keras.keras_internals import direction_of, point
from skimbalance._keras.startup import keras

ops = keras.ops

#: Name of the average precision of held-out rows in the logs, behind "val_".
AVERAGE_PRECISION = "average_precision"


@keras.saving.register_keras_serializable("skimbalance")
class MetricOnOutputs(keras.metrics.Metric):
    """A metric of probabilities, applied to whatever the network returns: what ``model_`` is compiled with.

    Parameters
    ----------
    metric : keras.metrics.Metric
        Metric of probabilities.
    loss : LossOnOutputs
        Knows what the network's outputs mean.
    name : str
        Name in Keras' logs.
    positive : int, default=1
        Position of the positive class of two, whose probability a metric of two classes sees.
    """

    def __init__(self, metric, loss, name, positive=1):
        super().__init__(name=name)
        self.metric, self.loss, self.positive = metric, loss, positive
        point(self, direction_of(metric))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Take in rows: class indices, and what the network returns."""
        self._update(ops.reshape(y_true, (-1,)), self.loss.proba(y_pred), sample_weight)

    def _update(self, y, proba, sample_weight=None):
        """Take in class indices and probabilities, in the form that the metric expects."""
        name, n_classes = type(self.metric).__name__.lower(), proba.shape[-1]
        if not name.startswith("sparse"):
            if n_classes == 2 and not name.startswith("categorical"):
                y = ops.cast(ops.equal(ops.cast(y, "int32"), self.positive), "float32")[:, None]
                proba = proba[:, self.positive, None]
            else:
                y = ops.one_hot(ops.cast(y, "int32"), n_classes)
        self.metric.update_state(y, proba, sample_weight)

    def scores(self, y, proba, labels):
        """Return the metric of class indices and probabilities alone, as floats by name; forget them.

        Keras does not reset the metrics of a network before it evaluates it for the first time.

        Parameters
        ----------
        y : ndarray of int, shape (n_rows,)
            Class indices.
        proba : ndarray of shape (n_rows, n_classes)
            Probabilities.
        labels : ndarray of shape (n_classes,)
            Labels.
        """
        self.metric.reset_state()
        self._update(y, proba.astype("float32"))
        result = self.metric.result()
        if isinstance(result, dict):  # which Keras logs by its own names
            scores = {key: float(np.mean(value)) for key, value in result.items()}
        else:
            scores = self._named(np.asarray(result, dtype=np.float64), np.asarray(labels).tolist())
        self.metric.reset_state()
        return scores

    def _named(self, values, labels):
        """Return the numbers of a metric by name: its own, and one for each number of several beside their mean.

        Of one number a class, for two classes, it is that of the positive one.
        """
        is_by_class = values.ndim == 1 and len(np.atleast_1d(getattr(self.metric, "thresholds", None))) != values.size
        if values.size == 1:
            return {self.name: float(values.reshape(()))}
        if is_by_class and len(labels) == 2 and len(values) == 2:
            return {self.name: float(values[self.positive])}
        named = {self.name: float(values.mean())}
        for place in np.ndindex(values.shape):
            if is_by_class and len(values) == len(labels):
                which = f"class_{labels[place[0]]}"
            else:
                which = "_".join(map(str, ("at", *place)))
            named[f"{self.name}_{which}"] = float(values[place])
        return named

    def result(self):
        """Return the metric of the rows taken in."""
        return self.metric.result()

    def reset_state(self):
        """Forget the rows taken in."""
        self.metric.reset_state()

    def get_config(self):
        """Return the constructor's arguments, serialized."""
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("metric", "loss")}
        return {"name": self.name, "positive": self.positive, **parts}

    @classmethod
    def from_config(cls, config):
        """Rebuild the metric from `get_config`."""
        parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("metric", "loss")}
        return cls(**{**config, **parts})


@keras.saving.register_keras_serializable("skimbalance")
class ScoreInLogs(keras.metrics.Metric):
    """Name and direction of a score that stands in the logs without being a metric of Keras, for callbacks to find.

    Parameters
    ----------
    name : str
        Name in the logs, without "val".
    **kwargs : dict
        Arguments of ``keras.metrics.Metric``.
    """

    def __init__(self, name, **kwargs):
        super().__init__(name=name, **kwargs)
        point(self, "up")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Do nothing: the score is computed elsewhere."""

    def result(self):
        """Return NaN."""
        return float("nan")


def metrics_on(loss, asked, n_classes, positive=1):
    """Return metrics of what a network returns.

    Parameters
    ----------
    loss : LossOnOutputs
        Loss that the network is compiled with.
    asked : dict of str to str, callable or tuple of (class, dict)
        Metrics by the names they are logged by: one of Keras' names without a class, a function, or a metric's class
        and configuration.
    n_classes : int
        Number of classes.
    positive : int, default=1
        Position of the positive class of two.

    Returns
    -------
    list of MetricOnOutputs
        Fresh metrics.
    """
    return [MetricOnOutputs(_new_metric(given, name, n_classes), loss, name, positive) for name, given in asked.items()]


def _new_metric(given, name, n_classes):
    """Return a Keras metric."""
    metrics = keras.metrics
    if isinstance(given, tuple):
        return given[0].from_config(given[1])
    if given in ("acc", "accuracy"):
        return metrics.BinaryAccuracy() if n_classes == 2 else metrics.SparseCategoricalAccuracy()
    if given in ("ce", "crossentropy"):
        return metrics.BinaryCrossentropy() if n_classes == 2 else metrics.SparseCategoricalCrossentropy()
    return metrics.MeanMetricWrapper(given, name=name)
