"""Who ranks, estimates and decides best on imbalanced tables, without tuning?

Run by hand: ``python tests/benchmarks/bench_quality.py [FOLDER] [--results FILE] [--plot FILE]``. FOLDER holds tables
and a module ``load.py`` with ``names()`` and ``load(name) -> (X: DataFrame, y)``, class 1 the rare one of two; without
it, a few tables that ship with scikit-learn are taken. Every model sees the same folds, imputed, one-hot encoded and
standardised alike. Each result is appended to the file at once, so an interrupted run goes on where it stopped; to
measure a model anew, delete its lines, or the file. LightGBM, XGBoost, CatBoost and pytabkit's RealMLP and TabM take
part where they are installed. "F1, tuned" is that at the threshold that is best for the model's own out-of-fold
probabilities of the training rows (two classes; three more fits, which ``--untuned`` saves).
"""

import argparse
import importlib.util
import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from scipy import stats
from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, log_loss, precision_recall_curve, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skimbalance import ImbalancedKerasClassifier
from skimbalance.networks import mlp

MAX_ROWS, N_FOLDS = 8000, 5
#: Score -> sign, 1 where less is better.
SCORES = {"average precision": -1, "log-loss": 1, "Brier": 1, "ROC AUC": -1, "F1": -1, "F1, tuned": -1, "seconds": 1}
#: The model that the others are compared with.
OURS = "skimbalance"


def models(n_classes):
    """Return the models by name, each a function of the seed."""
    ours = partial(ImbalancedKerasClassifier, decision="f1" if n_classes == 2 else "accuracy")
    found = {
        "skimbalance": lambda seed: ours(random_state=seed),
        "skimbalance, network alone": lambda seed: ours(ensemble=None, random_state=seed),
        "skimbalance, mlp": lambda seed: ours(mlp, random_state=seed),
        "network and extra-trees, plain mean": lambda seed: VotingClassifier(
            [
                ("network", ours(ensemble=None, random_state=seed)),
                ("trees", ExtraTreesClassifier(300, random_state=seed)),
            ],
            voting="soft",
        ),
        "logistic regression": lambda seed: LogisticRegression(max_iter=1000),
        "MLPClassifier": lambda seed: MLPClassifier(random_state=seed),
        "extra-trees": lambda seed: ExtraTreesClassifier(300, random_state=seed),
        "random forest": lambda seed: RandomForestClassifier(random_state=seed),
        "balanced random forest": lambda seed: BalancedRandomForestClassifier(random_state=seed),
        "EasyEnsemble": lambda seed: EasyEnsembleClassifier(random_state=seed),
        "HistGradientBoosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
        "HistGradientBoosting, balanced": lambda seed: HistGradientBoostingClassifier(
            class_weight="balanced", random_state=seed
        ),
    }
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        found["LightGBM"] = lambda seed: LGBMClassifier(random_state=seed, verbose=-1)
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier

        found["XGBoost"] = lambda seed: XGBClassifier(random_state=seed)
    if importlib.util.find_spec("catboost"):
        from catboost import CatBoostClassifier

        found["CatBoost"] = lambda seed: CatBoostClassifier(500, random_seed=seed, verbose=0, allow_writing_files=False)
    if importlib.util.find_spec("pytabkit"):
        import pytabkit

        found["RealMLP (pytabkit)"] = lambda seed: pytabkit.RealMLP_TD_Classifier(random_state=seed)
        found["TabM (pytabkit)"] = lambda seed: pytabkit.TabM_D_Classifier(random_state=seed)
    return found


def tables(folder):
    """Return the names of the tables and their loader."""
    if folder is None:
        bundled = {
            "breast cancer": lambda: datasets.load_breast_cancer(as_frame=True, return_X_y=True),
            "wine, third grape": lambda: datasets.load_wine(as_frame=True, return_X_y=True),
            "digits, eights": lambda: datasets.load_digits(as_frame=True, return_X_y=True),
        }
        rare = {"breast cancer": 0, "wine, third grape": 2, "digits, eights": 8}

        def load(name):
            X, y = bundled[name]()
            return X, (y == rare[name]).to_numpy().astype(int)

        return list(bundled), load
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.names(), module.load


def folds(X, y):
    """Yield each fold's training and test rows, prepared, as float32 tables."""
    if len(y) > MAX_ROWS:
        X, _, y, _ = train_test_split(X, y, train_size=MAX_ROWS, stratify=y, random_state=0)
    for train, test in StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y):
        prepare = make_pipeline(
            make_column_transformer(
                (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
                (
                    make_pipeline(
                        SimpleImputer(strategy="most_frequent"),
                        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                    ),
                    make_column_selector(dtype_exclude="number"),
                ),
            ),
            StandardScaler(),
        )
        X_train = np.asarray(prepare.fit_transform(X.iloc[train]), dtype=np.float32)
        yield X_train, y[train], np.asarray(prepare.transform(X.iloc[test]), dtype=np.float32), y[test]


def tuned_f1(model, X, y, proba, y_test):
    """Return the F1 at the threshold that is best for out-of-fold probabilities of the training rows."""
    splits = StratifiedKFold(3, shuffle=True, random_state=0)
    out_of_fold = cross_val_predict(clone(model), X, y, cv=splits, method="predict_proba")[:, 1]
    precision, recall, thresholds = precision_recall_curve(y, out_of_fold)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return f1_score(y_test, proba[:, 1] >= thresholds[f1[:-1].argmax()])


def measure(model, X, y, X_test, y_test, tunes):
    """Fit and score one model."""
    began = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - began
    model.predict_proba(X_test[:1])
    thousand = X_test[np.arange(1000) % len(X_test)]
    began = time.perf_counter()
    model.predict_proba(thousand)
    predict_ms = 1e3 * (time.perf_counter() - began)
    proba = np.asarray(model.predict_proba(X_test), dtype=np.float64)
    one_hot = np.eye(proba.shape[1])[y_test]
    positive = slice(1, 2) if proba.shape[1] == 2 else slice(None)
    proba = np.clip(proba, 1e-7, 1) / np.clip(proba, 1e-7, 1).sum(axis=1, keepdims=True)
    return {
        "average precision": average_precision_score(one_hot[:, positive], proba[:, positive], average="macro"),
        "log-loss": log_loss(y_test, proba),
        "Brier": np.mean(np.sum((proba - one_hot) ** 2, axis=1)) / 2,
        "ROC AUC": roc_auc_score(one_hot[:, positive], proba[:, positive], average="macro"),
        "F1": f1_score(y_test, model.predict(X_test), average="binary" if proba.shape[1] == 2 else "macro"),
        "F1, tuned": tuned_f1(model, X, y, proba, y_test) if tunes and proba.shape[1] == 2 else np.nan,
        "seconds": seconds,
        "predict 1000, ms": predict_ms,
    }


def run(folder, results, wanted_models, wanted_tables, tunes=True):
    """Measure what the file of results does not hold yet; return all of it."""
    names, load = tables(folder)
    done = pd.read_csv(results) if results.exists() else pd.DataFrame(columns=["table", "fold", "model"])
    done = set(done[["table", "fold", "model"]].itertuples(index=False, name=None))
    for name in wanted_tables or names:
        X, y = load(name)
        for fold, rows in enumerate(folds(X, y)):
            for label, build in models(len(np.unique(y))).items():
                if (name, fold, label) in done or (wanted_models and label not in wanted_models):
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    scores = measure(build(fold), *rows, tunes)
                line = pd.DataFrame([{"table": name, "fold": fold, "model": label, **scores}])
                line.to_csv(results, mode="a", header=not results.exists(), index=False)
                shown = "  ".join(f"{score} {value:.4f}" for score, value in scores.items())
                print(f"{name:28s} {fold}  {label:32s} {shown}", flush=True)
    return pd.read_csv(results)


def summary(table):
    """Return the mean over folds (the median of seconds) and the mean rank over tables of every model and score."""
    how = dict.fromkeys(SCORES, "mean") | {"seconds": "median", "predict 1000, ms": "median"}
    of_table = table.groupby(["table", "model"]).agg(how)
    ranks = pd.DataFrame({score: (sign * of_table[score]).groupby("table").rank() for score, sign in SCORES.items()})
    return of_table, ranks.groupby("model").mean().sort_values("average precision")


def differences(of_table, score="average precision"):
    """Return how much better ours is than each model: the mean over tables, and its 95 % interval by Student's t."""
    values = of_table[score].unstack("table")
    better = -SCORES[score] * (values.loc[OURS] - values.drop(index=OURS))
    half = better.sem(axis=1) * stats.t.ppf(0.975, better.count(axis=1) - 1)
    mean = better.mean(axis=1)
    return pd.DataFrame({"mean": mean, "from": mean - half, "to": mean + half, "tables lost": (better < 0).sum(axis=1)})


def plot(ranks, n_tables, path):
    """Draw the mean rank of every model on every score."""
    import matplotlib.pyplot as plt

    ranks = ranks.sort_values("average precision", ascending=False)
    scores = [score for score in SCORES if score != "seconds"]  # a run that is shared or interrupted takes any time
    figure, axes = plt.subplots(1, len(scores), figsize=(12, 4.2), sharey=True, sharex=True, layout="constrained")
    for ax, score in zip(axes, scores, strict=True):
        colors = ["#0072b2" if model.startswith("skimbalance") else "#999999" for model in ranks.index]
        ax.hlines(ranks.index, 1, ranks[score], color="#dddddd")
        ax.scatter(ranks[score], ranks.index, c=colors, zorder=3)
        ax.set_title(score)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_xlim(0.5, len(ranks) + 0.5)
    figure.supxlabel(f"mean rank over {n_tables} tables (1 is best)")
    figure.savefig(path, dpi=150)


def main(arguments=None):
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="folder of tables with a load.py")
    parser.add_argument("--results", type=Path, default=Path("bench_quality.csv"), help="CSV to append results to")
    parser.add_argument("--plot", type=Path, help="PNG of the mean ranks to write")
    parser.add_argument("--models", nargs="+", help="only these models")
    parser.add_argument("--untuned", action="store_true", help='leave out "F1, tuned"')
    parser.add_argument("--tables", nargs="+", help="only these tables")
    options = parser.parse_args(arguments)
    results = run(options.folder, options.results, options.models, options.tables, not options.untuned)
    of_table, ranks = summary(results)
    for score in ("average precision", "log-loss", "F1", "seconds"):
        print(f"\n{score}")
        print(of_table[score].unstack("table").loc[ranks.index].to_string(float_format="{:.3f}".format))
    print("\nmedian milliseconds to predict 1,000 rows")
    print(of_table["predict 1000, ms"].groupby("model").median().to_string(float_format="{:.1f}".format))
    print("\nmean rank over the tables")
    print(ranks.to_string(float_format="{:.2f}".format))
    for score in ("average precision", "log-loss"):
        if OURS in ranks.index and results["table"].nunique() > 1:
            print(f"\n{score}: how much better {OURS} is, over tables, and where that lies (95 %)")
            print(differences(of_table, score).to_string(float_format="{:.4f}".format))
    if options.plot:
        plot(ranks, results["table"].nunique(), options.plot)


if __name__ == "__main__":
    sys.exit(main())
