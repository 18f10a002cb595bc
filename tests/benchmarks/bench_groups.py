"""Do held-out rows tell how good new rows are, where rows belong together? Print the log-loss of both.

A made-up table of 1,500 patients with four visits each, which are near copies; scored on 4,000 new patients. Each way
to train holds out whole groups: the default network, ``model="mlp"``, and one pass of "mlp" over chunks of 500 rows.

    python tests/benchmarks/bench_groups.py [number of seeds]
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skimbalance import ImbalancedKerasClassifier

#: Most that the log-loss of held-out rows may differ from that of new ones; most that the latter may exceed that of a
#: logistic regression.
APART, WORSE = 0.06, 0.02


def visits(rng, n_patients, each):
    """Return rows, labels and patients: one Gaussian row a patient, `each` near copies of it."""
    of = rng.normal(size=(n_patients, 8))
    is_sick = rng.random(n_patients) < 1 / (1 + np.exp(2 - 0.8 * of[:, 0]))
    X = np.repeat(of, each, axis=0) + 0.05 * rng.normal(size=(n_patients * each, 8))
    return X, np.repeat(is_sick, each).astype(int), np.repeat(np.arange(n_patients), each)


def fit(model, X, y, groups, seed):
    """Train on a whole table; return the classifier and the log-loss of its held-out rows."""
    clf = ImbalancedKerasClassifier(model, target_prior="fit", random_state=seed).fit(X, y, groups=groups)
    return clf, min(clf.history_["val_loss"])


def stream(model, X, y, groups, seed):
    """Train by one pass over shuffled chunks of 500 rows; return the classifier and the last log-loss held out."""
    clf = ImbalancedKerasClassifier(model, validation_split=0.2, target_prior="fit", random_state=seed)
    order = np.random.default_rng(seed).permutation(len(y))
    for rows in np.split(order, range(500, len(y), 500)):
        clf.partial_fit(X[rows], y[rows], classes=[0, 1], groups=groups[rows])
    return clf, clf.history_["val_loss"][-1]


WAYS = {"default": (fit, None), "mlp": (fit, "mlp"), "a stream": (stream, "mlp"), "default, a stream": (stream, None)}


def main(n_seeds):
    """Print a line for each seed and way, and the worst of each way."""
    worst = {name: [0.0, -np.inf] for name in WAYS}
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        X, y, groups = visits(rng, 1500, 4)
        X_new, y_new, _ = visits(rng, 4000, 1)
        simple = log_loss(y_new, LogisticRegression().fit(X, y).predict_proba(X_new))
        for name, (train, model) in WAYS.items():
            clf, held_out = train(model, X, y, groups, seed)
            new = log_loss(y_new, clf.predict_proba(X_new))
            worst[name] = [max(worst[name][0], abs(held_out - new)), max(worst[name][1], new - simple)]
            print(f"{seed:2d} {name:18s} held out {held_out:.3f}  new {new:.3f}  logistic {simple:.3f}", flush=True)
    for name, (apart, worse) in worst.items():
        holds = apart <= APART and worse <= WORSE
        print(
            f"{name:18s} apart by at most {apart:.3f}, worse by at most {worse:+.3f}: {'holds' if holds else 'FAILS'}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
