"""Serve an exported classifier with NumPy and onnxruntime alone.

Write the file first, where the classifier was fitted: ``skimbalance.export(clf, "model.onnx", format="onnx")``. Then

    python serve_onnx.py model.onnx 8000
    curl localhost:8000 -d '[{"amount": 12.5, "country": "FI"}, {"amount": null, "country": "SE"}]'

A column that a row leaves out, or that is null, is missing.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}


def open_model(path):
    """Return a function of rows, a list of dicts by column, to their labels and probabilities."""
    session = onnxruntime.InferenceSession(path)
    dtypes = {one.name: TYPES[one.type] for one in session.get_inputs()}

    def answer(rows):
        unknown = sorted({name for row in rows for name in row} - set(dtypes))
        if unknown:
            raise ValueError(f"The columns {unknown} are none of the model's, which are {list(dtypes)}.")
        given = {}
        for name, dtype in dtypes.items():
            missing = "" if dtype is object else np.nan
            given[name] = np.array([missing if row.get(name) is None else row[name] for row in rows], dtype)
        label, proba = session.run(["label", "proba"], given)
        return [{"label": of, "proba": each} for of, each in zip(label.tolist(), proba.tolist(), strict=True)]

    return answer


def serve(path, port):
    """Answer POST requests of rows in JSON."""
    answer = open_model(path)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            try:
                rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = 200, answer(rows)
            except (ValueError, TypeError, AttributeError) as error:
                status, content = 400, {"error": str(error)}
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    class Server(ThreadingHTTPServer):
        request_queue_size = 1024  # connections that wait; beyond Python's 5, the system would reset them

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
