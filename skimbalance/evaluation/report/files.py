"""Write files whole or not at all: beside their place first."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(out):
    """Give the path of a draft beside `out`, which takes its place once all has gone well, and is removed else."""
    path = Path(out).resolve()  # behind a link, which stays one
    draft = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
