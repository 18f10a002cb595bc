"""Do examples run, and does the quickstart take a table of one's own? The site runs all of them as they stand."""

import re
import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

QUICKSTART = Path(__file__).parents[1] / "examples" / "plot_01_quickstart.py"
mpl.use("Agg")


@pytest.mark.usefixtures("few_epochs", "two_small_members")
@pytest.mark.parametrize("name", ["plot_05_shifted_prior", "plot_06_your_own_strategy", "plot_12_three_classes"])
def test_example_runs_and_draws(name, monkeypatch, tmp_path, capsys):
    """Some quick ones, with whatever versions of other packages are there."""
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    (path,) = QUICKSTART.parent.rglob(f"{name}.py")
    runpy.run_path(str(path), run_name="__main__")
    assert "average precision" in capsys.readouterr().out
    assert plt.get_fignums()
    plt.close("all")
    assert not list(tmp_path.iterdir()), "an example leaves no file"


@pytest.mark.usefixtures("few_epochs", "two_small_members")
def test_quickstart_takes_a_table_of_ones_own(monkeypatch, tmp_path, capsys):
    """With text, missing values, a date, an empty column, many categories, and labels that are words."""
    rng = np.random.default_rng(0)
    sick = rng.random(1200) < 0.1
    table = pd.DataFrame(
        {
            "age": np.where(rng.random(1200) < 0.1, np.nan, rng.normal(50 + 15 * sick, 10)),
            "smoker": np.where(rng.random(1200) < 0.1, None, np.where(sick ^ (rng.random(1200) < 0.2), "yes", "no")),
            "town": [f"town {max(i, 0)}" for i in rng.permutation(1200) - 700],
            "seen": pd.date_range("2024-01-01", periods=1200).astype(str),
            "remark": np.full(1200, np.nan),
            "diagnosis": np.where(sick, "ill", "well"),
        }
    )
    table.to_csv(tmp_path / "patients.csv", index=False)
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(QUICKSTART), "--csv", "patients.csv", "--target", "diagnosis"])
    runpy.run_path(str(QUICKSTART), run_name="__main__")
    out = capsys.readouterr().out
    plt.close("all")
    assert "Left out as dates or identifiers: seen." in out
    assert re.search(r"^800 rows to learn from, \d+\.\d% of them 'ill'; 400 new rows\.$", out, re.MULTILINE)
    assert "Alarm where P(ill) >= 10 / (10 + 500) = 0.020" in out
    for candidate in ("no alarms", "boosting", "boosting, calibrated", "skimbalance"):
        assert re.search(rf"^{candidate} +[\d,]+$", out, re.MULTILINE)
    assert {path.name for path in tmp_path.iterdir()} == {"patients.csv", "quickstart.joblib", "quickstart.png"}
