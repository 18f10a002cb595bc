"""Does a pass over chunks learn what a fit does, and what do rows say that it has never seen?"""

import copy
import pickle
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from skimbalance import ImbalancedKerasClassifier, ThresholdDisplay
from skimbalance.deployment import skops_types


def stream(n_rows=10_000, seed=0):
    """Rows with a rare class, of which an indicator tells most."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5)).astype(np.float32)
    X[:, 0] = rng.random(n_rows) < 0.3
    logit = -4.5 + 2.5 * X[:, 0] + X[:, 1] + 2 * X[:, 0] * X[:, 2]
    return X, logit, rng.random(n_rows)


def passed_over(X, y, n_chunk=500, model="mlp", **parameters):
    """Train by one pass over chunks."""
    clf = ImbalancedKerasClassifier(model, random_state=0, **parameters)
    for begin in range(0, len(y), n_chunk):
        clf.partial_fit(X[begin : begin + n_chunk], y[begin : begin + n_chunk], classes=[0, 1])
    return clf


@pytest.mark.parametrize("trap", ["none", "an indicator starts constant", "the first chunk is a hundredth"])
@pytest.mark.parametrize("model", [None, "mlp"])
def test_a_pass_over_chunks_learns_what_a_fit_does(model, trap):
    X, logit, luck = stream()
    if trap == "an indicator starts constant":
        logit[:500] -= (2.5 + 2 * X[:500, 2]) * X[:500, 0]
        X[:500, 0] = 0
    y = (luck < 1 / (1 + np.exp(-logit))).astype(int)
    if trap == "the first chunk is a hundredth":
        X[:500] /= 100
    train, test = slice(8000), slice(8000, None)
    chunks = passed_over(X[train], y[train], model=model).predict_proba(X[test])[:, 1]
    whole = ImbalancedKerasClassifier(model, ensemble=None, epochs=1, batch_size=32, random_state=0)
    whole = whole.fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    # Stuck in the scale of the first chunk, the traps cost .2 and more.
    assert average_precision_score(y[test], chunks) > average_precision_score(y[test], whole) - 0.04


def test_later_chunks_move_the_default_network_less():
    X, logit, luck = stream(4000)
    y = (luck < 1 / (1 + np.exp(-logit))).astype(int)
    clf = ImbalancedKerasClassifier(model__n_members=2, random_state=0)
    kernels = [clf.partial_fit(X, y).model_.get_layer("hidden_2").kernel.numpy() for _ in range(6)]
    moved = np.abs(np.diff(kernels, axis=0)).mean(axis=(1, 2, 3))
    assert 4 * moved[-1] < 3 * moved[0]


def test_chunks_after_fit_keep_its_scaling(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y)
    scale = clf.model_.get_layer("standardize").scale.numpy()
    np.testing.assert_array_equal(clf.partial_fit(100 * X, y).model_.get_layer("standardize").scale.numpy(), scale)


@pytest.mark.parametrize("model", [None, "mlp"])
def test_held_out_rows_are_scored_and_never_trained_on(model):
    X, logit, luck = stream(3000)
    y = (luck < 1 / (1 + np.exp(-logit))).astype(int)
    clf = ImbalancedKerasClassifier(model, validation_split=0.2, decision="f1", random_state=0)
    shown = set()
    for begin in range(0, 3000, 500):
        # Every chunk repeats rows of the one before.
        rows = slice(max(begin - 100, 0), begin + 500)
        clf.partial_fit(X[rows], y[rows], classes=[0, 1])
        held_out = clf._training.reservoir.held_out(clf.prior_)
        out = set(map(bytes, held_out.X))
        shown |= set(map(bytes, X[rows])) - out
        assert shown.isdisjoint(out)
    assert 0.15 < len(out) / 3000 < 0.25
    assert held_out.y.mean() == pytest.approx(y.mean(), abs=0.03)
    proba = clf.predict_proba(held_out.X)[:, 1]
    expected = average_precision_score(held_out.y, proba, sample_weight=held_out.sample_weight)
    assert clf.history_["val_average_precision"][-1] == pytest.approx(expected)
    assert len(clf.history_["val_loss"]) == 6
    assert np.isfinite(clf.history_["val_loss"]).all()
    # The threshold that is best by the expected F1 of the rows held out.
    f1 = [2 * proba[proba >= t].sum() / (np.sum(proba >= t) + proba.sum()) for t in np.unique(proba)]
    assert clf.threshold_ == pytest.approx(np.unique(proba)[np.argmax(f1)], abs=0.02)


def test_average_precision_is_nan_until_a_positive_is_held_out(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", validation_split=0.2, random_state=0)
    clf.partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X, y)
    assert np.isnan(clf.history_["val_average_precision"]).tolist() == [True, False]
    assert np.isfinite(clf.history_["val_loss"]).all()


def test_calibration_asks_for_held_out_rows_of_every_class(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", calibration="holdout", validation_split=0.3, random_state=0)
    with pytest.raises(ValueError, match="has none yet of \\[1\\]"):
        clf.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    for _ in range(3):
        clf.partial_fit(X, y)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.05)
    with pytest.raises(ValueError, match="a single distinct row; pass larger chunks"):
        clf.partial_fit(X[:1], y[:1])


def test_a_fit_forgets_what_chunks_held_out(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", validation_split=0.2, epochs=1, random_state=0).partial_fit(X, y)
    assert clf._training.reservoir is not None
    assert clf.fit(X, y)._training.reservoir is None
    clf.partial_fit(X, y)
    assert clf.set_params(validation_split=0.0).partial_fit(X, y)._training.reservoir is None


class Interrupts(keras.callbacks.Callback):
    """Someone presses Ctrl-C once a chunk has been trained on."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.parametrize("model", [None, "mlp"])
def test_a_chunk_that_is_interrupted_was_never_there(model):
    """With new levels, first missing values, another scale and held-out rows in it, and a display in between."""
    numbers, logit, luck = stream(1500)
    y = (luck < 1 / (1 + np.exp(2 - logit))).astype(int)
    X = np.column_stack([numbers.astype(object), np.where(numbers[:, 1] > 0, "up", "down").astype(object)])
    X[500:, 1] *= 10
    X[600:800, -1] = "new"
    X[500::5, 2] = np.nan
    chunks = [(X[begin : begin + 500], y[begin : begin + 500]) for begin in range(0, 1500, 500)]

    def classifier():
        return ImbalancedKerasClassifier(model, validation_split=0.2, decision="f1", random_state=0)

    def says(clf):
        n_held_out, late = len(clf._training.reservoir.held_out(None).y), clf.columns_.late_missing
        return clf.predict_proba(X), clf.threshold_, clf.history_["val_loss"], n_held_out, late

    clf, straight = classifier(), classifier()
    for i, chunk in enumerate(chunks):
        if i:
            before = says(clf)
            with pytest.raises(KeyboardInterrupt):
                clf.partial_fit(*chunk, callbacks=[Interrupts()])
            for now, then in zip(says(clf), before, strict=True):
                np.testing.assert_array_equal(now, then)
            display = ThresholdDisplay.from_estimator(clf, X, y)
            assert display.threshold == clf.threshold_
        clf.partial_fit(*chunk)
        straight.partial_fit(*chunk)
    for now, expected in zip(says(clf), says(straight), strict=True):
        np.testing.assert_array_equal(now, expected)
    assert clf.columns_.late_missing == [2]


def by_skops(clf):
    """Return a classifier as skops writes and reads it."""
    skops = pytest.importorskip("skops.io", reason="skops writes the file; pip install skimbalance[export]")
    return skops.loads(skops.dumps(clf), trusted=skops_types())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf)), by_skops],
                         ids=["copy", "pickle", "skops"])  # fmt: skip
def test_dropout_goes_on_in_a_copy_as_in_the_classifier(copied, small_table):
    X, y = small_table
    clf = ImbalancedKerasClassifier("mlp", model__dropout=0.2, random_state=0).partial_fit(X, y)
    other = copied(clf).partial_fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), clf.partial_fit(X, y).predict_proba(X))


@keras.saving.register_keras_serializable("tests")
class Noise(keras.layers.Layer):
    """Draws from a generator that another layer may share, which its configuration does not say."""

    def __init__(self, generator=None, **more):
        super().__init__(**more)
        self.generator = generator or keras.random.SeedGenerator(1)

    def call(self, rows, training=False):
        return keras.random.dropout(rows, 0.2, seed=self.generator) if training else rows

    def get_config(self):
        return {"name": self.name}


def test_a_network_whose_layers_share_a_generator_can_be_copied(small_table):
    """Keras builds it anew with a generator for each layer."""
    X, y = small_table
    shared = keras.random.SeedGenerator(5)
    layers = [Noise(shared), keras.layers.Dense(3), Noise(shared), keras.layers.Dense(2)]
    clf = ImbalancedKerasClassifier(
        lambda meta: keras.Sequential([keras.Input((X.shape[1],)), *layers]), epochs=1, random_state=0
    ).fit(X, y)
    other = copy.deepcopy(clf)
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    assert other.model_.loss.loss is not clf.model_.loss.loss


@pytest.mark.parametrize("model", [None, "mlp"])
def test_chunks_build_an_optimizer_only_where_its_parameters_change(model, rare, monkeypatch):
    X, y = rare
    built, build = [], keras.optimizers.Optimizer.__init__
    optimizer = keras.optimizers.SGD(0.01)
    clf = ImbalancedKerasClassifier(model, optimizer=optimizer, random_state=0).partial_fit(X, y).partial_fit(X, y)
    monkeypatch.setattr(
        keras.optimizers.Optimizer, "__init__", lambda self, *args, **kw: (built.append(1), build(self, *args, **kw))[1]
    )
    clf.partial_fit(X, y)
    assert not built
    optimizer.learning_rate = 1e-9
    before = np.concatenate([w.ravel() for w in clf.model_.get_weights()])
    clf.partial_fit(X, y)
    assert built
    np.testing.assert_allclose(np.concatenate([w.ravel() for w in clf.model_.get_weights()]), before, atol=1e-6)


def islands(n_rows=3000):
    """Rows whose class depends on two of the numbers as a chessboard does, which trees learn at once."""
    X = np.random.default_rng(0).normal(size=(n_rows, 4)).astype(np.float32)
    return X, ((X[:, 0] > 0) ^ (X[:, 1] > 0)) & (X[:, 2] > 0.5)


def test_base_models_are_grown_on_a_sample_of_all_chunks():
    X, y = islands()
    clf = passed_over(X[:2000], y[:2000], 1000, ensemble=["forest", "boosting"], validation_split=0.2, decision="f1")
    assert clf.ensemble_ is None
    network, threshold = clf.predict_proba(X)[:, 1], clf.threshold_
    clf.grow_ensemble()
    proba, new = clf.predict_proba(X)[:, 1], slice(2000, None)
    assert average_precision_score(y[new], proba[new]) > average_precision_score(y[new], network[new]) + 0.1
    assert proba[new].mean() == pytest.approx(y[new].mean(), abs=0.03)
    assert clf.ensemble_weights_["network"] < 0.2
    assert clf.threshold_ != threshold
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X)[:, 1], proba)
    np.testing.assert_array_equal(clf.grow_ensemble().predict_proba(X)[:, 1], proba)
    held_out = clf._training.reservoir.held_out(clf.prior_).X
    assert not {tuple(row) for row in held_out} & {tuple(row) for row in clf._training.sample.rows().X}
    assert clf.partial_fit(X[:1000], y[:1000]).ensemble_ is None


def test_base_models_without_held_out_rows_weigh_as_much_as_the_network():
    X, y = islands(1000)
    rare_first = np.argsort(~y[:600], kind="stable")
    clf = passed_over(X[:600][rare_first], y[:600][rare_first], 300, ensemble="boosting", decision="f1")
    assert clf.grow_ensemble().ensemble_weights_ == {"network": 0.5, "boosting": 0.5}
    assert 0 < clf.predict(X[600:]).mean() < 0.5


@pytest.mark.parametrize("again", ["partial_fit", "fit"])
def test_base_models_impute_the_median_where_missing_values_come_late(again, rare, few_epochs):
    X, y = rare
    late = X.copy()
    late[:40, 1] = late[:, 3] = np.nan
    clf = ImbalancedKerasClassifier("mlp", ensemble=["boosting"], warm_start=True, random_state=0)
    if again == "fit":
        clf.fit(X, y, validation_data=(X, y)).fit(late, y, validation_data=(X, y))
        expected = [np.median(late[:, 0]), np.median(late[40:, 1]), np.median(late[:, 2]), 0]
    else:
        clf.partial_fit(X, y).partial_fit(late, y).grow_ensemble()
        expected = np.nanmedian(np.concatenate([X, late]), axis=0)
    assert not clf.columns_.missing.any()
    np.testing.assert_allclose(clf.ensemble_.middle, expected, rtol=1e-6)


def test_base_models_need_a_sample_of_two_classes(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", random_state=0).partial_fit(X, y)
    with pytest.raises(ValueError, match="no rows to grow ensemble='auto' on. Name base models before the first"):
        clf.grow_ensemble()
    with pytest.raises(ValueError, match="no rows to grow ensemble='forest' on"):
        clf.set_params(ensemble="forest").grow_ensemble()
    clf = ImbalancedKerasClassifier("mlp", ensemble="forest", random_state=0)
    clf.partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="All rows so far are of class 0; base models need rows of two"):
        clf.grow_ensemble()
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_a_folder_is_streamed_in_random_order_as_the_page_shows(tmp_path, monkeypatch, two_small_members):
    """Three epochs over the row groups of all files, and base models after them."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="the folder is one of parquet files")
    X, logit, luck = stream(900)
    table = pd.DataFrame(X, columns=list("abcde")).assign(fraud=(luck < 1 / (1 + np.exp(-logit))).astype(int))
    (tmp_path / "payments").mkdir()
    for i in range(3):
        part = table.iloc[300 * i : 300 * (i + 1)]
        part.to_parquet(tmp_path / "payments" / f"{i}.parquet", row_group_size=150, index=False)
    page = (Path(__file__).parents[1] / "docs" / "how_to" / "large_data.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "split_by_row_group" in block)
    monkeypatch.chdir(tmp_path)
    names = {"ImbalancedKerasClassifier": ImbalancedKerasClassifier, "np": np, "rng": np.random.default_rng(0)}
    exec(compile(code, "large_data.md", "exec"), names)
    assert sorted(len(group.to_table()) for group in names["groups"]) == [150] * 6
    clf = names["clf"]
    np.testing.assert_array_equal(clf.class_count_, 3 * np.bincount(table["fraud"]))
    assert len(clf.history_["val_loss"]) == 3 * 6
    assert set(clf.ensemble_weights_) == {"network", "forest", "boosting"}
