"""What does the user see while training runs?"""

from skimbalance.engine.startup import keras


class EpochProgress(keras.callbacks.Callback):
    """Show the epochs of a fit.

    Parameters
    ----------
    verbose : int
        1 shows one progress bar over the epochs, with the scores and the time left; above, a line an epoch.
    """

    def __init__(self, verbose):
        super().__init__()
        self._verbose, self._done = verbose, 0

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._epochs = self.params["epochs"]
        if self._verbose == 1:
            self._bar = keras.utils.Progbar(self._epochs, unit_name="epoch")

    def on_epoch_end(self, epoch, logs=None):
        """Show an epoch's scores."""
        self._done += 1
        logs = dict(logs or {})
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
