"""Does a guaranteed floor hold as often as it says, and how many labelled rows does it take?

Run by hand: ``python tests/benchmarks/bench_guarantees.py [--draws N] [--fits N]``. The first table draws scores of two
normal classes, whose precision and recall at any threshold are known, and certifies each draw; "none is better" is the
worst case, scores that say nothing at a share of positives just below the floor. The second one fits "mlp", and asks on
100,000 new rows whether the floor holds.
"""

import argparse
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from skimbalance import ImbalancedKerasClassifier
from skimbalance.probability.decision import Decision

#: Name: share of positives in the rows and in the population, distance of the classes, rule.
PROBLEMS = {
    "precision .8": (0.05, 0.05, 3.0, ("precision", 0.8, 0.95)),
    "precision .8, harder": (0.05, 0.05, 2.5, ("precision", 0.8, 0.95)),
    "precision .5": (0.05, 0.05, 2.0, ("precision", 0.5, 0.95)),
    "precision .8 at .05, rows of .2": (0.2, 0.05, 3.5, ("precision", 0.8, 0.95)),
    "precision .8, none is better": (0.799, 0.799, 0.0, ("precision", 0.8, 0.95)),
    "recall .9": (0.05, 0.05, 3.0, ("recall", 0.9, 0.95)),
    "recall .9, none is better": (0.05, 0.05, 0.0, ("recall", 0.9, 0.95)),
}


def draw(n_positive, share, there, distance, decision, rng):
    """Return whether a draw of rows certifies the floor, whether it holds, and the recall at its threshold."""
    y = (np.arange(round(n_positive / share)) < n_positive).astype(int)
    score = rng.normal(size=len(y)) + distance * y
    # Another distance than that of the draws would change nothing: only the order of probabilities counts.
    slope = max(distance, 1e-3)
    p = expit(slope * score - slope**2 / 2 + logit(share))
    own, population = np.array([1 - share, share]), np.array([1 - there, there])
    rule = Decision(decision, [0, 1]).looking_at(np.column_stack([1 - p, p]), np.ones(len(y)), own, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # floors that are not met
        threshold = rule.threshold(population, own)
    if threshold in (0.0, np.inf):
        return threshold == 0.0 and decision[0] == "precision", True, np.nan
    least = (logit(threshold) - logit(share) + slope**2 / 2) / slope
    recall, alarms = norm.sf(least - distance), norm.sf(least)
    precision = there * recall / (there * recall + (1 - there) * alarms)
    return True, (precision if decision[0] == "precision" else recall) >= decision[1], recall


def fit(n_positive, decision, seed):
    """Return whether a fit certifies its floor, and whether it holds on new rows."""
    rng = np.random.default_rng(seed)

    def rows(n, share=0.1):
        y = (rng.random(n) < share).astype(int)
        return (rng.normal(size=(n, 4)) + 1.2 * y[:, None]).astype(np.float32), y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = ImbalancedKerasClassifier("mlp", decision=decision, random_state=seed).fit(*rows(5 * n_positive * 10))
        X, y = rows(100_000)
        called = clf.predict(X)
    if clf.threshold_ in (0.0, np.inf):
        return False, True
    return True, (y[called == 1] if decision[0] == "precision" else called[y == 1]).mean() >= decision[1]


def main():
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, default=4000)
    options.add_argument("--fits", type=int, default=100)
    options = options.parse_args()
    lines, rng = [], np.random.default_rng(0)
    for name, problem in PROBLEMS.items():
        for n_positive in (50, 150, 500):
            found = np.array([draw(n_positive, *problem, rng) for _ in range(options.draws)], dtype=float)
            lines.append([name, n_positive, found[:, 0].mean(), 1 - found[:, 1].mean(), np.nanmean(found[:, 2])])
    columns = ["problem", "positive rows", "certified", "violated", "recall"]
    print(pd.DataFrame(lines, columns=columns).to_string(index=False, float_format="{:.3f}".format), flush=True)
    lines = []
    for decision in (("precision", 0.7, 0.95), ("recall", 0.8, 0.95)):
        found = np.array([fit(150, decision, seed) for seed in range(options.fits)], dtype=float)
        lines.append([decision, 150, found[:, 0].mean(), 1 - found[:, 1].mean()])
    print(pd.DataFrame(lines, columns=columns[:4]).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
