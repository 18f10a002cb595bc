"""Compute the logits of rows, by a function of the weights that is compiled once an architecture."""

import threading
from weakref import WeakKeyDictionary

import numpy as np

from skimbalance._keras.keras_internals import detach, takes_training
from skimbalance._keras.startup import keep_python_random, keras, start, tf
from skimbalance.training.architecture import architecture
from skimbalance.training.blocks import FEW_ROWS, filled_up, narrowed, prediction_rows, to_block
from skimbalance.training.cache import programs
from skimbalance.training.compiled import as_arrays, as_operation
from skimbalance.training.state import state_of, values

_CHUNK_ROWS = 16384

# Matrix products treat the last rows of a table, which do not fill a whole register or a thread's share, differently
# from the others, on some CPUs with another last bit. Padding makes the logits of a row independent of its position.
_ROW_MULTIPLE = 256

_lock = threading.Lock()
_by_model = WeakKeyDictionary()


class Forward:
    """A network as a function of its state and rows, compiled.

    Parameters
    ----------
    network : Network
        Network of the architecture, whose own weights are not used.
    """

    def __init__(self, network):
        self._network, self._compiled = network, {}
        # XLA halves the time of members, whose layers are many small operations; it compiles every number of rows anew.
        self._xla = network.members.are_layers
        self.chunk_rows = prediction_rows(network) if self._xla else _chunk_rows(network)

    def __call__(self, state, X, index=None):
        """Return logits, (n_rows, n_members, n_classes).

        Parameters
        ----------
        state : list of tensor
            Values of `state_of` a network of this architecture.
        X : ndarray of shape (n_table, n_features)
            Rows.
        index : ndarray of int, shape (n_rows, n_members), default=None
            Which of them each member predicts; None predicts all rows by all members.
        """
        n_rows, fill_up = len(X if index is None else index), to_block if self._xla else to_multiple
        function = self._function(index is not None, n_rows > FEW_ROWS)
        return _in_chunks(X, index, self.chunk_rows, lambda rows: function(state, fill_up(rows)))

    def _function(self, is_own, has_many):
        """Return the compiled function of rows, alike for all members or of each one's own, for few rows or many."""
        key = is_own, self._xla and has_many
        if key not in self._compiled:
            self._compiled[key] = self._compile(*key)
        return self._compiled[key]

    def _compile(self, is_own, xla):
        network, template = self._network, self._network.model
        if is_own:
            with keep_python_random():
                template = network.members.rows_to_layers(template)
        n_trainable = len(network.model.trainable_variables)
        training = {"training": False} if takes_training(template) else {}

        def forward(state, X):
            rows = tf.transpose(X, (1, 0, 2)) if is_own else X
            outputs, _ = template.stateless_call(state[:n_trainable], state[n_trainable:], rows, **training)
            return network.logits(outputs)

        specs = [tf.TensorSpec(v.shape, v.dtype) for v in state_of(network.model)]
        front = (None, network.members.n) if is_own else (None,)
        return (as_arrays if xla else as_operation)(
            forward, specs, tf.TensorSpec((*front, network.model.input_shape[-1]), tf.float32)
        )


class _Direct:
    """A network that no program can be shared with, called as it is."""

    def __init__(self, network):
        self._network, self.chunk_rows = network, _chunk_rows(network)
        self._on_own_rows = None

    def __call__(self, state, X, index=None):
        model = self._network.model
        if index is not None:
            if self._on_own_rows is None:
                with keep_python_random():
                    self._on_own_rows = self._network.members.rows_to_layers(model)
            model = self._on_own_rows
        training = {"training": False} if takes_training(model) else {}

        def logits(rows):
            rows = to_multiple(rows)
            rows = tf.convert_to_tensor(rows if index is None else rows.transpose(1, 0, 2))
            return self._network.logits(model(rows, **training))

        return _in_chunks(X, index, self.chunk_rows, logits)


def _in_chunks(X, index, chunk_rows, logits_of):
    """Return logits of all rows, or of those of an index, a chunk at a time; what fills up a chunk is left out."""
    logits = []
    for begin in range(0, len(X if index is None else index), chunk_rows):
        chunk = slice(begin, begin + chunk_rows)
        rows = X[chunk] if index is None else X[index[chunk]]
        logits.append(np.asarray(logits_of(rows))[: len(rows)])
    return logits[0] if len(logits) == 1 else np.concatenate(logits)


def forward_of(network, compiles=False):
    """Return ``forward(state, X) -> logits`` for a network.

    One that no program can be shared with is called as it is, unless it `compiles` for itself.
    """
    with _lock:
        forward = _by_model.get(network.model)
    if forward is None:
        key = architecture(network.model)
        if key is None:
            return Forward(network) if compiles else _Direct(network)

        def build():
            with keep_python_random():
                return Forward(network if network.is_template else network.template())

        forward = programs.share(("forward", key, network.returns_proba), build)
        with _lock:
            _by_model[network.model] = forward
    return forward


def predict_logits(network, X, chunk_rows=None, callbacks=()):
    """Return the logits of rows.

    Parameters
    ----------
    network : Network
        Trained network.
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    chunk_rows : int, default=None
        Rows between which callbacks are called.
    callbacks : list of keras.callbacks.Callback
        Keras callbacks whose prediction hooks are called, chunk by chunk.

    Returns
    -------
    ndarray of float32, shape (n_samples, n_members, n_classes)
        Logits.
    """
    start()
    forward, state = forward_of(network), values(state_of(network.model))
    if not callbacks and chunk_rows is None:
        return forward(state, X)
    hooks = keras.callbacks.CallbackList(list(callbacks), model=network.model)
    logits, chunk_rows = [], chunk_rows or forward.chunk_rows
    try:
        hooks.on_predict_begin()
        for i, begin in enumerate(range(0, len(X), chunk_rows)):
            hooks.on_predict_batch_begin(i)
            logits.append(forward(state, X[begin : begin + chunk_rows]))
            hooks.on_predict_batch_end(i)
        hooks.on_predict_end()
    finally:
        for callback in callbacks:
            detach(callback)
    return np.concatenate(logits)


def _chunk_rows(network):
    """Return how many rows are predicted at once without XLA."""
    return max(narrowed(_CHUNK_ROWS, network) // _ROW_MULTIPLE, 1) * _ROW_MULTIPLE


def to_multiple(X):
    """Return rows and as many rows of zeros as it takes to a multiple of `_ROW_MULTIPLE`."""
    return filled_up(X, -(-len(X) // _ROW_MULTIPLE) * _ROW_MULTIPLE)
