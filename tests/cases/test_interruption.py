"""An interrupted comparison keeps the finished fits."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from skimbalance import ImbalancedKerasClassifier, compare_strategies
from skimbalance.__main__ import main


class Impatient(LogisticRegression):
    """A model in whose n-th fit the user presses Ctrl-C."""

    left = 0

    def fit(self, X, y, sample_weight=None):
        """Fit, or be interrupted."""
        Impatient.left -= 1
        if Impatient.left < 0:
            raise KeyboardInterrupt
        return super().fit(X / np.std(X, axis=0), y, sample_weight)


def compare(X, y, n_fits, strategies, **how):
    """Compare on four folds, until a model has been fitted so many times."""
    Impatient.left = n_fits
    return compare_strategies(
        ImbalancedKerasClassifier("mlp"), X, y, strategies=strategies, cv=4, random_state=0, **{"verbose": 0, **how}
    )


STRATEGIES = {"constant": DummyClassifier(), "logistic": Impatient(), "late": LogisticRegression()}


@pytest.mark.parametrize("n_fits", [0, 1, 3])
def test_finished_fits_are_compared_and_unfinished_ones_counted(n_fits, small_table, capsys):
    found = compare(*small_table, n_fits, STRATEGIES, verbose=1)
    assert f"Interrupted after {4 + n_fits} of 12 fits" in capsys.readouterr().err
    assert found.interrupted_.startswith(f"Interrupted: {4 + n_fits} of 12 fits")
    assert np.isfinite(found.scores_["constant"]["log-loss"]).all()
    assert list(found.failed_folds_["late"]) == [0, 1, 2, 3]
    assert set(found.errors_) == {"late"} | ({"logistic"} if not n_fits else set())
    for text in (repr(found), found._repr_html_(), found.in_words()):
        text = " ".join(text.replace("&#x27;", "'").split())
        assert text.count("Interrupted:") == 1
        assert "failed" not in text
    assert len(found.summary()) == 3
    if n_fits == 3:
        assert found.shared_folds()[0].tolist() == [True, True, True, False]
        assert "every score of 3 of 4 folds: the others were not fitted" in repr(found)


def test_candidates_that_share_a_fit_are_interrupted_together(small_table, monkeypatch):
    fit, left = ImbalancedKerasClassifier.fit, [1]

    def interrupted(self, *args, **how):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return fit(self, *args, **how)

    monkeypatch.setattr(ImbalancedKerasClassifier, "fit", interrupted)
    rules = {"plain": {"epochs": 1}, "F1": {"epochs": 1, "decision": "f1"}}
    found = compare(*small_table, 0, rules)
    assert found.interrupted_.startswith("Interrupted: 1 of 4 fits")
    assert list(found.scores_) == ["plain", "F1"]


def test_without_a_finished_fit_the_interruption_goes_on(small_table):
    with pytest.raises(KeyboardInterrupt):
        compare(*small_table, 0, {"logistic": Impatient()})


@pytest.mark.parametrize("n_fits", [0, 2])
def test_the_command_writes_what_is_finished(n_fits, small_table, tmp_path, monkeypatch, capsys):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    import skimbalance

    X, y = small_table
    monkeypatch.setattr(
        skimbalance, "compare_strategies", lambda clf, X, y, **how: compare(X, y, n_fits, {"logistic": Impatient()})
    )
    pd.DataFrame(X, columns=list("abcd")).assign(y=y).to_csv(tmp_path / "t.csv", index=False)
    page = tmp_path / "page.html"
    assert main(["compare", str(tmp_path / "t.csv"), "--target", "y", "--out", str(page)]) == 130
    shown = capsys.readouterr()
    assert "Interrupted" in (shown.out if n_fits else shown.err)
    assert page.exists() == bool(n_fits)
    if n_fits:
        assert "Interrupted: 2 of 4 fits" in page.read_text(encoding="utf-8")
