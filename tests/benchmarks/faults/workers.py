"""What do threads see of each other, and what is left where a worker process dies?"""

import contextlib
import copy
import os
import threading
import time

import joblib
import psutil
from sklearn.model_selection import GridSearchCV

from faults import same, small, table


def threads(times):
    """Predict by eight threads and fit by two, for some seconds; every result has the bits of one thread alone."""
    X, y = table()
    clf, other = small(ensemble=["forest"]).fit(X, y), small("mlp", strategy="focal")
    expected, fitted = clf.predict_proba(X), copy.deepcopy(other).fit(X, y).predict_proba(X)
    until, done, wrong = time.monotonic() + times, {"predict": 0, "fit": 0}, []

    def repeat(what, work, result):
        while time.monotonic() < until:
            try:
                if not same(work(), result):
                    wrong.append(what)
            except Exception as error:
                wrong.append(f"{what}: {error!r}")
            done[what] += 1

    def fit():
        return copy.deepcopy(other).fit(X, y).predict_proba(X)

    work = [("predict", lambda: clf.predict_proba(X), expected)] * 8 + [("fit", fit, fitted)] * 2
    running = [threading.Thread(target=repeat, args=one) for one in work]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(f"{done['predict']} predictions by 8 threads and {done['fit']} fits by 2: {len(wrong)} differ or fail")
    print(*wrong[:3], sep="\n")
    return len(wrong)


def search():
    """Return a grid of 12 fits by two workers."""
    grid = {"strategy": ["none", "focal", "class_weight", "smote"]}
    return GridSearchCV(small(epochs=60), grid, scoring="average_precision", cv=3, n_jobs=2, error_score="raise")


def kill_one(pids, after):
    """Kill one of the processes that `pids` returns, once there are some, a while later."""

    def kill():
        until = time.monotonic() + 120
        while not pids() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(after)
        with contextlib.suppress(psutil.Error, IndexError):
            psutil.Process(pids()[0]).kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def loky_workers():
    """Return the processes of loky's workers, without the one that keeps its semaphores."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child.pid] * ("popen_loky" in " ".join(child.cmdline()))
    return found


def workers(times):
    """Kill a worker of loky in the midst of a grid; then run the grid again in the same process."""
    X, y = table()
    expected, lost = search().fit(X, y).cv_results_["mean_test_score"], 0
    for i in range(times):
        joblib.externals.loky.get_reusable_executor().shutdown(wait=True)
        grid = search()
        killer = kill_one(loky_workers, after=4 + 2 * i)
        try:
            grid.fit(X, y)
            said = "it finished before"
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"
            lost += hasattr(grid, "cv_results_")
        killer.join()
        again = grid.fit(X, y).cv_results_["mean_test_score"]
        lost += not same(again, expected)
        print(f"killed: {said}; the next grid has the same scores: {same(again, expected)}")
    return lost


def dask(times):
    """Kill a worker of Dask in the midst of a grid; then run the grid again in the same cluster."""
    import distributed

    X, y = table()
    expected, lost = search().set_params(n_jobs=1).fit(X, y).cv_results_["mean_test_score"], 0
    for i in range(times):
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
            joblib.parallel_config(backend="dask"),
        ):
            pids = list(client.run(os.getpid).values())
            killer = kill_one(lambda pids=pids: pids, after=4 + 2 * i)
            grid = search()
            try:
                is_same = same(grid.fit(X, y).cv_results_["mean_test_score"], expected)
                lost += not is_same
                said = f"the grid has the same scores: {is_same}"
            except Exception as error:  # data that only that worker had
                said = f"{type(error).__name__}: {str(error)[:80]}"
                lost += hasattr(grid, "cv_results_")
            killer.join()
            again = same(grid.fit(X, y).cv_results_["mean_test_score"], expected)
            lost += not again
        print(f"killed: {said}; the next grid has the same scores: {again}", flush=True)
    return lost
