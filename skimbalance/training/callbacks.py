"""Call Keras callbacks and report progress while training runs."""

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance._progress import Progress, in_time
from skimbalance.networks.metrics import AVERAGE_PRECISION, ScoreInLogs


class EpochProgress(keras.callbacks.Callback):
    """Show the epochs of a fit.

    Parameters
    ----------
    verbose : int
        1 shows one progress bar over the epochs, with what is being done, the scores and, after the first steps, the
        time left; above, a line an epoch.
    epochs : int
        How many there are at most.
    ends_early : bool
        Whether there may be fewer.
    """

    def __init__(self, verbose, epochs, ends_early):
        super().__init__()
        self._epochs, self._done, self._is_compiled = epochs, 0, False
        self._bar = Progress("epochs", epochs, ends_early=ends_early, in_lines=verbose != 1)

    def say(self, what):
        """Show what is being done."""
        self._bar.say(what)

    def show(self, n_epochs):
        """Show how much is done, in epochs and parts of one.

        Parameters
        ----------
        n_epochs : float
            Epochs that are done; a whole number is left to the end of the epoch.
        """
        if n_epochs == int(n_epochs):
            return
        if not self._is_compiled:
            self._bar.restart(n_epochs)
            self._is_compiled = True
        self._bar.move(n_epochs)

    def on_epoch_end(self, epoch, logs=None):
        """Show an epoch's scores."""
        self._done += 1
        if self._done == 1:  # its scores were the first ones, and had to be compiled
            self._bar.restart(1)
        scores = [f"{name} {value:.3g}" for name, value in (logs or {}).items()]
        self._bar.move(self._done, ", ".join(scores))

    def end(self, kept):
        """Put in the place of the bar how many epochs there were, and which of them were kept.

        Parameters
        ----------
        kept : ndarray of int
            Numbers of these epochs, from 1.
        """
        n, total, least, most = self._done, self._epochs, kept.min(), kept.max()
        said = f"Stopped after {n} of {total} epochs" if n < total else f"Trained {n} epoch{'s' * (n > 1)}"
        which = f", kept epoch {most}" if least == most else f", kept epochs {least} to {most}"
        self._bar.end(f"{said}{'' if least == total else which} ({in_time(self._bar.seconds)}).")

    def close(self):
        """Leave the bar, after an error."""
        self._bar.close()


class EpochTasks(keras.callbacks.Callback):
    """Tell callbacks of scikit-learn of each epoch, and stop where one of them asks for it.

    Parameters
    ----------
    task : FitTask
        Task of the fit, within which the network is trained.
    n_epochs : int
        Epochs to train for.
    found : callable
        ``found(model, history)`` returns the attributes of the estimator after an epoch, where a callback asks for
        them.
    """

    def __init__(self, task, n_epochs, found):
        super().__init__()
        self._fit, self._n_epochs, self._found, self._history = task, n_epochs, found, {}

    def on_train_begin(self, logs=None):
        """Begin the task of training."""
        self._train = self._fit.begin("train", self._n_epochs)

    def on_epoch_begin(self, epoch, logs=None):
        """Begin the task of an epoch."""
        self._epoch = self._train.begin("epoch")

    def on_epoch_end(self, epoch, logs=None):
        """End the task of an epoch."""
        for name, value in logs.items():
            self._history.setdefault(name, []).append(value)
        if self._epoch.end(lambda: self._found(self.model, self._history)):
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """End the task of training."""
        self._train.end()


def new_progress(verbose, epochs, selection, callbacks):
    """Return what shows the epochs of a fit, as a list: empty for a silent fit."""
    ends_early = selection is not None or any(isinstance(of, keras.callbacks.EarlyStopping) for of in callbacks)
    return [EpochProgress(verbose, epochs, ends_early)] if verbose else []


def end_progress(callbacks, kept):
    """End the progress bar with the epochs that were kept, by their numbers from 1."""
    for callback in callbacks:
        if isinstance(callback, EpochProgress):
            callback.end(kept)


def say(callbacks, what):
    """Let the progress bar show the current activity."""
    for callback in callbacks:
        if isinstance(callback, EpochProgress):
            callback.say(what)


def compile_for(training, model, optimizer, loss):
    """Compile a network with its logged metrics, from which callbacks infer whether greater is better."""
    if all(isinstance(callback, EpochProgress) for callback in training.callbacks):
        return
    metrics = [*training.evaluate.metrics] + [ScoreInLogs(AVERAGE_PRECISION)] * training.logs_held_out
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
    if metrics and getattr(model, "output_shape", None) is not None:
        model.compute_metrics(None, np.zeros(1, np.int32), np.zeros((1, *model.output_shape[1:]), np.float32))
        model.reset_metrics()


def watch_average_precision(callbacks):
    """Whether a callback monitors the average precision of held-out rows, which is not a metric of Keras."""
    return any(str(getattr(callback, "monitor", "")).endswith(AVERAGE_PRECISION) for callback in callbacks)
