"""Write files whole or not at all: beside their place first."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

#: Numbers of errors of a disk that takes no more.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(out):
    """Give the path of a draft beside `out`, which takes its place once all has gone well, and is removed else."""
    path = Path(out).resolve()  # behind a link, which stays one
    draft = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.errno in _FULL:  # which libraries say without a name
            raise OSError(error.errno, os.strerror(error.errno), str(out)) from error
        raise
    finally:
        draft.unlink(missing_ok=True)
