"""Make a network return logits, whatever activation it ends in, and wrap its loss accordingly."""

from skimbalance._keras.keras_internals import logits_behind
from skimbalance._keras.packing import ByArguments
from skimbalance._keras.startup import keras

ops = keras.ops


def as_logits(outputs, returns_proba=False):
    """Turn what a network returns into logits.

    Parameters
    ----------
    outputs : tensor of shape (n_rows, n_classes), (n_rows, 1) or (n_rows, n_members, n_classes)
        Logits or probabilities; one column is for the second of two classes.
    returns_proba : bool, default=False
        Whether the outputs are probabilities on which Keras notes no logits, as it does on those of its softmax and
        sigmoid.

    Returns
    -------
    tensor of shape (n_rows, n_classes) or (n_rows, n_members, n_classes)
        Logits.
    """
    logits = logits_behind(outputs)
    if logits is None:
        logits = _logits_of_proba(outputs) if returns_proba else outputs
    if logits.shape[-1] == 1:
        return ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return logits


def _logits_of_proba(proba):
    """Return the logits behind probabilities, as far as rounding has left them."""
    smallest = 1e-7 if keras.backend.standardize_dtype(proba.dtype) == "float32" else 1e-3
    if proba.shape[-1] == 1:
        proba = ops.clip(proba, smallest, 1 - smallest)
        return ops.log(proba) - ops.log1p(-proba)
    return ops.log(ops.maximum(proba, smallest))


def are_equal(config, other):
    """Whether two configurations are equal; False where a comparison of arrays has no single answer."""
    try:
        return bool(config == other)
    except ValueError:  # arrays have no single truth
        return False


def losses_of(loss, y_true, logits):
    """Return the loss of every row and member: (n, n_members), (n, n_members, n_classes) -> (n, n_members)."""
    n_classes = logits.shape[-1]
    losses = loss.call(ops.reshape(y_true, (-1,)), ops.reshape(logits, (-1, n_classes)))
    return ops.reshape(losses, ops.shape(logits)[:-1])


@keras.saving.register_keras_serializable("skimbalance")
class LossOnOutputs(ByArguments, keras.losses.Loss):
    """A loss on logits, applied to whatever the network returns: what ``model_`` is compiled with.

    Parameters
    ----------
    loss : LogitsLoss
        Loss on logits.
    returns_proba : bool, default=False
        Whether the network returns probabilities on which Keras notes no logits.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    def __init__(self, loss, returns_proba=False, name=None):
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss, self.returns_proba = loss, returns_proba

    def call(self, y_true, y_pred):
        """Return the loss of every row, the mean over members where there are several."""
        logits, y_true = as_logits(y_pred, self.returns_proba), ops.reshape(y_true, (-1,))
        if len(logits.shape) == 2:
            return self.loss.call(y_true, logits)
        y_true = ops.repeat(y_true[:, None], logits.shape[1], axis=1)
        return ops.mean(losses_of(self.loss, y_true, logits), axis=1)

    def __getattr__(self, name):
        """Return an attribute of the user's own loss, which is where SciKeras' users look for it."""
        users_loss = vars(vars(self).get("loss", object)).get("loss")
        if users_loss is None or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(users_loss, name)

    def proba(self, outputs):
        """Return the probabilities that outputs stand for, the mean over members where there are several."""
        logits = as_logits(outputs, self.returns_proba)
        n_classes = logits.shape[-1]
        proba = self.loss.link().inverse(ops.reshape(logits, (-1, n_classes)), ops)
        return proba if len(logits.shape) == 2 else ops.mean(ops.reshape(proba, (-1, *logits.shape[1:])), axis=1)

    def _arguments(self):
        """Return the constructor's arguments."""
        return {"loss": self.loss, "returns_proba": self.returns_proba, "name": self.name}

    def is_like(self, other):
        """Whether another loss is the same function, of the same hyper-parameters."""
        if type(other) is not LossOnOutputs or type(other.loss) is not type(self.loss):
            return False
        configs = [{**loss.get_config(), "name": None} for loss in (self.loss, other.loss)]  # Keras numbers names
        return self.loss is other.loss or are_equal(*configs)

    def get_config(self):
        """Return the constructor's arguments, the loss serialized."""
        loss = keras.saving.serialize_keras_object(self.loss)
        return {"name": self.name, "loss": loss, "returns_proba": self.returns_proba}

    @classmethod
    def from_config(cls, config):
        """Rebuild the loss from `get_config`."""
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
