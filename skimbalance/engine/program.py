"""How do epochs run as one compiled program, and how do fits share it?

A program owns a copy of a network, of its optimizer and of its loss. A fit borrows it: it loads its weights,
runs its epochs, and stores the weights back. Rows reach it in blocks that are already shuffled, so that the
loop inside only slices, and a table of any length runs through the same compiled shapes. Everything a grid
varies is data: weights of rows, the loss's hyper-parameters, the learning rate. So one compilation serves every
fit of an architecture.
"""

import numpy as np

from skimbalance.engine.blocks import block_steps, filled_up, may_fill_up, most_steps, n_groups_of
from skimbalance.engine.compiled import as_arrays, as_operation
from skimbalance.engine.forward import forward_of
from skimbalance.engine.keras_internals import rate_of, takes_training
from skimbalance.engine.optimizers import constant_rate, follows_our_schedule, stateless_copy, with_constant_rate
from skimbalance.engine.startup import tf
from skimbalance.engine.state import compact, read, state_of, values, write
from skimbalance.networks import MemberGroups, losses_of


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
    xla : bool
        Whether to compile with XLA.
    run_eagerly : bool
        Whether not to compile at all.
    """

    def __init__(self, network, optimizer, decays, loss, batch_size, xla, run_eagerly=False):
        self.network, self.model, self._loss, self._batch_size = network, network.model, loss, batch_size
        self.optimizer, self._has_rates = with_constant_rate(optimizer), follows_our_schedule(optimizer)
        self._xla = xla and not run_eagerly
        self._pads = may_fill_up(network) and not run_eagerly
        self._block_steps, self._most_steps = block_steps(network, batch_size), most_steps(network, batch_size)
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [compact(value) for value in read(self.optimizer.variables)]
        n_groups = n_groups_of(network, self.optimizer) if self._xla else 1
        self._groups = MemberGroups(self.model, network.members, n_groups)
        self._part_optimizer = stateless_copy(self.optimizer, self._groups.part.trainable_variables, decays)
        self._training = {"training": True} if takes_training(self._groups.part) else {}
        self._run = self._run_on_variables if run_eagerly else None
        self._forward, self._compiles = None, not run_eagerly

    def load(self, model, optimizer_state, learning_rate, loss):
        """Take over a network's weights, an optimizer's state (None is a fresh one), a loss's hyper-parameters."""
        if model is not self.model:
            write(state_of(self.model), values(state_of(model)))
        write(self.optimizer.variables, optimizer_state or self._fresh_optimizer)
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate
        self._hyperparameters = [tf.constant(getattr(loss, name), tf.float32) for name in loss.hyperparameters]

    def finish(self):
        """Do what the optimizer does after the last step: put moving averages in the place of weights."""
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def store(self, model):
        """Hand the weights back to the network; return the optimizer's state."""
        if model is not self.model:
            write(state_of(model), values(state_of(self.model)))
        if constant_rate(model.optimizer) is not None:
            model.optimizer.learning_rate = constant_rate(self.optimizer)
        return read(self.optimizer.variables)

    @property
    def is_compiled(self):
        """Whether the first block can run at once."""
        return self._run is not None

    def read_weights(self):
        """Return the values of the network's weights, in the order of ``model.weights``."""
        return read(self.model.weights)

    def write_weights(self, values):
        """Set the network's weights."""
        write(self.model.weights, values)

    def logits(self, X, index=None):
        """Return logits of rows as the network is now, (n_rows, n_members, n_classes)."""
        if self._forward is None:
            self._forward = forward_of(self.network, self._compiles)
        return self._forward(values(state_of(self.model)), X, index)

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
            plan = np.column_stack([sizes, rates[n_done : n_done + len(sizes)]]).astype(np.float32)
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
        arguments = [self._groups.gather(rows, index, w), plan]
        if self._run is None:
            self._run = self._compile(arguments)
        return np.asarray(self._run(*arguments, tf.constant(n_steps), self._hyperparameters))[:n_steps]

    def _compile(self, arguments):
        """Return the program for blocks like these arguments, but of any number of steps.

        Only what is inside, XLA compiles for each size of block by itself.
        """
        specs = tf.nest.map_structure(lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), arguments)
        specs.append(tf.TensorSpec((), tf.int32))
        specs.append([tf.TensorSpec(number.shape, tf.float32) for number in self._hyperparameters])
        if not self._xla:
            return as_operation(self._run_on_variables, *specs)
        variables = self._variables
        specs = [[tf.TensorSpec(v.shape, v.dtype) for v in variables], *specs]
        run = as_arrays(self._run_groups, *specs, in_parallel=self._groups.n > 1)

        def run_on_variables(*arguments):
            losses, ends = run(values(variables), *arguments)
            write(variables, ends)
            return losses

        return run_on_variables

    def _run_on_variables(self, *arguments):
        """Trace a block between reading and writing the state."""
        variables = self._variables
        losses, ends = self._run_groups([variable.value for variable in variables], *arguments)
        for variable, value in zip(variables, ends, strict=True):
            variable.assign(value)
        return losses

    @property
    def _variables(self):
        """All that a step changes."""
        return [*state_of(self.model), *self.optimizer.variables]

    def _run_groups(self, state, tables, plan, n_steps, hyperparameters):
        """Trace a block: the loop of every group of members, side by side; return losses and the state at the end."""
        tables, plan = tf.nest.map_structure(tf.convert_to_tensor, (tables, plan))
        groups, part, variables = self._groups, self._groups.part, self._variables
        of_part = [*state_of(part), *self._part_optimizer.variables]
        loop = tf.function(self._loop, jit_compile=True, autograph=False) if self._xla else self._loop
        shares = groups.split(state, of_part)
        ends = [
            loop(list(share), *table, plan, n_steps, hyperparameters)
            for share, table in zip(shares, tables, strict=True)
        ]
        losses, shares = zip(*ends, strict=True)
        return tf.add_n(losses), groups.merge(shares, variables)

    def _loop(self, state, X, y, w, plan, n_steps, hyperparameters):
        """Trace the loop over the steps of a block; return the sum of losses of each step and the state at the end."""
        originals = {name: getattr(self._loss, name) for name in self._loss.hyperparameters}
        vars(self._loss).update(zip(originals, hyperparameters, strict=True))

        def run_step(step, losses, state):
            n_rows, rate = plan[step, 0], plan[step, 1]
            X_step, y_step, w_step = (tf.gather(a, step) for a in (X, y, w))
            if not self._pads:
                n = tf.cast(n_rows, tf.int32)
                X_step, y_step, w_step = X_step[:, :n], y_step[:n], w_step[:n]
            loss, after = self._step(state, X_step, y_step, w_step, rate, n_rows)
            for value, before in zip(after, state, strict=True):
                value.set_shape(before.shape)  # which the slopes of some layers, such as attention's, do not tell
            return step + 1, losses.write(step, loss), after

        try:
            losses = tf.TensorArray(tf.float32, size=tf.shape(plan)[0], element_shape=())
            end = tf.while_loop(lambda step, *_: step < n_steps, run_step, [tf.constant(0), losses, state])
            return end[1].stack(), end[2]
        finally:
            vars(self._loss).update(originals)

    def _step(self, state, X, y, w, rate, n_rows):
        """Trace one gradient step; return the loss summed over its rows, its mean over members, and the state."""
        part, optimizer = self._groups.part, self._part_optimizer
        sizes = [len(part.trainable_variables), len(part.non_trainable_variables)]
        trainable, others, optimizer_state = state[: sizes[0]], state[sizes[0] : sum(sizes)], state[sum(sizes) :]
        if self._has_rates:
            is_rate = [variable is rate_of(optimizer) for variable in optimizer.variables]
            optimizer_state = [rate if is_it else v for is_it, v in zip(is_rate, optimizer_state, strict=True)]
        model, rows = (part, X[0]) if self._groups.on_own_rows is None else (self._groups.on_own_rows, X)
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            outputs, others, penalties = model.stateless_call(
                trainable, others, rows, return_losses=True, **self._training
            )
            logits = self.network.logits(outputs)
            losses = tf.cast(losses_of(self._loss, y, logits), tf.float32)
            loss = tf.reduce_sum(losses * w) / (n_rows * self.network.members.n)
            for penalty in penalties:
                loss += tf.cast(penalty, tf.float32)
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, trainable)
        trainable, optimizer_state = optimizer.stateless_apply(optimizer_state, gradients, trainable)
        return loss * n_rows, [*trainable, *others, *optimizer_state]
