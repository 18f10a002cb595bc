"""How large is a deployed classifier, how soon does it answer first, and how fast then?

Run by hand: ``python tests/benchmarks/bench_deploy.py [--rows N]``; it needs the extra ``export``. Two classifiers are
fitted on N rows of 20 columns, the default one and "mlp", and answered from each kind of file, each in a process of its
own that imports nothing but what it needs. Times of a call are the least of many, as machines are shared.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

#: Kind of file -> (what is imported, how it is loaded, what it answers from rows X), in a process of its own.
WAYS = {
    "pickle": ("import pickle", "clf = pickle.load(open(path, 'rb'))", "clf.predict_proba(X)"),
    "skops": (
        "import skops.io\nfrom skimbalance.deployment import skops_types",
        "clf = skops.io.load(path, trusted=skops_types())",
        "clf.predict_proba(X)",
    ),
    "saved_model": (
        "import tensorflow as tf",
        "signature = tf.saved_model.load(path).signatures['serving_default']",
        "signature(X=tf.constant(X))['proba'].numpy()",
    ),
    "onnx": (
        "import onnxruntime",
        "session = onnxruntime.InferenceSession(path)",
        "session.run(['proba'], {'X': X})[0]",
    ),
    "litert": (
        "from ai_edge_litert.interpreter import Interpreter",
        "run = Interpreter(path).get_signature_runner()",
        "run(X=X)['proba']",
    ),
}

SERVE = """
import json, sys, time
start = time.perf_counter()
import numpy as np
{imports}
imported = time.perf_counter()
path = sys.argv[1]
{load}
loaded = time.perf_counter()
rows = np.load(sys.argv[2])
answer = lambda X: {answer}
def least(X, n):
    times = []
    for _ in range(n):
        before = time.perf_counter()
        answer(X)
        times.append(time.perf_counter() - before)
    return min(times)
before = time.perf_counter()
proba = answer(rows[:1])
first = time.perf_counter() - before
answer(rows)
numbers = [imported - start, loaded - imported, first, least(rows[:1], 1000), least(rows, 10)]
json.dump([numbers, float(answer(rows)[:, 1].sum())], sys.stdout)
"""


def size_of(path):
    """Return the bytes of a file, or of all files of a folder."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def main():
    """Fit, write, serve, print a table."""
    import skops.io
    from sklearn.datasets import make_classification

    from skimbalance import ImbalancedKerasClassifier, export

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    X, y = make_classification(parser.parse_args().rows + 10_000, weights=[0.95], random_state=0)
    X = X.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.save(folder / "rows.npy", X[-10_000:])
        for model in (None, "mlp"):
            clf = ImbalancedKerasClassifier(model, random_state=0).fit(X[:-10_000], y[:-10_000])
            expected = clf.predict_proba(X[-10_000:])[:, 1].sum()
            for way, (imports, load, answer) in WAYS.items():
                path = folder / f"{model}.{way}"
                if way == "pickle":
                    path.write_bytes(pickle.dumps(clf))
                elif way == "skops":
                    skops.io.dump(clf, path)
                else:
                    export(clf, path, format=way)
                code = SERVE.format(imports=imports, load=load, answer=answer)
                command = [sys.executable, "-c", code, path, folder / "rows.npy"]
                out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                (start, load_s, first, one, many), total = json.loads(out.strip().splitlines()[-1])
                assert abs(total - expected) < 0.1, (total, expected)
                print(
                    f"| {model or 'default'} | {way} | {size_of(path) / 1e6:.2f} MB | {start:.2f} s | {load_s:.2f} s | "
                    f"{first * 1e3:.0f} ms | {one * 1e3:.2f} ms | {many * 1e3:.0f} ms |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
