"""Does the classifier do what its parameters say, on every kind of table and network?"""

import copy
import functools
import inspect
import io
import pickle
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scikeras.wrappers import KerasClassifier
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.validation import _get_feature_names

from skimbalance import ImbalancedKerasClassifier, Strategy
from skimbalance.training import callbacks
from skimbalance.training.cache import programs

Dense = keras.layers.Dense


def quick(model="mlp", **parameters):
    """Classifier with a small network and few, large steps."""
    defaults = {
        "epochs": 15,
        "random_state": 0,
        "optimizer__learning_rate": 0.01,
        "model": model,
        "model__hidden_layer_sizes": (8,),
    }
    if model != "mlp":
        del defaults["model__hidden_layer_sizes"]
    return ImbalancedKerasClassifier(**{**defaults, **parameters})


def test_is_a_scikeras_classifier_with_its_parameters():
    clf = ImbalancedKerasClassifier()
    assert isinstance(clf, KerasClassifier)
    assert is_classifier(clf)
    ours = set(inspect.signature(ImbalancedKerasClassifier).parameters)
    # The deprecated name of `model`, and a batch size that held-out rows are not evaluated in here.
    assert set(inspect.signature(KerasClassifier).parameters) - ours == {
        "build_fn",
        "validation_batch_size",
        "kwargs",
    }


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine], ids=["binary", "multiclass"])
def test_default_learns_from_raw_features(load):
    X, y = load(return_X_y=True)
    rng = np.random.default_rng(0)
    is_rare = y == y.max()
    kept = ~is_rare | (rng.random(len(y)) < 0.4)
    X, y = X[kept], y[kept]
    clf = ImbalancedKerasClassifier(random_state=0).fit(X[::2], y[::2])
    majority = DummyClassifier().fit(X[::2], y[::2])
    score = balanced_accuracy_score(y[1::2], clf.predict(X[1::2]))
    assert score > balanced_accuracy_score(y[1::2], majority.predict(X[1::2])) + 0.4


@pytest.mark.parametrize(
    "labels",
    [np.array(["no", "yes"]), np.array([7, -3]), np.array([False, True]), np.array(["b", "a"], dtype=object)],
    ids=["strings", "integers, descending", "booleans", "objects"],
)
def test_any_labels(labels, rare):
    X, y = rare
    clf = quick().fit(X, labels[y])
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))
    assert clf.predict(X).dtype == clf.classes_.dtype
    assert clf.score(X, labels[y]) > 0.85
    is_positive = clf.predict_proba(X)[:, clf.classes_.tolist().index(clf.pos_label_)] >= clf.threshold_
    np.testing.assert_array_equal(clf.predict(X) == clf.pos_label_, is_positive)


@pytest.mark.parametrize(
    "as_table",
    [
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        np.asfortranarray,
        lambda X: pd.DataFrame(X, columns=list("abcd")),
        lambda X: pl.DataFrame(X, schema=list("abcd")),
        lambda X: pa.Table.from_pandas(pd.DataFrame(X, columns=list("abcd"))),
        sparse.csr_matrix,
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_array,
    ],
    ids=["float64", "list", "fortran", "pandas", "polars", "pyarrow", "csr matrix", "csr", "csc", "coo array"],
)
def test_any_table(as_table, rare):
    X, y = rare
    expected = quick().fit(X, y).predict_proba(X)
    clf = quick().fit(as_table(X), y)
    np.testing.assert_array_equal(clf.predict_proba(as_table(X)), expected)
    if _get_feature_names(as_table(X)) is not None:  # the names that this release of scikit-learn can read
        assert list(clf.feature_names_in_) == list("abcd")


@pytest.mark.parametrize("as_labels", [pd.Series, pl.Series, pd.Categorical, list], ids=lambda f: f.__name__)
def test_labels_in_any_container(as_labels, rare):
    X, y = rare
    y = np.array(["no", "yes"])[y]
    assert quick().fit(X, as_labels(y)).score(X, y) > 0.85


def test_predicts_other_types_than_it_was_fitted_on(rare):
    X, y = rare
    X = np.round(X)
    clf = quick().fit(X.astype(np.int64), y)
    np.testing.assert_array_equal(clf.predict_proba(X.astype(np.float64)), clf.predict_proba(X))


def test_probabilities_are_float64_and_sum_to_one(rare_multiclass):
    X, y = rare_multiclass
    clf = quick(strategy="focal").fit(X, y)
    for rows in (X, X[:1]):
        proba = clf.predict_proba(rows)
        assert proba.shape == (len(rows), 3)
        assert proba.dtype == np.float64
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


# --- weights ---


@pytest.mark.parametrize("strategy", ["none", "class_weight", "focal", ["class_weight", "focal"]], ids=str)
def test_weight_two_is_a_repeated_row_and_weight_zero_none(strategy, rare):
    X, y = rare
    weight = np.arange(len(y)) % 3
    repeated = np.repeat(np.arange(len(y)), weight)
    weighted = quick(strategy=strategy).fit(X, y, sample_weight=weight)
    plain = quick(strategy=strategy).fit(X[repeated], y[repeated])
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


def test_small_batches_keep_the_equivalence(rare):
    X, y = rare
    weight = 1 + np.arange(len(y)) % 2
    repeated = np.repeat(np.arange(len(y)), weight)
    weighted = quick(batch_size=16).fit(X, y, sample_weight=weight)
    plain = quick(batch_size=16).fit(X[repeated], y[repeated])
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


def test_integer_weights_are_left_as_they_are(rare):
    X, y = rare
    weight = np.ones(len(y), dtype=np.int64)
    quick(class_weight={0: 1, 1: 5}).fit(X, y, sample_weight=weight)
    assert weight.dtype == np.int64
    assert np.all(weight == 1)


@pytest.mark.filterwarnings("ignore:strategy='focal' moves the class prior more than once")  # as it is meant to here
def test_class_weight_replaces_balanced_weights_and_multiplies_others(rare):
    X, y = rare
    counts = np.bincount(y)
    shown = {
        name: quick(strategy=name, class_weight={0: 1, 1: 3}, **extra).fit(X, y).train_prior_
        for name, extra in [("class_weight", {}), ("none", {}), ("focal", {"alpha": 0.75})]
    }
    expected = counts * [1, 3] / (counts @ [1, 3])
    np.testing.assert_allclose(shown["class_weight"], expected)
    np.testing.assert_allclose(shown["none"], expected)
    np.testing.assert_allclose(shown["focal"], counts * [0.25, 2.25] / (counts @ [0.25, 2.25]))


def test_balanced_class_weight_is_not_applied_twice(rare):
    X, y = rare
    np.testing.assert_allclose(quick(class_weight="balanced").fit(X, y).train_prior_, 0.5)
    np.testing.assert_allclose(quick(strategy="none", class_weight="balanced").fit(X, y).train_prior_, 0.5)


def test_balanced_weights_count_weighted_rows(rare):
    X, y = rare
    clf = quick().fit(X, y, sample_weight=np.where(y == 1, 9.0, 1.0))
    np.testing.assert_allclose(clf.prior_, 0.5)
    np.testing.assert_allclose(clf.train_prior_, 0.5)


# --- strategies ---


def test_training_starts_at_the_prior_the_network_is_shown(rare):
    X, y = rare
    zero_head = {"model": lambda meta: _network_with_zero_head(meta)}
    for strategy, expected in [("none", [0.9, 0.1]), ("class_weight", [0.5, 0.5]), ("focal", [0.9, 0.1])]:
        clf = quick(strategy=strategy, target_prior="train", **zero_head).initialize(X, y)
        np.testing.assert_allclose(clf.predict_proba(X[:1])[0], expected, atol=1e-5)


def _network_with_zero_head(meta):
    """One layer, whose output is the bias that the default network would start from."""
    model = keras.Sequential([keras.Input((meta["n_features_in_"],)), Dense(2, kernel_initializer="zeros")])
    model.layers[-1].bias.assign(meta["output_bias_"])
    return model


@pytest.mark.parametrize(
    ("strategy", "prior"),
    [
        ("random_oversample", [0.5, 0.5]),
        ("random_undersample", [0.5, 0.5]),
        ("smote", [0.5, 0.5]),
        (ADASYN(sampling_strategy=0.5), None),
        (SMOTENC(categorical_features=[3]), [0.5, 0.5]),
        (RandomOverSampler(sampling_strategy=0.25), [0.8, 0.2]),
        ([RandomOverSampler(sampling_strategy=0.25), "class_weight"], [0.5, 0.5]),
        ([RandomUnderSampler(), "focal"], [0.5, 0.5]),
        ("none", [0.9, 0.1]),
        (None, [0.9, 0.1]),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:strategy=.RandomOverSampler")  # moves the prior twice, as the warning says
def test_prior_is_that_of_the_rows_the_network_was_shown(strategy, prior, rare):
    X, y = rare
    clf = quick(strategy=strategy).fit(np.round(X), y)
    np.testing.assert_allclose(clf.prior_, [0.9, 0.1])
    if prior is None:  # ADASYN makes about as many rows as asked for
        assert clf.train_prior_[1] == pytest.approx(1 / 3, abs=0.02)
    else:
        np.testing.assert_allclose(clf.train_prior_, prior, atol=1e-3)


def test_samplers_take_labels_by_name_and_stay_as_they_were(rare):
    X, y = rare
    sampler = SMOTE(sampling_strategy={"fraud": 200})
    clf = quick(strategy=sampler).fit(X, np.array(["no", "fraud"])[y])
    np.testing.assert_allclose(clf.train_prior_, [200 / 560, 360 / 560])
    assert sampler.random_state is None
    assert not hasattr(sampler, "sampling_strategy_")


def test_samplers_see_training_rows_only(rare):
    seen = []

    class Recording(RandomOverSampler):
        def fit_resample(self, X, y):
            seen.append(len(y))
            return super().fit_resample(X, y)

    X, y = rare
    clf = quick(strategy=Recording(), validation_split=0.25, early_stopping=False).fit(X, y)
    assert seen == [300]
    assert len(clf.history_["val_loss"]) == 15


def test_weights_follow_selected_rows(rare):
    X, y = rare
    weight = np.where(X[:, 0] > 0, 2.0, 1.0)
    undersampled = quick(strategy=RandomUnderSampler(random_state=3)).fit(X, y, sample_weight=weight)
    chosen = RandomUnderSampler(random_state=3).fit(X, y)
    chosen.fit_resample(X, y)
    rows = chosen.sample_indices_
    np.testing.assert_allclose(
        undersampled.train_prior_, np.bincount(y[rows], weight[rows]) / weight[rows].sum(), rtol=1e-6
    )


@pytest.mark.parametrize("equal", [True, False], ids=["equal weights", "unequal weights"])
def test_made_up_rows_take_no_unequal_weights(equal, rare):
    X, y = rare
    weight = np.full(len(y), 3.0) if equal else 1.0 + np.arange(len(y))
    if equal:
        with_weights = quick(strategy="smote").fit(X, y, sample_weight=weight).predict_proba(X)
        np.testing.assert_array_equal(with_weights, quick(strategy="smote").fit(X, y).predict_proba(X))
    else:
        with pytest.raises(ValueError, match="generates rows"):
            quick(strategy="smote").fit(X, y, sample_weight=weight)


def test_a_strategy_of_ones_own(rare):
    class Quadruple(Strategy):
        def class_weight(self, class_counts, progress):
            return np.array([1.0, 4.0])

    X, y = rare
    assert quick(strategy=Quadruple()).fit(X, y).train_prior_[1] == pytest.approx(0.4 / 1.3)


def test_weights_may_change_in_the_course_of_training(rare):
    """Deferred re-weighting: the weights of the end are those the network learned under."""
    progress_seen = []

    class Deferred(Strategy):
        def class_weight(self, class_counts, progress):
            progress_seen.append(progress)
            return 1 / class_counts if progress >= 0.8 else np.ones_like(class_counts)

    X, y = rare
    clf = quick(strategy=Deferred(), epochs=5).fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, 0.5)
    assert set(progress_seen) == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_batches_may_be_drawn_with_a_prior(rare):
    class Balanced(Strategy):
        def batch_prior(self, class_counts):
            return np.array([0.5, 0.5])

    X, y = rare
    clf = quick(strategy=Balanced(), epochs=40).fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, 0.5)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.03)
    assert clf.set_params(target_prior="train").predict_proba(X)[:, 1].mean() > 0.15


@pytest.mark.parametrize("parameter", [{"gamma": 3.0}, {"alpha": 0.5}], ids=str)
def test_flat_parameter_without_a_taker_warns(parameter, rare):
    with pytest.warns(UserWarning, match=f"{next(iter(parameter))}=.* is ignored: strategy='logit_adjustment'"):
        quick(**parameter).fit(*rare)


def test_strategies_take_nested_parameters(rare):
    X, y = rare
    assert quick(strategy="smote", strategy__k_neighbors=2).fit(X, y).strategy_.sampler.k_neighbors == 2
    clf = quick(strategy=SMOTE()).set_params(strategy__k_neighbors=3)
    assert clf.strategy.k_neighbors == 3
    assert clone(clf).strategy.k_neighbors == 3
    assert "strategy__k_neighbors" in clf.get_params()


# --- networks ---


def _functional(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = Dense(8, activation="relu")(keras.layers.BatchNormalization()(inputs))
    return keras.Model(inputs, Dense(meta["n_classes_"], activation="softmax")(hidden))


class Subclassed(keras.Model):
    """Network that is no graph of layers."""

    def __init__(self, n_classes):
        super().__init__()
        self.norm, self.head = keras.layers.BatchNormalization(), Dense(n_classes)

    def call(self, inputs, training=False):
        return self.head(self.norm(inputs, training=training))


def _sequential(*head):
    return lambda: keras.Sequential([keras.layers.BatchNormalization(momentum=0.5), Dense(8, "relu"), *head])


@pytest.mark.parametrize(
    "model",
    [
        _sequential(Dense(1, activation="sigmoid")),
        _sequential(Dense(1)),
        _sequential(Dense(2, activation="softmax")),
        _sequential(Dense(2)),
        _sequential(Dense(2), keras.layers.Softmax()),
        _sequential(Dense(1), keras.layers.Activation("sigmoid")),
        _functional,
        functools.partial(lambda meta, width: _functional(meta), width=3),
        lambda: Subclassed(2),
    ],
    ids=[
        "sigmoid",
        "one logit",
        "softmax",
        "logits",
        "softmax layer",
        "activation",
        "functional",
        "partial",
        "subclass",
    ],
)
@pytest.mark.parametrize("strategy", ["class_weight", "focal"])
def test_networks_of_every_form(model, strategy, rare):
    X, y = rare
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    clf = quick(model=model, strategy=strategy, epochs=40).fit(X, y)
    assert balanced_accuracy_score(y, clf.predict(X)) > 0.75
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


class WithoutTraining(keras.Model):
    """Network whose call has no argument `training`."""

    def __init__(self, n_classes):
        super().__init__()
        self.head = Dense(n_classes, activation="softmax")

    def call(self, inputs):
        return self.head(inputs)


class WithItsOwnSoftmax(WithoutTraining):
    """Network on whose probabilities Keras notes no logits."""

    def call(self, inputs):
        proba = self.head(inputs)
        return proba / keras.ops.sum(proba, axis=-1, keepdims=True)


def _average_of_two(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, keras.layers.Average()([Dense(2, activation="softmax")(inputs) for _ in range(2)]))


def _softmax_operation(meta):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, keras.ops.softmax(Dense(2)(inputs)))


def _with_adapted_normalization(meta):
    inputs, normalization = keras.Input((meta["n_features_in_"],)), keras.layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3.0, 5.0, size=(100, meta["n_features_in_"])))
    return keras.Model(inputs, Dense(2, activation="softmax")(normalization(inputs)))


PROBABILITIES = {
    "average of two": _average_of_two,
    "sigmoid, reshaped": _sequential(Dense(1, activation="sigmoid"), keras.layers.Reshape((1,))),
    "softmax operation": _softmax_operation,
    "own softmax": lambda: WithItsOwnSoftmax(2),
    "no argument training": lambda: WithoutTraining(2),
    "adapted normalization": _with_adapted_normalization,
}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, {}) for name in PROBABILITIES),
        *((name, {"run_eagerly": True}) for name in ("average of two", "own softmax", "no argument training")),
        *((name, {"compile__jit_compile": True}) for name in ("sigmoid, reshaped", "own softmax")),
    ],
    ids=str,
)
def test_probabilities_are_those_that_the_network_shows(name, way, rare):
    """Keras marks none of them but the last two; read as logits, all would lie in [.27, .73]."""
    X, y = rare
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    clf = quick(PROBABILITIES[name], strategy="none", epochs=3 if "run_eagerly" in way else 30, **way).fit(X, y)
    shown = np.asarray(clf.model_(X))
    positive = clf.predict_proba(X)[:, 1]
    np.testing.assert_allclose(positive, shown[:, -1], atol=1e-5)
    assert "run_eagerly" in way or positive.min() < 0.25
    if "own" not in name and "training" not in name:  # which Keras cannot save
        again = pickle.loads(pickle.dumps(clf.set_params(model=None)))
        np.testing.assert_array_equal(again.predict_proba(X)[:, 1], positive)


def test_attention_whose_slopes_tell_no_shape_trains_as_without_compilation(rare):
    """By plain steps on columns of one scale: Adam makes full steps of the rounding in slopes that are zero.

    What it starts from follows from the seed: test_reproducibility.py.
    """
    X, y = rare
    X = (X - X.mean(axis=0)) / X.std(axis=0)

    def attentive(meta):
        inputs = keras.Input((meta["n_features_in_"],))
        tokens = Dense(4)(keras.layers.Reshape((-1, 1))(inputs))
        tokens = keras.layers.MultiHeadAttention(2, 3)(tokens, tokens)
        return keras.Model(inputs, Dense(2)(keras.layers.GlobalAveragePooling1D()(tokens)))

    clf = quick(attentive, epochs=2, optimizer="sgd", optimizer__learning_rate=0.1)
    compiled, eager = (clf.set_params(run_eagerly=way).fit(X, y).history_["loss"] for way in (False, True))
    assert compiled[1] < compiled[0]
    np.testing.assert_allclose(compiled, eager, rtol=1e-4)


def test_outputs_between_0_and_1_that_are_no_probabilities_are_refused(rare):
    two_sigmoids = _sequential(Dense(2, activation="sigmoid"), keras.layers.Reshape((2,)))
    with pytest.raises(ValueError, match='2 units between 0 and 1 whose sum is not 1.*2 units with "softmax"'):
        quick(two_sigmoids).fit(*rare)


def test_a_loss_that_the_builder_compiles_is_trained_with(rare):
    def build(meta):
        model = _functional(meta)
        model.compile(optimizer="adam", loss="mse")
        return model

    clf = ImbalancedKerasClassifier(build, epochs=2, random_state=0).fit(*rare)
    assert clf.loss_.loss is keras.losses.get("mse") or "mean_squared" in str(clf.loss_.loss)
    assert type(clf.strategy_).__name__ == "Strategy", "who brings a loss gets nothing added unasked"
    np.testing.assert_allclose(clf.train_prior_, clf.prior_)
    with pytest.raises(ValueError, match="'mse' was given together with strategy='focal'"):
        ImbalancedKerasClassifier(build, strategy="focal").fit(*rare)


def test_a_constant_but_for_rounding_is_a_constant(rare):
    """A spread of 1e-39 has no reciprocal in float32."""
    X, y = rare
    tiny = np.linspace(0, 1e-38, len(y), dtype=np.float32)[:, None]
    for model in (None, "mlp"):
        clf = ImbalancedKerasClassifier(model, epochs=2, random_state=0).fit(np.hstack([X, tiny]), y)
        assert np.isfinite(clf.predict_proba(np.hstack([X, tiny]))).all()


def test_a_built_network_is_copied_and_its_weights_are_the_start(rare):
    X, y = rare
    model = _functional({"n_features_in_": 4, "n_classes_": 2})
    before = [w.copy() for w in model.get_weights()]
    clf = ImbalancedKerasClassifier(model, epochs=1, random_state=0)
    for w, start in zip(clf.initialize(X, y).model_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, start)
    clf.fit(X, y)
    for w, start in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, start)


def test_builder_receives_meta_compile_kwargs_and_params(rare):
    received = {}

    def build(meta, compile_kwargs, params, width=4):
        received.update(meta=meta, compile_kwargs=compile_kwargs, params=params, width=width)
        model = _functional(meta)
        model.compile(**compile_kwargs)
        return model

    X, y = rare
    clf = quick(model=build, model__width=7, loss="categorical_crossentropy", metrics=["accuracy"]).fit(X, y)
    assert received["width"] == 7
    assert received["params"]["model__width"] == 7
    assert isinstance(received["compile_kwargs"]["optimizer"], keras.optimizers.Adam)
    # What SciKeras' tutorials build from.
    expected = {"n_features_in_": 4, "n_classes_": 2, "X_shape_": (400, 4), "target_type_": "binary", "n_outputs_": 1,
                "n_outputs_expected_": 1, "n_rows_": 400}  # fmt: skip
    assert {name: received["meta"][name] for name in expected} == expected
    np.testing.assert_array_equal(received["meta"]["classes_"], [0, 1])
    assert float(clf.model_.optimizer.learning_rate) == pytest.approx(0.01)


def test_a_compiled_network_keeps_its_optimizer(rare):
    def build(meta):
        model = _functional(meta)
        model.compile(optimizer=keras.optimizers.SGD(0.05), loss="sparse_categorical_crossentropy")
        return model

    clf = ImbalancedKerasClassifier(build, epochs=1, random_state=0).fit(*rare)
    assert isinstance(clf.model_.optimizer, keras.optimizers.SGD)
    clf.set_params(optimizer__learning_rate=0.1)
    with pytest.raises(ValueError, match="'optimizer__learning_rate' reaches nothing"):
        clf.fit(*rare)


def test_keras_losses_by_name_take_parameters(rare):
    X, y = rare
    with_parameter = quick(strategy=None, loss="binary_focal_crossentropy", loss__gamma=3.0).fit(X, y)
    by_strategy = quick(strategy="focal", gamma=3.0).fit(X, y)
    assert with_parameter.loss_.loss.gamma == 3.0
    # The same loss, and a network that shows its softmax where the strategy shows the posterior behind it.
    assert with_parameter.predict_proba(X)[:, 1].mean() > by_strategy.predict_proba(X)[:, 1].mean()


# --- warm_start, partial_fit, history ---


def test_warm_start_goes_on_and_a_plain_fit_starts_anew(rare):
    X, y = rare
    clf = quick(warm_start=True, epochs=3).fit(X, y)
    first = clf.history_["loss"]
    clf.fit(X, y)
    assert clf.history_["loss"][:3] == first
    assert len(clf.history_["loss"]) == clf.current_epoch == 6
    assert clf.history_["loss"][3] < first[0]
    assert len(clf.set_params(warm_start=False).fit(X, y).history_["loss"]) == 3


def test_warm_start_follows_the_parameters(rare):
    """Another strategy's loss and prior, another rate; what has not changed goes on."""
    X, y = rare
    clf = quick(warm_start=True, epochs=30).fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, 0.5)
    clf.set_params(strategy="none").fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, clf.prior_)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.03)
    assert type(clf.loss_).__name__ == "CrossEntropy"

    start = clf.model_.get_weights()[2]
    clf.set_params(optimizer__learning_rate=1e-7, epochs=2).fit(X, y)
    assert float(clf.model_.optimizer.learning_rate) == pytest.approx(1e-7)
    np.testing.assert_allclose(clf.model_.get_weights()[2], start, atol=1e-5)
    clf.set_params(optimizer="sgd", optimizer__learning_rate=0.25).fit(X, y)
    assert isinstance(clf.model_.optimizer, keras.optimizers.SGD)
    assert not np.allclose(clf.model_.get_weights()[2], start, atol=1e-3)


def test_warm_start_keeps_a_rate_that_a_callback_has_lowered(rare):
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9, cooldown=99)
    clf = quick(warm_start=True, epochs=4, callbacks=[plateau]).fit(*rare)
    clf.set_params(callbacks=None).fit(*rare)
    assert float(clf.model_.optimizer.learning_rate) == pytest.approx(0.001)


@pytest.mark.parametrize("way", [{}, {"run_eagerly": True}], ids=["program", "Keras"])
def test_a_chunk_that_lacks_a_class_is_drawn_from_in_balance(way, rare):
    X, y = rare
    clf = quick(strategy="balanced_batches", **way).partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, 0.5)
    assert np.isfinite(clf.predict_proba(X)).all()


class Growing(Strategy):
    """Weights of the rare class that grow from 1 to 9."""

    def class_weight(self, class_counts, progress):
        return np.array([1.0, 1.0 + 8.0 * progress])


@pytest.mark.parametrize("model", [None, "mlp"])
def test_the_prior_is_that_of_the_epoch_kept(model, larger):
    X, y = larger
    clf = ImbalancedKerasClassifier(model, strategy=Growing(), epochs=40, n_iter_no_change=4, random_state=0).fit(X, y)
    progress = (np.atleast_1d(clf.best_epoch_) - 1) / 39
    shown = np.column_stack([np.full(len(progress), 0.9), 0.1 * (1 + 8 * progress)])
    expected = (shown / shown.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(clf.train_prior_, expected, atol=2e-3)
    assert clf.train_prior_[1] < 0.45  # it would be 0.5 at the last epoch
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.03)


def test_the_prior_is_that_of_the_epoch_a_callback_restores(rare):
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=3, restore_best_weights=True)
    clf = quick(strategy=Growing(), epochs=9, callbacks=[stop], early_stopping=False).fit(*rare)
    kept = clf.best_epoch_
    assert clf.n_iter_ == min(kept + 3, 9)
    progress = (kept - 1) / 8
    assert clf.train_prior_[1] == pytest.approx(0.1 * (1 + 8 * progress) / (0.9 + 0.1 * (1 + 8 * progress)))


@pytest.mark.parametrize("fails", ["callbacks", "in a callback", "interrupted", "labels", "strategy"])
@pytest.mark.parametrize("how", ["fit", "warm fit", "partial_fit"])
def test_a_fit_that_fails_changes_nothing(how, fails, rare):
    X, y = rare
    clf = quick(warm_start=how == "warm fit", epochs=3, decision="f1", optimizer__learning_rate=0.1)
    call = clf.partial_fit if how == "partial_fit" else clf.fit
    call(X, y)
    before = {
        name: copy.deepcopy(value)
        for name, value in vars(clf).items()
        if name not in ("model_", "_fitted", "_training")
    }
    expected, weights, left = clf.predict_proba(X), clf.model_.get_weights(), (clf._fitted, clf._training)

    def fail(epoch, logs):
        raise {"interrupted": KeyboardInterrupt}.get(fails, RuntimeError)

    half = X[:200] + 1, y[:200] if fails != "labels" else y[:200] + 0.5
    if fails == "strategy":
        clf.set_params(strategy="smoke")
    callbacks = {"callbacks": [3], "labels": [], "strategy": []}.get(
        fails, [keras.callbacks.LambdaCallback(on_epoch_end=fail)]
    )
    with pytest.raises((ValueError, TypeError, RuntimeError, KeyboardInterrupt)):
        call(*half, callbacks=callbacks)
    if fails == "strategy":
        clf.set_params(strategy="auto")
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    for a, b in zip(clf.model_.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    after = {name: value for name, value in vars(clf).items() if name not in ("model_", "_fitted", "_training")}
    assert after.keys() == before.keys()
    for name in ("class_count_", "prior_", "train_prior_", "history_", "n_iter_"):
        assert repr(after[name]) == repr(before[name])
    assert (clf._fitted, clf._training) == left
    assert call(X, y).n_iter_ >= 1


def test_ctrl_c_ends_a_long_fit_that_nothing_watches():
    """Its epochs run many at a time in one call; how soon it is answered, bench_training.py measures."""
    code = (
        "import _thread, threading, numpy as np\n"
        "from skimbalance import ImbalancedKerasClassifier\n"
        "X = np.random.default_rng(0).normal(size=(20_000, 5)).astype('f4'); y = (X[:, 0] > 1).astype(int)\n"
        "clf = ImbalancedKerasClassifier('mlp', epochs=10**6, early_stopping=False)\n"
        "threading.Timer(4, _thread.interrupt_main).start()\n"
        "try:\n"
        "    clf.fit(X, y)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', sorted(name for name in vars(clf) if name.endswith('_') and name[0] != '_'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "interrupted []", done.stderr


def test_partial_fit_over_chunks(rare):
    X, y = rare
    y = np.array(["no", "yes"])[y]
    clf = quick()
    for start in range(0, 400, 100):
        clf.partial_fit(X[start : start + 100], y[start : start + 100], classes=["yes", "no"])
    np.testing.assert_array_equal(clf.classes_, ["no", "yes"])
    np.testing.assert_array_equal(clf.class_count_, [360, 40])
    assert clf.current_epoch == 4
    with pytest.raises(ValueError, match="differs from the classes of the first call"):
        clf.partial_fit(X, y, classes=["no", "maybe"])
    with pytest.raises(TypeError, match="one epoch"):
        clf.partial_fit(X, y, epochs=3)


def test_a_chunk_may_lack_a_class(rare):
    X, y = rare
    clf = quick().partial_fit(X[y == 0], y[y == 0], classes=[0, 1]).partial_fit(X, y)
    assert np.all(np.isfinite(clf.predict_proba(X)))
    np.testing.assert_array_equal(clf.class_count_, [720, 40])


def test_arguments_of_fit_come_before_parameters(rare):
    X, y = rare
    assert len(quick(fit__epochs=4).fit(X, y).history_["loss"]) == 4
    assert len(quick(fit__epochs=4).fit(X, y, epochs=2).history_["loss"]) == 2


def test_metrics_have_the_same_names_in_every_fit(rare):
    X, y = rare
    metrics = [
        "AUC",
        "accuracy",
        keras.metrics.Recall(),
        keras.metrics.AUC(curve="PR"),
        keras.metrics.binary_accuracy,
    ]
    for _ in range(2):
        clf = quick(metrics=metrics, validation_split=0.2).fit(X, y)
        names = ["auc", "accuracy", "recall", "auc_1", "binary_accuracy"]
        assert list(clf.history_) == [
            "loss", *names, *[f"val_{n}" for n in names], "val_loss", "val_average_precision",
        ]  # fmt: skip
    last = clf.history_["accuracy"][-1]
    assert last == pytest.approx(clf.history_["binary_accuracy"][-1])
    assert 0.5 < last <= 1


def test_metrics_of_more_classes(rare_multiclass):
    X, y = rare_multiclass
    metrics = ["accuracy", "AUC", "sparse_categorical_accuracy"]
    clf = quick(metrics=metrics, epochs=3, early_stopping=False).fit(X, y)
    assert clf.history_["accuracy"][-1] == pytest.approx(clf.score(X, y))


def test_routed_metric_parameters(rare):
    clf = quick(metrics={"hits": "Recall"}, metrics__hits__thresholds=0.0, epochs=2).fit(*rare)
    assert clf.history_["recall"][-1] == 1.0


def test_progress_is_shown_when_asked_for(rare, capsys):
    quick(epochs=2).fit(*rare)
    assert capsys.readouterr().out == ""
    quick(epochs=2, verbose=2).fit(*rare)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "4 columns: 4 numeric"
    assert said[2].startswith("2/2 epochs, loss ")
    quick(epochs=2, verbose=1).fit(*rare)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Trained 2 epochs \(.* s\)\.", said[1]), "a file gets few lines"
    assert len(said) == 3


class Terminal(io.StringIO):
    """Standard output, as a terminal, which shows what is written over."""

    def isatty(self):
        return True


def test_the_bar_says_at_once_and_all_along_what_is_being_done(rare, monkeypatch):
    programs.clear()  # so that there is something to compile
    monkeypatch.setattr(sys, "stdout", Terminal())
    network = {"model__n_members": 2, "model__hidden_layer_sizes": (9,), "epochs": 3, "ensemble": "forest"}
    clf = ImbalancedKerasClassifier(early_stopping="loss", random_state=0, verbose=1, **network).fit(*rare)
    shown = sys.stdout.getvalue()
    assert shown.index("4 numeric") < shown.index("0/3 epochs") < shown.index("compiling")
    *_, trained, growing, told = shown.replace("\r", "\n").splitlines()
    assert re.fullmatch(rf"Trained 3 epochs(, kept epochs? {re.escape(_kept(clf))})? \(.* s\)\.", trained)
    assert growing == "Growing forest"
    assert told.startswith("Held-out rows: ")


def _kept(clf):
    """Return the epochs that members kept, in words."""
    least, most = clf.best_epoch_.min(), clf.best_epoch_.max()
    return f"{most}" if least == most else f"{least} to {most}"


def test_a_long_epoch_tells_how_far_it_is(monkeypatch):
    seen = []
    monkeypatch.setattr(callbacks.EpochProgress, "show", lambda self, n_epochs: seen.append(n_epochs))
    X = np.random.default_rng(0).normal(size=(12_000, 3)).astype(np.float32)
    fit_params = {"epochs": 2, "batch_size": 32, "verbose": 1}
    network = {"model__hidden_layer_sizes": (4,), "model__embedding": None}
    ImbalancedKerasClassifier(ensemble=None, random_state=0, **network).fit(X, (X[:, 0] > 1).astype(int), **fit_params)
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[0] < 1
    assert seen[-1] == 2


# --- early stopping ---


@pytest.mark.parametrize(
    ("early_stopping", "score"), [(True, "average_precision"), ("average_precision",) * 2, ("loss", "loss")]
)
def test_early_stopping_keeps_the_best_epoch(early_stopping, score, rare):
    X, y = rare
    same = {"validation_split": 0.3, "compile__jit_compile": False}  # "auto" depends on the number of epochs
    clf = quick(early_stopping=early_stopping, n_iter_no_change=3, epochs=200, **same).fit(X, y)
    scores = np.array(clf.history_[f"val_{score}"]) * (-1 if score == "loss" else 1)
    assert clf.best_epoch_ == scores.argmax() + 1 == clf.n_iter_ - 3
    assert clf.n_iter_ == len(clf.history_["loss"]) < 200
    # The same fit that ends at the best epoch has the same weights.
    until_best = quick(epochs=int(clf.best_epoch_), **same).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), until_best.predict_proba(X))


def test_the_plain_network_stops_early_where_enough_rows_can_be_held_out(larger):
    X, y = larger
    clf = quick(epochs=200).fit(X, y)
    assert clf.best_epoch_ == np.argmin(clf.history_["val_loss"]) + 1 == clf.n_iter_ - 10
    for fitted in (quick(epochs=30).fit(X[:200], y[:200]), quick(_functional, epochs=30).fit(X, y)):
        assert fitted.n_iter_ == 30
        assert "val_loss" not in fitted.history_


def test_rows_are_held_out_by_content(larger):
    """So that, with early stopping as well, neither order nor repetition of rows matters."""
    X, y = larger
    order = np.random.default_rng(0).permutation(len(y))
    weight = 1 + np.arange(len(y)) % 2
    repeated = np.repeat(order, weight[order])
    weighted = quick(epochs=40).fit(X, y, sample_weight=weight)
    assert weighted.best_epoch_ < weighted.n_iter_
    plain = quick(epochs=40).fit(X[repeated], y[repeated])
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


def test_early_stopping_holds_out_a_tenth_by_itself(rare):
    seen = []

    class Recording(RandomOverSampler):
        def fit_resample(self, X, y):
            seen.append(len(y))
            return super().fit_resample(X, y)

    clf = quick(early_stopping=True, strategy=Recording()).fit(*rare)
    assert seen == [360]
    assert clf.history_["val_average_precision"]


def test_best_epoch_counts_the_epochs_of_earlier_calls(rare):
    clf = quick(epochs=4, warm_start=True).fit(*rare)
    assert (clf.n_iter_, clf.best_epoch_) == (4, 4)
    clf.set_params(early_stopping="loss", n_iter_no_change=50).fit(*rare)
    assert clf.n_iter_ == 8
    assert np.isnan(clf.history_["val_loss"][:4]).all()
    assert clf.best_epoch_ == 1 + np.nanargmin(clf.history_["val_loss"])


def test_validation_data_of_ones_own(rare):
    X, y = rare
    held_out = (X[300:], y[300:])
    clf = quick(early_stopping="loss").fit(X[:300], y[:300], validation_data=held_out)
    weighted = quick().fit(X[:300], y[:300], validation_data=(*held_out, np.where(y[300:], 9.0, 1.0)))
    assert clf.history_["val_loss"][0] < weighted.history_["val_loss"][0]
    np.testing.assert_allclose(clf.prior_, np.bincount(y[:300]) / 300)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: X, "it takes \\(X, y\\) or \\(X, y, sample_weight\\)"),
        (lambda X, y: (X[:, :2], y), "2 features"),
        (lambda X, y: (X, y[:-1]), "has 399 labels, but X has 400 rows"),
        (lambda X, y: (X, y + 1), "categories \\[2\\]"),
        (lambda X, y: (X[y == 0], y[y == 0]), "no row of the classes \\[1\\]"),
        (lambda X, y: (X, y, -np.ones(len(y))), "Negative values"),
    ],
)
def test_bad_validation_data(spoil, message, rare):
    with pytest.raises(ValueError, match=message):
        quick().fit(*rare, validation_data=spoil(*rare))
