"""What `bench_faults.py` runs, and what its parts share: small tables, small classifiers, equality to the bit."""

import numpy as np

from skimbalance import ImbalancedKerasClassifier


def table(n_rows=600, n_columns=4, seed=0):
    """Return rows with a rare class."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n_rows) < n_rows // 10).astype(int)
    return (rng.normal(size=(n_rows, n_columns)) + y[:, None]).astype(np.float32), y


def same(a, b):
    """Whether two arrays have the same bits."""
    return np.array_equal(np.asarray(a), np.asarray(b))


def small(model="mlp", **parameters):
    """Return a classifier that fits soon."""
    return ImbalancedKerasClassifier(model, random_state=0, **{"epochs": 5, "ensemble": None, **parameters})
