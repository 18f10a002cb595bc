"""The command line gives plain messages for any file and options."""

import bz2
import gzip
import io
import json
import lzma
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from written_tables import GOOD, N_ROWS, ZEROS, archive, parquet, with_column, with_target

from skimbalance import __main__ as command
from skimbalance._cli import console
from skimbalance._cli.options import STRATEGIES, parser
from skimbalance._cli.reading import open_table

pd = pytest.importorskip("pandas", reason="the command line reads tables by pandas")
pytest.importorskip("pyarrow", reason="pandas reads parquet by pyarrow")
pytest.importorskip("matplotlib", reason="the page has pictures")

#: What is refused: by name, bytes of the file (None: there is none), further options, and a part of the answer.
REFUSED = {
    # files
    "missing": (None, "", "There is no file"),
    "empty": (b"", "", "is empty; it takes a header"),
    "blank": (b"\n \n\n", "", "is empty"),
    "header alone": (b"size,kind,y\n", "", "holds 0 labels"),
    "one row": (b"size,y\n1,0\n", "", "has only the label 0"),
    "ragged": (GOOD + b"1,2,3,4,5\n", "", "Expected 3 fields in line 62, saw 5"),
    "rows longer than the header": (b"size,y\n" + b"1,2,3\n" * 30, "", "more columns in its rows than in its header"),
    "an open quote": (b'size,y\n"1,0\n2,1\n', "", "EOF inside string"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "", "neither CSV nor parquet"),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), "", "--encoding utf-16-le"),
    "bad UTF-16": (b"\xff\xfe" + GOOD + b"\x00\xd8", "", "is not text in utf-16"),
    "neither UTF-8 nor Windows-1252": (GOOD + b"1,\x81\x8d,0\n", "", "such as --encoding latin-1"),
    "not in the encoding given": (GOOD + "1,ü,0\n".encode("latin-1"), "--encoding utf-8", "is not text in utf-8"),
    "a workbook": (archive("sheet1.xml", "sheet2.xml"), "", "archive of 2 files"),
    "an empty archive": (archive(), "", "cannot be read"),
    "half of a gzip": (gzip.compress(GOOD)[:40], "", "cannot be read"),
    "half of an xz": (lzma.compress(GOOD)[:60], "", "cannot be read"),
    "half of a bzip2": (bz2.compress(GOOD)[:60], "", "cannot be read"),
    "parquet that is none": (b"PAR1 and nothing else PAR1", "", "cannot be read as parquet"),
    "parquet cut short": (parquet(y=ZEROS)[:-30], "", "cannot be read as parquet"),
    # columns and labels
    "no such column": (GOOD, "--target z", "has no column 'z'. It has 'size', 'kind', 'y'."),
    "another case": (GOOD, "--target Y", "Did you mean 'y'?"),
    "another separator": (GOOD, "--sep ;", "It has 'size,kind,y'"),
    "two targets": (b"y,size,y\n" + b"0,1,1\n" * 30, "", "has 2 columns named 'y'"),
    "target alone": (GOOD, "--drop size,kind", "no column besides the target"),
    "drops what is not there": (GOOD, "--drop when", "has no column 'when'"),
    "drops the target": (GOOD, "--drop y", "which is the target"),
    "no labels": (with_target(lambda i: ""), "", "holds 0 labels"),
    "one label": (with_target(lambda i: "no"), "", "has only the label 'no'"),
    "numbers": (with_target(lambda i: i / 3), "", "cut them into classes first"),
    "many labels": (with_target(lambda i: f"label {i}"), "", "holds 60 labels; it takes 2 to 20"),
    "dates as labels": (parquet(y=pd.date_range("2024", periods=N_ROWS)), "", "has values such as"),
    "labels of two types": (parquet(y=pd.Series(ZEROS).map({True: b"a", False: b"b"})), "", "values such as b"),
    "a label of one row": (with_target(lambda i: ["a", "b"][i > 0]), "", "there are too few of 'a' (1)"),
    "dates": (with_column("when", lambda i: f"2024-{i % 12 + 1:02}-{i // 3 + 1:02}"), "", "--drop when"),
    "dates and times": (with_column("at", lambda i: f"{i % 28 + 1}.1.2024 {i % 24}:15"), "", "--drop at"),
    "two that are none": (
        parquet(y=ZEROS, when=pd.date_range("2024", periods=N_ROWS), parts=[[1, 2]] * N_ROWS), "",
        "--drop when,parts",
    ),
    "one column for two uses": (GOOD, "--groups kind --categorical kind", "--groups and --categorical both name"),
    "weights that are text": (GOOD, "--weights kind", "holds 'a'; weights are finite numbers of 0 or more"),
    "rows without a group": (with_column("who", lambda i: i % 9 or ""), "--groups who", "7 rows have no 'who'"),
    "dates of either order": (
        with_column("when", lambda i: f"{i % 12 + 1}/{i % 9 + 1}/2024"), "--dates expand", "the day or the month first",
    ),
    "dates of two forms": (
        with_column("when", lambda i: ["2024-01-02", "2.1.2024"][i % 2]), "--dates expand", "not all written in one",
    ),
    "a name to quote": (with_column("the day", lambda i: f"2024-01-{i % 30 + 1} 0:{i:02}"), "", "--drop 'the day'"),
    "infinite numbers": (with_column("ratio", lambda i: "inf" if i == 3 else i), "", "holds infinite numbers"),
    # options
    "one fold": (GOOD, "--folds 1", "'1' is not an integer of 2 or more"),
    "99 folds": (GOOD, "--folds 99", "99 folds need 99 rows of each label"),
    "folds by a word": (GOOD, "--folds five", "'five' is not an integer"),
    "no rows": (GOOD, "--rows 0", "'0' is not an integer of 4 or more"),
    "rows below zero": (GOOD, "--rows -3", "'-3' is not an integer"),
    "fewer rows than folds need": (GOOD, "--rows 10", "each label, but there are too few of 1 (2)"),
    "costs that are NaN": (GOOD, "--costs fp=nan,fn=1", "fp=nan is not a cost"),
    "costs below zero": (GOOD, "--costs fp=1,fn=-2", "fn=-2 is not a cost"),
    "costs of zero": (GOOD, "--costs fp=0,fn=2", "fp=0 is not a cost"),
    "no rule": (GOOD, "--decision precision=0.8", "is not a decision rule; it takes f1"),
    "a floor above one": (GOOD, "--decision precision>=8", "is not a decision rule"),
    "a rule of two labels": (with_target(lambda i: i % 3), "--decision 0.3", "rule for two labels"),
    "a budget of all rows": (GOOD, "--decision top=60", "this one has 60: every row"),
    "endless costs": (GOOD, "--costs fp=1,fn=inf", "fn=inf is not a cost"),
    "one number": (GOOD, "--costs 25", "are not costs; write them as fp=1,fn=25"),
    "costs twice": (GOOD, "--costs fp=1,fn=2,fn=3", "are not costs"),
    "costs of three labels": (with_target(lambda i: i % 3), "--costs fp=1,fn=2", "'y' has 0, 1, 2"),
    "positive of three labels": (with_target(lambda i: "abc"[i % 3]), "--pos-label a", "'y' has 'a', 'b', 'c'"),
    "no such label": (GOOD, "--pos-label maybe", "No row has the label 'maybe'; the labels are 0, 1."),
    "no such strategy": (GOOD, "--strategies none foca", "invalid choice: 'foca'"),
    "a strategy for two labels": (with_target(lambda i: i % 3), "--strategies asymmetric_focal", "for two labels"),
    "no such model": (GOOD, "--model tabnet", "invalid choice: 'tabnet'"),
    "no such option": (GOOD, "--scoring auc", "unrecognized arguments: --scoring auc"),
    "no such encoding": (GOOD, "--encoding utf-9", "'utf-9' is not an encoding"),
    "an encoding of no text": (GOOD, "--encoding hex", "'hex' is not an encoding"),
    "no decimal sign": (GOOD, "--decimal ;", "invalid choice: ';'"),
    "two separators": (GOOD, "--sep ;;", "';;' is not a separator"),
    "a page in a folder that is not there": (GOOD, "--out none/page.html", "cannot be written; it takes a file"),
    "a page that is a folder": (GOOD, "--out .", "cannot be written; it takes a file"),
    "a page of too long a name": (GOOD, f"--out {'a' * 300}", "cannot be written: "),
    "a page in a file": (GOOD, "--out table/page.html", "cannot be written"),
    "a page over the table": (GOOD, "--out table", "is the file that is read itself"),
    "a page over the table, otherwise": (GOOD, "--out ./../{folder}/table", "is the file that is read itself"),
    "a page over the table by a link": (GOOD, "--out link", "is the file that is read itself"),
}  # fmt: skip


def prepare(folder, content):
    """Write a file, and a link to it, into a folder that is the current one."""
    os.chdir(folder)
    for path in (Path("table"), Path("link")):
        path.unlink(missing_ok=True)
    if content is not None:
        Path("table").write_bytes(content)
        Path("link").symlink_to("table")


def arguments_of(folder, options):
    """Return arguments of the command, `options` last."""
    options = options.format(folder=Path(folder).name).split()
    return ["compare", "table", *([] if "--target" in options else ["--target", "y"]), *options]


def run(arguments):
    """Run the command; return its status."""
    try:
        return command.main(arguments)
    except SystemExit as end:
        return end.code


def run_refused(folder):
    """Run all that is refused; print what each ended with, and whether TensorFlow was imported. For a subprocess."""
    statuses = {}
    for name, (content, options, _) in REFUSED.items():
        prepare(folder, content)
        statuses[name] = run(arguments_of(folder, options))
    prepare(folder, GOOD)
    for other in (
        "audit table --target z", "train table --target z --out m", "predict none table --out s.csv",
        "predict table table --out s.xls", "evaluate none table", "export none --out m.onnx", "export none",
    ):  # fmt: skip
        statuses[other] = run(other.split())
    print(json.dumps([statuses, "tensorflow" in sys.modules]))


@pytest.fixture
def no_fit(monkeypatch):
    """Let a comparison that is begun fail the test."""

    def never(*args, **how):
        raise AssertionError("a comparison was begun")

    monkeypatch.setattr("skimbalance._cli.compare._compared", never)


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_input_is_refused_before_any_fit(name, tmp_path, no_fit, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, options, message = REFUSED[name]
    prepare(tmp_path, content)
    assert run(arguments_of(tmp_path, options)) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert "error: " in shown.err
    assert "..." not in shown.err.replace("[options", "")
    assert not shown.out
    assert content is None or Path("table").read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} <= {"table", "link"}


def test_nothing_of_it_imports_tensorflow_or_shows_a_traceback(tmp_path):
    """In a terminal that knows ASCII alone."""
    code = "import runpy, sys; sys.path.append(sys.argv[3]); runpy.run_path(sys.argv[1])['run_refused'](sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", code, __file__, str(tmp_path), str(Path(__file__).parents[1])],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LANG": "C", "LC_ALL": "C"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    statuses, imported = json.loads(done.stdout.splitlines()[-1])
    assert set(REFUSED) < set(statuses)
    assert set(statuses.values()) == {2}
    assert not imported


def test_unreadable_bytes_are_refused(tmp_path, no_fit, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    starts = [
        b"",
        b"size,y\n",
        b"PAR1",
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"BZh9",
        b"\xfd7zXZ\x00",
        b'"',
        b"y\n",
    ]
    for i in range(60):
        prepare(tmp_path, starts[i % len(starts)] + rng.bytes(int(rng.integers(1, 2000))))
        assert run(arguments_of(tmp_path, "")) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_folders_and_files_that_may_not_be_read(tmp_path, no_fit, capsys, monkeypatch):
    (tmp_path / "folder").mkdir()
    assert run(["compare", str(tmp_path / "folder"), "--target", "y"]) == 2
    assert "is a folder without a parquet file" in capsys.readouterr().err
    (tmp_path / "folder" / "part.parquet").write_bytes(parquet(y=ZEROS))
    inside = str(tmp_path / "folder" / "page.html")
    assert run(["compare", str(tmp_path / "folder"), "--target", "y", "--out", inside]) == 2
    assert "is in the folder of the table" in capsys.readouterr().err
    assert len(open_table(str(tmp_path / "folder")).table()) == N_ROWS
    assert run(["compare", "https://example.org/t.csv", "--target", "y"]) == 2
    assert "download it first" in capsys.readouterr().err
    (tmp_path / "Table.CSV").write_bytes(GOOD)
    assert run(["compare", str(tmp_path / "table.csv"), "--target", "y"]) == 2
    assert "but Table.CSV" in capsys.readouterr().err

    def locked(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    assert run(["compare", str(tmp_path / "Table.CSV"), "--target", "y"]) == 2
    assert "cannot be read: Permission denied." in capsys.readouterr().err
    assert run(["compare", str(tmp_path / "Table.CSV"), "--target", "y", "--out", str(tmp_path / "page.html")]) == 2
    assert "cannot be written: Permission denied." in capsys.readouterr().err


def test_help_and_commands(capsys, monkeypatch):
    assert run([]) == 0
    assert "skimbalance compare customers.csv" in capsys.readouterr().out
    assert run(["compare", "--help"]) == 0
    capsys.readouterr()
    for wrong, message in ((["foretell"], "invalid choice: 'foretell'"), (["compare"], "required: file, --target")):
        assert run(wrong) == 2
        assert message in capsys.readouterr().err
    monkeypatch.setattr("skimbalance._cli.files.find_spec", lambda name: None)
    assert run(["compare", "t.csv", "--target", "y", "--out", "p.html"]) == 2
    assert "need matplotlib: pip install" in capsys.readouterr().err


def test_command_line_strategies_equal_the_named_ones():
    from skimbalance.strategies import STRATEGIES as known
    from skimbalance.strategies import handles_multi_class

    assert set(STRATEGIES) == {"auto", *known}
    assert [name for name in STRATEGIES if not handles_multi_class(name)] == ["asymmetric_focal"]


# --- what is answered ---


@pytest.fixture
def answers(monkeypatch):
    """Compare a logistic regression, in place of networks."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    import skimbalance

    whole, model = skimbalance.compare_strategies, make_pipeline(OneHotEncoder(), LogisticRegression())

    def compare(clf, X, y, *, strategies, **how):
        how["verbose"] = 0
        return whole(clf, X, y, strategies={"logistic": model}, **how)

    monkeypatch.setattr(skimbalance, "compare_strategies", compare)
    return monkeypatch


HOSTILE = {"0": "$\\frac{ja</b>\u2713", "1": "<script>$\\frac$</script>"}


def hostile(folder):
    """Write a table whose columns, labels and name are no plain text."""
    lines = [f'"<b>{i % 3}</b>","{HOSTILE[str(int(i % 4 == 0))]}"' for i in range(N_ROWS)]
    path = folder / "a <i>$b$.csv"
    path.write_text("\n".join(["<u>$kind_{,<u>y&", *lines]), encoding="utf-8")
    return ["compare", str(path), "--target", "<u>y&", "--folds", "2", "--out", str(folder / "page.html")]


def test_a_terminal_without_unicode_gets_all_output(answers, tmp_path):
    """And all names and labels are text on the page."""
    written = io.BytesIO()
    answers.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    assert run(hostile(tmp_path)) == 0
    sys.stdout.flush()
    assert b"Written to " in written.getvalue()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 5
    assert "\u2713" in text
    for wrong in ("<script", "<u>", "<i>", "</b>"):
        assert wrong not in text.replace("<style", "")
    assert "&lt;u&gt;y&amp; in a &lt;i&gt;$b$.csv" in text


def test_the_page_is_there_where_the_reader_has_left(answers, tmp_path, capfd):
    class Gone(io.TextIOBase):
        encoding = "utf-8"

        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return os.dup(1)

    answers.setattr("skimbalance.evaluation.report.pictures._svg", lambda found, kind: "")
    answers.setattr(sys, "stdout", Gone())
    answers.setattr(os, "dup2", lambda *args: None)
    assert run(hostile(tmp_path)) == 0
    assert (tmp_path / "page.html").exists()


def test_a_page_that_can_no_longer_be_written_leaves_what_is_printed_and_the_earlier_one(answers, tmp_path, capsys):
    write = Path.write_bytes

    def full(self, *args, **how):
        raise OSError(28, "No space left on device")

    arguments = hostile(tmp_path)
    answers.setattr("skimbalance.evaluation.report.pictures._svg", lambda found, kind: "")
    (tmp_path / "page.html").write_text("earlier", encoding="utf-8")
    answers.setattr(Path, "write_bytes", full)
    assert run(arguments) == 1
    shown = capsys.readouterr()
    assert "could not be written: No space left on device" in shown.err
    assert "logistic" in shown.out
    answers.setattr(Path, "write_bytes", write)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "earlier"
    assert not list(tmp_path.glob(".*"))


def test_a_comparison_in_which_all_fail_prints_the_reason(answers, tmp_path, capsys):
    import skimbalance

    def broken(*args, **how):
        raise RuntimeError("no device\nis left")

    answers.setattr(skimbalance, "compare_strategies", broken)
    assert run(hostile(tmp_path)) == 1
    assert "The comparison failed. RuntimeError: no device\nis left" in capsys.readouterr().err


def test_a_picture_that_fails_leaves_the_page(answers):
    from types import SimpleNamespace

    from skimbalance.evaluation.report.pictures import figures

    def fails(kind, ax):
        raise RuntimeError(f"no <{kind}>")

    found = SimpleNamespace(pos_label_=None, scores_={"one": {}}, costs_=None, plot=fails)
    assert "<p>scores: no &lt;scores&gt;</p>" in figures(found, [])


def test_the_command_compares_a_file_and_writes_a_page(rare, tmp_path, capsys, few_epochs):
    X, y = rare
    table = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 0] > 0, "new", "old"))
    table = table.assign(paid=np.where(y == 1, "no", "yes"), churn=np.where(y == 1, "None", "all"))
    table.to_csv(tmp_path / "table.csv.gz", index=False)
    out, strategies = tmp_path / "report.html", ["--strategies", "focal", "--model", "mlp", "--folds", "2"]
    arguments = ["compare", str(tmp_path / "table.csv.gz"), "--target", "churn", *strategies]
    assert run([*arguments, "--out", str(out), "--costs", "fp=1,fn=25"]) == 0
    shown = capsys.readouterr()
    assert "10.0% of them 'None'" in shown.out
    for candidate in ("focal", "auto, F1 rule", "always 'all'", "logistic regression", "HistGradientBoosting"):
        assert f"\n{candidate} " in f"\n{shown.out}"
    assert "cost least" in " ".join(shown.out.split())
    assert f"skimbalance train {tmp_path}/table.csv.gz --target churn --costs fp=1,fn=25" in shown.out
    assert shown.err.count("severe: column 'paid', leak") == 1
    text = out.read_text(encoding="utf-8")
    assert text.count("<svg") == 5
    assert "severe: column &#x27;paid&#x27;, leak" in text
    assert "Of 1,000 rows, 100 are &#x27;None&#x27;. With this rule, the model &#x27;" in text
    assert "instead of 2,500 for predicting &#x27;None&#x27; for none" in text
    assert "skimbalance train" in text
    assert "400 of 400 in the file" in text
    assert '<th scope="row">paid</th><td>' in text.split("Importance of columns")[1]
    assert "http" not in text.split("<svg")[0]


def test_rules_share_the_fits_of_a_strategy(monkeypatch, rare):
    """Each model is fitted once a fold, however many rules."""
    import skimbalance
    from skimbalance._cli import compare
    from skimbalance._cli.task import Task
    from skimbalance.evaluation.candidates import plan_fits

    def planned(classifier, X, y, *, strategies, **how):
        return plan_fits(classifier, "", strategies, np.array([0, 1]), 1, 0)

    monkeypatch.setattr(skimbalance, "compare_strategies", planned)
    X, y = rare
    task = Task(pd.DataFrame(X), y, 1, [], n_rows=400)
    for rule, n_rules in (([], [1, 2, 1, 1, 1, 1]), (["--costs", "fp=1,fn=9"], [1, 2, 1, 1, 1, 1]),
                          (["--decision", "precision>=0.5"], [1] * 6),
                          (["--decision", "top=100"], [1] * 6)):  # fmt: skip
        options = parser().parse_args(["compare", "t", "--target", "y", *rule, "--no-baselines"])
        fits = compare._compared(task, options)
        assert [len(fit.rules) for fit in fits] == n_rules
    assert fits[0].model.decision == ("top", 0.25)  # of each fold, as 100 of the 400 rows of the file


def test_the_next_command_has_all_that_was_given(tmp_path, capsys, answers):
    (tmp_path / "a b.csv").write_bytes(with_column("who,kind", lambda i: f"{i % 7},{'ab'[i % 2]}"))
    given = ["--target", "y", "--drop", "auto", "--groups", "who", "--pos-label", "0", "--seed", "3"]
    assert run(["compare", str(tmp_path / "a b.csv"), *given, "--decision", "precision>=0.8", "--folds", "2"]) == 0
    shown = capsys.readouterr()
    line = next(line.strip() for line in shown.out.splitlines() if " train " in line)
    assert "Left out by --drop auto: 'size' (row number)" in shown.err
    options = parser().parse_args(shlex.split(line)[1:])
    assert (options.file, options.drop, options.groups) == (str(tmp_path / "a b.csv"), ["size"], "who")
    assert (options.pos_label, options.seed, options.decision) == ("0", 3, ("precision", 0.8))
    assert options.folds == 2


def test_the_audit_is_printed(tmp_path, capsys):
    (tmp_path / "t.csv").write_bytes(with_column("kind", lambda i: "ab"[i % 2]) + b"\n60,a,\n")
    assert run(["audit", str(tmp_path / "t.csv"), "--target", "y"]) == 0
    shown = capsys.readouterr().out
    assert "1 of 61 rows have no label" in shown
    assert "row number" in shown
    assert "--dates" not in shown
    (tmp_path / "t.csv").write_bytes(with_column("when", lambda i: f"{i % 28 + 1}. Mar 2024"))
    assert run(["audit", str(tmp_path / "t.csv"), "--target", "y"]) == 0
    assert "--target y --drop auto --dates expand" in capsys.readouterr().out
    assert run(["audit", str(tmp_path / "t.csv"), "--target", "y", "--drop", "auto"]) == 2
    (tmp_path / "t.csv").write_bytes(with_target(lambda i: i / 3))
    assert run(["audit", str(tmp_path / "t.csv"), "--target", "y"]) == 2
    assert "cut them into classes first" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["all", "numbers"])
def test_baselines_take_tables_as_they_come(columns, rare):
    """With weights, missing values, and categories that training has not seen."""
    from skimbalance._cli.baselines import baselines
    from skimbalance.evaluation.weights import fit_with_rows

    X, y = rare
    X = pd.DataFrame(X, columns=["{a}", "b,", "c", "d"])
    X.iloc[::7, 1] = np.nan
    if columns == "all":
        texts = np.where(np.arange(400) < 300, np.where(y, "new", "old"), "unseen").astype(object)
        texts[::5] = None
        X = X.assign(kind=texts, flag=y > 0, maybe=pd.Series([True, False, None, True] * 100, dtype=object))
    for label, model in baselines(X, y, 0).items():
        fit_with_rows(model, X[:300], y[:300], {"sample_weight": np.ones(300)}, {})
        proba = model.predict_proba(X[300:])
        assert np.isfinite(proba).all()
        assert label.startswith("always") or proba[y[300:] == 1, 1].mean() > proba[y[300:] == 0, 1].mean() + 0.2


def test_commands_that_are_shown_can_be_typed_on_this_system(monkeypatch):
    words = ["skimbalance", "audit", "a b.csv", "--target", "it's"]
    assert shlex.split(console.typed(words)) == words
    monkeypatch.setattr(console, "os", SimpleNamespace(name="nt"))
    assert console.typed(words) == 'skimbalance audit "a b.csv" --target it\'s'
