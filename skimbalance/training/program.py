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

from skimbalance._startup import keras, start_xla, tf
from skimbalance.networks import MemberGroups, as_logits, losses_of, n_members_of, with_member_rows
from skimbalance.training.optimizers import stateless_copy, with_constant_rate
from skimbalance.training.schedule import CosineLog

# Rows a compiled program takes at once. Few sizes, so that few shapes are compiled; small ones, so that small
# tables are not padded to large ones.
_BLOCK_ROWS = tuple(2**i for i in range(10, 17))
PREDICTION_BLOCK_ROWS = (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)

# Layers that treat each row by itself and draw no random numbers. Only networks of these are compiled with XLA:
# it needs static shapes, so that the last batch of an epoch is padded with rows of weight zero, which a layer
# that mixes rows would see; and it makes random numbers fifty times slower than the rest of a step together.
_ROW_WISE = {
    "InputLayer", "Standardize", "RobustScale", "PeriodicEmbedding", "MemberScale", "MemberDense", "RowsFirst",
    "Dense", "Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Normalization", "Rescaling",
    "LayerNormalization", "Flatten", "Reshape", "Add", "Multiply", "Concatenate", "Functional", "Sequential",
}  # fmt: skip

# Optimizers that update every number of a variable by itself.
_BY_ELEMENT = {"SGD", "Adam", "AdamW", "RMSprop", "Nadam", "Adamax", "Adagrad", "Adadelta", "Ftrl", "Lion"}

# XLA takes about 0.5 s longer to compile than a graph, and saves about 0.1 ms on every step, the time TensorFlow
# takes to start some thirty operations. From these many steps on it pays within a fit or two; and up to this
# many multiplications a step the operations are so small that starting them is most of the time. Steps of members
# it takes three times as fast at any size, and needs 4 s to compile. The rule looks at this fit alone, so that equal
# fits take equal paths, whatever ran before them.
_XLA_MIN_STEPS = 1000
_XLA_MIN_STEPS_OF_MEMBERS = 400
_XLA_MAX_PRODUCTS = 16_000_000


class Program:
    """One epoch of one architecture, compiled.

    Parameters
    ----------
    model : keras.Model
        Network of the program, whose weights it overwrites.
    optimizer : keras.optimizers.Optimizer
        Optimizer of the program, not yet built.
    decays : list of bool
        Whether the optimizer's weight decay applies to each trainable variable.
    loss : LogitsLoss
        Loss of the program.
    batch_size : int
        Rows of a step.
    xla : bool
        Whether to compile with XLA.
    run_eagerly : bool
        Whether not to compile at all.
    """

    def __init__(self, model, optimizer, decays, loss, batch_size, xla, run_eagerly=False):
        self.model, self.loss, self._batch_size = model, loss, batch_size
        self.optimizer, self._has_rates = with_constant_rate(optimizer)
        self._xla = xla and not run_eagerly
        if self._xla:
            start_xla()
        self._block_rows = [-(-rows // batch_size) * batch_size for rows in _BLOCK_ROWS]
        self.optimizer.build(model.trainable_variables)
        self._fresh_optimizer = [np.asarray(variable) for variable in self.optimizer.variables]
        self._groups = MemberGroups(model, n_groups_of(model, self.optimizer) if self._xla else 1)
        part = self._groups.part
        self._part_optimizer = stateless_copy(self.optimizer, part.trainable_variables, decays)
        self._member_part = with_member_rows(part) if n_members_of(part) else None
        self._run = self._run_groups if run_eagerly else None
        self._forward = {}

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

    def logits(self, X):
        """Return logits of rows, (n_rows, n_features) or, of each member's own, (n_members, n_rows, n_features)."""
        if X.ndim not in self._forward:
            model = self.model if X.ndim == 2 else with_member_rows(self.model)
            shape = tf.TensorSpec((*X.shape[:-2], None, X.shape[-1]), tf.float32)
            self._forward[X.ndim] = tf.function(
                lambda X: as_logits(model(X, training=False)),
                input_signature=[shape], jit_compile=self._xla, autograph=False,
            )  # fmt: skip
        rows = to_block(X) if self._xla else X
        return np.asarray(self._forward[X.ndim](tf.convert_to_tensor(rows)))[: X.shape[-2]]

    def run_epoch(self, rows, order, weights, rates=None, after_batch=None):
        """Train on every position of `order` once; return the mean loss.

        Parameters
        ----------
        rows : TrainingRows
            Rows.
        order : ndarray of shape (n_rows,) or (n_members, n_rows)
            Positions of rows, of each member's own in the latter case.
        weights : ndarray of shape (n_positions,)
            Weight of each position.
        rates : ndarray of shape (n_steps,), default=None
            Learning rate of each step, where the optimizer's follows a schedule of ours.
        after_batch : callable, default=None
            ``after_batch(step, loss)``, called after each step, which runs by itself then.
        """
        total, n_rows = 0.0, order.shape[-1]
        largest = self._batch_size if after_batch else self._block_rows[-1]
        for start in range(0, n_rows, largest):
            positions = order[..., start : start + largest]
            size = positions.shape[-1]
            if self._xla:
                size = next(block for block in self._block_rows if block >= size)
            step = start // self._batch_size
            loss = self._run_block(rows, positions, weights, size, None if rates is None else rates[step:])
            total += loss
            if after_batch:
                after_batch(step, loss / positions.shape[-1])
        return total / n_rows

    def _run_block(self, rows, positions, weights, size, rates):
        """Gather one block of rows, padded to `size`, and train on it; return the sum of its losses."""
        n_rows, n_steps, n_groups = positions.shape[-1], -(-size // self._batch_size), self._groups.n_groups
        weights = weights[positions]
        missing = [(0, 0)] * (positions.ndim - 1) + [(0, n_steps * self._batch_size - n_rows)]
        positions, weights = np.pad(positions, missing), np.pad(weights, missing)
        if positions.ndim == 2:  # (n_groups, n_steps, members of a group, batch_size), each step's rows in one place
            shape = (n_groups, len(positions) // n_groups, n_steps, self._batch_size)
            index, weights = (a.reshape(shape).transpose(0, 2, 1, 3) for a in (rows.index[positions], weights))
        else:
            index, weights = (a.reshape(n_steps, -1) for a in (rows.index[positions], weights))
        X = np.take(rows.X, index, axis=0, mode="clip")
        step_rates = np.zeros(n_steps, dtype=np.float32)
        if self._has_rates:
            step_rates[: len(rates)] = rates[:n_steps]
        arguments = [tf.convert_to_tensor(a) for a in (X, rows.y[index], weights, step_rates)]
        arguments.append(tf.constant(n_rows))
        if self._run is None:
            # Any number of steps: only what is inside, XLA compiles for each size of block by itself.
            steps_axis = positions.ndim - 1
            shapes = [(*a.shape[:steps_axis], None, *a.shape[steps_axis + 1 :]) for a in arguments[:3]]
            specs = [tf.TensorSpec(shape, a.dtype) for shape, a in zip([*shapes, (None,), ()], arguments, strict=True)]
            specs.append([tf.TensorSpec(number.shape, tf.float32) for number in self._hyperparameters])
            compiled = tf.function(self._run_groups, autograph=False).get_concrete_function(*specs)
            # An operation would run the groups one after the other.
            self._run = compiled if self._groups.n_groups > 1 else as_operation(compiled)
        return float(self._run(*arguments, self._hyperparameters))

    def _run_groups(self, X, y, w, rates, n_rows, hyperparameters):
        """Trace a block: the loop of every group of members, side by side, between reading and writing the state."""
        groups, part = self._groups, self._groups.part
        variables = [*state_of(self.model), *self.optimizer.variables]
        of_part = [*state_of(part), *self._part_optimizer.variables]
        loop = tf.function(self._loop, jit_compile=True, autograph=False) if self._xla else self._loop
        shares = groups.split([variable.value for variable in variables], of_part)
        tables = [(X[i], y[i], w[i]) if y.shape.rank == 4 else (X, y, w) for i in range(groups.n_groups)]
        ends = [
            loop(list(share), *table, rates, n_rows, hyperparameters)
            for share, table in zip(shares, tables, strict=True)
        ]
        totals, shares = zip(*ends, strict=True)
        for variable, value in zip(variables, groups.merge(shares, variables), strict=True):
            variable.assign(value)
        return tf.add_n(totals)

    def _loop(self, state, X, y, w, rates, n_rows, hyperparameters):
        """Trace the loop over the batches of a block; return the sum of the losses and the state after it."""
        n_steps = -(-n_rows // self._batch_size)
        originals = {name: getattr(self.loss, name) for name in self.loss.hyperparameters}
        vars(self.loss).update(zip(originals, hyperparameters, strict=True))

        def run_step(step, total, state):
            n_batch = tf.minimum(self._batch_size, n_rows - step * self._batch_size)
            batch = [tf.gather(a, step) for a in (X, y, w)]
            if not self._xla:  # which takes whole batches, whose padding has weight zero
                rows = (slice(None),) * (y.shape.rank - 2) + (slice(n_batch),)
                batch = [a[rows] for a in batch]
            loss, state = self._step(state, *batch, rates[step], tf.cast(n_batch, tf.float32))
            return step + 1, total + loss, state

        try:
            start = [tf.constant(0), tf.constant(0.0), state]
            return tf.while_loop(lambda step, *_: step < n_steps, run_step, start)[1:]
        finally:
            vars(self.loss).update(originals)

    def _step(self, state, X, y, w, rate, n_rows):
        """Trace one gradient step; return the loss summed over its rows, its mean over members, and the state."""
        has_own_rows, part, optimizer = y.shape.rank == 2, self._groups.part, self._part_optimizer
        sizes = [len(part.trainable_variables), len(part.non_trainable_variables)]
        trainable, others, optimizer_state = state[: sizes[0]], state[sizes[0] : sum(sizes)], state[sum(sizes) :]
        if self._has_rates:
            is_rate = [variable is optimizer._learning_rate for variable in optimizer.variables]
            optimizer_state = [rate if is_it else v for is_it, v in zip(is_rate, optimizer_state, strict=True)]
        model = self._member_part if has_own_rows else part
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            outputs, others, penalties = model.stateless_call(trainable, others, X, training=True, return_losses=True)
            logits = as_logits(outputs)
            if logits.shape.rank == 3:
                n_members = logits.shape[1]
                y, w = (tf.transpose(a) if has_own_rows else tf.repeat(a[:, None], n_members, axis=1) for a in (y, w))
                w /= n_members * self._groups.n_groups
            losses = tf.cast(losses_of(self.loss, y, logits), tf.float32)
            loss = tf.reduce_sum(losses * w) / n_rows
            for penalty in penalties:
                loss += tf.cast(penalty, tf.float32)
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, trainable)
        trainable, optimizer_state = optimizer.stateless_apply(optimizer_state, gradients, trainable)
        return loss * n_rows, [*trainable, *others, *optimizer_state]


def as_operation(compiled):
    """Return a concrete function as the operation that calling it runs, for functions of one result.

    It leaves out the checks of the arguments, which take several times as long as a small network does.
    """

    def run(*arguments):
        flat = [*tf.nest.flatten(arguments), *compiled.captured_inputs]
        return tf.raw_ops.StatefulPartitionedCall(args=flat, Tout=[compiled.outputs[0].dtype], f=compiled)[0]

    return run


def filled_up(X, n_rows):
    """Return rows, or rows of every member, with as many rows of zeros as it takes to `n_rows`."""
    n_missing = n_rows - X.shape[-2]
    return np.pad(X, [(0, 0)] * (X.ndim - 2) + [(0, n_missing), (0, 0)]) if n_missing else X


def to_block(X):
    """Fill up rows to predict to one of few sizes, each of which XLA compiles once."""
    n_rows, largest = X.shape[-2], PREDICTION_BLOCK_ROWS[-1]
    fitting = [size for size in PREDICTION_BLOCK_ROWS if size >= n_rows]
    return filled_up(X, fitting[0] if fitting else -(-n_rows // largest) * largest)


def n_groups_of(model, optimizer):
    """Return in how many groups the members of a network are trained side by side: 2, where that changes nothing.

    XLA computes the small products of members on one core. With an optimizer that looks at whole variables, members
    are not independent of each other.
    """
    n_members, clips = n_members_of(model), optimizer.clipnorm or optimizer.global_clipnorm
    is_by_element = type(optimizer).__name__ in _BY_ELEMENT and not clips
    return 2 if n_members and n_members % 2 == 0 and is_by_element else 1


def wants_xla(model, batch_size, n_steps):
    """Whether a fit of this many steps is quicker with XLA than as a graph."""
    classes = {type(layer).__name__ for layer in model._flatten_layers()}
    products = batch_size * sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    is_small = products <= _XLA_MAX_PRODUCTS or n_members_of(model)
    least = _XLA_MIN_STEPS_OF_MEMBERS if n_members_of(model) else _XLA_MIN_STEPS
    return classes <= _ROW_WISE and n_steps >= least and bool(is_small)


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
        elif isinstance(part._learning_rate, CosineLog):
            settings["learning_rate"] = CosineLog.__name__
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
