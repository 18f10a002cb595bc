"""Is every defect of SciKeras repaired, and does what its users rely on still work?"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from sklearn.base import clone

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


@pytest.mark.parametrize("defect", upstream_defects.DEFECTS, ids=lambda defect: defect.__name__)
def test_defect_is_repaired(defect):
    defect(make)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "SciKeras"])
def test_determinism_is_left_as_it_was(ours):
    """utils/random_state.py, line 55, sets TF_DETERMINISTIC_OPS before it asks whether determinism is on.

    So it stays on after the first seeded fit of a process, and every unseeded random operation raises.
    """
    maker = (
        "from skimbalance import ImbalancedKerasClassifier as make"
        if ours
        else "from scikeras.wrappers import KerasClassifier\n"
        "make = lambda **p: KerasClassifier(network, loss='binary_crossentropy', verbose=0, **p)"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(_PATH.parent)!r})\nfrom upstream_defects import X, Y, network\n{maker}\n"
        "make(random_state=0, epochs=1).fit(X, Y)\nimport tensorflow as tf\ntf.random.normal([1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is ours, done.stderr
    assert ours or "determinism" in done.stderr


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
