"""How fast is training, against SciKeras, scikit-learn's MLPClassifier, and a hand-written loop?

Run by hand, on an idle machine: ``python tests/benchmarks/bench_training.py``. Every row is measured side by side
in this one run, so only the ratios mean something; "warm" means that the program is compiled already.
"""

import os
import signal
import sys
import threading
import time
import warnings
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # or scikit-learn leaves out a check

import keras
import numpy as np
import tensorflow as tf
from scikeras.wrappers import KerasClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.utils.estimator_checks import check_estimator

from skimbalance import ImbalancedKerasClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
tf.get_logger().setLevel("ERROR")  # SciKeras traces anew for every fit, and TensorFlow warns of it


def table(n_samples, n_features, seed=0):
    """Rows with a rare class and a signal."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n_samples) > 2.2).astype(int)


def network(meta, hidden=(32,)):
    """Plain network that every Keras peer trains."""
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for units in hidden:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    return model


def ours(hidden=(32,), batch_size=32, epochs=10, **parameters):
    """Our classifier on the plain network."""
    return ImbalancedKerasClassifier(
        network, model__hidden=hidden, batch_size=batch_size, epochs=epochs, random_state=0, **parameters
    )


def scikeras(hidden=(32,), batch_size=32, epochs=10, **parameters):
    """SciKeras on the plain network."""
    return KerasClassifier(
        network, model__hidden=hidden, batch_size=batch_size, epochs=epochs, loss="binary_crossentropy",
        optimizer="adam", verbose=0, **parameters,
    )  # fmt: skip


def mlp(hidden=(32,), batch_size=32, epochs=10):
    """scikit-learn's network of the same shape."""
    return MLPClassifier(hidden, batch_size=batch_size, max_iter=epochs, n_iter_no_change=10**6, random_state=0)


def by_hand(n_features, hidden=32, batch_size=32, epochs=10):
    """Hand-written Adam in one XLA-compiled loop over all epochs: the limit."""
    shapes = [(n_features, hidden), (hidden,), (hidden, 1), (1,)]

    @tf.function(jit_compile=True)
    def loop(X, y, order, *start):
        def step(i, weights, m, v):
            rows = tf.slice(order, [i * batch_size], [batch_size])
            xb, yb = tf.gather(X, rows), tf.gather(y, rows)
            with tf.GradientTape() as tape:
                tape.watch(weights)
                z = tf.nn.relu(xb @ weights[0] + weights[1]) @ weights[2] + weights[3]
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(yb, z[:, 0]))
            gradients = tape.gradient(loss, weights)
            t = tf.cast(i + 1, tf.float32)
            rate = 0.001 * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            m = [0.9 * a + 0.1 * g for a, g in zip(m, gradients, strict=True)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, gradients, strict=True)]
            return i + 1, [w - rate * a / (tf.sqrt(b) + 1e-7) for w, a, b in zip(weights, m, v, strict=True)], m, v

        n_steps = tf.shape(order)[0] // batch_size
        zeros = [tf.zeros(s) for s in shapes]
        return tf.while_loop(lambda i, *_: i < n_steps, step, [tf.constant(0), list(start), zeros, zeros])[1]

    rng = np.random.default_rng(0)
    start = [tf.constant(rng.normal(size=s).astype("f4") * 0.1) for s in shapes]

    def fit(X, y):
        order = np.concatenate([rng.permutation(len(X)) for _ in range(epochs)]).astype(np.int32)
        return loop(tf.constant(X), tf.constant(y.astype("f4")), tf.constant(order), *start)[0].numpy()

    return fit


def seconds(work, repeats=1):
    """Shortest time of a call."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def show(work, times, floors):
    """Print one line: our seconds, and how many times longer each peer takes."""
    own = times["ours"]
    peers = [
        f"{name} {value / own:6.1f}x" + (f" (floor {floors[name]}x)" if name in floors else "")
        for name, value in times.items()
        if name != "ours"
    ]
    print(f"{work:<42} ours {own * 1e3:9.2f} ms   " + "   ".join(peers), flush=True)


def held_out_scores(X, y, epochs=200):
    """Print what an epoch costs alone, under a callback, and with scores of a tenth of the rows."""
    n_out = len(X) // 10
    ways = {
        "several epochs in a call": ({}, {}),
        "one, for a callback": ({"callbacks": [keras.callbacks.Callback()]}, {}),
        "one, scored": ({}, {"validation_data": (X[:n_out], y[:n_out])}),
    }
    times = {}
    for name, (parameters, fit_params) in ways.items():
        clf = ours(epochs=epochs, **parameters)
        clf.fit(X[n_out:], y[n_out:], **fit_params)
        work = partial(clf.fit, X[n_out:], y[n_out:], **fit_params)
        times[name] = f"{name} {seconds(work, 5) / epochs * 1e3:.2f} ms"
    print(f"an epoch of {len(X) - n_out:,} x {X.shape[1]}, hidden 32: " + ", ".join(times.values()), flush=True)


def interruption(X, y, after=1.5):
    """Print how soon Ctrl-C is answered in a fit that nothing watches."""
    clf = ImbalancedKerasClassifier(
        "mlp", batch_size=64, epochs=10**6, early_stopping=False, model__hidden_layer_sizes=(256, 256)
    )
    clf.fit(X[:2000], y[:2000], epochs=1)
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(after, interrupt).start()
    try:
        clf.fit(X, y)
    except KeyboardInterrupt:
        print(f"Ctrl-C in a fit of {len(X):,} x {X.shape[1]}: answered after {time.perf_counter() - sent[0]:.2f} s")


def main():
    """Measure every line of the table."""
    X, y = table(8000, 10)
    cold = {"ours": seconds(lambda: ours().fit(X, y)), "SciKeras": seconds(lambda: scikeras().fit(X, y))}
    show("fit, cold: 8,000 x 10, 32, batch 32, 10 ep.", cold, {"SciKeras": 2})
    fit_by_hand = by_hand(10)
    fit_by_hand(X, y)
    warm = {
        "ours": seconds(lambda: ours().fit(X, y), 7),
        "SciKeras": seconds(lambda: scikeras().fit(X, y), 2),
        "MLPClassifier": seconds(lambda: mlp().fit(X, y), 3),
        "by hand": seconds(lambda: fit_by_hand(X, y), 7),
    }
    show("fit, warm: the same", warm, {"SciKeras": 40, "MLPClassifier": 4})
    print(f"{'':<42} that is {warm['ours'] / warm['by hand']:.2f} times the limit")

    grid = {"gamma": [0.5, 1.0, 2.0], "alpha": [0.5, 0.75]}
    plain = {"optimizer__learning_rate": [1e-3, 2e-3, 3e-3], "optimizer__beta_1": [0.9, 0.8]}
    many = {"alpha": [1e-4, 1e-3, 1e-2], "learning_rate_init": [1e-3, 2e-3]}
    search = {
        "ours": seconds(lambda: GridSearchCV(ours(strategy="focal"), grid, cv=3, scoring="f1").fit(X, y)),
        "SciKeras": seconds(lambda: GridSearchCV(scikeras(), plain, cv=3, scoring="accuracy").fit(X, y)),
        "MLPClassifier": seconds(lambda: GridSearchCV(mlp(), many, cv=3, scoring="f1").fit(X, y)),
    }
    show("grid, 6 candidates x 3 folds, the same", search, {"SciKeras": 20, "MLPClassifier": 3})

    X_wide, y_wide = table(100_000, 54)
    wide = {"hidden": (256, 256), "batch_size": 1024, "epochs": 2}
    ours(**wide).fit(X_wide, y_wide)
    scikeras(**wide).fit(X_wide, y_wide)
    large = {
        "ours": seconds(lambda: ours(**wide).fit(X_wide, y_wide), 3),
        "SciKeras": seconds(lambda: scikeras(**wide).fit(X_wide, y_wide), 3),
        "MLPClassifier": seconds(lambda: mlp(**wide).fit(X_wide, y_wide), 3),
    }
    show("fit: 100,000 x 54, 256-256, batch 1,024, 2 ep.", large, {"SciKeras": 1.5, "MLPClassifier": 1})

    fitted, peer = ours(epochs=1).fit(X, y), scikeras(epochs=1).fit(X, y)
    X_many = np.tile(X, (25, 1))
    for rows, floor in ((X[:1], 30), (X_many, 5)):
        fitted.predict_proba(rows)
        peer.predict_proba(rows)
        predict = {
            "ours": seconds(partial(fitted.predict_proba, rows), 20),
            "SciKeras": seconds(partial(peer.predict_proba, rows), 3),
        }
        show(f"predict {len(rows):,} row{'s' if len(rows) > 1 else ''}", predict, {"SciKeras": floor})

    interruption(X_wide, y_wide)
    held_out_scores(X, y)
    held_out_scores(*table(100_000, 10), epochs=10)
    for name in ("mlp", None):
        battery = seconds(partial(check_estimator, ImbalancedKerasClassifier(name)))
        print(f"check_estimator, model={name!r}: {battery:.1f} s (at most 60)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
