"""Who ranks, estimates and decides best on imbalanced tables, without tuning?

Run by hand: ``python tests/benchmarks/bench_quality.py [FOLDER] [--results FILE] [--plot FILE]``. FOLDER holds tables
and a module ``load.py`` with ``names()`` and ``load(name) -> (X: DataFrame, y)``, class 1 the rare one of two; without
it, a few tables that ship with scikit-learn are taken. Every model sees the same folds, imputed, one-hot encoded and
standardised alike. Each result is appended to the file at once, so an interrupted run goes on where it stopped; to
measure a model anew, delete its lines, or the file. ``--models``, ``--tables`` and ``--folds`` choose what is measured
and shown; models are compared on the tables and folds that the file holds for all of them. ``--summary`` shows what
the file holds and measures nothing.

LightGBM, XGBoost, CatBoost and pytabkit's RealMLP and TabM take part where they are installed, AutoGluon where
``--autogluon`` names the Python of an environment that has it. "F1, tuned" is that at the threshold that is best for
the model's own out-of-fold probabilities of the training rows (two classes; three more fits, which ``--untuned``
saves).
"""

import argparse
import importlib.util
import os
import sys
import time
import warnings
from functools import partial
from itertools import product
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

sys.path.insert(0, str(Path(__file__).parent))
from autogluon_apart import AutoGluon

from skimbalance import ImbalancedKerasClassifier
from skimbalance.networks import mlp

MAX_ROWS, N_FOLDS = 8000, 5
#: What a result is of.
KEY = ["table", "fold", "model"]
#: Score -> sign, 1 where less is better.
SCORES = {"average precision": -1, "log-loss": 1, "Brier": 1, "ROC AUC": -1, "F1": -1, "F1, tuned": -1, "seconds": 1}
#: What is shown by its median.
TIMES = {"seconds": "Time", "CPU seconds": "Processor time", "predict 1000, ms": None}
#: The model that the others are compared with.
OURS = "skimbalance"
#: Added to the name of a picture -> colours of this model, of the others, of text, and of the page, none where dark.
THEMES = {"": ("#0072b2", "#5f6368", "#222832", "white"), "_dark": ("#5ab4f0", "#b4bac2", "#ced6dd", "none")}


def models(n_classes, autogluon=None, time_limit=300):
    """Return the models by name, each a function of the seed; AutoGluon's has none to set."""
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
    if autogluon:
        found[f"AutoGluon, {time_limit:g} s"] = lambda seed: AutoGluon(autogluon, time_limit)
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
    began, cpu_began = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
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
        "CPU seconds": getattr(model, "cpu_seconds_", cpu_seconds),
        "load": getattr(model, "load_", os.getloadavg()[0]),
        "predict 1000, ms": predict_ms,
    }


def run(options):
    """Measure what is wanted and not in the file of results yet."""
    names, load = tables(options.folder)
    done = pd.read_csv(options.results) if options.results.exists() else pd.DataFrame(columns=KEY)
    done = set(done[KEY].itertuples(index=False, name=None))
    for name in options.tables or names:
        X, y = load(name)
        for fold, rows in enumerate(folds(X, y)):
            for label, build in models(len(np.unique(y)), options.autogluon, options.time_limit).items():
                if (name, fold, label) in done or not wanted(options, fold=fold, model=label):
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    scores = measure(build(fold), *rows, not options.untuned)
                append(options.results, {"table": name, "fold": fold, "model": label, **scores})
                shown = "  ".join(f"{score} {value:.4f}" for score, value in scores.items())
                print(f"{name:28s} {fold}  {label:32s} {shown}", flush=True)


def wanted(options, **what):
    """Return whether options leave these in; an option that is not given leaves all in."""
    return all(value in (getattr(options, f"{name}s") or [value]) for name, value in what.items())


def append(path, line):
    """Append one result to a file, which gets the columns that it lacks."""
    columns = list(pd.read_csv(path, nrows=0)) if path.exists() else []
    if missing := [column for column in line if column not in columns]:
        texts = pd.read_csv(path, dtype=str, keep_default_na=False) if columns else pd.DataFrame()
        columns += missing
        widened = path.with_suffix(".new")
        texts.reindex(columns=columns, fill_value="").to_csv(widened, index=False)
        widened.replace(path)
    pd.DataFrame([line], columns=columns).to_csv(path, mode="a", header=False, index=False)


def shared(results):
    """Return the results on those tables and folds that every model has: ranks on other tables do not compare."""
    n_models = results["model"].nunique()
    common = results[results.groupby(["table", "fold"])["model"].transform("nunique") == n_models]
    if common.empty:
        counts = results.groupby("model").size().to_string()
        sys.exit(f"No fold of a table was measured for all models; choose some by --models. There are:\n{counts}")
    if n_left_out := len(results.groupby(["table", "fold"])) - len(common.groupby(["table", "fold"])):
        print(f"\n{n_left_out} folds are left out, which were not measured for all {n_models} models")
    return common


def summary(table):
    """Return the mean over folds (the median of seconds) and the mean rank over tables of every model and score."""
    how = dict.fromkeys(SCORES, "mean") | dict.fromkeys(TIMES, "median")
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
    # A run that is shared or interrupted takes any time; "F1, tuned" may have been left out.
    scores = [score for score in SCORES if score != "seconds" and ranks[score].notna().all()]
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


def plot_time(of_table, score, time_of, path):
    """Draw the mean score of every model over the time of a fit, for light pages, and beside it for dark ones."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator, NullFormatter

    seconds, mean = of_table[time_of].groupby("model").median(), of_table[score].groupby("model").mean()
    n_tables = of_table.index.get_level_values("table").nunique()
    better = "higher is better" if SCORES[score] < 0 else "lower is better"
    for name, (own, other, ink, page) in THEMES.items():
        with plt.rc_context({"text.color": ink, "axes.edgecolor": ink, "xtick.color": ink, "ytick.color": ink}):
            figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained", facecolor=page)
            colors = [own if model.startswith(OURS) else other for model in mean.index]
            ax.scatter(seconds, mean, s=90, c=colors, zorder=3)
            ax.set(xscale="log", xlim=(seconds.min() / 3, seconds.max() * 3), facecolor="none")
            ax.margins(y=0.25)
            if SCORES[score] > 0:
                ax.yaxis.set_inverted(True)
            ax.xaxis.set_major_formatter("{x:g} s")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.yaxis.set_major_locator(MaxNLocator(5))
            ax.tick_params(labelsize=12)
            ax.spines[["top", "right"]].set_visible(False)
            ax.grid(axis="y", color=other, alpha=0.25, linewidth=0.8)
            title = f"{score.capitalize()}, mean over {n_tables} tables ({better})"
            figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
            figure.supxlabel(f"{TIMES[time_of]} of a fit, median over the tables", fontsize=12, color=ink)
            label(ax, seconds, mean, colors)
            figure.savefig(path.with_stem(path.stem + name), dpi=200)
            plt.close(figure)


def label(ax, x, y, colors):
    """Write the name and the score of each point beside it, the nearest place where no other name or point is."""
    from matplotlib.transforms import Bbox

    ax.figure.draw_without_rendering()
    reach = ax.figure.dpi / 8
    taken = [Bbox.from_bounds(*(dot - reach / 2), reach, reach) for dot in ax.transData.transform(np.c_[x, y])]
    for name, dot, color in zip(x.index, zip(x, y, strict=True), colors, strict=True):
        for away, angle in product(range(9, 200, 6), (0, 180, 90, 270, 45, 315, 135, 225)):
            right, up = np.cos(np.deg2rad(angle)).round(2), np.sin(np.deg2rad(angle)).round(2)
            text = ax.annotate(
                described(name, *dot) if len(x) <= 6 else name,
                dot,
                (away * right, away * up),
                textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[np.sign(right)],
                va={-1: "top", 0: "center", 1: "bottom"}[np.sign(up)],
                arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkB": 4} if away > 9 else None,
                fontsize=12 if len(x) <= 6 else 8,
                fontweight="bold" if name == OURS else "normal",
                color=color,
                in_layout=False,
            )
            box = text.get_window_extent()
            if ax.bbox.contains(*box.min) and ax.bbox.contains(*box.max) and not box.count_overlaps(taken):
                taken.append(box)
                break
            text.remove()
        else:
            raise RuntimeError(f"There is no room for the name of {name!r} in the picture")


def described(name, seconds, score):
    """Return the name of a model with its score and, in two digits, its seconds."""
    return f"{name}\n{score:.3f} in {float(f'{seconds:.2g}'):g} s"


def show(results, options):
    """Print the tables of the results, and draw the pictures that are asked for."""
    of_table, ranks = summary(results)
    for score in ("average precision", "log-loss", "F1", "seconds", "CPU seconds"):
        print(f"\n{score}")
        print(of_table[score].unstack("table").loc[ranks.index].to_string(float_format="{:.3f}".format))
    print("\nmedian milliseconds to predict 1,000 rows")
    print(of_table["predict 1000, ms"].groupby("model").median().to_string(float_format="{:.1f}".format))
    n_tables = results["table"].nunique()
    print(f"\nmean rank over {n_tables} tables, {len(results.groupby(['table', 'fold']))} folds in all")
    print(ranks.to_string(float_format="{:.2f}".format))
    print("\nmean over the tables")
    print(of_table.groupby("model").mean().loc[ranks.index].to_string(float_format="{:.4f}".format))
    for score in ("average precision", "log-loss"):
        if OURS in ranks.index and len(ranks) > 1 and n_tables > 1:
            print(f"\n{score}: how much better {OURS} is, over tables, and where that lies (95 %)")
            print(differences(of_table, score).to_string(float_format="{:.4f}".format))
    if options.plot:
        plot(ranks, n_tables, options.plot)
    if options.plot_time:
        plot_time(of_table, options.time_score, options.time_of, options.plot_time)


def main(arguments=None):
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="folder of tables with a load.py")
    parser.add_argument("--results", type=Path, default=Path("bench_quality.csv"), help="CSV to append results to")
    parser.add_argument("--plot", type=Path, help="PNG of the mean ranks to write")
    parser.add_argument("--plot-time", type=Path, help="PNG of a mean score over seconds to write, and ..._dark.png")
    parser.add_argument("--time-score", choices=SCORES, default="average precision", help="score of that picture")
    parser.add_argument("--time-of", choices=["seconds", "CPU seconds"], default="seconds", help="time of that picture")
    parser.add_argument("--models", nargs="+", help="only these models")
    parser.add_argument("--untuned", action="store_true", help='leave out "F1, tuned"')
    parser.add_argument("--tables", nargs="+", help="only these tables")
    parser.add_argument("--folds", nargs="+", type=int, choices=range(N_FOLDS), help="only these folds")
    parser.add_argument("--summary", action="store_true", help="measure nothing, show what the file holds")
    parser.add_argument("--autogluon", metavar="PYTHON", help="Python of an environment that has AutoGluon")
    parser.add_argument("--time-limit", type=float, default=300, help="seconds of a fit of AutoGluon")
    options = parser.parse_args(arguments)
    known = set(models(2, options.autogluon, options.time_limit))
    if options.results.exists():
        known.update(pd.read_csv(options.results)["model"])
    if unknown := sorted(set(options.models or []) - known):
        parser.error(f"There are no models {unknown}, but these: {sorted(known)}")
    if not options.summary:
        run(options)
    results = pd.read_csv(options.results)
    results = results.reindex(columns=[*KEY, *dict.fromkeys([*SCORES, *TIMES])])
    keep = [wanted(options, table=line.table, fold=line.fold, model=line.model) for line in results.itertuples()]
    show(shared(results[keep]), options)


if __name__ == "__main__":
    sys.exit(main())
