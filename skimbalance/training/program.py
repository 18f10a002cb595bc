"""How do epochs run as one compiled program, and how do fits share it?

A program owns a copy of a network, of its optimizer and of its loss. A fit borrows it: it loads its weights,
runs its epochs, and stores the weights back. Rows reach it in blocks that are already shuffled, so that the
loop inside only slices, and a table of any length runs through the same compiled shapes. Everything a grid
varies is data: weights of rows, the loss's hyper-parameters, the learning rate. So one compilation serves every
fit of an architecture.
"""

import threading
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np

from skimbalance._startup import start_xla, tf
from skimbalance.networks import MemberGroups, as_logits, losses_of, n_members_of, with_member_rows
from skimbalance.training.optimizers import stateless_copy, with_constant_rate
from skimbalance.training.rows import filled_up
from skimbalance.training.state import read, state_of, write

# Rows a compiled program takes at once, of one epoch or of several, and of all members. Few sizes, so that few shapes
# are compiled; small ones, so that small tables are not padded to large ones.
_BLOCK_ROWS = (4096, 16384, 65536)
PREDICTION_BLOCK_ROWS = (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)

# Layers that treat each row by itself. The last batch of an epoch is filled up by rows of weight zero for networks of
# these, which makes all shapes static; a layer that mixes rows would see them. XLA needs static shapes. Random numbers
# it makes fifty times slower than the rest of a step together, so that it is not chosen for layers that draw some.
_DRAWS = {"Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"}
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
# take 0.4 to 0.6 ms with it and 0.9 to 1.5 ms without, at any size, for 1.5 to 2 s of compilation: it pays within a
# small grid. The rule looks at this fit alone, so that equal fits take equal paths, whatever ran before them.
_XLA_MIN_STEPS = 1000
_XLA_MIN_STEPS_OF_MEMBERS = 400
_MAX_PRODUCTS = 16_000_000


class Program:
    """Epochs of one architecture, compiled.

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
        self._pads = may_fill_up(model) and not run_eagerly
        if self._xla:
            start_xla()
        self._block_steps = block_steps(model, batch_size)
        self.optimizer.build(model.trainable_variables)
        self._fresh_optimizer = [tf.constant(value) for value in read(self.optimizer.variables)]
        self._groups = MemberGroups(model, n_groups_of(model, self.optimizer) if self._xla else 1)
        part = self._groups.part
        self._part_optimizer = stateless_copy(self.optimizer, part.trainable_variables, decays)
        self._member_part = with_member_rows(part) if n_members_of(part) else None
        self._run = self._run_groups if run_eagerly else None
        self._forwards = {}

    def load(self, model, optimizer_state, learning_rate, loss):
        """Take over a network's weights, an optimizer's state (None is a fresh one), a loss's hyper-parameters."""
        if model is not self.model:
            write(state_of(self.model), [variable.value for variable in state_of(model)])
        write(self.optimizer.variables, optimizer_state or self._fresh_optimizer)
        if not optimizer_state and learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        self._hyperparameters = [tf.constant(getattr(loss, name), tf.float32) for name in loss.hyperparameters]

    def store(self, model):
        """Hand the weights back to the network; return the optimizer's state."""
        self.optimizer.finalize_variable_values(self.model.trainable_variables)
        if model is not self.model:
            write(state_of(model), [variable.value for variable in state_of(self.model)])
        return read(self.optimizer.variables)

    def logits(self, X):
        """Return logits of rows, (n_rows, n_features) or, of each member's own, (n_members, n_rows, n_features)."""
        chunk = PREDICTION_BLOCK_ROWS[-1]
        chunks = [X[..., begin : begin + chunk, :] for begin in range(0, X.shape[-2], chunk)]
        logits = [np.asarray(self._forward(X)(to_block(c) if self._xla else c))[: c.shape[-2]] for c in chunks]
        return logits[0] if len(logits) == 1 else np.concatenate(logits)

    def _forward(self, X):
        """Return the network, for rows alike for all members or for those of each one's own, as an operation."""
        if X.ndim not in self._forwards:
            model = self.model if X.ndim == 2 else with_member_rows(self.model)
            rows = tf.TensorSpec((*X.shape[:-2], None, X.shape[-1]), tf.float32)
            forward = tf.function(lambda X: as_logits(model(X, training=False)), autograph=False, jit_compile=self._xla)
            self._forwards[X.ndim] = as_operation(forward, rows)
        return self._forwards[X.ndim]

    def run_epochs(self, rows, orders, weights, rates, after_batch=None):
        """Train on every position of each order once; return the mean loss of each epoch.

        Parameters
        ----------
        rows : TrainingRows
            Rows.
        orders : list of ndarray of shape (n_rows,) or (n_members, n_rows)
            Positions of rows in each epoch, of each member's own in the latter case.
        weights : list of ndarray of shape (n_positions,)
            Weight of each position in each epoch.
        rates : ndarray of float32, shape (n_steps,)
            Learning rate of each step of all epochs; only an optimizer that follows a schedule of ours heeds it.
        after_batch : callable, default=None
            ``after_batch(step, loss)``, called after each step, which runs by itself then.

        Returns
        -------
        ndarray of shape (n_epochs,)
            Loss, the mean over an epoch's rows.
        """
        losses, n_done = [], 0
        most_steps = 1 if after_batch else self._block_steps[-1]
        for index, w, sizes in rows.blocks(orders, weights, self._batch_size, most_steps):
            plan = np.column_stack([sizes, rates[n_done : n_done + len(sizes)]]).astype(np.float32)
            losses.append(self._run_block(rows, index, w, plan))
            if after_batch:
                after_batch(n_done, float(losses[-1][0]) / sizes[0])
            n_done += len(sizes)
        return np.concatenate(losses).reshape(len(orders), -1).sum(axis=1) / len(rows)

    def _run_block(self, rows, index, w, plan):
        """Gather the rows of some steps and train on them; return the sum of losses of each step."""
        n_steps, n_groups = len(plan), self._groups.n_groups
        if self._xla:
            n_filled = next(steps for steps in self._block_steps if steps >= n_steps)
            index, w, plan = (filled_up(a, n_filled, axis=-2) for a in (index, w, plan))
        if index.ndim == 3:  # (n_groups, n_steps, members of a group, batch_size), each step's rows in one place
            shape = (n_groups, len(index) // n_groups, *index.shape[1:])
            index, w = (np.ascontiguousarray(a.reshape(shape).transpose(0, 2, 1, 3)) for a in (index, w))
        arguments = [np.take(rows.X, index, axis=0, mode="clip"), rows.y[index], w, plan]
        if self._run is None:
            self._run = self._compile(arguments, steps_axis=1 if index.ndim == 4 else 0)
        return np.asarray(self._run(*arguments, tf.constant(n_steps), self._hyperparameters))[:n_steps]

    def _compile(self, arguments, steps_axis):
        """Return the program for blocks like these arguments, but of any number of steps.

        Only what is inside, XLA compiles for each size of block by itself.
        """
        shapes = [*((*a.shape[:steps_axis], None, *a.shape[steps_axis + 1 :]) for a in arguments[:3]), (None, 2)]
        specs = [tf.TensorSpec(shape, a.dtype) for shape, a in zip(shapes, arguments, strict=True)]
        specs.append(tf.TensorSpec((), tf.int32))
        specs.append([tf.TensorSpec(number.shape, tf.float32) for number in self._hyperparameters])
        # An operation would run the groups one after the other.
        return as_operation(self._run_groups, *specs) if self._groups.n_groups == 1 else self._as_function(*specs)

    def _as_function(self, *specs):
        """Return the program as a function that takes arrays and tensors."""
        compiled = _concrete(self._run_groups, specs)
        return lambda *arguments: compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))

    def _run_groups(self, X, y, w, plan, n_steps, hyperparameters):
        """Trace a block: the loop of every group of members, side by side, between reading and writing the state."""
        X, y, w, plan = (tf.convert_to_tensor(a) for a in (X, y, w, plan))
        groups, part = self._groups, self._groups.part
        variables = [*state_of(self.model), *self.optimizer.variables]
        of_part = [*state_of(part), *self._part_optimizer.variables]
        loop = tf.function(self._loop, jit_compile=True, autograph=False) if self._xla else self._loop
        shares = groups.split([variable.value for variable in variables], of_part)
        tables = [(X[i], y[i], w[i]) if y.shape.rank == 4 else (X, y, w) for i in range(groups.n_groups)]
        ends = [
            loop(list(share), *table, plan, n_steps, hyperparameters)
            for share, table in zip(shares, tables, strict=True)
        ]
        losses, shares = zip(*ends, strict=True)
        for variable, value in zip(variables, groups.merge(shares, variables), strict=True):
            variable.assign(value)
        return tf.add_n(losses)

    def _loop(self, state, X, y, w, plan, n_steps, hyperparameters):
        """Trace the loop over the steps of a block; return the sum of losses of each step and the state at the end."""
        originals = {name: getattr(self.loss, name) for name in self.loss.hyperparameters}
        vars(self.loss).update(zip(originals, hyperparameters, strict=True))

        def run_step(step, losses, state):
            n_rows, rate = plan[step, 0], plan[step, 1]
            batch = [tf.gather(a, step) for a in (X, y, w)]
            if not self._pads:
                rows = (slice(None),) * (y.shape.rank - 2) + (slice(tf.cast(n_rows, tf.int32)),)
                batch = [a[rows] for a in batch]
            loss, state = self._step(state, *batch, rate, n_rows)
            return step + 1, losses.write(step, loss), state

        try:
            losses = tf.TensorArray(tf.float32, size=tf.shape(plan)[0], element_shape=())
            end = tf.while_loop(lambda step, *_: step < n_steps, run_step, [tf.constant(0), losses, state])
            return end[1].stack(), end[2]
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


def as_operation(function, *specs):
    """Compile a function of one result, for arguments of these specs; return it as an operation.

    Arguments may be arrays or tensors. It leaves out TensorFlow's checks of them, which take several times as long as a
    small network does.
    """
    compiled = _concrete(function, specs)

    def run(*arguments):
        flat = [*tf.nest.flatten(arguments), *compiled.captured_inputs]
        return tf.raw_ops.StatefulPartitionedCall(args=flat, Tout=[compiled.outputs[0].dtype], f=compiled)[0]

    return run


def _concrete(function, specs):
    """Return the concrete function; one inside it keeps its own way of compilation, which an operation forgets."""
    return tf.function(lambda *arguments: function(*arguments), autograph=False).get_concrete_function(*specs)


def to_block(X):
    """Fill up rows to predict to one of few sizes, each of which XLA compiles once."""
    n_rows, largest = X.shape[-2], PREDICTION_BLOCK_ROWS[-1]
    fitting = [size for size in PREDICTION_BLOCK_ROWS if size >= n_rows]
    return filled_up(X, fitting[0] if fitting else -(-n_rows // largest) * largest, axis=-2)


def n_groups_of(model, optimizer):
    """Return in how many groups the members of a network are trained side by side: 2, where that changes nothing.

    XLA computes the small products of members on one core. With an optimizer that looks at whole variables, members
    are not independent of each other.
    """
    n_members, clips = n_members_of(model), optimizer.clipnorm or optimizer.global_clipnorm
    is_by_element = type(optimizer).__name__ in _BY_ELEMENT and not clips
    return 2 if n_members and n_members % 2 == 0 and is_by_element else 1


def block_steps(model, batch_size):
    """Return the numbers of steps that a program of this network takes at once."""
    return [-(-rows // (batch_size * max(n_members_of(model), 1))) for rows in _BLOCK_ROWS]


def may_fill_up(model):
    """Whether all layers treat each row by itself, so that rows of weight zero change nothing."""
    return {type(layer).__name__ for layer in model._flatten_layers()} <= _ROW_WISE | _DRAWS


def has_small_steps(model, batch_size):
    """Whether the operations of a step are so small that starting them is most of its time."""
    return batch_size * sum(int(np.prod(v.shape)) for v in model.trainable_variables) <= _MAX_PRODUCTS


def wants_xla(model, batch_size, n_steps):
    """Whether a fit of this many steps is quicker with XLA than as a graph."""
    draws = any(type(layer).__name__ in _DRAWS for layer in model._flatten_layers())
    least, gains = _XLA_MIN_STEPS, has_small_steps(model, batch_size)
    if n_members_of(model):
        least, gains = _XLA_MIN_STEPS_OF_MEMBERS, True
    return may_fill_up(model) and not draws and n_steps >= least and gains


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
