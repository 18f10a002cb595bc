"""AutoGluon as a classifier for ``bench_quality.py``, run by the Python of an environment of its own.

AutoGluon pins versions that clash with those of this package. So `AutoGluon` starts this file by that environment's
Python and keeps it running; requests and answers are lines of JSON, tables are files in a temporary folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class AutoGluon(ClassifierMixin, BaseEstimator):
    """AutoGluon's TabularPredictor by log-loss.

    Parameters
    ----------
    python : str
        The Python of an environment that has ``autogluon.tabular``.

    time_limit : float, default=300
        Seconds of a fit, by AutoGluon's own count.

    presets : str, default="best_v150"
        AutoGluon's presets.

    Attributes
    ----------
    cpu_seconds_ : float
        User and system time of the fit, that of all its processes.

    load_ : float
        Mean of the machine's load average while it ran.
    """

    def __init__(self, python, time_limit=300, presets="best_v150"):
        self.python = python
        self.time_limit = time_limit
        self.presets = presets

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._folder = tempfile.TemporaryDirectory(prefix="autogluon_")
        self._process = _start(self.python, self.log_)
        np.savez(self._path("train.npz"), X=X, y=codes)
        answer = self._ask(do="fit", time_limit=self.time_limit, presets=self.presets, folder=self._folder.name)
        self.cpu_seconds_, self.load_ = answer["cpu_seconds"], answer["load"]
        return self

    def predict_proba(self, X):
        np.save(self._path("X.npy"), X)
        self._ask(do="predict_proba", folder=self._folder.name)
        return np.load(self._path("proba.npy"))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @property
    def log_(self):
        """What AutoGluon has printed, a file that goes with the classifier."""
        return self._path("log.txt")

    def _path(self, name):
        return Path(self._folder.name) / name

    def _ask(self, **request):
        """Return the answer to a request; the end of the log, if there is none."""
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait()
            log = self.log_.read_text(errors="replace")
            raise RuntimeError(f"AutoGluon, run by {self.python}, ended without an answer. It printed:\n{log[-2000:]}")
        return json.loads(answer)

    def __del__(self):
        """Let the process end; its folder goes with the attribute."""
        if "_process" in vars(self):
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()


def _start(python, log):
    """Return a process that answers requests."""
    with open(log, "w") as file:
        return subprocess.Popen(
            [python, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            bufsize=1,
            env={**os.environ, "RAY_worker_niceness": "0"},  # Ray's workers give way to all other processes otherwise
        )


class _Effort:
    """The processor time of this process and its descendants, and the load average, watched while it is entered."""

    def __enter__(self):
        self._began, self._of_others, self._loads = time.process_time(), {}, [os.getloadavg()[0]]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        self.cpu_seconds = time.process_time() - self._began + sum(self._of_others.values())
        self.load = float(np.mean(self._loads))

    def _watch(self):
        """Look twice a second: a worker that has ended can no longer be asked."""
        import psutil

        while not self._over.wait(0.5):
            self._loads.append(os.getloadavg()[0])
            for process in psutil.Process().children(recursive=True):
                try:
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                self._of_others[process.pid, process.create_time()] = times.user + times.system


def _frame(X):
    """Return rows as the table that AutoGluon takes."""
    import pandas as pd

    return pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])


def _fit(folder, time_limit, presets):
    """Return a predictor of the rows in the folder, and what it cost."""
    from autogluon.tabular import TabularPredictor

    with np.load(folder / "train.npz") as rows:
        table, n_classes = _frame(rows["X"]).assign(target=rows["y"]), rows["y"].max() + 1
    kind = "binary" if n_classes == 2 else "multiclass"
    predictor = TabularPredictor("target", problem_type=kind, eval_metric="log_loss", path=str(folder / "model"))
    with _Effort() as effort:
        predictor.fit(table, presets=presets, time_limit=time_limit)
    return predictor, {"cpu_seconds": effort.cpu_seconds, "load": effort.load}


def _predict_proba(predictor, folder):
    """Write the probabilities of the rows in the folder, a column a class in their order."""
    proba = predictor.predict_proba(_frame(np.load(folder / "X.npy")))
    np.save(folder / "proba.npy", proba[sorted(proba.columns)].to_numpy(dtype=np.float64))


def _answer_requests():
    """Answer each line of standard input by one; whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    predictor = None
    for line in sys.stdin:
        request = json.loads(line)
        task, folder, answer = request.pop("do"), Path(request.pop("folder")), {}
        if task == "fit":
            predictor, answer = _fit(folder, **request)
        else:
            _predict_proba(predictor, folder)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    _answer_requests()
