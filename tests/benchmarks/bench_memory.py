"""How much memory does training take, and does it come back?

Run by hand: ``python tests/benchmarks/bench_memory.py``. First 200 fits of changing size, after 20 to warm up; then 300
fits of ever new architectures; then one fit of 2,000,000 x 30 rows of float32 by each network, whose peak is given in
multiples of the table.
"""

import threading
import time

import numpy as np
import psutil

from skimbalance import ImbalancedKerasClassifier

process = psutil.Process()


def resident():
    """Resident memory in MB."""
    return process.memory_info().rss / 1e6


def many_fits():
    """Fit and predict 220 times; print the growth after the first 20."""
    rng = np.random.default_rng(0)
    strategies = ["class_weight", "focal", "random_oversample", "smote", "none"]
    for i in range(220):
        X = rng.normal(size=(500 + 7 * i, 8)).astype(np.float32)
        y = (X[:, 0] > 1.2).astype(int)
        clf = ImbalancedKerasClassifier(
            strategy=strategies[i % 5], epochs=3, optimizer__learning_rate=10 ** rng.uniform(-4, -2)
        )
        clf.fit(X, y).predict_proba(X)
        if i == 19:
            before = resident()
    print(f"200 fits: {resident() - before:+.0f} MB after the first 20")


def ever_new_architectures(model, n_fits=300):
    """Fit and predict with another width each time; print the memory every 50 fits."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    y, seen = (X[:, 0] > 1).astype(int), []
    for i in range(n_fits):
        ImbalancedKerasClassifier(model, epochs=2, model__hidden_layer_sizes=(8 + i,)).fit(X, y).predict(X)
        if i % 50 == 49:
            seen.append(f"{resident():.0f}")
    print(f"{model}, MB after every 50 of {n_fits} architectures: {', '.join(seen)}", flush=True)


def one_large_fit(model, n_samples=2_000_000, n_features=30):
    """Fit a large table; print the peak above what the process had before it, with the program compiled already."""
    X = np.random.default_rng(0).standard_normal((n_samples, n_features), dtype=np.float32)
    y = (X[:, 0] > 2).astype(int)
    clf = ImbalancedKerasClassifier(model, epochs=1, batch_size=1024, random_state=0)
    clf.set_params(compile__jit_compile=model == "realmlp").fit(X[:100_000], y[:100_000])
    before, peak, done = resident(), [0.0], threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    clf.fit(X, y)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    table = X.nbytes / 1e6
    beside = (peak[0] - before) / table
    print(
        f"{model}, {n_samples:,} x {n_features}: {seconds:.1f} s for one epoch; the table has {table:.0f} MB, the fit "
        f"peaks at {beside:.2f} times the table beside it ({beside + 1:.2f} with it)"
    )


if __name__ == "__main__":
    many_fits()
    ever_new_architectures("mlp")
    ever_new_architectures("realmlp", n_fits=150)
    for name in ("mlp", "realmlp"):
        one_large_fit(name)
