"""Draw rows of a file that is too large to be read whole, in one pass over its batches."""

import io
import os
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.reading import CsvFile, labels_of
from skimbalance.data.sample import lowered

#: Bytes of files from which rows are drawn batch by batch, and rows of a batch.
LARGE, _BATCH = 500_000_000, 100_000
#: Rows that are drawn so at least; of them, others draw fewer by label.
_LEAST = 200_000
#: Rows of a table that does not fit into memory, where no number is asked for.
MOST = 1_000_000
# How many times its size in the file a table takes in memory, at most: CSV, compressed CSV, parquet.
_GROWTH = {"csv": 4, "compressed": 15, "parquet": 10}
# Share of the memory that rows as they are read may take, and labels that are told apart.
_SHARE, _MOST_LABELS = 1 / 8, 100


def opened_rows(source, n_rows, seed, target=None, evenly=True):
    """Return a file, or random rows of it in their order where it is large.

    Parameters
    ----------
    source : CsvFile or ParquetFiles
        The file.
    n_rows : int or None
        Rows that are wanted; None are all, or `MOST` by label of a file that does not fit into memory.
    seed : int
        Seed.
    target : str or None
        Column of labels.
    evenly : bool
        Whether rows by label are as many of each label as there are, up to an equal share; the rows then have weights.

    Returns
    -------
    CsvFile, ParquetFiles or DrawnRows
    """
    n_bytes, memory = _bytes_of(source.file), _memory()
    rng = np.random.default_rng(seed)
    if n_rows is None:
        if n_bytes * _GROWTH[source.form] <= memory / 2:
            return source
        return DrawnRows(source, MOST, rng, target, evenly)
    return source if n_bytes < LARGE else DrawnRows(source, max(n_rows, _LEAST), rng, target)


def _bytes_of(file):
    """Return the size of a file, or of all files in a folder."""
    path = Path(file)
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file())


def _memory():
    """Return the bytes of the machine's memory, as many as can be where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return np.inf


class DrawnRows:
    """Random rows of a file, in its order, read as a table of their own; see `opened_rows`.

    Attributes
    ----------
    file, names, said : str, list of str, list of str
        As a file has them.
    n_rows, n_labelled : int
        Rows of the file; those with a label.
    weights : ndarray of shape (n_drawn,) or None
        How many rows of its label each drawn row stands for, with mean one; None where labels are as in the file.
    """

    def __init__(self, source, n_rows, rng, target=None, evenly=False):
        self.file, self.names, self._source, self._target = source.file, source.names, source, target
        self._codes_of, self._thresholds, self._evenly = {}, {}, evenly
        counts, parts, self.n_rows = np.zeros(_MOST_LABELS + 1, dtype=np.int64), [], 0
        for batch in source.batches(_BATCH, source.names):
            n_rows = min(n_rows, _most_rows(batch)) if not self.n_rows else n_rows
            self.n_rows += len(batch)
            codes = self._codes(batch)
            counts += np.bincount(codes, minlength=len(counts))
            parts.append(self._kept_of(batch, codes, rng.random(len(batch))))
            if sum(len(part[1]) for part in parts) > 1.5 * n_rows:
                parts = [self._settled(parts, n_rows)]
        self._kept, codes, _ = self._settled(parts, n_rows) if parts else (None, np.empty(0, dtype=np.intp), None)
        self.n_labelled = int(counts.sum() - counts[list(self._without_label())].sum())
        self.weights = None
        if evenly and len(codes):
            weights = (counts / np.maximum(np.bincount(codes, minlength=len(counts)), 1))[codes]
            self.weights = weights / weights.mean()
        more = ", as many of each label as there are, up to an equal share, and weighted" if evenly else ""
        note = f"{len(codes):,} of {self.n_rows:,} rows are drawn from the file, which is large (--rows){more}."
        self.said = [*source.said, note]

    def _codes(self, batch):
        """Return a number for the label of each row, as it is written."""
        if self._target is None:
            return np.zeros(len(batch), dtype=np.intp)
        column = batch[self._target]
        column = column if hasattr(column, "map") else column.to_pandas()
        codes, labels = column.astype(object).factorize(use_na_sentinel=False)
        for label in labels:
            label = None if label != label else label
            self._codes_of.setdefault(label, len(self._codes_of))
        if len(self._codes_of) > _MOST_LABELS:
            raise Refusal(f"Column {self._target!r} holds more than {_MOST_LABELS} labels; it takes 2 to 20.")
        return np.array([self._codes_of[None if label != label else label] for label in labels], dtype=np.intp)[codes]

    def _without_label(self):
        """Return the numbers of what is no label."""
        if isinstance(self._source, CsvFile):
            missing = labels_of(list(self._codes_of))
            return [code for code, label in zip(self._codes_of.values(), missing, strict=True) if label is None]
        return [code for label, code in self._codes_of.items() if label is None]

    def _kept_of(self, batch, codes, keys):
        """Return the rows of a part that are drawn so far."""
        limits = np.ones(_MOST_LABELS + 1)
        for code, threshold in self._thresholds.items():
            limits[code] = threshold
        rows = np.flatnonzero(keys < limits[codes if self._evenly else np.zeros_like(codes)])
        return batch.iloc[rows] if hasattr(batch, "iloc") else batch.take(rows), codes[rows], keys[rows]

    def _settled(self, parts, n_rows):
        """Return parts as one of `n_rows` rows at most."""
        tables, codes, keys = zip(*parts, strict=True)
        table, codes, keys = _joined(tables), np.concatenate(codes), np.concatenate(keys)
        self._thresholds |= lowered(codes if self._evenly else np.zeros_like(codes), keys, n_rows)
        return self._kept_of(table, codes, keys)

    def table(self, target=None, texts=()):
        """Return the rows, once; see `CsvFile.table`."""
        kept, self._kept = self._kept, None
        if kept is None:
            return self._source.table(target, texts)
        if not isinstance(self._source, CsvFile):
            return kept.to_pandas()
        written = kept.to_csv(sep=self._source.sep, index=False).encode("utf-8")
        del kept
        return self._source.parsed(lambda: io.BytesIO(written), target, texts, "utf-8")


def _most_rows(batch):
    """Return how many rows like those of a part a share of the memory holds."""
    memory = _memory() * _SHARE
    n_bytes = batch.memory_usage(deep=True).sum() if hasattr(batch, "iloc") else 2 * batch.nbytes
    return int(max(min(memory / (n_bytes / len(batch)), 1e9), 1000))


def _joined(tables):
    """Return parts of a table as one."""
    if hasattr(tables[0], "iloc"):
        import pandas as pd

        return pd.concat(tables)
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()
