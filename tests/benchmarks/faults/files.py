"""What do changed files of a trained model do?"""

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from faults import same, small, table


def mutated(content, rng):
    """Return a file with some bytes changed, cut or doubled; or an archive with such a part, put together again."""
    if rng.random() < 0.5:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(parts))
        parts[name] = changed(parts[name], rng)
        with zipfile.ZipFile(written := io.BytesIO(), "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        return written.getvalue(), "content"
    return changed(content, rng), "bytes"


def changed(content, rng):
    """Return bytes with a change."""
    at, n = int(rng.integers(0, max(len(content), 1))), int(rng.integers(1, 9))
    noise = rng.integers(0, 256, n).astype(np.uint8).tobytes()
    ways = content[:at] + noise + content[at + n :], content[:at], content[:at] + noise + content[at:]
    return (*ways, content[:at] + content[at + n :])[rng.integers(4)]


#: Audit events of code that runs programs, connects, or moves files.
_DOES = ("os.system", "subprocess.Popen", "socket.connect", "os.rename", "os.exec", "os.posix_spawn")


class Watch:
    """What code does that should only read a file: writes outside the folder for drafts, programs, connections."""

    def __init__(self):
        self.seen, self.on, self.drafts = [], False, os.path.realpath(tempfile.gettempdir())
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        """Note an event that matters."""
        if self.on and (event in _DOES or (event in ("open", "os.remove") and self._reaches_out(event, *arguments))):
            self.seen.append((event, arguments))

    def _reaches_out(self, event, path, mode=None, flags=0):
        """Whether a file elsewhere than among the drafts is written or removed."""
        if not isinstance(path, str | bytes) or os.path.realpath(os.fsdecode(path)).startswith(self.drafts):
            return False
        writes = (os.O_WRONLY | os.O_RDWR | os.O_CREAT) & (flags or 0)
        return event == "os.remove" or bool(writes) or bool(isinstance(mode, str) and set(mode) & set("wax+"))


def files(times):
    """Load files of a trained model with some bytes changed: the same predictions, or a sentence; nothing is done."""
    from skimbalance._cli import Refusal
    from skimbalance._cli.model_file import read_classifier, write_model

    rng, (X, y), watch, found, bad = np.random.default_rng(0), table(), Watch(), {}, []
    import pandas as pd

    X = pd.DataFrame(X, columns=list("abcd"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skb"
        clf = small(None, epochs=2, ensemble="auto", model__n_members=2).fit(X, y)
        about = {"classes": [0, 1], "prior": [0.9, 0.1], "target": "y", "file": "t", "labelled": 600, "rows": 600,
                 "notes": [], "columns": [], "model": "m", "strategy": "auto", "seed": 0, "pos_label": None,
                 "held_out": {"rows": 0, "scores": {"log-loss": [0.1, 0.0, 0.2]}, "counts": None}}  # fmt: skip
        write_model(path, clf, about, X)
        content, expected = path.read_bytes(), clf.predict_proba(X)
        read_classifier(path)
        for i in range(times):
            other, kind = mutated(content, rng)
            path.write_bytes(other)
            watch.on = True
            try:
                again = read_classifier(path).predict_proba(X)
                what = "predicts the same" if same(again, expected) else "predicts otherwise"
                if what == "predicts otherwise" and kind == "bytes":
                    bad.append(f"{i}: changed bytes went unnoticed")
            except Refusal:
                what = "refused by a sentence"
            except Exception as error:
                what = "fails when it predicts"
                if not isinstance(error, ValueError | TypeError):
                    bad.append(f"{i}: {type(error).__name__}: {error}")
            watch.on = False
            found[kind, what] = found.get((kind, what), 0) + 1
    for (kind, what), n in sorted(found.items()):
        print(f"{kind} changed, {what}: {n}")
    print(
        f"{times} files: {len(watch.seen)} wrote, ran or connected; {len(bad)} ended in anything else",
        *bad[:20],
        sep="\n",
    )
    print(*watch.seen[:5], sep="\n")
    return len(watch.seen) + len(bad)
