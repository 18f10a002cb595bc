"""From a raw CSV to decisions: train writes a model, and predict, evaluate and export read it."""

import json
import os
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skimbalance import __main__ as command
from skimbalance._cli import model_file, predict, scoring
from skimbalance.evaluation.report.held_out import held_out, missed_floor, rule_of, sentences_of_two
from skimbalance.evaluation.report.words import counted, counts_in_words, interval_in_words

pd = pytest.importorskip("pandas", reason="the command line reads tables by pandas")
pytest.importorskip("pyarrow", reason="pandas reads parquet by pyarrow")

N_ROWS = 240


def raw_table():
    """Return rows as another system exports them: with an id, a date, codes, and labels that are missing."""
    rng = np.random.default_rng(0)
    y = rng.random(N_ROWS) < 0.25
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N_ROWS), unit="D")
    return pd.DataFrame(
        {
            "id": rng.permutation(N_ROWS) + 1000,
            "when": days.strftime("%d.%m.%Y"),
            "size": rng.normal(size=N_ROWS) + 2 * y,
            "calls": rng.integers(0, 9, N_ROWS),
            "town": np.where(rng.random(N_ROWS) < 0.5, "Lübeck", "NA"),
            "code": rng.choice(["01", "02"], N_ROWS),
            "left": np.where(rng.random(N_ROWS) < 0.05, "", np.where(y, "ja", "nein")),
        }
    )


def write(table, path, encoding="latin-1"):
    """Write a table as a CSV of another country."""
    table.to_csv(path, sep=";", decimal=",", encoding=encoding, index=False)


def run(*arguments):
    """Run the command; return its status."""
    try:
        return command.main([str(one) for one in arguments])
    except SystemExit as end:
        return end.code


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder with a model and the table that it was trained on, and what `train` printed."""
    pytest.importorskip("skops", reason="models are files of skops")
    import contextlib
    import io

    from skimbalance.networks import Recipe, mlp

    folder, printed = tmp_path_factory.mktemp("trained"), io.StringIO()
    write(raw_table(), folder / "raw.csv")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(mlp, "recipe", Recipe(early_stopping="loss", epochs=4))
        assert run(
            "train", folder / "raw.csv", "--target", "left", "--drop", "id", "--dates", "expand", "--categorical",
            "code", "--costs", "fp=1,fn=5", "--model", "mlp", "--folds", 2, "--out", folder / "model.skb",
            *(["--out-page", folder / "page.html"] if find_spec("matplotlib") else []),
        ) == 0  # fmt: skip
    return folder, printed.getvalue()


def test_a_model_is_what_skops_loads_and_says_what_it_is(trained):
    import skops.io

    from skimbalance.deployment import skops_types

    folder, printed = trained
    classifier = skops.io.load(folder / "model.skb", trusted=skops_types())
    assert classifier.decision == {"fp": 1, "fn": 5}
    with zipfile.ZipFile(folder / "model.skb") as archive:
        about, card = json.loads(archive.read("model.json")), archive.read("README.md").decode()
    n_labelled = int((raw_table()["left"] != "").sum())
    assert (about["rows"], about["labelled"], about["pos_label"]) == (N_ROWS, n_labelled, "ja")
    assert about["held_out"]["rows"] == n_labelled
    assert about["versions"]["skops"]
    kinds = {"when": "date", "size": "number", "calls": "number", "town": "category", "code": "category"}
    assert {column["name"]: column["kind"] for column in about["columns"]} == kinds
    assert f"- {N_ROWS - n_labelled} of {N_ROWS} rows have no 'left' and are left out." in card
    for said in (
        "Rule: least expected cost, fp=1, fn=5. 'ja' is predicted from a probability of 0.1667 on.",
        "predicting it for no row would cost 1,",
    ):
        assert said in printed
        assert said in card
    assert "skimbalance predict" in printed
    if find_spec("matplotlib"):
        page = (folder / "page.html").read_text(encoding="utf-8")
        assert "With this rule, the model predicts &#x27;ja&#x27; for" in page
        assert '<th scope="row">code</th><td>' in page.split("Importance of columns")[1]
    assert f"average precision  {about['held_out']['scores']['average precision'][0]:.3f}" in printed


@pytest.mark.parametrize("out", ["scored.parquet", "scored.csv.gz"])
def test_rows_are_scored_in_parts_as_at_once(out, trained, tmp_path, monkeypatch, capsys):
    folder, _ = trained
    monkeypatch.setattr(scoring, "BATCH", 50)
    monkeypatch.setattr(predict, "BATCH", 70)
    table = raw_table()
    assert run("predict", folder / "model.skb", folder / "raw.csv", "--out", tmp_path / out) == 0
    assert f"{N_ROWS} rows" in capsys.readouterr().out
    if out.endswith("parquet"):
        scored = pd.read_parquet(tmp_path / out)
        assert scored.dtypes.astype(str).to_dict()["calls"] == "int64"
    else:
        scored = pd.read_csv(
            tmp_path / out, sep=";", decimal=",", dtype={"code": str, "id": str}, keep_default_na=False
        )
    assert scored["town"].tolist() == table["town"].tolist()
    assert scored["code"].tolist() == table["code"].tolist()
    assert scored["left"].tolist() == table["left"].tolist()
    np.testing.assert_allclose(scored["size"], table["size"])
    classifier = model_file.read_classifier(folder / "model.skb")
    task = raw_table().assign(town=table["town"].replace("NA", None))
    from skimbalance._cli.features import read_features

    X = read_features(task, model_file.read_about(folder / "model.skb")["columns"])
    np.testing.assert_allclose(scored["probability"], classifier.predict_proba(X)[:, 0], atol=1e-7)
    assert scored["decision"].tolist() == classifier.predict(X).tolist()


def test_a_scored_file_is_not_replaced_and_a_wrong_one_not_left(trained, tmp_path, capsys, monkeypatch):
    folder, _ = trained
    model, out = folder / "model.skb", tmp_path / "scored.parquet"
    out.write_bytes(b"mine")
    wrong = raw_table().astype({"calls": object})
    wrong.loc[200:, "calls"] = "1,5"
    wrong.loc[203, "calls"] = "many"
    write(wrong, tmp_path / "new.csv")
    monkeypatch.setattr(scoring, "BATCH", 100)
    for more, message in (
        ([], "exists; give another name, or --overwrite"),
        (["--overwrite"], "Column 'calls' held numbers in training, and now holds 'many' in row 204"),
    ):
        assert run("predict", model, tmp_path / "new.csv", "--out", out, *more) == 2
        assert message in capsys.readouterr().err
        assert out.read_bytes() == b"mine"
    write(wrong.assign(calls=1.5), tmp_path / "new.csv")
    assert run("predict", model, tmp_path / "new.csv", "--out", out, "--overwrite") == 2
    assert "Give --out a file that ends in .csv" in capsys.readouterr().err
    monkeypatch.setattr(predict, "_digest_of", lambda *args: {})
    assert run("predict", model, folder / "raw.csv", "--out", tmp_path / "scored.csv") == 2
    assert "does not hold what was written" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["new.csv", "scored.parquet"]


@pytest.mark.parametrize("out", ["scored.parquet", "scored.csv"])
def test_a_budget_is_of_the_whole_file_and_a_file_may_be_empty(out, trained, tmp_path, monkeypatch, capsys):
    folder, _ = trained
    monkeypatch.setattr(scoring, "BATCH", 50)
    choose = ["--choose", "top=12", "--out", tmp_path / "top.skb"]
    assert run("evaluate", folder / "model.skb", folder / "raw.csv", *choose) == 0
    assert run("evaluate", tmp_path / "top.skb", folder / "raw.csv") == 0
    assert f"The rule predicts 'ja' for {12_000 / (raw_table()['left'] != '').sum():.0f}, " in capsys.readouterr().out
    read = pd.read_parquet if out.endswith("parquet") else lambda path: pd.read_csv(path, sep=";", decimal=",")
    assert run("predict", tmp_path / "top.skb", folder / "raw.csv", "--out", tmp_path / out) == 0
    scored = read(tmp_path / out)
    assert (
        scored.nlargest(12, "probability").index.sort_values().tolist()
        == np.flatnonzero(scored["decision"] == "ja").tolist()
    )
    write(raw_table().iloc[:0], tmp_path / "none.csv")
    assert run("predict", tmp_path / "top.skb", tmp_path / "none.csv", "--out", tmp_path / out, "--overwrite") == 0
    empty = read(tmp_path / out)
    assert list(empty) == list(scored)
    assert len(empty) == 0


def test_a_labelled_file_is_scored_and_a_rule_chosen(trained, tmp_path, capsys):
    folder, _ = trained
    assert run("evaluate", folder / "model.skb", folder / "raw.csv", "--choose", "recall>=0.9", "--out",
               tmp_path / "model2.skb") == 0  # fmt: skip
    shown = capsys.readouterr()
    assert "rows have no 'left' and are left out" in shown.err
    assert "The difference is not significant." in shown.out
    assert "Rule: recall>=0.9. 'ja' is predicted from" in shown.out
    assert (model_file.read_classifier(tmp_path / "model2.skb").decision) == ("recall", 0.9)
    assert model_file.read_about(tmp_path / "model2.skb")["threshold"] < 0.5
    many = raw_table()
    write(many[(many["left"] != "nein") | (many.index % 4 == 0)], tmp_path / "other.csv")
    assert run("evaluate", tmp_path / "model2.skb", tmp_path / "other.csv") == 0
    shown = capsys.readouterr().out
    assert "The share has changed" in shown
    assert "Probabilities are off: recalibration would gain" in shown
    write(many.drop(columns="left"), tmp_path / "new.csv")
    assert run("evaluate", tmp_path / "model2.skb", tmp_path / "new.csv") == 0
    assert "rows without labels. By their probabilities:" in capsys.readouterr().out


def test_a_model_is_exported(trained, tmp_path, capsys):
    folder, _ = trained
    assert run("export", folder / "model.skb", "--out", tmp_path / "folder") == 0
    shown = capsys.readouterr().out
    assert "Inputs: when month, when day, when weekday, when day number, size, calls, town, code." in shown
    assert "Dates (when) are given by their parts" in shown
    assert (tmp_path / "folder" / "saved_model.pb").exists()


#: What is refused: by name, the arguments, and a part of the answer; {model} and {raw} are files that exist.
REFUSED = {
    "no model": ("predict none.skb {raw} --out a.csv", "There is no file none.skb"),
    "a table as model": ("predict {raw} {raw} --out a.csv", "is no model; `skimbalance train` writes models"),
    "an unknown kind": ("predict {model} {raw} --out a.xlsx", "it takes a file that ends in .parquet, .csv or .csv.gz"),
    "over the table": ("predict {model} {raw} --overwrite --out {raw}", "is the file that is read itself"),
    "a column that is missing": ("predict {model} other --out a.csv", "lacks columns of the model: 'when', 'size'"),
    "a rule without a place": ("evaluate {model} {raw} --choose f1", "--choose RULE and --out MODEL belong together"),
    "a place without a rule": ("evaluate {model} {raw} --out m.skb", "--choose RULE and --out MODEL belong together"),
    "a wrong rule": ("evaluate {model} {raw} --choose f3 --out m.skb", "is not a decision rule"),
    "labels for a rule": ("evaluate {model} unlabelled --choose f1 --out m.skb", "has no column 'left', which"),
    "another format": ("export {model} --out model.h5", "it takes .onnx, .tflite, or a folder"),
    "a folder that is not there": ("export {model} --out none/model", "its folder does not exist"),
    "another file": ("train {raw} --target left --out {raw}", "is the file that is read itself"),
    "a file that is no model": ("train {raw} --target left --out other", "is no model of this command"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_refused_before_a_model_is_loaded(name, trained, tmp_path, capsys, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(tmp_path)
    Path("other").write_text("a,b\n1,2\n", encoding="utf-8")
    write(raw_table().drop(columns="left"), Path("unlabelled"))
    monkeypatch.setattr(scoring, "read_classifier", None)
    monkeypatch.setattr("skimbalance._cli.export.read_classifier", None)
    monkeypatch.setattr("skimbalance._cli.train._held_out", None)
    arguments, message = REFUSED[name]
    assert run(*arguments.format(model=folder / "model.skb", raw=folder / "raw.csv").split()) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert not shown.out
    assert sorted(os.listdir(tmp_path)) == ["other", "unlabelled"]


@pytest.mark.parametrize(
    "arguments",
    ["train t.csv --target y --out m", "predict m t.csv --out s.csv", "evaluate m t.csv", "export m --out m.onnx"],
)
def test_where_skops_is_missing_the_command_says_how_to_get_it(arguments, capsys, monkeypatch):
    monkeypatch.setattr(model_file, "find_spec", lambda name: None)
    assert run(*arguments.split()) == 2
    assert "pip install 'skimbalance[cli]'" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_names_of_files_are_text_in_a_model_whatever_they_hold():
    assert model_file.name_of(os.fsdecode(b"folder/caf\xe9 \xc3\xbc.csv")) == "caf\ufffd ü.csv"


def test_versions_that_differ_are_said():
    (note,) = model_file.version_notes({"versions": {"numpy": "0.1", "python": model_file.versions()["python"]}})
    assert note == f"The model was written with numpy 0.1 ({np.__version__} here)."


def test_counts_and_costs_of_a_rule_are_those_of_hand():
    is_positive, is_called = np.arange(100) < 10, (np.arange(100) >= 4) & (np.arange(100) < 20)
    found = counted(is_positive, is_called, costs={"fp": 1, "fn": 25})
    assert counts_in_words(found, "yes") == (
        "Of 1,000 rows, 100 are 'yes'. The rule predicts 'yes' for 160, 60 of the 100 among them (recall 60%, "
        "precision 38%). Mistakes cost 1,100 per 1,000 rows (95 % interval ±960); predicting it for no row would cost "
        "2,500, for every row 900."
    )
    silent = counts_in_words(counted(is_positive, np.zeros(100, dtype=bool)), "yes")
    assert silent == "Of 1,000 rows, 100 are 'yes'. The rule predicts 'yes' for none of them."
    doubled = counted(np.repeat(is_positive, 2), np.repeat(is_called, 2), groups=np.repeat(np.arange(100), 2),
                      costs={"fp": 1, "fn": 25})  # fmt: skip
    assert doubled["cost_error"] == pytest.approx(found["cost_error"])


def test_intervals_are_shown_within_the_values_of_a_score():
    said = {
        ("ROC AUC", -0.1, 1.2): "(0.000 to 1.000)", ("log-loss", -0.1, 1.2): "(0.000 to 1.200)",
        ("cost", -0.1, 1.2): "(0.000 to 1.200)", ("cost", -0.1, 1.2, True): "(-0.100 to 1.200)",
        ("my own", -0.1, 1.2): "(-0.100 to 1.200)", ("F1", None, None): "", ("F1", np.nan, np.nan): "",
    }  # fmt: skip
    assert {given: interval_in_words(*given) for given in said} == said


def test_a_recommendation_has_the_numbers_of_hand():
    """Also where the positive label is the first, and of a budget, which is of all rows held out."""
    is_positive, is_called = np.arange(100) < 10, (np.arange(100) >= 4) & (np.arange(100) < 20)
    labels, costs = np.array(["no", "yes"]), np.array([[0, 1], [25, 0]])
    found = SimpleNamespace(
        classes_=labels, pos_label_="yes", oof_proba_={"a": np.full((100, 2), 0.5)}, _positive=1, _weight=None,
        decisions_={"a": labels[is_called.astype(int)]}, costs_=costs, _groups=None, _codes=is_positive.astype(int),
    )  # fmt: skip
    held = held_out(found, "a", "f1")
    np.testing.assert_allclose(held.matrix, [[0.8, 0.1], [0.04, 0.06]])
    assert sentences_of_two(held, "yes", "a") == [
        "Of 1,000 rows, 100 are 'yes'.",
        "With this rule, the model 'a' predicts 'yes' for 160, 60 of the 100 among them (recall 60%, precision 38%).",
        "Mistakes cost 1,100 per 1,000 rows instead of 2,500 for predicting 'yes' for none: 1,400 less (95 % interval "
        "±1,200); predicting it for every row would cost only 900.",
    ]
    assert rule_of(found, "a", None).endswith("fp=1, fn=25. 'yes' is predicted from a probability of 0.03846 on.")
    for costs, said in (([[0, 0], [5, 0]], "fp=0, fn=5. 'yes' is predicted from a probability of 0 on."),
                        ([[0, 5], [0, 0]], "fp=5, fn=0. 'yes' is never predicted.")):  # fmt: skip
        other = SimpleNamespace(**vars(found) | {"costs_": np.array(costs)})
        assert rule_of(other, "a", None) == f"Rule: least expected cost, {said}"
    assert held_out(found, "a").counts["called"] == pytest.approx(1)
    assert held_out(found, "a", ("top", 7)).counts["called"] == pytest.approx(0.07)
    assert missed_floor(held, ("recall", 0.6)) is None
    assert missed_floor(held, ("precision", 0.5)).endswith("precision that the rule asks for: 37.5%, not 50.0%.")
    swapped = SimpleNamespace(**vars(found) | {"pos_label_": "no", "_positive": 0})
    assert held_out(swapped, "a", "f1").counts["cost"] == pytest.approx(held.counts["cost"])
    assert held_out(swapped, "a", "f1").counts["never"] == pytest.approx(0.9)
    found.costs_ = None
    said = sentences_of_two(held_out(found, "a"), "yes", "a")
    assert said[2].startswith("The 95 % interval of the share of 'yes' that is found is 30% to 90%")
