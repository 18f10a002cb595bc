"""What is left after Ctrl-C?"""

import contextlib
import copy
import pickle
import signal
import threading
import time

import numpy as np

from faults import same, small, table


@contextlib.contextmanager
def interruption(after):
    """Press Ctrl-C after some seconds, if the block still runs then; give a list that says whether it was felt."""
    felt, timer = [], threading.Timer(after, signal.raise_signal, (signal.SIGINT,))
    if hasattr(signal, "pthread_kill"):  # to the thread that works, as a terminal does
        main = threading.main_thread().ident
        timer = threading.Timer(after, signal.pthread_kill, (main, signal.SIGINT))
    try:
        timer.start()
        yield felt
        timer.cancel()
        timer.join()
    except KeyboardInterrupt:
        felt.append(True)


def interrupts(times):
    """Press Ctrl-C at random moments of a second fit; the first one stays to the bit, and the next fit is right."""
    rng, lost, felt_in_all = np.random.default_rng(0), 0, 0
    X, y = table()
    other, labels = table(seed=1)
    for model, parameters in (("mlp", {"epochs": 60}), (None, {"epochs": 8, "ensemble": "auto"})):
        clf = small(model, **parameters)
        expected = copy.deepcopy(clf).fit(other, labels).predict_proba(X)
        clf.fit(X, y)
        before = clf.predict_proba(X)
        began = time.monotonic()
        copy.deepcopy(clf).fit(other, labels)
        takes = time.monotonic() - began
        for _ in range(times // 2):
            with interruption(rng.uniform(0, takes)) as felt:
                clf.fit(other, labels)
            felt_in_all += bool(felt)
            after = clf.predict_proba(X)
            lost += not (same(after, before) if felt else same(after, expected))
            clf = clf.fit(X, y)
            lost += not same(clf.predict_proba(X), before)
    print(f"{felt_in_all} of {times} fits were interrupted, the others had ended; {lost} lost what was there before")
    return lost


def stream(times):
    """Interrupt chunks at random moments, give them again, every other time from a pickle; the end is the same."""
    X, y = table(3000)
    order = np.random.default_rng(1).permutation(len(y))
    X, y, rng, lost, felt_in_all = X[order], y[order], np.random.default_rng(0), 0, 0
    chunks = [slice(begin, begin + 300) for begin in range(0, len(y), 300)]
    for model in ("mlp", None):
        whole, seconds = small(model, epochs=1), []
        for chunk in chunks:
            began = time.monotonic()
            whole.partial_fit(X[chunk], y[chunk], classes=[0, 1])
            seconds.append(time.monotonic() - began)
        expected = whole.predict_proba(X)
        for _ in range(max(times // 10, 1)):
            clf = small(model, epochs=1)
            for i, chunk in enumerate(chunks):
                felt = [False]
                if i % 2:  # five of ten chunks
                    with interruption(rng.uniform(0, np.median(seconds))) as felt:
                        clf.partial_fit(X[chunk], y[chunk], classes=[0, 1])
                    felt_in_all += bool(felt)
                if felt:
                    clf = pickle.loads(pickle.dumps(clf)) if i % 4 == 1 else clf
                    clf.partial_fit(X[chunk], y[chunk], classes=[0, 1])
            lost += not same(clf.predict_proba(X), expected)
    print(f"{felt_in_all} chunks were interrupted and given again; {lost} streams end otherwise than without")
    return lost
