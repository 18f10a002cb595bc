"""Are decisions and probabilities in closed form as good as those fitted with five times the work?

Run by hand: ``python tests/benchmarks/bench_decisions.py FOLDER [TABLE ...]``, with a folder of tables that holds a
module ``load.py`` with ``load(name) -> (X: DataFrame, y)``. Binary tables only; at most 6,000 rows of each.
"""

import importlib.util
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scikeras.wrappers import KerasClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import brier_score_loss, f1_score, log_loss
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import STRATEGIES

tf.get_logger().setLevel("ERROR")
warnings.filterwarnings("ignore", module="sklearn")
TABLES = ["mammography", "stroke", "online_shoppers", "htru2_pulsar", "bank_marketing_additional"]
EPOCHS = 20


def load_tables(folder):
    """Return the loader of a folder of tables."""
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load


def prepared(X, y, seed):
    """Split, impute, encode and scale a table."""
    if len(y) > 6000:
        X, _, y, _ = train_test_split(X, y, train_size=6000, stratify=y, random_state=seed)
    parts = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    prepare = make_column_transformer(
        (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    scale = StandardScaler().fit(prepare.fit_transform(parts[0]))
    X_train, X_test = (scale.transform(prepare.transform(part)) for part in parts[:2])
    return X_train, X_test, parts[2], parts[3]


def network(meta):
    """Build the network that "mlp" is, for SciKeras."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Dense(64, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


def ours(model="mlp", **parameters):
    """Return our classifier, with the plain network that SciKeras trains, or with the default one."""
    if model == "mlp":
        parameters = {"epochs": EPOCHS, "batch_size": 64, **parameters}
    return ImbalancedKerasClassifier(model, **{"random_state": 0, **parameters})


class Peer(ClassifierMixin, BaseEstimator):
    """SciKeras with balanced class weights, under the tags that scikit-learn's calibration asks for."""

    def fit(self, X, y):
        """Fit the plain network."""
        self.peer_ = KerasClassifier(
            network, loss="binary_crossentropy", optimizer="adam", epochs=EPOCHS, batch_size=64, verbose=0,
            class_weight="balanced",
        ).fit(X, y)  # fmt: skip
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        """Return what the network shows."""
        return self.peer_.predict_proba(X)


def timed(model, X, y):
    """Fit; return the model and the seconds it took."""
    began = time.perf_counter()
    return model.fit(X, y), time.perf_counter() - began


def main(folder, *names):
    """Print both comparisons."""
    load, decisions, probabilities = load_tables(folder), [], []
    for name in names or TABLES:
        X, X_test, y, y_test = prepared(*load(name), seed=0)
        for network in ("realmlp", "mlp"):
            ours(network, strategy="none").fit(X, y)  # compile
            direct, seconds = timed(ours(network, strategy="none", decision="f1"), X, y)
            tuned, seconds_tuned = timed(TunedThresholdClassifierCV(ours(network, strategy="none"), scoring="f1"), X, y)
            decisions.append(
                {
                    "table": name,
                    "network": network,
                    "F1, decision='f1'": f1_score(y_test, direct.predict(X_test)),
                    "F1, tuned by 5 folds": f1_score(y_test, tuned.predict(X_test)),
                    "F1, threshold 0.5": f1_score(y_test, tuned.estimator_.predict(X_test)),
                    "times faster": seconds_tuned / seconds,
                }
            )
            print(decisions[-1], flush=True)
        models = {s: ours(strategy=s) for s in STRATEGIES}
        models["default network"] = ours("realmlp")
        models["SciKeras, balanced"] = Peer()
        models["SciKeras, balanced, CalibratedClassifierCV"] = CalibratedClassifierCV(Peer(), cv=5)
        for label, model in models.items():
            fitted, seconds = timed(model, X, y)
            proba = np.clip(fitted.predict_proba(X_test)[:, 1], 1e-7, 1 - 1e-7)
            probabilities.append([name, label, brier_score_loss(y_test, proba), log_loss(y_test, proba), seconds])
    print(pd.DataFrame(decisions).to_string(index=False, float_format="{:.3f}".format))
    print(pd.DataFrame(decisions).groupby("network").mean(numeric_only=True).to_string())
    table = pd.DataFrame(probabilities, columns=["table", "model", "Brier", "log-loss", "seconds"])
    print(table.groupby("model", sort=False).mean(numeric_only=True).to_string(float_format="{:.4f}".format))
    print(table.pivot(index="model", columns="table", values="log-loss").to_string(float_format="{:.4f}".format))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
