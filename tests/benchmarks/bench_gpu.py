"""Does a GPU give the results of the CPU, and is it faster?

Run by hand, on a machine with a card: ``python tests/benchmarks/bench_gpu.py [--seconds N]``. It installs nothing, and
takes eight minutes at most (or N seconds): what there is no time left for is named. First the default network, "mlp"
and one of the user's own are trained, asked, pickled and exported on the card and on the CPU, each in a process of its
own, and compared. Then times of a fit whose program is compiled, in seconds an epoch. Without a card, "card" is the
CPU again, which shows that the script runs, and nothing else. ``--tiny`` takes small tables.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

#: Largest difference of a probability after one epoch, and of average precision after a fit.
CLOSE, AS_GOOD = 1e-4, 0.01
#: Rows, columns, epochs and rows of a step of what is timed.
SIZES = ((4_000, 20, 5, 128), (100_000, 30, 2, 256), (1_000_000, 30, 1, 1024))
TINY = ((400, 20, 2, 64), (800, 30, 1, 64))
#: Parameters of the networks that are timed.
TIMED = {"default": {}, "wide": {"model": "mlp", "model__hidden_layer_sizes": (512, 512)}}


def table(n_rows, n_columns):
    """Return rows with a rare class."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + rng.standard_normal(n_rows, dtype=np.float32) > 2.2).astype(int)


def own_network(meta):
    """Return a network as a user would write it."""
    import keras

    rows = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(32, "relu")(keras.layers.BatchNormalization()(rows))
    return keras.Model(rows, keras.layers.Dense(1, "sigmoid")(hidden))


# --- in a process of its own, on one device ---


def check(folder, is_tiny):
    """Train, ask, pickle and export each network; write what it answers into a folder."""
    import tensorflow as tf
    from sklearn.metrics import average_precision_score

    from skimbalance import ImbalancedKerasClassifier, export

    folder = Path(folder)
    tf.config.experimental.enable_tensor_float_32_execution(False)  # 10 bits of a product would be compared with 23
    X, y = table(600 if is_tiny else 12_000, 12)
    half, found = len(X) // 2, {"devices": [of.name for of in tf.config.list_logical_devices()]}
    for name, model in (("default", None), ("mlp", "mlp"), ("own", own_network)):
        clf = ImbalancedKerasClassifier(model, epochs=1, ensemble=None, early_stopping=False, random_state=0)
        clf.fit(X[:half], y[:half])
        proba = clf.predict_proba(X[half:])[:, 1]
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(clf))
        again = pickle.loads((folder / f"{name}.pickle").read_bytes()).predict_proba(X[half:])[:, 1]
        export(clf, folder / name)  # which compares the file with the classifier, and raises where they differ
        if find_spec("onnx") and find_spec("onnxruntime"):
            export(clf, folder / f"{name}.onnx", format="onnx")
        np.save(folder / f"{name}.npy", proba)
        whole = ImbalancedKerasClassifier(model, ensemble=None, epochs=3 if is_tiny else "auto", random_state=0)
        whole = whole.fit(X[:half], y[:half]).predict_proba(X[half:])[:, 1]
        found[name] = {
            "pickle": float(abs(again - proba).max()),
            "average precision": average_precision_score(y[half:], whole),
            "weights on": str(clf.model_.weights[0].value.device),
        }
    return found


def load(folder, is_tiny):
    """Predict with the pickles that the other device wrote."""
    X, _ = table(600 if is_tiny else 12_000, 12)
    rows, found = X[len(X) // 2 :], {}
    for name in ("default", "mlp", "own"):
        proba = pickle.loads(Path(folder, f"{name}.pickle").read_bytes()).predict_proba(rows)[:, 1]
        found[name] = float(abs(proba - np.load(Path(folder, f"{name}.npy"))).max())
    return found


def seconds(name, n_rows, n_columns, epochs, batch_size):
    """Return the seconds of an epoch, with the program compiled, and those of predicting all rows."""
    from skimbalance import ImbalancedKerasClassifier

    X, y = table(n_rows, n_columns)
    how = {"ensemble": None, "early_stopping": False, "batch_size": batch_size, "random_state": 0, **TIMED[name]}
    if name == "default":  # compiled with XLA, also where the first fit is a short one
        how["compile__jit_compile"] = True
    few = min(n_rows, 20_000)
    ImbalancedKerasClassifier(epochs=1, **how).fit(X[:few], y[:few]).predict_proba(X[:few])
    began = time.perf_counter()
    clf = ImbalancedKerasClassifier(epochs=epochs, **how).fit(X, y)
    fitted = time.perf_counter()
    clf.predict_proba(X)
    return [(fitted - began) / epochs, time.perf_counter() - fitted]


def work(arguments):
    """Do one of the three in this process; print the result as JSON in the last line."""
    what, *rest = json.loads(arguments)
    print(json.dumps({"check": check, "load": load, "seconds": seconds}[what](*rest)))


# --- the process that is called ---


def ask(device, until, *what):
    """Return what a process on a device ("card" or "CPU") finds, or None where there is no time or it fails."""
    left = until - time.monotonic()
    if left < 10:
        return None
    hidden = {} if device == "card" else {"CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, __file__, "--work", json.dumps(what)]
    try:
        done = subprocess.run(command, env={**os.environ, **hidden}, capture_output=True, text=True, timeout=left)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        print(f"{device}, {what[:2]} failed:\n{done.stderr[-2000:]}", flush=True)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(until, is_tiny):
    """Print the checks, and return how many fail or are missing."""
    with tempfile.TemporaryDirectory() as folder:
        places = {device: Path(folder) / device for device in ("card", "CPU")}
        for place in places.values():
            place.mkdir()
        found = {device: ask(device, until, "check", str(place), is_tiny) for device, place in places.items()}
        moved = ask("CPU", until, "load", str(places["card"]), is_tiny)
        if None in (*found.values(), moved):
            print("The checks failed, or there was no time for them.")
            return 1
        print(f"Devices: {found['card']['devices']}; {found['CPU']['devices']}.")
        failed = 0
        for name, of_card in list(found["card"].items())[1:]:
            first, second = (np.load(place / f"{name}.npy") for place in places.values())
            scores = [of[name]["average precision"] for of in found.values()]
            numbers = {
                "one epoch": (abs(first - second).max(), CLOSE), "pickled": (of_card["pickle"], 1e-6),
                "pickled on the card, loaded without": (moved[name], CLOSE),
                "average precision": (abs(scores[0] - scores[1]), AS_GOOD),
            }  # fmt: skip
            failed += sum(not value <= most for value, most in numbers.values())
            said = ", ".join(f"{what} {value:.1e} (at most {most:g})" for what, (value, most) in numbers.items())
            print(f"{name}, on {of_card['weights on']}: {said}; average precision {scores[0]:.3f}, {scores[1]:.3f}")
    print("All checks hold." if not failed else f"{failed} checks FAIL.", flush=True)
    return failed


def main():
    """Run the checks, then the times, the small tables first."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=480)
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--work", help=argparse.SUPPRESS)
    options = options.parse_args()
    if options.work:
        return work(options.work)
    until = time.monotonic() + options.seconds
    failed = compare(until, options.tiny)
    print("\n| rows x columns | network | card, s an epoch | CPU | card, s to predict all | CPU |")
    print("|---|---|---|---|---|---|")
    for size in TINY if options.tiny else SIZES:
        for name in TIMED:
            times = [ask(device, until, "seconds", name, *size) for device in ("card", "CPU")]
            cells = [f"{of[i]:.2f}" if of else "no time" for i in (0, 1) for of in times]
            print(f"| {size[0]:,} x {size[1]} | {name} | {' | '.join(cells)} |", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
