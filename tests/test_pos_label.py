"""Does everything that has a direction follow the positive label, whatever it is called?"""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, recall_score

from skimbalance import ImbalancedKerasClassifier, decide
from skimbalance.strategies import Focal

NAMED = np.array(["ok", "fraud"])  # of which the positive one is first in the alphabet


def quick(**parameters):
    """Return a small, seeded classifier."""
    return ImbalancedKerasClassifier(**{"model": "mlp", "epochs": 8, "random_state": 0, **parameters})


# The strategies whose fits do not depend on the order of the classes: a network has weights of its own for each.
@pytest.mark.parametrize(
    "parameters",
    [
        {"decision": {"fp": 1, "fn": 25}},
        {"decision": 0.2},
        {"decision": "f1"},
        {"decision": ("fbeta", 2.0)},
        {"decision": "mcc"},
        {"decision": "balanced_accuracy"},
        {"strategy": "focal", "alpha": 0.95},
        {"strategy": [Focal(alpha=0.95)]},
        {"strategy": "asymmetric_focal"},
    ],
    ids=str,
)
def test_names_change_nothing(parameters, rare):
    """Labels 0 and 1 by other names, which turn their order around: the same fit, to what other weights leave."""
    X, y = rare
    plain = quick(**parameters, epochs=30).fit(X, y)
    named = quick(**parameters, epochs=30, pos_label="fraud").fit(X, NAMED[y])
    assert (plain.pos_label_, named.pos_label_) == (1, "fraud")
    np.testing.assert_array_equal(named.classes_, ["fraud", "ok"])
    p, q = plain.predict_proba(X)[:, 1], named.predict_proba(X)[:, 0]
    assert abs(p.mean() - q.mean()) < 0.05
    np.testing.assert_allclose(named.train_prior_[0], plain.train_prior_[1], rtol=0.05)
    recalls = recall_score(y, plain.predict(X)), recall_score(y, named.predict(X) == "fraud")
    assert abs(recalls[0] - recalls[1]) < 0.15
    if "decision" in parameters:
        assert named.threshold_ == pytest.approx(plain.threshold_, abs=0.1)


def test_scores_are_those_of_the_positive_label(rare):
    X, y = rare
    clf = quick(metrics=["Precision", "Recall"], validation_split=0.3, early_stopping=False, pos_label="fraud")
    clf.fit(X, NAMED[y], validation_data=(X[:200], NAMED[y[:200]]))
    expected = average_precision_score(y[:200], clf.predict_proba(X[:200])[:, 0])
    assert clf.history_["val_average_precision"][-1] == pytest.approx(expected, abs=1e-6)
    best = quick(validation_split=0.3, early_stopping="average_precision", epochs=20, pos_label="fraud").fit(
        X, NAMED[y]
    )
    assert best.best_epoch_ == 1 + np.argmax(best.history_["val_average_precision"])
    recall = np.mean(clf.predict(X[:200])[y[:200] == 1] == "fraud")
    assert clf.history_["val_recall"][-1] == pytest.approx(recall, abs=1e-6)


def test_a_warm_start_follows_the_positive_label(rare):
    """In the metrics as well, which are those of the call before where nothing has changed."""
    X, y = rare
    clf = quick(strategy="none", warm_start=True, metrics=["Recall"], pos_label="fraud").fit(X, NAMED[y])
    before = clf.model_.metrics
    assert all(a is b for a, b in zip(clf.fit(X, NAMED[y]).model_.metrics, before, strict=True)), "compiled anew"
    clf.set_params(pos_label="ok").fit(X, NAMED[y])
    recall = np.mean(clf.predict_proba(X)[y == 0, 1] > 0.5)
    assert clf.history_["recall"][-1] == pytest.approx(recall, abs=0.05)
    assert clf.model_.evaluate(X, 1 - y, verbose=0, return_dict=True)["recall"] == pytest.approx(recall, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"decision": {"fp": 1, "fn": 25}}, "decision={'fp': 1, 'fn': 25}"),
        ({"decision": 0.3}, "decision=0.3"),
        ({"decision": "f1"}, "decision='f1'"),
        ({"strategy": "focal", "alpha": 0.95}, "alpha=0.95"),
        ({"strategy": "asymmetric_focal"}, 'strategy="asymmetric_focal"'),
        ({"early_stopping": True}, "early_stopping=True"),
    ],
    ids=str,
)
def test_who_has_a_direction_asks_for_it(parameters, what, rare):
    X, y = rare
    with pytest.raises(ValueError, match="depends on which label is positive") as error:
        quick(**parameters).fit(X, NAMED[y])
    message = str(error.value)
    for part in (what, "'fraud' or 'ok'", "'fraud' is rarer: 10.0% of the rows", "(pos_label='fraud', ...)"):
        assert part in message


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [False, True]], ids=str)
def test_labels_that_say_so_need_no_name(labels, rare):
    X, y = rare
    assert quick(epochs=1, decision="f1").fit(X, np.array(labels)[y]).pos_label_ == labels[1]


def test_what_has_no_direction_asks_for_nothing(rare):
    X, y = rare
    clf = quick(decision="mcc").fit(X, NAMED[y])
    assert clf.pos_label_ == "fraud", "the rarer one"
    with pytest.raises(ValueError, match="depends on which label is positive"):
        clf.set_params(decision=0.3).predict(X)
    assert set(clf.set_params(pos_label="ok").predict(X)) <= {"ok", "fraud"}
    with pytest.raises(ValueError, match="pos_label='theft' names the positive of two labels"):
        quick(pos_label="theft").fit(X, NAMED[y])


def test_costs_by_label(rare):
    X, y = rare
    by_label = quick(decision={("ok", "fraud"): 1, ("fraud", "ok"): 25}).fit(X, NAMED[y])
    expected = quick(decision={"fp": 1, "fn": 25}, pos_label="fraud").fit(X, NAMED[y])
    np.testing.assert_array_equal(by_label.predict(X), expected.predict(X))
    with pytest.raises(ValueError, match="names 'theft', which is none of the labels"):
        by_label.set_params(decision={("theft", "ok"): 1}).predict(X)


def test_decide_weighs_the_costs_of_each_row():
    p = np.array([0.1, 0.1, 0.6])
    amounts = np.array([20.0, 200.0, 1.0])
    np.testing.assert_array_equal(decide(p, costs={"fp": 5, "fn": amounts}), [0, 1, 0])
    both = np.column_stack([p, 1 - p])
    named = decide(both, costs={"fp": 5, "fn": amounts}, classes=["fraud", "ok"], pos_label="fraud")
    np.testing.assert_array_equal(named, ["ok", "fraud", "ok"])
    matrices = np.zeros((3, 3, 3)) + np.where(np.eye(3), 0, 1)
    matrices[1, 2, 0] = 90.0
    proba = np.array([[0.5, 0.3, 0.2]] * 3)
    np.testing.assert_array_equal(decide(proba, costs=matrices, classes=["a", "b", "c"]), ["a", "b", "a"])
    rng = np.random.default_rng(0)
    proba, costs = rng.dirichlet(np.ones(4), 50), rng.uniform(size=(50, 4, 4))
    expected = [
        np.argmin([sum(q[t] * c[t, k] for t in range(4)) for k in range(4)]) for q, c in zip(proba, costs, strict=True)
    ]
    np.testing.assert_array_equal(decide(proba, costs=costs), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"costs": {"fp": 1}}, "it takes 'fp' and 'fn'"),
        ({"costs": {"fp": [1, 2], "fn": 1}}, "one for each of 3 rows"),
        ({"costs": {"fp": np.nan, "fn": 1}}, "not finite"),
        ({"costs": {"fp": 1, "fn": 1}, "classes": ["a", "b"]}, "depends on which label is positive, 'a' or 'b'"),
        ({"costs": np.ones((3, 3))}, "costs has shape"),
        ({"costs": {"fp": 1, "fn": 1}, "classes": ["a"]}, "classes has shape"),
    ],
    ids=str,
)
def test_decide_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        decide(np.array([0.1, 0.5, 0.9]), **arguments)


@pytest.mark.parametrize(
    "parameters",
    [
        {"strategy": "smote", "decision": {"fp": 1, "fn": 25}},
        {"strategy": "random_undersample", "decision": "f1"},
        {"strategy": "focal", "alpha": 0.9, "validation_split": 0.2, "decision": "f1"},
        {"strategy": "ldam", "decision": 0.3},
        {"calibration": "holdout", "decision": ("fbeta", 2.0)},
        {"model": None, "model__n_members": 2, "decision": "mcc"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:The calibrator has")  # fewer than five rare rows are held out
@pytest.mark.parametrize("how", ["rows", "weights", "few rows", "chunks"])
def test_labels_by_another_name_in_pairs(parameters, how, rare):
    """Names in the order of the numbers they replace: the same fit, to the bit, with everything it meets."""
    X, y = rare
    few = 120 if how == "few rows" else len(y)
    X, y = X[:few], y[:few]
    weight = {"sample_weight": 1.0 + (np.arange(len(y)) % 3 == 0)} if how == "weights" else {}
    if how == "weights" and parameters.get("strategy") == "smote":
        weight = {"sample_weight": np.full(len(y), 2.0)}  # there are no weights for rows that are made up
    if how == "chunks" and (parameters.get("calibration") or parameters.get("strategy") == "smote"):
        parameters = {"strategy": "balanced_batches", "decision": {"fp": 1, "fn": 25}}
    fitted = []
    # The first label is the positive one, as "bad" is before "good".
    for labels, positive in ((1 - y, 0), (np.array(["good", "bad"])[y], "bad")):
        clf = quick(**parameters, pos_label=positive)
        if how == "chunks":
            for rows in (slice(0, None, 2), slice(1, None, 2)):
                clf.partial_fit(X[rows], labels[rows])
        else:
            clf.fit(X, labels, **weight)
        fitted.append(clf)
    numbers, names = fitted
    np.testing.assert_array_equal(names.predict_proba(X), numbers.predict_proba(X))
    np.testing.assert_array_equal(names.predict(X) == "bad", numbers.predict(X) == 0)
    assert names.threshold_ == numbers.threshold_
    assert np.ptp(names.predict_proba(X)[:, 0]) > 0.01
