"""Base models are seeded, and are refused by name if their predictions are not probabilities."""

import warnings

import numpy as np
import pytest
import sklearn
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, KMeansSMOTE
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.fixes import parse_version

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import resolve_strategy

#: Whether bagging passes no weights to a pipeline.
OLD = parse_version(sklearn.__version__) < parse_version("1.7")


def fitted(table, ensemble, random_state=0, **parameters):
    """Return a plain network, trained for a step or two, with base models beside it."""
    clf = ImbalancedKerasClassifier("mlp", epochs=1, random_state=random_state, ensemble=ensemble, **parameters)
    return clf.fit(*table)


def forest(n_trees=3):
    return RandomForestClassifier(n_trees)


class Answers(ClassifierMixin, BaseEstimator):
    """Classifier that answers as it is told."""

    def __init__(self, answer, classes=None):
        self.answer, self.classes = answer, classes

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y) if self.classes is None else self.classes
        return self

    def predict_proba(self, X):
        return self.answer(len(X))


def rows_of(*row, dtype=float):
    """Return what answers all rows alike."""
    return lambda n_rows: np.tile(np.array(row, dtype), (n_rows, 1))


# --- answers ---


def test_a_base_model_without_finite_probabilities_is_named(small_table):
    """Naive Bayes overflows far from its rows, where the network is scaled and clipped."""
    clf = fitted(small_table, [forest(), GaussianNB()])
    X = small_table[0][:6].copy()
    X[[3, 5]] = 1e30
    clf.predict_proba(X[:3])
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of NumPy, in naive Bayes
        if np.isfinite(GaussianNB().fit(*small_table).predict_proba(X)).all():
            pytest.skip("Naive Bayes of this scikit-learn computes in double precision, and does not overflow.")
        with pytest.raises(ValueError, match="GaussianNB, which gives no finite .* 2 of 6 rows, .* row 3, .nan, nan"):
            clf.predict(X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (rows_of(1.0), r"shape \(\d+, 1\)"),
        (lambda n_rows: np.array([[0.5, 0.5]]), r"shape \(1, 2\)"),
        (lambda n_rows: np.full(n_rows, 0.5), r"shape \(\d+,\)"),
        (lambda n_rows: [np.full((n_rows, 2), 0.5)], r"shape \(1, \d+, 2\)"),
        (rows_of(-0.2, 1.2), "invalid probabilities for .* .-0.2, 1.2"),
        (rows_of(0.3, 0.3), "invalid probabilities for .* .0.3, 0.3"),
        (rows_of(0.5, np.nan), "no finite probabilities for .* .0.5, nan"),
        (rows_of(0.5, np.inf), "no finite probabilities for .* .0.5, inf"),
    ],
    ids=["one column", "one row", "no columns", "a list", "negative", "sum", "missing", "infinite"],
)
@pytest.mark.parametrize("early_stopping", ["auto", False], ids=["in fit", "in predict"])
def test_invalid_probabilities_of_a_base_model_are_refused_by_name(answer, message, early_stopping, small_table):
    with pytest.raises(ValueError, match=f"ensemble holds Answers, .*{message}"):
        fitted(small_table, Answers(answer), early_stopping=early_stopping).predict_proba(small_table[0])


def test_rounding_errors_of_base_models_are_normalised(small_table):
    clf = fitted(small_table, Answers(rows_of(-1e-8, 1 + 3e-7, dtype=np.float32)))
    proba = clf.predict_proba(small_table[0])
    assert proba.min() >= 0
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


def test_other_classes_than_those_of_the_fit_are_refused(small_table):
    with pytest.raises(ValueError, match=r"ensemble holds Answers, whose classes_ are \[0, 1, 2\] .* \[0, 1\]"):
        fitted(small_table, Answers(rows_of(0.2, 0.3, 0.5), [0, 1, 2]))


# --- which classifiers are taken ---


def stack(final_estimator=None):
    return StackingClassifier([("forest", forest()), ("bayes", GaussianNB())], final_estimator, cv=2)


NESTED = {
    "stack": stack(forest()),
    "vote": VotingClassifier([("forest", forest()), ("bayes", GaussianNB())], voting="soft"),
    "pipeline": make_pipeline(StandardScaler(), forest()),
    "calibrated": CalibratedClassifierCV(forest(), cv=2),
    "shuffled folds": CalibratedClassifierCV(GaussianNB(), cv=StratifiedKFold(2, shuffle=True)),
    "bagging": BaggingClassifier(forest(1) if OLD else make_pipeline(StandardScaler(), forest(1)), 2),
    "grid of estimators": GridSearchCV(
        make_pipeline(StandardScaler(), forest()), {"randomforestclassifier": [ExtraTreesClassifier(3)]}, cv=2
    ),
}


@pytest.mark.parametrize("base_model", NESTED.values(), ids=NESTED)
def test_nested_base_models_follow_random_state(base_model, small_table):
    """The base model that was passed is not changed."""
    answers = [fitted(small_table, base_model, seed).ensemble_.proba(small_table[0]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
    assert all(value is None for name, value in base_model.get_params().items() if name.endswith("random_state"))


def test_given_seeds_are_kept(small_table):
    clf = fitted(small_table, [RandomForestClassifier(2, random_state=7), "forest"])
    given, own = ([grown.random_state for grown, _ in of_kind] for of_kind in clf.ensemble_.grown)
    assert set(given) == {7}
    assert len(set(own)) == len(own)


@pytest.mark.parametrize(
    ("base_model", "name"),
    [
        (VotingClassifier([("bayes", GaussianNB())]), "VotingClassifier"),
        (stack(SVC()), "StackingClassifier"),
        (GridSearchCV(SVC(), {"C": [1.0]}, cv=2), "GridSearchCV"),
        (make_pipeline(StandardScaler(), LinearSVC()), "Pipeline"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_base_models_without_predict_proba_are_refused_by_name(base_model, name, small_table):
    with pytest.raises(ValueError, match=f"ensemble holds {name}, which has no predict_proba after fit"):
        fitted(small_table, base_model)
    with pytest.raises(ValueError, match="it takes 'forest', 'boosting', classifiers"):
        fitted(small_table, LinearSVC())  # whose class has none, before anything is trained


# --- samplers, which are nested likewise ---


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTEENN(smote=SMOTE()),
        KMeansSMOTE(kmeans_estimator=MiniBatchKMeans(2, n_init=1), cluster_balance_threshold=0.0),
        [SMOTE(), SMOTEENN(smote=SMOTE())],
    ],
    ids=["combined", "clusters", "list"],
)
def test_nested_samplers_follow_random_state(sampler, small_table):
    rows = [
        resolve_strategy(sampler, rng=np.random.default_rng(seed)).fit_resample(*small_table)[0] for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])
