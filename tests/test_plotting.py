"""Tests of the displays."""

import sys
import warnings
from types import ModuleType

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, make_scorer, precision_score, recall_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.preprocessing import StandardScaler

from skimbalance import (
    GainDisplay,
    HistoryDisplay,
    ImbalancedKerasClassifier,
    NetBenefitDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
)

pyplot = pytest.importorskip("matplotlib.pyplot", reason="displays draw by matplotlib, the extra plot")
OF_ROWS = [ReliabilityDisplay, ThresholdDisplay, NetBenefitDisplay, GainDisplay]


@pytest.fixture(autouse=True)
def _closes_figures():
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def payments():
    """Rows, labels and honest probabilities of the rare one, which comes first in the alphabet."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 3))
    p = 1 / (1 + np.exp(3.6 - 1.5 * X[:, 0] - X[:, 1]))
    return X, np.where(rng.random(len(p)) < p, "fraud", "ok"), p


@pytest.fixture(scope="module")
def fitted(payments):
    X, y, _ = payments
    return ImbalancedKerasClassifier("mlp", pos_label="fraud", epochs=8, random_state=0).fit(X, y)


# --- what is computed ---


def test_calibrated_probabilities_lie_in_the_band_and_distorted_ones_do_not(payments):
    _, y, p = payments
    honest = ReliabilityDisplay.from_predictions(y, p, pos_label="fraud", n_bins=20)
    inside = (honest.prob_true >= honest.low) & (honest.prob_true <= honest.high)
    assert inside.sum() >= 17
    assert honest.brier_score == pytest.approx(brier_score_loss(y == "fraud", p))
    assert honest.calibration_error < 0.02
    shown = ReliabilityDisplay.from_predictions(y, p**0.5, pos_label="fraud", n_bins=20)
    assert ((shown.prob_true >= shown.low) & (shown.prob_true <= shown.high)).sum() <= 4
    assert shown.calibration_error > 0.1


def test_bins_hold_equal_information_and_rows_of_one_probability_stay_together(payments):
    _, y, p = payments
    display = ReliabilityDisplay.from_predictions(y, np.round(p, 2), pos_label="fraud", n_bins=8)
    assert 6 <= len(display.prob_pred) <= 8
    assert np.all(np.diff(display.prob_pred) > 0)
    constant = ReliabilityDisplay.from_predictions(y, np.full(len(y), 0.1), pos_label="fraud")
    np.testing.assert_allclose([constant.prob_true, constant.prob_pred], [[np.mean(y == "fraud")], [0.1]])


def test_scores_of_a_threshold_are_scikit_learns(payments):
    _, y, p = payments
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    display = ThresholdDisplay.from_predictions(
        y, p, pos_label="fraud", sample_weight=weight, costs={"fp": 1, "fn": 20}, threshold=0.2
    )
    for i in (10, 700, 3000):
        called = np.where(p >= display.thresholds[i], "fraud", "ok")
        how = {"pos_label": "fraud", "sample_weight": weight}
        for name, score in (("precision", precision_score), ("recall", recall_score), ("F1", f1_score)):
            assert display.scores[name][i] == pytest.approx(score(y, called, **how))
        cost = np.average(np.where(called == y, 0, np.where(y == "fraud", 20, 1)), weights=weight)
        assert display.scores["cost"][i] == pytest.approx(cost)
    assert display.thresholds[display.scores["cost"].argmin()] == pytest.approx(1 / 21, abs=0.05)


def test_net_benefit_is_vickers_and_elkins(payments):
    _, y, p = payments
    display = NetBenefitDisplay.from_predictions(y, p, pos_label="fraud", max_threshold=0.5)
    for i in (20, 100, 180):
        t = display.thresholds[i]
        found, alarms = np.mean((p >= t) & (y == "fraud")), np.mean((p >= t) & (y == "ok"))
        assert display.net_benefit[i] == pytest.approx(found - alarms * t / (1 - t))
    always = next(line for line in display.ax_.lines if line.get_gid() == "always")
    share = np.mean(y == "fraud")
    assert np.interp(share, *always.get_data()) == pytest.approx(0, abs=1e-4)
    assert np.all(display.net_benefit >= np.maximum(always.get_ydata(), 0) - 0.002)


def test_gain_and_lift_at_a_budget(payments):
    _, y, p = payments
    display = GainDisplay.from_predictions(y, p, pos_label="fraud", budget=0.1)
    top = np.argsort(-p)[:600]
    assert display.gain_at_budget == pytest.approx(np.sum(y[top] == "fraud") / np.sum(y == "fraud"))
    assert display.lift_at_budget == pytest.approx(10 * display.gain_at_budget)
    np.testing.assert_allclose(display.line_.get_data(), [display.share, display.gain])
    lift = display.plot(kind="lift")
    assert lift.line_.get_ydata()[-1] == pytest.approx(1)
    blind = GainDisplay.from_predictions(y, np.full(len(y), 0.3), pos_label="fraud", budget=0.1)
    assert blind.lift_at_budget == pytest.approx(1), "rows of one probability are in no order"


# --- of a classifier ---


@pytest.mark.parametrize("display", OF_ROWS)
def test_a_classifier_is_drawn_by_what_it_predicts(display, payments, fitted):
    X, y, _ = payments
    found = display.from_estimator(fitted, X, y)
    assert found.pos_label == "fraud"
    expected = display.from_predictions(y, fitted.predict_proba(X)[:, 0], pos_label="fraud")
    mine, other = (d.lines_["F1"] if display is ThresholdDisplay else d.line_ for d in (found, expected))
    np.testing.assert_allclose(mine.get_data(), other.get_data())


@pytest.mark.parametrize("display", OF_ROWS)
def test_probabilities_of_another_population_warn(display, payments, fitted):
    X, y, _ = payments
    inside = make_pipeline(RandomOverSampler(random_state=0), clone(fitted)).fit(X[:2000], y[:2000])
    with pytest.warns(UserWarning, match="refer to a population of which 50.0% .* Set target_prior to the shares"):
        moved = display.from_estimator(inside, X, y)
    inside[-1].set_params(target_prior=np.mean(y == "fraud"))
    found = display.from_estimator(inside, X, y)
    if display is ReliabilityDisplay:
        assert moved.proba.mean() > 2 * np.mean(y == "fraud")
        assert found.calibration_error < moved.calibration_error / 3


@pytest.mark.parametrize("target_prior", ["fit", 0.3])
def test_the_threshold_of_a_wrapper_is_the_one_that_its_labels_follow(target_prior, payments):
    X, y, _ = payments
    y = (y == "fraud").astype(int)
    clf = ImbalancedKerasClassifier("mlp", target_prior=target_prior, epochs=4, random_state=0)
    wrappers = {
        "fixed": FixedThresholdClassifier(clf, threshold=0.4),
        "fixed log-odds": FixedThresholdClassifier(clf, threshold=1.0, response_method="decision_function"),
        "tuned": TunedThresholdClassifierCV(clf, scoring="f1", cv=2),
        "tuned for the other": TunedThresholdClassifierCV(clf, scoring=make_scorer(f1_score, pos_label=0), cv=2),
        "bagged": BaggingClassifier(clf, n_estimators=2, random_state=0),
        "calibrated": CalibratedClassifierCV(clf, cv=2),
        "by votes": VotingClassifier([("a", clf), ("b", clone(clf).set_params(strategy="none"))], voting="soft"),
        "in a search": GridSearchCV(make_pipeline(StandardScaler(), clf), {}, cv=2),
    }  # fmt: skip
    for name, model in wrappers.items():
        model.set_params(**{"pos_label": 0} if name == "fixed log-odds" else {}).fit(X[:800], y[:800])
        proba, called = model.predict_proba(X)[:, 1], model.predict(X) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of another share, where one is named
            threshold = ThresholdDisplay.from_estimator(model, X, y).threshold
        np.testing.assert_array_equal(proba >= threshold, called, err_msg=name)
        if name in ("fixed", "bagged", "calibrated", "by votes"):
            assert threshold == (0.4 if name == "fixed" else 0.5)
        if name == "tuned":
            assert threshold == model.best_threshold_
    hard = VotingClassifier([("a", LogisticRegression()), ("b", LinearDiscriminantAnalysis())]).fit(X[:, :1], y)
    hard.predict_proba = lambda X: np.column_stack([1 - p, p])[: len(X)]
    p = np.random.default_rng(0).random(len(X))
    assert ThresholdDisplay.from_estimator(hard, X[:, :1], y).threshold is None


def test_the_rule_that_is_used_is_marked(payments, fitted):
    X, y, _ = payments
    display = ThresholdDisplay.from_estimator(fitted, X, y)
    assert display.threshold == pytest.approx(fitted.threshold_) == pytest.approx(fitted.prior_[0])
    fitted.set_params(decision={"fp": 1, "fn": 24})
    try:
        display = ThresholdDisplay.from_estimator(make_pipeline(fitted).fit(X, y), X, y)
    finally:
        fitted.set_params(decision=None)
    assert display.threshold == pytest.approx(0.04)
    assert "cost" in display.scores
    assert f"used ({display.threshold:.3g})" in display.ax_.get_legend_handles_labels()[1]
    assert display.cost_ax_.get_ylabel() == "cost of a row, mean"
    fitted.set_params(decision={"fp": 1, "fn": 24})
    try:
        other, called = ThresholdDisplay.from_estimator(fitted, X, y, pos_label="ok"), fitted.predict(X)
    finally:
        fitted.set_params(decision=None)
    cost = np.mean(np.where(called == y, 0, np.where(y == "fraud", 24, 1)))
    assert other.threshold == pytest.approx(0.96), "the rule is the classifier's, whichever label is looked at"
    used = np.flatnonzero(other.thresholds >= 0.96)[-1]
    assert other.scores["cost"][used] == pytest.approx(cost)
    tuned = TunedThresholdClassifierCV(LogisticRegression(), scoring="balanced_accuracy").fit(X, y == "fraud")
    assert ThresholdDisplay.from_estimator(tuned, X, y == "fraud").threshold == tuned.best_threshold_
    never = ThresholdDisplay.from_estimator(fitted.set_params(decision=[[0, 0], [1, 0]]), X, y)
    fitted.set_params(decision=None)
    assert never.threshold == np.inf
    assert "used (never)" in never.ax_.get_legend_handles_labels()[1]


@pytest.mark.parametrize("display", OF_ROWS)
def test_several_curves_share_axes_and_one_of_each_reference(display, payments):
    X, y, p = payments
    first = display.from_predictions(y, p, pos_label="fraud", name="one")
    references = [line.get_gid() for line in first.ax_.lines]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    second = display.from_estimator(model, X, y, pos_label="fraud", ax=first.ax_)
    assert second.ax_ is first.ax_
    labels = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert any("LogisticRegression" in label for label in labels)
    for reference in ("honest", "always", "never", "best"):
        assert [line.get_gid() for line in first.ax_.lines].count(reference) == references.count(reference) <= 1
    if display is ReliabilityDisplay:
        assert second.density_ax_ is first.density_ax_
    given = pyplot.subplots()[1]
    assert display.from_predictions(y, p, pos_label="fraud", ax=given).figure_ is given.figure
    assert len(given.figure.axes) == 1, "axes that are given stay alone"


@pytest.mark.parametrize("display", OF_ROWS)
def test_one_of_three_labels_against_the_others(display, rare_multiclass):
    X, y = rare_multiclass
    model = LogisticRegression(max_iter=2000).fit(X, y)
    drawn = display.from_estimator(model, X, y, pos_label=2)
    assert drawn.prevalence == pytest.approx(np.mean(y == 2))
    with pytest.raises(ValueError, match="The curve depends on which label is positive"):
        display.from_estimator(model, X, y)


def test_history_has_axes_for_each_score_and_marks_epochs_that_were_kept(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(model__n_members=4, ensemble=None, epochs=6, random_state=0).fit(X, y)
    display = HistoryDisplay.from_estimator(make_pipeline(clf), name="four members")
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "average precision"]
    np.testing.assert_allclose(display.lines_["val_loss"].get_ydata(), clf.history_["val_loss"])
    (kept,) = display.axes_[0].collections
    epochs = np.unique(clf.best_epoch_)
    np.testing.assert_allclose(
        kept.get_offsets(), np.column_stack([epochs, np.array(clf.history_["val_loss"])[epochs - 1]])
    )
    labels = [text.get_text() for text in display.axes_[-1].get_legend().get_texts()]
    assert labels == ["training", "held-out rows", "kept by members (4)"]
    with pytest.raises(ValueError, match="takes one for each of"):
        display.plot(ax=pyplot.subplots()[1])
    with pytest.raises(ValueError, match="no training history"):
        HistoryDisplay.from_estimator(LogisticRegression(max_iter=2000).fit(X, y))


# --- what is refused ---


@pytest.mark.parametrize("display", OF_ROWS)
@pytest.mark.parametrize(
    ("y", "proba", "how", "message"),
    [
        ([0, 1, 0], [0.1, 0.2, 1.3], {}, "takes probabilities, in"),
        ([0, 1, 0], [0.1, 0.2, np.nan], {}, "takes probabilities, in"),
        ([0, 1, 0], [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], {}, "the positive label alone"),
        (["a", "b", "a"], [0.1, 0.2, 0.3], {}, "The curve depends on which label is positive"),
        ([0, 0, 0], [0.1, 0.2, 0.3], {}, "rows with and without it"),
        ([0, 1, 0], [0.1, 0.2, 0.3], {"pos_label": 7}, "rows with and without it"),
        ([0, 1], [0.1, 0.2, 0.3], {}, "inconsistent numbers of samples"),
    ],
    ids=["above one", "NaN", "two columns", "no direction", "one class", "no such label", "lengths"],
)
def test_bad_rows(display, y, proba, how, message):
    with pytest.raises(ValueError, match=message):
        display.from_predictions(y, proba, **how)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("display", "how", "message"),
    [
        (ReliabilityDisplay, {"n_bins": 0}, "n_bins=0"),
        (ReliabilityDisplay, {"scale": "logit"}, "scale='logit'"),
        (ThresholdDisplay, {"show": "accuracy"}, "show holds 'accuracy'"),
        (ThresholdDisplay, {"costs": "f1"}, "are no costs"),
        (NetBenefitDisplay, {"max_threshold": 1.0}, "max_threshold=1.0"),
        (GainDisplay, {"budget": 0.0}, "budget=0.0"),
        (GainDisplay, {"kind": "roc"}, "kind='roc'"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_bad_options(display, how, message):
    with pytest.raises(ValueError, match=message):
        display.from_predictions([0, 1, 0], [0.1, 0.2, 0.3], **how)


@pytest.mark.parametrize("display", [*OF_ROWS, HistoryDisplay])
def test_an_unfitted_classifier_is_refused(display, rare):
    X, y = rare
    rows = () if display is HistoryDisplay else (X, y)
    with pytest.raises(NotFittedError):
        display.from_estimator(ImbalancedKerasClassifier("mlp"), *rows)


@pytest.mark.parametrize("display", OF_ROWS)
def test_labels_are_not_drawn_as_formulas(display):
    rng = np.random.default_rng(0)
    y, proba = np.array(["$\\frac$", "b"])[rng.integers(2, size=50)], rng.random(50)
    drawn = display.from_predictions(y, proba, pos_label="$\\frac$")
    drawn.figure_.canvas.draw()
    assert any("frac" in label for ax in drawn.figure_.axes for label in (ax.get_xlabel(), ax.get_ylabel()))


def test_a_notebook_shows_the_picture_alone_and_once(monkeypatch):
    shown = []
    ipython, of_display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.version_info, ipython.get_ipython, of_display.display = (9, 0), lambda: None, shown.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", of_display)
    display = HistoryDisplay({"loss": [2.0, 1.0]})
    with pytest.raises(NotImplementedError):  # then IPython shows the text
        display._ipython_display_()
    display.plot()
    display._ipython_display_()
    assert shown == [], "the notebook shows open figures at the end of the cell"
    pyplot.close("all")
    another = pyplot.figure(display.figure_.number)
    display._ipython_display_()
    assert shown == [display.figure_]
    assert pyplot.gcf() is another
