"""Tests of the base models beside the network, and of their blending weights."""

import pickle
import threading

import numpy as np
import pytest
from scipy import special
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.rows import weighted_quantiles
from skimbalance.ensemble import BASE_MODELS, Boosting, Forest, trees
from skimbalance.ensemble.boosting import _edges
from skimbalance.ensemble.threads import side_by_side
from skimbalance.probability.blend import Blend, even_blend, fit_blend, fit_weights
from skimbalance.probability.prior import shift_prior


def quick(**parameters):
    """Default network, for a few steps."""
    return ImbalancedKerasClassifier(**{"epochs": 6, "random_state": 0, **parameters})


def islands(n_samples, seed):
    """Rows on a board of 12 x 12 fields, of which one in eight is of the rare class, and six useless columns."""
    rng = np.random.default_rng(seed)
    field = rng.integers(12, size=(n_samples, 2))
    is_rare = np.random.default_rng(0).random((12, 12)) < 0.125
    X = np.column_stack([field + 0.5 * rng.random(field.shape), rng.normal(size=(n_samples, 6))])
    return X.astype(np.float32), is_rare[field[:, 0], field[:, 1]].astype(int)


def with_gaps(X, seed=0):
    """Return rows of which one value in ten is missing."""
    return np.where(np.random.default_rng(seed).random(X.shape) < 0.1, np.float32(np.nan), X)


# --- the classifiers ---


@parametrize_with_checks([Forest(), Boosting()])
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("change", [lambda X: X, with_gaps], ids=["whole", "with missing values"])
@pytest.mark.parametrize("change_new", [lambda X: X, with_gaps], ids=["whole", "with missing values"])
def test_the_forest_predicts_like_scikit_learn_and_is_smaller(change, change_new):
    X, y = islands(1500, 0)
    forest = Forest(8, random_state=0).fit(change(X[:1000]), y[:1000])
    theirs = ExtraTreesClassifier(8, max_features=4, random_state=0).fit(change(X[:1000]), y[:1000])
    X = change_new(X)
    np.testing.assert_allclose(forest.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    assert len(pickle.dumps(forest)) < len(pickle.dumps(theirs)) / 2.5
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(forest)).predict_proba(X), forest.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [Boosting(max_iter=7), Forest(5)], ids=lambda kind: type(kind).__name__)
def test_many_rows_are_answered_as_a_few_are_also_by_a_copy(kind, n_classes, monkeypatch):
    """Many by scikit-learn's compiled trees, which are kept where they are small, and which copies do not have."""
    X, y = islands(1200, 0)
    X, y = np.ascontiguousarray(with_gaps(X)), y + np.where(X[:, 3] > 1, n_classes - 2, 0) * (1 - y) * 2
    grown = clone(kind).set_params(random_state=0).fit(X, y)
    assert len(grown.classes_) == n_classes
    size = len(pickle.dumps(grown))
    few = np.concatenate([grown.proba_of_rows(X[i : i + 100]) for i in range(0, 1200, 100)])
    for n_nodes in (2**16, 1):
        monkeypatch.setattr(trees, "_FEW_NODES", n_nodes)
        for n_rows in (1000, 1200):
            monkeypatch.setattr(trees, "_ROWS_AT_ONCE", n_rows - 300)
            np.testing.assert_array_equal(grown.proba_of_rows(X[:n_rows]), few[:n_rows])
        assert len(pickle.dumps(grown)) == size
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(grown)).proba_of_rows(X), few)


def test_boosting_equals_scikit_learn_if_bins_are_values():
    X, y = islands(1000, 0)
    X = with_gaps(np.round(X))
    theirs = HistGradientBoostingClassifier(
        learning_rate=0.2, max_iter=40, max_leaf_nodes=15, early_stopping=False, random_state=0
    )
    np.testing.assert_allclose(
        Boosting(random_state=0).fit(X, y).predict_proba(X), theirs.fit(X, y).predict_proba(X), atol=1e-7
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_boosting_goes_on_while_validation_loss_falls(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 3))
    y = np.digitize(X.sum(axis=1), [0, 1][: n_classes - 1])
    X_val, y_val, weight = X[3000:], y[3000:], rng.integers(0, 3, 3000)
    grown = Boosting(random_state=0).fit(X[:3000], y[:3000], X_val=X_val, y_val=y_val, sample_weight_val=weight)

    def fitted(n_iter):
        return Boosting(max_iter=n_iter, random_state=0).fit(X[:3000], y[:3000])

    def loss(of):
        return log_loss(y_val, of.predict_proba(X_val), sample_weight=weight)

    assert 40 < grown.n_iter_ < 320
    np.testing.assert_allclose(grown.predict_proba(X), fitted(grown.n_iter_).predict_proba(X), atol=1e-6)
    assert loss(grown) <= min(loss(fitted(grown.n_iter_ + steps)) for steps in (-20, -1, 1, 20)) + 1e-7
    assert fitted("auto").n_iter_ == 40


def test_validation_rows_of_a_class_without_training_rows_do_not_count():
    X = np.random.default_rng(0).normal(size=(6000, 3))
    y, few = (X.sum(axis=1) > 0).astype(int), slice(None, 3000)
    val = {"X_val": X[3000:], "y_val": y[3000:], "sample_weight_val": np.ones(3000)}
    other = {"X_val": np.r_[X[3000:], X[:1000]], "y_val": np.r_[y[3000:], np.full(1000, 5)]}
    first, second = (Boosting(random_state=0).fit(X[few], y[few], **rows) for rows in (val, other))
    assert first.n_iter_ == second.n_iter_ > 40


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"X_val": np.zeros((5, 2)), "y_val": np.zeros(5)}, "X has 2 features, but Boosting is expecting 8"),
        ({"X_val": np.zeros((5, 8)), "y_val": np.zeros(1)}, "inconsistent numbers of samples"),
        ({"X_val": np.zeros((5, 8))}, "y should be a 1d array"),
    ],
)
@pytest.mark.parametrize("max_iter", ["auto", 5])
def test_validation_rows_that_do_not_fit_are_refused(rows, message, max_iter):
    with pytest.raises(ValueError, match=message):
        Boosting(max_iter=max_iter).fit(*islands(100, 0), **rows)


@pytest.mark.parametrize("kind", [Boosting(), Forest()], ids=lambda kind: type(kind).__name__)
def test_a_column_of_missing_values_alone_is_ignored(kind):
    X, y = islands(400, 0)
    X[:, 3] = np.nan
    assert np.isfinite(clone(kind).set_params(random_state=0).fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("n_values", [40, 4000], ids=["a bin a value", "quantiles"])
@pytest.mark.parametrize("kind", [Boosting(), Forest()], ids=lambda kind: type(kind).__name__)
def test_rounding_errors_do_not_change_predictions(kind, n_values):
    """Of whole numbers that are scaled, whether in double precision or in single; half of the rows may be new.

    The forest draws its thresholds, so that it keeps away from the rows that it was grown on alone.
    """
    rng = np.random.default_rng(0)
    numbers = np.append(rng.integers(n_values, size=(2000, 3)), [[0] * 3, [n_values] * 3], axis=0)
    X = ((numbers - n_values / 3) / n_values).astype(np.float32)
    y = (rng.random(2002) < 0.1 + 0.8 * (X[:, 0] > 0.1) * (X[:, 1] < 0)).astype(int)
    step = 1 if isinstance(kind, Forest) else 2
    grown = clone(kind).set_params(random_state=0).fit(X[::step], y[::step])
    for direction in (-1, 1):
        moved = X
        for _ in range(3):
            moved = np.nextafter(moved, np.float32(direction))
        np.testing.assert_array_equal(grown.predict_proba(X), grown.predict_proba(moved))


def test_where_there_is_no_room_both_neighbours_stay_on_their_sides():
    """Of values that are neighbours in single precision, trees tell apart what they were shown."""
    y = np.arange(64) % 2
    X = np.where(y, np.nextafter(np.float32(1000), np.float32(2000)), np.float32(1000))[:, None]
    for kind in (Boosting(max_iter=80), Forest()):
        proba = clone(kind).set_params(random_state=0).fit(X, y).predict_proba(X)
        assert np.abs(proba[:, 1] - y).max() < 0.1


@pytest.mark.parametrize("weight", [None, np.arange(3000) % 3], ids=["alike", "weighted"])
def test_bins_hold_the_rows_between_two_quantiles(weight):
    column = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    bounds, quantiles = _edges(column, weight, 63), weighted_quantiles(column, weight, np.arange(1, 63) / 63)
    shown = column if weight is None else column[weight > 0]
    np.testing.assert_array_equal(np.searchsorted(bounds, shown), np.searchsorted(quantiles, shown))
    if weight is not None:
        np.testing.assert_array_equal(bounds, _edges(np.repeat(column, weight), None, 63))


# --- their weights ---


def test_blending_weights_maximise_the_likelihood():
    """Of a mixture of 60, 30 and 10 % the weights are found again, and they maximise what they say they do."""
    rng = np.random.default_rng(0)
    ensemble = rng.dirichlet([1.0, 1.0], size=(3, 20_000))
    chosen = rng.choice(3, size=20_000, p=[0.6, 0.3, 0.1])
    y = (rng.random(20_000) < ensemble[chosen, np.arange(20_000), 1]).astype(int)
    weights = fit_weights(ensemble, y, np.ones(len(y)))
    np.testing.assert_allclose(weights, [0.6, 0.3, 0.1], atol=0.05)

    def loss(w):
        mean = np.tensordot(w, ensemble, axes=1)[np.arange(len(y)), y]
        return -np.log(mean).sum() - even_blend(2).weights @ np.log(w)

    constraint = {"type": "eq", "fun": lambda w: w.sum() - 1}
    best = minimize(loss, np.full(3, 1 / 3), bounds=[(1e-6, 1)] * 3, constraints=constraint).x
    np.testing.assert_allclose(weights, best, atol=2e-3)


def drawn(proba, rng):
    """Draw a class for each row of probabilities."""
    return (rng.random((len(proba), 1)) > proba.cumsum(axis=1)[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_exponents_and_intercepts_mend_parts_that_are_too_sure_and_leave_out_noise(n_classes):
    """One part is twice as sure as it should be and gives the first class too much; another one is noise."""
    rng, wrong = np.random.default_rng(0), np.linspace(0.3, -0.3, n_classes)
    prior, true = np.full(n_classes, 1 / n_classes), rng.dirichlet(np.ones(n_classes), size=20_000)
    parts = np.stack([special.softmax(2 * np.log(true) + wrong, axis=1), rng.permutation(true)])
    y, weight = drawn(true, rng), rng.uniform(0.5, 2.0, 20_000)
    found = fit_blend(parts, y, weight, prior)
    mended = found.of(parts, prior)
    np.testing.assert_allclose(weight @ mended, np.bincount(y, weight), rtol=2e-3)
    losses = [-np.log(proba[np.arange(len(y)), y]).mean() for proba in (true, mended, parts[0], parts[1])]
    assert losses[1] < losses[0] + 0.02 < min(losses[2:]) - 0.05
    assert found.shares[1] < 0.1
    assert (found.exponents >= 0).all()
    filled = fit_blend(
        *(np.concatenate([a, a], axis=axis) for a, axis in ((parts, 1), (y, 0))), np.r_[weight, 0 * y], prior
    )
    np.testing.assert_array_equal(filled.exponents, found.exponents)  # a row of weight zero is none


@pytest.mark.parametrize("n_rows", [1, 30, 400])
def test_the_blend_maximises_the_likelihood_and_few_rows_hardly_move_it(n_rows):
    rng, prior = np.random.default_rng(1), np.array([0.9, 0.1])
    parts, weight = rng.dirichlet([3.0, 1.0], size=(3, n_rows)), rng.uniform(0.5, 2.0, n_rows)
    parts[1, :, 1] = 0  # trees may say zero of the true class
    parts[1, :, 0] = 1
    y = drawn(parts[0], rng)
    found = fit_blend(parts, y, weight, prior)
    start = np.array([1 / 2, 1 / 6, 1 / 6, 1 / 6])

    def loss(coefficients):
        blend = Blend(found.weights, coefficients[:4], coefficients[4:])
        at_truth = blend.of(parts, prior)[np.arange(n_rows), y]
        drawn_to = 8 * ((coefficients[:4] - start) ** 2).sum() + 4 * (coefficients[4:] ** 2).sum()
        return drawn_to - (weight / weight.mean() * np.log(at_truth)).sum()

    best = minimize(loss, np.r_[start, 0, 0], bounds=[(0, None)] * 4 + [(None, None)] * 2, tol=1e-12)
    assert loss(np.r_[found.exponents, found.intercept]) <= best.fun + 1e-6 * n_rows
    assert np.abs(found.exponents - start).max() < (0.1 if n_rows == 1 else 2)


def test_without_held_out_rows_the_network_weighs_as_much_as_all_base_models():
    np.testing.assert_allclose(even_blend(0).weights, [1.0])
    blend, parts = even_blend(2), np.random.default_rng(0).dirichlet([1.0, 1.0], size=(3, 5))
    np.testing.assert_allclose(blend.shares, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(blend.of(parts, [0.5, 0.5]), np.tensordot([0.5, 0.25, 0.25], parts, 1))


# --- in the classifier ---


class Witness(ClassifierMixin, BaseEstimator):
    """Classifier that says what share of the rows it was grown on, and is asked about, it knows."""

    asked = []

    def fit(self, X, y, sample_weight=None):
        self.classes_, self._rows = np.unique(y), {row.tobytes() for row in X}
        self._share = np.bincount(y, sample_weight) / sample_weight.sum()
        return self

    def predict_proba(self, X):
        type(self).asked.append(np.mean([row.tobytes() in self._rows for row in X]))
        return np.tile(self._share, (len(X), 1))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"validation_split": 0.2},
        {"strategy": "random_undersample"},
        {"model": "mlp"},
        {"calibration": "holdout"},
        {"early_stopping": False, "decision": "mcc"},
        {"n_members": 3},
    ],
    ids=str,
)
def test_blending_weights_are_learned_on_held_out_rows(parameters, larger):
    Witness.asked.clear()
    parameters = {f"model__{k}" if k == "n_members" else k: v for k, v in parameters.items()}
    clf = quick(ensemble=Witness(), **parameters).fit(*larger)
    assert len(Witness.asked) == (3 if "model__n_members" in parameters else 4)
    assert max(Witness.asked) == 0
    weights = clf.ensemble_weights_
    assert list(weights) == ["network", "Witness"]
    if parameters.get("early_stopping", True):
        assert weights["network"] > 0.7  # rows that say more than shares do are more likely
    else:
        assert weights["network"] == 0.5


def test_the_default_fits_small_clusters():
    (X, y), (X_new, y_new) = islands(1500, 1), islands(1500, 2)
    alone, asks = (ImbalancedKerasClassifier(random_state=0, ensemble=ensemble) for ensemble in (None, "auto"))
    found = [average_precision_score(y_new, clf.fit(X, y).predict_proba(X_new)[:, 1]) for clf in (alone, asks)]
    assert found[1] > found[0] + 0.05
    assert set(asks.ensemble_weights_) == {"network", *BASE_MODELS}


def smooth_log(proba, prior):
    """Return the logarithms of probabilities mixed with a hundredth of the class prior."""
    return np.log((proba + 0.01 * prior) / 1.01)


@pytest.mark.parametrize("strategy", ["none", "class_weight", "focal", "balanced_batches", "random_undersample"])
def test_probabilities_are_the_blend_at_the_class_prior_of_the_data(strategy, larger):
    """Whatever the strategy shows the network: the forest's mean probability is that of the class all the same."""
    X, y = larger
    clf = quick(strategy=strategy, ensemble="forest").fit(X, y)
    network = clf.answers_.posterior.at(clf.prior_, clf.answers_.logits(X))
    parts, (of_mean, *exponents) = [network, clf.ensemble_.proba(X)[0]], clf.answers_.posterior.blend.exponents
    blend = clf.answers_.posterior.blend
    mean = np.tensordot(blend.weights, parts, 1)
    scores = of_mean * smooth_log(mean, clf.prior_)
    scores += sum(a * smooth_log(part, clf.prior_) for a, part in zip(exponents, parts, strict=True))
    joined = special.softmax(scores + blend.intercept, axis=1)
    np.testing.assert_allclose(clf.predict_proba(X), joined, atol=1e-12)
    assert sum(clf.ensemble_weights_.values()) == pytest.approx(1)
    np.testing.assert_allclose(clf.ensemble_.proba(X)[0].mean(axis=0), clf.prior_, atol=0.05)
    clf.set_params(target_prior="train")
    np.testing.assert_allclose(clf.predict_proba(X), shift_prior(joined, clf.prior_, clf.train_prior_), atol=1e-12)


def test_the_number_of_threads_changes_nothing(larger):
    X, y = larger
    rows = np.random.default_rng(0).normal(size=(4200, 4)).astype(np.float32)
    proba = []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            proba.append(quick(ensemble=["forest", GaussianNB(), "boosting"]).fit(X, y).predict_proba(rows))
    np.testing.assert_array_equal(*proba)
    with threadpool_limits(3, user_api="openmp"):
        barrier = threading.Barrier(3)  # which nobody passes before all three have come
        assert sorted(side_by_side(barrier.wait, [(30,)] * 3, n_numbers=100)) == [0, 1, 2]
        assert side_by_side(threading.get_ident, [()] * 3, n_numbers=2**23) == [threading.get_ident()] * 3


def test_chunks_use_the_network_alone_and_a_warm_start_refits_base_models(larger):
    X, y = larger
    clf = quick(warm_start=True).fit(X, y)
    first = clf.ensemble_
    assert clf.fit(X, y).ensemble_ is not first
    clf.partial_fit(X[:300], y[:300])
    assert clf.ensemble_ is None
    assert clf.ensemble_weights_ == {"network": 1.0}
    np.testing.assert_allclose(clf.predict_proba(X), clf.answers_.posterior.at(clf.prior_, clf.answers_.logits(X)))


@pytest.mark.parametrize("size", [2, 7])
def test_equal_sample_weights_do_not_change_base_models(size, larger, few_epochs):
    X, y = larger
    none, weighted = (
        quick(model="mlp", ensemble=["forest", "boosting"]).fit(X, y, sample_weight=weight)
        for weight in (None, np.full(len(y), size))
    )
    np.testing.assert_allclose(weighted.predict_proba(X), none.predict_proba(X), rtol=1e-12)


def test_base_models_of_large_tables_are_fitted_on_a_sample(larger, monkeypatch):
    monkeypatch.setattr(Forest, "most_rows", 100)
    X, y = larger
    clf = quick(ensemble="forest").fit(X, y)
    (grown,) = clf.ensemble_.grown
    for _, prior in grown:
        np.testing.assert_allclose(prior, [0.5, 0.5], atol=0.02)
    assert abs(clf.ensemble_.proba(X)[0, :, 1].mean() - 0.1) < 0.05


def test_base_models_are_named_searched_and_validated(larger):
    X, y = larger
    clf = quick(ensemble=["forest", RandomForestClassifier(5), RandomForestClassifier(5)])
    copied = pickle.loads(pickle.dumps(clone(clf).fit(X, y)))
    assert list(copied.ensemble_weights_) == ["network", "forest", "RandomForestClassifier", "RandomForestClassifier_"]
    np.testing.assert_array_equal(copied.predict_proba(X), clf.fit(X, y).predict_proba(X))
    grid = GridSearchCV(quick(), {"ensemble": [None, "forest", GaussianNB()]}, cv=2).fit(X, y)
    assert grid.n_features_in_ == 4
    for wrong in ("trees", 3, RandomForestClassifier, ["forest", "trees"]):
        with pytest.raises(ValueError, match="it takes 'forest', 'boosting', classifiers"):
            quick(ensemble=wrong).fit(X, y)
    assert quick(ensemble=KNeighborsClassifier()).fit(X, y).ensemble_.names == ["KNeighborsClassifier"]
    with pytest.raises(ValueError, match="takes no sample_weight"):
        quick(ensemble=KNeighborsClassifier()).fit(np.r_[X, X[:5]], np.r_[y, y[:5]])


def test_a_base_model_that_fails_leaves_the_estimator_as_it_was(larger):
    X, y = larger
    clf = quick().fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(ensemble=RandomForestClassifier(max_depth=-3))
    with pytest.raises(ValueError, match="max_depth"):
        clf.fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


DAMAGE = {
    "a child that is not there": lambda trees: trees.children.__setitem__(1, len(trees.feature)),
    "a child above, and so forever": lambda trees: trees.children.__setitem__(2 * trees.children[1], 0),
    "a child in another tree": lambda trees: trees.children.__setitem__(1, trees.roots[1]),
    "half a leaf": lambda trees: trees.children.__setitem__(1, 0),
    "a root that is not there": lambda trees: trees.roots.__setitem__(0, -1),
    "a first root that is not the first node": lambda trees: trees.roots.__setitem__(0, 1),
    "a root twice": lambda trees: trees.roots.__setitem__(1, 0),
    "fewer values than nodes": lambda trees: setattr(trees, "value", trees.value[:-1]),
    "a column that is not there": lambda trees: trees.feature.__setitem__(0, 4),
    "a child that is hidden": lambda trees: setattr(trees, "children", np.ma.array(trees.children, mask=True)),
    "nodes that are no whole numbers": lambda trees: setattr(trees, "children", trees.children.astype(float)),
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("kind", [Forest, Boosting])
def test_damaged_trees_are_refused_when_they_are_loaded(kind, what, small_table):
    X, y = small_table
    model = kind(random_state=0).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    DAMAGE[what](model.trees_)
    damaged = pickle.dumps(model)
    with pytest.raises(ValueError, match="trees of a base model"):
        pickle.loads(damaged)


@pytest.mark.parametrize("n_rows", [200, 1000])
def test_columns_that_a_file_makes_up_are_never_read(n_rows):
    X, y = islands(n_rows, 0)
    model = Boosting(max_iter=2).fit(X, y)
    model.n_features_in_ = 2**31 - 1
    model.trees_.feature[:] = 2**30
    with pytest.raises((ValueError, IndexError), match="1073741824|out of bounds"):
        pickle.loads(pickle.dumps(model)).proba_of_rows(X)
