"""Does everything still work where Keras or TensorFlow no longer has a name that it does not promise to keep?"""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import skimbalance
from skimbalance import ImbalancedKerasClassifier
from skimbalance._keras import keras_internals, tensorflow_internals

#: Private names of Keras and TensorFlow that this package looks for.
LOOKED_FOR = [
    "_compile_metrics", "_direction", "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern",
    "_is_excluded_from_weight_decay", "_keras_history", "_keras_logits", "_start_batch", "_use_weight_decay",
    "_user_metrics",
]  # fmt: skip
#: Those that it sets on callbacks, and may set in vain; what a running TensorFlow says of itself; what a loss of Keras
#: holds, among all that it holds; the layers of the SciKeras that is asked for by its version.
OTHERS = {
    "_model", "_prev_summary_state", "_summary_module", "_writers",
    "_initialized",
    "_fn_kwargs",
    "_keras_build_fn",
}  # fmt: skip
#: Private names of scikit-learn, imbalanced-learn and skl2onnx, which come in the versions that the extras ask for.
OF_OTHER_LIBRARIES = {
    "_baseline_prediction", "_curve_scorer", "_get_pos_label", "_predictors", "_sampling_type", "_score_func",
    # scikit-learn's callbacks, which are experimental in 1.9
    "_callback_fit_ctx", "_decr_instances", "_init_callback_context", "_parent_callback_ctx", "_skl_callbacks",
    "_skl_callbacks_to_teardown",
}  # fmt: skip


def own_network(meta, activation):
    """Build a network that comes compiled, with a metric and an optimizer that spares biases from decay."""
    rows = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(4, "relu")(rows)
    model = keras.Model(rows, keras.layers.Dense(meta["n_classes_"], activation)(keras.layers.Dropout(0.1)(hidden)))
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.01)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("name", [*LOOKED_FOR, "python_random"])
@pytest.mark.parametrize("network", [None, "mlp", own_network], ids=["default", "mlp", "own"])
def test_networks_train_without(name, network, small_table, monkeypatch, tmp_path):
    X, y = small_table
    looked_for = []

    def without(of, wanted, *default):
        looked_for.append(wanted)
        return default[0] if wanted == name else getattr(of, wanted, *default)

    monkeypatch.setattr(keras_internals, "getattr", without, raising=False)
    callbacks = [keras.callbacks.TensorBoard(tmp_path)] if name == "_start_batch" else None
    clf = ImbalancedKerasClassifier(network, epochs=2, ensemble=None, random_state=0, callbacks=callbacks)
    if network is own_network:  # where its logits are not noted, its last layer tells what it returns
        clf.set_params(model__activation=None if name == "_keras_history" else "softmax")
    clf.fit(X, y)
    proba = clf.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), proba)
    clf.partial_fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    if network is own_network:
        assert name in looked_for


def test_without_knowing_whether_tensorflow_runs(monkeypatch, small_table):
    monkeypatch.setattr(tensorflow_internals.importlib, "import_module", _not_there)
    assert tensorflow_internals.is_running(is_started=True)
    assert not tensorflow_internals.is_running(is_started=False)
    ImbalancedKerasClassifier("mlp", epochs=1).fit(*small_table)
    with pytest.raises(ImportError, match="saved_model"):
        tensorflow_internals.frozen(None)


def _not_there(name):
    raise ImportError(name)


def test_no_other_private_name_is_used():
    """Attributes that begin with an underscore, and are of no class here, are of others: libraries, Python, texts."""
    own, used = set(), set()
    for file in Path(skimbalance.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name) if name[0] == "_" and name[:2] != "__":
                    used.add(name)
                case ast.Constant(value=str(name)) if name.isidentifier() and name[0] == "_" and name[:2] != "__":
                    used.add(name)
                case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in ("keras", "tensorflow"):
                    assert not any("src" in part or "python" in part for part in module.split(".")), (file, module)
    of_python = {"_fields", "_replace", "_val", "_0123456789", "_double", "_draw_", "_initializer", "_mask"}
    assert used - own - of_python <= {*LOOKED_FOR, *OTHERS, *OF_OTHER_LIBRARIES}
    assert {*LOOKED_FOR, *OTHERS} - {"_model"} <= used - own


def test_numbers_alone_do_not_import_tensorflow():
    """So that no version of it can break them, and a service that only decides starts in a moment."""
    code = (
        "import sys, numpy as np\n"
        "sys.modules['keras'] = sys.modules['tensorflow'] = sys.modules['scikeras'] = None\n"
        "from skimbalance import ThresholdDisplay, compare_strategies, decide, estimate_prior\n"
        "from skimbalance.probability.prior import shift_prior\n"
        "p = np.linspace(0.01, 0.6, 50); P = np.c_[1 - p, p]\n"
        "decide(shift_prior(P, [0.9, 0.1], [0.8, 0.2]), costs=[[0, 1], [9, 0]]); estimate_prior(P, [0.9, 0.1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
