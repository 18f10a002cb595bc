"""What does a trained network say? Its logits, by a program compiled once an architecture."""

import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary

import numpy as np

from skimbalance._startup import keep_python_random, keras, start, tf
from skimbalance.training.program import architecture, clone_network, state_of

_CHUNK_ROWS = 16384
_KEPT = 64

_lock = threading.Lock()
_by_architecture = OrderedDict()
_by_model = WeakKeyDictionary()


def predict_logits(model, as_logits, X, n_classes, chunk_rows=None, callbacks=()):
    """Return the logits of rows.

    Parameters
    ----------
    model : keras.Model
        Trained network.
    as_logits : callable
        Turns the network's outputs into logits.
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    n_classes : int
        Number of classes.
    chunk_rows : int, default=None
        Rows computed at once.
    callbacks : list of keras.callbacks.Callback
        Keras callbacks whose prediction hooks are called, chunk by chunk.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_classes)
        Logits.
    """
    start()
    compute = _program_of(model, as_logits)
    chunk_rows = chunk_rows or _CHUNK_ROWS
    hooks = keras.callbacks.CallbackList(list(callbacks), model=model) if callbacks else None
    logits = np.empty((len(X), n_classes), dtype=np.float32)
    if hooks:
        hooks.on_predict_begin()
    for i, begin in enumerate(range(0, len(X), chunk_rows)):
        if hooks:
            hooks.on_predict_batch_begin(i)
        logits[begin : begin + chunk_rows] = compute(model, X[begin : begin + chunk_rows])
        if hooks:
            hooks.on_predict_batch_end(i)
    if hooks:
        hooks.on_predict_end()
    return logits


def _program_of(model, as_logits):
    """Return ``compute(model, X) -> logits`` for a network."""
    with _lock:
        program = _by_model.get(model)
        if program is None:
            key = architecture(model)
            program = _by_architecture.get(key) if key is not None else None
            if program is None:
                program = _compile(model, as_logits) if key is not None else _direct(as_logits)
            _by_model[model] = program
            if key is not None:
                _by_architecture[key] = program
                _by_architecture.move_to_end(key)
                while len(_by_architecture) > _KEPT:
                    _by_architecture.popitem(last=False)
    return program


def _compile(model, as_logits):
    """Compile the network as a function of its weights and rows."""
    with keep_python_random():
        template = clone_network(model)

    def forward(weights, X):
        trainable = weights[: len(template.trainable_variables)]
        others = weights[len(template.trainable_variables) :]
        outputs, _ = template.stateless_call(trainable, others, X, training=False)
        return as_logits(outputs)

    compiled = tf.function(forward, autograph=False, reduce_retracing=True)
    shape = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)
    specs = [tf.TensorSpec(v.shape, v.dtype) for v in state_of(model)]
    compiled = compiled.get_concrete_function(specs, shape)

    def compute(model, X):
        weights = [v.value for v in state_of(model)]
        return compiled(weights, tf.convert_to_tensor(X))

    return compute


def _direct(as_logits):
    """Call a network that no program can be shared with."""
    return lambda model, X: as_logits(model(tf.convert_to_tensor(X), training=False))
