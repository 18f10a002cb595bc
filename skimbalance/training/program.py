"""Run the epochs of a fit as one compiled program, which fits of the same architecture share.

A program owns a copy of a network, of its optimizer and of its loss. A fit borrows it: it loads its weights,
runs its epochs, and stores the weights back. Rows are passed in blocks that are already shuffled, so that the
loop inside only slices, and a table of any length runs through the same compiled shapes. Everything that a grid
search varies is passed as data: weights of rows, the loss's hyper-parameters, the learning rate. So one compilation
serves every fit of an architecture.
"""

import numpy as np

from skimbalance._keras.keras_internals import takes_training
from skimbalance._keras.startup import tf
from skimbalance.networks.copying import set_decays
from skimbalance.networks.members import MemberGroups
from skimbalance.networks.outputs import losses_of
from skimbalance.training.blocks import block_steps, filled_up, may_fill_up, most_steps, n_groups_of
from skimbalance.training.compiled import InSession, as_function, has_gpu
from skimbalance.training.forward import forward_of
from skimbalance.training.optimizers import (
    apply_gradients,
    constant_rate,
    follows_our_schedule,
    with_constant_rate,
)
from skimbalance.training.state import compact, read, state_of, values, write
from skimbalance.training.weights import JoinedWeights, new_weights


class Program:
    """Epochs of one architecture, compiled.

    Parameters
    ----------
    network : Network
        Network of the program, whose weights it overwrites.
    optimizer : keras.optimizers.Optimizer
        Optimizer of the program, not yet built.
    decays : list of bool
        Whether the optimizer's weight decay applies to each trainable variable.
    loss : LogitsLoss
        Loss of the program.
    batch_size : int
        Rows of a step.
    way : {"XLA", "graph", "eager"}
        Whether it is compiled with XLA, as a graph, or not at all.
    stays_here : bool
        Whether `model` and `optimizer` hold the state in every step, for callbacks that look at it.

    Attributes
    ----------
    model : keras.Model
        Its network. Where a program runs in a session, the session holds weights of its own between two steps:
        `model` and `optimizer` are up to date after `bring_here`.
    """

    def __init__(self, network, optimizer, decays, loss, batch_size, way, stays_here=False):
        self.network, self.model, self._loss, self._batch_size = network, network.model, loss, batch_size
        self._decays = decays
        self.optimizer, self._follows_schedule = with_constant_rate(optimizer), follows_our_schedule(optimizer)
        self._has_rates = constant_rate(self.optimizer) is not None
        self._xla, is_compiled = way == "XLA", way != "eager"
        self._pads = may_fill_up(network) and is_compiled and not loss.is_of_batch
        self._block_steps, self._most_steps = block_steps(network, batch_size), most_steps(network, batch_size)
        set_decays(self.optimizer, self.model.trainable_variables, decays).build(self.model.trainable_variables)
        self._fresh_optimizer = [compact(value) for value in read(self.optimizer.variables)]
        n_groups = n_groups_of(network, self.optimizer) if self._xla and not has_gpu() else 1
        self._groups = MemberGroups(self.model, network.members, n_groups)
        self._weights = self._new_weights(joins=is_compiled and not (stays_here or has_gpu()))
        self._training = {"training": True} if takes_training(self._groups.part) else {}
        self._run, self._session, self._stays_here = None if is_compiled else self._loop, None, stays_here
        self._is_ahead = self._is_behind = False
        self._state_ahead = None
        self._forward, self._compiles = None, is_compiled

    def load(self, model, optimizer_state, learning_rate, loss):
        """Take over a network's weights, an optimizer's state (None is a fresh one), a loss's hyper-parameters."""
        if model is not self.model:
            write(state_of(self.model), values(state_of(model)))
        write(self.optimizer.variables, optimizer_state or self._fresh_optimizer)
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        self._hyperparameters = [np.asarray(getattr(loss, name), np.float32) for name in loss.hyperparameters]
        self._is_ahead, self._is_behind, self._state_ahead = False, True, None

    def finish(self):
        """Do what the optimizer does after the last step: put moving averages in the place of weights."""
        self.bring_here()
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def store(self, model):
        """Hand the weights back to the network; return the optimizer's state."""
        self.bring_here()
        if model is not self.model:
            write(state_of(model), values(state_of(self.model)))
        if constant_rate(model.optimizer) is not None:
            model.optimizer.learning_rate = constant_rate(self.optimizer)
        return read(self.optimizer.variables)

    @property
    def is_compiled(self):
        """Whether the first block can run at once."""
        return self._run is not None

    def bring_here(self):
        """Copy the state to the network and the optimizer, where callbacks read and may change it."""
        if self._is_ahead:
            shares = [self._weights.unpack(of) for of in self._session.read()]
            write(self._variables, self._groups.merge(shares, self._variables))
        self._is_ahead, self._is_behind, self._state_ahead = False, True, None

    def read_weights(self):
        """Return the values of the network's weights, in the order of ``model.weights``."""
        if not self._is_ahead:
            return read(self.model.weights)
        now = dict(zip(map(id, state_of(self.model)), self._state(), strict=True))
        return [now[id(variable)].copy() for variable in self.model.weights]

    def write_weights(self, values):
        """Set the network's weights."""
        self.bring_here()
        write(self.model.weights, values)

    def logits(self, X, index=None):
        """Return logits of rows as the network is now, (n_rows, n_members, n_classes)."""
        if self._forward is None:
            self._forward = forward_of(self.network, self._compiles)
        return self._forward(self._state(), X, index)

    def _state(self):
        """Return the values of the network's state as it is now: tensors, or arrays while a session holds it."""
        if not self._is_ahead:
            return values(state_of(self.model))
        if self._state_ahead is None:  # scores need it several times an epoch, and never what the optimizer keeps
            shares = [self._weights.unpack(of) for of in self._session.read(self._weights.n_of_network)]
            self._state_ahead = self._groups.merge(shares, state_of(self.model))
        return self._state_ahead

    def run_epochs(self, rows, orders, weights, rates, after_batch=None, after_block=None):
        """Train on every position of each order once; return the mean loss of each epoch.

        Parameters
        ----------
        rows : TrainingRows
            Rows.
        orders : list of ndarray of shape (n_rows, n_members)
            Positions of each member's rows in each epoch.
        weights : list of ndarray of shape (n_positions,)
            Weight of each position in each epoch.
        rates : ndarray of float32, shape (n_steps,)
            Learning rate of each step of all epochs; only an optimizer that follows a schedule of ours heeds it.
        after_batch : callable, default=None
            ``after_batch(step, loss)``, called after each step, which runs by itself then.
        after_block : callable, default=None
            ``after_block(n_steps)``, called with the steps done so far, some at a time.

        Returns
        -------
        ndarray of shape (n_epochs,)
            Loss, the mean over an epoch's rows.
        """
        losses, n_done = [], 0
        for index, w, sizes in rows.blocks(orders, weights, self._batch_size, 1 if after_batch else self._most_steps):
            its_rates = rates[n_done : n_done + len(sizes)]
            if not self._follows_schedule:
                its_rates = np.full(len(sizes), constant_rate(self.optimizer) or 0.0)
            plan = np.column_stack([sizes, its_rates]).astype(np.float32)
            losses.append(self._run_block(rows, index, w, plan))
            if after_batch:
                after_batch(n_done, float(losses[-1][0]) / sizes[0])
            n_done += len(sizes)
            if after_block:
                after_block(n_done)
        return np.concatenate(losses).reshape(len(orders), -1).sum(axis=1) / len(rows)

    def _run_block(self, rows, index, w, plan):
        """Gather the rows of some steps and train on them; return the sum of losses of each step."""
        n_steps = len(plan)
        if self._xla:
            n_filled = next(steps for steps in self._block_steps if steps >= n_steps)
            index, w, plan = (filled_up(a, n_filled) for a in (index, w, plan))
        tables, numbers = self._groups.gather(rows, index, w), (plan, np.int32(n_steps), *self._hyperparameters)
        if self._run is None:
            self._run = self._compile((*tables[0], *numbers))
        if self._session is None:
            return np.asarray(self._run(*map(tf.convert_to_tensor, (*tables[0], *numbers))))[:n_steps]
        if self._is_behind:
            shares = self._groups.split(read(self._variables), self._weights.shapes)
            self._session.write([self._weights.pack(of) for of in shares])
        self._is_ahead, self._is_behind, self._state_ahead = True, False, None
        return sum(self._session(*[(*table, *numbers) for table in tables]))[:n_steps]

    def _compile(self, arguments):
        """Return the program for blocks like these arguments, but of any number of steps."""
        n_tables = 4  # rows, labels, weights and plan have an axis of steps
        specs = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arguments[:n_tables]]
        specs += [tf.TensorSpec(a.shape, a.dtype) for a in arguments[n_tables:]]
        if not (has_gpu() or self._stays_here):
            try:
                self._session = InSession(self._loop, specs, self._weights.variables, self._groups.n, self._xla)
                return self._session
            except LookupError:
                if isinstance(self._weights, JoinedWeights):
                    self._weights = self._new_weights(joins=False)
                    return self._compile(arguments)
        return as_function(self._loop, *specs, xla=self._xla)

    def _new_weights(self, joins):
        """Return what the optimizer steps."""
        return new_weights(self._groups, self.optimizer, self._decays, joins)

    @property
    def _variables(self):
        """All that a step changes."""
        return [*state_of(self.model), *self.optimizer.variables]

    def _loop(self, X, y, w, plan, n_steps, *hyperparameters):
        """Trace the loop over the steps of a block; return the sum of losses of each step."""
        loss = self._loss.with_hyperparameters(hyperparameters)

        def run_step(step, losses):
            n_rows = plan[step, 0]
            if self._has_rates:
                self._weights.optimizer.learning_rate.assign(plan[step, 1])
            X_step, y_step, w_step = (tf.gather(a, step) for a in (X, y, w))
            if not self._pads:
                n = tf.cast(n_rows, tf.int32)
                X_step, y_step, w_step = X_step[:, :n], y_step[:n], w_step[:n]
            return step + 1, losses.write(step, self._step(loss, X_step, y_step, w_step, n_rows))

        losses = tf.TensorArray(tf.float32, size=tf.shape(plan)[0], element_shape=())
        return tf.while_loop(lambda step, *_: step < n_steps, run_step, [tf.constant(0), losses])[1].stack()

    def _step(self, loss, X, y, w, n_rows):
        """Trace one gradient step; return the loss summed over its rows, its mean over members."""
        part, weights = self._groups.part, self._weights
        values, others = (
            [tf.convert_to_tensor(variable.value) for variable in variables]
            for variables in (weights.trainable, part.non_trainable_variables)
        )
        trainable = weights.apart(values)
        model, rows = (part, X[0]) if self._groups.on_own_rows is None else (self._groups.on_own_rows, X)
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            outputs, after, penalties = model.stateless_call(
                trainable, others, rows, return_losses=True, **self._training
            )
            losses = tf.cast(losses_of(loss, y, self.network.logits(outputs)), tf.float32)
            total = tf.reduce_sum(losses * w) / (n_rows * self.network.members.n)
            for penalty in penalties:
                total += tf.cast(penalty, tf.float32)
            scaled = weights.optimizer.scale_loss(total)
        gradients = weights.joined(tape.gradient(scaled, trainable))
        apply_gradients(weights.optimizer, gradients, weights.trainable, weights.decays)
        for variable, value, before in zip(part.non_trainable_variables, after, others, strict=True):
            if value is not before:
                variable.assign(value)
        return total * n_rows
