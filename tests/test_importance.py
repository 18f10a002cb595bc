"""Do scikit-learn's selectors find the columns that a classifier needs?"""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skimbalance import ImbalancedKerasClassifier, importance


@pytest.fixture
def table():
    """Table of 300 rows: the first and the third of four columns say the label, on scales far apart."""
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = (X[:, 0] + X[:, 2] > 1.2).astype(int)
    return (X * [1, 1, 100, 100]).astype(np.float32), y


def mlp():
    return ImbalancedKerasClassifier("mlp", epochs=15, early_stopping=False, random_state=0)


def linear(weights):
    """Return a network of one logit that is linear in its inputs."""
    model = keras.Sequential([keras.Input((len(weights),)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].set_weights([np.array(weights, dtype=np.float32)[:, None]])
    return model


def test_total_effect_follows_the_weights_of_a_linear_network(table):
    X, y = table
    clf = ImbalancedKerasClassifier(linear([0.01, 0.0, 2e-4, -2e-4]), loss="binary_crossentropy").initialize(X, y)
    effects = importance.total_effect(clf, n_repeats=20)
    # Of log-odds near 0, log P changes by half as much for either class: the sum is half the variance, (w * sd)^2 / 2.
    expected = np.square([0.01, 0.0, 2e-4, -2e-4] * X.std(axis=0)) / 2
    np.testing.assert_allclose(effects, expected, rtol=0.1)
    assert effects[1] == 0
    # Probabilities alone count: a rule that needs a fit changes nothing.
    np.testing.assert_array_equal(importance.total_effect(clf.set_params(decision="f1"), n_repeats=20), effects)


def test_selectors_find_the_columns_that_say_the_label(table):
    X, y = table
    selector = SelectFromModel(mlp(), importance_getter=importance.total_effect).fit(X, y)
    assert selector.get_support().tolist() == [True, False, True, False]
    search = RFECV(mlp(), importance_getter=importance.total_effect, step=2, cv=2, scoring="average_precision")
    assert search.fit(X, y).support_.tolist() == [True, False, True, False]
    pipe = make_pipeline(selector, mlp()).set_output(transform="pandas").fit(X, y)
    assert pipe[-1].n_features_in_ == 2


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame], ids=["array", "pandas", "polars"])
def test_permutation_looks_at_rows_of_its_own(frame, table):
    X, y = frame(table[0]), table[1]
    getter = importance.Permutation(X[200:], y[200:], n_repeats=3)
    selector = SelectFromModel(mlp(), importance_getter=getter).fit(X[:200], y[:200])
    assert selector.get_support().tolist() == [True, False, True, False]
    assert (getter(selector.estimator_) >= 0).all()
    with pytest.raises(ValueError, match="fitted on 2 columns, but X of Permutation has 4.*total_effect"):
        getter(mlp().fit(table[0][:, :2], y))


def test_categories_booleans_and_missing_values_have_an_effect():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"shop": rng.choice(["a", "b", "c"], 400), "new": rng.random(400) < 0.5, "age": rng.normal(size=400)}
    )
    X.loc[::7, "age"] = np.nan
    y = ((X["shop"] == "a") & (rng.random(400) < 0.8)).astype(int)
    effects = importance.total_effect(mlp().fit(X, y))
    assert effects.argmax() == 0
    assert (effects > 0).all()


def test_what_is_no_fitted_classifier_is_refused(table):
    with pytest.raises(TypeError, match="takes a fitted ImbalancedKerasClassifier, not LogisticRegression"):
        importance.total_effect(LogisticRegression().fit(*table))
    with pytest.raises(NotFittedError):
        importance.total_effect(mlp())
