"""How do the epochs of a fit run? On a shared compiled program, or through Keras' own ``fit`` where one must."""

from functools import partial

import numpy as np

from skimbalance._startup import keep_python_random, keras, start
from skimbalance.networks import clone_network, decays_of, n_members_of
from skimbalance.training.architecture import architecture
from skimbalance.training.prediction import predict_logits
from skimbalance.training.program import Program, ProgramCache, block_steps, has_small_steps, may_fill_up, wants_xla
from skimbalance.training.schedule import CosineLog
from skimbalance.training.state import read, write

_programs = ProgramCache()
_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


def train(model, loss, rows, *, batch_size, epochs, initial_epoch=0, callbacks=(), evaluate=None, members=None,
          rng=None, optimizer_state=None, run_eagerly=False, jit_compile="auto"):  # fmt: skip
    """Train a network in place.

    Parameters
    ----------
    model : keras.Model
        Network, compiled: it holds the optimizer, and `loss` as it applies to the network's outputs.
    loss : LogitsLoss
        Loss on logits.
    rows : TrainingRows
        Rows, weights and order.
    batch_size : int
        Rows of a step.
    epochs : int
        Epochs to train for.
    initial_epoch : int, default=0
        Number of the first one, for the callbacks.
    callbacks : list of keras.callbacks.Callback
        Callbacks of this fit alone.
    evaluate : callable, default=None
        ``evaluate(logits_of) -> dict``, what an epoch's log holds besides the loss; ``logits_of(X)`` are the logits
        of rows as the network is then. It is false where it has nothing to evaluate.
    members : MemberSelection, default=None
        Chooses each member's epoch, for a network whose members may have rows of their own.
    rng : numpy.random.Generator, default=None
        Source of each epoch's order; None keeps the order of the rows.
    optimizer_state : list of ndarray, default=None
        What an earlier call returned, to go on from; None starts afresh.
    run_eagerly : bool, default=False
        Whether to run every operation by itself, for debugging.
    jit_compile : bool or "auto", default="auto"
        Whether to compile with XLA, where layers allow it; "auto" where it is quicker.

    Returns
    -------
    history : dict of str to list
        What each epoch's log held.
    optimizer_state : list of ndarray
        State of the optimizer after the last epoch. The network's own optimizer stays unbuilt, but for its learning
        rate: building it takes longer than a small fit.
    """
    start()
    epoch_numbers = range(initial_epoch, initial_epoch + epochs)
    steps = -(-len(rows) // batch_size)
    log = _EpochLog(rows, epoch_numbers, evaluate, rng)
    optimizer, needs_batches = model.optimizer, any(map(_needs_batches, callbacks))
    rates = _rates(optimizer, epochs * steps, callbacks)
    scales_loss = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scales_loss and n_members_of(model):
        raise ValueError(
            "A LossScaleOptimizer (which Keras wraps around every optimizer under mixed_float16) trains through Keras' "
            "own loop, which cannot give rows to each member of the default network; take float32, or one network "
            '(model="mlp").'
        )
    if _trains_itself(model) or scales_loss or (not n_members_of(model) and (run_eagerly or needs_batches)):
        state = _train_through_keras(
            model, optimizer_state, rows, batch_size, epoch_numbers, callbacks, log, run_eagerly
        )
        return log.history, state

    xla = wants_xla(model, batch_size, epochs * steps) if jit_compile == "auto" else jit_compile and may_fill_up(model)
    decays = decays_of(optimizer, model.trainable_variables)
    key = None if run_eagerly else architecture(model, optimizer, loss, batch_size, xla, *decays)

    def build():
        template_loss = type(loss).from_config(loss.get_config()) if key is not None else loss
        with keep_python_random():
            template = model if key is None else clone_network(model)
            return Program(template, optimizer, decays, template_loss, batch_size, xla, run_eagerly)

    with _programs.lend(key, build) as program:
        program.load(model, optimizer_state, _constant_rate(optimizer), loss)
        # Callbacks see the program's network, where the current weights are.
        program.model.optimizer, program.model.stop_training = program.optimizer, False
        for callback in callbacks:
            callback.set_model(program.model)
            callback.set_params({"epochs": epoch_numbers.stop, "steps": steps, "verbose": 0})
        _call(callbacks, "on_train_begin")
        # Calls of large steps would gain nothing, and could not be interrupted for long.
        is_watched = bool(callbacks or evaluate or members) or not has_small_steps(model, batch_size)
        most_at_once = 1 if is_watched else max(block_steps(model, batch_size)[-1] // steps, 1)
        at_once = -(-epochs // -(-epochs // most_at_once))  # in calls of equal size, for which XLA compiles one block
        for epoch, mean_loss in _train_epochs(program, rows, log, epoch_numbers, at_once, rates, callbacks):
            logs = log.end(program.logits, mean_loss)
            if members is not None:
                scores, program.model.stop_training = members.update(epoch, program)
                logs |= scores
            for callback in callbacks:
                if isinstance(callback, keras.callbacks.TerminateOnNaN):
                    callback.on_batch_end(steps - 1, logs)
            _call(callbacks, "on_epoch_end", epoch, logs)
            log.keep(logs)
            if program.model.stop_training:
                break
        if members is not None:
            members.restore(program)
        _call(callbacks, "on_train_end", logs)
        optimizer_state = program.store(model)
        if _constant_rate(optimizer) is not None:
            optimizer.learning_rate = _constant_rate(program.optimizer)
    return log.history, optimizer_state


def _train_epochs(program, rows, log, epoch_numbers, at_once, rates, callbacks):
    """Train epoch by epoch, or several at once; yield the number and the loss of each."""
    after_batch = partial(_end_batch, callbacks) if any(map(_needs_batches, callbacks)) else None
    for begin in range(0, len(epoch_numbers), at_once):
        epochs = epoch_numbers[begin : begin + at_once]
        for epoch in epochs:
            _call(callbacks, "on_epoch_begin", epoch)
        orders, weights = zip(*map(log.begin, epochs), strict=True)
        steps = len(rates) // len(epoch_numbers)
        its_rates = rates[begin * steps : (begin + len(epochs)) * steps]
        losses = program.run_epochs(rows, orders, weights, its_rates, after_batch)
        yield from zip(epochs, losses.tolist(), strict=True)


def _rates(optimizer, n_steps, callbacks):
    """Return the learning rate of every step by a schedule of ours, which then spans this fit; 0 without one."""
    schedule = optimizer._learning_rate
    if not isinstance(schedule, CosineLog):
        return np.zeros(n_steps, dtype=np.float32)
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler):
            raise ValueError(
                f"{type(callback).__name__} sets the learning rate, which follows the schedule of the default network; "
                'name an optimizer (optimizer="adam") or leave out the callback.'
            )
    schedule.n_steps = n_steps
    return np.asarray(schedule(np.arange(n_steps, dtype=np.float32)))


def _end_batch(callbacks, step, loss):
    """Tell callbacks that a step has ended."""
    _call(callbacks, "on_train_batch_begin", step)
    _call(callbacks, "on_train_batch_end", step, {"loss": loss})


def _constant_rate(optimizer):
    """Return the learning rate, or None where it follows a schedule."""
    rate = optimizer._learning_rate
    return None if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else float(rate)


class _EpochLog:
    """Order, weights and logs of the epochs, alike on both ways of training."""

    def __init__(self, rows, epoch_numbers, evaluate, rng):
        self._rows, self._epochs, self._evaluate, self._rng = rows, epoch_numbers, evaluate, rng
        self.history = {}

    def begin(self, epoch):
        """Return the order and the weights of an epoch."""
        done = epoch - self._epochs[0]
        return self._rows.order(self._rng), self._rows.weights(done / max(len(self._epochs) - 1, 1))

    def end(self, logits_of, loss):
        """Return the log of an epoch."""
        return {"loss": loss, **(self._evaluate(logits_of) if self._evaluate else {})}

    def keep(self, logs):
        """Append an epoch's log, with what callbacks added to it, to the history."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


def _call(callbacks, hook, *arguments):
    """Call a hook of every callback, in order; what one adds to an epoch's log, the next ones see."""
    for callback in callbacks:
        getattr(callback, hook)(*arguments)


def _trains_itself(model):
    """Whether a network's class brings a training step of its own."""
    return any(
        name in vars(parent)
        for parent in type(model).__mro__
        if not parent.__module__.startswith("keras.")
        for name in ("train_step", "fit", "compute_loss")
    )


def _needs_batches(callback):
    """Whether a callback does something at every batch."""
    epoch_only = (
        isinstance(callback, keras.callbacks.TerminateOnNaN)
        or (isinstance(callback, keras.callbacks.ModelCheckpoint | keras.callbacks.BackupAndRestore)
            and callback.save_freq == "epoch")
        or (isinstance(callback, keras.callbacks.TensorBoard)
            and callback.update_freq == "epoch" and not callback._start_batch)
    )  # fmt: skip
    base = keras.callbacks.Callback
    return not epoch_only and any(
        getattr(getattr(callback, name), "__func__", callback) is not getattr(base, name) for name in _BATCH_HOOKS
    )


def _train_through_keras(model, optimizer_state, rows, batch_size, epoch_numbers, callbacks, log, run_eagerly):
    """Train with ``keras.Model.fit``, more slowly to the same result; return the optimizer's state."""
    model.run_eagerly = run_eagerly
    if optimizer_state:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        write(model.optimizer.variables, optimizer_state)

    class Batches(keras.utils.PyDataset):
        """The batches of one epoch."""

        def __len__(self):
            return -(-len(rows) // batch_size)

        def __getitem__(self, i):
            positions = self.order[i * batch_size : (i + 1) * batch_size]
            index = rows.index[positions]
            return rows.X[index], rows.y[index], self.weights[positions]

    batches = Batches()

    class Epochs(keras.callbacks.Callback):
        """Draw each epoch's order, and complete its log before the other callbacks see it."""

        def on_epoch_begin(self, epoch, logs=None):
            batches.order, batches.weights = log.begin(epoch)

        def on_epoch_end(self, epoch, logs=None):
            # Keras averages the loss over batches of unequal size by their rows, as a program does.
            logs.update(log.end(partial(predict_logits, self.model), logs["loss"]))

    class Keep(keras.callbacks.Callback):
        """Keep the log once every other callback has had it."""

        def on_epoch_end(self, epoch, logs=None):
            log.keep(logs)

    batches.order, batches.weights = np.arange(len(rows)), np.ones(len(rows), dtype=np.float32)
    model.fit(
        batches,
        epochs=epoch_numbers.stop,
        initial_epoch=epoch_numbers.start,
        callbacks=[Epochs(), *callbacks, Keep()],
        verbose=0,
        shuffle=False,
    )
    return read(model.optimizer.variables)
