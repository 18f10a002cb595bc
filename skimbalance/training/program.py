"""How does one epoch run as one compiled program, and how do fits share it?

A program owns a copy of a network, of its optimizer and of its loss. A fit borrows it: it loads its weights,
runs its epochs, and stores the weights back. Rows reach it in blocks that are already shuffled, so that the
loop inside only slices, and a table of any length runs through the same compiled shapes. Everything a grid
varies is data: weights of rows, the loss's hyper-parameters, the learning rate. So one compilation serves every
fit of an architecture.
"""

import inspect
import json
import threading
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np

from skimbalance._startup import keras, quiet, tf

# Rows a compiled program takes at once. Few sizes, so that few shapes are compiled; small ones, so that small
# tables are not padded to large ones.
_BLOCK_ROWS = (1024, 8192, 65536)

# Layers that treat each row by itself and draw no random numbers. Only networks of these are compiled with XLA:
# it needs static shapes, so that the last batch of an epoch is padded with rows of weight zero, which a layer
# that mixes rows would see; and it makes random numbers fifty times slower than the rest of a step together.
_ROW_WISE = {
    "InputLayer", "Standardize", "Dense", "Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU",
    "Normalization", "Rescaling", "LayerNormalization", "Flatten", "Reshape", "Add", "Multiply", "Concatenate",
    "Functional", "Sequential",
}  # fmt: skip

# XLA takes about 0.5 s longer to compile than a graph, and saves about 0.1 ms on every step, the time TensorFlow
# takes to start some thirty operations. From these many steps on it pays within a fit or two; and up to this
# many multiplications a step the operations are so small that starting them is most of the time. The rule looks
# at this fit alone, so that equal fits take equal paths, whatever ran before them.
_XLA_MIN_STEPS = 1000
_XLA_MAX_PRODUCTS = 16_000_000


class Program:
    """One epoch of one architecture, compiled.

    Parameters
    ----------
    model : keras.Model
        Network of the program, whose weights it overwrites.
    optimizer : keras.optimizers.Optimizer
        Optimizer of the program, not yet built.
    loss : LogitsLoss
        Loss of the program.
    as_logits : callable
        Turns the network's outputs into logits.
    batch_size : int
        Rows of a step.
    xla : bool
        Whether to compile with XLA.
    """

    def __init__(self, model, optimizer, loss, as_logits, batch_size, xla):
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self._as_logits, self._batch_size, self._xla = as_logits, batch_size, xla
        self._block_rows = [-(-rows // batch_size) * batch_size for rows in _BLOCK_ROWS]
        optimizer.build(model.trainable_variables)
        self._fresh_optimizer = [np.asarray(variable) for variable in optimizer.variables]
        self._train_block = tf.function(self._loop, jit_compile=xla, autograph=False, reduce_retracing=not xla)
        self._compiled = False

    def load(self, model, optimizer_state, learning_rate, loss):
        """Take over a network's weights, an optimizer's state (None is a fresh one), a loss's hyper-parameters."""
        if model is not self.model:
            _assign(state_of(self.model), state_of(model))
        _assign(self.optimizer.variables, optimizer_state or self._fresh_optimizer)
        if not optimizer_state and learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        self._hyperparameters = [tf.constant(getattr(loss, name), tf.float32) for name in loss.hyperparameters]

    def store(self, model):
        """Hand the weights back to the network; return the optimizer's state."""
        self.optimizer.finalize_variable_values(self.model.trainable_variables)
        if model is not self.model:
            _assign(state_of(model), state_of(self.model))
        return [np.asarray(variable) for variable in self.optimizer.variables]

    def run_epoch(self, rows, order, weights):
        """Train on every position of `order` once; return the mean loss."""
        total = 0.0
        largest = self._block_rows[-1]
        for start in range(0, len(order), largest):
            positions = order[start : start + largest]
            size = len(positions)
            if self._xla:
                size = next(block for block in self._block_rows if block >= size)
            total += self._run_block(rows, positions, weights, size)
        return total / len(order)

    def _run_block(self, rows, positions, weights, size):
        """Gather one block of rows, padded to `size`, and train on it; return the sum of its losses."""
        n_rows = len(positions)
        index = rows.index[positions]
        X = np.zeros((size, rows.X.shape[1]), dtype=np.float32)
        y, w = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.float32)
        np.take(rows.X, index, axis=0, out=X[:n_rows], mode="clip")
        y[:n_rows], w[:n_rows] = rows.y[index], weights[positions]
        arguments = [tf.convert_to_tensor(a) for a in (X, y, w)]
        n_rows = tf.constant(n_rows, tf.int32)
        if self._compiled:
            return float(self._train_block(*arguments, n_rows, self._hyperparameters))
        with quiet():  # XLA announces itself on the first compilation of the process
            total = float(self._train_block(*arguments, n_rows, self._hyperparameters))
        self._compiled = True
        return total

    def _loop(self, X, y, w, n_rows, hyperparameters):
        """Trace the loop over the batches of a block."""
        n_steps = -(-n_rows // self._batch_size)
        originals = {name: getattr(self.loss, name) for name in self.loss.hyperparameters}
        vars(self.loss).update(zip(originals, hyperparameters, strict=True))
        try:
            return tf.while_loop(
                lambda step, total: step < n_steps,
                lambda step, total: (step + 1, total + self._step(X, y, w, n_rows, step)),
                [tf.constant(0), tf.constant(0.0)],
            )[1]
        finally:
            vars(self.loss).update(originals)

    def _step(self, X, y, w, n_rows, step):
        """Trace one gradient step; return the loss summed over its rows."""
        start = step * self._batch_size
        n_batch = tf.minimum(self._batch_size, n_rows - start)
        # XLA slices whole batches, whose padding has weight zero; a graph slices what there is.
        end = start + (self._batch_size if self._xla else n_batch)
        if self._xla:
            X, y, w = (
                tf.slice(a, [start] + [0] * (a.shape.rank - 1), [self._batch_size, *a.shape[1:]]) for a in (X, y, w)
            )
        else:
            X, y, w = X[start:end], y[start:end], w[start:end]
        rows = tf.cast(n_batch, tf.float32)
        with tf.GradientTape() as tape:
            logits = self._as_logits(self.model(X, training=True))
            losses = tf.cast(self.loss.call(y, logits), tf.float32)
            loss = tf.reduce_sum(losses * w) / rows
            for penalty in self.model.losses:
                loss += tf.cast(penalty, tf.float32)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss * rows


def wants_xla(model, batch_size, n_steps):
    """Whether a fit of this many steps is quicker with XLA than as a graph."""
    classes = {type(layer).__name__ for layer in model._flatten_layers()}
    products = batch_size * sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return classes <= _ROW_WISE and n_steps >= _XLA_MIN_STEPS and products <= _XLA_MAX_PRODUCTS


def architecture(*parts):
    """Return a text that is equal for networks, optimizers and losses that one program can serve, or None.

    Names, seeds and initial values are left out, and so are a constant learning rate and a loss's
    hyper-parameters, which reach the program as data. None means that equality cannot be told: a lambda, a
    function or a class from outside Keras and this package, whose code a configuration does not show.
    """
    if any(_holds_foreign_code(part) for part in parts):
        return None
    return json.dumps([_comparable(part) for part in parts], sort_keys=True)


def _holds_foreign_code(part):
    """Whether a network, optimizer or loss runs code from outside Keras and this package, or a lambda layer."""
    if isinstance(part, str | int | float | bool | None):
        return False
    if isinstance(part, keras.Model):
        return not _is_ours(part) or any(
            _holds_foreign_code(layer) for layer in part._flatten_layers(include_self=False)
        )
    if not _is_ours(part) or isinstance(part, keras.layers.Lambda):
        return True
    values = [value for value in vars(part).values() if callable(value)]
    return any(not _is_ours(value) for value in values)


def _is_ours(value):
    """Whether an object's code is that of Keras or of this package."""
    owner = value if inspect.isroutine(value) or inspect.isclass(value) else type(value)
    return (owner.__module__ or "").partition(".")[0] in ("keras", "skimbalance", "tensorflow", "builtins")


def _comparable(part):
    """Return the part of an object's configuration that shapes its program."""
    if isinstance(part, str | int | float | bool | None):
        return part
    config = keras.saving.serialize_keras_object(part)
    settings = config["config"]
    if isinstance(part, keras.optimizers.Optimizer):
        if isinstance(settings.get("learning_rate"), float):
            del settings["learning_rate"]
    elif isinstance(part, keras.losses.Loss):
        for name in part.hyperparameters:
            settings.pop(name, None)
    return _without_names(config, {})


def _without_names(value, names, key=None):
    """Replace layers' names by their order of appearance, drop seeds and initial values."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return value
        return {
            k: _without_names(v, names, k)
            for k, v in sorted(value.items(), key=lambda item: item[0] != "name")
            if k not in ("seed", "build_config", "compile_config", "shared_object_id")
            and not k.endswith("_initializer")
        }
    if isinstance(value, list | tuple):
        return [_without_names(v, names, key) for v in value]
    if isinstance(value, str) and key in ("name", "keras_history", "input_layers", "output_layers"):
        return names.setdefault(value, len(names))
    return value


def clone_network(model):
    """Return a network of the same layers with weights of its own."""
    clone = keras.models.clone_model(model)
    if model.built and not clone.built:
        clone.build(model.input_shape)
    return clone


class ProgramCache:
    """Compiled programs by architecture, each lent to one fit at a time.

    Parameters
    ----------
    size : int
        Largest number of idle programs kept; the one unused for longest goes first.
    """

    def __init__(self, size=64):
        self._size, self._idle, self._lock = size, OrderedDict(), threading.Lock()

    @contextmanager
    def lend(self, key, build):
        """Lend an idle program of this architecture, or a new one from ``build()``; keep it after use.

        A program whose fit failed is dropped, and so is one without a key.
        """
        with self._lock:
            programs = self._idle.get(key)
            program = programs.pop() if programs else None
        program = build() if program is None else program
        yield program
        if key is not None:
            with self._lock:
                self._idle.setdefault(key, []).append(program)
                self._idle.move_to_end(key)
                while sum(map(len, self._idle.values())) > self._size:
                    oldest = next(iter(self._idle))
                    self._idle[oldest] = self._idle[oldest][1:]
                    if not self._idle[oldest]:
                        del self._idle[oldest]


def state_of(model):
    """Every variable of a network that training changes: weights, statistics and seeds."""
    return model.trainable_variables + model.non_trainable_variables


def _assign(targets, values):
    """Assign values to variables, one by one."""
    for target, value in zip(targets, values, strict=True):
        target.assign(value)
