"""Files are read as tables in every common form, and their columns are checked."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from skimbalance._cli import Refusal
from skimbalance._cli.checks import draw
from skimbalance._cli.options import parser
from skimbalance._cli.reading import labels_of, read_table
from skimbalance._cli.task import read_task

pd = pytest.importorskip("pandas", reason="the command line reads tables by pandas")
pytest.importorskip("pyarrow", reason="pandas reads parquet by pyarrow")

N_ROWS = 60
ROWS = "".join(f"{i / 7:.3f},{'ab'[i % 2]},{int(i % 4 == 0)}\n" for i in range(N_ROWS))
GOOD = f"size,kind,y\n{ROWS}".encode()


def with_column(name, values, target="y"):
    """Return a table with a column before the target, as bytes of a CSV."""
    lines = [f"size,{name},{target}", *(f"{i},{values(i)},{int(i % 4 == 0)}" for i in range(N_ROWS))]
    return "\n".join(lines).encode()


def with_target(values, name="y"):
    """Return a table with other labels, as bytes of a CSV."""
    return "\n".join([f"size,{name}", *(f"{i},{values(i)}" for i in range(N_ROWS))]).encode()


def parquet(**columns):
    """Return a table as bytes of a parquet file."""
    stream = io.BytesIO()
    pd.DataFrame({"size": np.arange(N_ROWS), **columns}).to_parquet(stream)
    return stream.getvalue()


def archive():
    """Return a ZIP archive of the good table."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as of:
        of.writestr("t.csv", GOOD)
    return stream.getvalue()


ZEROS = np.arange(N_ROWS) % 4 == 0


def asked(folder, content, *options):
    """Return what is asked of a file, and what was said."""
    path = folder / "table"
    path.write_bytes(content)
    options = parser().parse_args(["compare", str(path), "--target", "y", *options])
    table, said = read_table(options.file, options.target, options.sep, options.encoding)
    task = read_task(table, options)
    return task, said + task.said


FORMS = {
    "UTF-8": GOOD,
    "with a mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "semicolons": GOOD.replace(b",", b";"),
    "tabs": GOOD.replace(b",", b"\t"),
    "bars": GOOD.replace(b",", b"|"),
    "Windows": GOOD.replace(b"\n", b"\r\n"),
    "blank lines": b"\n\n" + GOOD,
    "a separator at the end": GOOD.replace(b"\n", b",\n"),
    "gzip": gzip.compress(GOOD),
    "bzip2": bz2.compress(GOOD),
    "xz": lzma.compress(GOOD),
    "zip": archive(),
    "gzip of UTF-16": gzip.compress(GOOD.decode().encode("utf-16")),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_the_same_in_every_form(form, tmp_path):
    """Whatever it is called."""
    task, said = asked(tmp_path, FORMS[form])
    expected, _ = asked(tmp_path, GOOD)
    pd.testing.assert_frame_equal(task.X[["size", "kind"]], expected.X)
    assert task.y.tolist() == expected.y.tolist()
    assert task.pos_label == 1
    assert not said


def test_decimal_commas_are_read_and_reported(tmp_path):
    task, said = asked(tmp_path, GOOD.replace(b",", b";").replace(b".", b","))
    pd.testing.assert_frame_equal(task.X, asked(tmp_path, GOOD)[0].X)
    assert said == ["Numbers such as 0,000 are read as having a decimal comma."]


def test_parquet_is_read_under_any_name(tmp_path):
    content = parquet(y=pd.Series(np.where(ZEROS, "ill", "well"), dtype="category"), kind=np.roll(ZEROS, 7))
    task, said = asked(tmp_path, content)
    assert task.pos_label == "ill"
    assert task.X["kind"].dtype == bool
    assert not said
    (tmp_path / "T.PARQUET").write_bytes(content)
    assert len(read_table(str(tmp_path / "T.PARQUET"), "y")[0]) == N_ROWS


def test_windows_1252_is_read_and_reported(tmp_path):
    content = with_column("town", lambda i: ["Lübeck", "Köln"][i % 2])
    task, said = asked(tmp_path, content.decode().encode("cp1252"))
    assert task.X["town"].unique().tolist() == ["Lübeck", "Köln"]
    assert "read as Windows-1252 (--encoding names another)" in said[0]
    task, said = asked(tmp_path, content.decode().encode("latin-1"), "--encoding", "latin-1")
    assert task.X["town"].unique().tolist() == ["Lübeck", "Köln"]
    assert not said


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["None", "mild", "NA", ""], ["None", "mild", "NA", None]),
        (["0", "1", "NA", "", "nan"], [0, 1, None, None, None]),
        (["0.0", "1.0"], [0.0, 1.0]),
        (["True", "false", ""], [True, False, None]),
        (["yes", "null", " "], ["yes", "null", None]),
        (["1", "a"], ["1", "a"]),
        (["1", "inf"], ["1", "inf"]),
        (["NA", "None"], ["NA", "None"]),
        (["", ""], [None, None]),
        ([], []),
    ],
)
def test_words_for_missing_values_are_labels_unless_all_others_are_numbers(texts, expected):
    found = labels_of(texts).tolist()
    assert found == expected
    assert [type(label) for label in found] == [type(label) for label in expected]


def test_labels_named_na_are_kept_and_features_have_missing_values(tmp_path):
    lines = [f"{'NA' if i % 5 == 0 else i},{['None', 'mild', 'n/a'][i % 3]}" for i in range(N_ROWS)]
    task, said = asked(tmp_path, "\n".join(["size,y", *lines]).encode())
    assert set(task.y) == {"None", "mild", "n/a"}
    assert task.X["size"].isna().sum() == 12
    assert not said
    _, said = asked(tmp_path, GOOD + b"3.0,a,\n4.0,b, \n")
    assert said == ["2 of 62 rows have no 'y' and are left out."]


def test_duplicate_column_names_are_reported(tmp_path):
    rows = "".join(f"{i},{i % 3},{i % 2}\n" for i in range(N_ROWS))
    task, said = asked(tmp_path, f"a,a,y\n{rows}".encode(), "--folds", "3")
    assert list(task.X) == ["a", "a.1"]
    assert "several columns named 'a'; the second is 'a.1' here" in said[0]


@pytest.mark.parametrize(
    ("pos_label", "expected"), [(None, 1.0), ("1", 1.0), ("1.0", 1.0), ("0", 0.0)], ids=["rarer", "1", "1.0", "0"]
)
def test_the_positive_label_is_matched_by_its_text(pos_label, expected, tmp_path):
    options = [] if pos_label is None else ["--pos-label", pos_label]
    task, _ = asked(tmp_path, with_target(lambda i: f"{int(i % 4 == 0)}.0"), *options)
    assert task.pos_label == expected


def test_columns_are_left_out_by_name(tmp_path):
    content = with_column('"id, old"', lambda i: i)
    assert list(asked(tmp_path, content, "--drop", "id, old")[0].X) == ["size"]
    content = with_column("when", lambda i: f"2024-01-{i % 30 + 1} {i}:00")
    assert list(asked(tmp_path, content, "--drop", "when")[0].X) == ["size"]
    assert list(asked(tmp_path, content, "--drop", " when ")[0].X) == ["size"]


def test_few_distinct_dates_are_categories(tmp_path):
    task, said = asked(tmp_path, with_column("month", lambda i: f"2024-0{i % 4 + 1}-01"))
    assert "month" in task.X
    assert not any("dates" in one for one in said)


def test_free_text_is_refused_with_the_option_that_helps(tmp_path):
    lines = [f"{i},note {i},{i % 2}" for i in range(400)]
    with pytest.raises(Refusal, match="Column 'note' holds 400 texts in 400 rows.*--drop note$"):
        asked(tmp_path, "\n".join(["size,note,y", *lines]).encode())


@pytest.mark.parametrize("form", ["category", "number", "order of the rows", "three labels", "with missing values"])
def test_a_column_that_reveals_the_target_is_reported(form, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(3 if form == "three labels" else 2, size=400)
    y = np.sort(y) if form == "order of the rows" else y
    leaks = {
        "category": np.where(y == 1, "paid", "open"),
        "number": 100 * y + rng.normal(size=400),
        "order of the rows": np.arange(400),
        "three labels": np.array(["C", "A", "B"])[y],
        "with missing values": np.where(y == 1, "2024", ""),
    }
    table = pd.DataFrame({"noise": rng.normal(size=400), "leak": leaks[form], "flat": 1, "y": y})
    _, said = asked(tmp_path, table.to_csv(index=False).encode())
    assert said == ["Column 'leak' alone predicts 'y': if it is known only after the target, leave it out: --drop leak"]


def test_rows_are_sampled_by_label():
    y = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [900, 90, 11]))
    for n_rows in (1000, 500, 100, 11):
        rows = draw(y, n_rows)
        assert len(np.unique(rows)) == n_rows
        assert (np.diff(rows) > 0).all()
        for label in "abc":
            assert abs((y[rows] == label).sum() - n_rows * (y == label).mean()) <= 1
