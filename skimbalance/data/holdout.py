"""Choose the held-out (validation) rows from the labels alone, before any strategy changes the data."""

import copy
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from skimbalance.data.rows import hash_rows, positions_of, weighted_counts

#: Share of the rows that is held out if neither the user nor the network sets one.
SHARE = 0.1
#: Least number of held-out rows outside the largest class for their scores to be meaningful.
ENOUGH = 5
#: Most rows that are held out of chunks.
MOST_IN_RESERVOIR = 10_000


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
    """

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    prior: np.ndarray
    index: np.ndarray | None = None

    @property
    def is_own(self):
        """Whether each member has held-out rows of its own."""
        return self.index is not None

    def of_pairs(self, in_pair, n_pairs):
        """Return labels and weights for each pair of members, (n_rows, n_pairs); weights may be None."""

        def of_pairs(values):
            if values is None:
                return None
            return values[:, ::in_pair] if self.is_own else np.repeat(values[:, None], n_pairs, axis=1)

        return of_pairs(self.y), of_pairs(self.sample_weight)


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
            Distinct rows that each member trains on.
        held_out : HeldOut
            Held-out rows of each member.
        """
        positions, out = hold_out_members(self.rows.classes, members, self.own_share, rng)
        rows, index = self.rows, self.rows.index[out]
        return positions, HeldOut(rows.X, rows.y[index], rows.weight[out], self.prior, index)

    def _taken(self, out):
        """Return these distinct rows as `HeldOut`."""
        index = self.rows.index[out]
        return HeldOut(self.rows.X[index], self.rows.y[index], self.rows.weight[out], self.prior)


class Reservoir:
    """Rows held out of chunks: at most 10,000, a stratified sample of all rows so far.

    The content of a distinct row determines a hash between 0 and 1, and the row is held out if its hash is below the
    threshold of its class. Thresholds never rise, so that no held-out row was trained on as a copy in an earlier chunk;
    rows above a lowered threshold are dropped.

    Parameters
    ----------
    share : float in (0, 1)
        Share of each class to hold out; a class of two rows or more holds out one at least.
    rng : numpy.random.Generator
        Source of the seed of the hash.
    """

    def __init__(self, share, rng):
        self.share, self._seed = share, rng.integers(2**63, dtype=np.uint64)
        self._rows, self._thresholds = None, {}

    def with_piece(self, rows):
        """Return the reservoir after a further chunk, and the positions of the chunk's distinct rows to hold out.

        Raises
        ------
        ValueError
            If the chunk has a single distinct row.
        """
        if len(rows) < 2:
            raise ValueError(
                "partial_fit holds out some rows of each chunk (validation_split or calibration), but this one has a "
                "single distinct row; pass larger chunks, or hold out none."
            )
        new, y, keys = copy.copy(self), rows.classes, self._keys_of(rows)
        new._thresholds = dict(self._thresholds)
        for c in np.unique(y).tolist():
            smallest, n = keys[y == c].min(), np.sum(y == c)
            first = max(self.share, np.nextafter(smallest, 1)) if n > 1 else self.share
            known = new._thresholds.get(c, first)
            new._thresholds[c] = min(known, self.share) if smallest < self.share else known
        is_out = keys < new._threshold_of(y)
        if is_out.all():
            is_out[keys.argmax()] = False
        out = np.flatnonzero(is_out)
        piece = rows.X[rows.index[out]], y[out], rows.weight[out], keys[out]
        new._rows = piece if self._rows is None else tuple(map(np.concatenate, zip(self._rows, piece, strict=True)))
        new._merge()
        new._trim()
        return new, out

    def held_out(self, prior):
        """Return the rows held out so far, to be scored at a class prior, or None if there are none."""
        X, y, weight, _ = self._rows
        return HeldOut(X, y, weight, prior) if len(y) else None

    def _merge(self):
        """Merge identical rows and sum their weights."""
        X, y, weight, keys = self._rows
        keys, first, same = np.unique(keys, return_index=True, return_inverse=True)
        self._rows = X[first], y[first], np.bincount(same, weight, len(keys)), keys

    def _trim(self):
        """Drop rows above the threshold of their class; lower all thresholds alike if there are too many rows."""
        X, y, weight, keys = self._rows
        heights = keys / self._threshold_of(y)
        if len(y) > MOST_IN_RESERVOIR:
            lowest = np.partition(heights, MOST_IN_RESERVOIR)[MOST_IN_RESERVOIR]
            self._thresholds = {c: lowest * threshold for c, threshold in self._thresholds.items()}
            heights = heights / lowest
        stays = heights < 1
        self._rows = X[stays], y[stays], weight[stays], keys[stays]

    def _threshold_of(self, y):
        """Return the threshold of each row's class."""
        of_class = np.zeros(max(self._thresholds) + 1)
        of_class[list(self._thresholds)] = list(self._thresholds.values())
        return of_class[y]

    def _keys_of(self, rows):
        """Return a hash in [0, 1) of each distinct row."""
        keys = hash_rows(rows.X[rows.index], rows.classes, self._seed)
        return (keys >> np.uint64(11)) * 2.0**-53


def plan_hold_out(rows, labels, prior, *, split=0.0, stops=None, needs=False, share=SHARE, own=False,
                  most=np.inf, given=None, rng=None):  # fmt: skip
    """Decide which rows are held out.

    Distinct rows are held out with all their copies, so that no training row equals a held-out one, and weights and
    repetitions do not change the split.

    Parameters
    ----------
    rows : Rows
        Rows of the table.
    labels : ndarray of shape (n_classes,)
        Labels, for error messages.
    prior : ndarray of shape (n_classes,)
        Class prior of the data.
    split : float in [0, 1), default=0.0
        The ``validation_split`` of the user.
    stops : {None, "auto", True}, default=None
        Whether early stopping needs held-out rows: never, if there are enough, or always.
    needs : {False, "auto", True}, default=False
        Whether a calibrator needs rows held out from all members: never, if there are enough, or always.
    share : float in (0, 1), default=0.1
        Share that the network's recipe holds out if the user sets none.
    own : bool, default=False
        Whether members hold out rows of their own for early stopping, rather than the same ones.
    most : int, default=inf
        Most rows that each member holds out for itself.
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
    nothing, y = np.empty(0, dtype=np.intp), rows.classes
    plan = HoldOutPlan(rows, nothing, 0.0, prior, given)
    if given is not None:
        return plan
    if split:
        return replace(plan, out=hold_out(y, labels, split, rng, f"validation_split={split}")[1])
    is_enough = holds_enough(y, share)
    if needs is True:
        return replace(plan, out=hold_out(y, labels, share, rng, 'calibration="holdout"')[1])
    if needs and is_enough:
        return replace(plan, out=_hold_out_without_single(y, labels, share, rng))
    if own:
        share = min(share, most / len(y))
        is_enough = holds_enough(y, share)
    if not stops or (stops == "auto" and not is_enough):
        return plan
    if not own and stops == "auto":
        return replace(plan, out=_hold_out_without_single(y, labels, share, rng))
    if not own:
        return replace(plan, out=hold_out(y, labels, share, rng, "early_stopping")[1])
    if not holds_enough(y, share, at_least=1):
        raise ValueError(
            f"early_stopping lets each pair of members hold out {share:.0%} of the distinct rows, but the classes "
            f"have {_listed(y, labels)} distinct rows, so that no row of the rarer classes would be held out; set "
            "early_stopping=False."
        )
    return replace(plan, own_share=share)


def hold_out(y, labels, share, rng, why="hold_out"):
    """Split rows into training and held-out rows, stratified by class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    labels : ndarray of shape (n_classes,)
        Their labels, for the error message.
    share : float in (0, 1)
        Share of rows to hold out.
    rng : numpy.random.Generator
        Source of the split.
    why : str
        Which parameter requires the split, for the error message.

    Returns
    -------
    train, held_out : ndarray of int
        Row indices, ascending.

    Raises
    ------
    ValueError
        If a class would be missing on either side.
    """
    counts = np.bincount(y, minlength=len(labels))
    n_held_out = max(round(share * len(y)), len(labels))
    if counts.min() < 2 or len(y) - n_held_out < len(labels):
        few = [label for label, n in _listed(y, labels).items() if n < 2]
        raise ValueError(
            f"{why} needs every class on both sides of the split, but the classes have {_listed(y, labels)} distinct "
            f"rows{f', and {few} cannot be split' if few else ''}; provide at least two rows of each class, leave out "
            "the rows of smaller classes, or hold out no rows (validation_split=0, "
            'early_stopping="auto" or False, calibration=None).'
        )
    split = StratifiedShuffleSplit(1, test_size=n_held_out, random_state=int(rng.integers(2**31 - 1)))
    train, held_out = next(split.split(np.zeros((len(y), 1)), y))
    # Shares rounded down leave the rarest class without a row on one side: swap one with a row of the largest
    # class there.
    for side, other in ((held_out, train), (train, held_out)):
        present = np.bincount(y[side], minlength=len(counts))
        for missing in np.flatnonzero(present == 0):
            largest = np.bincount(y[side], minlength=len(counts)).argmax()
            i, j = np.flatnonzero(y[other] == missing)[0], np.flatnonzero(y[side] == largest)[0]
            side[j], other[i] = other[i], side[j]
    return np.sort(train), np.sort(held_out)


def _hold_out_without_single(y, labels, share, rng):
    """Return the rows to hold out by default: the only row of a class stays in the training set."""
    several = np.flatnonzero(np.bincount(y, minlength=len(labels))[y] > 1)
    present, codes = np.unique(y[several], return_inverse=True)
    return several[hold_out(codes, np.asarray(labels)[present], share, rng)[1]]


def hold_out_sets(y, n_sets, share, rng):
    """Split rows into training and held-out rows several times.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    n_sets : int
        How many times.
    share : float in [0, 1)
        Share of each class to hold out. The same row is held out twice only where there are more than ``1 / share``
        sets.
    rng : numpy.random.Generator
        Source of the splits.

    Returns
    -------
    train : ndarray of int, shape (n_train, n_sets)
    held_out : ndarray of int, shape (n_held_out, n_sets)
        Row indices, ascending.
    """
    out = np.zeros((n_sets, len(y)), dtype=bool)
    for c in range(y.max() + 1):
        rows = rng.permutation(np.flatnonzero(y == c))
        n_out = round(share * len(rows))
        for i in range(n_sets):
            out[i, np.roll(rows, -i * n_out)[:n_out]] = True
    every = np.broadcast_to(positions_of(y), out.shape)
    return every[~out].reshape(n_sets, -1).T, every[out].reshape(n_sets, -1).T


def hold_out_members(y, members, share, rng):
    """Split rows for each member, (n_rows, n_members), the same for both of a pair; see `hold_out_sets`."""
    return tuple(
        np.repeat(of_pairs, members.in_pair, axis=1) for of_pairs in hold_out_sets(y, members.n_pairs, share, rng)
    )


def holds_enough(y, share, at_least=ENOUGH):
    """Whether a share of the rows holds enough outside the largest class for their scores to be meaningful."""
    counts = np.sort(np.bincount(y))[::-1]
    return bool(np.round(share * counts[1:]).sum() >= at_least)


def _listed(y, labels):
    """Return the number of rows of each class, by label."""
    return dict(zip(np.asarray(labels).tolist(), np.bincount(y, minlength=len(labels)).tolist(), strict=True))
