"""Tests of tables: categories, missing values and numbers of every type."""

import datetime
import decimal
import html
import pickle
import re

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import TomekLinks
from sklearn.compose import make_column_transformer
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.table import FEW_ROWS, MOST_LEVELS, Columns
from skimbalance.networks import Encode, Standardize, realmlp
from skimbalance.strategies import resolve_strategy
from skimbalance.training.architecture import architecture

N = 400
COLOURS, CITIES = np.array(["red", "green", "blue"]), np.array([f"city {i}" for i in range(12)])


def table(n=N, seed=0):
    """Return rows whose class follows from a colour, a city, whether an age is there, and an amount."""
    rng = np.random.default_rng(seed)
    colour, city, amount = rng.integers(3, size=n), rng.integers(12, size=n), rng.normal(size=n)
    age = np.where(rng.random(n) < 0.2, np.nan, rng.normal(40, 10, size=n))
    z = 3 * (colour == 2) + 2 * (city % 4 == 1) + 2 * np.isnan(age) + amount - 4
    y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    frame = {"colour": COLOURS[colour], "city": CITIES[city], "age": age, "amount": amount, "member": colour == 1}
    return pd.DataFrame(frame), y


def in_polars(frame):
    """Return a frame of polars with the same columns."""
    return pl.DataFrame({name: [None if pd.isna(v) else v for v in frame[name]] for name in frame})


def classifier(model=None, **parameters):
    """Return a quick classifier."""
    small = {"model__n_members": 2, "epochs": 30} if model is None else {"epochs": 30}
    return ImbalancedKerasClassifier(model, **{**small, "random_state": 0, **parameters})


def own_network(meta):
    """Build a network that begins with `Encode`."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = keras.layers.Dense(16, "relu")(Standardize()(Encode.of(meta)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"])(hidden))


def plain_network(meta):
    """Build a network that does not."""
    return keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1, "sigmoid")])


# --- from a table to the matrix ---


@pytest.mark.parametrize(
    ("values", "kind", "levels"),
    [
        (pd.Series(["b", "a", None]), "category", ["a", "b", None]),
        (pd.Series([3, 1, 3], dtype="category"), "category", [1, 3]),
        (pd.Series(["b", "a", "b"], dtype=object), "category", ["a", "b"]),
        (pd.Series([True, False, True]), "boolean", None),
        (pd.Series([True, None, False], dtype="boolean"), "boolean", None),
        (pd.Series([1, None, 3], dtype="Int64"), "number", None),
        (pd.Series([decimal.Decimal("1.5"), None, decimal.Decimal("2")], dtype=object), "number", None),
        (pd.Series([np.nan] * 3), "number", None),
        (pd.Series([None] * 3, dtype=object), "category", [None]),
        (pl.Series(["b", "a", None]), "category", ["a", "b", None]),
        (pl.Series(["b", "a", "b"], dtype=pl.Enum(["b", "a", "c"])), "category", ["a", "b"]),
        (pl.Series(["b", "a", "b"], dtype=pl.Categorical), "category", ["a", "b"]),
        (pl.Series([1, None, 3]), "number", None),
        (pl.Series([True, None, False]), "boolean", None),
        (pl.Series([None] * 3), "category", [None]),
    ],
    ids=lambda value: f"{type(value).__module__.split('.')[0]}-{value.dtype}" if hasattr(value, "dtype") else None,
)
def test_kind_and_categories_of_a_column(values, kind, levels):
    frame = (pl if isinstance(values, pl.Series) else pd).DataFrame({"a": values})
    columns, matrix = Columns.learn(frame)
    assert columns.kinds == [kind]
    assert columns.levels == [levels]
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(columns.read(frame), matrix)
    if kind != "category":
        expected = [np.nan if v is None or v is pd.NA or v != v else float(v) for v in list(values)]
        np.testing.assert_array_equal(matrix[:, 0], np.float32(expected))


def test_pyarrow_tables_are_read():
    frame, _ = table()
    read = Columns.learn(pa.Table.from_pandas(frame))[1]
    np.testing.assert_array_equal(read, Columns.learn(frame)[1])
    codes = pa.table({"a": pa.array([5, 7, 5]).dictionary_encode()})
    assert Columns.learn(codes)[0].levels == [[5, 7]]


@pytest.mark.parametrize("given", [["a"], [0], [True, False], np.array([True, False])], ids=str)
def test_categories_by_hand(given):
    columns, matrix = Columns.learn(pd.DataFrame({"a": [9, 5, 9], "b": [9, 5, 9]}), given)
    assert columns.kinds == ["category", "number"]
    np.testing.assert_array_equal(matrix, [[1, 9], [0, 5], [1, 9]])


@pytest.mark.parametrize(
    ("X", "given", "message"),
    [
        (
            pd.DataFrame({"a": ["x", "y"], "b": 1.0}),
            ["b"],
            "Column 'a' is not in .*, but X holds text, such as 'x'; add it there",
        ),
        (pd.DataFrame({"a": ["x", "y"]}), None, "Column 'a' is not in categorical_features=None"),
        (pd.DataFrame({"a": [1, 2]}), ["z"], "names 'z', which is not a column"),
        (pd.DataFrame({"a": [1, 2]}), [3], "names 3, which is not a column"),
        (pd.DataFrame({"a": [datetime.date(2026, 1, 1)] * 2}), "auto", "Column 'a' holds dates .*DatetimeEncoder"),
        (pd.DataFrame({"a": pd.to_datetime(["2026-01-01"] * 2)}), "auto", "Column 'a' holds dates"),
        (pl.DataFrame({"a": [datetime.datetime(2026, 1, 1)] * 2}), "auto", "Column 'a' holds dates"),
        (pd.DataFrame({"a": [{"b": 1}, {"b": 2}]}), "auto", "Column 'a' has values .*TableVectorizer"),
        (pl.DataFrame({"a": [[1], [2]]}), "auto", "Column 'a' has values of type List"),
    ],
    ids=["text left out", "text as number", "name", "position", "date", "datetime", "polars", "dict", "list"],
)
def test_refused_columns(X, given, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Columns.learn(X, given)


@pytest.mark.parametrize("X", [pl.LazyFrame({"a": [1.0, 2.0]}), {"a": [1.0, 2.0]}], ids=["LazyFrame", "dict"])
def test_refused_tables(X):
    with pytest.raises(TypeError, match="collect\\(\\) first|pandas.DataFrame\\(X\\)"):
        classifier().fit(X, [0, 1])


def test_a_day_of_timestamps_keeps_its_seconds():
    seconds = 1_700_000_000 + np.arange(0, 86_400, 7)
    for X in (np.column_stack([seconds, seconds % 5]), pd.DataFrame({"time": seconds, "rest": seconds % 5})):
        columns, matrix = Columns.learn(X)
        assert len(np.unique(matrix[:, 0])) == len(seconds)
        np.testing.assert_array_equal(columns.read(X[::-1]), matrix[::-1])
        assert columns.offset[1] == 0
    outlier = np.append(seconds, 0)[:, None]
    assert len(np.unique(Columns.learn(outlier)[1])) == len(outlier)
    y = (seconds - seconds.min() > 60_000).astype(int)
    proba = classifier("mlp", epochs=30).fit(seconds[:, None], y).predict_proba(seconds[:, None])[:, 1]
    assert roc_auc_score(y, proba) > 0.999


def test_numbers_are_not_moved_for_a_network_that_is_built():
    seconds = 1_700_000_000.0 + np.arange(0, 86_400, 700)[:, None]
    network = keras.Sequential([keras.Input((1,)), keras.layers.Normalization(), keras.layers.Dense(1)])
    clf = classifier(network, epochs=1).fit(seconds, np.arange(len(seconds)) % 2)
    assert not clf.columns_.offset.any()


# --- levels ---


def test_rare_and_unknown_categories_share_one_code():
    frame, y = table()
    frame.loc[: FEW_ROWS - 2, "colour"], frame.loc[10 : 9 + FEW_ROWS, "city"] = "mauve", "kept"
    clf = classifier().fit(frame, y)
    columns = clf.columns_
    assert columns.n_rare(0) == 1
    assert columns.n_rare(1) == 0
    new = frame.iloc[20:40].assign(colour="never seen")
    rare = new.assign(colour="mauve")
    np.testing.assert_array_equal(clf.predict_proba(new), clf.predict_proba(rare))
    assert not np.array_equal(clf.predict_proba(new), clf.predict_proba(new.assign(colour="red")))
    assert np.isfinite(clf.predict_proba(new.assign(city="never seen", age=np.nan))).all()


def test_identifiers_are_refused_and_many_categories_are_accepted():
    rng = np.random.default_rng(0)
    names = pd.DataFrame({"name": [f"row {i}" for i in range(2 * MOST_LEVELS)], "x": rng.normal(size=2 * MOST_LEVELS)})
    with pytest.raises(ValueError, match="Column 'name' has 510 categories .*TargetEncoder"):
        classifier().fit(names, np.arange(len(names)) % 2)
    codes = rng.zipf(1.3, size=3000) % 2000
    frame = pd.DataFrame({"code": codes.astype(str), "x": rng.normal(size=3000)})
    y = (codes % 3 == 0).astype(int)
    clf = classifier(epochs=10).fit(frame, y)
    assert 0 < len(clf.columns_.kept[0]) <= MOST_LEVELS
    assert roc_auc_score(y, clf.predict_proba(frame)[:, 1]) > 0.9


# --- networks ---


def test_indicators_encode_categories_and_missing_values_only():
    """Numbers that look like what an indicator has for a missing value, or for nothing, are numbers."""
    numbers = [-2.0, -1.0, np.nan, 0.0, -1.0, -2.0]
    columns, X = Columns.learn(pd.DataFrame({"x": numbers, "k": list("abcabc"), "j": list("uuuvvv")}))
    columns.settle(X, np.repeat(np.arange(len(X)), 3))
    layer = Encode.of({"columns_": columns})
    layer.adapt(X, columns)
    out = np.asarray(layer(X))
    expected = [[-1.0 if np.isnan(x) else x for x in numbers], np.isnan(numbers)]
    expected += [np.array(list("abcabc")) == level for level in "abc"] + [np.array(list("uuuvvv")) == "v"]
    np.testing.assert_array_equal(out[:, :6], np.transpose(expected))
    assert not out[:, 6:].any()
    np.testing.assert_array_equal(np.transpose(list(layer.columns(X))), out)


@pytest.mark.parametrize("model", [None, "mlp", own_network], ids=["realmlp", "mlp", "own"])
def test_networks_learn_from_categories_and_missing_values(model):
    frame, y = table(1000)
    unseen, truth = table(2000, seed=1)
    clf = classifier(model).fit(frame, y)
    proba = clf.predict_proba(unseen)[:, 1]
    assert roc_auc_score(truth, proba) > 0.8
    assert proba.mean() == pytest.approx(truth.mean(), abs=0.06)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(unseen)[:, 1], proba)
    assert "colour" in repr(again.columns_)
    tags = clf.__sklearn_tags__().input_tags
    assert tags.categorical
    assert tags.allow_nan == (model is not own_network)


def test_a_network_without_encode_is_refused():
    frame, y = table()
    with pytest.raises(
        ValueError, match="categories in columns 'colour', 'city' and missing values .* in column 'age'.*Encode"
    ):
        classifier(plain_network).fit(frame, y)
    classifier(plain_network, epochs=1).fit(frame[["amount", "member"]], y)


def test_frames_of_all_libraries_give_equal_predictions():
    frame, y = table()
    typed = frame.astype({"colour": "category", "city": pd.CategoricalDtype([*CITIES[::-1], "unused"])})
    expected = classifier(epochs=3).fit(frame, y).predict_proba(frame)
    objects = frame.to_numpy(dtype=object)
    for other in (typed, in_polars(frame), objects, frame.iloc[::-1]):
        labels = y[::-1] if len(other) == N and isinstance(other, pd.DataFrame) and other.index[0] != 0 else y
        clf = classifier(epochs=3).fit(other, labels)
        np.testing.assert_array_equal(clf.predict_proba(other), expected if labels is y else expected[::-1])


def test_a_table_of_plain_numbers_is_read_as_before():
    frame, y = table()
    plain = frame[["amount", "member"]]
    clf = classifier(epochs=2).fit(plain, y)
    assert not any(isinstance(layer, Encode) for layer in clf.model_.layers)
    expected = classifier(epochs=2).fit(plain.astype(np.float32).to_numpy(), y)
    np.testing.assert_array_equal(clf.predict_proba(plain), expected.predict_proba(plain.to_numpy(np.float32)))


@pytest.mark.parametrize("columns", [["amount"], ["amount", "colour"], ["age", "amount"]], ids=str)
def test_missing_values_new_in_predict_are_replaced_by_the_median(columns):
    frame, y = table()
    frame["amount"] += 100  # so that 0 is not near the middle
    clf = classifier().fit(frame[columns], y)
    middle = np.quantile(frame["amount"], 0.5, method="averaged_inverted_cdf")
    missing, at_middle = (clf.predict_proba(frame[columns].assign(amount=value)) for value in (np.nan, middle))
    np.testing.assert_allclose(missing, at_middle, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(amount="much"), "Column 'amount' held numbers in fit, and now holds text, such as"),
        (lambda frame: frame.assign(colour=3), "Column 'colour' had categories that are text .* now has numbers"),
        (lambda frame: frame[["city", "colour", "age", "amount", "member"]], "feature names should match"),
        (lambda frame: frame.assign(amount=np.inf), "infinity .* in column 'amount'"),
    ],
    ids=["text", "numbers", "reordered", "infinite"],
)
def test_predict_compares_columns(change, message):
    frame, y = table()
    clf = classifier(epochs=1).fit(frame, y)
    with pytest.raises(ValueError, match=message):
        clf.predict(change(frame))


# --- in pairs ---


def test_a_sample_weight_equals_repeating_the_row_in_a_table_of_categories():
    frame, y = table(120)
    weight = np.arange(120) % 3
    repeated = np.repeat(np.arange(120), weight)
    clf = classifier(epochs=3).fit(frame, y, sample_weight=weight)
    other = classifier(epochs=3).fit(frame.iloc[repeated], y[repeated])
    np.testing.assert_array_equal(clf.predict_proba(frame), other.predict_proba(frame))


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_categories_of_rows_of_weight_zero_are_ignored(library):
    frame, y = table(120)
    frame.loc[:2, "colour"], frame.loc[3:5, "city"] = "a first level", None
    weight = np.r_[np.zeros(6), np.ones(114)]
    rows = frame if library is pd else in_polars(frame)
    clf = classifier(epochs=2).fit(rows, y, sample_weight=weight)
    other = classifier(epochs=2).fit(rows[6:], y[6:])
    assert clf.columns_.levels == other.columns_.levels
    np.testing.assert_array_equal(clf.predict_proba(rows), other.predict_proba(rows))


@pytest.mark.parametrize(
    ("strategy", "columns"),
    [
        *[("smote", columns) for columns in (["colour", "city"], ["colour", "amount"], ["age", "amount"])],
        *[(strategy, slice(None)) for strategy in ("random_oversample", "random_undersample", ["smote", "focal"])],
    ],
    ids=str,
)
def test_named_samplers_handle_categories_and_missing_values(strategy, columns):
    frame, y = table()
    frame = frame[columns] if isinstance(columns, list) else frame
    seen = {}

    def network(meta):
        seen["rows"] = meta["X_shape_"][0]
        return realmlp(meta, n_members=2)

    network.recipe = realmlp.recipe
    clf = ImbalancedKerasClassifier(network, strategy=strategy, epochs=20, random_state=0)
    proba = clf.fit(frame, y).predict_proba(frame)[:, 1]
    assert seen["rows"] != N
    assert roc_auc_score(y, proba) > 0.6
    assert abs(proba.mean() - y.mean()) < 0.1


def test_smote_generates_existing_categories_and_missing_values():
    frame, y = table()
    columns, X = Columns.learn(frame)
    strategy = resolve_strategy("smote", rng=np.random.default_rng(0))
    strategy.columns = columns
    before = X.copy()
    rows, labels = strategy.fit_resample(X, y)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(rows[: len(X)], X)
    made_up, rare = rows[len(X) :], X[y == 1]
    assert len(made_up) == (y == 0).sum() - (y == 1).sum()
    assert (labels[len(X) :] == 1).all()
    for j in (0, 1, 4):
        assert np.isin(made_up[:, j], rare[:, j]).all()
    assert np.isnan(made_up[:, 2]).mean() == pytest.approx(np.isnan(rare[:, 2]).mean(), abs=0.25)
    assert np.isfinite(made_up[:, 3]).all()


@pytest.mark.parametrize(
    ("sampler", "is_refused"),
    [
        (SMOTE(), True),
        (TomekLinks(), True),
        (RandomOverSampler(shrinkage=0.1), True),
        (RandomOverSampler(), False),
        (SMOTENC("auto"), False),
        (SMOTENC(["colour", "city", "member"]), False),
        (SMOTENC([0, 1]), False),
    ],
    ids=["SMOTE", "TomekLinks", "shrinkage", "RandomOverSampler", "SMOTENC auto", "SMOTENC names", "SMOTENC positions"],
)
def test_sampler_objects_on_a_table_with_categories(sampler, is_refused):
    frame, y = table()
    frame = frame.drop(columns="age")
    clf = classifier(strategy=sampler, epochs=1)
    if is_refused:
        with pytest.raises(ValueError, match="would compute with the codes of categories .*'colour', 'city'"):
            clf.fit(frame, y)
        assert not hasattr(clf, "classes_")
    else:
        clf.fit(frame, y)


def test_smotenc_that_leaves_out_a_category_is_refused():
    """It would make up rows between two codes, which are no level."""
    frame, y = table()
    frame = frame.drop(columns="age")
    with pytest.raises(ValueError, match="SMOTENC would compute with the codes of categories \\(column 'city'\\)"):
        classifier(strategy=SMOTENC([0]), epochs=1).fit(frame, y)
    with pytest.raises(ValueError, match="names 'colur', which is not a column"):
        classifier(strategy=SMOTENC(["colur", "city"]), epochs=1).fit(frame, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": "average_precision", "validation_split": 0.2},
        {"calibration": "holdout", "decision": "f1"},
        {"strategy": "balanced_batches", "shuffle": False},
        {"strategy": "ldam", "model": "mlp"},
        {"run_eagerly": True, "epochs": 1},
        {"model__embedding": None},
        {"model__n_members": 1},
    ],
    ids=str,
)
def test_categories_work_with_other_parameters(parameters):
    frame, y = table()
    given = {"epochs": 15, **parameters}
    clf = ImbalancedKerasClassifier(random_state=0, **given) if given.get("model") == "mlp" else classifier(**given)
    proba = clf.fit(frame, y).predict_proba(frame)
    assert proba[:, 1].mean() == pytest.approx(y.mean(), abs=0.1)
    if not given.get("run_eagerly"):
        assert roc_auc_score(y, proba[:, 1]) > 0.75


def test_chunks_add_categories_and_warm_starts_keep_the_columns_of_the_first_call():
    frame, y = table()
    for model in (None, "mlp"):
        clf = classifier(model)
        for _ in range(20):
            clf.partial_fit(frame[:200], y[:200]).partial_fit(frame[200:].assign(colour="new"), y[200:])
        assert roc_auc_score(y[:200], clf.predict_proba(frame[:200])[:, 1]) > 0.7
        assert "new" in clf.columns_.levels[0]
    own = classifier(plain_network).partial_fit(frame[["amount"]], y)
    with_gap = frame[["amount"]].assign(amount=np.nan)
    with pytest.raises(ValueError, match="NaN in column 'amount', which had no missing values in training"):
        own.partial_fit(with_gap, y)
    with pytest.raises(ValueError, match="NaN in column 'amount', which had no missing values in training"):
        classifier(plain_network).fit(frame[["amount"]], y, validation_data=(with_gap, y))
    clf = classifier(warm_start=True, epochs=2).fit(frame, y)
    columns = clf.columns_
    assert clf.fit(frame[::-1], y[::-1]).columns_ is columns
    before = clf.predict_proba(frame)
    with pytest.raises(ValueError, match="\\['member'\\] differs from the value of the first call, 'auto'"):
        clf.set_params(categorical_features=["member"]).fit(frame, y)
    clf.set_params(categorical_features="auto")
    with pytest.raises(ValueError, match="held numbers in fit"):
        clf.fit(frame.assign(amount="much"), y)
    np.testing.assert_array_equal(clf.predict_proba(frame), before)


def test_validation_data_is_encoded_like_training_data():
    frame, y = table()
    given = classifier(epochs=4, early_stopping=False).fit(frame, y, validation_data=(frame[::-1], y[::-1]))
    assert np.isfinite(given.history_["val_loss"]).all()
    assert given.history_["val_loss"][-1] < given.history_["val_loss"][0]


def test_a_transformer_before_the_classifier_works():
    frame, y = table()
    for output in ("default", "pandas"):
        encode = make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["colour", "city"]), remainder="passthrough"
        ).set_output(transform=output)
        pipeline = make_pipeline(encode, classifier()).fit(frame, y)
        assert roc_auc_score(y, pipeline.predict_proba(frame)[:, 1]) > 0.8


def test_folds_share_a_program_although_categories_differ():
    frame, y = table()
    texts = {
        architecture(classifier(epochs=1).fit(frame[rows], y[rows]).model_)
        for rows in (slice(None), frame["colour"] != "red", frame["city"] != "city 3")
    }
    assert len(texts) == 1


def test_verbose_prints_a_summary_of_the_columns(capsys):
    frame, y = table()
    frame.loc[0, "colour"] = "mauve"
    clf = classifier(epochs=1, verbose=2).fit(frame, y)
    said = "5 columns: 2 categorical (1 rare category in 'colour'), 1 boolean, 2 numeric, 1 with missing values"
    assert capsys.readouterr().out.count(said) == 1
    assert clf.columns_.summary() == said
    assert repr(clf.columns_).splitlines()[1].split(maxsplit=2)[2] == "4: blue, green, mauve, red; 1 rare"
    shown = html.unescape(re.sub("<[^>]*>", "|", clf.columns_._repr_html_()))
    assert shown.startswith(f"|{said}.|")
    assert "|colour||category||4: blue, green, mauve, red; 1 rare||" in shown


def test_tables_of_notebooks_escape_what_columns_hold():
    columns, _ = Columns.learn(pd.DataFrame({"<a>": ["<b>", "&"], "n": [1.0, 2.0]}))
    columns.kept[0] = np.arange(2)
    shown = columns._repr_html_()
    assert ">&lt;a&gt;</td>" in shown
    assert ">2: &amp;, &lt;b&gt;</td>" in shown
