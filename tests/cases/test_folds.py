"""A fold with an undefined score or a failed model does not affect the other folds."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, make_scorer, recall_score, roc_auc_score
from sklearn.model_selection import TimeSeriesSplit

from skimbalance import ImbalancedKerasClassifier, compare_strategies
from skimbalance.evaluation.scores import score_fold

NEED_BOTH_CLASSES = {"ROC AUC", "refinement", "calibration", "balanced accuracy"}


class FailsOn(LogisticRegression):
    """A model that cannot be fitted where a given row is missing among those of training."""

    def __init__(self, rows=()):
        super().__init__()
        self.rows = rows

    def fit(self, X, y, sample_weight=None):
        """Fit, or fail."""
        missing = [row for row in self.rows if row not in X[:, 0]]
        if missing:
            raise RuntimeError(f"row {missing[0]:g} is away.\nIt is needed.")
        return super().fit(X, y, sample_weight)


def table(n_folds=4, without=()):
    """Return rows numbered in the first column, labels, and folds, some of which test no positive row."""
    rng = np.random.default_rng(0)
    fold = np.arange(40 * n_folds) % n_folds
    y = ((np.arange(len(fold)) // n_folds) % 5 == 0) & ~np.isin(fold, without)
    X = np.column_stack([np.arange(len(y)), rng.normal(size=len(y)) + 2 * y])
    return X, y.astype(int), [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_folds)]


def compare(X, y, strategies, cv, **how):
    """Compare models that need no network."""
    how = {"random_state": 0, "verbose": 0, **how}
    return compare_strategies(ImbalancedKerasClassifier("mlp"), X, y, strategies=strategies, cv=cv, **how)


def scores_of(y, proba, labels=None, weight=None, positive=1):
    """Return the scores of one fold, and the names of those that are undefined."""
    labels = proba.argmax(axis=1) if labels is None else np.array(labels)
    scores = score_fold(np.array(y), proba, labels, weight, positive, 0.25)
    return scores, {name for name, value in scores.items() if np.isnan(value)}


# --- one fold ---

P = np.array([0.4, 0.1, 0.3, 0.2])
PROBA = np.column_stack([1 - P, P])


@pytest.mark.parametrize("weight", [None, np.array([1.0, 1.0, 1.0, 0.0])], ids=["none", "without a weight"])
def test_scores_without_a_positive_row_are_undefined(weight):
    _, undefined = scores_of([0, 0, 0, 0 if weight is None else 1], PROBA, weight=weight)
    assert undefined == NEED_BOTH_CLASSES | {"average precision", "F1", "recall at 25%"}


def test_f1_is_zero_and_not_undefined_where_an_alarm_is_false():
    scores, undefined = scores_of([0, 0, 0, 0], PROBA, labels=[1, 0, 0, 0])
    assert scores["F1"] == 0
    assert "average precision" in undefined


def test_scores_of_positive_rows_alone():
    scores, undefined = scores_of([1, 1, 1, 1], PROBA, labels=[1, 1, 1, 0])
    assert undefined == NEED_BOTH_CLASSES
    assert scores["average precision"] == 1
    assert scores["F1"] == pytest.approx(6 / 7)


@pytest.mark.parametrize("weighs", [False, True])
def test_a_class_without_a_row_is_left_out_of_the_mean_over_classes(weighs):
    rng = np.random.default_rng(0)
    y, proba = np.repeat([0, 2], 10), rng.dirichlet(np.ones(3), size=20)
    weight = rng.uniform(1, 2, 20) if weighs else None
    labels = np.where(proba[:, 1] > 0.6, 1, np.where(proba[:, 0] > proba[:, 2], 0, 2))
    assert 1 in labels
    scores, undefined = scores_of(y, proba, labels, weight, positive=None)
    assert not undefined
    for name, score in (("average precision", average_precision_score), ("ROC AUC", roc_auc_score)):
        each = [score(y == c, proba[:, c], sample_weight=weight) for c in (0, 2)]
        assert scores[name] == pytest.approx(np.mean(each))
    of = {"labels": [0, 2], "average": "macro", "sample_weight": weight}
    assert scores["F1"] == pytest.approx(f1_score(y, labels, **of))
    assert scores["balanced accuracy"] == pytest.approx(recall_score(y, labels, **of))


def test_invalid_probabilities_and_folds_without_weight_are_refused():
    with pytest.raises(ValueError, match="predict_proba gives nan"):
        scores_of([0, 1, 0, 1], np.where(PROBA == 0.1, np.nan, PROBA))
    with pytest.raises(ValueError, match="No test row of the fold has a positive weight"):
        scores_of([0, 1, 0, 1], PROBA, weight=np.zeros(4))


class Encoded(LogisticRegression):
    """A model that answers by numbers where labels are text."""

    def predict(self, X):
        """Return positions of labels."""
        return np.searchsorted(self.classes_, super().predict(X))


class OneColumn(LogisticRegression):
    """A model that gives probabilities of one class alone."""

    def predict_proba(self, X):
        """Return one column."""
        return super().predict_proba(X)[:, 1:]


class Columns(LogisticRegression):
    """A model that gives labels as a column."""

    def predict(self, X):
        """Return a column."""
        return super().predict(X)[:, None]


def test_predictions_of_unknown_labels_or_wrong_shapes_are_refused():
    X, y, cv = table()
    models = {"codes": Encoded(), "one": OneColumn(), "column": Columns(), "plain": LogisticRegression()}
    found = compare(X, np.array(["no", "yes"])[y], models, cv)
    assert list(found.errors_) == ["codes", "one"]
    assert "which is not one of ['no', 'yes']" in found.errors_["codes"]
    assert "predict_proba has shape (40, 1)" in found.errors_["one"]
    assert list(found.failed_folds_["one"]) == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.decisions_["column"], found.decisions_["plain"])


# --- a comparison ---


def test_folds_without_a_positive_row_are_left_out_and_counted():
    X, y, cv = table(without=[1, 3])
    found = compare(X, y, {"logistic": LogisticRegression(), "constant": DummyClassifier()}, cv)
    scores = found.scores_["logistic"]["average precision"]
    assert np.isnan(scores).tolist() == [False, True, False, True]
    mean, low, high = found.interval("logistic")
    assert mean == pytest.approx(scores[[0, 2]].mean())
    assert low < mean < high
    assert found.interval("logistic", "log-loss")[0] == pytest.approx(found.scores_["logistic"]["log-loss"].mean())
    assert found.summary()["average precision"]["logistic"] == pytest.approx(mean)
    told = found.versus("constant")
    assert told["difference"] == pytest.approx(np.nanmean(scores - found.scores_["constant"]["average precision"]))
    for text in (repr(found), found._repr_html_(), found.in_words()):
        assert "average precision of 2 of 4 folds: the others hold no positive row" in text
        assert "nan" not in text


def test_a_model_that_fails_in_one_fold_is_compared_on_the_others():
    X, y, cv = table()
    row = cv[2][1][0]  # missing in the training rows of the third fold alone
    found = compare(X, y, {"logistic": LogisticRegression(), "frail": FailsOn(rows=(row,))}, cv)
    assert not found.errors_
    assert list(found.failed_folds_["frail"]) == [2]
    for scores in found.scores_["frail"].values():
        assert np.isnan(scores).tolist() == [False, False, True, False]
    assert not np.isnan(found.scores_["logistic"]["F1"]).any()
    assert found.versus("frail", "logistic", "log-loss")["difference"] == 0, "they are the same where both are fitted"
    assert found.interval("frail") == found.interval("logistic")
    tested = np.setdiff1d(np.arange(len(y)), cv[2][1])
    assert np.isnan(found.oof_proba_["frail"][cv[2][1]]).all()
    assert not np.isnan(found.oof_proba_["frail"][tested]).any()
    assert len(found.out_of_fold("frail")[0]) == len(tested)
    assert len(found.out_of_fold("logistic")[0]) == len(y)
    summary = found.summary()
    assert summary["folds"].to_dict() == {"logistic": 4, "frail": 3}
    assert summary["error"]["frail"].startswith("RuntimeError")
    for text in (repr(found), found._repr_html_()):
        assert f"frail&#x27; failed in 1 of 4 folds: RuntimeError: row {row} is away. It is needed." in text.replace(
            "frail'", "frail&#x27;"
        )
        assert "every score of 3 of 4 folds: the others failed" in text


def test_a_model_that_fails_in_most_folds_leaves_the_others_theirs():
    X, y, cv = table()
    frail = FailsOn(rows=tuple(test[0] for _, test in cv[:3]))
    found = compare(X, y, {"frail": frail, "logistic": LogisticRegression(), "constant": DummyClassifier()}, cv)
    assert found.ordered() == ["logistic", "constant", "frail"]
    assert found.shared_folds()[0].all()
    scores = found.scores_["logistic"]["average precision"], found.scores_["constant"]["average precision"]
    assert found.versus("constant")["difference"] == pytest.approx(np.mean(scores[0] - scores[1]))
    told = found.versus("frail")
    assert told["difference"] == 0
    assert np.isnan([told["low"], told["worse"]]).all(), "they have one fold in common"
    assert "'frail' is not compared by any score" in repr(found)
    assert "better than 'constant'" in found.in_words()


def test_one_common_fold_gives_no_significance():
    X, y, cv = table(without=[1])
    found = compare(X, y, {"logistic": LogisticRegression(), "constant": DummyClassifier()}, cv[:2])
    told = found.versus("constant")
    assert told["difference"] > 0
    assert np.isnan([told[name] for name in ("low", "high", "worse", "equivalent", "better")]).all()
    assert "Its difference from 'constant' is not significant" in found.in_words()


def test_no_fold_has_the_score(tmp_path):
    """All that is printed, drawn and written copes with it, and only `best` has no answer."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y, cv = table(without=[0, 1, 2])
    found = compare(X, y, {"logistic": LogisticRegression(), "frail": FailsOn(rows=(cv[0][1][0],))}, cv[:3])
    with pytest.raises(ValueError, match="No candidate is best by 'average precision': it is undefined in every fold"):
        found.best()
    assert found.best("log-loss") == "logistic"
    assert np.isnan(found.versus("frail", "logistic")["difference"])
    assert np.isnan(found.summary()["average precision"]).all()
    assert "No candidate is best by average precision" in found.in_words()
    assert "average precision of 0 of 3 folds: all " in repr(found)
    found.plot()
    with pytest.raises(ValueError, match="0 of the 80 rows that were tested have the label 1"):
        found.plot("reliability")
    with pytest.raises(ValueError, match="The candidate 'unknown' is unknown"):
        found.subset(["unknown"])
    page = found.report("table").html
    assert page.count("<svg") == 1
    assert "precision_recall: 0 of the 80 rows" in page
    pyplot.close("all")


def test_plots_use_the_rows_that_all_candidates_have():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X, y, cv = table(without=[1])
    frail = FailsOn(rows=(cv[2][1][0],))
    found = compare(X, y, {"$logistic$": LogisticRegression(), "_frail": frail}, cv, costs={"fp": 1, "fn": 4})
    for kind in ("scores", "precision_recall", "reliability", "threshold", "net_benefit"):
        found.plot(kind)[0].figure.canvas.draw()
    curves = [line for line in found.plot("precision_recall")[0].lines if "frail" in str(line.get_label())]
    assert len(curves) == 1
    ax = found.plot("threshold")[0]
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [0.2, 0.2])
    pyplot.close("all")


def test_folds_of_time_in_which_the_rare_class_comes_late(rare):
    X, y = rare
    y = np.where(np.arange(len(y)) < 100, 0, y)
    clf = ImbalancedKerasClassifier("mlp", epochs=3, early_stopping=False)
    strategies = {"auto": "auto", "F1 rule": {"strategy": "auto", "decision": "f1"}, "logistic": LogisticRegression()}
    found = compare_strategies(clf, X * [1, 0.01, 100, 1], y, strategies=strategies, cv=TimeSeriesSplit(4), verbose=0)
    assert not found.errors_
    assert all(list(errors) == [0] for errors in found.failed_folds_.values())
    assert set(found.failed_folds_) == set(strategies)
    assert len(found.histories_["auto"]) == 3
    assert set(found.seconds_["F1 rule"]) == {"fit", "compilation", "predict"}
    assert found.thresholds_["F1 rule"] != found.thresholds_["auto"]
    assert "'auto' and 'F1 rule' failed in 1 of 4 folds: ValueError: y has 1 class" in repr(found).replace("\n", " ")


def test_a_class_that_a_fold_does_not_hold(rare_multiclass):
    X, y = rare_multiclass
    fold = np.where(y == 2, np.arange(len(y)) % 2, np.arange(len(y)) % 3)
    cv = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(3)]
    found = compare(X, np.array(["a", "b", "c"])[y], {"constant": DummyClassifier()}, cv)
    scores = found.scores_["constant"]
    assert scores["balanced accuracy"] == pytest.approx([1 / 3, 1 / 3, 1 / 2])
    assert not np.isnan(scores["average precision"]).any()
    assert "1 of 3 folds hold no row of 'c'" in repr(found)


# --- scores of the caller's own ---


def fails_on_small_tables(y, labels):
    """A score that is undefined where there are no positive rows, and says so by an error."""
    if not y.any():
        raise ZeroDivisionError("no positive rows\nare there")
    return float(labels[y == 1].mean())


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (fails_on_small_tables, "ZeroDivisionError: no positive rows are there"),
        (lambda y, labels: np.nan if not y.any() else 1.0, "NaN"),
    ],
    ids=["raises", "NaN"],
)
def test_a_fold_without_a_score_is_left_out(score, why):
    X, y, cv = table(without=[1])
    scorers = {"mine": make_scorer(score), "recall_macro": "recall_macro"}
    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring=scorers)
    assert not found.errors_
    assert not found.failed_folds_
    assert np.isnan(found.scores_["logistic"]["mine"]).tolist() == [False, True, False, False]
    shown = " ".join(repr(found).split())
    assert f"mine of 3 of 4 folds: the others have none by its scorer ({why}" in shown
    assert " mine " in shown.split("fit, s")[0]


def test_scikit_learn_scores_are_undefined_where_it_warns():
    """In folds without a positive row, and not for a model that predicts none."""
    X, y, cv = table(without=[1])
    asked = ["average_precision", "recall", "f1", "precision", "roc_auc"]
    models = {"logistic": LogisticRegression(), "constant": DummyClassifier()}
    found = compare(X, y, models, cv, scoring=asked)
    for name in asked:
        assert np.isnan(found.scores_["constant"][name]).tolist() == [False, True, False, False], name
    assert np.nansum(found.scores_["constant"]["precision"]) == 0
    for own, usual in (("average_precision", "average precision"), ("f1", "F1"), ("roc_auc", "ROC AUC")):
        np.testing.assert_allclose(found.scores_["logistic"][own], found.scores_["logistic"][usual])
    assert "by its scorer (No positive class found in y_true" in " ".join(repr(found).split())


def test_a_scorer_that_gives_several_scores_and_scorers_that_always_fail():
    X, y, cv = table()

    def several(model, X, y):
        return {"hits": model.score(X, y), "rows": len(y)}

    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring=several)
    np.testing.assert_allclose(found.scores_["logistic"]["hits"], found.scores_["logistic"]["accuracy"])
    assert found.scores_["logistic"]["rows"].tolist() == [40] * 4

    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring={"none": lambda model, X, y: None})
    assert "none of 0 of 4 folds: all have none by its scorer (it returned None)" in repr(found)

    def broken(model, X, y):
        raise KeyError("never")

    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring=broken)
    assert not found.errors_
    assert "broken of 0 of 4 folds: all have none by its scorer (KeyError: 'never')" in repr(found)
    with pytest.raises(ValueError, match="No candidate is best by 'broken'"):
        found.best("broken")
    with pytest.raises(ValueError, match="score='nonsense' is unknown; it takes one of"):
        found.best("nonsense")


def test_scorers_are_given_weights_and_no_row_of_weight_zero():
    """Scores of the caller's agree with the built-in ones; the result says which ignore weights."""
    X, y, cv = table()
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)

    def weighted(model, X, y, sample_weight=None):
        return model.score(X, y, sample_weight)

    def plain(model, X, y):
        return len(y)

    scoring = {"AP": "average_precision", "right": weighted, "rows": plain}
    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring=scoring, sample_weight=weight)
    for own, usual in (("AP", "average precision"), ("right", "accuracy")):
        np.testing.assert_allclose(found.scores_["logistic"][own], found.scores_["logistic"][usual])
    assert found.scores_["logistic"]["rows"].tolist() == [(weight[test] > 0).sum() for _, test in cv]
    assert "'rows' ignores weights, as its scorer takes no sample_weight" in found.in_words()
    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring=scoring, sample_weight=weight > 0)
    assert "ignores weights" not in found.in_words()


def test_a_scorer_that_refuses_its_weights_is_asked_without():
    X, y, cv = table()
    y, weight = y + (np.arange(len(y)) % 3 == 0), np.random.default_rng(0).integers(1, 3, len(y)).astype(float)
    found = compare(X, y, {"logistic": LogisticRegression()}, cv, scoring="roc_auc_ovo", sample_weight=weight)
    assert np.isfinite(found.scores_["logistic"]["roc_auc_ovo"]).all()
    assert "'roc_auc_ovo' ignores weights" in found.in_words()
