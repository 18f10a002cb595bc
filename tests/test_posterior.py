"""Do probabilities mean what they say, under every strategy and every prior asked for?"""

import functools

import keras
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.metrics import log_loss

from skimbalance import ImbalancedKerasClassifier, estimate_prior
from skimbalance.data.holdout import plan_hold_out
from skimbalance.data.rows import Rows, weighted_counts
from skimbalance.probability.prior import shift_prior
from skimbalance.strategies import STRATEGIES, LogitAdjustment, resolve_strategy
from skimbalance.strategies.applied import apply_strategy, resamples
from skimbalance.training.rows import TrainingRows


def known_problem(n_samples=20_000, n_classes=2, seed=0):
    """Rows of a logistic model with a rare class: X, y, and P(y | x)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 3)).astype(np.float32)
    if n_classes == 2:
        logits = np.column_stack([np.zeros(n_samples), X @ [1.0, -0.7, 0.4] - 4.0])
    else:
        logits = np.column_stack([np.zeros(n_samples), X @ [0.8, 0.4, 0.0] - 1.0, X @ [0.0, 0.9, -0.6] - 2.5])
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random(n_samples)[:, None] > np.cumsum(proba, axis=1)).sum(axis=1)
    return X, y, proba


def linear(meta):
    """Return the network that can represent these problems exactly."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(meta["n_classes_"])])
    model.layers[-1].kernel.assign(np.zeros((3, meta["n_classes_"])))
    model.layers[-1].bias.assign(meta["output_bias_"])
    return model


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_epoch_shows_the_class_prior_that_posteriors_are_shifted_from(name):
    """Also where classes differ in the copies and in the weights of their rows."""
    rng, labels = np.random.default_rng(0), np.arange(2)
    y = (rng.random(3000) < 0.2).astype(int)
    X = rng.integers(0, np.where(y == 1, 4, 30), size=(3, 3000)).T.astype(np.float32)
    strategy = resolve_strategy(name, rng=rng)
    weight = None if resamples(strategy) else np.where(y == 1, 5.0, 1.0)
    table = Rows(X, y, weight, merges=True)
    prior = weighted_counts(y, weight, 2) / weighted_counts(y, weight, 2).sum()
    applied = apply_strategy(strategy, plan_hold_out(table, labels, prior), labels, merges=True)
    rows = TrainingRows(applied.rows, applied.kept, applied.class_weight, applied.batch_prior)
    seen, weights = applied.classes, rows.weights(1.0)
    shown = sum(np.bincount(seen[of], weights[of], 2) for of in (rows.order(rng)[:, 0] for _ in range(20)))
    shown = shown * (1.0 if applied.loss is None else applied.loss.prior_factor())
    np.testing.assert_allclose(shown / shown.sum(), applied.train_prior(1.0), atol=2e-3)


def fitted(X, y, **parameters):
    """Fit the linear network until it has converged, by full batches."""
    return ImbalancedKerasClassifier(
        linear, **{"epochs": 300, "batch_size": -1, "random_state": 0, "optimizer__learning_rate": 0.05, **parameters}
    ).fit(X, y)


@functools.cache
def plain_proba(n_classes=2):
    """Return the probabilities of a fit without a strategy, on rows of `known_problem`."""
    X, y, _ = known_problem(n_classes=n_classes)
    return fitted(X, y, strategy="none").predict_proba(X)


APPROXIMATE = {
    # Made-up rows change what a rare row looks like, as its docstring says.
    "smote": 0.10,
    # One row in thirty of the frequent class is left to learn from.
    "random_undersample": 0.10,
}
COMBINATIONS = {
    "weights and focal loss": ["class_weight", "focal"],
    "sampling and logit adjustment": [RandomOverSampler(sampling_strategy=0.2), LogitAdjustment(tau=0.5)],
    "sampling and weights": [RandomOverSampler(sampling_strategy=0.2), "class_weight", "poly"],
    "batches and focal loss": ["balanced_batches", "focal"],
}
#: LDAM's link is flat between its margins: probabilities there are coarse, as its docstring says.
BINARY = {**{name: name for name in STRATEGIES if name != "ldam"}, **COMBINATIONS}


@pytest.mark.filterwarnings("ignore:strategy=.* moves the class prior more than once")
@pytest.mark.parametrize("name", BINARY)
def test_probabilities_at_the_prior_of_y_are_calibrated(name):
    X, y, proba = known_problem()
    plain = plain_proba()
    assert log_loss(y, plain) < 1.02 * log_loss(y, proba)
    corrected = fitted(X, y, strategy=BINARY[name]).predict_proba(X)
    assert corrected[:, 1].mean() == pytest.approx(y.mean(), rel=0.10)
    assert log_loss(y, corrected) < (1 + APPROXIMATE.get(name, 0.03)) * log_loss(y, plain)


# Those left out need other tests, weigh by class counts as "class_weight" does, or draw rows as "smote" does.
OTHERS = ("ldam", "asymmetric_focal", "power_weight", "effective_number", "random_oversample", "random_undersample")


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in OTHERS])
def test_probabilities_of_more_classes_are_calibrated(name):
    X, y, _ = known_problem(n_classes=3)
    plain = plain_proba(3)
    corrected = fitted(X, y, strategy=name).predict_proba(X)
    np.testing.assert_allclose(corrected.mean(axis=0), np.bincount(y) / len(y), rtol=0.10)
    assert log_loss(y, corrected) < (1 + APPROXIMATE.get(name, 0.03)) * log_loss(y, plain)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("strategy", ["ldam", SMOTE()], ids=["ldam", "smote"])
def test_a_calibrator_on_held_out_rows(strategy, n_classes):
    X, y, _ = known_problem(n_classes=n_classes)
    plain = plain_proba(n_classes)
    clf = fitted(X, y, strategy=strategy, calibration="holdout", validation_split=0.3)
    assert log_loss(y, clf.predict_proba(X)) < 1.05 * log_loss(y, plain)
    # It speaks of the population that training showed, too.
    shown = clf.set_params(target_prior="train").predict_proba(X).mean(axis=0)
    assert shown[-1] > 1.5 * np.bincount(y)[-1] / len(y)


@pytest.mark.parametrize("strategy", ["none", "smote", "ldam"])
def test_a_calibrator_speaks_of_the_data_whatever_rows_it_is_fitted_on(strategy):
    """On rows of another prior it would say .27 for a share of .04."""
    X, y, _ = known_problem(40_000)
    train, out = slice(None, 20_000), np.arange(20_000, 40_000)
    out = np.concatenate([out[y[out] == 1], out[y[out] == 0][: 2 * (y[out] == 1).sum()]])
    clf = ImbalancedKerasClassifier(
        linear, strategy=strategy, calibration="holdout", epochs=100, batch_size=-1, random_state=0,
        optimizer__learning_rate=0.05,
    ).fit(X[train], y[train], validation_data=(X[out], y[out]))  # fmt: skip
    proba = clf.predict_proba(X[train])
    assert proba[:, 1].mean() == pytest.approx(y[train].mean(), rel=0.1)
    assert log_loss(y[train], proba) < 1.05 * log_loss(y[train], fitted(X[train], y[train]).predict_proba(X[train]))


@pytest.mark.parametrize(("model", "n_classes"), [(None, 2), (linear, 3)], ids=["default", "linear"])
def test_ldam_calibrates_itself(model, n_classes):
    """Its link alone scores .47 above a plain fit: it is flat between the margins."""
    X, y, _ = known_problem(6000, n_classes=n_classes)
    half = slice(None, 3000), slice(3000, None)
    scores = {}
    for strategy in ("none", "ldam"):
        clf = ImbalancedKerasClassifier(model, strategy=strategy, epochs=20, random_state=0)
        scores[strategy] = log_loss(y[half[1]], clf.fit(X[half[0]], y[half[0]]).predict_proba(X[half[1]]))
    assert scores["ldam"] < 1.1 * scores["none"]
    assert hasattr(clf, "calibrator_")
    assert not hasattr(clf.fit(X[:60], y[:60] | (np.arange(60) < 3)), "calibrator_")


def test_target_prior_is_used_at_prediction_time(rare):
    X, y = rare
    y = np.array(["no", "yes"])[y]
    clf = ImbalancedKerasClassifier(epochs=5, pos_label="yes", random_state=0).fit(X, y)
    shown = clf.predict_proba(X)
    np.testing.assert_allclose(clf.train_prior_, 0.5)
    for target, prior in [
        ("train", [0.5, 0.5]), ([0.8, 0.2], [0.8, 0.2]), ({"yes": 0.3, "no": 0.7}, [0.7, 0.3]), (0.01, [0.99, 0.01]),
        (np.float32(0.5), [0.5, 0.5]), (1e-9, [1 - 1e-9, 1e-9]),
    ]:  # fmt: skip
        np.testing.assert_allclose(
            clf.set_params(target_prior=target).predict_proba(X), shift_prior(shown, clf.prior_, prior)
        )
    np.testing.assert_array_equal(clf.set_params(target_prior="fit").predict_proba(X), shown)
    np.testing.assert_array_equal(
        clf.set_params(target_prior=0.01, pos_label="no").predict_proba(X)[:, 0],
        clf.set_params(target_prior=[0.01, 0.99]).predict_proba(X)[:, 0],
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            [0.9, 0.2],
            "is not a class prior of \\[0, 1\\]; it takes one share per class, each 1e-09 or more, with sum one",
        ),
        ([1.0, 0.0], "one share per class"),
        ([1 - 1e-10, 1e-10], "one share per class"),
        (1e-10, "or the share of the positive class"),
        ([0.2, 0.3, 0.5], "one share per class"),
        ({0: 0.5, 2: 0.5}, "names the labels \\[2\\]"),
        ({0: 1.0}, "lacks the labels \\[1\\]"),
        ("training", "'target_prior' parameter"),
        (None, "'target_prior' parameter"),
        (1.0, "'target_prior' parameter"),
        (np.nan, "'target_prior' parameter"),
        (True, "'target_prior' parameter"),
    ],
    ids=str,
)
def test_bad_target_priors(target, message, small_table):
    """In a fit as after it, as it is used at prediction time."""
    X, y = small_table
    clf = ImbalancedKerasClassifier("mlp", epochs=1)
    with pytest.raises(ValueError, match=message):
        clf.set_params(target_prior=target).fit(X, y)
    clf.set_params(target_prior="fit").fit(X, y).set_params(target_prior=target)
    for predict in (clf.predict_proba, clf.predict, clf.decision_function):
        with pytest.raises(ValueError, match=message):
            predict(X)
    assert not hasattr(clf, "threshold_")


def test_a_number_as_target_prior_needs_two_classes_and_a_positive_one(small_table, rare_multiclass):
    with pytest.raises(ValueError, match="is the share of the positive class of two, but y has 3"):
        ImbalancedKerasClassifier("mlp", target_prior=0.2, epochs=1).fit(*rare_multiclass)
    X, y = small_table
    with pytest.raises(ValueError, match="target_prior=0.2 depends on which label is positive"):
        ImbalancedKerasClassifier("mlp", target_prior=0.2, epochs=1).fit(X, np.array(["a", "b"])[y])


def test_two_remedies_that_move_the_prior_warn_and_are_corrected_once(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(strategy=["class_weight", "logit_adjustment"], epochs=2, random_state=0)
    with pytest.warns(UserWarning, match="more than once \\(ClassWeight's weights, LogitAdjustedLoss\\).*0.1, 1: 0.9"):
        clf.fit(X, y)
    np.testing.assert_allclose(clf.train_prior_, [0.1, 0.9])


def test_one_remedy_does_not_warn(rare, recwarn):
    for strategy in STRATEGIES:
        ImbalancedKerasClassifier("mlp", strategy=strategy, epochs=1, validation_split=0.13).fit(*rare)
    ImbalancedKerasClassifier("mlp", strategy=[SMOTE(), "class_weight", "focal"], epochs=1).fit(*rare)
    assert not [w for w in recwarn if "more than once" in str(w.message)]


def test_the_prior_of_unlabelled_rows():
    X, y, proba = known_problem(200_000)
    rng = np.random.default_rng(1)
    kept = rng.permutation(np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[: 4 * (y == 1).sum()]]))
    assert y[kept].mean() == pytest.approx(0.2)
    assert estimate_prior(proba[kept], np.bincount(y) / len(y))[1] == pytest.approx(0.2, abs=0.02)
    clf = fitted(X, y, epochs=100)
    estimated = estimate_prior(clf.predict_proba(X[kept]), clf.prior_)
    assert estimated[1] == pytest.approx(0.2, abs=0.02)
    assert log_loss(y[kept], clf.set_params(target_prior=estimated).predict_proba(X[kept])) < log_loss(
        y[kept], clf.set_params(target_prior="fit").predict_proba(X[kept])
    )


@pytest.mark.parametrize(("proba", "prior"), [(np.ones(3), [0.5, 0.5]), (np.ones((2, 2)) / 2, [0.5, 0.6])])
def test_estimate_prior_refuses(proba, prior):
    with pytest.raises(ValueError, match="it takes"):
        estimate_prior(proba, prior)


@pytest.mark.parametrize("ensemble", [None, "forest"])
def test_many_rows_are_told_what_few_are(ensemble, monkeypatch, rare):
    X, y = rare
    network = {"model__n_members": 2, "model__hidden_layer_sizes": (4,), "epochs": 2}
    clf = ImbalancedKerasClassifier(ensemble=ensemble, random_state=0, **network).fit(X, y)
    expected = clf.predict_proba(X)
    monkeypatch.setattr("skimbalance.probability.posterior._AT_ONCE", 33)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
