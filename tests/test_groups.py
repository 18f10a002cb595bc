"""Tests of held-out groups, of splits of the caller's own, and of rows given to be held out."""

import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    PredefinedSplit,
    StratifiedGroupKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier, compare_strategies
from skimbalance.data.groups import OwnSplit, group_keys
from skimbalance.data.holdout import HoldOutRequest, plan_hold_out
from skimbalance.data.reservoir import GroupReservoir
from skimbalance.data.rows import Rows
from skimbalance.data.splits import WholeGroups
from skimbalance.networks import realmlp
from skimbalance.networks.members import Members


def visits(n_patients=150, each=4, seed=0):
    """Rows of patients, near copies of each other, their labels, and whose they are."""
    rng = np.random.default_rng(seed)
    of, is_sick = rng.normal(size=(n_patients, 4)), rng.permutation(n_patients) < 0.3 * n_patients
    X = np.repeat(of, each, axis=0) + 0.05 * rng.normal(size=(n_patients * each, 4))
    return X.astype(np.float32), np.repeat(is_sick, each).astype(int), np.repeat(np.arange(n_patients), each)


def mlp(**parameters):
    """A plain network of two epochs."""
    return ImbalancedKerasClassifier(**{"model": "mlp", "epochs": 2, "random_state": 0, **parameters})


#: Class shares that held-out rows of chunks are weighted to.
PRIOR = np.array([0.7, 0.3])
#: Settings of the default network that make it small.
SMALL = {"model__n_members": 3, "model__hidden_layer_sizes": (8,)}


def members(n):
    """Members of a network."""
    return Members(realmlp({"n_features_in_": 2, "n_classes_": 2}, hidden_layer_sizes=(2,), n_members=n))


def plan(y, groups, **what):
    """Plan the hold-out of rows in groups."""
    X = np.arange(len(y), dtype=np.float32)[:, None]
    rows = Rows(X, y, None, merges=True, groups=group_keys(groups, len(y)))
    labels = np.unique(y)
    return plan_hold_out(rows, labels, np.bincount(y) / len(y), HoldOutRequest(**what), rng=np.random.default_rng(0))


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_whole_groups_are_held_out_with_the_share_of_every_class(sizes):
    rng = np.random.default_rng(0)
    each = np.full(200, 5) if sizes == "equal" else rng.integers(1, 20, 200)
    y, groups = np.repeat(np.arange(200) < 40, each).astype(int), np.repeat(np.arange(200), each)
    kept, out = WholeGroups(y, groups).hold_out(np.array([0, 1]), 0.2, rng)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, out])), np.arange(len(y)))
    assert not np.intersect1d(groups[kept], groups[out]).size
    assert len(np.unique(groups[out])) == 40
    assert len(np.unique(groups[out][y[out] == 1])) == 8
    np.testing.assert_allclose(np.bincount(y[out]) / np.bincount(y), 0.2, atol=0.04)


def test_groups_of_several_classes_keep_every_class_on_both_sides():
    """A row of the rare class is in two groups of eleven only, and one group has most rows of another class."""
    y = np.array([0, 1] * 8 + [0, 2, 0, 2] + [1] * 20)
    groups = np.repeat(np.arange(11), [2] * 8 + [2, 2, 20])
    for seed in range(20):
        kept, out = WholeGroups(y, groups).hold_out(np.arange(3), 0.2, np.random.default_rng(seed))
        assert np.unique(y[kept]).tolist() == np.unique(y[out]).tolist() == [0, 1, 2]
        assert 10 in groups[kept]


@pytest.mark.parametrize("n_members", [4, 3], ids=["pairs", "an odd number"])
def test_members_hold_out_groups_of_their_own(n_members):
    """Sets of fewer rows are filled up: rows of training once more, held-out ones of weight zero."""
    rng = np.random.default_rng(0)
    each = rng.integers(1, 8, 120)
    y, groups = np.repeat(np.arange(120) < 60, each).astype(int), np.repeat(np.arange(120), each)
    planned = plan(y, groups, stops=True, share=0.15, own=True)
    kept, out = planned.draw_own(members(n_members), rng)
    of_distinct = groups[planned.rows.index]
    held = []
    for member in range(n_members):
        weighs = out.sample_weight[:, member] > 0
        trained, judged = of_distinct[kept[:, member]], groups[out.index[weighs, member]]
        held.append(set(judged))
        assert held[-1].isdisjoint(trained)
        assert len(held[-1]) + len(np.unique(trained)) == 120
        assert len(np.unique(kept[:, member])) + weighs.sum() == len(y)
        np.testing.assert_array_equal(out.y[:, member], y[out.index[:, member]])
    assert [a == b for a, b in zip(held[::2], held[1::2], strict=False)] == ([True] * 2 if n_members == 4 else [False])


def test_a_class_in_one_group_stays_in_training():
    y, groups = np.repeat([0, 1, 2], [80, 40, 10]), np.repeat(np.arange(13), 10)
    for how in ({"stops": "auto", "share": 0.4}, {"stops": "auto", "share": 0.4, "own": True}):
        planned = plan(y, groups, **how)
        kept = planned.draw_own(members(4), np.random.default_rng(0))[0].T if planned.own_share else [planned.kept]
        assert all(set(planned.rows.classes[of]) == {0, 1, 2} for of in kept)
    with pytest.raises(ValueError, match=r"split=0.2 holds out whole groups .*classes \{0: 8, 1: 4, 2: 1\} .*of 13"):
        plan(y, groups, split=0.2)


def test_too_few_groups_are_not_enough_however_many_rows_they_have():
    y, groups = np.repeat([0, 1], [600, 300]), np.repeat(np.arange(9), 100)
    assert not len(plan(y, groups, stops="auto").out)
    with pytest.raises(ValueError, match=r"15% of the groups, but the classes have \{0: 6, 1: 3\} groups"):
        plan(y, groups, stops=True, share=0.15, own=True)


def test_identical_rows_merge_within_a_group_and_a_side_only():
    X, y = np.zeros((6, 1), dtype=np.float32), np.zeros(6, dtype=int)
    rows = Rows(X, y, None, merges=True, groups=np.array([7, 7, 9, 9, 9, 9], dtype=np.uint64))
    assert sorted(rows.weight) == [2, 4]
    rows = Rows(X, y, None, merges=True, is_out=np.array([0, 0, 0, 0, 0, 1], dtype=bool))
    assert sorted(zip(rows.weight.tolist(), np.isin(range(2), rows.out).tolist(), strict=True)) == [
        (1.0, True), (5.0, False)
    ]  # fmt: skip


LABELS = {
    "int": lambda g: g, "negative": lambda g: -g, "list": lambda g: g.tolist(), "str": lambda g: g.astype(str),
    "object": lambda g: g.astype(str).astype(object), "float": lambda g: g / 2,
    "tuples": lambda g: [(i, "a") for i in g],
    "series": lambda g: pd.Series(g.astype(str), index=g + 5), "category": lambda g: pd.Series(g).astype("category"),
    "nullable": lambda g: pd.Series(g, dtype="Int64"), "times": lambda g: pd.to_timedelta(g, "D"),
    "dates": lambda g: pd.Timestamp("2024-01-01") + pd.to_timedelta(g, "D"),
    "column": lambda g: g[:, None], "mixed": lambda g: [i if i % 2 else f"p{i}" for i in g],
}  # fmt: skip


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_groups_may_be_of_any_kind(kind):
    groups = np.array([3, 1, 1, 2, 3, 0])
    keys = group_keys(LABELS[kind](groups), 6)
    assert keys.dtype == np.uint64
    np.testing.assert_array_equal(keys[:, None] == keys, groups[:, None] == groups)


def test_equal_labels_have_equal_keys_in_every_form_and_process():
    groups = np.array([5, -3, 0])
    for of in (groups.astype(float), groups.tolist(), groups.astype(object), pd.Series(groups, dtype="Int64")):
        np.testing.assert_array_equal(group_keys(of, 3), group_keys(groups, 3))
    dates = pd.Series(pd.to_datetime(["2024-01-01 00:00", "2024-01-02 03:04"]))
    for of in (dates.to_list(), dates.astype("datetime64[s]"), dates.to_numpy(), dates.astype(object)):
        np.testing.assert_array_equal(group_keys(of, 2), group_keys(dates, 2))
    for of in (np.array(["a", "b"]), ["a", "b"], pd.Series(["a", "b"], dtype="category")):
        np.testing.assert_array_equal(
            group_keys(of, 2), np.array([3405396810240292928, 8453121595177857668], np.uint64)
        )


def test_whole_numbers_of_more_than_64_bits_and_tuples_are_told_apart():
    large = [0, 2**64, 2**128, -(2**64), 10**30, 2**63, -(2**63), 2**64 - 1, -1]
    keys = group_keys(large, 9)
    assert len(set(keys.tolist())) == 9
    np.testing.assert_array_equal(group_keys(np.array([2**64 - 1, 0], dtype=np.uint64), 2), keys[[7, 0]])
    np.testing.assert_array_equal(group_keys(np.array(large, dtype=object), 9), keys)
    np.testing.assert_array_equal(group_keys([float(2**70), 5], 2), group_keys([2**70, Decimal(5)], 2))
    same = [[(1, "a")], [(np.int64(1), np.str_("a"))], [(1.0, "a")], [(Decimal(1), "a")], [(True, "a")]]
    assert len({int(group_keys(of, 1)[0]) for of in same}) == 1
    assert len(set(group_keys([0.5, Decimal("1.5"), (0.5,), (1, "b"), "1"], 5).tolist())) == 5
    for plain in ([3, True, 0], ["a", "b", "a"], np.array([3, 1, 0])):
        np.testing.assert_array_equal(group_keys(plain, 3), group_keys(np.array(plain, dtype=object), 3))


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([1, 2], ValueError, "groups has 2 labels, but X has 3 rows.* sampler"),
        ([1.0, np.nan, 2.0], ValueError, "1 missing labels, the first in row 1"),
        ([1, 2, None], ValueError, "1 missing labels, the first in row 2"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), ValueError, "first in row 1"),
        (pd.to_datetime(["2024-01-01", None, "2024-01-02"]), ValueError, "first in row 1"),
        ([[1], [2], [3]], TypeError, "cannot be hashed"),
        (np.zeros((3, 2)), ValueError, r"shape \(3, 2\); it needs one label"),
    ],
)
def test_bad_groups_are_refused(groups, error, message):
    with pytest.raises(error, match=message):
        group_keys(groups, 3)


def test_held_out_groups_tell_how_good_new_ones_are():
    """In all ways that rows are held out; without groups, copies would be known (.02 and less)."""
    X, y, groups = visits(300, seed=1)
    X_new, y_new, _ = visits(1000, 1, seed=2)
    for parameters in ({"early_stopping": False, "validation_split": 0.2, "epochs": 30}, {"epochs": 30}):
        clf = mlp(target_prior="fit", **parameters).fit(X, y, groups=groups)
        assert clf.history_["val_loss"][-1] > 0.5
        assert abs(min(clf.history_["val_loss"]) - log_loss(y_new, clf.predict_proba(X_new))) < 1.0


@pytest.mark.parametrize(
    "parameters",
    [
        {"strategy": "smote", "calibration": "holdout", "decision": "f1"},
        {"strategy": "random_oversample", "ensemble": "forest", "validation_split": 0.2},
        {"ensemble": "forest", "decision": "f1", "early_stopping": False},
        {"model": None, **SMALL, "ensemble": ["forest"], "decision": "f1"},
    ],
    ids=["SMOTE and a calibrator", "copies beside a forest", "judged by training", "members"],
)
def test_groups_hold_together_with(parameters):
    """Weights and categories; and a table in another order gives the same fit."""
    X, y, groups = visits(160)
    table = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(groups % 3, "p", "q"))
    weight = None if "strategy" in parameters else np.random.default_rng(0).uniform(0.5, 2, len(y))
    clf = mlp(**{**parameters, "strategy": parameters.get("strategy", "auto")})
    proba = clf.fit(table, y, weight, groups=groups).predict_proba(table)
    order = np.random.default_rng(1).permutation(len(y))
    again = clone(clf).fit(table.iloc[order], y[order], None if weight is None else weight[order], groups=groups[order])
    if "strategy" not in parameters:  # samplers see the order
        np.testing.assert_allclose(again.predict_proba(table), proba, rtol=1e-12)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(table), proba)


def test_samplers_see_no_row_of_a_held_out_group():
    X, y, groups = visits()
    seen = []

    class Recording(SMOTE):
        def fit_resample(self, X, y):
            seen.append(X)
            return super().fit_resample(X, y)

    clf = mlp(strategy=Recording(), validation_split=0.2, epochs=1).fit(X, y, groups=groups)
    shown = {tuple(row) for row in seen[0]}
    is_out = np.array([tuple(row) not in shown for row in X])
    assert 0.15 < is_out.mean() < 0.25
    assert not np.intersect1d(groups[is_out], groups[~is_out]).size
    assert "val_loss" in clf.history_


def test_a_sampler_before_the_classifier_is_refused():
    X, y, groups = visits(60)
    with pytest.raises(ValueError, match="groups has 240 labels, but X has 336 rows.*pass it as strategy="):
        make_sampling_pipeline(SMOTE(), mlp()).fit(X, y, imbalancedkerasclassifier__groups=groups)


# Streams


def in_chunks(n_patients=200, size=100, seed=0):
    """Chunks of shuffled rows of patients, so that patients come again."""
    X, y, groups = visits(n_patients, seed=seed)
    order = np.random.default_rng(seed).permutation(len(y))
    return [(X[of], y[of], groups[of]) for of in np.split(order, range(size, len(y), size))]


def test_a_group_stays_where_it_was_first():
    reservoir, status, n_out = GroupReservoir(0.2, np.random.default_rng(0)), {}, []
    for X, y, groups in in_chunks():
        rows = Rows(X, y, None, merges=True, groups=group_keys(groups, len(y)))
        before, (reservoir, out) = reservoir, reservoir.with_piece(rows, np.arange(2))
        is_out = np.isin(np.arange(len(y)), rows.index[out])
        for group, held in zip(groups.tolist(), is_out.tolist(), strict=True):
            assert status.setdefault(group, held) == held
        n_out.append(len(reservoir.held_out(PRIOR).y))
    assert 0.12 < np.mean(list(status.values())) < 0.28
    assert n_out == sorted(n_out)
    again = pickle.loads(pickle.dumps(before)).with_piece(rows, np.arange(2))[0].held_out(PRIOR)
    np.testing.assert_array_equal(again.X, reservoir.held_out(PRIOR).X)


def test_the_sample_of_held_out_groups_is_bounded(monkeypatch):
    monkeypatch.setattr("skimbalance.data.reservoir.MOST_IN_RESERVOIR", 50)
    reservoir = GroupReservoir(0.5, np.random.default_rng(0))
    for X, y, groups in in_chunks():
        rows = Rows(X, y, None, merges=True, groups=group_keys(groups, len(y)))
        reservoir, out = reservoir.with_piece(rows, np.arange(2))
        assert len(out) > 25
    assert len(reservoir.held_out(PRIOR).y) == 50


def test_partial_fit_holds_out_groups():
    clf, chunks = mlp(validation_split=0.2, decision="f1", calibration="holdout", epochs="auto"), in_chunks()
    for X, y, groups in chunks[:3]:
        clf.partial_fit(X, y, classes=[0, 1], groups=groups)
    X, y, groups = chunks[3]
    assert np.isfinite(clf.history_["val_loss"]).all()
    before = clf.predict_proba(X)
    held = pickle.loads(pickle.dumps(clf))._training.reservoir.held_out(clf.prior_)
    of_chunks = {key for _, _, of in chunks[:3] for key in group_keys(of, len(of))}
    assert set(held.groups) < of_chunks
    with pytest.raises(ValueError, match="groups was given before, but not now"):
        clf.partial_fit(X, y)
    only_held = np.isin(group_keys(groups, len(groups)), held.groups)
    with pytest.raises(ValueError, match=r"All rows of this chunk belong to groups that are held out \(\d+"):
        clf.partial_fit(X[only_held], y[only_held], groups=groups[only_held])
    with pytest.raises(ValueError, match=r"holds out a share of 0.3 of the groups, those before 0.2"):
        clf.partial_fit(X, y, groups=groups, validation_split=0.3)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    plain = mlp(validation_split=0.2, epochs="auto").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="groups was given now, but not before"):
        plain.partial_fit(X, y, groups=groups)


def test_partial_fit_keeps_the_groups_of_fit():
    X, y, groups = visits()
    clf = mlp(validation_split=0.2, early_stopping=False).fit(X, y, groups=groups)
    reservoir = clf._training.reservoir
    out = np.isin(group_keys(groups, len(y)), reservoir._groups[reservoir._is_out])
    assert 0.15 < out.mean() < 0.25
    clf.set_params(epochs="auto").partial_fit(X, y, groups=groups)
    held = clf._training.reservoir.held_out(clf.prior_)
    assert {tuple(row) for row in held.X} == {tuple(row) for row in X[out]}


def held_groups(clf):
    """Keys of groups that are known to be held out, and to be trained on."""
    memory = clf._training.reservoir
    return set(memory._groups[memory._is_out].tolist()), set(memory._groups[~memory._is_out].tolist())


def test_partial_fit_trains_on_no_group_that_fit_held_out():
    """Where a share is asked for, and where none is."""
    X, y, groups = visits(200)
    clf = mlp().fit(X, y, groups=groups)
    out, kept = held_groups(clf)
    assert out
    clf.set_params(epochs="auto").partial_fit(X, y, groups=groups)
    assert held_groups(clf) == (out, kept)
    assert set(clf._training.reservoir.held_out(PRIOR).groups.tolist()) == out
    with pytest.raises(ValueError, match="groups was given before, but not now"):
        clf.partial_fit(X, y)


def test_groups_stay_on_their_side_in_warm_starts():
    X, y, groups = visits(200)
    keys, early = group_keys(groups, len(y)), groups < 100
    clf = mlp(epochs=1, validation_split=0.2, warm_start=True, random_state=None, early_stopping=False)
    out, kept = held_groups(clf.fit(X[early], y[early], groups=groups[early]))
    for rows in (early, np.ones(len(y), dtype=bool), ~early):
        clf.fit(X[rows], y[rows], groups=groups[rows])
        now = held_groups(clf)
        assert now[0] >= out
        assert now[1] >= kept
        out, kept = now
    assert len(out) > 20
    assert out | kept == set(keys.tolist())
    clf.set_params(epochs="auto").partial_fit(X[early], y[early], groups=groups[early])
    assert held_groups(clf) == (out, kept)
    assert set(clf._training.reservoir.held_out(PRIOR).groups.tolist()) == out & set(keys[early].tolist())
    is_kept = np.isin(keys, list(kept))
    with pytest.raises(ValueError, match="all of these were trained on before"):
        clf.fit(X[is_kept], y[is_kept], groups=groups[is_kept], epochs=1)
    with pytest.raises(ValueError, match="a class has no row left to train on"):
        clf.fit(X[~is_kept], y[~is_kept], groups=groups[~is_kept], epochs=1)


def test_chunks_take_no_split_of_rows_but_rows_to_hold_out():
    X, y, groups = visits(50)
    for split in ("last", TimeSeriesSplit(2), [(np.arange(100), np.arange(100, 200))]):
        with pytest.raises(ValueError, match="partial_fit takes a share of all chunks"):
            mlp(epochs="auto", validation_split=split).partial_fit(X, y)
    clf = mlp(epochs="auto", fit__validation_data=(X, y)).partial_fit(X, y, groups=groups)
    assert clf.history_["val_loss"][0] == pytest.approx(log_loss(y, clf.predict_proba(X)))


# Splits of the caller's own


def sides(how, y=None, groups=None, seed=0, is_shown=None):
    """Rows held out by a split."""
    y = np.arange(20) % 2 if y is None else y
    keys = None if groups is None else group_keys(groups, len(y))
    is_shown = np.ones(len(y), dtype=bool) if is_shown is None else is_shown
    return OwnSplit(how, 0.2, np.random.default_rng(seed)).sides(y, is_shown, keys)


TRAIN, TEST = np.arange(12), np.arange(12, 18)


@pytest.mark.parametrize(
    ("how", "train", "out"),
    [
        ("last", np.arange(16), np.arange(16, 20)),
        ([(TRAIN, TEST)], TRAIN, TEST),
        ([(TRAIN.tolist(), np.isin(np.arange(20), TEST))], TRAIN, TEST),
        (TimeSeriesSplit(3), np.arange(15), np.arange(15, 20)),
        (TimeSeriesSplit(3, gap=2, max_train_size=5), np.arange(8, 13), np.arange(15, 20)),
        (PredefinedSplit(np.repeat([-1, 0], [14, 6])), np.arange(14), np.arange(14, 20)),
    ],
    ids=["last", "positions", "a mask", "time", "a missing value", "predefined"],
)
def test_rows_of_a_split(how, train, out):
    is_train, is_out = sides(how)
    np.testing.assert_array_equal(np.flatnonzero(is_train), train)
    np.testing.assert_array_equal(np.flatnonzero(is_out), out)


def test_the_last_groups_are_those_that_appear_last():
    groups = np.array([0, 0, 1, 2, 2, 0, 3, 3, 1, 2])
    np.testing.assert_array_equal(groups[sides("last", np.arange(10) % 2, groups)[1]], [3, 3])
    with pytest.raises(ValueError, match="all rows are of one group"):
        sides("last", groups=np.zeros(20))


@pytest.mark.parametrize(
    "splitter", [StratifiedGroupKFold(5, shuffle=True), GroupShuffleSplit(1)], ids=lambda of: type(of).__name__
)
def test_splitters_are_seeded_by_the_fit(splitter):
    groups, state = np.arange(20), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (sides(splitter, groups=groups, seed=seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert splitter.random_state is None
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ([(np.arange(13), TEST)], r"holds out 1 rows that it trains on as well, the first of which is row 12"),
        ([(TRAIN, np.arange(12, 21))], r"validation_split=\[\(train, test\)\] names row 20; X has the rows 0 to 19"),
        ([(TRAIN, -TEST)], "names row -12"),
        ([(TRAIN, [12, 12])], "names a row twice"),
        ([(TRAIN, [12.5])], "whole numbers"),
        ([(TRAIN, TEST)] * 2, "a list holds one split"),
        ((TRAIN, TEST), "a list holds one split"),
        ([], "a list holds one split"),
    ],
)
def test_bad_splits_are_refused(how, message):
    with pytest.raises(ValueError, match=message):
        sides(how)


@pytest.mark.parametrize(
    ("how", "does"),
    [
        ([(TRAIN, [13, 15])], r"holds out no row of the classes \['no'\]"),
        ([([1, 3], TEST)], r"trains on no row of the classes \['no'\]"),
        ([(TRAIN, [])], r"holds out no row of the classes \['no', 'yes'\]"),
    ],
)
def test_both_sides_of_a_split_need_every_class(how, does):
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.where(np.arange(20) % 2, "yes", "no")
    with pytest.raises(ValueError, match=does):
        mlp(validation_split=how).fit(X, y)


def test_a_split_must_not_part_groups():
    with pytest.raises(ValueError, match="holds out part of 1 groups, whose other rows it trains on"):
        sides([(TRAIN, TEST)], groups=[*range(11), 50, 50, *range(13, 20)])


def test_splitters_of_groups_need_groups_and_others_do_not():
    X, y, groups = visits(50)
    for how in (StratifiedGroupKFold(), GroupShuffleSplit(1)):
        with pytest.raises(ValueError, match="splits whole groups, and needs groups="):
            mlp(validation_split=how).fit(X, y)
    clf = mlp(validation_split=StratifiedGroupKFold(5)).initialize(X, y, groups=groups)
    assert len(held_groups(clf)[0]) == 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        is_out = sides(TimeSeriesSplit(4), groups=np.arange(20) // 4)[1]
    np.testing.assert_array_equal(np.flatnonzero(is_out), np.arange(16, 20))


def test_a_weight_of_zero_is_no_row():
    """A splitter sees its label, but it parts no group and needs none."""
    shown, groups = np.arange(20) != 12, np.arange(20)
    groups[12] = 11
    assert sides([(TRAIN, TEST)], groups=groups, is_shown=shown)[1].sum() == 5
    seen = []

    class Splitter:
        def split(self, X, y, groups=None):
            seen.extend([y, groups])
            return [(TRAIN, TEST)]

        def get_n_splits(self, *_):
            return 1

    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.where(np.arange(20) % 2, "yes", "no")
    labels = [None if i == 12 else f"p{i}" for i in range(20)]
    mlp(validation_split=Splitter()).initialize(X, y)
    clf = mlp(validation_split=Splitter(), epochs=1).fit(X, y, shown.astype(float), groups=labels)
    assert seen[0].tolist() == seen[2].tolist() == y.tolist()
    assert len(seen[3]) == 20
    assert [len(of) for of in held_groups(clf)] == [5, 12]


def test_fits_with_splits_score_the_rows_held_out():
    """Rows of weight zero count in positions, and one row on both sides in time is two rows."""
    X, y, _ = visits(100)
    X[-1], y[-1] = X[0], y[0]
    weight = np.where(np.arange(400) % 10 == 3, 0.0, 1.0)
    is_out, shown = np.arange(400) >= 300, weight > 0
    for how in ([(np.arange(300), np.arange(300, 400))], PredefinedSplit(np.where(is_out, 0, -1)), TimeSeriesSplit(3)):
        clf = mlp(validation_split=how, target_prior="fit", epochs=1, early_stopping=False).fit(X, y, weight)
        expected = log_loss(y[is_out & shown], clf.predict_proba(X[is_out & shown]))
        assert clf.history_["val_loss"][-1] == pytest.approx(expected, abs=1e-6)
    again = clone(clf).fit(X, y, weight)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert clf.get_params()["validation_split"] is how


@pytest.mark.parametrize("ensemble", [None, ["forest"]], ids=["members", "and a forest"])
def test_members_and_base_models_hold_out_later_rows_only(ensemble):
    """A column is constant in all other rows, so that nothing that was trained on these looks at it."""
    X = np.random.default_rng(0).normal(size=(300, 3))
    y = (X[:, 0] > 0.3).astype(int)
    X[:, 1] = np.where(np.arange(300) < 255, 0.0, 5 * y)
    fit = {"validation_split": "last", "ensemble": ensemble, "random_state": 0, "epochs": 3, **SMALL}
    clf = ImbalancedKerasClassifier(**fit).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X * [1, 0, 1]), clf.predict_proba(X))


# Rows given to be held out


def test_held_out_rows_have_the_names_of_scikit_learn():
    X, y, _ = visits(100)
    given = {"X_val": X[300:], "y_val": y[300:]}
    weight = np.where(y[300:], 2.0, 1.0)
    named = mlp().fit(X[:300], y[:300], **given, sample_weight_val=weight)
    for other in (
        mlp().fit(X[:300], y[:300], validation_data=(X[300:], y[300:], weight)),
        mlp(fit__validation_data=(X[300:], y[300:], weight)).fit(X[:300], y[:300]),
        clone(mlp().set_params(fit__validation_data=(X[300:], y[300:], weight))).fit(X[:300], y[:300]),
    ):
        assert other.history_["val_loss"] == named.history_["val_loss"]
    more = {name: np.concatenate([of, of[::-1]]) for name, of in given.items()}
    clf, no_rows = mlp(calibration="holdout"), np.zeros(len(weight))
    expected = clf.fit(X[:300], y[:300], **given, sample_weight_val=weight).predict_proba(X)
    clf.fit(X[:300], y[:300], **more, sample_weight_val=np.r_[weight, no_rows])
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    with pytest.raises(ValueError, match="X_val and y_val and validation_data were given"):
        mlp().fit(X, y, **given, validation_data=(X, y))
    for one in given:
        with pytest.raises(ValueError, match=f"fit was given {one}; held-out rows need both"):
            mlp().fit(X, y, **{one: given[one]})
    with pytest.raises(ValueError, match="fit was given sample_weight_val; held-out rows need both"):
        mlp().fit(X, y, sample_weight_val=weight)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y_val": np.zeros(8, dtype=int)}, r"y_val has no row of the classes \[1\]"),
        ({"y_val": np.arange(8) % 3}, r"unknown categories \[2\] in y_val.* leave these rows out"),
        ({"y_val": [0, 1]}, "y_val has 2 labels, but X_val has 8 rows"),
        ({"sample_weight_val": [1.0, -1.0] * 4}, "sample_weight_val"),
        ({"sample_weight_val": [1.0]}, "sample_weight_val"),
    ],
)
def test_messages_name_what_was_passed(given, message):
    X, y, _ = visits(50)
    with pytest.raises(ValueError, match=message):
        mlp().fit(X, y, **{"X_val": X[:8], "y_val": np.arange(8) % 2, **given})
    named = {"X_val": X[:8], "y_val": y[:8], **given}
    for name in named:
        with pytest.raises(TypeError, match=f"Invalid argument '{name}': partial_fit .*fit__validation_data"):
            mlp(epochs="auto").partial_fit(X, y, **{name: named[name]})


def test_a_pipeline_transforms_held_out_rows():
    X, y, _ = visits(100)
    X = X * [1, 100, 1e4, 1] + 50
    with sklearn.config_context(enable_metadata_routing=True):
        clf = mlp(target_prior="fit", early_stopping=False).set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline([("scale", StandardScaler()), ("clf", clf)], transform_input=["X_val"])
        pipe.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert pipe[-1].history_["val_loss"][-1] == pytest.approx(log_loss(y[300:], pipe.predict_proba(X[300:])), abs=1e-5)


# Routing


class Recording(ImbalancedKerasClassifier):
    """A classifier that keeps the groups it is given."""

    seen = []

    def fit(self, X, y, sample_weight=None, *, groups=None, **fit_params):
        """Fit, and keep the groups."""
        self.seen.append(groups)
        return super().fit(X, y, sample_weight, groups=groups, **fit_params)


@pytest.mark.parametrize("routing", [False, True], ids=["without routing", "with routing"])
@pytest.mark.parametrize("around", ["none", "pipeline", "search", "search of a pipeline"])
def test_comparisons_pass_groups_to_splitters_and_classifiers(around, routing):
    X, y, groups = visits(60)
    model = Recording("mlp", epochs=1, random_state=0)
    if "pipeline" in around:
        model = make_pipeline(StandardScaler(), model)
    if "search" in around:
        model = GridSearchCV(model, {}, cv=GroupKFold(2))
    Recording.seen.clear()
    with sklearn.config_context(enable_metadata_routing=routing):
        found = compare_strategies(
            model, X, y, strategies=["none"], cv=StratifiedGroupKFold(2), groups=groups, verbose=0
        )
    assert not found.errors_
    assert len(Recording.seen) == (6 if "search" in around else 2)
    assert all(seen is not None and np.all(np.bincount(seen)[np.unique(seen)] == 4) for seen in Recording.seen)


@pytest.mark.parametrize("routing", [False, True], ids=["without routing", "with routing"])
def test_comparisons_split_whole_groups_by_default_and_in_searches(routing):
    X, y, groups = visits(60)
    Recording.seen.clear()
    search = GridSearchCV(Recording("mlp", epochs=1, random_state=0), {}, cv=2)
    with sklearn.config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare_strategies(search, X, y, strategies=["none"], cv=2, groups=groups, random_state=0, verbose=0)
    assert not found.errors_
    assert all(not np.intersect1d(groups[train], groups[test]).size for train, test in found._splits)
    assert [len(seen) for seen in Recording.seen] == [60, 60, 120] * 2
    assert all(np.all(np.bincount(seen)[np.unique(seen)] == 4) for seen in Recording.seen)


def test_in_comparisons_rows_of_weight_zero_need_no_group():
    """A row of positive weight does, and is named before anything is fitted."""
    X, y, groups = visits(60)
    groups = np.array([f"visit {group}" for group in groups], dtype=object)
    groups[::2] = None
    of_rows = {"groups": groups, "cv": 2, "random_state": 0, "verbose": 0}
    weight = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    model = Recording("mlp", epochs=1)
    Recording.seen.clear()
    found = compare_strategies(model, X, y, strategies=["none"], sample_weight=weight, **of_rows)
    assert not found.errors_
    assert len(Recording.seen) == 2
    shown = [weight[test].sum() for _, test in found._splits]
    assert max(shown) < 1.5 * min(shown)  # such rows are no group together
    with pytest.raises(ValueError, match=f"groups has {len(y) // 2} missing labels, the first in row 0"):
        compare_strategies(model, X, y, strategies=["none"], **of_rows)
    assert len(Recording.seen) == 2


def test_searches_route_groups_to_pipelines():
    X, y, groups = visits(60)
    Recording.seen.clear()
    with sklearn.config_context(enable_metadata_routing=True):
        clf = Recording("mlp", epochs=1, random_state=0).set_fit_request(groups=True)
        GridSearchCV(make_pipeline(StandardScaler(), clf), {}, cv=GroupKFold(2)).fit(X, y, groups=groups)
    assert [len(seen) for seen in Recording.seen] == [120, 120, 240]


def test_a_guarantee_counts_one_row_of_a_group():
    """A split of the caller's own is of the rows that are not set apart, by their positions in the table."""
    X, y, groups = visits(400, each=1)
    rule = {"decision": ("recall", 0.5, 0.9), "early_stopping": False}
    with pytest.raises(ValueError, match="counts independent rows, and a group has 2 of them"):
        mlp(**rule).fit(X, y, groups=groups // 2)
    clf = mlp(**rule, validation_split=[(np.arange(300), np.arange(300, 400))], target_prior="fit").fit(
        X, y, groups=groups
    )
    apart = len(y) - len(clf._training.reservoir._groups)
    assert 70 <= apart <= 90
    assert set(group_keys(groups[:300], 300)).isdisjoint(
        clf._training.reservoir._groups[clf._training.reservoir._is_out]
    )
