"""``skimbalance predict``: add the probability and the decision to the rows of a file, however long it is."""

import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.console import say, show
from skimbalance._cli.files import check_file
from skimbalance._cli.model_file import need_skops, version_notes
from skimbalance._cli.scoring import BATCH, Model, batches_of, labels_at_once, takes_top
from skimbalance._progress import Progress
from skimbalance.evaluation.report.files import whole_file

#: What is added: a probability (of more than two labels, one of each), and a label.
PROBABILITY, DECISION = "probability", "decision"


def run(options):
    """Predict; whatever can be refused is, before TensorFlow is imported."""
    need_skops()
    kind = _kind_of(options.out)
    model = Model.of(options.model)
    _check_out(options)
    source = model.open(options)
    added = _added(model.about)
    taken = [name for name in added if name in source.names]
    if taken:
        raise Refusal(f"{options.file} has a column named {taken[0]!r} already, which would be added; rename it.")
    say(source.said + version_notes(model.about))
    model.load()
    decided, progress = _decided_at_once(source, model), Progress("rows", file=sys.stderr)
    with whole_file(options.out) as draft:
        digest, n_called = _write(source, model, kind(draft, source, model.about), progress, decided)
        if _digest_of(draft, kind, source, model.about, added) != digest:
            raise Refusal(f"{options.out} does not hold what was written, and is removed; is the disk full?")
    progress.end()
    if not progress.n:
        show(f"{options.file} has no rows. Written to {options.out}")
    elif model.positive is not None:
        label, share = model.about["pos_label"], n_called / progress.n
        show(f"{progress}; {n_called:,} ({share:.2%}) are predicted {label!r}. Written to {options.out}")
    else:
        show(f"{progress}. Written to {options.out}")
    return 0


def _kind_of(out):
    """Return what writes a file of this name."""
    name = out.lower()
    if name.endswith(".parquet"):
        if find_spec("pyarrow") is None:
            raise Refusal("Parquet needs pyarrow: pip install pyarrow. Or give a file that ends in .csv.")
        return _Parquet
    if name.endswith((".csv", ".csv.gz")):
        return _Csv
    raise Refusal(f"--out={out} is of an unknown kind; it takes a file that ends in .parquet, .csv or .csv.gz.")


def _check_out(options):
    """Refuse a place that something else has, or that cannot be written."""
    if Path(options.out).exists() and not options.overwrite:
        raise Refusal(f"--out={options.out} exists; give another name, or --overwrite.")
    check_file(options.out, options.file, "scored file")
    check_file(options.out, options.model, "scored file")


def _added(about):
    """Return the names of the columns that are added."""
    if about["pos_label"] is not None:
        return [PROBABILITY, DECISION]
    return [*(f"{PROBABILITY} {label}" for label in about["classes"]), DECISION]


def _decided_at_once(source, model):
    """Return the labels of all rows in a pass of its own, by a rule that takes those of highest probability."""
    if not takes_top(model):
        return None
    proba = [model.score(frame, first_row)[1] for frame, _, first_row in batches_of(source, model)]
    return labels_at_once(model, np.concatenate(proba)) if proba else None


def _write(source, model, writer, progress, decided=None):
    """Score and write all batches; return the digest of what was added, and how many rows are predicted positive."""
    digest, n_called, added = _Digest(), 0, _added(model.about)
    with writer:
        for frame, batch, first_row in batches_of(source, model):
            _, proba, labels = model.score(frame, first_row)
            labels = labels if decided is None else decided[first_row : first_row + len(frame)]
            shown = proba if model.positive is None else proba[:, [model.positive]]
            columns = dict(zip(added, [*shown.T, labels], strict=True))
            writer.write(batch, columns)
            digest.add(columns)
            n_called += int((labels == model.about["pos_label"]).sum())
            progress.move(progress.n + len(frame))
    return digest.value, n_called


class _Digest:
    """A number that follows from columns of probabilities and labels, and not from how they are cut into batches."""

    def __init__(self):
        self.value = {}

    def add(self, columns):
        """Add rows."""
        for name, values in columns.items():
            is_label = name == DECISION
            data = "\n".join([*map(str, values), ""]).encode() if is_label else np.ascontiguousarray(values, np.float64)
            self.value[name] = zlib.crc32(data, self.value.get(name, 0))


def _digest_of(path, kind, source, about, added):
    """Return the digest of a file that was written."""
    digest = _Digest()
    for frame in kind.read(path, source, about, added):
        digest.add({name: frame[name].tolist() if name == DECISION else frame[name].to_numpy() for name in added})
    return digest.value


class _Csv:
    """Writes a CSV, with the separator and the decimal sign of the CSV that was read."""

    def __init__(self, path, source, about):
        self._path, self._is_first = path, True
        self._how = _form_of(source)
        self._names = [*source.names, *_added(about)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._is_first:
            self.write(_frame({name: [] for name in self._names}), {})

    def write(self, batch, columns):
        """Write a batch with columns added to it."""
        if not hasattr(batch, "iloc"):  # an index of pandas is a column here, and whole numbers stay whole
            batch = batch.replace_schema_metadata(None).to_pandas(integer_object_nulls=True)
        mode = "w" if self._is_first else "a"
        batch.assign(**columns).to_csv(self._path, mode=mode, header=self._is_first, index=False, **self._how,
                                       compression=_compression(self._path))  # fmt: skip
        self._is_first = False

    @staticmethod
    def read(path, source, about, added):
        """Yield the added columns of a file in batches."""
        import pandas as pd

        how = {"sep": _form_of(source)["sep"], "usecols": added, "compression": _compression(path)}
        with pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=BATCH, **how) as parts:
            for part in filter(len, parts):
                numbers = {name: _as_floats(part[name].tolist()) for name in added if name != DECISION}
                yield part.assign(**numbers)


def _form_of(source):
    """Return separator and decimal sign of a CSV."""
    return {"sep": getattr(source, "sep", ","), "decimal": getattr(source, "decimal", ".")}


def _as_floats(texts):
    """Return numbers of either decimal sign as they were before they were written."""
    return np.array([float(text.replace(",", ".")) for text in texts])


def _compression(path):
    """Return the compression of a CSV by its name."""
    return "gzip" if str(path).lower().endswith(".gz") else None


def _frame(columns):
    """Return a frame of columns."""
    import pandas as pd

    return pd.DataFrame(columns)


class _Parquet:
    """Writes parquet: columns of parquet as they are; those of a CSV as the model reads them, and others as text."""

    def __init__(self, path, source, about):
        import pyarrow as pa

        self._path, self._writer, self._schema = path, None, None
        kinds = {column["name"]: column for column in about["columns"]}
        label = pa.array(about["classes"]).type
        self._added = [(name, label if name == DECISION else pa.float64()) for name in _added(about)]
        self._fields = [(name, _type_of(kinds.get(name), pa)) for name in source.names]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        import pyarrow as pa

        if self._writer is None and kind is None:
            fields = [(name, of or pa.string()) for name, of in self._fields]
            self._open(pa.schema([*fields, *self._added]))
        if self._writer is not None:
            self._writer.close()

    def _open(self, schema):
        """Begin the file."""
        from pyarrow import parquet

        self._schema, self._writer = schema, parquet.ParquetWriter(self._path, schema)

    def write(self, batch, columns):
        """Write a batch with columns added to it."""
        import pyarrow as pa

        table = self._of_frame(batch, pa) if hasattr(batch, "iloc") else batch.replace_schema_metadata(None)
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values.tolist() if name == DECISION else values))
        if self._writer is None:
            self._open(table.schema)
        self._writer.write_table(table.cast(self._schema))

    def _of_frame(self, frame, pa):
        """Return the rows of a CSV as a table."""
        arrays = []
        for name, of in self._fields:
            try:
                arrays.append(pa.array(frame[name], type=of, from_pandas=True))
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise Refusal(
                    f"Column {name!r} holds values that parquet cannot take beside those of training: {error} Give "
                    "--out a file that ends in .csv."
                ) from None
        return pa.table(dict(zip((name for name, _ in self._fields), arrays, strict=True)))

    @staticmethod
    def read(path, source, about, added):
        """Yield the added columns of a file in batches."""
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=[name for name in added if name in file.schema_arrow.names]):
                yield batch.to_pandas()


def _type_of(column, pa):
    """Return the type of a column of a CSV in parquet; None leaves it to what it holds."""
    if column is None or column["kind"] in ("category", "date"):
        return pa.string()
    if column["kind"] == "number":
        return pa.int64() if column["whole"] else pa.float64()
    return pa.bool_() if column["kind"] == "boolean" else None
