"""Tables as bytes of files, which tests of the command line read."""

import io
import zipfile

import numpy as np

N_ROWS = 60
ROWS = "".join(f"{i / 7:.3f},{'ab'[i % 2]},{int(i % 4 == 0)}\n" for i in range(N_ROWS))
GOOD = f"size,kind,y\n{ROWS}".encode()
ZEROS = np.arange(N_ROWS) % 4 == 0


def with_column(name, values, target="y"):
    """Return a table with a column before the target, as bytes of a CSV."""
    lines = [f"size,{name},{target}", *(f"{i},{values(i)},{int(i % 4 == 0)}" for i in range(N_ROWS))]
    return "\n".join(lines).encode()


def with_target(values, name="y"):
    """Return a table with other labels, as bytes of a CSV."""
    return "\n".join([f"size,{name}", *(f"{i},{values(i)}" for i in range(N_ROWS))]).encode()


def parquet(**columns):
    """Return a table as bytes of a parquet file."""
    import pandas as pd

    stream = io.BytesIO()
    pd.DataFrame({"size": np.arange(N_ROWS), **columns}).to_parquet(stream)
    return stream.getvalue()


def archive(*names):
    """Return a ZIP archive of the good table under these names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as of:
        for name in names:
            of.writestr(name, GOOD)
    return stream.getvalue()
