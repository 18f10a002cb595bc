"""Tests of `compare_strategies`: the folds, the scores and the significance of differences."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, StrategyComparison, audit, compare_strategies, decide
from skimbalance.evaluation.candidates import plan_fits
from skimbalance.evaluation.report import importance
from skimbalance.evaluation.scores import score_fold
from skimbalance.evaluation.significance import corrected_interval, probabilities
from skimbalance.strategies import Focal


def quick(**parameters):
    """Plain network, for a few steps."""
    return ImbalancedKerasClassifier("mlp", **{"epochs": 8, **parameters})


def compare(X, y, strategies, estimator=None, **how):
    """Compare on three folds, in silence."""
    how = {"cv": 3, "random_state": 0, "verbose": 0, **how}
    return compare_strategies(quick() if estimator is None else estimator, X, y, strategies=strategies, **how)


# --- luck ---


def test_the_confidence_interval_is_that_of_nadeau_and_bengio():
    values = np.array([0.61, 0.55, 0.66, 0.58, 0.63])
    mean, low, high = corrected_interval(values, 0.2)
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + 0.2 / 0.8) * values.var(ddof=1))
    np.testing.assert_allclose([mean, low, high], [values.mean(), values.mean() - half, values.mean() + half])
    assert np.isnan(corrected_interval([0.5], 0.2)[1:]).all()


def test_probabilities_are_those_of_the_correlated_t_test():
    differences = np.array([0.03, 0.01, -0.01, 0.04, 0.02])
    worse, equivalent, better = probabilities(differences, 0.2)
    t = differences.mean() / np.sqrt((1 / 5 + 0.2 / 0.8) * differences.var(ddof=1))
    np.testing.assert_allclose([worse, equivalent, better], [stats.t.cdf(-t, 4), 0, stats.t.cdf(t, 4)], atol=1e-12)
    worse, equivalent, better = probabilities(differences, 0.2, region=0.5)
    assert equivalent > 0.999
    np.testing.assert_allclose(probabilities(-differences, 0.2, 0.01), probabilities(differences, 0.2, 0.01)[::-1])
    assert probabilities([0.25, 0.25, 0.25], 0.3) == (0.0, 0.0, 1.0)


def test_the_correction_keeps_false_alarms_rare():
    """Two equal models, whose folds are alike (correlation 0.2): Student's t without it finds a difference in every
    fourth comparison, and the corrected one in one of twenty.
    """
    rng = np.random.default_rng(0)
    differences = rng.normal(size=(4000, 1)) * np.sqrt(0.2) + rng.normal(size=(4000, 5)) * np.sqrt(0.8)
    alarms = [max(p[0], p[2]) > 0.975 for p in (probabilities(row, 0.2) for row in differences)]
    naive = stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05
    assert np.mean(alarms) < 0.07
    assert naive.mean() > 2 * np.mean(alarms)


# --- scores ---


def test_log_loss_is_refinement_and_calibration():
    rng = np.random.default_rng(0)
    logit = rng.normal(scale=2, size=20_000) - 2
    y = (rng.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(int)

    def scores(z):
        p = 1 / (1 + np.exp(-z))
        return score_fold(y, np.column_stack([1 - p, p]), (p > 0.5).astype(int), None, 1, 0.05)

    honest, distorted = scores(logit), scores(3 * logit + 2)
    assert honest["calibration"] < 1e-3
    assert distorted["refinement"] == pytest.approx(honest["refinement"], abs=1e-4)
    assert distorted["calibration"] > 0.1
    assert distorted["log-loss"] == pytest.approx(distorted["refinement"] + distorted["calibration"])
    assert distorted["average precision"] == pytest.approx(honest["average precision"])


@pytest.mark.parametrize("weighs", [False, True])
def test_recall_at_a_budget_and_costs(weighs):
    """Ten rows, of which two can be looked at; a weight of two is a row twice."""
    score = np.linspace(0.9, 0.0, 10)
    y, proba = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0]), np.column_stack([1 - score, score])
    labels, costs = (score > 0.65).astype(int), np.array([[0.0, 1.0], [25.0, 0.0]])
    weight = np.full(10, 2.0) if weighs else None
    scores = score_fold(y, proba, labels, weight, 1, 0.2, costs)
    assert scores["recall at 20%"] == pytest.approx(1 / 3)
    assert scores["cost"] == pytest.approx(6 / 10), "P >= 1 / 26 is called: all rows but the last, seven in error"
    doubled = score_fold(*(np.repeat(a, 2, axis=0) for a in (y, proba, labels)), None, 1, 0.2, costs)
    assert doubled == pytest.approx(scores)


# --- the comparison ---


def test_all_candidates_use_the_same_folds_and_are_scored_by_their_predictions(rare):
    X, y = rare
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    found = compare(X, y, ["none", "class_weight", LogisticRegression(max_iter=2000)], cv=cv)
    assert isinstance(found, StrategyComparison)
    assert list(found.scores_) == ["none", "class_weight", "LogisticRegression"]
    for fold, (train, test) in enumerate(cv.split(X, y)):
        clf = quick(strategy="class_weight", random_state=0).fit(X[train], y[train])
        np.testing.assert_array_equal(found.decisions_["class_weight"][test], clf.predict(X[test]))
        proba = clf.predict_proba(X[test])
        np.testing.assert_allclose(found.oof_proba_["class_weight"][test], proba)
        scores = found.scores_["class_weight"]
        assert scores["average precision"][fold] == pytest.approx(average_precision_score(y[test], proba[:, 1]))
        assert scores["log-loss"][fold] == pytest.approx(log_loss(y[test], proba), rel=1e-4)


def test_a_failed_candidate_is_reported(rare):
    X, y = rare
    found = compare(X, y, {"plain": "none", "too many": SMOTE(k_neighbors=200), "focal, mild": Focal(gamma=0.5)})
    assert list(found.errors_) == ["too many"]
    assert list(found.scores_) == ["plain", "focal, mild"]
    assert "'too many' failed" in found.in_words()
    assert "too many: " in repr(found)
    assert "too many" in found._repr_html_()
    assert found.summary()["error"]["too many"].startswith("ValueError")
    with pytest.raises(ValueError, match="Every candidate failed"):
        compare(X, y, [SMOTE(k_neighbors=200)]).best()


@pytest.mark.parametrize("wrap", ["pipeline", "search"])
def test_pipelines_and_searches_that_end_in_the_classifier(wrap, rare):
    X, y = rare
    estimator = make_pipeline(StandardScaler(), quick())
    if wrap == "search":
        estimator = GridSearchCV(estimator, {"imbalancedkerasclassifier__optimizer__learning_rate": [1e-3, 1e-2]}, cv=2)
        estimator.set_params(estimator__imbalancedkerasclassifier__optimizer="adam")
    found = compare(X, y, ["none", {"strategy": "focal", "gamma": 1.0, "decision": "f1"}], estimator, cv=2)
    assert list(found.scores_) == ["none", "focal, gamma=1.0, decision=f1"]
    assert found.scores_["none"]["average precision"].mean() > 0.5


def test_weights_costs_and_groups(rare):
    X, y = rare
    groups = np.arange(len(y)) % 20
    found = compare(
        X, y, ["none", HistGradientBoostingClassifier()], cv=GroupKFold(4), groups=groups,
        sample_weight=np.where(y == 1, 2.0, 1.0), costs={"fp": 1, "fn": 20},
    )  # fmt: skip
    cheapest = decide(found.oof_proba_["none"], costs={"fp": 1, "fn": 20})
    table = confusion_matrix(y, cheapest, sample_weight=np.where(y == 1, 2.0, 1.0))
    weight = [np.where(y[test] == 1, 2.0, 1.0).sum() for _, test in GroupKFold(4).split(X, y, groups)]
    assert np.average(found.scores_["none"]["cost"], weights=weight) == pytest.approx(
        (table[0, 1] + 20 * table[1, 0]) / table.sum()
    )
    assert f"Mistakes of {found.best('cost')!r} cost least" in found.in_words()
    assert found.versus("none", "HistGradientBoostingClassifier", "cost")["difference"] == pytest.approx(
        (found.scores_["none"]["cost"] - found.scores_["HistGradientBoostingClassifier"]["cost"]).mean()
    )


def test_custom_scores_and_fit_parameters(rare):
    """Weights by `params` are those of the fold's rows."""
    X, y = rare
    weight, seen = np.where(y == 1, 3.0, 1.0), []

    class Told(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("heard")

    found = compare(
        X, y, ["class_weight", LogisticRegression(max_iter=2000)], scoring=["roc_auc", "neg_log_loss"],
        params={"sample_weight": weight, "callbacks": [Told()]},
    )  # fmt: skip
    assert not found.errors_
    assert len(seen) == 3, "the classifier's folds, and not the other model's"
    scores = found.scores_["class_weight"]
    np.testing.assert_allclose(scores["roc_auc"], scores["ROC AUC"])
    np.testing.assert_allclose(-scores["neg_log_loss"], scores["log-loss"], rtol=1e-6)
    assert found.best("neg_log_loss") in found.scores_
    assert set(compare(X, y, ["none"], cv=2, scoring="f1_macro").scores_["none"]) > {"f1_macro", "F1"}


@pytest.mark.parametrize("told", ["comparison", "classifier", "nobody"])
def test_rules_and_scores_mean_the_same_label(told, rare):
    """Labels by name, of which the frequent one is looked for unless nobody says so."""
    X, y = rare
    labels = np.where(y == 1, "no", "yes")
    clf = quick(decision="f1", pos_label="yes" if told == "classifier" else None)
    found = compare(X, labels, ["none"], clf, pos_label="yes" if told == "comparison" else None)
    assert not found.errors_
    assert found.pos_label_ == ("no" if told == "nobody" else "yes")
    best = clf.set_params(strategy="none", random_state=0, pos_label=found.pos_label_)
    train, test = next(iter(StratifiedKFold(3, shuffle=True, random_state=0).split(X, labels)))
    best.fit(X[train], labels[train])
    np.testing.assert_array_equal(found.decisions_["none"][test], best.predict(X[test]))
    assert found.scores_["none"]["F1"][0] == pytest.approx(
        f1_score(labels[test], best.predict(X[test]), pos_label=found.pos_label_)
    )


def test_seeds_are_set_on_copies_of_the_candidates():
    sampler, model = make_pipeline(SMOTE()), LogisticRegression()
    candidates = {"sampler": sampler, "settings": {"strategy": sampler, "epochs": 1}, "model": model}
    fits = plan_fits(quick(), "", candidates, np.arange(2), 1, random_state=7)
    assert [fit.model.get_params().get("strategy__smote__random_state") for fit in fits] == [7, 7, None]
    assert (sampler[0].random_state, model.random_state) == (None, None)


def test_class_shares_in_words_are_those_of_the_weights(rare):
    X, y = rare
    found = compare(X, y, [GaussianNB()], sample_weight=np.where(y == 1, 27.0, 1.0))
    assert "75.0% of them 1 by weight" in repr(found)
    assert "always predicts 1 would have an accuracy of 75.0%" in found.in_words()


def test_recalibration_is_advised_as_the_candidate_allows_it(small_table):
    """Probabilities of another population are off."""
    X, y = small_table
    models = {"network": {"strategy": "none", "target_prior": 0.9, "epochs": 2}, "other": GaussianNB()}
    found = pickle.loads(pickle.dumps(compare(np.repeat(X, 10, axis=1), y, models, cv=2)))
    assert 'consider calibration="holdout" before' in found.subset(["network"]).in_words()
    assert "consider sklearn.calibration.CalibratedClassifierCV before" in found.subset(["other"]).in_words()


def test_intervals_of_importances_correct_for_the_shares_of_the_folds(rare):
    X, y = rare
    cv = StratifiedShuffleSplit(3, test_size=0.1, train_size=0.3, random_state=0)
    found = compare(X, y, [LogisticRegression()], cv=cv)
    drops = [importance._drops(fold, found, "LogisticRegression", X, seed=0)[0] for fold in found._splits]
    (shown,) = [one[1:] for one in importance.importances(found, "LogisticRegression", X) if one[0] == "0"]
    assert shown == pytest.approx(corrected_interval(drops, 0.25))


def test_repeated_folds_and_more_classes(rare_multiclass):
    X, y = rare_multiclass
    labels = np.array(["a", "b", "c"])[y]
    found = compare(X, labels, ["none", "class_weight"], cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2))
    assert found.pos_label_ is None
    np.testing.assert_allclose(found.oof_proba_["none"].sum(axis=1), 1)
    assert len(found.scores_["none"]["F1"]) == 4
    assert set(found.decisions_["none"]) <= set(labels)
    assert "3 classes" in repr(found)


def test_summary_in_words(rare):
    X, y = rare
    labels = np.where(y == 1, "fraud", "fine")
    found = compare(X, labels, {"good": "none", "blind": quick(strategy="none", epochs=1, optimizer="sgd")})
    assert found.pos_label_ == "fraud"
    assert "10.0% of them 'fraud'" in repr(found)
    assert "always predicts 'fine' would have an accuracy of 90.0%" in found.in_words()
    told = found.versus("blind")
    assert told["difference"] > 0
    assert told["worse"] + told["equivalent"] + told["better"] == pytest.approx(1)
    summary = found.summary()
    assert list(summary.index) == ["good", "blind"]
    assert summary["difference"]["good"] == 0
    shown, html = " ".join(repr(summary).split()), summary[["F1", "log-loss"]]._repr_html_()
    assert "..." not in shown
    assert f"good {summary['average precision']['good']:.3f} " in shown
    assert f"<td>{summary['F1']['good']:.3f}</td>" in html
    assert set(found.seconds_["good"]) == {"fit", "compilation", "predict"}
    assert len(found.histories_["good"]) == 3


@pytest.mark.parametrize(
    ("estimator", "strategies", "message"),
    [
        (LogisticRegression(), ["none"], "does not end in a classifier with a strategy"),
        (None, ["none", "none"], "Two strategies have the label 'none'"),
        (None, [], "strategies is empty"),
        (None, {1: "none", 2: "auto"}, "strategies has the label 1; labels must be non-empty strings"),
        (None, {" ": "none"}, "strategies has the label ' '"),
    ],
)
def test_bad_input(estimator, strategies, message, rare):
    with pytest.raises(ValueError, match=message):
        compare(*rare, strategies, estimator)


def test_bad_labels_and_costs(rare):
    X, y = rare
    with pytest.raises(ValueError, match="one class"):
        compare(X, np.zeros_like(y), ["none"])
    with pytest.raises(ValueError, match="are no costs"):
        compare(X, y, ["none"], costs="f1")
    with pytest.raises(ValueError, match="y should be a 1d array"):
        compare(X, np.eye(2)[y], ["none"])
    with pytest.raises(ValueError, match="cannot be used to seed a numpy.random.RandomState"):
        compare(X, y, ["none"], cv=2, random_state=np.random.default_rng(0))


@pytest.mark.parametrize("as_column", [lambda y: y[:, None], lambda y: pd.DataFrame({"y": y})], ids=["array", "frame"])
def test_labels_in_one_column_are_those_of_the_rows(as_column, rare):
    X, y = rare
    labels = np.where(y == 1, "fraud", "fine").astype(object)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        found = compare(X, as_column(labels), [LogisticRegression()])
    expected = compare(X, labels, [LogisticRegression()])
    np.testing.assert_array_equal(found.oof_proba_["LogisticRegression"], expected.oof_proba_["LogisticRegression"])


def test_pictures_show_the_scores(rare):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y = rare
    found = compare(X, y, ["none", LogisticRegression(max_iter=2000)])
    axes = found.plot()
    assert [ax.get_title() for ax in axes] == ["average precision", "log-loss", "F1", "balanced accuracy"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == found.ordered()[::-1]
    dots = [line.get_xdata()[0] for line in axes[0].lines]
    np.testing.assert_allclose(dots, [found.scores_[of]["average precision"].mean() for of in found.ordered()[::-1]])
    for kind in ("precision_recall", "reliability", "threshold", "net_benefit", "history"):
        labels = [text.get_text() for text in found.plot(kind)[-1].get_legend().get_texts()]
        drawn = found.histories_ if kind == "history" else found.scores_
        assert drawn.keys() <= {label.split(" (")[0].split("\n")[0] for label in labels}, kind
    assert "chance (0.100)" in [text.get_text() for text in found.plot("precision_recall")[0].get_legend().get_texts()]
    given = pyplot.subplots()[1]
    assert found.plot("precision_recall", ax=given)[0] is given
    for wrong, message in (({"kind": "roc"}, "is unknown"), ({"ax": given}, "takes one for each")):
        with pytest.raises(ValueError, match=message):
            found.plot(**wrong)
    pyplot.close("all")


def test_progress_is_printed(rare, capsys):
    compare_strategies(quick(), *rare, strategies=["none"], cv=2, verbose=1)
    assert "2 fits in" in capsys.readouterr().err


# --- the report ---


@pytest.mark.parametrize("kind", ["array", "frame", "three classes"])
def test_a_report_says_what_the_best_candidate_does_to_held_out_rows(kind, rare, rare_multiclass, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    X, y = rare_multiclass if kind == "three classes" else rare
    X = pd.DataFrame(X, columns=["<a>", "b", "c", "d"]) if kind == "frame" else X
    candidates = {"logistic": LogisticRegression(), "auto": "auto"}
    costs = None if kind == "three classes" else [[0, 1], [9, 0]]
    found = compare(X, y, candidates, quick(epochs=1), costs=costs, cv=2, groups=np.arange(len(y)))
    report = found.report("Who <leaves>?", X=X)
    text = report._repr_html_()
    assert "Who &lt;leaves&gt;?" in text
    assert text in report.html
    assert text.count('<th scope="row">' + ("&lt;a&gt;" if kind == "frame" else "0") + "</th>") == 1
    if costs is not None:
        assert "Of 1,000 rows, 100 are 1. With this rule, the model &#x27;" in text
        assert "instead of 900 for predicting 1 for none" in text
        assert "is predicted from a probability of 0.1 on" in text
    report.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report.html
    again = pickle.loads(pickle.dumps(found)).report()
    assert "comparison.report(X=X)" in again.html
    assert "What to run next" not in again.html
    for wrong, error in ((X[:5], "has 5 rows, but 400 were compared"), (list(y), "is a list")):
        with pytest.raises((TypeError, ValueError), match=error):
            found.report(X=wrong)


def test_an_audit_that_was_made_is_handed_on(rare, capsys, monkeypatch):
    X, y = rare
    X = np.column_stack([X, y])
    audited = audit(X, y)
    monkeypatch.setattr("skimbalance.evaluation.compare.audit_table", None)
    found = compare(X, y, {"logistic": LogisticRegression()}, audit=audited, verbose=1)
    assert found.audit_ is audited
    assert "severe: column 4, leak" in capsys.readouterr().err
    assert "severe: column 4, leak" in found.report().html
