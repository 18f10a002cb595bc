"""Do searches on Dask and Ray give the scores of one process, and do their workers keep to their cores?

These tests need the extra `cluster`, and are skipped without it.
"""

import os
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

from skimbalance import ImbalancedKerasClassifier, compare_strategies


@contextmanager
def dask():
    """A cluster of two worker processes, on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install .[cluster]")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        yield


@contextmanager
def ray():
    """A local Ray of two workers."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install .[cluster]")
    joblib = pytest.importorskip("ray.util.joblib", reason="Ray is not installed: pip install .[cluster]")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        joblib.register_ray()
        with parallel_config(backend="ray", n_jobs=2):
            yield
    finally:
        ray.shutdown()


def search(X, y):
    """Return the scores of a small grid."""
    grid = {"strategy": ["none", "class_weight", "focal"], "model__hidden_layer_sizes": [(8,), (8, 8)]}
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0)
    return GridSearchCV(clf, grid, scoring="average_precision", cv=2, error_score="raise").fit(X, y).cv_results_


def compare(X, y):
    """Return what two remedies say of rows they have not seen."""
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0)
    found = compare_strategies(clf, X, y, strategies=["none", "focal"], cv=2, random_state=0, verbose=0)
    return np.array([found.oof_proba_[name] for name in ("none", "focal")])


def threads_of_worker():
    """Return the threads that TensorFlow computes with in this process, and the process."""
    import tensorflow as tf

    from skimbalance._keras.startup import start

    start()
    threads = tf.config.threading
    return threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads(), os.getpid()


# pytest makes errors of warnings, and the engines leave sockets and files open where they end.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("engine", [dask, ray])
def test_a_search_has_equal_scores_and_a_worker_its_share_of_threads(engine, small_table):
    with engine():
        threads = Parallel()(delayed(threads_of_worker)() for _ in range(4))
        scores, compared = search(*small_table), compare(*small_table)
    here = os.getpid()
    assert all((intra, inter) == (1, 1) and process != here for intra, inter, process in threads)
    assert len({process for *_, process in threads}) == 2
    expected = search(*small_table)
    for split in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(scores[split], expected[split])
    np.testing.assert_array_equal(compared, compare(*small_table))


def score(frame, clf):
    """Return a frame with the probability of each row."""
    return frame.assign(probability=clf.predict_proba(frame)[:, 1])


@pytest.mark.filterwarnings("ignore")  # of engines, about their own parts
def test_dask_scores_a_folder_as_one_process_does(small_table, tmp_path):
    dd = pytest.importorskip("dask.dataframe", reason='pip install "dask[dataframe]"')
    pd = pytest.importorskip("pandas", reason="Dask hands over frames of pandas")
    pytest.importorskip("pyarrow", reason="the folder is of parquet files")
    X, y = small_table
    X = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y)
    (tmp_path / "rows").mkdir()
    for i, begin in enumerate(range(0, len(X), 100)):
        X[begin : begin + 100].to_parquet(tmp_path / "rows" / f"{i}.parquet")
    with dask():
        rows = dd.read_parquet(tmp_path / "rows")
        scored = rows.map_partitions(score, clf, meta={**rows.dtypes, "probability": float}).compute()
    expected = score(X, clf).sort_values(list(X)).reset_index(drop=True)
    scored = scored.sort_values(list(X)).reset_index(drop=True)
    pd.testing.assert_frame_equal(scored, expected, check_exact=True)
