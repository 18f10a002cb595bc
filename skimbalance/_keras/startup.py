"""Import TensorFlow and Keras quietly and once, and refuse to run in a process forked after TensorFlow started.

Modules that need Keras import it from here (``from skimbalance._keras.startup import keras``).
"""

import functools
import multiprocessing
import os
import random
import re
import sys
import tempfile
import threading
from contextlib import contextmanager

# Lines that TensorFlow's C++ start-up writes straight to file descriptor 2, before any logger exists: that it
# uses oneDNN, that it sees no GPU, which CPU instructions it has. Errors about a GPU are start-up chatter only
# on a machine that has none.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|I0000 .*"
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
    rb"|\d{4}-\d\d-\d\d [\d:.]+: I .*"
    rb"|To enable the following instructions: .*"
    rb"|(E0000|\d{4}-\d\d-\d\d [\d:.]+: E) .*(cuInit|cuda|cuDNN|cuFFT|cuBLAS|oneDNN supports \w+ only on).*",
    re.IGNORECASE,
)

# All threads share standard error: one at a time redirects it, and the others wait.
_redirecting = threading.RLock()


@contextmanager
def quiet():
    """Hide start-up messages of TensorFlow; everything else on standard error is passed on afterwards.

    The messages precede every logger, so that only ``TF_CPP_MIN_LOG_LEVEL`` would stop them. That variable is
    the user's, and would silence TensorFlow's warnings for the rest of the process as well.
    """
    with _redirecting:
        yield from _redirected()


def _redirected():
    """Redirect standard error to a file in a context, and pass on everything but start-up messages."""
    try:
        sys.stderr.flush()
        original = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no standard error, as under pythonw
        yield
        return
    try:
        written = tempfile.TemporaryFile()  # noqa: SIM115, closed below
    except OSError:  # no folder for drafts, or a full one
        os.close(original)
        yield
        return
    with written:
        try:
            os.dup2(written.fileno(), 2)
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            written.seek(0)
            for line in written:
                if not _CHATTER.fullmatch(line.rstrip(b"\r\n")):
                    os.write(2, line)


@contextmanager
def keep_python_random():
    """Restore Python's global generator afterwards, as Keras draws a seed from it for every layer it builds."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


with quiet():
    import keras
    import tensorflow as tf

    from skimbalance._keras.tensorflow_internals import is_running

__all__ = ["has_xla", "is_forked", "keras", "start", "start_generators", "start_sessions", "tf"]

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"skimbalance trains with TensorFlow, but Keras runs on the {keras.backend.backend()!r} backend; set the "
        'environment variable KERAS_BACKEND to "tensorflow" before the first import of keras.'
    )

_state = {"forked": False, "started": False}


def _note_fork():
    """Record, in a forked child, that its parent had TensorFlow's threads, which a fork does not copy."""
    _state["forked"] = _state["forked"] or is_running(_state["started"])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def is_forked():
    """Whether this process was forked after TensorFlow ran in its parent, so that TensorFlow cannot run here."""
    return _state["forked"]


def start(builds=False):
    """Start TensorFlow's runtime if it does not run yet.

    Parameters
    ----------
    builds : bool, default=False
        Whether a network will be built.

    Raises
    ------
    RuntimeError
        In a process forked after TensorFlow had run in its parent, where the first operation would hang; or where a
        network would be built of variables that lie on several devices.
    """
    if _state["forked"]:
        raise RuntimeError(
            "This process was forked after TensorFlow had run in its parent, and TensorFlow's threads do not "
            "survive a fork: training here would hang. Use joblib's default backend (n_jobs=...), "
            "multiprocessing.get_context('spawn'), or fork before the first fit."
        )
    if builds:
        _refuse_several_devices()
    if not is_running(_state["started"]):
        _state["started"] = True
        with quiet():
            _take_share_of_threads()
            _say_what_onednn_lacks()


def _refuse_several_devices():
    """Refuse the scope of a strategy of tf.distribute, whose variables no compiled program reads."""
    strategy = tf.distribute.get_strategy()
    if tf.distribute.has_strategy() and not isinstance(strategy, tf.distribute.OneDeviceStrategy):
        raise RuntimeError(
            f"This call stands in the scope of a tf.distribute.{type(strategy).__name__}, but a network here trains on "
            "one device; leave the scope (a network made in one may be passed as model), and share out whole fits: "
            "n_jobs of a search, or joblib's Dask and Ray backends."
        )


def _say_what_onednn_lacks():
    """Run a graph of integers, so that TensorFlow's message on oneDNN and AVX-512 is printed now, and hidden.

    Every loop over steps counts in integers, so that the message would otherwise appear in the first fit.
    """
    tf.function(lambda i: tf.transpose(i[None] + i[:, None]) * i, autograph=False)(tf.range(2))


@functools.cache
def start_sessions(xla):
    """Let TensorFlow, and XLA, print their messages of the first session of a process now, so that they are hidden."""
    with quiet(), tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, ())  # a constant would be folded before XLA saw it
        result = tf.function(tf.exp, jit_compile=xla, autograph=False)(x)
        new_session(graph).run(result, {x: 0.0})


@functools.cache
def has_xla():
    """Whether TensorFlow compiles with XLA on this machine: its wheels for some systems came without."""
    try:
        start_sessions(xla=True)
    except Exception:  # TensorFlow says so in several ways
        return False
    return True


@functools.cache
def start_generators():
    """Let TensorFlow print its message on the first data set from a generator now, so that it is hidden."""
    with quiet():
        list(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32)))


def new_session(graph):
    """Return a session of a graph, with as many threads as TensorFlow runs on."""
    threads = tf.config.threading
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=threads.get_inter_op_parallelism_threads(),
        allow_soft_placement=True,
    )
    return tf.compat.v1.Session(graph=graph, config=config)


def _take_share_of_threads():
    """In a worker process, use only the share of cores that joblib, Dask or Ray assigns to it.

    They tell their workers in OMP_NUM_THREADS, which TensorFlow does not read: each worker would start as many
    threads as there are cores. A process of the user's own, and settings they made, are left alone.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    if not _is_worker() or not share.isdigit() or int(share) < 1:
        return
    threads = tf.config.threading
    if not threads.get_intra_op_parallelism_threads() and not threads.get_inter_op_parallelism_threads():
        threads.set_intra_op_parallelism_threads(int(share))
        threads.set_inter_op_parallelism_threads(int(share))


def _is_worker():
    """Whether this is a worker process; Ray's workers alone cannot be recognised by their name."""
    ray = sys.modules.get("ray")
    if getattr(ray, "is_initialized", bool)() and ray.get_runtime_context().get_task_id() is not None:
        return True
    return multiprocessing.current_process().name != "MainProcess"
