"""Read a file as a table, whole or in batches, by its content whatever its name."""

import csv
import io
import re
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.content import LOOKED_AT, Content

#: Texts that are read as missing values in a feature column.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
# Possible separators of columns, and the rows by which one is chosen.
_SEPARATORS, _ROWS = ",;\t|", 100


def open_table(file, sep=None, encoding=None, decimal=None):
    """Find out how a file is read as a table.

    Parameters
    ----------
    file : str
        CSV, plain or compressed, or parquet: a file, or a folder of parquet files.
    sep, encoding, decimal : str or None
        Separator, encoding and decimal sign of a CSV; None detects them.

    Returns
    -------
    CsvFile or ParquetFiles
        With the attributes `names` (of the columns, strings) and `said` (notes for the user on how it is read), and the
        methods ``table(target, texts)`` and ``batches(n_rows, texts)``.

    Raises
    ------
    Refusal
        If it cannot be read.
    """
    try:
        import pandas  # noqa: F401  (tables are those of pandas)
    except ImportError:
        raise Refusal("The command needs pandas to read tables: pip install pandas") from None
    with _refusing(file):
        path = Path(file)
        if path.is_dir():
            if not any(path.rglob("*.parquet")):
                raise Refusal(f"{file} is a folder without a parquet file; pass the file of the table.")
            return ParquetFiles(file)
        content = Content(path)
        if content.head[:4] == b"PAR1":
            return ParquetFiles(file)
        return CsvFile(content, file, sep, encoding, decimal)


@contextmanager
def _refusing(file):
    """Turn errors of pandas, pyarrow and decompressors, which have no common base, into refusals."""
    try:
        yield
    except FileNotFoundError:
        raise Refusal(f"There is no file {file}{_elsewhere(file)}") from None
    except (Refusal, GeneratorExit):
        raise
    except Exception as error:
        raise Refusal(f"{file} cannot be read: {reason(error)}") from None


def _elsewhere(file):
    """Return the end of the message for a missing file."""
    if "://" in file:
        return "; the command reads files on this machine: download it first."
    try:
        near = next(
            (one.name for one in Path(file).parent.iterdir() if one.name.lower() == Path(file).name.lower()), ""
        )
    except OSError:
        return ", nor its folder."
    return f", but {near}." if near else "."


def reason(error):
    """Return the message of an error in one line that ends with a full stop."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return f"{text.rstrip('.')}."


class ParquetFiles:
    """A parquet file, or a folder of these."""

    def __init__(self, file):
        try:
            from pyarrow import dataset
        except ImportError:
            raise Refusal(f"{file} is a parquet file, for which pandas needs pyarrow: pip install pyarrow") from None
        self.file, self.said, self.form = file, [], "parquet"
        with self._refusing():
            self._dataset = dataset.dataset(file, format="parquet", partitioning="hive")
        self.names = [str(name) for name in self._dataset.schema.names]
        twins = [name for name, n in Counter(self.names).items() if n > 1]
        if twins:
            raise Refusal(f"{file} has several columns named {twins[0]!r}; give each a name of its own.")

    @contextmanager
    def _refusing(self):
        """Turn errors of pyarrow, which have no common base, into refusals."""
        try:
            yield
        except (Refusal, GeneratorExit):
            raise
        except Exception as error:
            raise Refusal(f"{self.file} cannot be read as parquet: {reason(error)}") from None

    def table(self, target=None, texts=()):
        """Return all rows; `target` and `texts` change nothing, as columns have types."""
        import pandas as pd

        with self._refusing():
            table = pd.read_parquet(self.file)
        table.columns = [str(name) for name in table.columns]
        return table

    def batches(self, n_rows, texts=()):
        """Yield the rows in batches, as tables of pyarrow."""
        import pyarrow as pa

        with self._refusing():
            for batch in self._dataset.to_batches(batch_size=n_rows, batch_readahead=2, fragment_readahead=1):
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])


class CsvFile:
    """A CSV: how it is written, and its rows."""

    def __init__(self, content, file, sep=None, encoding=None, decimal=None):
        if not content.head.strip():
            raise Refusal(f"{file} is empty; it takes a header and rows.")
        self.file, self._content, self.form = file, content, "compressed" if content.is_compressed else "csv"
        self.encoding, self.said = content.encoding(file, encoding)
        with content.open() as stream, io.TextIOWrapper(stream, self.encoding, newline="") as text:
            lines = text.read(LOOKED_AT)
        try:
            self.sep = sep or max(_SEPARATORS, key=lambda one: _fit_of(lines, one))
            self._header = next(_rows(lines, self.sep), [])
            self.decimal = decimal or self._decimal(lines)
        except csv.Error as error:
            raise Refusal(f"{file} is not a CSV: {reason(error)}") from None
        self._how = {"sep": self.sep, "encoding": self.encoding, "decimal": self.decimal, "index_col": False}
        with self._parsing() as (pd, stream):
            self.names = list(pd.read_csv(stream, nrows=0, **self._how).columns)
        twins = [name for name, n in Counter(self._header).items() if n > 1 and name]
        self.said = self.said + [
            f"{file} has several columns named {name!r}; the second is {name + '.1'!r} here." for name in twins
        ]

    def _decimal(self, lines):
        """Return the decimal sign, and say so where it is a comma."""
        commas = [] if self.sep == "," else _cells(lines, self.sep, ",")
        if len(commas) <= len(_cells(lines, self.sep, ".")):
            return "."
        self.said = [*self.said, f"Numbers such as {commas[0]} are read as having a decimal comma."]
        return ","

    @contextmanager
    def _parsing(self, opens=None):
        """Give pandas and an open stream; refuse what pandas cannot parse."""
        import pandas as pd

        opens = opens or self._content.open
        with _refusing(self.file), warnings.catch_warnings(), opens() as stream:
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                yield pd, stream
            except pd.errors.ParserWarning:
                raise Refusal(
                    f"{self.file} has more columns in its rows than in its header, which has {len(self._header)}, "
                    f"separated by {self.sep!r}; name each column."
                ) from None
            except (pd.errors.ParserError, csv.Error) as error:
                why = reason(error).replace("Error tokenizing data. C error: ", "")
                raise Refusal(
                    f"{self.file} is not a table with columns separated by {self.sep!r}: {why} Correct the file, or "
                    "pass --sep."
                ) from None

    def table(self, target=None, texts=()):
        """Return all rows.

        Parameters
        ----------
        target : str or None
            Target column, in which "None" or "NA" may be a label; see `labels_of`.
        texts : sequence of str
            Columns that are read as text, whatever they hold.
        """
        if self._header.count(target) > 1:
            raise Refusal(
                f"{self.file} has {self._header.count(target)} columns named {target!r}; which is the target?"
            )
        return self.parsed(self._content.open, target, texts, self.encoding)

    def parsed(self, opens, target, texts, encoding):
        """Return the rows of bytes that are written as this file is, in an encoding."""
        with self._parsing(opens) as (pd, stream):
            types = self._types([*texts, target], [target])
            table = pd.read_csv(stream, low_memory=False, **types, **self._how | {"encoding": encoding})
        if target in table:
            table[target] = pd.Series(labels_of(table[target]), index=table.index, dtype=object)
        return table

    def batches(self, n_rows, texts=()):
        """Yield the rows in batches, as frames of pandas; `texts` are as they are written, missing values included."""
        with self._parsing() as (pd, stream):
            types = self._types(texts, texts)
            with pd.read_csv(stream, chunksize=n_rows, low_memory=False, **types, **self._how) as batches:
                for batch in batches:
                    if len(batch):
                        yield batch

    def _types(self, texts, as_written):
        """Return arguments of pandas for columns of text, and for missing values, which some columns do not have."""
        return {
            "dtype": {name: str for name in texts if name in self.names},
            "keep_default_na": False,
            "na_values": {name: MISSING for name in self.names if name not in as_written},
        }


def _rows(lines, sep):
    """Return the rows of a CSV that are not empty, as an iterator."""
    return (row for row in csv.reader(io.StringIO(lines, newline=""), delimiter=sep) if row)


def _fit_of(lines, sep):
    """Return how well a separator fits a CSV: columns at all, rows of one length, and most columns."""
    rows = _rows(lines, sep)
    header = next(rows, [])
    lengths = Counter(len(row) for _, row in zip(range(_ROWS), rows, strict=False))
    (usual, n_usual), n = (lengths.most_common(1) or [(len(header), 1)])[0], max(lengths.total(), 1)
    is_table = len(header) > 1 and usual >= len(header)
    return is_table, round(n_usual / n, 1) if is_table else 0, len(header)


def _cells(lines, sep, decimal):
    """Return the cells of a CSV that are numbers with digits on both sides of a decimal sign."""
    number = re.compile(rf"[-+]?\d+{re.escape(decimal)}\d+")
    return [cell.strip() for row in _rows(lines, sep) for cell in row if number.fullmatch(cell.strip())]


def labels_of(texts):
    """Return the labels in a column of text, None for a missing one.

    A label is missing if its cell is empty or, if all other cells hold numbers, if it is a word for a missing value.
    """
    import pandas as pd

    texts = pd.Series(texts, dtype=object).fillna("")
    stripped = texts.str.strip()
    is_word, is_empty = stripped.isin(MISSING).to_numpy(dtype=bool), (stripped == "").to_numpy(dtype=bool)
    labels = np.full(len(texts), None, dtype=object)
    numbers = pd.to_numeric(stripped[~is_word], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if len(numbers) and np.isfinite(numbers).all():
        labels[~is_word] = pd.to_numeric(stripped[~is_word]).tolist()
    elif set(stripped[~is_empty].str.lower()) <= {"true", "false"}:
        labels[~is_empty] = (stripped[~is_empty].str.lower() == "true").tolist()
    else:
        labels[~is_empty] = texts[~is_empty].tolist()
    return labels
