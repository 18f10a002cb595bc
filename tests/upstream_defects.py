"""Defects of SciKeras 0.13 on today's scikit-learn and Keras: a function each, which raises where it is present.

``test_scikeras_bridge.py`` runs every function on our classifier, where it must pass. On plain SciKeras each must fail:
run as a script, this file prints the names of those that pass there, none.
"""

import functools
import inspect
import os
import pickle
import sys
import threading

import keras
import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(int)


def network(meta, width=4):
    """Build a sigmoid network, as SciKeras' tutorials do."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(width, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


def raises(error, function):
    """Assert that a call raises an error."""
    try:
        function()
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")


def is_a_classifier_for_scikit_learn(make):
    """Line 1209: ClassifierMixin comes after BaseEstimator."""
    assert is_classifier(make())


def tags_can_be_read(make):
    """Line 1191: `_more_tags` without `__sklearn_tags__`."""
    from sklearn.utils.estimator_checks import check_estimator_tags_renamed

    assert make().__sklearn_tags__().target_tags.required
    check_estimator_tags_renamed("classifier", make())


def parameters_are_those_of_the_constructor(make):
    """Line 1185: whatever is assigned becomes a parameter."""
    clf = make()
    clf.note = 3
    assert "note" not in clf.get_params()


def misspelt_keywords_are_refused(make):
    """Line 287: `vars(self).update(**kwargs)`."""
    raises(TypeError, lambda: make(epoch=3))


def misspelt_routed_parameters_are_refused(make):
    """Routing drops what reaches nothing."""
    raises(ValueError, lambda: make(fit__epoch=3).fit(X, Y))


def repr_is_scikit_learns(make):
    """Line 1165: tabs, and every default."""
    assert "\t" not in repr(make())


def seeding_is_safe_in_threads(make):
    """utils/random_state.py seeds global generators, which threads share."""
    expected = make(random_state=0, epochs=3).fit(X, Y).predict_proba(X)
    results = {}

    def work(i):
        results[i] = make(random_state=0, epochs=3).fit(X, Y).predict_proba(X)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(results[i], expected) for i in range(4))


def one_row_has_two_probabilities(make):
    """utils/transformers.py, line 288: squeezes."""
    assert make().fit(X, Y).predict_proba(X[:1]).shape == (1, 2)


def sample_weight_is_left_alone(make):
    """Line 1500: `sample_weight *= ...`."""
    weight = np.ones(len(X))
    make(class_weight="balanced").fit(X, Y, sample_weight=weight)
    assert np.all(weight == 1)


def integer_weights_are_accepted(make):
    """Line 1500: multiplies in place."""
    make(class_weight="balanced").fit(X, Y, sample_weight=np.ones(len(X), dtype=int))


def unknown_class_weights_are_refused(make):
    """A label that does not exist is accepted silently."""
    raises(ValueError, lambda: make(class_weight={0: 1, 1: 2, 5: 3}).fit(X, Y))


def warm_start_keeps_classes_and_history(make):
    """Lines 537 and 1497: the history is lost."""
    clf = make(warm_start=True, epochs=2).fit(X, Y)
    clf.fit(X, Y)
    assert len(clf.history_["loss"]) == 4


def partial_fit_takes_classes_in_any_order(make):
    """Line 1539: assigns them as they come."""
    make().partial_fit(X, Y, classes=[1, 0])


def partial_fit_keeps_its_classes(make):
    """Line 1539: a second call overwrites them."""
    clf = make().partial_fit(X, Y, classes=[0, 1])
    raises(ValueError, lambda: clf.partial_fit(X, Y, classes=[0, 1, 2]))


def other_dtypes_can_be_predicted(make):
    """Line 680: fitted on float32, predicting float64 raises."""
    make().fit(X, Y).predict(X.astype(np.float64))


def other_string_widths_can_be_continued_with(make):
    """Line 649: the dtype of y must be castable."""
    clf = make().partial_fit(X, np.array(["a", "b"])[Y], classes=["a", "b"])
    clf.partial_fit(X, np.array(["a", "b"], dtype="<U9")[Y])


def column_names_are_checked(make):
    """No feature_names_in_: reordered columns predict nonsense."""
    clf = make().fit(pd.DataFrame(X, columns=list("abc")), Y)
    assert list(clf.feature_names_in_) == list("abc")
    raises(ValueError, lambda: clf.predict(pd.DataFrame(X, columns=list("cba"))))


def an_optimizer_instance_serves_two_fits(make):
    """The optimizer keeps the variables of the first model."""
    clf = make(optimizer=keras.optimizers.Adam())
    clf.fit(X, Y).fit(X, Y)


def callbacks_keep_no_model(make):
    """Line 906: the user's instances are handed to Keras."""
    callback = keras.callbacks.EarlyStopping(monitor="loss")
    make(callbacks=[callback]).fit(X, Y)
    assert getattr(callback, "_model", None) is None


def callbacks_with_files_can_be_pickled(make):
    """CSVLogger keeps its writer, and the estimator keeps CSVLogger."""
    pickle.dumps(make(callbacks=[keras.callbacks.CSVLogger(os.devnull)]).fit(X, Y))


def a_built_network_is_not_trained_in_place(make):
    """Line 305: returns the model that was passed."""
    model = network({"n_features_in_": 3})
    before = [w.copy() for w in model.get_weights()]
    make(model=model).fit(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def metric_names_do_not_drift(make):
    """Keras numbers names over the process."""
    names = [set(make(metrics=["AUC"]).fit(X, Y).history_) for _ in range(2)]
    assert names == [{"loss", "auc"}] * 2


def losses_by_name_take_parameters(make):
    """Line 377: finds a function, which takes none."""
    make(loss="binary_focal_crossentropy", loss__gamma=3.0).fit(X, Y)


def methods_can_build_networks(make):
    """Line 315: functions and partials only."""

    class Builder:
        def build(self, meta):
            return network(meta)

    make(model=Builder().build).fit(X, Y)


def numpy_integers_are_random_states(make):
    """TensorFlow takes Python's int only."""
    make(random_state=np.int64(3)).fit(X, Y)


def generators_are_random_states(make):
    """An instance of numpy.random.Generator."""
    make(random_state=np.random.default_rng(3)).fit(X, Y)


def a_random_state_moves_on(make):
    """Line 941: the state is copied, so that two fits are the same."""
    state = np.random.RandomState(0)
    first, second = (make(random_state=state).fit(X, Y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(first, second)


def a_failed_fit_leaves_it_unfitted(make):
    """Line 1497: sets classes_ first."""
    clf = make()
    raises(ValueError, lambda: clf.fit(X, Y[:-1]))
    raises(NotFittedError, lambda: check_is_fitted(clf))


def validation_rows_are_stratified(make):
    """Keras takes the last rows."""
    order = np.argsort(Y, kind="stable")
    clf = make(validation_split=0.2, epochs=30, metrics=["AUC"]).fit(X[order], Y[order])
    assert max(clf.history_["val_auc"]) > 0  # zero in all epochs where the held-out rows are of one class


def memory_does_not_grow_with_every_fit(make):
    """A new graph for every fit and prediction, which is kept."""
    import psutil

    process = psutil.Process()
    for i in range(24):
        make(epochs=1).fit(X, Y).predict(X)
        if i == 3:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < 20 * 1.0e6


def clones_copy_no_trained_model(make):
    """Line 906 again: a clone copies the callbacks, and with them the model."""
    clf = make(callbacks=[keras.callbacks.EarlyStopping(monitor="loss")]).fit(X, Y)
    assert getattr(clone(clf).callbacks[0], "_model", None) is None


#: Every function above that takes `make`, the constructor to test.
DEFECTS = [
    value
    for value in list(vars().values())
    if inspect.isfunction(value) and list(inspect.signature(value).parameters) == ["make"]
]


if __name__ == "__main__":
    import warnings

    from scikeras.wrappers import KerasClassifier

    warnings.simplefilter("ignore")
    make = functools.partial(KerasClassifier, model=network, loss="binary_crossentropy", verbose=0)
    make().fit(X, Y).predict(X)  # upstream works at all, so that each failure below is its own
    for defect in DEFECTS:
        try:
            defect(lambda **parameters: make(**parameters))
        except Exception as error:
            print(f"{defect.__name__}: {type(error).__name__}", file=sys.stderr)
        else:
            print(defect.__name__)
