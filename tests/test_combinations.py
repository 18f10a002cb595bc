"""Do features hold together? Pairs of everything that can be combined, and tables of every kind.

Not the full product: every pair of two options of two factors occurs in some case (`covering`, with a fixed seed, which
takes the first options, the quick ones, more often than it must take the others).
"""

import functools
import itertools
import warnings

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as draw
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.metrics import log_loss

from skimbalance import ImbalancedKerasClassifier
from skimbalance.networks import realmlp
from skimbalance.strategies import STRATEGIES

layers = keras.layers
SHARE = 0.15


# --- the factors ---


def own(*head):
    """Build a network that ends in these layers."""

    def network(meta):
        return keras.Sequential([keras.Input((meta["n_features_in_"],)), layers.Dense(6, "tanh"), *_fresh(head)])

    return network


def _fresh(head):
    """Return copies of layers, one for each network."""
    return [type(layer).from_config(layer.get_config()) for layer in head]


def with_batch_statistics(meta):
    """Build a network whose layers mix rows."""
    return own(layers.BatchNormalization(momentum=0.5), layers.Dense(2))(meta)


def with_normalization(meta):
    """Build a network that begins with a layer adapted by its builder."""
    normalization = layers.Normalization()
    normalization.adapt(table(240)[0] * 2 + 1)
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), normalization, layers.Dense(2)])


def average_of_two(meta):
    """Build a network of whose probabilities Keras notes no logits."""
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Model(inputs, layers.Average()([layers.Dense(2, "softmax")(inputs) for _ in range(2)]))


def built():
    """Return a network whose weights stand already, the same in every run."""
    network, rng = own(layers.Dense(2))({"n_features_in_": 3}), np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, weights.shape) for weights in network.get_weights()])
    return network


#: Those left out weigh by class counts as "class_weight" does, are a loss as "focal" is, or leave out rows as the last.
OTHERS = ("power_weight", "effective_number", "poly", "asymmetric_focal", "random_undersample")
STRATEGY = {
    **{name: name for name in STRATEGIES if name not in OTHERS},
    "SMOTE of one neighbour": SMOTE(k_neighbors=1),
    "sampling and focal loss": [RandomUnderSampler(sampling_strategy=0.5), "focal"],
}
NETWORK = {
    "default": {"model": functools.partial(realmlp, n_members=4, hidden_layer_sizes=(8,))},
    "mlp": {"model": "mlp", "model__hidden_layer_sizes": (8,)},
    "two members": {"model": functools.partial(realmlp, n_members=2, hidden_layer_sizes=(8,), embedding=None)},
    "sigmoid": {"model": own(layers.Dense(1, "sigmoid"))},
    "softmax": {"model": own(layers.Dense(2, "softmax"))},
    "logits": {"model": own(layers.Dense(2))},
    "batch statistics": {"model": with_batch_statistics},
    "normalization": {"model": with_normalization},
    "unmarked": {"model": average_of_two, "epochs": 30},
    "built": {"model": built()},
}
WAY = {
    "program": {},
    "by batch": {
        "callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
        "epochs": 4,
    },
    "eager": {"run_eagerly": True, "epochs": 3},
}
FEATURE = {
    "plain": {},
    "early stopping": {"early_stopping": "loss", "n_iter_no_change": 4, "validation_split": 0.25},
    "own early stopping": {"early_stopping": True, "n_iter_no_change": 4},
    "moving average": {"optimizer": keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5),
                       "early_stopping": "loss", "validation_split": 0.25},
    "warm start": {"warm_start": True, "decision": ("recall", 0.7)},
    "chunks": {"decision": ("recall", 0.7)},
    "calibration": {"calibration": "holdout", "validation_split": 0.3, "decision": "f1"},
    "weights": {"decision": ("top", 0.2)},
    "small table": {},
    "three rare rows": {"strategy__k_neighbors": 1},
}  # fmt: skip


def covering(*factors, seed=0):
    """Return cases, one option of each factor, in which every pair of options of two factors occurs."""
    rng = np.random.default_rng(seed)
    factors = [list(factor) for factor in factors]
    missing = {
        ((i, a), (j, b))
        for i, j in itertools.combinations(range(len(factors)), 2)
        for a in factors[i]
        for b in factors[j]
    }
    cases = []
    while missing:
        best, most = None, 0
        for _ in range(60):
            (i, a), (j, b) = first = sorted(missing)[int(rng.integers(len(missing)))]
            case = [factor[int(rng.integers(len(factor)) * rng.random())] for factor in factors]
            case[i], case[j] = a, b
            covered = {pair for pair in itertools.combinations(enumerate(case), 2) if pair in missing} | {first}
            if len(covered) > most:
                best, most, gone = case, len(covered), covered
        cases.append(tuple(best))
        missing -= gone
    return cases


def table(n_samples, n_rare=None, seed=0):
    """Rows on raw scales, of which a share is rare."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n_samples) < (round(SHARE * n_samples) if n_rare is None else n_rare)).astype(int)
    X = rng.normal(size=(n_samples, 3)) + y[:, None]
    order = rng.permutation(n_samples)
    return X[order].astype(np.float32), y[order]


def case_of(strategy, network, way, feature):
    """Return a classifier, a table and weights, as the case says."""
    parameters = {
        "strategy": STRATEGY[strategy], "epochs": 12, "batch_size": 32, "random_state": 0, "optimizer": "adam",
        "optimizer__learning_rate": 0.02, **NETWORK[network], **WAY[way], **FEATURE[feature],
    }  # fmt: skip
    if not isinstance(parameters["optimizer"], str):
        del parameters["optimizer__learning_rate"]
    if strategy != "smote":
        parameters.pop("strategy__k_neighbors", None)
    n_rows, n_rare = {"small table": (60, None), "three rare rows": (120, 3)}.get(feature, (240, None))
    X, y = table(n_rows, n_rare)
    weights = np.random.default_rng(1).uniform(0.5, 2, n_rows) if feature == "weights" else None
    return ImbalancedKerasClassifier(**parameters), X, y, weights


def fitted(clf, X, y, weights, feature, n_passes=2):
    """Fit as the feature asks for."""
    clf = clone(clf)
    if feature == "chunks":
        for _ in range(n_passes):
            for chunk in (slice(None, 120), slice(120, None)):
                clf.partial_fit(X[chunk], y[chunk], classes=[0, 1])
        return clf
    for _ in range(2 if feature == "warm start" else 1):
        clf.fit(X, y, sample_weight=weights)
    return clf


# --- what must hold ---


class Interrupt(keras.callbacks.Callback):
    """A callback that fails in the middle of training."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.fixture
def trained(monkeypatch):
    """What `train` was given, fit by fit: rows, how to train, and the rows held out."""
    import skimbalance.fitting as room

    calls, train = [], room.train

    def recording(network, loss, rows, training, state=None):
        held_out = training.selection.held_out if training.selection is not None else training.evaluate._held_out
        calls.append((rows, held_out))
        return train(network, loss, rows, training, state)

    monkeypatch.setattr(room, "train", recording)
    return calls


# Made-up rows take no unequal weights, and a sampler that needs neighbours needs rows; two remedies that move the prior
# warn. Each is tested by itself.
@pytest.mark.filterwarnings("ignore:.*moves the class prior more than once:UserWarning")
@pytest.mark.parametrize("case", covering(STRATEGY, NETWORK, WAY, FEATURE), ids=", ".join)
def test_pairs(case, trained):
    strategy, _, way, feature = case
    clf, X, y, weights = case_of(*case)
    if "SMOTE" in strategy.upper() and (feature == "weights" or (strategy == "smote" and feature == "chunks")):
        weights, feature = None, "plain"
    if feature == "three rare rows" and "own early" in feature:
        feature = "plain"
    n_passes = 8 if way == "program" else 1
    clf = fitted(clf, X, y, weights, feature, n_passes)
    proba = clf.predict_proba(X)

    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-9)
    share = np.average(y, weights=weights)
    np.testing.assert_allclose(clf.prior_[1], share, rtol=1e-9)
    # An epoch kept because it ranks best may come before the network has learnt how many rows are rare.
    is_young = feature == "own early stopping" and np.min(clf.best_epoch_) < 8
    if feature not in ("small table", "three rare rows") and way == "program" and not is_young:
        mean, few = np.average(proba[:, 1], weights=weights), "undersample" in strategy or "sampling" in strategy
        off = 2.0 if few or feature == "chunks" else 1.5  # few rows, or few steps
        assert share / off < mean < off * share, f"mean P is {mean:.3f} for a share of {share:.3f}"
    assert clf.predict(X).shape == y.shape
    assert {len(values) for values in clf.history_.values()} == {clf.n_iter_}

    rows, held_out = trained[-1]
    if held_out is not None:
        no_row_of_training_is_held_out(rows, held_out)
        if not held_out.is_own and np.ndim(clf.best_epoch_) == 0 and strategy != "ldam" and not clf.calibration:
            kept = clf.answers_.posterior.at(held_out.prior, clf.answers_.logits(held_out.X))
            expected = log_loss(held_out.y, kept, sample_weight=held_out.sample_weight)
            if clf.early_stopping != "auto":
                assert clf.history_["val_loss"][clf.best_epoch_ - 1] == pytest.approx(expected, rel=1e-3)

    if way == "program" and feature in ("plain", "early stopping", "chunks", "weights"):
        again = fitted(clf, X, y, weights, feature, n_passes)
        np.testing.assert_array_equal(again.predict_proba(X), proba)
    unchanged_by_a_failure(clf, X, y, proba, feature)


def no_row_of_training_is_held_out(rows, held_out):
    """Whatever a member is shown, no copy of it is held out from that member."""
    for member in range(rows.positions.shape[1]):
        shown = {tuple(row) for row in rows.X[rows.index[rows.positions[:, member]]]}
        out = held_out.X[held_out.index[:, member]] if held_out.is_own else held_out.X
        assert shown.isdisjoint(map(tuple, out))


def unchanged_by_a_failure(clf, X, y, proba, feature):
    """A call that is interrupted leaves the estimator as it was, whether it would go on or start anew."""
    before = {
        name: np.array(value) for name, value in vars(clf).items() if name in ("class_count_", "prior_", "n_iter_")
    }
    calls = [clf.partial_fit, clf.set_params(warm_start=True).fit, clf.set_params(warm_start=False).fit]
    with pytest.raises(KeyboardInterrupt):
        calls[("chunks", "warm start").index(feature) if feature in ("chunks", "warm start") else 2](
            X[:100], y[:100], callbacks=[Interrupt()]
        )
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(clf, name), value)


@pytest.mark.parametrize(
    ("network", "feature"),
    [
        *((name, "plain") for name in ("mlp", "sigmoid", "batch statistics", "unmarked", "built")),
        *(("batch statistics", feature) for feature in ("early stopping", "moving average", "chunks", "warm start")),
    ],
)
def test_all_ways_of_training_end_alike(network, feature, monkeypatch):
    """The program, one call a batch, and Keras' own loop, with class shares that change from chunk to chunk."""
    ends = []
    for way in ("program", "by batch", "Keras' loop"):
        if way == "Keras' loop":
            monkeypatch.setattr("skimbalance.training.loop._trains_itself", lambda model: True)
        clf, X, y, _ = case_of("logit_adjustment", network, "program" if way == "Keras' loop" else way, feature)
        clf.set_params(epochs=4)
        order = np.argsort(y, kind="stable")[::-1] if feature == "chunks" else slice(None)
        clf = fitted(clf, X[order], y[order], None, feature)
        ends.append((clf.predict_proba(X), clf.history_["loss"]))
    for proba, losses in ends[1:]:
        np.testing.assert_allclose(ends[0][0], proba, atol=2e-3)
        np.testing.assert_allclose(ends[0][1], losses, rtol=2e-3)


# --- tables of every kind ---


@draw.composite
def tables(draw_from):
    """Tables of any size, type, order, scale, labels and missing values, and weights for them."""
    n_rows, n_features = draw_from(draw.integers(1, 60)), draw_from(draw.integers(1, 4))
    rng = np.random.default_rng(draw_from(draw.integers(0, 2**16)))
    X = rng.normal(size=(n_rows, n_features)) * 10.0 ** draw_from(draw.integers(-42, 42))
    X = np.round(X, draw_from(draw.sampled_from([0, 2, 50])))
    kind = draw_from(draw.sampled_from(["f4", "f8", "f2", "i8", "u1", "?", "O", "U", "complex", "datetime64[D]"]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = (
            np.nan_to_num(X, posinf=1e30, neginf=-1e30).clip(-1e15, 1e15)
            if kind in ("i8", "u1", "datetime64[D]")
            else X
        )
        X = (X.astype("i8") if kind == "datetime64[D]" else X).astype(kind)
    if draw_from(draw.booleans()) and kind in ("f4", "f8", "f2"):
        X[rng.random(X.shape) < 0.02] = draw_from(draw.sampled_from([np.nan, np.inf, 0.0]))
    X = draw_from(
        draw.sampled_from([np.ascontiguousarray, np.asfortranarray, lambda of: of[::-1], lambda of: of.tolist()])
    )(X)
    classes = draw_from(
        draw.sampled_from(
            [
                [0, 1],
                [-1, 1],
                ["no", "yes"],
                [True, False],
                [0.0, 1.0],
                [0.5, 1.5],
                [3, 1, 2],
                ["a", 1],
                [None, "a"],
                [7],
            ]
        )
    )
    shares = rng.dirichlet(np.full(len(classes), 0.7))
    y = [classes[i] for i in rng.choice(len(classes), p=shares, size=n_rows)]
    y = draw_from(draw.sampled_from([list, np.array, lambda of: np.array(of, dtype=object)]))(y)
    weights = draw_from(draw.sampled_from([None, 1.0, 0.0, -1.0, 1e-200, 1e200, np.nan]))
    return X, y, weights if weights is None else np.where(rng.random(n_rows) < 0.7, weights, 1.0)


# The table for which this package once had no sentence: a column of numbers that float32 rounds to one.
@example((np.full((20, 1), 1e-45), np.arange(20) % 2, None), "smote", "mlp")
@given(tables(), draw.sampled_from(sorted(STRATEGIES)), draw.sampled_from([None, "mlp"]))
@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore::Warning")  # of scikit-learn, NumPy and imbalanced-learn, on what they are given
def test_any_table_is_fitted_or_refused_in_a_sentence(what, strategy, model):
    X, y, weights = what
    small = {"model__hidden_layer_sizes": (4,)}
    clf = ImbalancedKerasClassifier(model, strategy=strategy, epochs=2, random_state=0, **small)
    try:
        clf.fit(X, y, sample_weight=weights)
    except (ValueError, TypeError) as error:
        message = str(error)
        assert len(message) > 15
        assert not hasattr(clf, "classes_")
        return
    proba = clf.predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert set(clf.predict(X)) <= set(clf.classes_)
