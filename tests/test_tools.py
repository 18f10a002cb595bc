"""Does the classifier work inside the tools its users have: pipelines, grids, calibration, stacking, plots?"""

import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from joblib import parallel_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import PrecisionRecallDisplay, average_precision_score, get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skimbalance import ImbalancedKerasClassifier

mpl.use("Agg")


def small(**parameters):
    """Classifier for a few large steps."""
    defaults = {"model": "mlp", "epochs": 8, "random_state": 0, "optimizer__learning_rate": 0.01}
    return ImbalancedKerasClassifier(**{**defaults, **parameters})


def test_pipeline_with_a_sampler(rare):
    X, y = rare
    pipeline = Pipeline([("scale", StandardScaler()), ("smote", SMOTE(random_state=0)), ("clf", small())]).fit(X, y)
    assert average_precision_score(y, pipeline.predict_proba(X)[:, 1]) > 0.6
    np.testing.assert_allclose(pipeline[-1].train_prior_, 0.5)


GRID = [
    {
        "clf__strategy": ["none", "class_weight", SMOTE(), RandomOverSampler(sampling_strategy=0.5)],
        "clf__model__hidden_layer_sizes": [(8,)],
    },
    {"clf__strategy": ["focal"], "clf__gamma": [0.5, 2.0], "clf__alpha": [None, 0.75]},
    {"clf__strategy": ["class_weight"], "clf__optimizer__learning_rate": [0.001, 0.01]},
    {"smote": [SMOTE(random_state=0)], "clf__strategy": ["none"]},
]


def search(X, y, **parameters):
    """Run the grid over strategies."""
    pipeline = Pipeline([("scale", StandardScaler()), ("smote", "passthrough"), ("clf", small(epochs=4))])
    return GridSearchCV(
        pipeline, GRID, scoring=["f1", "average_precision"], refit="average_precision", cv=2, error_score="raise",
        **parameters,
    ).fit(X, y)  # fmt: skip


@pytest.fixture(scope="module")
def sequential_search(small_table):
    """Results of the grid, one fit after another."""
    return search(*small_table, n_jobs=1)


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 2), ("loky", 2)])
def test_grid_over_strategies_has_equal_scores_however_it_runs(backend, n_jobs, small_table, sequential_search):
    with parallel_config(backend=backend):
        results = search(*small_table, n_jobs=n_jobs).cv_results_
    for metric in ("f1", "average_precision"):
        np.testing.assert_array_equal(
            results[f"mean_test_{metric}"], sequential_search.cv_results_[f"mean_test_{metric}"]
        )


def test_grid_over_strategies(sequential_search):
    results = pd.DataFrame(sequential_search.cv_results_)
    assert len(results) == 11
    assert results.mean_test_average_precision.between(0.1, 1).all()
    assert results.mean_test_f1.nunique() > 3
    assert sequential_search.best_estimator_.predict([[0, 1000, 0, -3]]).shape == (1,)


def test_grid_over_names_with_flat_and_nested_parameters(rare):
    """A parameter that a strategy does not have is ignored, and says so."""
    grid = {"strategy": ["class_weight", "focal"], "gamma": [1.0, 2.0]}
    with pytest.warns(UserWarning, match="gamma=.* is ignored: strategy='class_weight'"):
        scores = GridSearchCV(small(epochs=2), grid, scoring="f1", cv=2, error_score="raise").fit(*rare)
    assert len(scores.cv_results_["mean_test_score"]) == 4
    nested = {"strategy": ["smote"], "strategy__k_neighbors": [2, 3]}
    assert "strategy__k_neighbors" in GridSearchCV(small(epochs=2), nested, cv=2).fit(*rare).best_params_


def test_a_grid_says_once_which_parameters_a_strategy_ignores(small_table, monkeypatch):
    """As a fresh process shows it; ``strategy_`` tells what ``best_params_`` does not."""
    monkeypatch.setattr("skimbalance._warnings._said", set())
    grid = {"strategy": ["class_weight", "focal", ["none"]], "gamma": [1.0, 2.0], "alpha": [None, 0.3]}
    clf, y = small(epochs=1), small_table[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        GridSearchCV(clf, grid, scoring="f1", cv=2, error_score="raise").fit(small_table[0], y)
        clf.set_params(strategy="class_weight", gamma=3.0).fit(*small_table)
    said = [str(one.message).partition(" has no")[0] for one in caught if "is ignored" in str(one.message)]
    assert sorted(said) == [
        f"{name} is ignored: strategy={strategy}"
        for name in ("alpha=0.3", "gamma=1.0")
        for strategy in ("'class_weight'", "['none']")
    ]
    assert repr(clf.strategy_) == "ClassWeight()"
    for _ in range(2):  # where somebody asks for all, all are there, and name the line that called fit
        with pytest.warns(UserWarning, match="gamma=3.0 is ignored.* strategy_") as caught:
            clf.fit(*small_table)
        assert caught[0].filename == __file__


def test_a_grid_says_once_that_a_pair_of_remedies_moves_the_prior_twice(small_table, monkeypatch):
    monkeypatch.setattr("skimbalance._warnings._said", set())
    pairs = [["class_weight", "logit_adjustment"], ["balanced_batches", "class_weight"]]
    clf = small(epochs=1, strategy=pairs[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        GridSearchCV(clf, {"strategy": pairs}, scoring="f1", cv=2, error_score="raise").fit(*small_table)
    said = [str(one.message) for one in caught if "more than once" in str(one.message)]
    assert len(said) == 2
    for pair in pairs:
        assert sum(str(pair) in message for message in said) == 1
    with pytest.warns(UserWarning, match="more than once") as caught:
        clf.fit(*small_table)
    assert caught[0].filename == __file__


def test_halving_search(rare):
    X, y = rare
    search = HalvingGridSearchCV(
        small(), {"strategy": ["none", "focal"], "model__dropout": [0.0, 0.2]},
        resource="epochs", min_resources=2, max_resources=8, scoring="average_precision", cv=2, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert search.best_estimator_.epochs == 6


def test_cross_validate_with_several_scorers(rare):
    scores = cross_validate(
        small(), *rare, cv=3, scoring=["average_precision", "roc_auc", "neg_log_loss", "neg_brier_score", "f1"],
        error_score="raise",
    )  # fmt: skip
    assert all(np.isfinite(scores[name]).all() for name in scores)
    assert scores["test_average_precision"].mean() > 0.5


def test_integer_folds_are_stratified(rare):
    by_number = cross_val_predict(small(), *rare, cv=4, method="predict_proba")
    by_splitter = cross_val_predict(small(), *rare, cv=StratifiedKFold(4), method="predict_proba")
    np.testing.assert_array_equal(by_number, by_splitter)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: CalibratedClassifierCV(clf, cv=2),
        lambda clf: TunedThresholdClassifierCV(clf, scoring="f1", cv=2),
        lambda clf: FixedThresholdClassifier(clf, threshold=0.3),
        lambda clf: StackingClassifier([("net", clf), ("linear", LogisticRegression(max_iter=5000))], cv=2),
        lambda clf: VotingClassifier([("net", clf), ("other", small(strategy="focal"))], voting="soft"),
    ],
    ids=["calibrated", "tuned threshold", "fixed threshold", "stacking", "voting"],
)
def test_meta_estimators(wrap, rare):
    X, y = rare
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    wrapped = wrap(small()).fit(X, y)
    assert wrapped.score(X, y) > 0.8
    assert average_precision_score(y, wrapped.predict_proba(X)[:, 1]) > 0.6


def test_permutation_importance_finds_what_matters(rare):
    X, y = rare
    importances = permutation_importance(small().fit(X, y), X, y, scoring="average_precision", random_state=0)
    assert importances.importances_mean[3] == importances.importances_mean.min()


def test_categories_one_hot_encoded(rare):
    X, y = rare
    frame = pd.DataFrame(X, columns=list("abcd")).assign(colour=np.where(y == 1, "red", "blue"))
    encode = ColumnTransformer([("colour", OneHotEncoder(), ["colour"])], remainder="passthrough")
    pipeline = Pipeline([("encode", encode), ("clf", small(epochs=30))]).fit(frame, y)
    assert pipeline.score(frame, y) > 0.95


def test_metadata_routing_of_weights(rare):
    X, y = rare
    weight = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = small().set_fit_request(sample_weight=True)
        routed = Pipeline([("scale", StandardScaler().set_fit_request(sample_weight=False)), ("clf", clf)])
        with_weights = routed.fit(X, y, sample_weight=weight).predict_proba(X)
        scores = cross_validate(
            clf.set_score_request(sample_weight=True), X, y, cv=2, params={"sample_weight": weight + 1},
            error_score="raise",
        )  # fmt: skip
    plain = Pipeline([("scale", StandardScaler()), ("clf", small())]).fit(X, y, clf__sample_weight=weight)
    np.testing.assert_array_equal(with_weights, plain.predict_proba(X))
    assert np.isfinite(scores["test_score"]).all()


def test_precision_recall_display(rare):
    clf = small().fit(*rare)
    display = PrecisionRecallDisplay.from_estimator(clf, *rare)
    assert display.average_precision == get_scorer("average_precision")(clf, *rare)


def test_html_representation(rare):
    clf = small(strategy="focal", gamma=1.0)
    html = clf._repr_html_()
    assert "ImbalancedKerasClassifier" in html
    assert "focal" in html
    assert "Not fitted" in html
    assert "Not fitted" not in clf.fit(*rare)._repr_html_()
