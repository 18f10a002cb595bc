"""Metrics with one number per class are logged by class and as their mean."""

import pickle

import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, fbeta_score, precision_score

from skimbalance import HistoryDisplay, ImbalancedKerasClassifier


@keras.saving.register_keras_serializable("tests")
class Confusion(keras.metrics.Metric):
    """Rows of each true and predicted class of two."""

    def __init__(self, name="confusion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.rows = self.add_variable((2, 2), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted = (
            keras.ops.one_hot(keras.ops.reshape(keras.ops.cast(of, "int32"), (-1,)), 2) for of in (y_true, y_pred > 0.5)
        )
        self.rows.assign_add(keras.ops.matmul(keras.ops.transpose(true), predicted))

    def result(self):
        return self.rows.value


@keras.saving.register_keras_serializable("tests")
class Hits(Confusion):
    """The same by names."""

    def result(self):
        return {"hits": self.rows[1, 1], "misses": self.rows[1, 0]}


def fitted(X, y, metrics, **settings):
    clf = ImbalancedKerasClassifier(
        "mlp", strategy="none", metrics=metrics, epochs=2, early_stopping=False, random_state=0, **settings
    )
    return clf.fit(X, y, validation_data=(X, y))


@pytest.mark.parametrize("positive", ["kept", "lost"])
def test_of_two_classes_that_of_the_positive_label(positive, small_table):
    X, y = small_table
    y = np.where(y == 1, "lost", "kept")
    metrics = [keras.metrics.F1Score(threshold=0.5), keras.metrics.FBetaScore(beta=2.0, threshold=0.5)]
    clf = fitted(X, y, metrics, pos_label=positive)
    last = {name: values[-1] for name, values in clf.history_.items()}
    assert last["val_f1_score"] == pytest.approx(f1_score(y, clf.predict(X), pos_label=positive), abs=1e-5)
    assert last["val_fbeta_score"] == pytest.approx(
        fbeta_score(y, clf.predict(X), beta=2, pos_label=positive), abs=1e-5
    )
    assert not any("class" in name for name in last)
    again = pickle.loads(pickle.dumps(clf))
    assert again.set_params(warm_start=True).fit(X, y).history_["f1_score"][:2] == clf.history_["f1_score"]


def test_of_three_classes_each_and_their_mean(rare_multiclass):
    X, y = rare_multiclass
    y = np.array(["no", "maybe", "yes"])[y]
    clf = fitted(X, y, [keras.metrics.F1Score(), keras.metrics.F1Score(average="macro")])
    scores = f1_score(y, clf.classes_[clf.predict_proba(X).argmax(axis=1)], average=None)
    for label, score in zip(clf.classes_, scores, strict=True):
        assert clf.history_[f"val_f1_score_class_{label}"][-1] == pytest.approx(score, abs=1e-5)
    assert clf.history_["val_f1_score"][-1] == pytest.approx(scores.mean(), abs=1e-5)
    assert clf.history_["val_f1_score_1"] == pytest.approx(clf.history_["val_f1_score"])  # the second one asked for
    pytest.importorskip("matplotlib", reason="plots")
    HistoryDisplay.from_estimator(clf)


def test_thresholds_tables_and_names(small_table):
    X, y = small_table
    clf = fitted(X, y, [keras.metrics.Precision(thresholds=[0.1, 0.5]), Confusion(), Hits("of hits")])
    last, p = {name: values[-1] for name, values in clf.history_.items()}, clf.predict_proba(X)[:, 1]
    expected = [precision_score(y, p > threshold, zero_division=0) for threshold in (0.1, 0.5)]
    assert [last["val_precision_at_0"], last["val_precision_at_1"]] == pytest.approx(expected)
    assert last["val_precision"] == pytest.approx(np.mean(expected))
    rows = confusion_matrix(y, p > 0.5)
    assert [last[f"val_confusion_at_{i}_{j}"] for i in (0, 1) for j in (0, 1)] == rows.ravel().tolist()
    assert (last["val_hits"], last["val_misses"]) == (rows[1, 1], rows[1, 0])


@pytest.mark.parametrize(
    "monitor", [{"monitor": "val_f1_score"}, {"monitor": "val_f1_score_class_2", "mode": "max"}], ids=str
)
@pytest.mark.parametrize("per_batch", [False, True], ids=["by epoch", "by batch"])
def test_callbacks_watch_them(monitor, per_batch, rare_multiclass):
    X, y = rare_multiclass
    stop = keras.callbacks.EarlyStopping(patience=1, min_delta=2.0, **monitor)  # nothing improves by 2
    others = [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] * per_batch
    clf = ImbalancedKerasClassifier(
        "mlp",
        metrics=[keras.metrics.F1Score()],
        epochs=6,
        early_stopping=False,
        callbacks=[stop, *others],
        random_state=0,
    ).fit(X, y, validation_data=(X, y))
    assert clf.n_iter_ == 2


def test_in_chunks(rare_multiclass):
    X, y = rare_multiclass
    clf = ImbalancedKerasClassifier("mlp", metrics=[keras.metrics.F1Score()], validation_split=0.2, random_state=0)
    clf.partial_fit(X, y).partial_fit(X, y)
    assert all(len(clf.history_[f"{part}f1_score_class_{c}"]) == 2 for part in ("", "val_") for c in range(3))
