"""Which rows does an epoch show, in what order, and with what weights?"""

import numpy as np

from skimbalance.training.holdout import hold_out, hold_out_members, positions_of


class TrainingRows:
    """Rows of a training set, their weights, and their order in each epoch.

    With shuffling, identical rows are merged, their weights summed, and the rest put into an order that only
    their content determines. So a row of weight 2 is the same as two rows, to the last bit, and neither the
    order of the table nor a repetition in it changes a seeded fit. The table itself is neither copied nor
    sorted; an index is.

    Parameters
    ----------
    X : ndarray of float32, shape (n_samples, n_features)
        Rows.
    y : ndarray of int, shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights; None weighs all alike.
    class_weight : callable
        ``class_weight(progress) -> (n_classes,)``, what a row of each class costs.
    batch_prior : ndarray of shape (n_classes,) or None
        Class shares that batches are drawn with; None shows every row once an epoch.
    merge : bool
        Whether identical rows are merged and ordered by content.
    """

    def __init__(self, X, y, sample_weight, class_weight, batch_prior, merge):
        self.X, self.y = X, y.astype(np.int32)
        self.class_weight, self.batch_prior = class_weight, batch_prior
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if merge:
            self.index, self.weight = merge_identical(X, self.y, weight)
        else:
            self.index, self.weight = positions_of(y), weight
        self.positions, self._queues = positions_of(self.index), {}

    def __len__(self):
        """Return the number of rows an epoch shows (to each member)."""
        return self.positions.shape[-1]

    def hold_out(self, labels, share, rng):
        """Hold out a stratified share of the rows from every epoch.

        Returns
        -------
        held_out : tuple of (X, y, sample_weight)
            Those rows.
        """
        self.positions, out = hold_out(self.y[self.index], labels, share, rng)
        index = self.index[out]
        return self.X[index], self.y[index], self.weight[out]

    def give_to_members(self, n_members, share, rng):
        """Give each member of a network an order of its own, over rows without a stratified share of its own.

        Returns
        -------
        held_out : tuple of (X, y, sample_weight)
            Each member's held-out rows: (n_members, n_rows, n_features), and twice (n_rows, n_members).
        """
        self.positions, out = hold_out_members(self.y[self.index], n_members, share, rng)
        index = self.index[out]
        return self.X[index], self.y[index].T, self.weight[out].T

    def weights(self, progress):
        """Return the weight of every merged row, with mean 1 over what is shown, as float32 (n_rows,)."""
        y = self.y[self.index]
        weight = self.weight * np.asarray(self.class_weight(progress), dtype=np.float64)[y]
        if self.batch_prior is None:
            return (weight / weight.mean()).astype(np.float32)
        mean_of_class = np.bincount(y, weight) / np.maximum(np.bincount(y), 1)
        return (weight / (self.batch_prior @ mean_of_class)).astype(np.float32)

    def order(self, rng):
        """Draw the positions (into `index`) of one epoch's rows; the order of the table where rng is None.

        Returns
        -------
        ndarray of shape (n_rows,), or (n_members, n_rows)
            Positions.
        """
        if self.batch_prior is not None:
            rng = rng or np.random.default_rng(0)
            drawn = [self._draw_classes(i, of, rng) for i, of in enumerate(np.atleast_2d(self.positions))]
            return np.reshape(drawn, self.positions.shape)
        return self.positions if rng is None else rng.permuted(self.positions, axis=-1)

    def blocks(self, orders, weights, batch_size, most_steps):
        """Yield the rows of each step, block by block; the last step of an epoch is filled up by rows of weight zero.

        Parameters
        ----------
        orders : list of ndarray of shape (n_rows,) or (n_members, n_rows)
            What `order` returned, of each epoch; of several epochs, all steps fit into one block.
        weights : list of ndarray of shape (n_positions,)
            What `weights` returned, of each epoch.
        batch_size : int
            Rows of a step.
        most_steps : int
            Largest number of steps of a block.

        Yields
        ------
        index : ndarray of int, shape (n_steps, batch_size) or (n_members, n_steps, batch_size)
            Rows of the table.
        weight : ndarray of float32, of the same shape
            Their weights.
        sizes : ndarray of int, shape (n_steps,)
            Rows of each step that are not there to fill it up.
        """
        most_rows = most_steps * batch_size
        for begin in range(0, len(self), most_rows):
            parts = [(order[..., begin : begin + most_rows], of) for order, of in zip(orders, weights, strict=True)]
            n_rows = parts[0][0].shape[-1]
            n_steps = -(-n_rows // batch_size)
            index = [filled_up(self.index[positions], n_steps * batch_size) for positions, _ in parts]
            weight = [filled_up(of[positions], n_steps * batch_size) for positions, of in parts]
            index, weight = (a[0] if len(a) == 1 else np.concatenate(a, axis=-1) for a in (index, weight))
            sizes = np.full(n_steps, batch_size)
            sizes[-1] = n_rows - (n_steps - 1) * batch_size
            shape = (*index.shape[:-1], len(parts) * n_steps, batch_size)
            yield index.reshape(shape), weight.reshape(shape), np.tile(sizes, len(parts))

    def _draw_classes(self, member, positions, rng):
        """Draw every position's class by the batch prior, then its row from that class's shuffled queue.

        A queue is refilled once it is empty, so that all rows of a class are seen before one is seen again, in
        this epoch or a later one.
        """
        y = self.y[self.index[positions]]
        upper = np.cumsum(self.batch_prior)[:-1]
        classes = rng.permutation(np.searchsorted(upper, (np.arange(len(y)) + 0.5) / len(y)))
        order = np.empty_like(positions)
        for c in range(len(self.batch_prior)):
            places, rows = np.flatnonzero(classes == c), positions[y == c]
            queue = self._queues.get((member, c), np.empty(0, dtype=positions.dtype))
            while len(queue) < len(places):
                queue = np.concatenate([queue, rng.permutation(rows)])
            order[places], self._queues[member, c] = queue[: len(places)], queue[len(places) :]
        return order


def filled_up(a, n, axis=-1):
    """Return an array with as many zeros appended along an axis as it takes to `n` there."""
    if a.shape[axis] == n:
        return a
    shape = list(a.shape)
    shape[axis] = n
    filled = np.zeros(shape, a.dtype)
    filled[tuple(map(slice, a.shape))] = a
    return filled


def choose_batch_size(batch_size, n_rows):
    """Return the rows of a step for a ``batch_size`` parameter and a number of training rows."""
    if batch_size is None:
        return 32
    if batch_size == -1:
        return n_rows
    if batch_size == "auto":
        return int(np.clip(2 ** np.round(np.log2(n_rows) / 2), 32, 1024))
    return int(batch_size)


def choose_epochs(epochs, steps, has_members):
    """Return the number of epochs for an ``epochs`` parameter and the steps of an epoch.

    The default network takes 32 epochs, but at least 256 steps and at most 256 epochs.
    """
    if epochs != "auto":
        return epochs
    return int(np.clip(-(-256 // steps), 32, 256)) if has_members else 100


def merge_identical(X, y, weight):
    """Merge identical rows of [X, y].

    Returns
    -------
    index : ndarray of shape (n_distinct,)
        One row of each kind, ordered by content.
    summed : ndarray of shape (n_distinct,)
        Weight of all rows of that kind.
    """
    keys = _hash_rows(X, y)
    order = np.argsort(keys, kind="stable")
    same_key = keys[order][1:] == keys[order][:-1]
    same = np.zeros(len(y), dtype=bool)
    later = np.flatnonzero(same_key) + 1
    same[later] = (y[order[later]] == y[order[later - 1]]) & np.all(X[order[later]] == X[order[later - 1]], axis=1)
    if not np.array_equal(np.flatnonzero(same), later):
        # Different rows with one hash, about once in 2**64 / n**2 tables: sort by the content itself.
        order = np.lexsort((*X.T, y))
        same = np.zeros(len(y), dtype=bool)
        same[1:] = (y[order][1:] == y[order][:-1]) & np.all(X[order][1:] == X[order][:-1], axis=1)
    starts = np.flatnonzero(~same)
    return positions_of(y)[order[starts]], np.add.reduceat(weight[order], starts)


def _hash_rows(X, y):
    """Return a 64-bit hash of every row of [X, y], a column at a time (the mixing steps of splitmix64)."""
    keys = y.astype(np.uint64)
    for column in X.T:
        # Adding zero turns -0.0 into 0.0, which compares equal to it.
        bits = (column + np.float32(0)).view(np.uint32)
        keys = (keys ^ bits) + np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys ^= keys >> np.uint64(31)
    return keys
