"""Choose the held-out (validation) rows from the labels alone, before any strategy changes the data."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skimbalance.data.rows import positions_of, weighted_counts
from skimbalance.data.splits import units_of, weight_of

#: Share of the rows that is held out if neither the user nor the network sets one.
SHARE = 0.1


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows: they are not resampled, and no statistic, network or base model is fitted on them.

    Attributes
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
        Rows for all members of the network; or the table from which `index` selects the rows of each member.
    y : ndarray of int, shape (n_rows,) or (n_rows, n_members)
        Class indices.
    sample_weight : ndarray of shape (n_rows,) or (n_rows, n_members), or None
        Weights.
    prior : ndarray of shape (n_classes,)
        Class prior of the population that they represent, at which they are scored: that of the data, or `prior_of` the
        user's ``validation_data``.
    index : ndarray of int, shape (n_rows, n_members), or None
        Rows of `X` for each member, if each has its own. They are gathered only when they are used, since all of them
        together would take more memory than a wide table.
    groups : ndarray of shape (n_rows,), or None
        Group of each row, where rows belong together and are for all members.
    """

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    prior: np.ndarray
    index: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def units(self):
        """What is held out as a whole: rows, or their groups."""
        return units_of(self.y, self.groups)

    @property
    def is_own(self):
        """Whether each member has held-out rows of its own."""
        return self.index is not None

    def of_each_pair(self, in_pair):
        """Return the rows of each pair of members that has held-out rows of its own."""
        index = self.index[:, ::in_pair]
        y, weight = self.of_pairs(in_pair, index.shape[1])
        return replace(self, y=y, sample_weight=weight, index=index)

    def of_pairs(self, in_pair, n_pairs):
        """Return labels and weights for each pair of members, (n_rows, n_pairs); weights may be None."""
        y, weight = self.y, self.sample_weight
        if self.is_own:
            return y[:, ::in_pair], None if weight is None else weight[:, ::in_pair]
        y, weight = (None if of is None else np.repeat(of[:, None], n_pairs, axis=1) for of in (y, weight))
        return y, weight


def at_prior(y, sample_weight, prior):
    """Return sample weights under which the class shares of the rows equal `prior`."""
    counts = weighted_counts(y, sample_weight, len(prior))
    factor = np.divide(prior, counts, out=np.zeros_like(counts), where=counts > 0)
    return factor[y] * (len(y) if sample_weight is None else len(y) * sample_weight)


def prior_of(y, sample_weight, data_prior):
    """Return the class prior of the population that the user's validation rows represent.

    It is that of the data, unless the class shares of the rows differ from it by more than three standard errors.
    """
    counts = weighted_counts(y, sample_weight, len(data_prior))
    shares, error = counts / counts.sum(), np.sqrt(data_prior * (1 - data_prior) / len(y))
    return data_prior if np.all(np.abs(shares - data_prior) <= 3 * error) else shares


@dataclass(frozen=True)
class HoldOutPlan:
    """Which distinct rows are held out, from all members or from each pair of members.

    Attributes
    ----------
    rows : Rows
        Rows of the table.
    out : ndarray of int, shape (n_held_out,)
        Distinct rows held out from all of training.
    own_share : float
        Share of rows that each pair of members holds out for itself, 0 for none.
    prior : ndarray of shape (n_classes,)
        Class prior of the data.
    given : HeldOut or None
        Rows that the user passed instead of these, or those held out from all chunks so far.
    """

    rows: object
    out: np.ndarray
    own_share: float
    prior: np.ndarray
    given: HeldOut | None = None

    @cached_property
    def units(self):
        """What is held out as a whole: distinct rows, or their groups."""
        return units_of(self.rows.classes, self.rows.groups_of_distinct)

    @property
    def draws_single_rows(self):
        """Whether rows are held out at random, each by itself."""
        return (len(self.out) > 0 or self.own_share > 0) and self.rows.groups is None and self.rows.out is None

    @property
    def kept(self):
        """Distinct rows that are not held out from all of training."""
        kept = positions_of(self.rows.index)
        return np.delete(kept, self.out) if len(self.out) else kept

    def held_out(self):
        """Return the rows held out from all of training, or None."""
        return self._taken(self.out) if len(self.out) and self.given is None else self.given

    def draw_own(self, members, rng):
        """Draw training and held-out rows for each member.

        Returns
        -------
        positions : ndarray of int, shape (n_train, n_members)
            Distinct rows that each member trains on; of groups, some twice, where a member has fewer than another.
        held_out : HeldOut
            Held-out rows of each member; of groups, with rows of weight zero, where a member has fewer than another.
        """
        positions, out = self.units.sets_of_members(members, self.own_share, rng)
        rows, index = self.rows, self.rows.index[out]
        return positions, HeldOut(rows.X, rows.y[index], weight_of(rows, out), self.prior, index)

    def _taken(self, out):
        """Return these distinct rows as `HeldOut`."""
        rows, index = self.rows, self.rows.index[out]
        y, weight, prior = rows.y[index], rows.weight[out], self.prior
        if rows.out is not None:  # later rows, for example, may be of another population
            prior = prior_of(y, weight, prior)
        groups = None if rows.groups is None else rows.groups[index]
        return HeldOut(rows.X[index], y, weight, prior, groups=groups)


@dataclass(frozen=True)
class HoldOutRequest:
    """What a fit needs held-out rows for.

    Attributes
    ----------
    split : float in [0, 1), default=0.0
        The ``validation_split`` of the user.
    stops : {None, "auto", True}, default=None
        Whether early stopping needs held-out rows: never, if there are enough, or always.
    calibrates : {False, "auto", True}, default=False
        Whether a calibrator needs rows held out from all members: never, if there are enough, or always.
    share : float in (0, 1), default=0.1
        Share that the network's recipe holds out if the user sets none.
    own : bool, default=False
        Whether members hold out rows of their own for early stopping, rather than the same ones.
    most : int, default=inf
        Most rows that each member holds out for itself.
    """

    split: float = 0.0
    stops: str | bool | None = None
    calibrates: str | bool = False
    share: float = SHARE
    own: bool = False
    most: float = np.inf


def plan_hold_out(rows, labels, prior, request=None, *, given=None, rng=None):
    """Decide which rows are held out.

    Distinct rows are held out with all their copies, so that no training row equals a held-out one, and weights and
    repetitions do not change the split. Where rows have groups, whole groups are. Rows that a split of the caller's own
    holds out (`Rows.out`) are held out from all members.

    Parameters
    ----------
    rows : Rows
        Rows of the table.
    labels : ndarray of shape (n_classes,)
        Labels, for error messages.
    prior : ndarray of shape (n_classes,)
        Class prior of the data.
    request : HoldOutRequest, default=None
        What they are needed for; None is nothing.
    given : HeldOut, default=None
        Rows that the user passed instead of these.
    rng : numpy.random.Generator
        Source of the split.

    Returns
    -------
    HoldOutPlan
        Plan.

    Raises
    ------
    ValueError
        If a class would be missing on either side of a split that the user requested.
    """
    plan = HoldOutPlan(rows, np.empty(0, dtype=np.intp), 0.0, prior, given)
    if given is not None:
        return plan
    if rows.out is not None:
        return replace(plan, out=rows.out)
    units, asked = plan.units, request or HoldOutRequest()
    if asked.split:
        return replace(plan, out=units.hold_out(labels, asked.split, rng, f"validation_split={asked.split}")[1])
    share = asked.share
    is_enough = units.holds_enough(share)
    if asked.calibrates is True:
        return replace(plan, out=units.hold_out(labels, share, rng, 'calibration="holdout"')[1])
    if asked.calibrates and is_enough:
        return replace(plan, out=units.hold_out_by_default(labels, share, rng))
    if asked.own:
        share = min(share, asked.most / len(rows))
        is_enough = units.holds_enough(share)
    if not asked.stops or (asked.stops == "auto" and not is_enough):
        return plan
    if not asked.own and asked.stops == "auto":
        return replace(plan, out=units.hold_out_by_default(labels, share, rng))
    if not asked.own:
        return replace(plan, out=units.hold_out(labels, share, rng, "early_stopping")[1])
    if not units.holds_enough(share, at_least=1):
        raise ValueError(
            f"early_stopping lets each pair of members hold out {share:.0%} of the {units.noun}, but the classes have "
            f"{units.listed(labels)} {units.noun}, so that no row of the rarer classes would be held out; set "
            "early_stopping=False."
        )
    return replace(plan, own_share=share)
