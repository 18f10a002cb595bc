"""Read a file as a table, by its content whatever its name."""

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
import zipfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal

#: Texts that pandas reads as missing values in a feature column.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# Bytes at the beginning of UTF-8 and UTF-16 with a mark, in the order in which they are looked for.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# Possible separators of columns; the first of those that give the most columns is used.
_SEPARATORS = ",;\t|"
_LOOKED_AT = 65_536


def read_table(file, target, sep=None, encoding=None):
    """Read a table from a file.

    Parameters
    ----------
    file : str
        CSV, plain or compressed, or parquet: a file, or a folder of parquet files.
    target : str
        Target column of a CSV, in which "None" or "NA" may be a label; see `labels_of`.
    sep, encoding : str or None
        Separator and encoding of a CSV; None detects them.

    Returns
    -------
    table : pandas.DataFrame
        Table whose column names are strings.
    said : list of str
        Notes for the user on how it was read.

    Raises
    ------
    Refusal
        If it cannot be read.
    """
    try:
        import pandas  # noqa: F401  (the table is one of pandas)
    except ImportError:
        raise Refusal("The command needs pandas to read tables: pip install pandas") from None
    try:
        path = Path(file)
        if path.is_dir():
            if not any(path.rglob("*.parquet")):
                raise Refusal(f"{file} is a folder without a parquet file; pass the file of the table.")
            return _parquet(file)
        content = _Content(path)
        return _parquet(file) if content.head[:4] == b"PAR1" else _csv(content, file, target, sep, encoding)
    except FileNotFoundError:
        raise Refusal(f"There is no file {file}{_elsewhere(file)}") from None
    except Refusal:
        raise
    except Exception as error:  # errors of pandas, pyarrow and decompressors have no common base
        raise Refusal(f"{file} cannot be read: {_reason(error)}") from None


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


def _reason(error):
    """Return the message of an error in one line that ends with a full stop."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return f"{text.rstrip('.')}."


class _Content:
    """Bytes of a file, decompressed, that can be read several times; a pipe is read once and kept in memory."""

    def __init__(self, path):
        self.path = path if path.is_file() else None
        self.bytes = None if self.path else path.read_bytes()
        with self._raw() as raw:
            start = raw.read(6)
        self.opener = next((of for mark, of in _OPENERS.items() if start.startswith(mark)), None)
        self.is_zip = start[:4] in (b"PK\x03\x04", b"PK\x05\x06")
        with self.open() as stream:
            self.head = stream.read(_LOOKED_AT)

    def _raw(self):
        """Return a stream of the raw bytes."""
        return self.path.open("rb") if self.path else io.BytesIO(self.bytes)

    @contextmanager
    def open(self):
        """Open a stream of the decompressed bytes."""
        with ExitStack() as stack:
            stream = stack.enter_context(self._raw())
            if self.is_zip:
                archive = stack.enter_context(zipfile.ZipFile(stream))
                stream = stack.enter_context(archive.open(_only_file(archive.namelist())))
            elif self.opener:
                stream = stack.enter_context(self.opener(stream))
            yield stream


def _only_file(names):
    """Return the name of the one file of an archive."""
    if len(names) != 1:
        raise ValueError(
            f"it is an archive of {len(names)} files{f', such as {names[0]!r}' if names else ''}. If it is an Excel "
            "workbook, save a sheet as CSV; else pass one of the files"
        )
    return names[0]


def _parquet(file):
    """Return the table of a parquet file, or of a folder of these."""
    import pandas as pd

    try:
        table = pd.read_parquet(file)
    except ImportError:
        raise Refusal(f"{file} is a parquet file, for which pandas needs pyarrow: pip install pyarrow") from None
    except Exception as error:  # errors of pyarrow have no common base
        raise Refusal(f"{file} cannot be read as parquet: {_reason(error)}") from None
    table.columns = [str(name) for name in table.columns]
    return _without_twins(table, file), []


def _without_twins(table, file):
    """Return the table; raise if two of its columns have the same name."""
    twins = [name for name, n in Counter(table.columns).items() if n > 1]
    if twins:
        raise Refusal(f"{file} has several columns named {twins[0]!r}; give each a name of its own.")
    return table


def _csv(content, file, target, sep, encoding):
    """Return the table of a CSV."""
    if not content.head.strip():
        raise Refusal(f"{file} is empty; it takes a header and rows.")
    said, chosen = [], encoding or next((of for mark, of in _MARKS.items() if content.head.startswith(mark)), "utf-8")
    if b"\0" in content.head and encoding is None and chosen != "utf-16":
        raise Refusal(
            f"{file} is neither CSV nor parquet: it contains zero bytes. If it is text in UTF-16, pass "
            "--encoding utf-16-le."
        )
    try:
        table, notes = _parsed(content, file, target, sep, chosen)
    except UnicodeDecodeError as error:
        if encoding is not None or chosen != "utf-8":
            raise Refusal(
                f"{file} is not text in {chosen}: {_reason(error)} Pass its encoding by --encoding."
            ) from None
        try:
            table, notes = _parsed(content, file, target, sep, "cp1252")
        except UnicodeDecodeError:
            raise Refusal(f"{file} is not text in UTF-8; pass its encoding, such as --encoding latin-1.") from None
        said = [f"{file} is not UTF-8; it is read as Windows-1252 (--encoding names another)."]
    return table, said + notes


def _parsed(content, file, target, sep, encoding):
    """Return the table of a CSV in an encoding, and notes for the user."""
    import pandas as pd

    with content.open() as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        lines = text.read(_LOOKED_AT)
    sep = sep or max(_SEPARATORS, key=lambda one: len(_header(lines, one)))
    header, decimal, notes = _header(lines, sep), ".", []
    commas = [] if sep == "," else _cells(lines, sep, ",")
    if len(commas) > len(_cells(lines, sep, ".")):
        decimal, notes = ",", [f"Numbers such as {commas[0]} are read as having a decimal comma."]
    how = {"sep": sep, "encoding": encoding, "decimal": decimal, "low_memory": False, "index_col": False}
    if header.count(target) > 1:
        raise Refusal(f"{file} has {header.count(target)} columns named {target!r}; which is the target?")
    try:
        with content.open() as stream:
            names = pd.read_csv(stream, nrows=0, **how).columns
        with warnings.catch_warnings(), content.open() as stream:
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                stream, dtype={target: str}, keep_default_na=False,
                na_values={name: MISSING for name in names if name != target}, **how,
            )  # fmt: skip
    except pd.errors.ParserWarning:
        raise Refusal(
            f"{file} has more columns in its rows than in its header, which has {len(header)}, separated by {sep!r}; "
            "name each column."
        ) from None
    except (pd.errors.ParserError, csv.Error) as error:
        reason = _reason(error).replace("Error tokenizing data. C error: ", "")
        raise Refusal(
            f"{file} is not a table with columns separated by {sep!r}: {reason} Correct the file, or pass --sep."
        ) from None
    if target in table:
        table[target] = pd.Series(labels_of(table[target]), index=table.index, dtype=object)
    twins = [name for name, n in Counter(header).items() if n > 1 and name]
    notes += [f"{file} has several columns named {name!r}; the second is {name + '.1'!r} here." for name in twins]
    return table, notes


def _header(lines, sep):
    """Return the cells of the first line of a CSV that is not empty."""
    rows = csv.reader(io.StringIO(lines, newline=""), delimiter=sep)
    return next((row for row in rows if row), [])


def _cells(lines, sep, decimal):
    """Return the cells of a CSV that are numbers with digits on both sides of a decimal sign."""
    number = re.compile(rf"[-+]?\d+{re.escape(decimal)}\d+")
    rows = csv.reader(io.StringIO(lines, newline=""), delimiter=sep)
    return [cell.strip() for row in rows for cell in row if number.fullmatch(cell.strip())]


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
