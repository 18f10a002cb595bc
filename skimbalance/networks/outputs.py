"""What does a network return? Logits, whatever it was built to end in, and a loss on them."""

from skimbalance._startup import keras

ops = keras.ops


def as_logits(outputs):
    """Turn what a network returns into logits, (n, n_classes), or (n, n_members, n_classes) of several members.

    Keras notes the logits behind a softmax or sigmoid on the tensor these return, for its own losses; they are
    exact where log(softmax) would have been rounded to 0 or 1 already.
    """
    logits = getattr(outputs, "_keras_logits", outputs)
    if logits.shape[-1] == 1:
        return ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return logits


def losses_of(loss, y_true, logits):
    """Return the loss of every row, or of every row and member: (n,) and (n, n_classes), or with an axis between."""
    n_classes = logits.shape[-1]
    losses = loss.call(ops.reshape(y_true, (-1,)), ops.reshape(logits, (-1, n_classes)))
    return ops.reshape(losses, ops.shape(logits)[:-1])


@keras.saving.register_keras_serializable("skimbalance")
class LossOnOutputs(keras.losses.Loss):
    """A loss on logits, applied to whatever the network returns: what ``model_`` is compiled with.

    Parameters
    ----------
    loss : LogitsLoss
        Loss on logits.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    def __init__(self, loss, name=None):
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss = loss

    def call(self, y_true, y_pred):
        """Return the loss of every row, the mean over members where there are several."""
        logits, y_true = as_logits(y_pred), ops.reshape(y_true, (-1,))
        if len(logits.shape) == 2:
            return self.loss.call(y_true, logits)
        y_true = ops.repeat(y_true[:, None], logits.shape[1], axis=1)
        return ops.mean(losses_of(self.loss, y_true, logits), axis=1)

    def get_config(self):
        """Return the constructor's arguments, the loss serialized."""
        return {"name": self.name, "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        """Rebuild the loss from `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["loss"]), name=config["name"])
