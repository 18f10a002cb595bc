"""Train by Keras' own loop where a compiled program cannot."""

import numpy as np

from skimbalance._keras.startup import keras, start_generators
from skimbalance.networks.metrics import AVERAGE_PRECISION
from skimbalance.training.forward import predict_logits
from skimbalance.training.optimizers import constant_rate
from skimbalance.training.state import read, write


class KerasLoop:
    """What a `Program` offers, on a network that ``keras.Model.fit`` trains in place.

    Parameters
    ----------
    network : Network
        Network, compiled.
    """

    def __init__(self, network):
        self.network, self.model = network, network.model

    def read_weights(self):
        """Return the values of the network's weights, in the order of ``model.weights``."""
        return read(self.model.weights)

    def write_weights(self, values):
        """Set the network's weights."""
        write(self.model.weights, values)

    def logits(self, X, index=None):
        """Return logits of rows as the network is now, (n_rows, n_members, n_classes); no member has rows alone."""
        return predict_logits(self.network, X)

    def run(self, rows, batch_size, callbacks, log, optimizer_state, run_eagerly):
        """Train, more slowly than a program to the same result; return the optimizer's state.

        Parameters
        ----------
        rows : TrainingRows
            Rows.
        batch_size : int
            Rows of a step.
        callbacks : list of keras.callbacks.Callback
            Callbacks.
        log : EpochLog
            Order, weights and logs of the epochs.
        optimizer_state : list of ndarray or None
            What an earlier call returned.
        run_eagerly : bool
            Whether to run every operation by itself.
        """
        model = self.model
        model.run_eagerly = run_eagerly
        if optimizer_state:
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            rate = constant_rate(model.optimizer)
            write(model.optimizer.variables, optimizer_state)
            if rate is not None:
                model.optimizer.learning_rate = rate
        batches = _Batches(rows, batch_size)
        start_generators()
        model.fit(
            batches,
            epochs=log.epoch_numbers.stop,
            initial_epoch=log.epoch_numbers.start,
            callbacks=[_Epochs(self, batches, log, callbacks), *callbacks, _Keep(log)],
            verbose=0,
            shuffle=False,
        )
        log.settle(self)
        return read(model.optimizer.variables)


class _Batches(keras.utils.PyDataset):
    """The batches of one epoch."""

    def __init__(self, rows, batch_size):
        super().__init__()
        self._rows, self._batch_size = rows, batch_size
        self.order, self.weights = np.arange(len(rows)), np.ones(len(rows), dtype=np.float32)

    def __len__(self):
        return -(-len(self._rows) // self._batch_size)

    def __getitem__(self, i):
        positions = self.order[i * self._batch_size : (i + 1) * self._batch_size]
        index = self._rows.index[positions]
        return self._rows.X[index], self._rows.y[index], self.weights[positions]


class _Epochs(keras.callbacks.Callback):
    """Draw each epoch's order, and complete its log before the other callbacks see it."""

    def __init__(self, loop, batches, log, callbacks):
        super().__init__()
        self._loop, self._batches, self._log, self._others = loop, batches, log, callbacks

    def on_epoch_begin(self, epoch, logs=None):
        order, self._batches.weights = self._log.begin(epoch)
        self._batches.order = order[:, 0]

    def on_epoch_end(self, epoch, logs=None):
        # Keras averages the loss over batches of unequal size by their rows, as a program does.
        scores, stops = self._log.end(epoch, self._loop, logs["loss"], self._others)
        logs.pop(AVERAGE_PRECISION, None)  # of training rows, which nobody computes
        logs.update(scores)
        self.model.stop_training = self.model.stop_training or stops

    def on_train_end(self, logs=None):
        self._log.finish(self._loop)


class _Keep(keras.callbacks.Callback):
    """Keep the log once every other callback has had it."""

    def __init__(self, log):
        super().__init__()
        self._log = log

    def on_epoch_end(self, epoch, logs=None):
        self._log.keep(logs)
