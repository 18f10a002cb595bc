"""
Which remedy suits your table?
==============================

Search over strategies, compare them by scores that a rare class cannot fool, and look at what the best
one finds on rows held out. Without arguments, real rows that ship with scikit-learn: handwritten digits, of which the
eights have been made rare. Or a table of your own, with text and gaps as it comes::

    python plot_01_quickstart.py --csv FILE --target COLUMN [--positive LABEL]
"""

import argparse
import time

import numpy as np
import pandas as pd
from imblearn.datasets import make_imbalance
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, precision_recall_curve
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from skimbalance import ImbalancedKerasClassifier

STRATEGIES = ["none", "class_weight", "focal", "random_oversample", "random_undersample", "smote"]
SCORES = {
    "average precision": "average_precision",
    "F1": "f1",
    "balanced accuracy": "balanced_accuracy",
    "Brier score": "neg_brier_score",
}


def read_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare remedies for a rare class on a table.")
    parser.add_argument("--csv", help="table with a header; without it, digits made rare")
    parser.add_argument("--target", help="column to predict")
    parser.add_argument("--positive", help="label to find, the rarest one by default; all others count as one")
    parser.add_argument("--rows", type=int, default=8000, help="rows to draw from a larger table (default: 8000)")
    parser.add_argument("--folds", type=int, default=3, help="folds of the search (default: 3)")
    parser.add_argument("--plot", default="precision_recall.png", help="file for the plot")
    options = parser.parse_args()
    if (options.csv is None) != (options.target is None):
        parser.error("--csv and --target go together")
    return options


def rare_digits():
    """Digits, with the eights made rare: 8 x 8 shades of grey, and whether it is an eight."""
    X, y = load_digits(return_X_y=True, as_frame=True)
    rest = int((y != 8).sum())
    X, is_eight = make_imbalance(X, (y == 8).astype(int), sampling_strategy={0: rest, 1: 70}, random_state=0)
    return X, is_eight, "8", "digits"


def read_table(options):
    """Read a CSV file: features, whether a row is positive, the positive label."""
    table = pd.read_csv(options.csv)
    if options.target not in table:
        raise SystemExit(f"There is no column {options.target!r} in {options.csv}; it has {list(table.columns)}.")
    table = table.dropna(subset=[options.target])
    labels = table.pop(options.target).astype(str)
    positive = options.positive or labels.value_counts().index[-1]
    if positive not in set(labels):
        raise SystemExit(f"No row has the label {positive!r}; the labels are {sorted(set(labels))[:20]}.")
    y = (labels == positive).astype(int)
    if len(y) > options.rows:
        table, _, y, _ = train_test_split(table, y, train_size=options.rows, stratify=y, random_state=0)
    return table, y, positive, options.csv


def scores_table(results):
    """One line a strategy: mean ± standard deviation over the folds."""
    table = pd.DataFrame({"strategy": results["param_strategy"].data})
    for name in SCORES:
        mean, deviation = abs(results[f"mean_test_{name}"]), results[f"std_test_{name}"]
        table[name] = [f"{m:.3f} ± {d:.3f}" for m, d in zip(mean, deviation, strict=True)]
    table["seconds"] = [f"{s:.1f}" for s in results["mean_fit_time"]]
    return table.iloc[np.argsort(-results["mean_test_average precision"])].to_string(index=False)


def rivals(results):
    """Say which strategies lie so near the best that the folds cannot tell them apart."""
    mean, deviation = results["mean_test_average precision"], results["std_test_average precision"]
    best = mean.argmax()
    near = [str(results["param_strategy"][i]) for i in np.flatnonzero(mean > mean[best] - deviation[best])]
    near.remove(str(results["param_strategy"][best]))
    return f", though not clearly better than {', '.join(near)} (one standard deviation)" if near else ""


def side_by_side(y, predictions):
    """Confusion matrices of several models, next to each other."""
    lines = ["", "", ""]
    for name, predicted in predictions.items():
        (tn, fp), (fn, tp) = confusion_matrix(y, predicted)
        lines[0] += f"{name:<40}"
        lines[1] += f"{f'  negative rows: {tn:5d} right {fp:5d} wrong':<40}"
        lines[2] += f"{f'  positive rows: {tp:5d} right {fn:5d} wrong':<40}"
    return "\n".join(lines)


def save_plot(y, probabilities, path):
    """Draw precision against recall, where matplotlib is installed."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("Install matplotlib to see the precision-recall curves: pip install 'skimbalance[plot]'.")
        return
    figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for name, p in probabilities.items():
        precision, recall, _ = precision_recall_curve(y, p)
        axes.step(recall, precision, where="post", label=name)
    axes.axhline(np.mean(y), color="grey", linestyle=":", label=f"chance ({np.mean(y):.1%} of rows are positive)")
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1.01), ylim=(0, 1.02), title="Rows held out from the search")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=120)
    print(f"The precision-recall curves are in {path}.")


def main():
    """Search, compare, and look at the rows held out."""
    options, began = read_options(), time.perf_counter()
    X, y, positive, source = rare_digits() if options.csv is None else read_table(options)
    print(f"{source}: {len(y)} rows, {X.shape[1]} columns, {y.sum()} of them {positive!r} ({y.mean():.1%}).\n")
    X, X_out, y, y_out = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)

    classifier = ImbalancedKerasClassifier(random_state=0)
    search = GridSearchCV(
        classifier,
        {"strategy": STRATEGIES},
        scoring=SCORES,
        refit="average precision",
        cv=StratifiedKFold(options.folds, shuffle=True, random_state=0),
        error_score="raise",
        verbose=2,
    ).fit(X, y)
    print(f"\nMean ± standard deviation over {options.folds} folds, best first:\n")
    print(scores_table(search.cv_results_))

    ranked = [STRATEGIES[i] for i in np.argsort(-search.cv_results_["mean_test_average precision"])]
    remedy = next(strategy for strategy in ranked if strategy != "none")
    models = {
        f"strategy={strategy!r}": clone(classifier).set_params(strategy=strategy).fit(X, y)
        for strategy in ("none", remedy)
    }
    print(f"\nRead as {models['strategy=' + repr(remedy)].columns_.summary()}.")
    print("\nRows held out from the search:\n")
    print(side_by_side(y_out, {name: model.predict(X_out) for name, model in models.items()}))

    accuracy = {name: model.score(X_out, y_out) for name, model in models.items()}
    print(f"\nBy average precision, strategy={ranked[0]!r} ranks {positive!r} best{rivals(search.cv_results_)}.")
    print(f"Accuracy would not have told: always answering 'not {positive}' is right in {1 - y_out.mean():.1%} of the")
    print(
        "rows held out, and finds nothing; "
        + ", ".join(f"{n} is right in {v:.1%}" for n, v in accuracy.items())
        + ".\n"
    )
    save_plot(y_out, {name: model.predict_proba(X_out)[:, 1] for name, model in models.items()}, options.plot)
    print(f"Done in {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
