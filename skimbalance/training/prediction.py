"""What does a trained network say? Its logits, by a program compiled once an architecture."""

import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary

import numpy as np

from skimbalance._startup import keep_python_random, keras, start, start_xla, tf
from skimbalance.networks import as_logits, clone_network, n_members_of
from skimbalance.training.architecture import architecture
from skimbalance.training.program import (
    PREDICTION_BLOCK_ROWS,
    as_operation,
    to_block,
)
from skimbalance.training.rows import filled_up
from skimbalance.training.state import state_of

_CHUNK_ROWS = 16384
_KEPT = 64

# Matrix products treat the rows at the end of a table, which fill no whole register or thread's share, in another
# way than the others, on some CPUs with another last bit. Rows that fill up the table see to it that what a row is
# told does not depend on its place among the others.
_ROW_MULTIPLE = 256

_lock = threading.Lock()
_by_architecture = OrderedDict()
_by_model = WeakKeyDictionary()


def predict_logits(model, X, chunk_rows=None, callbacks=()):
    """Return the logits of rows.

    Parameters
    ----------
    model : keras.Model
        Trained network.
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    chunk_rows : int, default=None
        Rows computed at once.
    callbacks : list of keras.callbacks.Callback
        Keras callbacks whose prediction hooks are called, chunk by chunk.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_classes), or (n_samples, n_members, n_classes)
        Logits.
    """
    start()
    compute, fill_up = _program_of(model)
    chunk_rows = chunk_rows or (PREDICTION_BLOCK_ROWS[-1] if n_members_of(model) else _CHUNK_ROWS)
    hooks = keras.callbacks.CallbackList(list(callbacks), model=model) if callbacks else None
    logits = []
    if hooks:
        hooks.on_predict_begin()
    for i, begin in enumerate(range(0, len(X), chunk_rows)):
        if hooks:
            hooks.on_predict_batch_begin(i)
        rows = X[begin : begin + chunk_rows]
        logits.append(np.asarray(compute(model, fill_up(rows)))[: len(rows)])
        if hooks:
            hooks.on_predict_batch_end(i)
    if hooks:
        hooks.on_predict_end()
    return logits[0] if len(logits) == 1 else np.concatenate(logits)


def _to_multiple(X):
    """Return rows and as many rows of zeros as it takes to a multiple of `_ROW_MULTIPLE`."""
    return filled_up(X, -(-len(X) // _ROW_MULTIPLE) * _ROW_MULTIPLE, axis=0)


def _program_of(model):
    """Return ``compute(model, X) -> logits`` for a network, and what fills up rows for it."""
    with _lock:
        program = _by_model.get(model)
        if program is None:
            key = architecture(model)
            program = _by_architecture.get(key) if key is not None else None
            if program is None:
                program = _compile(model) if key is not None else (_direct, _to_multiple)
            _by_model[model] = program
            if key is not None:
                _by_architecture[key] = program
                _by_architecture.move_to_end(key)
                while len(_by_architecture) > _KEPT:
                    _by_architecture.popitem(last=False)
    return program


def _compile(model):
    """Compile the network as a function of its weights and rows."""
    with keep_python_random():
        template = clone_network(model)

    def forward(weights, X):
        trainable = weights[: len(template.trainable_variables)]
        others = weights[len(template.trainable_variables) :]
        return as_logits(template.stateless_call(trainable, others, X, training=False)[0])

    # XLA halves the time of members, whose layers are many small operations; it compiles every number of rows anew.
    has_members = n_members_of(model) > 0
    if has_members:
        start_xla()
        forward = tf.function(forward, autograph=False, jit_compile=True)
    shape = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)
    specs = [tf.TensorSpec(v.shape, v.dtype) for v in state_of(model)]
    compute = as_operation(forward, specs, shape)

    def call(model, X):
        return compute([variable.value for variable in state_of(model)], X)

    return call, to_block if has_members else _to_multiple


def _direct(model, X):
    """Call a network that no program can be shared with."""
    return as_logits(model(tf.convert_to_tensor(X), training=False))
