"""Call Keras callbacks and report progress while training runs."""

import sys
import time

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.networks.metrics import AVERAGE_PRECISION, ScoreInLogs

#: Seconds between two sights of a bar within an epoch; where each is a line of its own, as in a file, more of them.
_EVERY, _EVERY_LINE = 0.2, 30.0


class EpochProgress(keras.callbacks.Callback):
    """Show the epochs of a fit.

    Parameters
    ----------
    verbose : int
        1 shows one progress bar over the epochs, with what is being done, the scores and, from the first steps on, the
        time left; above, a line an epoch.
    """

    def __init__(self, verbose):
        super().__init__()
        self._verbose, self._done, self._said = verbose, 0, ""

    def on_train_begin(self, logs=None):
        """Show the bar, and start the clock."""
        self._epochs = self.params["epochs"]
        if self._verbose == 1:
            self._start()
            self._bar.update(0)

    def _start(self):
        """Start a bar, and with it its clock."""
        self._bar, self._shown = keras.utils.Progbar(self._epochs, unit_name="epoch"), time.monotonic()
        self._is_compiled = False

    def say(self, what):
        """Print the current activity after the bar, until the next one; only in a terminal, where it can be erased."""
        if self._verbose == 1 and _is_redrawn():
            said = f" {what}" if what else ""
            print("\b \b" * len(self._said) + said, end="", flush=True)
            self._said = said

    def show(self, n_epochs):
        """Show how much is done, in epochs and parts of one, and the time left; the first steps compile, and count not.

        Parameters
        ----------
        n_epochs : float
            Epochs that are done; a whole number is left to the end of the epoch.
        """
        if self._verbose != 1 or n_epochs == int(n_epochs):
            return
        self.say("")
        if not self._is_compiled:
            self._start()
            self._is_compiled = True
            return
        every = _EVERY if _is_redrawn() else _EVERY_LINE
        if time.monotonic() - self._shown > every:
            self._bar.update(n_epochs, [])
            self._shown = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Show an epoch's scores."""
        self._done += 1
        logs = dict(logs or {})
        self.say("")
        if self._verbose == 1:
            self._bar.stateful_metrics = set(logs)  # shown as they are, where Keras would average over the epochs
            self._bar.update(self._done, list(logs.items()))
        else:
            scores = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
            print(f"Epoch {self._done}/{self._epochs} - {scores}")

    def on_train_end(self, logs=None):
        """End the progress bar's line where training stopped early."""
        if self._verbose == 1 and 0 < self._done < self._epochs:
            print()


def _is_redrawn():
    """Whether a bar is drawn anew in its place, and not a line below."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def say(callbacks, what):
    """Let the progress bar print the current activity."""
    for callback in callbacks:
        if isinstance(callback, EpochProgress):
            callback.say(what)


def compile_for(callbacks, model, optimizer, loss, evaluate):
    """Compile a network with its logged metrics, from which callbacks infer whether greater is better."""
    if all(isinstance(callback, EpochProgress) for callback in callbacks):
        return
    metrics = [*evaluate.metrics] + [ScoreInLogs(AVERAGE_PRECISION)] * evaluate.scores_held_out
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
    if metrics and getattr(model, "output_shape", None) is not None:
        model.compute_metrics(None, np.zeros(1, np.int32), np.zeros((1, *model.output_shape[1:]), np.float32))
        model.reset_metrics()


def watch_average_precision(callbacks):
    """Whether a callback monitors the average precision of held-out rows, which is not a metric of Keras."""
    return any(str(getattr(callback, "monitor", "")).endswith(AVERAGE_PRECISION) for callback in callbacks)
