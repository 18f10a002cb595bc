"""What does the service of examples/serve_onnx.py do under many requests at once?"""

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from faults import small, table

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "serve_onnx.py"


def ask(port, body):
    """Return the status, the answer and the seconds of a request."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body)
        response = connection.getresponse()
        return response.status, json.loads(response.read()), time.perf_counter() - began
    finally:
        connection.close()


def service(times):
    """Send so many requests at once, five times, every tenth of them not valid; each gets its own answer."""
    from skimbalance import export

    X, y = table()
    clf = small(None, epochs=2, model__n_members=2, ensemble="auto").fit(X, y)
    expected = clf.predict_proba(X)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        export(clf, Path(folder) / "model.onnx", format="onnx")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        serve = [sys.executable, str(EXAMPLE), str(Path(folder) / "model.onnx"), str(port)]
        server = subprocess.Popen(serve, stderr=subprocess.DEVNULL)
        try:
            return _flood(port, times, X, expected)
        finally:
            server.terminate()
            server.wait()


def _flood(port, times, X, expected):
    """Wait for a server, send requests, and print what came back; return how many answers are missing or wrong."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            ask(port, "[]")
            break
        except OSError:
            time.sleep(0.1)
    wrong, seconds = [], []

    def one(i, ready):
        rows, bad = slice(i % 500, i % 500 + 1 + i % 20), i % 10 == 9
        body = "{" if bad else json.dumps([{"X": row} for row in X[rows].tolist()])
        ready.wait()
        try:
            status, answer, took = ask(port, body)
            seconds.append(took)
            right = status == 400 if bad else status == 200 and np.allclose(
                [of["proba"] for of in answer], expected[rows], atol=1e-6
            )  # fmt: skip
            if not right:
                wrong.append(f"{status}: {str(answer)[:200]}")
        except Exception as error:
            wrong.append(repr(error))

    for _ in range(5):
        ready = threading.Barrier(times)
        clients = [threading.Thread(target=one, args=(i, ready)) for i in range(times)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    print(
        f"5 times {times} requests at once: {len(seconds)} were answered, in {np.median(seconds) * 1e3:.0f} ms in the "
        f"median and {max(seconds) * 1e3:.0f} ms at most; {len(wrong)} answers are missing or wrong"
    )
    print(*wrong[:5], sep="\n")
    return len(wrong)
