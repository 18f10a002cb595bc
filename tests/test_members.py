"""Tests of the members of the default network: training, their epochs and their mean."""

import functools
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.rows import Rows, positions_of
from skimbalance.data.splits import SingleRows
from skimbalance.networks import (
    CosineLog,
    MemberDense,
    MemberScale,
    PeriodicEmbedding,
    Recipe,
    RobustScale,
    RowsFirst,
    mlp,
    realmlp,
)
from skimbalance.networks.members import Members
from skimbalance.networks.network import Network
from skimbalance.networks.outputs import LossOnOutputs
from skimbalance.probability.posterior import Posterior
from skimbalance.probability.prior import shift_prior
from skimbalance.strategies import CrossEntropy
from skimbalance.training import Training, TrainingRows, train
from skimbalance.training.forward import forward_of
from skimbalance.training.state import state_of


def quick(**parameters):
    """Default network, for a few steps."""
    return ImbalancedKerasClassifier(**{"epochs": 6, "random_state": 0, **parameters})


def random_network(n_members=3, **parameters):
    """Build a network of random weights, the last layer's included."""
    meta = {"n_features_in_": 4, "n_classes_": 2}
    model = realmlp(meta, hidden_layer_sizes=(8, 8), n_members=n_members, **parameters)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


# --- layers ---


def test_robust_scale_is_the_published_formula():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.exponential(size=101) * 50 + 7, np.arange(101) == 3, np.full(101, 4.2)])
    layer = RobustScale()
    layer.adapt(X)
    low, median, high = np.quantile(X[:, 0], [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
    z = np.column_stack([(X[:, 0] - median) / (high - low), X[:, 1] * 2, np.zeros(101)])
    np.testing.assert_allclose(layer(X.astype(np.float32)), z / np.sqrt(1 + (z / 3) ** 2), atol=1e-5)


def test_robust_scale_counts_a_weight_of_two_as_two_rows():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(50, 3)), rng.integers(1, 4, size=50)
    weighted, repeated = RobustScale(), RobustScale()
    weighted.adapt(X, weight.astype(float))
    repeated.adapt(np.repeat(X, weight, axis=0))
    for a, b in zip(weighted.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_embedding_is_made_of_cosines():
    layer = PeriodicEmbedding(n_members=2, n_frequencies=5, n_outputs=2)
    X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    embedded = np.asarray(layer(X))
    assert embedded.shape == (2, 7, 9)
    np.testing.assert_array_equal(embedded[0, :, :3], X)
    frequency, phase, mixture, bias = (
        np.asarray(w)[1] for w in (layer.frequency, layer.phase, layer.mixture, layer.bias)
    )
    cosines = np.cos(2 * np.pi * 0.1 * (X[:, None, :] * frequency + phase))
    expected = np.einsum("bfd,fod->bod", cosines, mixture[0]).reshape(7, 6) + bias
    np.testing.assert_allclose(embedded[1, :, 3:], expected, atol=1e-4)


def test_dense_members_follow_the_neural_tangent_parametrisation():
    layer = MemberDense(5, n_members=2, activation="selu")
    X = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    out = np.asarray(layer(X))
    kernel, bias = (np.asarray(w) for w in (layer.kernel, layer.bias))
    expected = keras.activations.selu((X[1] @ kernel[1] / np.sqrt(3) + 0.1 * bias[1]).astype(np.float32))
    np.testing.assert_allclose(out[1], expected, atol=1e-5)
    wide = MemberDense(500, n_members=2)
    wide.build((2, None, 400))
    assert np.std(wide.kernel) == pytest.approx(1, rel=0.01)
    assert np.std(0.1 * np.asarray(wide.bias)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    "layer", [MemberScale(3), MemberDense(2, 3, "relu"), PeriodicEmbedding(3, 4), RowsFirst()], ids=repr
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def clipped(x):
    """An activation that this package does not know: programs of networks that have it are not shared."""
    return keras.ops.clip(x, -1, 1)


@pytest.mark.parametrize(
    "parameters",
    [{"embedding": "periodic"}, {"embedding": None}, {"activation": clipped}],
    ids=["periodic", "no embedding", "activation of the user's"],
)
def test_members_can_take_their_own_rows(parameters):
    """On rows of each member's own, a member says what it says of them in a table for all."""
    model = random_network(**parameters)
    rng = np.random.default_rng(1)
    table, index = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(30, size=(20, 3))
    apart = np.asarray(Members(model).rows_to_layers(model)(table[index.T]))
    assert apart.shape == (20, 3, 2)
    forward, state = forward_of(Network(model)), [v.value for v in state_of(model)]
    np.testing.assert_allclose(forward(state, table, index), apart, rtol=1e-4, atol=1e-5)
    for member in range(3):
        own = forward(state, table[index[:, member]])[:, member]
        np.testing.assert_allclose(apart[:, member], own, rtol=1e-4, atol=1e-5)


def test_only_chains_of_members_take_rows_of_their_own():
    meta = {"n_features_in_": 4, "n_classes_": 2}
    assert (Members(realmlp(meta, n_members=5)).n, Members(realmlp(meta, n_members=5)).are_layers) == (5, True)
    inputs = keras.Input((8,))
    hidden = RowsFirst()(MemberDense(2, 3)(MemberScale(3)(keras.layers.Dense(4)(inputs))))
    for model in (mlp(meta), keras.Model(inputs, hidden), None):
        assert (Members(model).n, Members(model).are_layers) == (1, False)


def test_each_member_keeps_its_own_weights_and_all_share_the_others():
    model = random_network()
    kept, new = ([np.full(w.shape, value) for w in model.weights] for value in (0.0, 1.0))
    Members(model).keep(kept, new, np.array([True, False, True]))
    for weight, variable in zip(kept, model.weights, strict=True):
        expected = [1, 0, 1] if len(variable.shape) == 3 or len(variable.shape) > 3 else None
        if expected is None:
            np.testing.assert_array_equal(weight, 1)  # statistics of the rows
        else:
            np.testing.assert_array_equal(weight.reshape(3, -1).mean(axis=1), expected)


def test_an_unknown_embedding_is_an_error(rare):
    with pytest.raises(ValueError, match="embedding='fourier' is unknown; it takes \"periodic\" or None"):
        quick(model__embedding="fourier").fit(*rare)


# --- rows of each member ---


def test_a_sampler_makes_members_share_their_held_out_rows(larger):
    X, y = larger
    seen = []

    from imblearn.over_sampling import SMOTE

    class Recording(SMOTE):
        def fit_resample(self, X, y):
            seen.append(np.bincount(y).tolist())
            return super().fit_resample(X, y)

    clf = quick(strategy=Recording()).fit(X, y)
    assert seen == [[459, 51]]
    assert clf.best_epoch_.shape == (8,)
    assert clf.history_["val_loss"]


# --- training ---


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_members_end_with_the_weights_of_keras_fit(jit_compile, rare):
    """On the same rows in the same order, for all members; 1/3 of the loss is each one's."""
    X, y = (of[:150] for of in rare)
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    weight = np.random.default_rng(2).uniform(0.5, 2, size=len(y))
    ours, theirs = random_network(), random_network()
    for model in (ours, theirs):
        model.compile(keras.optimizers.Adam(0.01), LossOnOutputs(CrossEntropy()), jit_compile=False)
    table = Rows(X, y, weight, merges=False)
    rows = TrainingRows(table, positions_of(table.index), lambda progress: np.ones(2))
    rows.give_to_members(Members(ours))
    history, _ = train(Network(ours), CrossEntropy(), rows, Training(32, 4, jit_compile=jit_compile))
    scaled = (weight / weight.mean()).astype("f4")
    expected = theirs.fit(X, y, sample_weight=scaled, batch_size=32, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    np.testing.assert_allclose(history["loss"], expected.history["loss"], rtol=1e-4)


def test_members_are_independent(rare):
    """A member ends the same whatever the others are."""
    X, y = rare
    weights = []
    for scale in (1.0, 3.0):
        model = random_network()
        for variable in model.trainable_variables:
            variable.assign(np.concatenate([variable[:2], scale * variable[2:]]))
        model.compile(keras.optimizers.Adam(0.01), LossOnOutputs(CrossEntropy()), jit_compile=False)
        table = Rows(X, y, None, merges=True)
        rows = TrainingRows(table, positions_of(table.index), lambda progress: np.ones(2))
        rows.give_to_members(
            Members(model), SingleRows(table.classes).sets_of_members(Members(model), 0.1, np.random.default_rng(0))[0]
        )
        train(Network(model), CrossEntropy(), rows, Training(64, 2, rng=np.random.default_rng(1)))
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        if len(a) == 3:  # statistics of the rows have no members
            np.testing.assert_allclose(a[:2], b[:2], atol=1e-5)


@pytest.mark.parametrize(
    "way",
    [
        {"run_eagerly": True},
        {"callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]},
    ],
    ids=["eagerly", "batch by batch"],
)
def test_all_training_loops_end_with_equal_weights(way, rare):
    expected = quick(epochs=2).fit(*rare)
    clf = quick(epochs=2, **way).fit(*rare)
    np.testing.assert_allclose(clf.history_["loss"], expected.history_["loss"], rtol=1e-3)
    np.testing.assert_allclose(clf.predict_proba(rare[0]), expected.predict_proba(rare[0]), atol=0.01)


def test_batch_hooks_see_every_batch(rare):
    steps = []
    seen = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append((batch, logs["loss"])))
    clf = quick(epochs=2, batch_size=100, early_stopping=False, callbacks=[seen]).fit(*rare)
    assert [step for step, _ in steps] == [0, 1, 2, 3] * 2
    assert np.mean([loss for _, loss in steps[:4]]) == pytest.approx(clf.history_["loss"][0], rel=1e-5)


@pytest.mark.parametrize("score", ["loss", "average_precision"])
def test_every_pair_keeps_its_best_epoch(score, larger):
    X, y = larger
    clf = quick(early_stopping=score, epochs=30, n_iter_no_change=4).fit(X, y)
    assert clf.best_epoch_.shape == (8,)
    assert clf.n_iter_ == min(30, clf.best_epoch_.max() + 4)
    np.testing.assert_array_equal(clf.best_epoch_[::2], clf.best_epoch_[1::2])
    assert len(set(clf.best_epoch_.tolist())) > 1


def test_held_out_rows_of_all_choose_every_pairs_epoch(rare):
    """The restored pairs are, on those rows, as good as in their best epoch."""
    X, y = rare

    def scores_of_pairs(model):
        logits = np.asarray(model(X[300:]), dtype=np.float64)
        q = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
        return [log_loss(y[300:], q[:, pair : pair + 2].mean(axis=1)) for pair in range(0, 8, 2)]

    scores = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            scores.append(scores_of_pairs(self.model))

    clf = quick(strategy="none", epochs=12, callbacks=Watch())
    clf.fit(X[:300], y[:300], validation_data=(X[300:], y[300:]))
    np.testing.assert_array_equal(clf.best_epoch_, np.repeat(1 + np.argmin(scores, axis=0), 2))
    np.testing.assert_allclose(scores_of_pairs(clf.model_), np.min(scores, axis=0), rtol=1e-4)


@pytest.mark.parametrize("strategy", ["focal", "class_weight"])
@pytest.mark.parametrize("target_prior", ["train", "fit", [0.7, 0.3]], ids=str)
def test_members_are_averaged_at_the_class_prior_of_the_data(strategy, target_prior, rare):
    X, y = rare
    clf = quick(strategy=strategy, target_prior=target_prior, ensemble=None).fit(X, y)
    logits = np.asarray(clf.model_(X), dtype=np.float64)
    mean = np.mean(
        [shift_prior(clf.loss_.predict_proba(logits[:, m]), clf.train_prior_, clf.prior_) for m in range(8)], axis=0
    )
    wanted = clf.train_prior_ if target_prior == "train" else clf.prior_ if target_prior == "fit" else target_prior
    np.testing.assert_allclose(clf.predict_proba(X), shift_prior(mean, clf.prior_, wanted), atol=1e-5)


def test_disagreement_of_members_keeps_the_mean_probability():
    """Averaged at the balanced prior that training showed, the rare class would come out at a third of its share."""
    rng, prior = np.random.default_rng(0), np.array([0.99, 0.01])
    logits = np.stack([np.zeros((100_000, 8)), rng.normal(scale=3.0, size=(100_000, 8))], axis=2)
    posterior = Posterior(CrossEntropy(), [0.5, 0.5], prior)
    alone = np.mean([posterior.at(prior, logits[:, [m]]) for m in range(8)], axis=(0, 1))
    together = posterior.at(prior, logits).mean(axis=0)
    np.testing.assert_allclose(together, alone, rtol=1e-6)
    balanced = CrossEntropy().predict_proba(logits.reshape(-1, 2)).reshape(logits.shape).mean(axis=1)
    assert shift_prior(balanced, [0.5, 0.5], prior)[:, 1].mean() < together[1] / 3


def test_members_trained_at_different_priors_agree_at_any_prior():
    """Of one truth, each learns the posterior under its own prior."""
    rng, prior = np.random.default_rng(0), np.array([0.9, 0.1])
    truth = rng.dirichlet([2.0, 0.3], size=50)
    shown = np.array([[0.5, 0.5], [0.8, 0.2]])
    logits = np.stack([np.log(shift_prior(truth, prior, of)) for of in shown], axis=1)
    posterior = Posterior(CrossEntropy(), shown, prior)
    np.testing.assert_allclose(posterior.at(prior, logits), truth)
    np.testing.assert_allclose(posterior.at([0.7, 0.3], logits), shift_prior(truth, prior, [0.7, 0.3]))
    np.testing.assert_allclose(posterior.of([1]).at(prior, logits[:, 1:]), truth)


def test_the_f1_threshold_follows_from_held_out_rows(larger):
    from skimbalance.probability.thresholds import RowProbabilities

    X, y = larger
    clf = quick(decision="f1").fit(X, y)
    rows = RowProbabilities.of(clf.predict_proba(X), np.ones(len(X)), clf.prior_)
    own = rows.threshold("fbeta", 1.0, clf.prior_, positive=1)
    assert clf.threshold_ != pytest.approx(own, rel=1e-3)
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X)[:, 1] >= clf.threshold_)


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": False}], ids=str)
def test_a_sample_weight_of_two_equals_repeating_the_row(parameters, larger):
    X, y = larger
    weight = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted = quick(**parameters).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(
        weighted.predict_proba(X), quick(**parameters).fit(X[repeated], y[repeated]).predict_proba(X)
    )


def test_partial_fit_and_warm_start(rare):
    X, y = rare
    clf = quick()
    for _ in range(3):
        clf.partial_fit(X, y)
    assert clf.n_iter_ == 3
    assert "val_loss" not in clf.history_
    assert average_precision_score(y, clf.predict_proba(X)[:, 1]) > 0.7
    warm = quick(warm_start=True).fit(X, y)
    assert warm.fit(X, y).n_iter_ == 12


# --- schedule, parameters, copies ---


def test_the_learning_rate_has_four_cycles():
    schedule = CosineLog(0.04, n_steps=1500)
    rate = np.asarray(schedule(np.arange(1501)))
    ends = 1500 * (2.0 ** np.arange(5) - 1) / 15
    np.testing.assert_allclose(rate[ends.round().astype(int)], 0, atol=1e-5)
    middles = 1500 * (2.0 ** (np.arange(4) + 0.5) - 1) / 15
    np.testing.assert_allclose(rate[middles.round().astype(int)], 0.04, rtol=1e-3)
    assert CosineLog.from_config(schedule.get_config()).get_config() == schedule.get_config()


def test_callbacks_that_set_the_rate_need_a_named_optimizer(rare):
    callback = keras.callbacks.ReduceLROnPlateau(monitor="loss")
    with pytest.raises(
        ValueError, match='follows the schedule of the default network; name an optimizer .optimizer="adam"'
    ):
        quick(callbacks=callback).fit(*rare)
    clf = quick(optimizer="adam", callbacks=callback).fit(*rare)
    assert "learning_rate" in clf.history_


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "epochs"),
    [(32, 32, 256), (200, 32, 37), (5_440, 64, 32), (10_000, 128, 20), (25_000, 128, 8), (300_000, 512, 6),
     (10_000_000, 1024, 1)],
    ids=str,
)  # fmt: skip
def test_small_tables_take_more_epochs_and_large_ones_fewer(n_rows, batch_size, epochs):
    assert realmlp.recipe.choose_epochs(n_rows, batch_size) == epochs
    assert mlp.recipe.choose_epochs(n_rows, batch_size) == Recipe().choose_epochs(n_rows, batch_size) == 100


def test_the_number_of_members_follows_distinct_rows(rare, monkeypatch):
    meta = {"n_features_in_": 4, "n_classes_": 2}
    assert [Members(realmlp({**meta, "n_rows_": n})).n for n in (16_384, 16_385)] == [8, 4]
    assert Members(realmlp(meta)).n == 8
    for wrong in ("Auto", None, 0, 4.0):
        with pytest.raises(ValueError, match="model__n_members=.* a whole number from 1 on"):
            realmlp(meta, n_members=wrong)
    monkeypatch.setattr("skimbalance.networks.builders._FEW_ROWS", 300)
    X, y = rare
    twice, once = (
        quick(model="realmlp", epochs=1).fit(np.repeat(X[:of], 400 // of, axis=0), np.repeat(y[:of], 400 // of))
        for of in (200, 400)
    )
    assert (Members(twice.model_).n, Members(once.model_).n) == (8, 4)


def test_the_network_is_chosen_by_name(rare):
    assert quick(model="mlp").fit(*rare).model_.output_shape == (None, 2)
    assert quick(model="realmlp", model__n_members=2).fit(*rare).model_.output_shape == (None, 2, 2)
    with pytest.raises(ValueError, match="model='real_mlp' is unknown; the names are .'mlp', 'realmlp'."):
        quick(model="real_mlp").fit(*rare)


def test_its_parameters_can_be_searched(rare):
    searched = [{"model__n_members": [1, 3]}, {"model__hidden_layer_sizes": [(8, 8)]}, {"model__embedding": [None]}]
    grid = [{"model__hidden_layer_sizes": [(8,)], "optimizer__learning_rate": [0.02], **of} for of in searched]
    search = GridSearchCV(quick(epochs=2, decision="f1", ensemble=None), grid, cv=2, scoring="average_precision").fit(
        *rare
    )
    assert len(search.cv_results_["params"]) == 4
    schedule = search.best_estimator_.model_.optimizer._learning_rate
    assert (type(schedule), schedule.learning_rate) == (CosineLog, 0.02)


# Keras 3.10 takes the input of a network that it has loaded for a list of one, and says so where an array comes.
@pytest.mark.filterwarnings("ignore:Exception encountered when calling Functional.call")
def test_a_copy_predicts_and_goes_on_the_same(rare, tmp_path):
    X, y = rare
    clf = quick(warm_start=True).fit(X, y)
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))
    clf.model_.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_allclose(loaded(X), clf.model_(X), atol=1e-6)
    assert clone(clf).get_params() == clf.get_params()


def test_dropout_and_a_custom_network(rare):
    X, y = rare

    def own(meta):
        return realmlp(meta, hidden_layer_sizes=(16,), n_members=2, dropout=0.3)

    with pytest.warns(UserWarning, match="returns a network of members, but does not say how it is trained"):
        clf = quick(model=own).fit(X, y)
    assert clf.best_epoch_ == 6
    own.recipe = realmlp.recipe
    clf = quick(model=own).fit(X, y)
    assert clf.best_epoch_.shape == (2,)
    assert average_precision_score(y, clf.predict_proba(X)[:, 1]) > 0.7


class Builder:
    """Builder that is no function."""

    def build(self, meta, n_members=2):
        return realmlp(meta, hidden_layer_sizes=(8,), n_members=n_members)

    build.recipe = realmlp.recipe


def test_keras_callbacks_know_that_greater_average_precision_of_own_rows_is_better(
    larger, few_epochs, two_small_members
):
    stop = keras.callbacks.EarlyStopping(monitor="val_average_precision", patience=9)
    clf = ImbalancedKerasClassifier(ensemble=None, callbacks=stop, random_state=0).fit(*larger)
    scores = clf.history_["val_average_precision"]
    assert len(set(scores)) > 1
    assert stop.best == max(scores)


@pytest.mark.parametrize(
    "model",
    [
        functools.partial(realmlp, n_members=2),
        functools.partial(functools.partial(realmlp, hidden_layer_sizes=(8,)), n_members=2),
        functools.wraps(realmlp)(lambda meta: realmlp(meta, n_members=2)),
        Builder().build,
        realmlp({"n_features_in_": 4, "n_classes_": 2}, hidden_layer_sizes=(8,), n_members=2),
    ],
    ids=["partial", "partial of a partial", "wrapped", "method", "network"],
)
def test_wrapped_and_built_networks_are_trained(model, rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(model, random_state=0, n_iter_no_change=1).fit(X, y)
    assert isinstance(clf.model_.optimizer._learning_rate, CosineLog)
    assert clf.best_epoch_.shape == (2,)
    assert clf.n_iter_ < 37  # epochs of the recipe


def test_a_custom_network_has_a_recipe(rare):
    X, y = rare

    def own(meta):
        return mlp(meta, hidden_layer_sizes=(4,))

    own.recipe = Recipe(early_stopping="average_precision", hold_out=0.25, epochs=7, optimizer={"learning_rate": 0.125})
    clf = ImbalancedKerasClassifier(own, random_state=0).fit(X, y)
    assert len(clf.history_["val_average_precision"]) == clf.n_iter_ == 7
    assert clf.best_epoch_ == 1 + np.argmax(clf.history_["val_average_precision"])
    assert float(clf.model_.optimizer.learning_rate) == 0.125
    own.recipe = Recipe(early_stopping="loss", own_rows=True, hold_out=0.25)
    with pytest.raises(ValueError, match="own_rows=True.*not made of member layers"):
        ImbalancedKerasClassifier(own).fit(X, y)
