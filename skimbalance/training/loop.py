"""Run the epochs of a fit on a compiled program, or by the network's own training step."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from skimbalance._keras.keras_internals import decays_of, detach, is_epoch_only
from skimbalance._keras.startup import has_xla, keep_python_random, keras, start
from skimbalance._warnings import warn
from skimbalance.training.architecture import architecture
from skimbalance.training.blocks import has_small_steps, may_fill_up, most_steps, wants_xla
from skimbalance.training.cache import programs
from skimbalance.training.callbacks import EpochProgress, compile_for, say, watch_average_precision
from skimbalance.training.divergence import diverged
from skimbalance.training.keras_loop import KerasLoop
from skimbalance.training.optimizers import constant_rate, schedule_of
from skimbalance.training.program import Program

#: Steps of earlier chunks after which the highest rate of a schedule has fallen by a factor of sqrt(2).
_STEPS_OF_FULL_RATE = 256

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")


@dataclass
class Training:
    """How one call of `train` is to run, and what it watches.

    Attributes
    ----------
    batch_size, epochs, initial_epoch : int
        Rows of a step; epochs to train for, and the number of the first.
    callbacks : list of keras.callbacks.Callback
        Callbacks of this fit alone.
    posterior_at : callable
        ``posterior_at(progress) -> Posterior``, what logits mean at a share of the epochs.
    evaluate : EpochEvaluation or None
        What an epoch's log holds besides the loss.
    selection : EpochSelection or None
        Chooses each member's epoch, and ends training.
    rng : numpy.random.Generator or None
        Source of each epoch's order; None keeps the order of the rows.
    run_eagerly : bool
        Whether to run every operation by itself, for debugging.
    jit_compile : bool or "auto"
        Whether to compile with XLA, where layers allow it; "auto" where it is quicker.
    steps_before : int
        Steps that the network has taken on earlier chunks, after which a schedule of ours starts lower.
    """

    batch_size: int
    epochs: int
    initial_epoch: int = 0
    callbacks: list = field(default_factory=list)
    posterior_at: object = None
    evaluate: object = None
    selection: object = None
    rng: np.random.Generator | None = None
    run_eagerly: bool = False
    jit_compile: bool | str = "auto"
    steps_before: int = 0

    @property
    def epoch_numbers(self):
        """Numbers of the epochs, for the callbacks."""
        return range(self.initial_epoch, self.initial_epoch + self.epochs)

    def progress(self, epoch):
        """Return the share of the epochs behind us, from 0 to 1."""
        return (epoch - self.initial_epoch) / max(self.epochs - 1, 1)

    @property
    def logs_held_out(self):
        """Whether logs hold scores of held-out rows: those of all members, or of each pair's own."""
        of_pairs = self.selection is not None and self.selection.held_out.is_own
        return of_pairs or self.evaluate.scores_held_out

    def kept_epochs(self, n_trained):
        """Return the number of the epoch that each member kept: the last of those trained, unless another was chosen.

        A callback of the user's that restores weights chooses as well.
        """
        if self.selection is not None:
            return self.selection.best_epoch
        chosen = [
            callback.best_epoch
            for callback in self.callbacks
            if isinstance(callback, keras.callbacks.EarlyStopping)
            and getattr(callback, "best_weights", None) is not None
        ]
        return np.array(chosen[:1] or [self.initial_epoch + n_trained - 1])


def train(network, loss, rows, training, optimizer_state=None):
    """Train a network in place.

    Parameters
    ----------
    network : Network
        Network, compiled: it holds the optimizer, and `loss` as it applies to the network's outputs.
    loss : LogitsLoss
        Loss on logits.
    rows : TrainingRows
        Rows, weights and order.
    training : Training
        How to run.
    optimizer_state : list of ndarray, default=None
        What an earlier call returned, to go on from; None starts afresh.

    Returns
    -------
    history : dict of str to list
        What each epoch's log held.
    optimizer_state : list of ndarray
        State of the optimizer after the last epoch. The network's own optimizer stays unbuilt, but for its learning
        rate: building it takes longer than a small fit.

    Raises
    ------
    ValueError
        If training diverges before any epoch that could be kept.
    """
    start()
    try:
        return _train(network, loss, rows, training, optimizer_state)
    finally:
        for callback in training.callbacks:
            detach(callback)
            if isinstance(callback, EpochProgress):
                callback.close()


def _train(network, loss, rows, training, optimizer_state):
    """Train on a program, or through Keras' loop."""
    model, optimizer, log = network.model, network.model.optimizer, EpochLog(rows, training)
    n_steps = training.epochs * -(-len(rows) // training.batch_size)
    rates = _rates(optimizer, n_steps, training.callbacks, training.steps_before)
    if _trains_itself(model):
        watches = watch_average_precision(training.callbacks)
        if watches:
            compile_for(training, model, optimizer, model.loss)
        state = KerasLoop(network).run(
            rows, training.batch_size, training.callbacks, log, optimizer_state, training.run_eagerly
        )
        if watches:
            model.compile(optimizer, model.loss, metrics=training.evaluate.metrics, jit_compile=False)
        return log.history, state
    way, needs_batches = _way(network, optimizer, loss, training, n_steps), _need_batches(training.callbacks)
    decays, key = decays_of(optimizer, model.trainable_variables), None
    if way != "eager":
        key = architecture(
            model, optimizer, loss, training.batch_size, way, needs_batches, network.returns_proba, *decays
        )

    def build():
        template_loss = type(loss).from_config(loss.get_config()) if key is not None else loss
        with keep_python_random():
            template = network if key is None else network.template()
            return Program(template, optimizer, decays, template_loss, training.batch_size, way, needs_batches)

    with programs.lend(key, build) as program:
        program.load(model, optimizer_state, constant_rate(optimizer), loss)
        loss_on_outputs = model.loss
        _run_program(program, network, rows, training, log, rates)
        if program.model is model:  # which callbacks saw, compiled for them
            model.optimizer = optimizer
            if training.evaluate is not None:
                model.compile(optimizer, loss_on_outputs, metrics=training.evaluate.metrics, jit_compile=False)
        return log.history, program.store(model)


def _way(network, optimizer, loss, training, n_steps):
    """Return how a program runs; with XLA, steps have a fixed number of rows, and many run in one call."""
    if training.run_eagerly:
        return "eager"
    return "XLA" if _wants_xla(network, optimizer, loss, training, n_steps) and has_xla() else "graph"


def _wants_xla(network, optimizer, loss, training, n_steps):
    """Whether to compile with XLA."""
    if _need_batches(training.callbacks) or loss.is_of_batch:
        return False
    if training.jit_compile == "auto":
        scales_loss = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return not scales_loss and wants_xla(network, training.batch_size, n_steps)
    return bool(training.jit_compile) and may_fill_up(network)


def _run_program(program, network, rows, training, log, rates):
    """Run the epochs on a program that has been loaded, and tell callbacks."""
    callbacks, steps = training.callbacks, -(-len(rows) // training.batch_size)
    # Callbacks see the program's network, where the current weights are.
    compile_for(training, program.model, program.optimizer, network.model.loss)
    program.model.optimizer, program.model.stop_training = program.optimizer, False
    for callback in callbacks:
        callback.set_model(program.model)
        callback.set_params({"epochs": training.epoch_numbers.stop, "steps": steps, "verbose": 0})
    _call(callbacks, "on_train_begin")
    if not program.is_compiled:
        say(callbacks, "compiling")
    logs = {}
    for epoch, mean_loss in _train_epochs(program, rows, training, log, rates):
        say(callbacks, "scoring")
        if any(not isinstance(callback, EpochProgress) for callback in callbacks):
            program.bring_here()
        logs, stops = log.end(epoch, program, mean_loss, callbacks)
        program.model.stop_training = program.model.stop_training or stops
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.TerminateOnNaN):
                callback.on_batch_end(steps - 1, logs)
        _call(callbacks, "on_epoch_end", epoch, logs)
        log.keep(logs)
        if program.model.stop_training:
            break
    program.finish()
    log.finish(program)
    _call(callbacks, "on_train_end", logs)
    log.settle(program)


def _train_epochs(program, rows, training, log, rates):
    """Train epoch by epoch, or several at once; yield the number and the loss of each."""
    callbacks, epoch_numbers = training.callbacks, training.epoch_numbers
    steps = len(rates) // training.epochs
    # Calls of large steps would gain nothing.
    is_watched = bool(callbacks or training.evaluate or training.selection)
    is_small = has_small_steps(program.network, training.batch_size)
    most = max(most_steps(program.network, training.batch_size) // steps, 1) if is_small and not is_watched else 1
    at_once = -(-training.epochs // -(-training.epochs // most))  # in calls of equal size: XLA compiles one block then
    after_batch = partial(_end_batch, callbacks) if _need_batches(callbacks) else None
    for begin in range(0, training.epochs, at_once):
        epochs = epoch_numbers[begin : begin + at_once]
        for epoch in epochs:
            _call(callbacks, "on_epoch_begin", epoch)
        orders, weights = zip(*map(log.begin, epochs), strict=True)
        its_rates = rates[begin * steps : (begin + len(epochs)) * steps]
        after_block = partial(_show_progress, callbacks, begin, steps)
        losses = program.run_epochs(rows, orders, weights, its_rates, after_batch, after_block)
        yield from zip(epochs, losses.tolist(), strict=True)


class EpochLog:
    """Order, weights and logs of the epochs, alike on both ways of training."""

    def __init__(self, rows, training):
        self._rows, self._training = rows, training
        self.history, self.epoch_numbers = {}, training.epoch_numbers

    def begin(self, epoch):
        """Return the order and the weights of an epoch."""
        return self._rows.order(self._training.rng), self._rows.weights(self._training.progress(epoch))

    def end(self, epoch, program, loss, callbacks):
        """Return the log of an epoch, and whether training stops; tell callbacks when held-out rows are scored."""
        scores_held_out = self._training.evaluate and self._training.evaluate.scores_held_out
        if scores_held_out:
            _call(callbacks, "on_test_begin")
        logs, stops = self._end(epoch, program, loss)
        if scores_held_out:
            scores = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
            _call(callbacks, "on_test_end", scores)
        return logs, stops

    def _end(self, epoch, program, loss):
        """Return the log of an epoch, and whether training stops."""
        training, logits, scores, stops, posterior = self._training, None, {}, False, None
        if training.evaluate or training.selection:
            posterior = training.posterior_at(training.progress(epoch))
        if training.selection is not None:
            logits, scores, stops = training.selection.update(epoch, program, posterior)
        if training.evaluate:
            scores = {**training.evaluate(program, posterior, logits), **scores}
        if not np.isfinite(loss):
            if training.selection is None or not training.selection.has_finite:
                raise diverged(epoch + 1, f"the training loss is {loss}")
            stops = True
            warn(f"Training diverged in epoch {epoch + 1} and was stopped; the best epoch before is kept.")
        return {"loss": loss, **scores}, stops

    def keep(self, logs):
        """Append an epoch's log, with what callbacks added to it, to the history."""
        self.history = join_histories(self.history, {name: [value] for name, value in logs.items()})

    def finish(self, program):
        """Give members the weights of their best epochs, before callbacks end."""
        if self._training.selection is not None:
            self._training.selection.restore(program)

    def settle(self, program):
        """Give them these weights again, if a callback has changed them as it ended."""
        if self._training.selection is not None and self._training.callbacks:
            self._training.selection.restore_again(program)


def join_histories(before, after):
    """Return two histories as one, with NaN where one of them has no score of a name."""
    names = {**before, **after}
    n_before, n_after = (len(next(iter(history.values()), [])) for history in (before, after))
    return {n: before.get(n, [np.nan] * n_before) + after.get(n, [np.nan] * n_after) for n in names}


def _rates(optimizer, n_steps, callbacks, steps_before=0):
    """Return the learning rate of every step by a schedule of ours, which then spans this fit; 0 without one.

    Each chunk has a schedule of its own, lower for later chunks: at the full rate, each would undo the earlier ones.
    """
    schedule = schedule_of(optimizer)
    if schedule is None:
        return np.zeros(n_steps, dtype=np.float32)
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler):
            raise ValueError(
                f"{type(callback).__name__} sets the learning rate, which follows the schedule of the default network; "
                'name an optimizer (optimizer="adam") or leave out the callback.'
            )
    schedule.n_steps = n_steps
    rates = np.asarray(schedule(np.arange(n_steps, dtype=np.float32)))
    return rates / np.float32(np.sqrt(1 + steps_before / _STEPS_OF_FULL_RATE))


def _end_batch(callbacks, step, loss):
    """Tell callbacks that a step has ended."""
    _call(callbacks, "on_train_batch_begin", step)
    _call(callbacks, "on_train_batch_end", step, {"loss": loss})


def _show_progress(callbacks, epoch, steps, n_done):
    """Tell what shows progress how many epochs and steps of the next one are done."""
    for callback in callbacks:
        if isinstance(callback, EpochProgress):
            callback.show(epoch + n_done / steps)


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


def _need_batches(callbacks):
    """Whether a callback does something at every batch."""
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, name), "__func__", callback) is not getattr(base, name)
        for callback in callbacks
        if not is_epoch_only(callback)
        for name in _BATCH_HOOKS
    )
