"""Does a table as it comes do as well as one that is encoded in front, and as trees that read categories themselves?

Run by hand: ``python tests/benchmarks/bench_columns.py FOLDER [--tables NAME ...] [--seeds N]``, FOLDER as for
``bench_quality.py``. It takes tables with categories or missing values; CatBoost takes part where it is installed.
Average precision / log-loss / median seconds of a fit, over three folds for each seed.
"""

import argparse
import importlib.util
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

sys.path.insert(0, str(Path(__file__).parent))
from bench_quality import tables

from skimbalance import ImbalancedKerasClassifier

MAX_ROWS = 40_000
#: What is known only after the outcome is.
LEAKS = ["duration"]


def ours(seed):
    """Return the classifier with its defaults."""
    return ImbalancedKerasClassifier(random_state=seed)


def encoded(seed):
    """Return the classifier behind the preprocessing that teams write."""
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    in_front = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (encode, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(in_front, ours(seed))


def histogram(seed):
    """Return scikit-learn's boosted trees, which read categories and missing values."""
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)


class WithCatBoost:
    """CatBoost, told which columns are categories, missing values among which it takes as text."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y):
        """Fit five hundred trees."""
        from catboost import CatBoostClassifier

        self.categories = list(X.select_dtypes(exclude="number"))
        settings = {"verbose": 0, "random_seed": self.seed, "cat_features": self.categories}
        self.model = CatBoostClassifier(500, allow_writing_files=False, **settings).fit(self._text(X), y)
        return self

    def predict_proba(self, X):
        """Return probabilities."""
        return self.model.predict_proba(self._text(X))

    def _text(self, X):
        return X.assign(**{name: X[name].astype(object).fillna("missing").astype(str) for name in self.categories})


def main(arguments=None):
    """Run the benchmark, a line a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder of tables with a load.py")
    parser.add_argument("--tables", nargs="+", help="only these tables")
    parser.add_argument("--seeds", type=int, default=1, help="times that the folds are drawn (default: 1)")
    options = parser.parse_args(arguments)
    models = {"as it comes": ours, "encoded in front": encoded, "HistGradientBoosting": histogram}
    if importlib.util.find_spec("catboost"):
        models["CatBoost"] = WithCatBoost
    warnings.simplefilter("ignore")
    names, load = tables(options.folder)
    for name in options.tables or names:
        X, y = load(name)
        X = X.drop(columns=LEAKS, errors="ignore")
        if not (X.isna().any(axis=None) or len(X.select_dtypes(exclude="number").columns)):
            continue
        if len(X) > MAX_ROWS:
            rows = np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False)
            X, y = X.iloc[rows].reset_index(drop=True), y[rows]
        scores = {label: [] for label in models}
        for seed in range(options.seeds):
            for train, test in StratifiedKFold(3, shuffle=True, random_state=seed).split(X, y):
                for label, build in models.items():
                    began = time.perf_counter()
                    model = build(seed).fit(X.iloc[train], y[train])
                    seconds = time.perf_counter() - began
                    proba = model.predict_proba(X.iloc[test])
                    truth = pd.get_dummies(y[test]).to_numpy()
                    columns = slice(1, 2) if proba.shape[1] == 2 else slice(None)
                    precision = average_precision_score(truth[:, columns], proba[:, columns], average="macro")
                    scores[label].append((precision, log_loss(y[test], np.clip(proba, 1e-9, 1)), seconds))
        told = []
        for label, values in scores.items():
            (precision, loss, _), seconds = np.mean(values, axis=0), np.median(values, axis=0)[2]
            told.append(f"{label} {precision:.4f} / {loss:.4f} / {seconds:.1f} s")
        print(f"{name:28s}", "   ".join(told), flush=True)


if __name__ == "__main__":
    sys.exit(main())
