"""How does a loss written for Keras see logits and class indices? As the outputs and labels it was written for."""

from skimbalance.engine.startup import keras
from skimbalance.strategies.base import CrossEntropy, LogitsLoss, one_hot

_CROSS_ENTROPIES = {"binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"}


@keras.saving.register_keras_serializable("skimbalance")
class KerasLoss(LogitsLoss):
    """Score logits with a loss written for Keras, the user's ``loss=``.

    Parameters
    ----------
    loss : keras.losses.Loss or callable
        Loss ``(y_true, y_pred) -> loss``.
    labels : {"index", "one_hot", "positive"}, default="index"
        Form of labels and outputs that it expects: class indices (n,) with n_classes outputs, one-hot labels
        with n_classes outputs, or one column of 0 and 1 with one output for the second of two classes.
    outputs : {"proba", "logits"}, default="proba"
        Whether the outputs it expects are probabilities or logits.
    name : str, default=None
        Name of the loss in Keras' logs.

    Notes
    -----
    Probabilities are those that Keras itself would show: the softmax of the logits.
    """

    def __init__(self, loss, labels="index", outputs="proba", name=None):
        super().__init__(name=name)
        self.loss = loss
        self.labels = labels
        self.outputs = outputs

    def get_config(self):
        """Return the constructor's arguments, the loss serialized."""
        loss = keras.saving.serialize_keras_object(self.loss)
        return {"name": self.name, "loss": loss, "labels": self.labels, "outputs": self.outputs}

    @classmethod
    def from_config(cls, config):
        """Rebuild the loss from `get_config`."""
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})

    def call(self, y_true, y_pred):
        """Return the wrapped loss of every row."""
        ops = keras.ops
        if self.labels == "positive":
            outputs = y_pred[:, 1:] - y_pred[:, :1]
            outputs = ops.sigmoid(outputs) if self.outputs == "proba" else outputs
            labels = ops.cast(y_true, outputs.dtype)[:, None]
        else:
            outputs = ops.softmax(y_pred) if self.outputs == "proba" else y_pred
            labels = one_hot(y_true, outputs) if self.labels == "one_hot" else y_true
        losses = self._score(labels, outputs)
        if len(losses.shape) == 0:  # over all rows: a row at a time, so that each can have a weight of its own
            losses = ops.vectorized_map(lambda row: self._score(row[0][None], row[1][None]), (labels, outputs))
        # A loss that forgot to average over its last axis still has one value a row after this.
        return losses if len(losses.shape) == 1 else ops.mean(losses, axis=tuple(range(1, len(losses.shape))))

    def _score(self, labels, outputs):
        """Return what the loss says of rows, by ``call`` unless a class has written ``__call__`` anew."""
        base = keras.losses.Loss
        by_call = isinstance(self.loss, base) and type(self.loss).__call__ is base.__call__
        return self.loss.call(labels, outputs) if by_call else self.loss(labels, outputs)


def wrap_loss(loss, n_outputs, outputs):
    """Return a loss written for Keras as one on logits.

    Parameters
    ----------
    loss : str, keras.losses.Loss or callable
        The user's loss.
    n_outputs : int
        Columns of the user's network: what labels a loss of their own expects follows from it.
    outputs : {"proba", "logits"}
        What the user's network returns, and so what a loss of their own expects.

    Returns
    -------
    LogitsLoss
        `CrossEntropy` for Keras' cross-entropies, which are the same function of logits; else `KerasLoss`.
    """
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    name = getattr(loss, "__name__", type(loss).__name__).replace("_", "").lower()
    if name in _CROSS_ENTROPIES and not getattr(loss, "label_smoothing", 0):
        return CrossEntropy()
    if hasattr(loss, "from_logits"):
        outputs = "logits" if loss.from_logits else "proba"
    if name.startswith("sparse"):
        labels = "index"
    elif name.startswith("binary") or n_outputs == 1:
        labels = "positive"
    else:
        is_from_keras = getattr(loss, "__module__", type(loss).__module__).startswith("keras.")
        labels = "one_hot" if is_from_keras else "index"
    return KerasLoss(loss, labels, outputs)
