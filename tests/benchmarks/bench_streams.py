"""What do base models that are grown after a stream add? Print average precision and log-loss of new rows.

The default network in one pass over chunks of 2,000 rows, the same with `grow_ensemble`, and a fit on all rows; a tenth
of the chunks is held out. Tables are made up, or .npz files with X and y; 80,000 rows of each are trained on.

    python tests/benchmarks/bench_streams.py [table.npz ...]
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss

from skimbalance import ImbalancedKerasClassifier

#: Rows to train on, and rows of a chunk.
N_ROWS, N_CHUNK = 80_000, 2000


def made_up():
    """Return a table of many clusters, which one pass does not learn."""
    return make_classification(
        100_000, 30, n_informative=12, n_redundant=5, n_clusters_per_class=8, weights=[0.95], class_sep=0.8,
        random_state=0,
    )  # fmt: skip


def stream(X, y):
    """Return the default network after one pass, and a sample for base models."""
    clf = ImbalancedKerasClassifier(ensemble=["forest", "boosting"], validation_split=0.1, random_state=0)
    for rows in np.split(np.arange(len(y)), range(N_CHUNK, len(y), N_CHUNK)):
        clf.partial_fit(X[rows], y[rows], classes=[0, 1])
    return clf


def main(tables):
    """Print a line for each table and way to train."""
    for name in tables or ["made up"]:
        X, y = (np.load(name)[of] for of in "Xy") if tables else made_up()
        order = np.random.default_rng(0).permutation(len(y))[: N_ROWS * 5 // 4]
        X, y, X_new, y_new = X[order[:N_ROWS]], y[order[:N_ROWS]], X[order[N_ROWS:]], y[order[N_ROWS:]]
        clf = None
        ways = {
            "a stream": lambda X, y, _: stream(X, y),
            "grow_ensemble": lambda X, y, clf: clf.grow_ensemble(),
            "fit": lambda X, y, _: ImbalancedKerasClassifier(random_state=0).fit(X, y),
        }
        for way, train in ways.items():
            began = time.process_time()
            clf = train(X, y, clf)
            seconds, proba = time.process_time() - began, clf.predict_proba(X_new)[:, 1]
            scores = f"{average_precision_score(y_new, proba):.3f}, log-loss {log_loss(y_new, proba):.4f}"
            print(f"{name}, {way}: average precision {scores}, {seconds:.0f} CPU seconds", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
