"""Input that is not a table, and invalid labels, are refused with advice."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skimbalance import ImbalancedKerasClassifier

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"amount": RNG.normal(size=120), "age": RNG.normal(size=120)})
Y = np.arange(120) % 6 == 0

ONE_DIMENSION = {
    "a row of a frame": FRAME.iloc[0],
    "a column of a frame": FRAME["age"],
    "an array": FRAME["age"].to_numpy(),
    "a list": [1.0, 2.0],
    "texts": ["north", "south"],
    "objects": np.array(["north", 1.0], dtype=object),
    "an index": FRAME.index,
    "an array of an extension": pd.array([1, None], dtype="Int64"),
    "no rows": np.empty(0),
}


def quick(**settings):
    return ImbalancedKerasClassifier("mlp", epochs=1, early_stopping=False, random_state=0, **settings)


@pytest.fixture(scope="module")
def clf():
    return quick().fit(FRAME, Y)


@pytest.mark.parametrize("X", ONE_DIMENSION.values(), ids=ONE_DIMENSION)
def test_one_dimensional_input_is_refused(X, clf):
    calls = [
        lambda: quick().fit(X, Y),
        lambda: quick().fit(FRAME, Y, validation_data=(X, Y)),
        lambda: quick().initialize(X, Y),
        lambda: quick().partial_fit(X, Y),
        lambda: clf.partial_fit(X, Y),
        lambda: clf.score(X, Y),
        *(
            lambda how=how: how(X)
            for how in (clf.predict, clf.predict_proba, clf.predict_log_proba, clf.decision_function)
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="(?s)Expected 2D array, got 1D array instead.*Reshape your data"):
            call()


def test_series_are_refused(clf):
    polars = pytest.importorskip("polars", reason="frames of polars")
    pyarrow = pytest.importorskip("pyarrow", reason="frames of pyarrow")
    values = FRAME["age"].tolist()
    for X in (polars.Series("age", values), pyarrow.array(values), pyarrow.chunked_array([values])):
        with pytest.raises(ValueError, match="got 1D array instead"):
            clf.predict(X)


def test_a_frame_of_one_row_is_a_table(clf):
    assert clf.predict_proba(FRAME.iloc[[3]]).shape == (1, 2)
    assert quick().fit(FRAME[["age"]], Y).predict(FRAME[["age"]]).shape == (120,)


def test_a_list_of_dicts_is_refused(clf):
    with pytest.raises(TypeError, match=r"list of dicts.*pandas.DataFrame\(X\)"):
        clf.predict(FRAME.to_dict("records"))


def as_objects(values):
    """Return an array of objects, a label an element."""
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    return labels


LABELS = {
    "whole numbers": (as_objects(Y.astype(int).tolist()), r"y.astype\(int\)"),
    "booleans": (as_objects(Y.tolist()), r"y.astype\(bool\)"),
    "floats and whole numbers": (as_objects([1.0 if of else 0 for of in Y]), r"y.astype\(float\)"),
    "decimals": (as_objects([Decimal(int(of)) for of in Y]), r"y.astype\(str\)"),
    "numbers too large": (as_objects([2**80 if of else 0 for of in Y]), r"y.astype\(str\)"),
    "days": (as_objects([datetime.date(2024, 1, 1 + of) for of in Y]), r"y.astype\(str\)"),
    "a column of objects": (as_objects(Y.tolist())[:, None], r"y.astype\(bool\)"),
    "a series": (pd.Series(Y, dtype=object), r"y.astype\(bool\)"),
    "texts and numbers": (as_objects(["yes" if of else 0 for of in Y]), r"mixes text labels.*y.astype\(str\)"),
}
GAPS = {
    "None": as_objects([None, *Y[1:].tolist()]),
    "NaN among numbers": as_objects([np.nan, *Y[1:].astype(int).tolist()]),
    "NaN among texts": as_objects([np.nan, *np.where(Y, "yes", "no")[1:].tolist()]),
    "a list": [None, *Y[1:].tolist()],
    "a list of texts": [np.nan, *np.where(Y, "yes", "no")[1:].tolist()],
    "a series of texts": pd.Series(np.where(Y, "yes", "no")).where(np.arange(120) > 0),
}


@pytest.mark.parametrize(("y", "advice"), LABELS.values(), ids=LABELS)
def test_labels_as_objects_need_a_type(y, advice):
    for call in (
        lambda: quick().fit(FRAME, y),
        lambda: quick().partial_fit(FRAME, y),
        lambda: quick().fit(FRAME, Y, validation_data=(FRAME, y)),
    ):
        with pytest.raises(ValueError, match=advice):
            call()


@pytest.mark.parametrize("kind", [int, bool, float, str])
def test_the_advice_works(kind):
    y = as_objects(Y.tolist()).astype(kind)
    assert len(quick(pos_label="True" if kind is str else None).fit(FRAME, y).classes_) == 2


@pytest.mark.parametrize("y", GAPS.values(), ids=GAPS)
def test_missing_labels(y):
    with pytest.raises(ValueError, match="y contains NaN or None 1 times, first in row 0"):
        quick().fit(FRAME, y)


@pytest.mark.parametrize(
    "y", [np.where(Y, "NA", "None"), as_objects(np.where(Y, "nan", "None").tolist())], ids=["str", "object"]
)
def test_texts_that_look_missing_are_labels(y):
    assert set(quick(pos_label=y[0]).fit(FRAME, y).classes_) == set(y)


@pytest.mark.parametrize(
    ("labels", "partial", "whole"),
    [
        ([0, 1], {1: 5}, {0: 1, 1: 5}),
        ([False, True], {True: 5}, {False: 1, True: 5}),
        (["no", "yes"], {"no": 0.5}, {"no": 0.5, "yes": 1}),
        (["a", "b", "c"], {"c": 7}, {"a": 1, "b": 1, "c": 7}),
        (["a", "b", "c"], {}, {"a": 1, "b": 1, "c": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("strategy", ["auto", "focal"])
def test_labels_without_a_class_weight_have_weight_one(labels, partial, whole, strategy):
    y = np.array(labels)[np.arange(120) % len(labels)]
    weighted, same = (quick(strategy=strategy, class_weight=of).fit(FRAME, y) for of in (partial, whole))
    assert weighted.train_prior_ == pytest.approx(same.train_prior_)
    in_call = quick(strategy=strategy).fit(FRAME, y, class_weight=partial)
    assert in_call.train_prior_ == pytest.approx(same.train_prior_)


@pytest.mark.parametrize("key", [2, "1", None], ids=repr)
def test_a_class_weight_of_no_class(key):
    with pytest.raises(ValueError, match=r"which are not in y.*the labels \[0, 1\].*weight 1"):
        quick(class_weight={key: 5}).fit(FRAME, Y.astype(int))
