"""Do callbacks of scikit-learn 1.9 hear of the tasks of a fit, see what it has found, and stop it?"""

import copy
import importlib.util
import pickle
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, _callbacks

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


class Recorder:
    """What a callback is told; it asks to stop after the epoch `last`."""

    def __init__(self, last=None):
        self.last, self.heard, self.found, self.estimators = last, [], [], []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(f"+{context.task_name}")
        self.estimators.append(estimator)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(f"-{context.task_name}")
        self.estimators.append(estimator)
        if fitted_estimator is not None:
            self.found.append(fitted_estimator)
        return context.task_name == "epoch" and context.task_id == self.last


class Everywhere(Recorder):
    """A callback that searches and pipelines hand on."""

    max_propagation_depth = None


def mlp(**parameters):
    """Return a classifier of three epochs of two steps."""
    settings = {"model": "mlp", "epochs": 3, "batch_size": 100, "early_stopping": False, "strategy": "none"}
    return ImbalancedKerasClassifier(**{**settings, "random_state": 0, **parameters})


def test_each_epoch_and_base_model_is_a_task_of_the_users_estimator(small_table):
    recorder, plain = Recorder(), mlp(epochs=2, ensemble=[GaussianNB()]).fit(*small_table)
    clf = clone(plain).set_callbacks(recorder)
    clf.fit(*small_table, sample_weight=np.ones(200))
    grown = ["+GaussianNB", "-GaussianNB"] * 4
    epochs = ["+epoch", "-epoch"] * 2
    assert recorder.heard == [
        "setup",
        "+fit",
        "+train",
        *epochs,
        "-train",
        "+grow",
        *grown,
        "-grow",
        "-fit",
        "teardown",
    ]
    assert {id(one) for one in recorder.estimators} == {id(clf)}
    assert [name for name in vars(clf) if "callback" in name] == ["callbacks", "_skl_callbacks"]
    np.testing.assert_array_equal(clf.predict_proba(small_table[0]), plain.predict_proba(small_table[0]))


class OwnStep(keras.Sequential):
    """A network that Keras' own loop trains."""

    def train_step(self, data):
        return super().train_step(data)


def own_step():
    return OwnStep([keras.Input((4,)), keras.layers.Dense(2)])


@pytest.mark.parametrize(
    "way",
    [{}, {"run_eagerly": True}, {"model": own_step}],
    ids=["program", "eagerly", "Keras"],
)
def test_an_estimator_of_each_epoch_is_as_if_the_fit_had_ended_with_it(way, small_table):
    X, y = small_table
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    recorder = Recorder(last=1)
    clf = mlp(**way).set_callbacks(recorder).fit(X, y)
    assert (clf.n_iter_, recorder.heard.count("-epoch")) == (2, 2)
    first, second, last = recorder.found
    shorter = mlp(**way, epochs=1).fit(X, y)
    for found, expected in ((first, shorter), (second, clf), (last, clf)):
        np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), rtol=1e-6)
        assert (found.n_iter_, set(vars(found))) == (expected.n_iter_, set(vars(clf)))
    assert first.history_["loss"] == clf.history_["loss"][:1]
    before = last.predict_proba(X)
    clf.set_callbacks().partial_fit(X, y)
    np.testing.assert_array_equal(last.predict_proba(X), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(last)).predict_proba(X), before)


@pytest.mark.parametrize(
    "parameters",
    [
        {"decision": "f1"},
        {"decision": "f1", "validation_split": 0.3},
        {"decision": ("recall", 0.5, 0.9)},
        {"loss": "hinge", "validation_split": 0.5, "pos_label": 1},
        {"calibration": "holdout", "early_stopping": "loss"},
        {"model": None, "early_stopping": "loss", "ensemble": None},
    ],
    ids=lambda of: "-".join(map(str, of)),
)
def test_scoring_monitor_scores_epochs_under_every_rule(parameters, larger, few_epochs, two_small_members):
    monitor = callback.ScoringMonitor(scoring=["average_precision", "f1"])
    mlp(**parameters).set_callbacks(monitor).fit(*larger)
    scored = monitor.get_logs().data
    assert [one["task_name"] for one in scored] == ["fit", "epoch", "epoch", "epoch"]
    assert all(0 < one["average_precision"] <= 1 for one in scored)


def test_nothing_of_an_earlier_fit_is_left_in_what_callbacks_see(small_table):
    X, y = small_table
    clf = mlp().fit(pd.DataFrame(X, columns=list("abcd")), y)
    twin = copy.copy(clf)
    np.testing.assert_array_equal(twin.predict(X := pd.DataFrame(X, columns=list("abcd"))), clf.predict(X))
    recorder = Recorder()
    clf.set_callbacks(recorder).fit(X.to_numpy(), y)
    assert all(not hasattr(found, "feature_names_in_") for found in recorder.found)
    clf.set_params(warm_start=True).fit(X.to_numpy(), y)
    assert [found.n_iter_ for found in recorder.found] == [1, 2, 3, 3, 4, 5, 6, 6]


def test_a_callback_that_fails_changes_nothing_and_is_torn_down(small_table):
    class Fails(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                raise RuntimeError("from the callback")

    fails, clf = Fails(), mlp().fit(*small_table)
    before = clf.predict_proba(small_table[0])
    with pytest.raises(RuntimeError, match="from the callback"):
        clf.set_callbacks(fails).fit(*small_table)
    assert fails.heard == ["setup", "+fit", "+train", "+epoch", "teardown"]
    np.testing.assert_array_equal(clf.predict_proba(small_table[0]), before)


def test_searches_and_pipelines_hand_callbacks_on(small_table, capsys):
    pytest.importorskip("rich", reason="ProgressBar draws with it")
    recorder = Everywhere()
    search = GridSearchCV(make_pipeline(StandardScaler(), mlp(epochs=2)), {}, cv=2)
    search.set_callbacks(recorder, callback.ProgressBar(max_propagation_depth=None)).fit(*small_table)
    names = [type(one).__name__ for one in recorder.estimators]
    assert {"GridSearchCV", "Pipeline", "ImbalancedKerasClassifier"} < set(names)
    assert recorder.heard.count("-epoch") == 3 * 2  # two folds and the refit
    assert "ImbalancedKerasClassifier - train" in capsys.readouterr().out
    assert search.best_estimator_.predict(small_table[0]).shape == (200,)


def test_without_callbacks_in_scikit_learn_a_fit_is_as_before(monkeypatch, small_table):
    """As on scikit-learn 1.6 to 1.8: the module is taken away."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("skimbalance._callbacks_before", _callbacks.__file__)
    spec.loader.exec_module(before := importlib.util.module_from_spec(spec))
    monkeypatch.undo()
    assert not hasattr(before.SupportsCallbacks, "set_callbacks")
    assert before.with_callbacks(len) is len

    class Before(before.SupportsCallbacks):
        pass

    task = Before()._task(*small_table, None)
    assert not task
    assert task.begin("train").end() is False
