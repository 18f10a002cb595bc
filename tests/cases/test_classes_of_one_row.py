"""A class of a single row is trained on, or an error names it and what to do."""

import numpy as np
import pytest

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import STRATEGIES

LABELS = np.array(["copper", "silver", "gold"])


@pytest.fixture(scope="module")
def three():
    """Three classes, the last of one row."""
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(179, int), np.ones(60, int), 2]
    return (rng.normal(size=(240, 3)) + y[:, None]).astype(np.float32), LABELS[y]


@pytest.fixture(scope="module")
def two():
    """Two classes, the positive one of one row."""
    return np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32), LABELS[[0] * 119 + [1]]


def fitted(table, **settings):
    return ImbalancedKerasClassifier(**{"model": "mlp", "epochs": 2, "random_state": 0, **settings}).fit(*table)


@pytest.mark.parametrize("strategy", sorted({*STRATEGIES, "auto"} - {"asymmetric_focal", "smote"}))
def test_every_strategy(strategy, three, two):
    clf = fitted(three, strategy=strategy)
    assert clf.classes_.tolist() == ["copper", "gold", "silver"]
    assert np.isfinite(clf.predict_proba(three[0])).all()
    assert np.isfinite(fitted(two, strategy=strategy, pos_label="silver").predict_proba(two[0])).all()


@pytest.mark.parametrize("strategy", ["auto", "random_oversample"])
def test_the_default_network(strategy, three):
    clf = fitted(three, model=None, strategy=strategy, ensemble="forest")
    assert np.isfinite(clf.predict_proba(three[0])).all()


def test_the_only_row_of_a_class_is_not_held_out_by_default(three):
    clf = fitted(three)
    assert "val_loss" in clf.history_  # others are


@pytest.mark.parametrize(
    "decision", ["f1", ("fbeta", 2.0), "mcc", 0.2, {"fp": 1, "fn": 20}, "balanced_accuracy"], ids=str
)
def test_decisions_of_two_classes(decision, two):
    assert set(fitted(two, decision=decision, pos_label="silver").predict(two[0])) <= {"copper", "silver"}


@pytest.mark.parametrize("decision", ["accuracy", "balanced_accuracy", 1.0 - np.eye(3)], ids=str)
def test_decisions_of_three_classes(decision, three):
    assert set(fitted(three, decision=decision).predict(three[0])) <= set(LABELS)


@pytest.mark.parametrize(
    "settings", [{"validation_split": 0.2}, {"early_stopping": "loss"}, {"calibration": "holdout"}], ids=str
)
def test_requested_held_out_rows_raise_for_a_class_of_one_row(settings, three):
    with pytest.raises(ValueError, match="'gold': 1.*\\['gold'\\] cannot be split.*hold out no rows"):
        fitted(three, **settings)


def test_a_loss_that_needs_calibration_warns(three):
    with pytest.warns(UserWarning, match="too few rows are held out to calibrate it"):
        fitted(three, loss="categorical_hinge")
