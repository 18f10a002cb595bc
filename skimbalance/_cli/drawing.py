"""Draw rows of a file that is too large to be read whole, in one pass over its batches."""

import io
import os
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.reading import CsvFile

#: Bytes of files from which rows are drawn batch by batch, and rows of a batch.
LARGE, _BATCH = 500_000_000, 100_000
#: Rows that are drawn so at least; of them, others draw fewer by label.
_LEAST = 200_000
# How many times its size in the file a table takes in memory, at most: CSV, compressed CSV, parquet.
_GROWTH = {"csv": 4, "compressed": 15, "parquet": 10}


def opened_rows(source, n_rows, seed):
    """Return a file, or random rows of it in their order where it is large.

    Parameters
    ----------
    source : CsvFile or ParquetFiles
        The file.
    n_rows : int or None
        Rows that are wanted; None are all, which a file that does not fit into memory refuses.
    seed : int
        Seed.

    Returns
    -------
    CsvFile, ParquetFiles or DrawnRows
    """
    n_bytes = _bytes_of(source.file)
    if n_rows is None:
        _refuse_too_large(source, n_bytes)
    if n_rows is None or n_bytes < LARGE:
        return source
    return DrawnRows(source, max(n_rows, _LEAST), np.random.default_rng(seed))


def _bytes_of(file):
    """Return the size of a file, or of all files in a folder."""
    path = Path(file)
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file())


def _refuse_too_large(source, n_bytes):
    """Raise where a table takes more than half of the machine's memory."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return
    needed = n_bytes * _GROWTH[source.form]
    if needed > memory / 2:
        raise Refusal(
            f"{source.file} may take {needed / 1e9:.0f} GB of {memory / 1e9:.0f} in memory. Draw rows: --rows 1000000. "
            "In Python, partial_fit trains on all, a part at a time."
        )


class DrawnRows:
    """Random rows of a file, in its order, read as a table of their own; see `opened_rows`."""

    def __init__(self, source, n_rows, rng):
        self.file, self.names, self._source = source.file, source.names, source
        self.n_rows, kept, keys = 0, None, np.empty(0)
        for batch in source.batches(_BATCH, source.names):
            keys = np.r_[keys, rng.random(len(batch))]
            self.n_rows += len(batch)
            kept = batch if kept is None else _joined(kept, batch)
            if len(keys) > n_rows:
                rows = np.sort(np.argpartition(keys, n_rows)[:n_rows])
                kept, keys = kept.iloc[rows] if hasattr(kept, "iloc") else kept.take(rows), keys[rows]
        self._kept = kept
        n_drawn = 0 if kept is None else len(kept)
        note = f"{n_drawn:,} of {self.n_rows:,} rows are drawn from the file, which is large (--rows)."
        self.said = [*source.said, note]

    def table(self, target=None, texts=()):
        """Return the rows; see `CsvFile.table`."""
        if self._kept is None or not isinstance(self._source, CsvFile):
            return self._source.table(target, texts) if self._kept is None else self._kept.to_pandas()
        how = {"sep": self._source.sep, "index": False}
        return self._source.parsed(lambda: io.BytesIO(self._kept.to_csv(**how).encode("utf-8")), target, texts, "utf-8")


def _joined(kept, batch):
    """Return two parts of a table as one."""
    if hasattr(batch, "iloc"):
        import pandas as pd

        return pd.concat([kept, batch])
    import pyarrow as pa

    return pa.concat_tables([kept, batch]).combine_chunks()
