"""A calibrator on a few held-out rows warns, and probabilities are no more extreme than the network's."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skimbalance import ImbalancedKerasClassifier


def rows(n_rare, n_others, seed=0, n_classes=2):
    """Draw rows of the last class and of others, which overlap."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_others) % (n_classes - 1), np.full(n_rare, n_classes - 1)]
    means = np.array([[0.0, 0.0, 0.0], [0.8, -0.8, 0.0], [1.2, 0.6, 0.4]])[-n_classes:]
    return rng.normal(size=(len(y), 3)) + means[y], y


def mlp(**parameters):
    """Return a classifier that is calibrated."""
    return ImbalancedKerasClassifier("mlp", epochs=10, calibration="holdout", random_state=0, **parameters)


@pytest.mark.parametrize("strategy", ["none", "focal", "smote", "ldam"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_few_held_out_rows_warn_and_keep_probabilities_near_the_loss(n_classes, strategy):
    X, y = rows(20, 150, n_classes=n_classes)
    X_new, y_new = rows(100, 1000, seed=1, n_classes=n_classes)
    with pytest.warns(UserWarning, match=f"held-out rows, [23] of them of class {n_classes - 1}, .* 5 or more of each"):
        clf = mlp(strategy=strategy).fit(X, y)
    # With slopes that have no bounds, log-losses were between one and five.
    shares = np.tile(np.bincount(y) / len(y), (len(y_new), 1))
    assert log_loss(y_new, clf.predict_proba(X_new)) < 1.15 * log_loss(y_new, shares)


def test_rows_given_as_validation_data_are_counted():
    X, y = rows(100, 500)
    with pytest.warns(UserWarning, match="52 held-out rows, 2 of them of class 1"):
        mlp().fit(X, y, validation_data=rows(2, 50, seed=1))


def test_text_labels_are_named():
    X, y = rows(20, 200)
    with pytest.warns(UserWarning, match="2 of them of class 'bad'"):
        mlp(pos_label="bad").fit(X, np.array(["good", "bad"])[y])


def test_chunks_warn_until_enough_rows_are_held_out():
    clf = mlp(validation_split=0.5)
    X, y = rows(6, 60)
    with pytest.warns(UserWarning, match="too few to tell"):
        clf.partial_fit(X, y)
    clf.partial_fit(*rows(60, 600, seed=1))


def test_enough_rows_do_not_warn():
    mlp(validation_split=0.5).fit(*rows(20, 200))
