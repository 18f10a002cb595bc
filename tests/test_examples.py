"""Do the examples run, and print what their readers are told to expect?"""

import re
import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
mpl.use("Agg")


def run(path, *arguments, monkeypatch, folder):
    """Run an example as a script in an empty folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", EXAMPLES[1:], ids=lambda path: path.stem)
def test_example_runs_and_draws_what_it_says(path, monkeypatch, tmp_path, capsys):
    run(path, monkeypatch=monkeypatch, folder=tmp_path)
    assert "average precision" in capsys.readouterr().out
    assert bool(list(tmp_path.glob("*.png"))) is ("savefig" in path.read_text())


def test_quickstart_takes_a_table_of_ones_own(monkeypatch, tmp_path, capsys):
    """With text, gaps, labels that are words, and more rows than asked for."""
    rng = np.random.default_rng(0)
    sick = rng.random(600) < 0.08
    table = pd.DataFrame(
        {
            "age": np.where(rng.random(600) < 0.1, np.nan, rng.normal(50 + 15 * sick, 10)),
            "smoker": np.where(rng.random(600) < 0.1, None, np.where(sick ^ (rng.random(600) < 0.2), "yes", "no")),
            "diagnosis": np.where(sick, "ill", "well"),
        }
    )
    table.to_csv(tmp_path / "patients.csv", index=False)
    quickstart = EXAMPLES[0]
    run(quickstart, "--csv", "patients.csv", "--target", "diagnosis", "--rows", 400, "--folds", 2,
        monkeypatch=monkeypatch, folder=tmp_path)  # fmt: skip
    out = capsys.readouterr().out
    assert "patients.csv: 400 rows, 2 columns" in out
    assert "The precision-recall curves are in" in out
    assert list(tmp_path.glob("*.png"))
    assert "'ill'" in out
    for strategy in ("none", "class_weight", "focal", "random_oversample", "random_undersample", "smote"):
        assert re.search(rf"\b{strategy} +[01]\.", out)
    with pytest.raises(SystemExit, match="There is no column 'disease'"):
        run(quickstart, "--csv", "patients.csv", "--target", "disease", monkeypatch=monkeypatch, folder=tmp_path)
    with pytest.raises(SystemExit, match="No row has the label 'dead'"):
        run(quickstart, "--csv", "patients.csv", "--target", "diagnosis", "--positive", "dead",
            monkeypatch=monkeypatch, folder=tmp_path)  # fmt: skip


def test_quickstart_has_a_table_of_its_own():
    X, y, positive, _ = runpy.run_path(str(EXAMPLES[0]))["rare_digits"]()
    assert len(X) == len(y) > 1000
    assert 0 < y.mean() < 0.1
    assert positive
