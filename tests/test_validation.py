"""Does bad input get one clear sentence, and leave the estimator usable?"""

import keras
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.exceptions import NotFittedError

from skimbalance import ImbalancedKerasClassifier
from skimbalance.strategies import STRATEGIES, ClassWeight, Focal

Dense = keras.layers.Dense


def with_value(X, value):
    """Return a frame with one bad entry."""
    frame = pd.DataFrame(X, columns=list("abcd")).astype(object if isinstance(value, str) else float)
    frame.iloc[3, 1] = value
    return frame


BAD_ROWS = [
    (lambda X, y: (with_value(X, np.inf), y), "Input X contains infinity .* in column 'b'"),
    (lambda X, y: (with_value(X, 1e39), y), "value too large for dtype\\('float32'\\)"),
    (lambda X, y: (X[:0], y[:0]), "0 sample"),
    (lambda X, y: (X[:, :0], y), "0 feature"),
    (lambda X, y: (X[0], y), "Expected 2D array"),
    (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    (lambda X, y: (X, np.zeros_like(y)), "y has 1 class, \\[0\\]"),
    (lambda X, y: (X, X[:, 0]), "Unknown label type: continuous"),
    (lambda X, y: (X, np.column_stack([y, y])), "Multilabel and multioutput targets are not supported"),
    (lambda X, y: (X, None), "requires y to be passed"),
    (lambda X, y: (X, y, -np.ones(len(y))), "Negative values in data passed to `sample_weight`"),
    (lambda X, y: (X, y, np.zeros(len(y))), "zero"),
    (lambda X, y: (X, y, 1.0 - y), "y has 1 class, \\[0\\], in the rows of positive weight"),
    (lambda X, y: (X, y, np.ones(3)), "sample_weight.shape"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_ROWS, ids=[message[:30] for _, message in BAD_ROWS])
def test_bad_rows(spoil, message, rare):
    clf = ImbalancedKerasClassifier("mlp", epochs=1, random_state=0)
    with pytest.raises(ValueError, match=message):
        clf.fit(*spoil(*rare))
    with pytest.raises(NotFittedError):
        clf.predict(rare[0])
    assert clf.fit(*rare).predict(rare[0]).shape == (400,)


def network(*head):
    """Return a builder of a small network with this end."""
    return lambda meta: keras.Sequential([keras.Input((meta["n_features_in_"],)), Dense(3), *head])


BAD_PARAMETERS = [
    ({"strategy": "Focal"}, "the names are \\['auto', .*Did you mean 'focal'\\?"),
    ({"strategy": "tomek"}, "Did you mean strategy=TomekLinks\\(\\), from imblearn.under_sampling import TomekLinks"),
    ({"strategy": "focl"}, "strategy='focl' is unknown; the names are .*Did you mean 'focal'\\?"),
    ({"strategy": 3}, "strategy=3 is of type int; it takes None, a name out of"),
    ({"strategy": SMOTE}, "SMOTE is a class; pass an instance, SMOTE\\(\\)"),
    ({"strategy": ["focal", Focal()]}, "combines Focal and Focal, each with a loss of its own"),
    ({"strategy": ["focal"], "strategy__gamma": 1.0}, "set the parameter on the object in the list"),
    ({"strategy": ClassWeight([1.0, 2.0, 3.0])}, "ClassWeight got weights=.* for 2 classes"),
    ({"strategy": ClassWeight("equal")}, 'takes "balanced" or one weight per class'),
    ({"strategy": "focal", "gamma": -0.5}, "'gamma' parameter .* range \\[0.0, inf\\).*Got -0.5"),
    ({"strategy": "focal", "gamma": "2"}, "'gamma' parameter .*Got '2'"),
    ({"strategy": "focal", "alpha": 1.0}, "'alpha' parameter .* range \\(0.0, 1.0\\).*Got 1.0"),
    ({"strategy": "focal", "alpha": [0.2, 0.3, 0.5]}, "alpha=\\[0.2, 0.3, 0.5\\] for 2 classes"),
    ({"strategy": "focal", "alpha": [0.2, -0.3]}, "one positive weight per class"),
    ({"strategy": "focal", "alpha": "equal"}, "'alpha' parameter"),
    ({"class_weight": {0: 1, 2: 1}}, "names the labels \\[2\\], which are not in y"),
    ({"class_weight": {2: 1}}, "names the labels \\[2\\], which are not in y"),
    ({"class_weight": {0: 1, 1: 0}}, "positive, finite number"),
    ({"class_weight": "equal"}, "'class_weight' parameter"),
    ({"loss": "mse", "strategy": "focal"}, "together with strategy='focal', which brings a loss of its own"),
    ({"epochs": 0}, "'epochs' parameter .*\\[1, inf\\).*Got 0"),
    ({"fit__epochs": 0}, "'epochs' parameter .*Got 0"),
    ({"batch_size": 0}, "'batch_size' parameter .*Got 0"),
    ({"batch_size": 1.5}, "'batch_size' parameter .*Got 1.5"),
    ({"validation_split": 1.0}, "'validation_split' parameter .*Got 1.0"),
    ({"optimizer": 3}, "'optimizer' parameter .* must be None.*Got 3"),
    ({"loss": 3}, "'loss' parameter .* must be None.*Got 3"),
    ({"metrics": 3}, "'metrics' parameter .* must be None.*Got 3"),
    ({"random_state": "zero"}, "'random_state' parameter .*Got 'zero'"),
    ({"model": 3}, "must be None, a name, a keras.Model, or a callable"),
    ({"model": lambda: 3}, "builder returned 3; it must return a keras.Model"),
    (
        {"model": network(Dense(3))},
        "outputs of shape \\(None, 3\\), but y has 2 classes, which need \\(None, 2\\) or",
    ),
    ({"model": network(Dense(2, "relu"))}, "last activation is 'relu', of output shape \\(None, 2\\)"),
    ({"model": network(Dense(2, "sigmoid"))}, "ends in 2 sigmoid units"),
    (
        {"model": lambda: keras.Sequential([keras.Input((9,)), Dense(2)])},
        "takes inputs of shape \\(None, 9\\)",
    ),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS, ids=[message[:30] for _, message in BAD_PARAMETERS])
def test_bad_parameters(parameters, message, rare):
    clf = ImbalancedKerasClassifier(**{"epochs": 1, **parameters})
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(*rare)
    with pytest.raises(NotFittedError):
        clf.predict_proba(rare[0])


class Dropping(SMOTE):
    """Sampler that returns one class."""

    def fit_resample(self, X, y):
        return X[y == 0], y[y == 0]


class Failing(SMOTE):
    """Sampler with a defect."""

    def fit_resample(self, X, y):
        return X, y[[len(y)]]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strategy": []}, "strategy is an empty list; set None"),
        (
            {"decision": [[0, 1], [np.nan, 0]]},
            "entry \\[true class 1, predicted class 0\\] is nan; it takes finite costs",
        ),
        ({"strategy": Dropping()}, "returned no row of the classes \\[1\\]"),
        ({"strategy": Failing()}, "Failing could not resample .*{0: 306, 1: 34}: index 340 .*\\(IndexError\\)"),
        ({"strategy": "logit_adjustment", "strategy__tau": 1e6}, "class shares .* which no network can learn"),
        (
            {"strategy": "focal", "gamma": 1000.0},
            "FocalLink with .*1000.0.* gives no finite probabilities; take a parameter of a usual size",
        ),
    ],
    ids=str,
)
def test_what_used_to_be_a_raw_error_is_a_sentence(parameters, message, rare):
    clf = ImbalancedKerasClassifier(epochs=2, **parameters)
    with pytest.raises(ValueError, match=message):
        clf.fit(*rare)


@pytest.mark.parametrize("weights", [(1e300, 1e-300), (1e-300, 1e300)], ids=str)
def test_weights_of_no_usual_size(weights, rare):
    X, y = rare
    with pytest.raises(ValueError, match="class shares .* which no network can learn; .*weights of a usual size"):
        ImbalancedKerasClassifier(epochs=2).fit(X, y, sample_weight=np.array(weights)[y])


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_weights_of_one_size_are_no_weights(size, rare):
    X, y = rare
    clf = ImbalancedKerasClassifier("mlp", epochs=2, random_state=0).fit(X, y, sample_weight=np.full(len(y), size))
    np.testing.assert_allclose(clf.prior_, [0.9, 0.1])
    assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.parametrize("labels", [["no", 1], [0, "yes"]], ids=str)
def test_labels_of_several_types(labels, rare):
    X, y = rare
    labels = [labels[i] for i in y]
    for of in (labels, np.array(labels, dtype=object)):
        with pytest.raises(ValueError, match="y mixes text labels with others, such as '(no|yes)' and"):
            ImbalancedKerasClassifier(epochs=1).fit(X, of)


@pytest.mark.parametrize(
    "as_labels", [lambda y: np.array(y, dtype=object), pd.Categorical], ids=["object", "categorical"]
)
def test_smote_without_enough_neighbours_of_any_labels(as_labels, rare):
    X, y = rare
    kept = (y == 0) | (np.cumsum(y) <= 4)
    with pytest.raises(ValueError, match="at least 6 training rows in each, but class 'ill' has 4"):
        ImbalancedKerasClassifier(strategy="smote").fit(X[kept], as_labels(np.array(["well", "ill"])[y[kept]]))


def test_rows_that_a_network_has_no_finite_output_for_are_named(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier(network(Dense(2)), epochs=1, random_state=0).fit(X, y)
    X = X.copy()
    X[7] = 3e38
    with pytest.raises(ValueError, match="no finite output for 1 of 400 rows, the first of which is row 7"):
        clf.predict_proba(X)


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")  # Keras says so as well, when it is built
def test_a_softmax_over_one_unit_is_refused(rare):
    with pytest.raises(ValueError, match="softmax over one unit"):
        ImbalancedKerasClassifier(network(Dense(1, "softmax")), epochs=1).fit(*rare)


def test_a_network_for_two_classes_is_refused_for_three(rare_multiclass):
    with pytest.raises(ValueError, match="shape \\(None, 1\\), but y has 3 classes, which need \\(None, 3\\)"):
        ImbalancedKerasClassifier(network(Dense(1, "sigmoid"))).fit(*rare_multiclass)


def test_several_inputs_or_outputs_are_refused(rare):
    inputs = [keras.Input((4,)), keras.Input((4,))]
    two_inputs = keras.Model(inputs, Dense(2)(keras.layers.Add()(inputs)))
    with pytest.raises(ValueError, match="2 inputs"):
        ImbalancedKerasClassifier(two_inputs).fit(*rare)
    two_outputs = keras.Model(inputs[0], [Dense(2)(inputs[0]), Dense(2)(inputs[0])])
    with pytest.raises(ValueError, match="2 outputs"):
        ImbalancedKerasClassifier(two_outputs).fit(*rare)


def test_unfitted(rare):
    X, _ = rare
    clf = ImbalancedKerasClassifier(epochs=1)
    for method in (clf.predict, clf.predict_proba):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            method(X)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame[["a", "b"]], "feature names should match"),
        (lambda frame: frame[list("bacd")], "feature names should match"),
        (lambda frame: frame.rename(columns={"a": "z"}), "feature names should match"),
        (lambda frame: with_value(frame.to_numpy(), np.nan), "contains NaN in column 'b'"),
    ],
    ids=["missing", "reordered", "renamed", "missing"],
)
def test_predict_refuses_other_features(spoil, message, rare):
    frame = pd.DataFrame(rare[0], columns=list("abcd"))
    clf = ImbalancedKerasClassifier(network(Dense(1)), epochs=1).fit(frame, rare[1])
    with pytest.raises(ValueError, match=message):
        clf.predict(spoil(frame))


def test_predict_refuses_another_number_of_features(rare):
    clf = ImbalancedKerasClassifier(epochs=1).fit(*rare)
    with pytest.raises(ValueError, match="X has 2 features, but ImbalancedKerasClassifier is expecting 4"):
        clf.predict(rare[0][:, :2])


@pytest.mark.parametrize("strategy", ["smote", SMOTE(), [SMOTE(), "focal"]], ids=str)
def test_smote_without_enough_neighbours(strategy, rare):
    X, y = rare
    kept = (y == 0) | (np.cumsum(y) <= 4)
    with pytest.raises(
        ValueError, match="at least 6 training rows in each, but class 1 has 4.*k_neighbors=3.*oversample"
    ):
        ImbalancedKerasClassifier(strategy=strategy).fit(X[kept], y[kept])


def test_a_class_of_one_row_cannot_be_held_out(rare):
    X, y = rare
    kept = (y == 0) | (np.cumsum(y) <= 1)
    with pytest.raises(ValueError, match="validation_split=0.2 needs every class .*\\{0: 360, 1: 1\\}"):
        ImbalancedKerasClassifier(validation_split=0.2).fit(X[kept], y[kept])


def test_unknown_argument_of_fit(rare):
    with pytest.raises(TypeError, match="unexpected argument 'epoch'.* Did you mean 'epochs'"):
        ImbalancedKerasClassifier().fit(*rare, epoch=3)


def test_a_later_chunk_with_a_new_label(rare):
    X, y = rare
    clf = ImbalancedKerasClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="categories \\[2\\] in y, which are not among \\[0, 1\\]"):
        clf.partial_fit(X, y + 1)
    assert clf.predict(X).shape == (400,)


@pytest.mark.parametrize("strategy", [*STRATEGIES, SMOTE(), ["smote", "focal"]], ids=str)
def test_inputs_are_left_as_they_were(strategy, rare):
    X, y = rare
    X_before, y_before = X.copy(), y.copy()
    clf = ImbalancedKerasClassifier("mlp", strategy=strategy, epochs=1)
    parameters = {name: repr(value) for name, value in clf.get_params().items()}
    clf.fit(X, y, sample_weight=np.ones(len(y))).predict(X)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert {name: repr(value) for name, value in clf.get_params().items()} == parameters
