"""What is left where the disk is full in the midst of writing?"""

import contextlib
import io
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import pandas as pd

from faults import small, table


def content(path):
    """Return the bytes of a file, or of all files of a folder; None where there is nothing."""
    if path.is_dir():
        return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}
    return path.read_bytes() if path.exists() else None


def size(path):
    """Return the bytes of a file or a folder."""
    held = content(path)
    return sum(map(len, held.values())) if isinstance(held, dict) else len(held)


def n_files(path):
    """Return how many files there are, each of which takes whole pages."""
    return 1 + sum(1 for _ in path.rglob("*")) if path.is_dir() else 1


@contextlib.contextmanager
def small_disk(n_bytes):
    """Give a folder on a disk of its own with so many bytes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={max(n_bytes, 4096)}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def command(*arguments):
    """Run a command of `skimbalance`; raise what it says where it ends otherwise than well."""
    from skimbalance.__main__ import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = main([str(one) for one in arguments])
    if status:
        raise OSError(said.getvalue().strip().splitlines()[-1])


def writers(folder):
    """Return how each kind of file is written: name -> (name of the file, function of its path)."""
    from skimbalance import export

    X, y = table(3000)
    rows, few, model = folder / "rows.csv", folder / "few.csv", folder / "model.skb"
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y)
    frame.to_csv(rows, index=False)
    frame[::10].to_csv(few, index=False)
    X, y = X[::10], y[::10]
    clf = small(None, epochs=2, model__n_members=2, ensemble=["forest"]).fit(X, y)
    train = ("train", few, "--target", "y", "--model", "mlp", "--folds", 2)
    command(*train, "--out", model)
    compare = ("compare", few, "--target", "y", "--model", "mlp", "--folds", 2, "--strategies", "none")
    return {
        "export to ONNX": ("a.onnx", lambda path: export(clf, path, format="onnx")),
        "export to LiteRT": ("a.tflite", lambda path: export(clf, path, format="litert")),
        "export to a SavedModel": ("a", lambda path: export(clf, path)),
        "train --out": ("a.skb", lambda path: command(*train, "--out", path)),
        "predict --out csv": ("a.csv", lambda path: command("predict", model, rows, "--out", path, "--overwrite")),
        "predict --out csv.gz": (
            "a.csv.gz",
            lambda path: command("predict", model, rows, "--out", path, "--overwrite"),
        ),
        "predict --out parquet": (
            "a.parquet",
            lambda path: command("predict", model, rows, "--out", path, "--overwrite"),
        ),
        "compare --out": ("a.html", lambda path: command(*compare, "--out", path)),
    }


def disk(times):
    """Write each kind of file beside an earlier one onto disks that are too small, with room for 0, 1, ... eighths."""
    lost = 0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for what, (name, write) in writers(Path(folder)).items():
            first = Path(folder) / "first" / name
            first.parent.mkdir(exist_ok=True)
            write(first)
            needs, ends = size(first), []
            for i in range(times):
                with small_disk(needs + 8192 * n_files(first) + needs * i // times) as there:
                    ends.append(_write(write, there / name, first))
            bad = [end for end in ends if end.startswith("LOST")]
            lost += len(bad)
            said = [end for end in ends if end != "written"]
            print(f"{what} ({needs:,} bytes): {ends.count('written')} written, {len(said)} refused, {len(bad)} lost")
            print(f"    {(bad or said or ['-'])[0][:200]}", flush=True)
    return lost


def _write(write, path, first):
    """Write once where an earlier file lies; return how it ended."""
    shutil.copytree(first, path) if first.is_dir() else shutil.copyfile(first, path)
    before = content(path)
    try:
        write(path)
    except Exception as error:
        others = sorted(os.listdir(path.parent))
        if content(path) != before or others != [path.name]:
            return f"LOST: {content(path) == before}, {others}, {type(error).__name__}: {error}"
        return f"{type(error).__name__}: {error}".replace("\n", " ")
    return "written" if size(path) > 0.5 * size(first) else "LOST: cut"
