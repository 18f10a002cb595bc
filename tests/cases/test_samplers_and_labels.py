"""Samplers of imbalanced-learn: labels of any kind, shares, and the advice in errors."""

import re

import numpy as np
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler, TomekLinks
from imblearn.utils.testing import all_estimators
from sklearn.model_selection import cross_val_score

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import Resampling

SAMPLERS = {
    **{name: kind() for name, kind in all_estimators("sampler") if name not in ("SMOTENC", "SMOTEN", "KMeansSMOTE")},
    "KMeansSMOTE": KMeansSMOTE(cluster_balance_threshold=0.05),
}


def table(*counts, labels=("no", "yes", "zero"), seed=0):
    """Rows of two columns that overlap a little, so many of each class."""
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(len(y), 2)) + 1.5 * y[:, None]
    return X.astype(np.float32), np.array(labels)[y]


def counts_of(sampler, X, y):
    labels, counts = np.unique(Resampling(sampler).fit_resample(X, y)[1], return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


def seeded(sampler):
    return sampler.set_params(random_state=0) if "random_state" in sampler.get_params() else sampler


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_every_sampler_takes_texts(sampler):
    X, y = table(120, 30)
    by_index, by_text = (Resampling(seeded(sampler)).fit_resample(X, of) for of in ((y == "yes").astype(int), y))
    assert (by_text[1] == np.where(by_index[1] == 1, "yes", "no")).all()
    np.testing.assert_array_equal(by_text[0], by_index[0])
    as_objects = Resampling(seeded(sampler)).fit_resample(X, y.astype(object))[1]
    assert as_objects.dtype == object
    assert (as_objects == by_text[1]).all()


def test_in_a_fit_of_three_classes():
    X, y = table(80, 40, 30)
    clf = ImbalancedKerasClassifier("mlp", strategy=seeded(TomekLinks()), epochs=1, random_state=0).fit(X, y)
    assert clf.classes_.tolist() == ["no", "yes", "zero"]


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (SMOTE(sampling_strategy={"yes": 50}), {"no": 100, "yes": 50}),
        (RandomOverSampler(sampling_strategy=lambda y: {"yes": 2 * int(np.sum(y == "yes"))}), {"no": 100, "yes": 58}),
        (RandomUnderSampler(sampling_strategy={"no": 40}), {"no": 40, "yes": 29}),
        (TomekLinks(sampling_strategy=["yes"]), {"no": 100}),
        (SMOTETomek(smote=SMOTE(sampling_strategy={"yes": 60})), {}),
        (FunctionSampler(func=lambda X, y: (X[y == "yes"], y[y == "yes"])), {"yes": 29}),
    ],
    ids=["dict", "function", "dict of an undersampler", "list", "inside another", "function of labels"],
)
def test_sampling_strategies_by_label(sampler, expected):
    found = counts_of(seeded(sampler), *table(100, 29))
    assert {label: n for label, n in found.items() if label in expected} == expected


def test_a_label_without_rows_is_refused():
    with pytest.raises(ValueError, match=r"names \['maybe'\], of which there is no training row.*\['no', 'yes'\]"):
        counts_of(SMOTE(sampling_strategy={"maybe": 50}), *table(100, 29))


@pytest.mark.parametrize(
    ("sampler", "share", "expected"),
    [
        (SMOTE, 0.29, {"no": 100, "yes": 29}),  # int(100 * 0.29) is 28
        (SMOTE, 0.57, {"no": 100, "yes": 57}),
        (RandomOverSampler, 0.58, {"no": 100, "yes": 58}),
        (SMOTE, 0.333, {"no": 100, "yes": 33}),
        (RandomUnderSampler, 0.29, {"no": 100, "yes": 29}),
        (RandomUnderSampler, 0.58, {"no": 50, "yes": 29}),
        (ClusterCentroids, np.float64(0.5), {"no": 58, "yes": 29}),
    ],
)
def test_shares_that_are_whole_but_for_rounding(sampler, share, expected):
    assert counts_of(sampler(sampling_strategy=share, random_state=0), *table(100, 29)) == expected


def test_impossible_shares_are_refused():
    for sampler in (SMOTE(sampling_strategy=0.2), RandomUnderSampler(sampling_strategy=0.2)):
        with pytest.raises(ValueError, match="'no': 100, 'yes': 29.*increase the ratio"):
            counts_of(sampler, *table(100, 29))


KINDS = [SMOTE, ADASYN, BorderlineSMOTE, SVMSMOTE, KMeansSMOTE, SMOTEN, SMOTEENN, SMOTETomek]


@pytest.mark.parametrize("kind", KINDS)
def test_advice_for_a_single_row(kind):
    with pytest.raises(ValueError, match="class 'yes' has 1.*random_oversample") as caught:
        counts_of(kind(), *table(60, 1))
    assert "neighbors=1" not in str(caught.value)


@pytest.mark.parametrize("n_rows", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_advice_for_few_rows_works(kind, n_rows):
    X, y = table(60, n_rows)
    with pytest.raises(ValueError, match="'yes'.*random_oversample") as caught:
        counts_of(kind(), X, y)
    asked = re.search(r"Set strategy__(\w+)=(\d+) \(in a list, (\w+\(.*?\))\)", str(caught.value))
    other = re.search(r"Set strategy=(.*?\)+), or", str(caught.value))
    advised = []
    if asked:
        assert asked[3] == f"{kind.__name__}({asked[1]}={asked[2]})"
        advised.append(kind(**{asked[1]: int(asked[2])}))
    elif other:
        advised.append(eval(other[1], {of.__name__: of for of in KINDS}))
    for sampler in [*advised, RandomOverSampler()]:
        counts_of(sampler, X, y)
    assert advised or kind is KMeansSMOTE


def test_classes_that_are_left_alone_may_have_one_row():
    X, y = table(60, 20, 1)
    assert counts_of(SMOTE(sampling_strategy={"yes": 40}), X, y) == {"no": 60, "yes": 40, "zero": 1}
    with pytest.raises(ValueError, match="class 'zero' has 1"):
        counts_of(SMOTE(), X, y)


def test_the_folds_of_a_cross_validation_are_mentioned():
    X, y = table(60, 6)
    clf = ImbalancedKerasClassifier("mlp", strategy="smote", epochs=1, random_state=0)
    with pytest.raises(ValueError, match=r"class 'yes' has 4 .*folds of a cross-validation.*strategy__k_neighbors=3 "):
        cross_val_score(clf, X, y, cv=3, error_score="raise")
    scores = cross_val_score(clf.set_params(strategy__k_neighbors=3), X, y, cv=3, error_score="raise")
    assert len(scores) == 3
