"""Tests of the scores of an epoch against scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics import log_loss as sklearn_log_loss

from skimbalance import ImbalancedKerasClassifier
from skimbalance.probability.prior import shift_prior
from skimbalance.training.evaluation import average_precision, log_loss, macro_average_precision


def test_average_precision_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for digits in (1, 8):  # with ties, and without
        y, score, weight = rng.random(300) < 0.1, np.round(rng.random(300), digits), rng.uniform(0, 2, 300)
        assert average_precision(y, score) == pytest.approx(average_precision_score(y, score))
        expected = average_precision_score(y, score, sample_weight=weight)
        assert average_precision(y, score, weight) == pytest.approx(expected)


def test_scores_of_several_models_are_those_of_each():
    """With labels and weights of each one's own, with ties and without."""
    rng = np.random.default_rng(0)
    for digits, n_classes in ((1, 2), (8, 2), (8, 3)):
        y, weight = rng.integers(n_classes, size=(200, 4)), rng.uniform(0.1, 2, (200, 4))
        proba = np.round(rng.dirichlet(np.ones(n_classes), size=(200, 4)), digits)
        for score in (log_loss, macro_average_precision):
            for weights in (None, weight):
                each = [score(y[:, i], proba[:, i], None if weights is None else weights[:, i]) for i in range(4)]
                np.testing.assert_allclose(score(y, proba, weights), each, rtol=1e-12)
    weight[:, 1] *= y[:, 1] != 2  # a model without rows of a class: the mean over the others
    others = [average_precision(y[:, 1] == c, proba[:, 1, c], weight[:, 1]) for c in (0, 1)]
    assert macro_average_precision(y, proba, weight)[1] == pytest.approx(np.mean(others))


@pytest.mark.parametrize(
    ("model", "strategy"),
    [(None, "focal"), *(("mlp", strategy) for strategy in ("class_weight", "focal", "smote", "balanced_batches"))],
)
def test_scores_of_validation_data_equal_those_of_the_classifier(model, strategy, rare):
    """At the prior of these rows, whatever prior the strategy shows, and for the epoch that is kept."""
    X, y = rare
    out, weight = (X[:150], y[:150]), np.where(y[:150] == 1, 3.0, 1.0)
    parameters = {"epochs": 8, "early_stopping": "loss", "n_iter_no_change": 3, "random_state": 0}
    for weights in ((), (weight,)):
        clf = ImbalancedKerasClassifier(model, strategy=strategy, **parameters)
        clf.fit(X[150:], y[150:], validation_data=(*out, *weights))
        if np.ndim(clf.best_epoch_):  # each pair of members keeps its own
            continue
        prior = clf.prior_ if not weights else np.bincount(y[:150], weight) / weight.sum()
        proba = shift_prior(clf.predict_proba(X[:150]), clf.prior_, prior)
        history = {name: of[clf.best_epoch_ - 1] for name, of in clf.history_.items()}
        weights = {"sample_weight": weights[0] if weights else None}
        assert history["val_loss"] == pytest.approx(sklearn_log_loss(*out[1:], proba, **weights), rel=1e-4)
        expected = average_precision_score(*out[1:], proba[:, 1], **weights)
        assert history["val_average_precision"] == pytest.approx(expected, rel=1e-6)


def test_metrics_use_training_rows_only(rare):
    """Not those held out, whose metrics are logged apart."""
    seen = []

    class Count(keras.metrics.MeanMetricWrapper):
        def __init__(self, name="count", dtype=None):
            super().__init__(lambda y_true, y_pred: seen.append(len(y_true)) or y_pred[:, 0], name=name, dtype=dtype)

        def get_config(self):
            return {"name": self.name}

    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", metrics=[Count()], validation_split=0.25, epochs=1, random_state=0)
    clf.fit(np.concatenate([X, X[:100]]), np.concatenate([y, y[:100]]))
    assert seen[1] == 100  # distinct rows held out
    assert 400 - 100 <= seen[0] <= 500 - 100
    assert list(clf.history_) == ["loss", "count", "val_count", "val_loss", "val_average_precision"]
