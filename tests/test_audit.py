"""Tests of `audit`: each trap is found, and ordinary tables have none."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier

from skimbalance import ImbalancedKerasClassifier, audit, compare_strategies
from skimbalance.evaluation.findings.texts import day_of, number_of

RNG = np.random.default_rng(0)
N = 600
Y = (RNG.random(N) < 0.15).astype(int)
TABLE = pd.DataFrame(
    {"age": RNG.integers(18, 90, N), "pay": RNG.gamma(2, 900, N), "town": RNG.choice(list("abc"), N)}
).assign(signal=RNG.normal(size=N) + Y)
DAYS = pd.Timestamp("2021-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), unit="D")
AMOUNTS = RNG.gamma(2, 500, N)

#: What a column holds -> severity, kind.
TRAPS = {
    "a copy of the target": (Y, "severe", "leak"),
    "a copy as text": (np.where(Y == 1, "left", "here"), "severe", "leak"),
    "the target with 1 % of noise": (Y ^ (np.arange(N) % 100 == 7), "severe", "leak"),
    "missing unless positive": (np.where(Y == 1, AMOUNTS, np.nan), "severe", "leak"),
    "a row number": (np.arange(N), "warning", "row number"),
    "a row number as text": (np.arange(N).astype(str), "warning", "row number"),
    "a shuffled row number": (RNG.permutation(N), "warning", "identifier"),
    "random digits": (RNG.permutation(9 * 10**6)[:N] + 10**6, "warning", "identifier"),
    "64 bits": (RNG.integers(2**62, 2**63 - 1, N), "warning", "identifier"),
    "texts": ([f"u{i}" for i in RNG.permutation(N)], "severe", "identifier"),
    "postcodes": ([f"{i:05d}" for i in RNG.integers(0, 99_999, N)], "severe", "identifier"),
    "dates": (DAYS, "severe", "date"),
    "dates of Python": (list(DAYS.date), "severe", "date"),
    "dates as text": (DAYS.strftime("%d.%m.%Y"), "severe", "date"),
    "dates of few months": (DAYS.strftime("%b-%Y"), "warning", "date"),
    "dates as digits": (DAYS.strftime("%Y%m%d").astype(int), "warning", "date"),
    "numbers that follow each other": (RNG.permutation(N) + 10**9, "warning", "identifier"),
    "seconds since 1970": (DAYS.as_unit("s").astype(np.int64), "warning", "date"),
    "numbers as text": ([f"{a:.1f}" for a in AMOUNTS], "warning", "numbers as text"),
    "decimal commas": ([f"{a:.1f}".replace(".", ",") for a in AMOUNTS], "warning", "numbers as text"),
    "numbers and ?": (np.where(Y == 1, "?", (AMOUNTS // 9).astype(int).astype(str)), "warning", "numbers as text"),
    "-999": (np.where(RNG.random(N) < 0.05, -999, AMOUNTS), "warning", "placeholder"),
    "-1 among counts": (np.where(RNG.random(N) < 0.05, -1, RNG.poisson(20, N)), "warning", "placeholder"),
    "unknown": (RNG.choice(["yes", "no", "Unknown"], N), "note", "placeholder"),
    "infinity": (np.where(RNG.random(N) < 0.05, np.inf, AMOUNTS), "severe", "placeholder"),
    "one value": (np.ones(N), "note", "constant"),
    "no value": (np.full(N, np.nan), "note", "constant"),
    "numbers of customers by name": (RNG.integers(0, 200, N), "warning", "groups"),
    "a time": (np.sort(AMOUNTS), "note", "sorted"),
    "drift": (AMOUNTS + np.linspace(0, 5000, N), "warning", "drift"),
}  # fmt: skip


def kinds(found):
    """Return severity, kind and column of each finding."""
    return [(one.severity, one.kind, one.column) for one in found.findings]


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_found(name):
    values, severity, kind = TRAPS[name]
    column = "customerId" if "by name" in name else "trap"
    assert (severity, kind, column) in kinds(audit(TABLE.assign(**{column: values}), Y))


def test_ordinary_tables_have_no_findings():
    assert not audit(TABLE, Y).findings
    assert not audit(TABLE.astype({"town": "category"}), pd.Series(Y, dtype="Int64")).findings
    X, y = load_breast_cancer(return_X_y=True)
    order = RNG.permutation(len(y))
    assert not audit(X[order], y[order]).findings


def test_columns_of_an_easy_table_are_no_severe_leaks():
    """Two columns of the irises tell them apart, each about as well as the other."""
    X, y = load_iris(return_X_y=True)
    assert kinds(audit(X, y))[-1] == ("warning", "sorted", None)
    for order in (slice(None), RNG.permutation(150)):
        assert not audit(X[order], y[order]).severe
    y = np.arange(200) % 2
    assert kinds(audit(10 * y[:, None] + RNG.normal(size=(200, 5)), y)) == [("warning", "leak", None)]


@pytest.mark.parametrize("kind", ["normal", "few values", "whole numbers"])
def test_noise_is_not_taken_for_a_leak(kind):
    """Of few rows and many columns, one of which may by chance tell few positives apart."""
    for n in (10, 40):
        y = (np.arange(n) % 5 == 0)[RNG.permutation(n)]
        X = {"normal": RNG.normal(size=(n, 30)), "few values": RNG.integers(0, 3, (n, 30)),
             "whole numbers": RNG.integers(0, 100, (n, 30))}[kind]  # fmt: skip
        assert not audit(X, y, cv=None).findings


def test_a_row_number_in_a_sorted_file_gives_the_target_away():
    found = audit(TABLE.assign(row=np.arange(N)), np.sort(Y))
    assert {("severe", "leak", "row"), ("warning", "row number", "row"), ("warning", "sorted", None)} <= set(
        kinds(found)
    )
    assert found.columns("row number", "identifier", "date") == ["row"]
    assert [one.kind for one in found.severe] == ["leak"]
    found = audit(
        pd.DataFrame({"x": AMOUNTS, "row": np.arange(N), "when": np.sort(DAYS), "copy": np.sort(Y)}), np.sort(Y)
    )
    assert [one.column for one in found.severe if one.kind == "leak"] == ["row", "when", "copy"]


def test_a_leak_is_found_beside_a_class_of_one_row():
    y = Y.copy()
    y[0] = 2
    assert ("severe", "leak", "copy") in kinds(audit(TABLE.assign(copy=Y), y))
    assert ("severe", "leak", "copy") in kinds(audit(TABLE.assign(copy=Y), Y, groups=np.arange(N) // 100))


def test_copies_are_told_from_rows_that_look_alike_by_chance():
    X, y = pd.concat([TABLE, TABLE[:50]], ignore_index=True), np.concatenate([Y, Y[:50]])
    assert kinds(audit(X, y)) == [("warning", "duplicates", None)]
    y[-10:] = 1 - y[-10:]
    found = audit(X.assign(id=RNG.permutation(len(X))), y)
    assert kinds(found)[:3] == [
        ("warning", "identifier", "id"), ("warning", "contradictions", None), ("warning", "duplicates", None)
    ]  # fmt: skip
    assert "20 rows are identical to rows of another label (apart from 'id')" in found.findings[1].evidence
    few = audit(RNG.integers(0, 3, (N, 4)), Y)
    assert kinds(few) == [("note", "contradictions", None), ("note", "duplicates", None)]


def test_near_copies_are_found_and_the_column_that_explains_them():
    patient = np.repeat(RNG.permutation(300), 4)
    y = (RNG.random(300) < 0.3).astype(int)[patient]
    X = pd.DataFrame(RNG.normal(size=(300, 5))[patient] + 0.02 * RNG.normal(size=(1200, 5)), columns=list("abcde"))
    found = audit(X.assign(patient=patient), y)
    assert kinds(found)[:2] == [("severe", "near copies", None), ("warning", "groups", "patient")]
    assert "groups=X['patient']" in found.findings[1].advice
    assert not audit(X, y, groups=patient).findings
    other = pd.DataFrame(RNG.normal(size=(1200, 3)), columns=list("abc")).assign(patient=patient * 3)
    assert ("warning", "groups", "patient") in kinds(audit(other, y))


@pytest.mark.parametrize("as_frame", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars",
                                                                                               "pyarrow"])  # fmt: skip
def test_frames_of_any_library_are_read(as_frame):
    X = as_frame(TABLE.assign(when=DAYS, id=[f"u{i}" for i in range(N)]))
    assert audit(X, Y).columns("date", "identifier") == ["id", "when"]


def test_arrays_lists_and_sparse_tables_are_read():
    assert audit(np.column_stack([RNG.normal(size=N), np.arange(N)]), Y).columns() == [1]
    assert audit([[float(i % 7), "a" if i % 3 else None] for i in range(N)], Y.tolist(), cv=2).columns() == []
    assert not audit(sparse.random(N, 9, 0.4, random_state=0, format="csr"), Y).severe


def test_missing_labels_are_counted_and_few_rows_of_a_class_said():
    y = np.where(np.arange(N) % 50 == 0, None, np.where(Y == 1, "yes", "no"))
    for labels in (y, y.tolist(), pd.Series(y), pl.Series(y.tolist())):
        found = audit(TABLE, labels)
        assert kinds(found) == [("warning", "missing target", None)]
        assert found.class_counts == {"no": int((y == "no").sum()), "yes": int((y == "yes").sum())}
    assert "12 of 600 rows" in found.findings[0].evidence
    few = np.arange(N) % 200 == 0
    assert kinds(audit(TABLE, few, cv=2)) == [("warning", "too few positives", None)]
    assert kinds(audit(TABLE, few))[0] == ("severe", "too few positives", None)
    assert "5 groups" in audit(TABLE, Y, groups=np.arange(N) % 4).findings[0].evidence


def test_the_result_reads_as_text_html_and_a_frame():
    found = audit(TABLE.assign(**{"<id>": np.arange(N)}), np.sort(Y))
    text = str(found)
    assert text.startswith(f"600 rows, {Y.mean():.1%} of them 1, 5 columns: 1 severe, ")
    assert "severe" in text
    assert max(map(len, text.splitlines())) <= 110
    assert ">&lt;id&gt;</td>" in found._repr_html_()
    assert found.to_frame().columns.tolist() == ["severity", "kind", "column", "evidence", "advice"]
    assert str(found.severe[0]).startswith("severe: column '<id>', leak: It alone predicts the target")
    with pytest.raises(ValueError, match="'leaks' is not a kind of finding; these are 'missing target'"):
        found.columns("leaks")
    assert "nothing found" in str(audit(TABLE, Y))


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (TABLE, np.zeros(N), ValueError, r"y has 1 class, \[0.0\], in 600 rows"),
        (TABLE, [None] * N, ValueError, "y has no classes"),
        (TABLE, AMOUNTS, ValueError, "Cut y into classes first"),
        (TABLE, Y[1:], ValueError, "X has 600 rows, but y has 599 labels"),
        (AMOUNTS, Y, ValueError, "Expected 2D array, got 1D"),
        (pd.DataFrame({"a": [[1]] * N}), Y, TypeError, r"Column 'a' has values such as \[1\]"),
    ],
    ids=["one class", "no label", "measured", "too short", "no table", "lists"],
)
def test_what_is_no_table_with_classes_is_refused(X, y, error, message):
    with pytest.raises(error, match=message):
        audit(X, y)


def test_a_comparison_prints_severe_findings_and_drops_nothing(capsys):
    seen = []

    class Remembers(DummyClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append(list(X.columns))
            return super().fit(X, y, sample_weight)

    how = {"strategies": {"dummy": Remembers()}, "cv": 2, "random_state": 0}
    table = TABLE.assign(paid=Y, row=np.arange(N))
    compare_strategies(ImbalancedKerasClassifier(), table, Y, **how)
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("severe: column 'paid', leak: It alone predicts the target of held-out rows with a ROC AUC")
    assert seen == [list(table.columns)] * 2
    compare_strategies(ImbalancedKerasClassifier(), table, Y, **how, verbose=0)
    assert capsys.readouterr().err == ""
    compare_strategies(ImbalancedKerasClassifier(), [str(i) for i in range(N)], Y, **{**how, "strategies": {
        "dummy": DummyClassifier()}})  # fmt: skip
    assert "severe" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "day"),
    [("2024-01-31", (2024, 1, 31)), ("31.01.2024 10:30", (2024, 1, 31)), ("01/31/2024", (2024, 1, 31)),
     ("Jan 31, 2024", (2024, 1, 31)), ("31 January 2024", (2024, 1, 31)), ("Jan-2024", (2024, 1, 1)),
     ("2024-01-31T10:30:00Z", (2024, 1, 31)), ("1.2.3", None), ("2024", None), ("May", None), ("99/99/2024", None),
     (datetime.date(2024, 1, 31), (2024, 1, 31))],
)  # fmt: skip
def test_dates_are_read(text, day):
    assert day_of(text) == (None if day is None else (day[0] * 12 + day[1]) * 31 + day[2])


@pytest.mark.parametrize(
    ("text", "comma", "number"),
    [("1,5", True, 1.5), ("1.234,50 €", True, 1234.5), ("1.234", True, 1234), ("1,234", False, 1234),
     ("0,125", True, 0.125), ("$1,234.50", False, 1234.5), (" 12 %", False, 12),
     ("1e3", False, 1000), ("-.5", False, -0.5), ("1 234", False, 1234), ("1.234.567", False, 1234567),
     ("a1", False, None), ("1-2", False, None)],
)  # fmt: skip
def test_numbers_are_read(text, comma, number):
    assert number_of(text, comma) == number
