"""What is left after Ctrl-C?"""

import copy
import pickle
import signal
import threading
import time
from functools import partial

import numpy as np

from faults import same, small, table


def ended(work, after):
    """Press Ctrl-C after some seconds of a piece of work, and return whether it came to its end before that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process would ignore it
    timer, done = threading.Timer(after, signal.raise_signal, (signal.SIGINT,)), []
    if hasattr(signal, "pthread_kill"):  # to the thread that works, as a terminal does
        main = threading.main_thread().ident
        timer = threading.Timer(after, signal.pthread_kill, (main, signal.SIGINT))
    try:
        timer.start()
        work()
        done.append(True)
        timer.cancel()
        timer.join()
    except KeyboardInterrupt:
        timer.join()
    return bool(done)


def interrupts(times):
    """Press Ctrl-C at random moments of a second fit; the first one stays to the bit, and the next fit is right."""
    rng, lost, n_felt = np.random.default_rng(0), 0, 0
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
            is_done = ended(partial(clf.fit, other, labels), rng.uniform(0, takes))
            n_felt += not is_done
            lost += not same(clf.predict_proba(X), expected if is_done else before)
            clf = clf.fit(X, y)
            lost += not same(clf.predict_proba(X), before)
    print(f"{n_felt} of {times} fits were interrupted, the others had ended; {lost} lost what was there before")
    return lost


def stream(times):
    """Interrupt chunks at random moments, give them again, every other time from a pickle; the end is the same."""
    X, y = table(3000)
    order = np.random.default_rng(1).permutation(len(y))
    X, y, rng, lost, n_felt = X[order], y[order], np.random.default_rng(0), 0, 0
    chunks = [slice(begin, begin + 300) for begin in range(0, len(y), 300)]
    for model in ("mlp", None):
        whole, seconds = small(model, epochs=1), []
        for chunk in chunks:
            began = time.monotonic()
            whole.partial_fit(X[chunk], y[chunk], classes=[0, 1])
            seconds.append(time.monotonic() - began)
        expected = whole.predict_proba(X)
        for _ in range(max(times // 6, 1)):  # two of three chunks are hit
            clf = small(model, epochs=1)
            for i, chunk in enumerate(chunks):
                fit = partial(clf.partial_fit, X[chunk], y[chunk], classes=[0, 1])
                if i % 2 and ended(fit, rng.uniform(0, np.median(seconds))):  # five of ten chunks
                    continue
                n_felt += i % 2
                clf = pickle.loads(pickle.dumps(clf)) if i % 4 == 1 else clf
                clf.partial_fit(X[chunk], y[chunk], classes=[0, 1])
            lost += not same(clf.predict_proba(X), expected)
    print(f"{n_felt} chunks were interrupted and given again; {lost} streams end otherwise than without")
    return lost
