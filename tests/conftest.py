"""What the tests share: a small table with a rare class."""

import gc
import os
import sys

# Before SciPy is imported, or scikit-learn skips its check of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Tests run in two processes: where cores are busy, threads of OpenMP wait for each other a hundred times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest


def make_rare(n_samples=400, n_classes=2, seed=0):
    """Gaussian classes on raw scales, the last one rare: X (n, 4) of float32, y (n,) of int."""
    rng = np.random.default_rng(seed)
    shares = [0.9, 0.1] if n_classes == 2 else [0.6, 0.3, 0.1]
    y = np.repeat(np.arange(n_classes), np.round(np.array(shares) * n_samples).astype(int))
    X = rng.normal(size=(len(y), 4)) + 1.5 * y[:, None] * np.array([1.0, -1.0, 0.5, 0.0])
    order = rng.permutation(len(y))
    return (X * [1.0, 100.0, 0.01, 5.0] + [0.0, 1000.0, 0.0, -3.0]).astype(np.float32)[order], y[order]


@pytest.fixture(autouse=True, scope="module")
def programs_of_a_file():
    """Let compiled programs go with the file of tests that needed them, and walk what TensorFlow holds once a file.

    With Python's own thresholds, the garbage collector takes a sixth of the time of all tests.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    if "skimbalance.training.cache" in sys.modules:
        from skimbalance.training.cache import programs

        programs.clear()
    gc.collect()


@pytest.fixture(scope="session")
def small_table():
    """Binary table of 200 rows, for tests that fit many times."""
    return make_rare(200)


@pytest.fixture
def larger():
    """Binary table of 600 rows, of which members of the default network hold out their own."""
    return make_rare(600)


@pytest.fixture
def rare():
    """Binary table of 400 rows, 10 % of class 1."""
    return make_rare()


@pytest.fixture
def rare_multiclass():
    """Table of 400 rows in three classes, 10 % of class 2."""
    return make_rare(n_classes=3)


@pytest.fixture
def few_epochs(monkeypatch):
    """Networks train for four epochs at most, without base models beside those by name."""
    from skimbalance import ImbalancedKerasClassifier
    from skimbalance.networks import Recipe, mlp, realmlp

    settings = ImbalancedKerasClassifier._fit_settings

    def with_few_epochs(self, fit_params):
        found = settings(self, fit_params)
        return {**found, "epochs": found["epochs"] if found["epochs"] == "auto" else min(found["epochs"], 4)}

    monkeypatch.setattr(ImbalancedKerasClassifier, "_fit_settings", with_few_epochs)
    monkeypatch.setattr(mlp, "recipe", Recipe(early_stopping="loss", epochs=4))
    monkeypatch.setattr(realmlp, "recipe", Recipe(early_stopping="loss", hold_out=0.15, own_rows=True, epochs=4))


@pytest.fixture
def two_small_members(monkeypatch):
    """The default network has two members of 16 units."""
    from skimbalance.networks import realmlp

    monkeypatch.setattr(realmlp, "__defaults__", ((16,), 2, *realmlp.__defaults__[2:]))
