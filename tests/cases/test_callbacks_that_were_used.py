"""A classifier whose callbacks were used in training can be cloned, pickled and searched."""

import copy
import inspect
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from skimbalance import ImbalancedKerasClassifier

ALL = [
    name
    for name, kind in sorted(vars(keras.callbacks).items())
    if inspect.isclass(kind) and issubclass(kind, keras.callbacks.Callback)
]


def same_rate(epoch, rate):
    """Return the learning rate as it is."""
    return rate


class Keeps(keras.callbacks.Callback):
    """Keeps all that training gives it."""

    def __init__(self):
        super().__init__()
        self.seen, self.parts = [], {}

    def on_train_begin(self, logs=None):
        self.parts = {"model": self.model, "optimizer": self.model.optimizer, "read": self.model.get_weights}

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((self.model, logs))


class MyBoard(keras.callbacks.TensorBoard):
    """TensorBoard of a user's own."""


def made(name, folder):
    if name == "RemoteMonitor":
        pytest.skip("it needs a server")
    if name == "OrbaxCheckpoint":
        pytest.importorskip("orbax.checkpoint", reason="what it writes with")
    arguments = {
        "ModelCheckpoint": [str(folder / "best.keras")],
        "BackupAndRestore": [str(folder / "backup")],
        "CSVLogger": [str(folder / "log.csv")],
        "TensorBoard": [str(folder / "board")],
        "MyBoard": [str(folder / "board"), 1],
        "OrbaxCheckpoint": [str(folder / "orbax")],
        "LearningRateScheduler": [same_rate],
    }
    kind = {"Keeps": Keeps, "MyBoard": MyBoard}.get(name) or getattr(keras.callbacks, name)
    return kind(*arguments.get(name, []))


def fitted(callback, table, **settings):
    return ImbalancedKerasClassifier(
        "mlp", callbacks={"one": [callback]}, epochs=2, random_state=0, optimizer=keras.optimizers.Adam(use_ema=True),
        early_stopping=False, validation_split=0.2, **settings,
    ).fit(*table)  # fmt: skip


@pytest.mark.parametrize("name", [*ALL, "Keeps", "MyBoard"])
def test_copies_and_pickles(name, small_table, tmp_path):
    clf = fitted(made(name, tmp_path), small_table)
    proba = clf.predict_proba(small_table[0])
    assert copy.copy(clf).n_iter_ == 2
    for again in (copy.deepcopy(clf), pickle.loads(pickle.dumps(clf))):
        assert (again.predict_proba(small_table[0]) == proba).all()
    copied = clone(clf)
    assert type(copied.callbacks["one"][0]) is type(clf.callbacks["one"][0])
    assert (copied.fit(*small_table).predict_proba(small_table[0]) == proba).all()


def test_state_of_callbacks_is_kept(small_table):
    callback = Keeps()
    fitted(callback, small_table)
    assert len(callback.seen) == 2
    assert set(callback.parts) == {"model", "optimizer", "read"}


def test_searches_and_folds_after_a_fit(small_table, tmp_path):
    clf = fitted(made("TensorBoard", tmp_path), small_table)
    assert np.isfinite(cross_val_score(clf, *small_table, cv=2)).all()
    search = GridSearchCV(clf, {"epochs": [1, 2]}, cv=2).fit(*small_table)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    clf.fit(*small_table)
    clone(clf.partial_fit(*small_table))


def test_after_a_failed_training(small_table, tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    board = made("TensorBoard", tmp_path)
    clf = ImbalancedKerasClassifier("mlp", callbacks=[board, Fails()], epochs=1, random_state=0)
    with pytest.raises(RuntimeError, match="stop"):
        clf.fit(*small_table)
    clone(clf.set_params(callbacks=[board])).fit(*small_table)
