"""Read which rows belong together, and which the caller holds out: `groups` and `validation_split`."""

import copy
import hashlib
import warnings
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
from sklearn.utils.metadata_routing import get_routing_for_object

from skimbalance.data.reading import is_none
from skimbalance.data.rows import mix
from skimbalance.data.seeding import seed_nested


def group_keys(groups, n_rows, is_shown=None):
    """Return a 64-bit key of the group of each row: the same label has the same key in every call and every process.

    Whole numbers of any type (1, 1.0, True, ``numpy.int8(1)``, ``Decimal(1)``) are the same label, texts of any type,
    and equal dates; so are tuples of the same labels. Of other objects, those are that Python says the same of (by
    ``repr``) and that are of one type.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Labels of groups: numbers, texts, dates, tuples of these, or any objects that Python can hash and whose ``repr``
        says which they are.
    n_rows : int
        Number of rows of X.
    is_shown : ndarray of bool, shape (n_rows,), default=None
        Rows of positive weight; the others may lack a label. None is all.

    Returns
    -------
    ndarray of uint64, shape (n_rows,)
        Keys.

    Raises
    ------
    ValueError
        If there is not one label for each row, or some are missing.
    TypeError
        If labels cannot be hashed.
    """
    labels = _labels(groups)
    if len(labels) != n_rows:
        raise ValueError(
            f"groups has {len(labels)} labels, but X has {n_rows} rows; it needs the group of each row. A sampler that "
            "stands before this classifier in a pipeline changes the rows, but not their groups: pass it as strategy= "
            "of the classifier, which resamples training rows alone."
        )
    if labels.dtype != object and labels.dtype.kind in "iubUS":
        distinct, of = np.unique(labels, return_inverse=True)
        return _keys_of(distinct)[of]
    try:
        places = {}
        of = [places.setdefault(label, len(places)) for label in labels.tolist()]
    except TypeError as error:
        raise TypeError(f"groups holds a label that cannot be hashed ({error}); pass numbers or texts.") from None
    missing = [i for i, label in enumerate(labels.tolist()) if is_none(label)] if any(map(is_none, places)) else []
    missing = [i for i in missing if is_shown is None or is_shown[i]]
    if missing:
        raise ValueError(
            f"groups has {len(missing)} missing labels, the first in row {missing[0]}. Give each row that belongs to "
            "no other a label of its own, or drop these rows."
        )
    return _keys_of(list(places))[of]


def _labels(groups):
    """Return labels as an array of one dimension."""
    if isinstance(groups, list | tuple):
        types = set(map(type, groups))
        if types and (types <= {int, bool} or types in ({str}, {float})):
            plain = np.asarray(groups)
            if plain.dtype.kind in "iubU" or types == {float}:  # whole numbers of more than 64 bits stay objects
                return plain
        labels = np.empty(len(groups), dtype=object)
        for i, label in enumerate(groups):
            labels[i] = _plain(label)
        return labels
    labels = np.asarray(groups)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"groups has shape {labels.shape}; it needs one label for each row, (n_samples,).")
    if labels.dtype.kind in "mM":  # of one unit, and None where there is none
        return labels.astype(f"{labels.dtype.kind}8[us]").astype(object)
    return labels


def _plain(label):
    """Return a label in the one form that all labels which are the same have: int, text, or a tuple of these."""
    if isinstance(label, tuple):
        return tuple(map(_plain, label))
    label = label.item() if isinstance(label, np.generic) else label
    if isinstance(label, str):
        return label
    if isinstance(label, int | float | Decimal | Real) and label == label // 1:
        return int(label)
    return label.isoformat() if hasattr(label, "isoformat") else label  # dates of any library


def _keys_of(distinct):
    """Return the key of each distinct label."""
    if isinstance(distinct, np.ndarray) and distinct.dtype.kind in "iu":
        keys = mix(distinct.astype(np.uint64))
        if distinct.dtype.kind == "u":  # beyond int64, where others are negative numbers
            is_large = distinct >= 2**63
            keys[is_large] = [_key_of(label) for label in distinct[is_large]]
        return keys
    return np.array([_key_of(label) for label in distinct], dtype=np.uint64)


def _key_of(label):
    """Return the key of a label: see `group_keys`."""
    label = _plain(label)
    if isinstance(label, int) and -(2**63) <= label < 2**63:
        return int(mix(np.array([label % 2**64], dtype=np.uint64))[0])
    said = label if isinstance(label, str) else f"{type(label).__name__} {label!r}"
    return int.from_bytes(hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class OwnSplit:
    """A split of the caller's own: a ``validation_split`` that says which rows are held out, rather than how many.

    Attributes
    ----------
    how : "last", splitter of scikit-learn's kind, list of one (train, test), or None
        The parameter. A splitter's last split is taken, which for `TimeSeriesSplit` tests the latest rows.
    share : float in (0, 1)
        Share of the rows that "last" holds out.
    rng : numpy.random.Generator
        Source of seeds of a splitter that shuffles and has none.
    """

    how: object
    share: float
    rng: np.random.Generator

    def __str__(self):
        """Return the parameter, for messages."""
        return f"validation_split={'[(train, test)]' if isinstance(self.how, list | tuple) else repr(self.how)}"

    def sides(self, labels, is_shown, groups):
        """Return on which side each row that is trained on is; rows in neither are left out.

        Parameters
        ----------
        labels : ndarray of shape (n_given,)
            Labels of all rows of the table, those of weight zero included, as positions in a split are.
        is_shown : ndarray of bool, shape (n_given,)
            Which rows are trained on or held out.
        groups : ndarray of uint64, shape (n_given,), or None
            Keys of groups.

        Returns
        -------
        is_train, is_out : ndarray of bool, shape (n_rows,)

        Raises
        ------
        ValueError
            If the split is none: sides that overlap, an empty one, positions outside of the table, part of a group.
        """
        if isinstance(self.how, str):
            is_out = _last(is_shown.sum(), None if groups is None else groups[is_shown], self.share)
            return ~is_out, is_out
        train, test = (self._positions(side, len(labels)) for side in self._last_split(labels, groups))
        sides = np.zeros((2, len(labels)), dtype=bool)
        sides[0, train], sides[1, test] = True, True
        both = np.flatnonzero(sides.all(axis=0))
        if len(both):
            raise ValueError(
                f"{self} holds out {len(both)} rows that it trains on as well, the first of which is row {both[0]}; no "
                "row may be on both sides."
            )
        parted = [] if groups is None else np.intersect1d(*(groups[side & is_shown] for side in sides))
        if len(parted):
            raise ValueError(
                f"{self} holds out part of {len(parted)} groups, whose other rows it trains on; leave out groups, or "
                "take a splitter of whole groups, such as StratifiedGroupKFold or GroupShuffleSplit."
            )
        return sides[:, is_shown]

    def check(self, y, is_out, labels):
        """Raise where a class is missing on either side."""
        for does, side in (("holds out", is_out), ("trains on", ~is_out)):
            missing = np.setdiff1d(np.arange(len(labels)), y[side])
            if len(missing):
                raise ValueError(
                    f"{self} {does} no row of the classes {np.asarray(labels)[missing].tolist()}; both sides need rows "
                    "of every class."
                )

    def _last_split(self, y, groups):
        """Return the positions of training and held-out rows that a splitter, or a list with a split, says."""
        splits = self.how
        if hasattr(splits, "split"):
            splitter = copy.deepcopy(splits)
            seed_nested(splitter, self.rng)
            codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
            splits = self._splits(splitter, y, codes)[-1:]
        if len(splits) != 1 or not isinstance(splits[0], list | tuple) or len(splits[0]) != 2:
            raise ValueError(
                f"validation_split is {splits!r:.80}; a list holds one split, [(train, test)], the positions of the "
                "rows of either side."
            )
        return splits[0]

    def _splits(self, splitter, y, groups):
        """Return the splits of a splitter; one that looks at rows alone is asked nothing of groups: `sides` looks."""
        needs_groups = ValueError(
            f"{self} splits whole groups, and needs groups=, the group of each row: fit(X, y, groups=...)."
        )
        if groups is None and get_routing_for_object(splitter).consumes("split", ["groups"]):
            raise needs_groups  # scikit-learn 1.6 splits all rows as one group
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The groups parameter is ignored")
                return list(splitter.split(np.zeros((len(y), 1)), y, groups))
        except (TypeError, ValueError) as error:
            if groups is None and "groups" in str(error):
                raise needs_groups from None
            raise

    def _positions(self, side, n_rows):
        """Return the rows of one side of a split as positions."""
        rows = np.asarray(side)
        if rows.dtype == bool and rows.shape == (n_rows,):
            return np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise ValueError(f"{self} takes positions of rows, whole numbers, or a mask of all {n_rows}.")
        outside = rows[(rows < 0) | (rows >= n_rows)]
        if len(outside):
            raise ValueError(f"{self} names row {outside[0]}; X has the rows 0 to {n_rows - 1}.")
        if len(np.unique(rows)) < len(rows):
            raise ValueError(f"{self} names a row twice on one side; each may be there once.")
        return rows.astype(np.intp)


def _last(n_rows, groups, share):
    """Return which rows are the last: a share of them, or the groups that appear last, of at least as many rows."""
    n_out = max(round(share * n_rows), 1)
    if groups is None:
        return np.arange(n_rows) >= n_rows - n_out
    _, first, of, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(-first)
    n_groups = min(np.searchsorted(np.cumsum(counts[order]), n_out) + 1, len(order) - 1)
    if n_groups < 1:
        raise ValueError('validation_split="last" holds out the last groups, but all rows are of one group.')
    return np.isin(of, order[:n_groups])
