"""Is what a fit leaves complete when it is made, so that nothing changes it afterwards?"""

import ast
import pickle
import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path

import keras
import numpy as np
import pytest

import skimbalance
from skimbalance import ImbalancedKerasClassifier, networks
from skimbalance.probability.decision import Decision


def classifier(**parameters):
    return ImbalancedKerasClassifier("mlp", **{"epochs": 2, "random_state": 0, **parameters})


def values_of(clf):
    """Return what a fit leaves, and the values in it."""
    fitted, training = clf._fitted, clf._training
    return [fitted, fitted.posterior, fitted.decision, training, training.came_with]


def test_nothing_sets_an_attribute_of_a_value(small_table):
    clf = classifier(ensemble="forest", decision="f1").fit(*small_table)
    for value in values_of(clf):
        for name in vars(value):
            with pytest.raises(FrozenInstanceError):
                setattr(value, name, None)


@pytest.mark.parametrize("call", ["fit", "partial_fit", "initialize"])
def test_a_later_call_leaves_the_values_of_an_earlier_one(call, small_table):
    X, y = small_table
    clf = classifier(ensemble="forest", decision="f1", warm_start=True).fit(X, y)
    values, logits = values_of(clf), clf.answers_.logits(X)
    others = clf.ensemble_.proba(X)
    before = [dict(vars(value)) for value in values], values[0].proba(logits, others), values[0].threshold
    getattr(clf.set_params(optimizer__learning_rate=0.01), call)(X[::2], y[::2])
    assert not set(map(id, values_of(clf)[:3])) & set(map(id, values))
    for value, attributes in zip(values, before[0], strict=True):
        assert vars(value).keys() == attributes.keys()
        assert all(vars(value)[name] is of for name, of in attributes.items())
    np.testing.assert_array_equal(values[0].proba(logits, others), before[1])
    assert values[0].threshold == before[2]


def test_parameters_set_after_a_fit_change_no_value(small_table):
    X, y = small_table
    clf = classifier(decision="f1").fit(X, y)
    fitted, threshold = clf._fitted, clf.threshold_
    clf.set_params(target_prior=0.5, decision={"fp": 1, "fn": 9})
    assert clf.threshold_ != threshold
    assert clf.answers_.target_prior.tolist() == [0.5, 0.5]
    assert clf._fitted is fitted
    assert clf.set_params(target_prior="fit", decision="f1").threshold_ == threshold


def test_what_was_given_may_change(small_table):
    costs = {"fp": 1.0, "fn": 9.0}
    clf = classifier(decision=costs).fit(*small_table)
    rule, threshold = clf._fitted.decision, clf.threshold_
    costs["fn"] = 1.0
    assert (rule.given["fn"], rule.value[1, 0]) == (9.0, 9.0)
    assert clf.threshold_ > threshold


def test_a_rule_keeps_its_form_when_it_is_given_rows():
    rule = Decision({("no", "yes"): 1.0, ("yes", "no"): 5.0}, np.array(["no", "yes"]), positive=1)
    for same in (rule.with_rows(None), pickle.loads(pickle.dumps(rule))):
        assert (same.given, same.kind, same.positive, same.n_classes) == (rule.given, "costs", 1, 2)
        np.testing.assert_array_equal(same.value, [[0, 1], [5, 0]])


def test_one_class_of_this_package_lies_under_the_classifier():
    """Beside it, mixins tell scikit-learn's callbacks of a fit's tasks, and which page documents an estimator."""
    bases = [of for of in ImbalancedKerasClassifier.__mro__[1:] if of.__module__.startswith("skimbalance")]
    assert list(dict.fromkeys(of.__module__ for of in bases)) == [  # an empty mixin more before scikit-learn 1.9
        "skimbalance._scikeras",
        "skimbalance._documentation",
        "skimbalance._callbacks",
    ]


@pytest.mark.parametrize("file", ["fitting.py", "post_training.py", "call.py", "assembly.py", "fitted.py"])
def test_the_way_of_a_fit_sets_no_attribute_of_a_value(file):
    """Only facts of the table are told to the draft of the estimator, under names that a builder reads."""
    tree = ast.parse((Path(skimbalance.__file__).parent / file).read_text(encoding="utf-8"))
    targets = [of for node in ast.walk(tree) for of in getattr(node, "targets", [])]
    found = {of.attr for of in targets if isinstance(of, ast.Attribute)}
    assert found <= {"class_count_", "prior_", "pos_label_", "positive", "columns"}  # the last two of a new strategy


def test_a_warning_about_the_builder_points_at_the_line_of_the_caller(small_table):
    def builder(meta):
        return networks.realmlp(meta)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ImbalancedKerasClassifier(builder).initialize(*small_table)
        ImbalancedKerasClassifier(build_fn=_plain, epochs=1).fit(*small_table)
    found = [of.filename for of in caught if "recipe" in str(of.message) or "build_fn" in str(of.message)]
    assert found == [__file__] * 2


def _plain(meta):
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1)])
