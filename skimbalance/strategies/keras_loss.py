"""Apply a Keras loss to logits and class indices, by passing it the outputs and labels it expects."""

from skimbalance._keras.startup import keras
from skimbalance.probability.links import ClasswiseLink, Link, MarginCurve
from skimbalance.strategies.base import CrossEntropy, LogitsLoss, one_hot
from skimbalance.strategies.keras_links import is_from_keras, link_of, scope_of

_CROSS_ENTROPIES = {"binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"}
_LINKS = {kind.__name__: kind for kind in (MarginCurve, ClasswiseLink)}


@keras.saving.register_keras_serializable("skimbalance")
class KerasLoss(LogitsLoss):
    """Apply a loss written for Keras, the user's ``loss=``, to logits.

    Parameters
    ----------
    loss : keras.losses.Loss or callable
        Loss ``(y_true, y_pred) -> loss``.
    labels : {"index", "one_hot", "positive"}, default="index"
        Form of labels and outputs that it expects: class indices (n,) with n_classes outputs, one-hot labels
        with n_classes outputs, or one column of 0 and 1 with one output for the second of two classes.
    outputs : {"proba", "logits"}, default="proba"
        Whether it expects probabilities or logits.
    scope : {"rows", "row", "batch"}, default="rows"
        Whether it scores each row of a batch, one row at a time, or a batch as a whole.
    meaning : {"softmax", "none"} or dict, default="softmax"
        Its link: softmax, none, or the name and the arguments of one.
    name : str, default=None
        Name of the loss in Keras' logs.

    Notes
    -----
    The link is found from the condition of the optimum: P(y | x) are the probabilities at which the expected derivative
    of the loss is zero. For a proper loss (cross-entropy, the squared error of probabilities) it is softmax; for focal
    losses, label smoothing, the squared hinge and others it is a curve computed from their derivatives. A hinge, an
    absolute error and a loss of a whole batch have no such link: their outputs only rank rows. If enough rows are held
    out, a logistic regression fitted on them takes its place.
    """

    def __init__(self, loss, labels="index", outputs="proba", scope="rows", meaning="softmax", name=None):
        super().__init__(name=name)
        self.loss = loss
        self.labels = labels
        self.outputs = outputs
        self.scope = scope
        self.meaning = meaning

    def get_config(self):
        """Return the constructor's arguments, the loss serialized."""
        return {**self._arguments(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        """Rebuild the loss from `get_config`."""
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})

    def call(self, y_true, y_pred):
        """Return the wrapped loss of every row; a loss of the whole batch is repeated for every row."""
        ops = keras.ops
        labels, outputs = self._as_expected(y_true, y_pred)
        if self.scope == "batch":
            return ops.mean(self.loss(labels, outputs)) + ops.zeros_like(y_pred[:, 0])
        losses = self._score(labels, outputs)
        if len(losses.shape) == 0 or self.scope == "row":  # so that each row can have a weight of its own
            losses = ops.vectorized_map(lambda row: self._score(row[0][None], row[1][None]), (labels, outputs))
        # A loss that does not average over its last axis has one value per row after this.
        return losses if len(losses.shape) == 1 else ops.mean(losses, axis=tuple(range(1, len(losses.shape))))

    def score(self, y_true, y_pred):
        """Return the wrapped loss of rows, in the shape that it returns."""
        return self._score(*self._as_expected(y_true, y_pred))

    def link(self):
        """Return the link found from its derivatives, or softmax."""
        return Link() if isinstance(self.meaning, str) else _LINKS[self.meaning["kind"]](*self.meaning["arguments"])

    @property
    def needs_calibration(self):
        """Whether its optimum implies no probability."""
        return self.meaning == "none"

    @property
    def is_of_batch(self):
        """Whether it scores a batch as a whole, so that rows cannot have weights."""
        return self.scope == "batch"

    @property
    def decides_by_outputs(self):
        """Whether labels follow from the larger output, as in Keras, and not from P = 1/2."""
        return self.meaning != "softmax" and (self.outputs == "proba" or hasattr(self.loss, "from_logits"))

    def _as_expected(self, y_true, y_pred):
        """Return labels and outputs in the form that the wrapped loss expects."""
        ops = keras.ops
        if self.labels == "positive":
            outputs = y_pred[:, 1:] - y_pred[:, :1]
            outputs = ops.sigmoid(outputs) if self.outputs == "proba" else outputs
            return ops.cast(y_true, outputs.dtype)[:, None], outputs
        outputs = ops.softmax(y_pred) if self.outputs == "proba" else y_pred
        return one_hot(y_true, outputs) if self.labels == "one_hot" else y_true, outputs

    def _score(self, labels, outputs):
        """Return the loss of rows, by ``call`` unless its class overrides ``__call__``."""
        base = keras.losses.Loss
        by_call = isinstance(self.loss, base) and type(self.loss).__call__ is base.__call__
        return self.loss.call(labels, outputs) if by_call else self.loss(labels, outputs)


def named(loss):
    """Return the name of a loss, or of the loss that it wraps, for messages."""
    loss = loss.loss if isinstance(loss, KerasLoss) else loss
    return getattr(loss, "__name__", type(loss).__name__)


def wrap_loss(loss, n_outputs, outputs, n_classes=2, is_free=False):
    """Return a loss written for Keras as a loss on logits.

    Parameters
    ----------
    loss : str, keras.losses.Loss or callable
        The user's loss.
    n_outputs : int
        Number of outputs of the user's network, which determines the labels that a custom loss expects.
    outputs : {"proba", "logits"}
        What the user's network returns, and so what a custom loss expects.
    n_classes : int, default=2
        Number of classes.
    is_free : bool, default=False
        Whether the network can provide any outputs, as those of this package can. A Keras loss then gets probabilities
        (a hinge gets logits), and of two classes those of the second alone, unless it is "categorical".

    Returns
    -------
    LogitsLoss
        `CrossEntropy` for Keras' cross-entropies, which are the same function of logits; a `LogitsLoss` unchanged;
        else a `KerasLoss`.
    """
    if isinstance(loss, LogitsLoss):
        return loss
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    name, from_keras = named(loss).replace("_", "").lower(), is_from_keras(loss)
    changes = getattr(loss, "label_smoothing", 0) or getattr(loss, "ignore_class", None) is not None
    if name in _CROSS_ENTROPIES and from_keras and not changes:
        return CrossEntropy()
    is_free = is_free and from_keras
    if hasattr(loss, "from_logits"):
        outputs = "logits" if loss.from_logits else "proba"
    elif is_free:
        outputs = "logits" if "hinge" in name else "proba"
    wrapped = KerasLoss(loss, _labels_for(name, n_outputs, n_classes, from_keras, is_free), outputs)
    wrapped.scope = scope_of(wrapped, n_classes)
    link = None if wrapped.is_of_batch else link_of(wrapped, n_classes)
    if link is None:
        wrapped.meaning = "none"
    elif type(link) is not Link:
        wrapped.meaning = {"kind": type(link).__name__, "arguments": list(vars(link).values())}
    return wrapped


def _labels_for(name, n_outputs, n_classes, from_keras, is_free):
    """Return the form of labels that a loss of this name expects."""
    if name.startswith(("sparse", "categoricalgeneralized")):  # the latter takes class indices despite its name
        return "index"
    is_of_two = n_classes == 2 and not name.startswith("categorical")
    if is_of_two and (name.startswith("binary") or n_outputs == 1 or is_free):
        return "positive"
    return "one_hot" if from_keras or name.startswith("binary") else "index"
