"""Meta-estimators around the classifier are compared with any labels, weights and costs."""

import numpy as np
import pytest
import sklearn
from imblearn.pipeline import Pipeline as ImblearnPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skimbalance import ImbalancedKerasClassifier, compare_strategies
from skimbalance.evaluation.weights import fit_with_rows

#: Whether voting passes weights to classifiers alone that name them in their ``fit``.
OLD = parse_version(sklearn.__version__) < parse_version("1.7")
NETWORK = ImbalancedKerasClassifier("mlp", epochs=1)
LOGISTIC = LogisticRegression(tol=1e-8)
FEW_WEIGHTS = "ignore:Since Pipeline does not appear to accept sample_weight"


def nested(model, pipeline=make_pipeline):
    """Return a pipeline in a pipeline."""
    return pipeline(FunctionTransformer(), make_pipeline(FunctionTransformer(), model))


def of_imblearn(*steps):
    """Return a pipeline of imbalanced-learn."""
    return ImblearnPipeline([(f"step{i}", step) for i, step in enumerate(steps)])


def compare(X, y, strategies, estimator=NETWORK, **how):
    """Compare on two folds, in silence."""
    how = {"cv": 2, "random_state": 0, "verbose": 0, **how}
    return compare_strategies(estimator, X, y, strategies=strategies, **how)


WRAPPERS = {
    "calibrated": CalibratedClassifierCV(nested(NETWORK), cv=2),
    "one against the rest": OneVsRestClassifier(NETWORK),
    "bagged": BaggingClassifier(NETWORK, n_estimators=1),
    "threshold": TunedThresholdClassifierCV(nested(NETWORK), cv=2),
    "search": GridSearchCV(nested(NETWORK), {"functiontransformer__validate": [False]}, cv=2, scoring="f1_macro"),
    "nested": nested(NETWORK, of_imblearn),
    "stacked": StackingClassifier([("logistic", LOGISTIC)], NETWORK, cv=2),
    "voting": VotingClassifier([("logistic", LOGISTIC if OLD else nested(LOGISTIC))], voting="soft"),
}


@pytest.mark.filterwarnings(FEW_WEIGHTS)
def test_each_is_compared_with_weights_and_costs(small_table):
    """Bagging and one-vs-rest show the classifier positions, among which no label of text is."""
    X, y = small_table
    X, labels = X / X.std(axis=0), np.where(y == 1, "ill", "well")
    weight = np.where(y == 1, 2.0, 1.0)
    how = {"pos_label": "ill", "sample_weight": weight, "costs": {"fp": 1, "fn": 5}}
    found = compare(X, labels, WRAPPERS, **how)
    assert not found.failed_folds_
    assert list(found.scores_) == list(WRAPPERS)
    assert found.pos_label_ == "ill"


def test_three_labels_of_text(rare_multiclass):
    X, y = rare_multiclass
    labels = np.array(["a", "b", "c"])[y]
    some = ("one against the rest", "bagged")
    found = compare(X / X.std(axis=0), labels, {name: WRAPPERS[name] for name in some})
    assert not found.failed_folds_


@pytest.mark.parametrize("wrap", [nested, OneVsRestClassifier])
def test_strategies_are_set_inside_a_wrapper(wrap, small_table):
    X, y = small_table
    how = {"estimator": wrap(NETWORK), "sample_weight": np.where(y == 1, 3.0, 1.0), "pos_label": "ill"}
    found = compare(X, np.where(y == 1, "ill", "well"), ["asymmetric_focal"], **how)
    assert not found.failed_folds_


def test_a_position_is_the_positive_label_inside_of_what_renumbers(small_table):
    X, y = small_table
    estimator = OneVsRestClassifier(clone(NETWORK).set_params(pos_label=0))
    found = compare(X, np.where(y == 1, "well", "ill"), ["none"], estimator)
    assert found.pos_label_ == "ill"
    assert not found.failed_folds_


@pytest.mark.parametrize(
    "model",
    [
        LOGISTIC,
        nested(LOGISTIC),
        nested(LOGISTIC, of_imblearn),
        nested(OneVsRestClassifier(nested(LOGISTIC))),
        FixedThresholdClassifier(LOGISTIC, threshold=0.2),
        TunedThresholdClassifierCV(nested(LOGISTIC), cv=2),
        GridSearchCV(nested(LOGISTIC), {"functiontransformer__validate": [False]}, cv=2),
        GridSearchCV(FixedThresholdClassifier(nested(LOGISTIC)), {"threshold": [0.3]}, cv=2, scoring="f1"),
        VotingClassifier([("one", LOGISTIC if OLD else OneVsRestClassifier(LOGISTIC))], voting="soft"),
    ],
    ids=["plain", "nested", "imblearn", "one vs rest", "fixed", "tuned", "search", "search of fixed", "voting"],
)
def test_a_sample_weight_of_two_equals_repeating_the_row(model, small_table):
    X, y = small_table
    X, weight = (X / X.std(axis=0)).astype(np.float64), np.where(y == 1, 3, 1) + (np.arange(len(y)) % 2)
    weighted = fit_with_rows(clone(model), X, y, {"sample_weight": weight}, {}).predict_proba(X)
    copied = clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight)).predict_proba(X)
    np.testing.assert_allclose(weighted, copied, atol=1e-4)
    assert np.abs(weighted - clone(model).fit(X, y).predict_proba(X)).max() > 0.01
    assert not sklearn.get_config()["enable_metadata_routing"]


def test_weights_by_routing_of_ones_own(small_table):
    X, y = small_table
    weight = np.where(y == 1, 4.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = nested(LogisticRegression().set_fit_request(sample_weight=True))
        fitted = fit_with_rows(asked, X, y, {"sample_weight": weight}, {})
    np.testing.assert_allclose(fitted.predict_proba(X), LogisticRegression().fit(X, y, weight).predict_proba(X))


def test_models_that_cannot_be_compared_raise(small_table):
    X, y = small_table
    models = {
        "sampled": of_imblearn(RandomUnderSampler(), clone(LOGISTIC)),
        "neighbours": KNeighborsClassifier(),
        "no probabilities": make_pipeline(StandardScaler(), LinearSVC()),
    }
    found = compare(X, y, models, sample_weight=np.ones(len(y)))
    assert "Pass RandomUnderSampler as strategy= of the classifier" in found.errors_["sampled"]
    assert "KNeighborsClassifier takes no sample_weight" in found.errors_["neighbours"]
    assert "Pipeline has no predict_proba" in found.errors_["no probabilities"]
