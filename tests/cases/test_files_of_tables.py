"""Files are read as tables in every common form, and their columns are checked."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from written_tables import GOOD, N_ROWS, ZEROS, archive, parquet, with_column, with_target

from skimbalance import audit
from skimbalance._cli import Refusal, drawing
from skimbalance._cli.checks import draw
from skimbalance._cli.features import learn_features, read_features
from skimbalance._cli.options import parser
from skimbalance._cli.reading import labels_of, open_table
from skimbalance._cli.task import read_task
from skimbalance._cli.values import decision
from skimbalance.evaluation.report.words import written

pd = pytest.importorskip("pandas", reason="the command line reads tables by pandas")
pytest.importorskip("pyarrow", reason="pandas reads parquet by pyarrow")


def asked(folder, content, *options):
    """Return what is asked of a file, and what was said."""
    path = folder / "table"
    path.write_bytes(content)
    options = parser().parse_args(["compare", str(path), "--target", "y", *options])
    task = read_task(options)
    return task, task.said


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
    "zip": archive("t.csv"),
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
    assert len(open_table(str(tmp_path / "T.PARQUET")).table()) == N_ROWS


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


def test_a_file_of_another_country_is_the_same_table(tmp_path):
    """Semicolons, decimal commas, a comma in the header, text in latin-1, codes with a leading zero, dates."""
    lines = [f"{i},5;0{i % 3};{'öü'[i % 2]};{i % 27 + 1}.2.2024 {i % 24}:15;{i % 4 == 0}" for i in range(N_ROWS)]
    content = "\n".join(["size, net;code;town;when;y", *lines]).encode("latin-1")
    task, _ = asked(tmp_path, content, "--categorical", "code", "--dates", "expand", "--folds", "2")
    assert list(task.X) == ["size, net", "code", "town", "when day", "when weekday", "when hour", "when day number"]
    assert task.X.iloc[1].tolist() == [1.5, "01", "ü", 2.0, 4.0, 1.0, 19755.0]
    assert task.pos_label is True
    assert [column["kind"] for column in task.columns] == ["number", "category", "category", "date"]
    assert task.columns[3]["format"] == "%d.%m.%Y %H:%M"
    (tmp_path / "other").write_bytes(b"when,town,code,size,y\n2024-13-13,a,1,0,1\n")
    table = open_table(str(tmp_path / "other")).table()
    with pytest.raises(Refusal, match="holds '2024-13-13', which cannot be read as %d.%m.%Y %H:%M"):
        read_features(table.rename(columns={"size": "size, net"}), task.columns)


@pytest.mark.parametrize(
    "written",
    ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%d-%m-%y", "%Y-%m", "%d %b %Y", "%d-%B-%Y", "%b %d, %Y", "%B %Y",
     "%d. %b %Y", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%b-%y", "%m/%d/%Y %I:%M %p"],
)  # fmt: skip
def test_dates_that_the_audit_finds_are_expanded(written):
    days = pd.date_range("2022-01-03", periods=400, freq="61h", name="when")
    column = pd.Series(days.strftime(written), name="when")
    (found,) = audit(column.to_frame(), np.arange(400) % 3 == 0).columns("date")
    assert found == "when"
    X, (described,) = learn_features(column.to_frame(), [], True)
    assert described["kind"] == "date"
    np.testing.assert_array_equal(X["when month"], days.month)
    if "d" in written:
        np.testing.assert_array_equal(X["when day"], days.day)


@pytest.mark.parametrize("column", [pd.date_range("2024-02-01", periods=N_ROWS, tz="CET"),
                                    pd.date_range("2024-02-01", periods=N_ROWS).date])  # fmt: skip
def test_dates_of_parquet_are_expanded(column, tmp_path):
    task, _ = asked(tmp_path, parquet(y=ZEROS, when=column), "--dates", "expand", "--drop", "size")
    assert task.X["when month"].tolist()[-1] in (3.0, 4.0)


def test_groups_and_weights_are_columns_of_the_file(tmp_path):
    content = with_column("who,weight", lambda i: f"{i // 2},{i % 3}")
    task, _ = asked(tmp_path, content, "--groups", "who", "--weights", "weight")
    assert list(task.X) == ["size"]
    assert task.groups.tolist() == [sorted(map(str, range(30))).index(str(i // 2)) for i in range(N_ROWS)]
    assert task.sample_weight.tolist() == [i % 3 for i in range(N_ROWS)]
    with pytest.raises(Refusal, match="holds '-1'; weights are"):
        asked(tmp_path, with_column("weight", lambda i: -i), "--weights", "weight")


def test_few_distinct_dates_are_categories(tmp_path):
    task, said = asked(tmp_path, with_column("month", lambda i: f"2024-0{i % 4 + 1}-01"))
    assert "month" in task.X
    assert not any("dates" in one for one in said)


def test_free_text_is_refused_with_the_option_that_helps(tmp_path):
    lines = [f"{i},note {i},{i % 2}" for i in range(400)]
    with pytest.raises(Refusal, match="Column 'note' holds 400 texts in 400 rows.*--drop note$"):
        asked(tmp_path, "\n".join(["size,note,y", *lines]).encode())


def sorted_table():
    """Return a table sorted by its label, with a row number, a copy of the label, an identifier and a date."""
    rng = np.random.default_rng(0)
    y, days = np.repeat([0, 1], [170, 30]), pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(200), unit="D")
    return pd.DataFrame(
        {
            "row": np.arange(200) + 5, "copy": np.where(y, "paid", "open"), "when": days.strftime("%d.%m.%Y"),
            "size": rng.normal(size=200), "y": np.where(rng.random(200) < 0.05, "", y.astype(str)),
        }
    )  # fmt: skip


def test_a_row_number_and_a_copy_of_the_target_are_named(tmp_path):
    content = sorted_table().to_csv(index=False).encode()
    task, said = asked(tmp_path, content, "--drop", "when")
    found = {(one.severity, one.kind, one.column) for one in task.findings}
    assert {("severe", "leak", "copy"), ("warning", "row number", "row"), ("warning", "sorted", None)} <= found
    assert "rows have no 'y' and are left out" in said[0]
    assert any("row number" in note for note in task.notes)
    task, said = asked(tmp_path, content, "--drop", "auto")
    assert list(task.X) == ["copy", "size"]
    assert said[1:] == ["Left out by --drop auto: 'row' (row number), 'when' (date)."]
    task, _ = asked(tmp_path, content, "--drop", "auto, copy", "--dates", "expand")
    assert list(task.X)[:2] == ["when month", "when day"]
    with pytest.raises(Refusal, match="Column 'when' holds dates as text.*--dates expand.*--drop when"):
        asked(tmp_path, content)
    with pytest.raises(Refusal, match="would leave no column"):
        asked(tmp_path, content, "--drop", "size,copy", "--drop", "auto")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("f1", "f1"),
        ("0.3", 0.3),
        ("precision>=0.8", ("precision", 0.8)),
        ("recall >= 0.9@0.95", ("recall", 0.9, 0.95)),
        ("top=100", ("top", 100)),
        ("rate=0.01", ("rate", 0.01)),
    ],
)
def test_decisions_are_written_as_python_users_say_them(text, rule):
    assert decision(text) == rule
    assert decision(written(rule)) == rule


def test_rows_are_sampled_by_label():
    y = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [900, 90, 11]))
    for n_rows in (1000, 500, 100, 11):
        rows = draw(y, n_rows)
        assert len(np.unique(rows)) == n_rows
        assert (np.diff(rows) > 0).all()
        for label in "abc":
            assert abs((y[rows] == label).sum() - n_rows * (y == label).mean()) <= 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_of_a_large_file_are_drawn_in_batches(form, tmp_path, monkeypatch):
    """And read as those of a small one: decimal commas, codes, and a column that holds text in late rows alone."""
    monkeypatch.setattr(drawing, "LARGE", 10)
    monkeypatch.setattr(drawing, "_BATCH", 16)
    monkeypatch.setattr(drawing, "_LEAST", 40)
    if form == "csv":
        lines = [f"{i},5;0{i % 3};{'NA' if i < 40 else 'late'};{i % 2}" for i in range(N_ROWS)]
        content = "\n".join(["size;code;kind;y", *lines]).encode("utf-16")
    else:
        content = parquet(code=["01", "02"] * 30, kind=[None] * 40 + ["late"] * 20, y=np.arange(N_ROWS) % 2)
    task, said = asked(tmp_path, content, "--categorical", "code", "--rows", "30", "--folds", "2")
    assert len(task.X) == 30
    assert task.X["size"].is_monotonic_increasing
    assert task.X["size"].dtype == (np.float64 if form == "csv" else np.int64)
    assert set(task.X["code"]) <= {"00", "01", "02"}
    assert set(task.X["kind"].dropna()) == {"late"}
    assert task.n_rows == N_ROWS
    assert "40 of 60 rows are drawn from the file, which is large (--rows)." in said


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_train_draws_rows_by_label_where_the_file_does_not_fit_into_memory(form, tmp_path, monkeypatch):
    """Rare rows are kept, weights undo it, and rows without a label are counted in the whole file."""
    monkeypatch.setattr(drawing.os, "sysconf", lambda name: 10)
    monkeypatch.setattr(drawing, "_BATCH", 30)
    monkeypatch.setattr(drawing, "MOST", 60)
    labels = np.where(np.arange(400) % 20 == 0, "yes", np.where(np.arange(400) % 50 == 1, "", "no"))
    table = pd.DataFrame({"size": np.arange(400) % 37, "n": 2.0, "y": labels})
    if form == "csv":
        table.to_csv(tmp_path / "table", index=False)
    else:
        table.assign(y=table["y"].replace("", None)).to_parquet(tmp_path / "table")

    def read(*more):
        return read_task(parser().parse_args(["train", str(tmp_path / "table"), "--target", "y", "--out", "m", *more]))

    task = read()
    assert (task.n_rows, task.n_labelled) == (400, 392)
    assert (task.y == "yes").sum() == 20
    assert len(task.y) <= 60
    assert task.sample_weight[task.y == "yes"].sum() / task.sample_weight.sum() == pytest.approx(20 / 392)
    assert any(one.startswith("60 of 400 rows are drawn") and one.endswith("and weighted.") for one in task.said)
    assert "8 of 400 rows have no 'y' and are left out." in task.said
    twice = read("--weights", "n").sample_weight
    np.testing.assert_allclose(twice, 2 * task.sample_weight)
    for more in (["--decision", "top=5"], ["--strategy", "smote"]):  # which take rows as they are
        assert read(*more, "--folds", "2").sample_weight is None
