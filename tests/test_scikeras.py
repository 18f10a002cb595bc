"""Is every defect of SciKeras repaired, and does what its users rely on still work?"""

import importlib.util
import pickle
import pydoc
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.layers import Dense
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skimbalance import ImbalancedKerasClassifier

_PATH = Path(__file__).with_name("upstream_defects.py")
_spec = importlib.util.spec_from_file_location("upstream_defects", _PATH)
upstream_defects = importlib.util.module_from_spec(_spec)
sys.modules["upstream_defects"] = upstream_defects  # so that its functions can be pickled
_spec.loader.exec_module(upstream_defects)


def make(**parameters):
    """Our classifier with the network and the epochs of the SciKeras one it is compared with."""
    loss = {} if "loss" not in parameters else {"strategy": None}
    return ImbalancedKerasClassifier(**{"model": upstream_defects.network, "epochs": 1, **loss, **parameters})


def compiled_network():
    """Return a network that brings its optimizer."""
    model = upstream_defects.network({"n_features_in_": 4})
    model.compile("adam", "binary_crossentropy")
    return model


@pytest.mark.parametrize("defect", upstream_defects.DEFECTS, ids=lambda defect: defect.__name__)
def test_defect_is_repaired(defect):
    defect(make)


@pytest.mark.parametrize(
    ("keyword", "nearest"), [("epoch", "epochs"), ("stratgy", "strategy"), ("optimiser", "optimizer")]
)
def test_a_misspelt_keyword_names_the_nearest(keyword, nearest):
    with pytest.raises(TypeError, match=f"'{keyword}'. Did you mean '{nearest}'"):
        ImbalancedKerasClassifier(**{keyword: 1})
    with pytest.raises(ValueError, match=f"'{keyword}'.* Did you mean '{nearest}'"):
        ImbalancedKerasClassifier().set_params(**{keyword: 1})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model__hidden_layers": (3,)}, "Did you mean 'model__hidden_layer_sizes'"),
        ({"optimizer__learning_rte": 0.1}, "Did you mean 'optimizer__learning_rate'"),
        ({"loss__gamma": 0.1}, "'loss__gamma' reaches nothing; loss__\\* takes nothing"),
        ({"metrics": ["AUC"], "metrics__0__num_threshold": 3}, "num_thresholds"),
        ({"metrics__0__name": 3}, "takes nothing"),
        ({"callbacks": keras.callbacks.EarlyStopping, "callbacks__patince": 3}, "callbacks__patience"),
        (
            {"callbacks": {"stop": keras.callbacks.EarlyStopping}, "callbacks__halt__patience": 3},
            "reaches nothing",
        ),
        ({"fit__epoch": 3}, "Did you mean 'fit__epochs'"),
        ({"predict__batchsize": 3}, "Did you mean 'predict__batch_size'"),
        ({"compile__jit_compil": True}, "Did you mean 'compile__jit_compile'"),
        ({"strategy__beta": 0.9}, "does not have the parameters \\['beta'\\]"),
        ({"model": keras.Sequential([keras.layers.Dense(2)]), "model__width": 3}, "is built already"),
        ({"model": compiled_network(), "optimizer__learning_rate": 0.5}, "the network comes compiled"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_routed_parameter_that_reaches_nothing_is_an_error_at_fit(parameters, message, rare):
    clf = ImbalancedKerasClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        clf.fit(*rare)


def test_routed_parameters_are_parameters(rare):
    clf = ImbalancedKerasClassifier("mlp", optimizer__learning_rate=0.5, model__dropout=0.1, epochs=1)
    assert clf.get_params()["optimizer__learning_rate"] == 0.5
    assert clone(clf).get_params() == clf.get_params()
    clf.set_params(optimizer__learning_rate=0.25, fit__batch_size=7)
    assert float(clf.fit(*rare).model_.optimizer.learning_rate) == 0.25
    assert "optimizer__learning_rate=0.25" in repr(clf)


@pytest.mark.parametrize(
    ("callbacks", "routed"),
    [
        (keras.callbacks.EarlyStopping, {"callbacks__monitor": "loss", "callbacks__min_delta": 1e9}),
        ([keras.callbacks.EarlyStopping], {"callbacks__0__monitor": "loss", "callbacks__0__min_delta": 1e9}),
        (
            {"a": keras.callbacks.EarlyStopping},
            {"callbacks__a__monitor": "loss", "callbacks__a__min_delta": 1e9},
        ),
        ([[keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e9)]], {}),
    ],
    ids=["class", "list", "dict", "nested instance"],
)
def test_callbacks_in_every_form(callbacks, routed, rare):
    clf = ImbalancedKerasClassifier(callbacks=callbacks, epochs=9, **routed).fit(*rare)
    assert len(clf.history_["loss"]) == 2


def test_callbacks_that_are_none_are_refused(rare):
    with pytest.raises(TypeError, match="it takes Keras callbacks"):
        ImbalancedKerasClassifier(callbacks=["stop"]).fit(*rare)


def test_prediction_hooks_are_called(rare):
    X, y = rare
    seen = []
    callback = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(batch))
    clf = ImbalancedKerasClassifier(epochs=1, predict__callbacks=[callback], predict__batch_size=150).fit(X, y)
    clf.predict(X)
    assert seen == [0, 1, 2]


def test_the_users_optimizer_keeps_its_settings(rare):
    optimizer = keras.optimizers.SGD(0.125, momentum=0.5)
    clf = ImbalancedKerasClassifier(optimizer=optimizer, optimizer__learning_rate=0.5, epochs=1).fit(*rare)
    assert not optimizer.built
    assert (float(clf.model_.optimizer.learning_rate), clf.model_.optimizer.momentum) == (0.5, 0.5)


# --- subclasses ---


class MLP(ImbalancedKerasClassifier):
    """As SciKeras' documentation teaches it: parameters of its own, and a network that reads the data's facts."""

    def __init__(self, hidden_layer_sizes=(100,), optimizer="adam", optimizer__learning_rate=0.01, epochs=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden_layer_sizes, self.optimizer, self.epochs = hidden_layer_sizes, optimizer, epochs

    def _keras_build_fn(self, compile_kwargs):
        binary = self.target_type_ == "binary"
        units, activation = (1, "sigmoid") if binary else (self.n_classes_, "softmax")
        loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
        hidden = [Dense(n, "relu") for n in self.hidden_layer_sizes]
        model = keras.Sequential([keras.Input((self.n_features_in_,)), *hidden, Dense(units, activation)])
        model.compile(loss=loss, optimizer=compile_kwargs["optimizer"], metrics=["accuracy"])
        return model


class WithoutParameters(ImbalancedKerasClassifier):
    """All that it needs, it holds itself."""

    def __init__(self):
        super().__init__()

    def _keras_build_fn(self):
        return upstream_defects.network({"n_features_in_": 4}, width=2)


class WithOneMore(ImbalancedKerasClassifier):
    """A parameter of its own, beside arguments of its builder that nobody has to name."""

    def __init__(self, model=None, *, scale=1.0, **kwargs):
        super().__init__(model, **kwargs)
        self.scale = scale

    def _keras_build_fn(self, meta, width=3):
        return upstream_defects.network(meta, width)


def test_subclasses_build_their_own_network(rare):
    X, y = rare
    mlp = clone(MLP(hidden_layer_sizes=(5,), random_state=0, n_iter_no_change=3)).fit(X, y)
    assert (mlp.model_.layers[0].units, mlp.n_iter_, mlp.n_iter_no_change) == (5, 3, 3)
    assert set(mlp.history_) == {"loss", "accuracy"}
    assert type(mlp.strategy_).__name__ == "Strategy"
    assert pickle.loads(pickle.dumps(mlp)).score(X, y) == mlp.score(X, y)

    bare = clone(WithoutParameters())
    assert bare.get_params() == {}
    assert bare.fit(X, y).model_.layers[1].units == 2

    one_more = clone(WithOneMore(scale=2.0, width=7, epochs=2)).set_params(batch_size=50)
    assert one_more.fit(X, y).model_.layers[1].units == 7
    assert one_more.get_params()["scale"] == 2.0
    assert one_more.set_params(width=4).fit(X, y).model_.layers[1].units == 4
    with pytest.raises(TypeError, match="'widht'"):
        WithOneMore(widht=3)
    with pytest.raises(ValueError, match="cannot implement ``_keras_build_fn`` and be given model='mlp'"):
        WithOneMore("mlp").fit(X, y)


@pytest.mark.parametrize("name", ["feature_encoder", "target_encoder", "scorer"])
def test_what_nothing_would_call_is_refused(name, rare):
    subclass = type("Encoding", (ImbalancedKerasClassifier,), {name: property(lambda self: None)})
    with pytest.raises(TypeError, match=f"Encoding overrides {name}, which nothing calls"):
        subclass().fit(*rare)


def test_help_and_completion_show_what_users_call(rare):
    """SciKeras' and scikit-learn's internals fill 215 lines of ``help`` otherwise."""
    lines = pydoc.render_doc(ImbalancedKerasClassifier, renderer=pydoc.plaintext).splitlines()
    assert len(lines) - len(ImbalancedKerasClassifier.__doc__.splitlines()) < 440
    entries = [re.match(r" \|  (\w+)", line) for line in lines[lines.index(" |  Methods defined here:") :]]
    entries = {entry[1] for entry in entries if entry}
    assert {"fit", "predict_proba", "threshold_", "set_params", "score"} < entries
    assert not {"scorer", "target_encoder", "set_fit_request", "__getstate__", "__signature__"} & entries
    clf = make().fit(*rare)
    assert {"strategy", "fit", "model_", "train_prior_"} < set(dir(clf))
    assert not [name for name in dir(clf) if name.startswith("_") or name in ("scorer", "set_fit_request")]
    shows_what_is_fitted = "coef_" in LogisticRegression().fit([[0], [1]], [0, 1])._repr_html_()  # scikit-learn 1.9
    assert ("train_prior_" in clf._repr_html_()) == shows_what_is_fitted
    with config_context(enable_metadata_routing=True):
        assert "set_fit_request" in dir(clf)


def test_arguments_of_the_builder_need_no_prefix(rare):
    clf = clone(ImbalancedKerasClassifier(upstream_defects.network, width=3, loss="binary_crossentropy", epochs=1))
    assert clf.get_params()["width"] == 3
    assert clf.fit(*rare).model_.layers[1].units == 3
    assert clf.set_params(width=6).fit(*rare).model_.layers[1].units == 6
    assert clf.set_params(model__width=8).fit(*rare).model_.layers[1].units == 8
    with pytest.raises(ValueError, match="'model__width' reaches nothing"):
        clf.set_params(model="mlp").fit(*rare)


def test_build_fn_is_model(rare):
    clf = ImbalancedKerasClassifier(build_fn=upstream_defects.network, width=3, epochs=1)
    with pytest.warns(UserWarning, match="``build_fn`` will be renamed to ``model``"):
        assert clone(clf).fit(*rare).model_.layers[1].units == 3


# --- callbacks ---

WAYS = pytest.mark.parametrize("way", [{}, {"run_eagerly": True}], ids=["program", "eagerly"])


class Recorder(keras.callbacks.Callback):
    """What a callback hears."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(("epoch", epoch, sorted(logs)))

    def on_test_begin(self, logs=None):
        self.heard.append("test")

    def on_test_end(self, logs=None):
        self.heard.append(sorted(logs))


@WAYS
def test_instances_of_callbacks_are_live(way, rare):
    X, y = rare
    of_classifier, of_fit = Recorder(), Recorder()
    clf = ImbalancedKerasClassifier(
        "mlp", callbacks=of_classifier, epochs=1, metrics="AUC", validation_split=0.2, **way
    )
    clf.fit(X, y, callbacks=[of_fit])
    scores = ["auc", "average_precision", "loss"]
    epoch = ("epoch", 0, ["auc", "loss", "val_auc", "val_average_precision", "val_loss"])
    assert of_classifier.heard == of_fit.heard == ["test", scores, epoch]
    assert of_classifier.model is of_fit.model is None, "a network is not kept"
    copied = clone(clf)
    copied.fit(X, y)
    assert len(of_classifier.heard) == 3
    assert len(copied.callbacks.heard) == 6, "clones keep copies, as those of scikit-learn"
    pickle.loads(pickle.dumps(clf)).predict(X)


def test_a_callback_that_ends_training_by_an_exception_is_heard(rare):
    """As those of Optuna do: what it raises reaches the caller, and nothing is fitted."""

    class Pruned(Exception):
        pass

    class Prunes(Recorder):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == 2:
                raise Pruned

    prunes = Prunes()
    clf = ImbalancedKerasClassifier(epochs=9, callbacks=[prunes])
    with pytest.raises(Pruned):
        clf.fit(*rare)
    assert [entry[1] for entry in prunes.heard if entry[0] == "epoch"] == [0, 1, 2]
    assert not hasattr(clf, "model_")


@pytest.mark.parametrize(
    ("monitor", "way"),
    [
        *((name, {}) for name in ("val_auc", "val_accuracy", "val_average_precision", "val_loss", "auc")),
        ("val_auc", {"run_eagerly": True}),
    ],
    ids=str,
)
def test_callbacks_know_the_direction_of_a_score(monitor, way, rare, tmp_path):
    """Without ``mode``: up, or down for the loss."""
    callbacks = [
        keras.callbacks.EarlyStopping(monitor, patience=2, min_delta=1e9),
        keras.callbacks.ReduceLROnPlateau(monitor, patience=1, factor=0.5),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor, save_best_only=True),
    ]
    clf = ImbalancedKerasClassifier(
        "mlp", callbacks=callbacks, epochs=9, metrics=["AUC", "accuracy"], validation_split=0.2, optimizer="sgd", **way
    ).fit(*rare)
    assert clf.n_iter_ == 3
    ops = keras.ops
    for callback in callbacks:
        assert callback.monitor_op(ops.array(0.0), ops.array(1.0)) == (monitor == "val_loss")
    best = keras.saving.load_model(tmp_path / "best.keras")
    assert best.predict(rare[0], verbose=0).shape == (len(rare[1]), 2)
    assert "average_precision" not in clf.model_.evaluate(*rare, verbose=0, return_dict=True)


def test_callback_classes_take_any_keyword(rare):
    class Keywords(keras.callbacks.Callback):
        def __init__(self, **kwargs):
            super().__init__()
            given.update(kwargs)

    given = {}
    ImbalancedKerasClassifier("mlp", epochs=1, callbacks={"a": Keywords}, callbacks__a__depth=3).fit(*rare)
    assert given == {"depth": 3}


# --- metrics, losses, labels, arguments ---


@pytest.mark.parametrize("model", ["mlp", None, upstream_defects.network], ids=["mlp", "default", "own"])
def test_the_network_is_compiled_with_the_metrics(model, rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(model, strategy="none", epochs=3, metrics=["AUC", "accuracy"], random_state=0)
    clf.set_params(early_stopping=False, ensemble=None).fit(X, y)  # the network alone is what Keras evaluates
    for classifier in (clf, pickle.loads(pickle.dumps(clf))):
        scores = classifier.model_.evaluate(X, y, verbose=0, return_dict=True)
        assert set(scores) == {"loss", "auc", "accuracy"}
        assert scores["accuracy"] == pytest.approx(clf.score(X, y), abs=1e-6)
        assert scores["auc"] == pytest.approx(clf.history_["auc"][-1], abs=1e-4)
        some = (y == 1) | (np.arange(len(y)) < 100)  # of another share than the rows of training
        classifier.fit(X, y)
        first, second = (classifier.model_.evaluate(X[some], y[some], verbose=0) for _ in range(2))
        assert first == second


def test_one_hot_labels_are_those_of_their_columns(rare):
    X, y = rare
    y = np.where(X[:, 0] < -1, 2, y)
    one_hot = np.eye(3)[y]
    clf, plain = (ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, labels) for labels in (one_hot, y))
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), np.eye(3)[plain.predict(X)])
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2])
    assert clf.score(X, one_hot) == plain.score(X, y)
    clf.partial_fit(X[:9], one_hot[:9])
    with pytest.raises(ValueError, match="Multilabel and multioutput targets are not supported"):
        clf.fit(X, np.column_stack([y == 0, y < 2]))
    with pytest.raises(ValueError, match="one-hot rows with a single 1 each"):
        clf.fit(X, sparse.csr_matrix(one_hot))


def test_a_loss_may_override_its_call(rare):
    class OfRows(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return keras.losses.binary_crossentropy(y_true, y_pred)

    class OfAll(OfRows):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return keras.ops.mean(super().__call__(y_true, y_pred))

    X, y = rare
    X = (X - X.mean(axis=0)) / X.std(axis=0)

    def fit(loss):
        clf = ImbalancedKerasClassifier(upstream_defects.network, loss=loss, epochs=3, random_state=0)
        return clf.fit(X, y, sample_weight=np.linspace(0.5, 2, len(y))).predict_proba(X)

    expected = fit("binary_crossentropy")
    for loss in (OfRows(), OfAll()):
        np.testing.assert_allclose(fit(loss), expected, atol=1e-5)


def test_a_loss_of_ones_own_brings_no_remedy(rare):
    """Balanced weights unasked took the mean probability from .09 to .29."""
    for parameters in ({"loss": "binary_crossentropy"}, {"loss": keras.losses.BinaryFocalCrossentropy()}):
        clf = ImbalancedKerasClassifier(upstream_defects.network, epochs=2, **parameters).fit(*rare)
        np.testing.assert_allclose(clf.train_prior_, clf.prior_)
        weighted = clf.set_params(class_weight="balanced").fit(*rare)
        np.testing.assert_allclose(weighted.train_prior_, 0.5)


def test_arguments_of_keras_work_or_name_what_does(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0)
    weights = {0: 1.0, 1: 3.0}
    expected = clone(clf).set_params(class_weight=weights).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(clf).fit(X, y, class_weight=weights).predict_proba(X), expected)
    fitted = clone(clf).set_params(fit__class_weight=weights).fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X, batch_size=7, verbose=0), expected)
    seen = Recorder()
    seen.on_predict_batch_end = lambda batch, logs: seen.heard.append(batch)
    fitted.predict(X, batch_size=200, callbacks=[seen])
    assert seen.heard == list(range(-(-len(X) // 200)))
    with pytest.raises(TypeError, match="'steps_per_epoch'.* An epoch passes over all rows once; choose epochs"):
        clf.fit(X, y, steps_per_epoch=3)
    with pytest.raises(ValueError, match="'fit__validation_batch_size' reaches nothing.* leave it out"):
        clf.set_params(fit__validation_batch_size=3).fit(X, y)
    with pytest.raises(TypeError, match="'steps'.* All rows are predicted"):
        fitted.predict(X, steps=3)


def test_facts_of_the_data_that_scikeras_documents(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", epochs=1).fit(X.astype(np.float64), y)
    assert (clf.target_type_, clf.n_outputs_, clf.n_outputs_expected_, clf.y_ndim_) == ("binary", 1, 1, 1)
    assert (clf.X_shape_, clf.X_dtype_, clf.y_dtype_) == (X.shape, np.float64, y.dtype)
    np.testing.assert_array_equal(clf.target_encoder_.inverse_transform(clf.target_encoder_.transform(y)), y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("target_prior", ["train", "fit"])
def test_decision_function_is_log_odds(n_classes, target_prior, rare):
    X, y = rare
    y = y if n_classes == 2 else np.where(X[:, 0] < -1, 2, y)
    clf = ImbalancedKerasClassifier("mlp", epochs=5, target_prior=target_prior, random_state=0).fit(X, y)
    proba, decision = clf.predict_proba(X), clf.decision_function(X)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(proba))
    if n_classes == 2:
        np.testing.assert_allclose(decision, np.log(proba[:, 1] / proba[:, 0]))
        np.testing.assert_array_equal(decision > 0, proba[:, 1] > 0.5)
    else:
        np.testing.assert_allclose(decision, np.log(proba))
