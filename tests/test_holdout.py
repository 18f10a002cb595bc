"""Tests of held-out rows: how they are chosen, and that they are never trained on."""

import functools

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler

from skimbalance import ImbalancedKerasClassifier
from skimbalance.data.holdout import HoldOutRequest, at_prior, plan_hold_out, prior_of
from skimbalance.data.reservoir import Reservoir
from skimbalance.data.rows import Rows
from skimbalance.data.sample import TrainingSample
from skimbalance.data.splits import SingleRows
from skimbalance.networks import realmlp
from skimbalance.networks.members import Members


def members(n):
    """Members of a network."""
    return Members(realmlp({"n_features_in_": 2, "n_classes_": 2}, hidden_layer_sizes=(2,), n_members=n))


def table(counts, copies=1):
    """Rows of these classes."""
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 2)).astype(np.float32)
    return np.repeat(X, copies, axis=0), np.repeat(y, copies)


@pytest.mark.parametrize("n_rare", [2, 3, 10, 41])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_held_out_rows_are_stratified_and_never_lack_a_class(n_rare, share):
    y = np.repeat([0, 1], [300, n_rare])
    kept, out = SingleRows(y).hold_out(np.array([0, 1]), share, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, out])), np.arange(len(y)))
    assert len(out) == max(round(share * len(y)), 2)
    assert abs((y[out] == 1).sum() - share * n_rare) <= 1
    assert np.bincount(y[kept]).min() >= 1
    assert np.bincount(y[out]).min() >= 1


@pytest.mark.parametrize(("n_members", "n_hold_outs"), [(8, 4), (3, 3)], ids=["pairs", "an odd number"])
def test_hold_outs_of_members_are_stratified_and_disjoint(n_members, n_hold_outs):
    y = np.repeat([0, 1, 2], [200, 100, 2])
    train_rows, out = SingleRows(y).sets_of_members(members(n_members), 0.15, np.random.default_rng(0))
    assert train_rows.shape == (302 - 45, n_members)
    for kept, held in zip(train_rows.T, out.T, strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(302))
        np.testing.assert_array_equal(np.bincount(y[held], minlength=3), [30, 15, 0])
    assert len(np.unique(out)) == n_hold_outs * 45
    if n_hold_outs < n_members:
        np.testing.assert_array_equal(out[:, ::2], out[:, 1::2])


def plan(counts, copies=1, **what):
    """Plan the hold-out of a table."""
    rows = Rows(*table(counts, copies), None, merges=True)
    prior = np.array(counts) / sum(counts)
    return plan_hold_out(rows, np.arange(len(counts)), prior, HoldOutRequest(**what), rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("what", "counts", "n_out", "own_share"),
    [
        ({}, [90, 10], 0, 0),
        ({"split": 0.2}, [90, 10], 20, 0),
        ({"stops": "auto"}, [90, 10], 0, 0),
        ({"stops": "auto"}, [900, 100], 100, 0),
        ({"stops": True}, [90, 10], 10, 0),
        ({"stops": "auto", "share": 0.15, "own": True}, [900, 100], 0, 0.15),
        ({"stops": "auto", "share": 0.15, "own": True, "most": 100}, [900, 100], 0, 0.1),
        ({"stops": "auto", "share": 0.15, "own": True, "most": 30}, [900, 100], 0, 0),
        ({"stops": "auto", "share": 0.15, "own": True, "split": 0.2}, [900, 100], 200, 0),
        ({"calibrates": True, "stops": "auto", "own": True}, [90, 10], 10, 0),
        ({"calibrates": "auto", "stops": "auto", "own": True}, [90, 10], 0, 0),
        ({"calibrates": "auto", "own": True}, [900, 100], 100, 0),
    ],
    ids=str,
)
def test_planned_number_of_held_out_rows(what, counts, n_out, own_share):
    planned = plan(counts, **what)
    assert (len(planned.out), planned.own_share) == (n_out, own_share)
    assert len(np.intersect1d(planned.out, planned.kept)) == 0
    assert len(planned.out) + len(planned.kept) == sum(counts)


@pytest.mark.parametrize("how", [{"split": 0.3}, {"stops": True, "share": 0.3, "own": True}], ids=["all", "own"])
def test_no_training_row_equals_a_held_out_row(how):
    """In a table that holds every row three times."""
    planned = plan([80, 20], copies=3, **how)
    rows = planned.rows
    if planned.own_share:
        kept, out = planned.draw_own(members(4), np.random.default_rng(0))
        for member in range(4):
            trained = {tuple(row) for row in rows.X[rows.index[kept[:, member]]]}
            assert trained.isdisjoint(map(tuple, out.X[out.index[:, member]]))
        np.testing.assert_array_equal(out.sample_weight, 3)
    else:
        trained = {tuple(row) for row in rows.without(planned.out)[0]}
        assert trained.isdisjoint(map(tuple, planned.held_out().X))


def test_early_stopping_needs_enough_rare_rows():
    with pytest.raises(ValueError, match=r"hold out 15% of the distinct rows, but the classes have {0: 57, 1: 3}"):
        plan([57, 3], stops=True, share=0.15, own=True)
    with pytest.raises(ValueError, match=r"early_stopping needs every class .* {0: 57, 1: 1} distinct rows"):
        plan([57, 1], stops=True)


def test_rows_can_be_weighted_to_any_class_prior():
    y, weight = np.repeat([0, 1, 2], [50, 40, 10]), np.random.default_rng(0).uniform(0.5, 2, 100)
    prior = np.array([0.9, 0.08, 0.02])
    for given in (None, weight):
        weighed = at_prior(y, given, prior)
        np.testing.assert_allclose(np.bincount(y, weighed) / weighed.sum(), prior)
        within = weighed[:50] if given is None else weighed[:50] / weight[:50]
        np.testing.assert_allclose(within, within[0])


def test_class_prior_of_validation_data():
    y, data_prior = np.repeat([0, 1], [88, 12]), np.array([0.9, 0.1])
    np.testing.assert_array_equal(prior_of(y, None, data_prior), data_prior)
    np.testing.assert_allclose(prior_of(y, np.where(y, 9.0, 1.0), data_prior), [88 / 196, 108 / 196])
    np.testing.assert_allclose(prior_of(np.repeat(y, 100), None, data_prior), [0.88, 0.12])


@pytest.mark.parametrize(("n_rare", "enough"), [(30, False), (34, True)])
def test_least_number_of_rare_rows_to_hold_out(n_rare, enough):
    X, y = table([500, n_rare])
    assert SingleRows(y).holds_enough(0.15) is enough
    clf = ImbalancedKerasClassifier(epochs=1, random_state=0).fit(X, y)
    assert ("val_loss" in clf.history_) is enough
    assert np.shape(clf.best_epoch_) == ((8,) if enough else ())


@pytest.mark.parametrize(
    "parameters",
    [{}, {"model": functools.partial(realmlp, n_members=4)}, {"model": "mlp", "early_stopping": "loss"}],
    ids=["default", "a partial of it", "mlp"],
)
def test_samplers_get_no_held_out_rows(parameters):
    """Nor does it make one up: with 20 rare rows of 200, members share none, where half were among training rows."""
    seen = []

    class Recording(RandomOverSampler):
        def fit_resample(self, X, y):
            seen.append(np.bincount(y).tolist())
            return super().fit_resample(X, y)

    clf = ImbalancedKerasClassifier(strategy=Recording(), epochs=2, random_state=0, **parameters).fit(*table([180, 20]))
    holds_out = "early_stopping" in parameters
    assert seen == ([[162, 18]] if holds_out else [[180, 20]])
    assert ("val_loss" in clf.history_) is holds_out


def test_a_reservoir_is_a_bounded_stratified_sample(monkeypatch):
    """It holds no more than it may, of each class its share, and of early pieces as much as of late ones."""
    monkeypatch.setattr("skimbalance.data.reservoir.MOST_IN_RESERVOIR", 500)
    rng = np.random.default_rng(0)
    X, y = np.arange(20_000, dtype=np.float32)[:, None], (rng.random(20_000) < 0.1).astype(int)
    reservoir, before = Reservoir(0.3, rng), None
    for begin in range(0, 20_000, 1000):
        piece = slice(begin, begin + 1000)
        before, (reservoir, out) = reservoir, reservoir.with_piece(Rows(X[piece], y[piece], None, merges=True))
        held_out = reservoir.held_out(np.array([0.9, 0.1]))
        assert len(held_out.y) <= 500
        assert len(out) > 0
    assert len(held_out.y) >= 490
    assert held_out.y.mean() == pytest.approx(0.1, abs=0.04)
    assert np.mean(held_out.X < 10_000) == pytest.approx(0.5, abs=0.07)
    assert len(np.unique(held_out.X)) == len(held_out.y)
    # A piece that was seen before brings nothing new, and the reservoir before it has not changed.
    n_before = len(before.held_out(None).y)
    again = before.with_piece(Rows(X[:1000], y[:1000], None, merges=True))[0].held_out(None)
    assert set(again.X.ravel()) <= set(before.held_out(None).X.ravel())
    assert len(before.held_out(None).y) == n_before


@pytest.mark.parametrize("n_rare", [2, 3])
def test_a_reservoir_holds_out_a_row_of_every_class_that_has_two(n_rare):
    X, y = np.arange(200, dtype=np.float32)[:, None], np.arange(200) < n_rare
    for seed in range(20):
        reservoir, out = Reservoir(0.05, np.random.default_rng(seed)).with_piece(Rows(X, y, None, merges=True))
        assert 1 <= y.astype(int)[reservoir.held_out(None).X.astype(int).ravel()].sum() < n_rare or n_rare == 2
        assert len(out) < 40


def test_a_sample_for_base_models_keeps_rare_classes_and_all_copies_of_a_row(monkeypatch):
    monkeypatch.setattr("skimbalance.data.sample.MOST_IN_SAMPLE", 500)
    monkeypatch.setattr("skimbalance.data.sample._WAITING", 300)
    rng = np.random.default_rng(0)
    X, y = np.repeat(np.arange(5000, dtype=np.float32), 2)[:, None], np.arange(10_000) // 2 % 50 == 0
    order, sample = rng.permutation(10_000), TrainingSample(rng)
    for rows in np.split(order, 20):
        before, sample = sample, sample.with_piece(X[rows], y[rows].astype(int), np.ones(len(rows)))
    kept = sample.rows()
    assert np.bincount(kept.y).tolist() == [400, 100]
    np.testing.assert_array_equal(kept.weight, 2)
    assert np.mean(kept.X[kept.y == 0] < 2500) == pytest.approx(0.5, abs=0.1)
    assert len(before.rows()) == 500
    assert set(before.rows().X[before.rows().y == 1].ravel()) <= set(kept.X[kept.y == 1].ravel())
