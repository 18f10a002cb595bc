"""Choose the rows, their order and their weights for each epoch."""

import numpy as np

from skimbalance.data.rows import positions_of
from skimbalance.training.blocks import filled_up

#: A table with this many rows for each distinct one is mostly copies; its epochs are filled, up to so many rows.
_COPIES, _FILLED_ROWS = 8, 4096


class TrainingRows:
    """Rows of a training set, their weights, and their order in each epoch.

    Parameters
    ----------
    rows : Rows
        Rows of the table.
    kept : ndarray of int, shape (n_kept,)
        Which of its distinct rows are trained on.
    class_weight : callable
        ``class_weight(progress) -> (n_classes,)``, what a row of each class costs.
    batch_prior : ndarray of shape (n_classes,) or None
        Class shares that batches are drawn with; None shows every row once an epoch.
    copies : ndarray of int, shape (n_kept,), default=None
        How often an epoch shows each row, of weight 1 then; None shows it once, with its weight.

    Attributes
    ----------
    X, y : ndarray
        The table; `index` selects its training rows.
    index : ndarray of int, shape (n_kept,)
        Rows of the table.
    weight : ndarray of shape (n_kept,)
        Their weights.
    positions : ndarray of int, shape (n_shown, n_members)
        What an epoch shows each member, as positions into `index`.

    Notes
    -----
    An epoch shows each distinct row once. Where the table is mostly copies of few rows (eight or more of each), it
    shows them again and again until it has as many rows as the table, or 4,096: a table of three kinds of rows would
    else train for one step an epoch. Copies are counted by weight, so that a weight of two is the same as a row twice.
    """

    def __init__(self, rows, kept, class_weight, batch_prior=None, copies=None):
        self.X, self.y, self._table, self._kept = rows.X, rows.y, rows, kept
        self.index, self.weight = rows.index[kept], rows.weight[kept]
        self.class_weight, self.batch_prior = class_weight, batch_prior
        self._classes = self.y[self.index]
        n, total = len(kept), self.weight.sum()
        self._repeats = max(int(min(total, _FILLED_ROWS) // n), 1) if total >= _COPIES * n and copies is None else 1
        self._queues = {}
        self.positions = np.tile(positions_of(self.index), self._repeats)[:, None]
        if copies is not None:
            self.weight, self.positions = np.ones(n), np.repeat(self.positions, copies, axis=0)

    def __len__(self):
        """Return the number of rows an epoch shows to each member."""
        return len(self.positions)

    def give_to_members(self, members, positions=None):
        """Give each member of a network an order of its own.

        Parameters
        ----------
        members : Members
            The members.
        positions : ndarray of int, shape (n_rows, n_members), default=None
            Rows that each may see; None gives all to each.
        """
        if positions is None:
            self.positions = members.positions(self.positions[:, 0])
        else:
            self.positions = np.asfortranarray(np.tile(positions, (self._repeats, 1)))

    def of_pairs(self, members):
        """Return the distinct rows that each pair of members may see, (n_rows, n_pairs)."""
        return self._kept[self.positions[: len(self) // self._repeats, :: members.in_pair]]

    def shown(self):
        """Return all rows of the table that are trained on, and their classes."""
        if len(self._kept) == len(self._table):
            return self.X, self.y
        return self._table.without(np.delete(positions_of(self._table.index), self._kept))[:2]

    def weights(self, progress):
        """Return the weight of every row of `index`, with mean 1 over what is shown, as float32 (n_kept,)."""
        y, costs = self._classes, np.asarray(self.class_weight(progress), dtype=np.float64)
        if self.batch_prior is None:
            weight = self.weight * costs[y]
            return (weight / weight.mean()).astype(np.float32)
        # Batches have the class shares of their prior: weights of rows only tell rows of one class apart.
        counts = np.bincount(y, minlength=len(self.batch_prior))
        mean_of_class = np.bincount(y, self.weight, minlength=len(counts)) / np.maximum(counts, 1)
        mean_cost = self._prior_of(counts) @ np.where(counts, costs, 0.0)
        return (self.weight / mean_of_class[y] * costs[y] / mean_cost).astype(np.float32)

    def order(self, rng):
        """Draw the positions of one epoch's rows; the order of the table where rng is None.

        Returns
        -------
        ndarray of shape (n_rows, n_members)
            Positions.
        """
        if self.batch_prior is not None:
            rng = rng or np.random.default_rng(0)
            return np.column_stack([self._draw_classes(i, of, rng) for i, of in enumerate(self.positions.T)])
        return self.positions if rng is None else rng.permuted(self.positions, axis=0)

    def blocks(self, orders, weights, batch_size, most_steps):
        """Yield the rows of each step, block by block; the last step of an epoch is filled up by rows of weight zero.

        Parameters
        ----------
        orders : list of ndarray of shape (n_rows, n_members)
            What `order` returned, of each epoch; of several epochs, all steps fit into one block.
        weights : list of ndarray of shape (n_positions,)
            What `weights` returned, of each epoch.
        batch_size : int
            Rows of a step.
        most_steps : int
            Largest number of steps of a block.

        Yields
        ------
        index : ndarray of int, shape (n_steps, batch_size, n_members)
            Rows of the table.
        weight : ndarray of float32, of the same shape
            Their weights.
        sizes : ndarray of int, shape (n_steps,)
            Rows of each step that are not there to fill it up.
        """
        most_rows = most_steps * batch_size
        for begin in range(0, len(self), most_rows):
            parts = [(order[begin : begin + most_rows], of) for order, of in zip(orders, weights, strict=True)]
            n_rows = len(parts[0][0])
            n_steps = -(-n_rows // batch_size)
            index = [filled_up(self.index[positions], n_steps * batch_size) for positions, _ in parts]
            weight = [filled_up(of[positions], n_steps * batch_size) for positions, of in parts]
            index, weight = (a[0] if len(a) == 1 else np.concatenate(a) for a in (index, weight))
            sizes = np.full(n_steps, batch_size)
            sizes[-1] = n_rows - (n_steps - 1) * batch_size
            shape = (len(parts) * n_steps, batch_size, index.shape[-1])
            yield index.reshape(shape), weight.reshape(shape), np.tile(sizes, len(parts))

    def _prior_of(self, counts):
        """Return the batch prior over the classes of which there are rows: a chunk may lack one."""
        prior = self.batch_prior * (counts > 0)
        return prior / prior.sum()

    def _draw_classes(self, member, positions, rng):
        """Draw every position's class by the batch prior, then its row from that class's shuffled queue.

        A queue is refilled once it is empty, so that all rows of a class are seen before one is seen again, in
        this epoch or a later one.
        """
        y = self._classes[positions]
        counts = np.bincount(y, minlength=len(self.batch_prior))
        upper = np.cumsum(self._prior_of(counts))
        upper = np.where(np.cumsum(counts[::-1])[::-1] == counts, 1.0, upper)  # the last class there is takes the rest
        classes = rng.permutation(np.searchsorted(upper, (np.arange(len(y)) + 0.5) / len(y)))
        order = np.empty_like(positions)
        for c in np.flatnonzero(counts):
            places, rows = np.flatnonzero(classes == c), positions[y == c]
            queue = self._queues.get((member, c), np.empty(0, dtype=positions.dtype))
            while len(queue) < len(places):
                queue = np.concatenate([queue, rng.permutation(rows)])
            order[places], self._queues[member, c] = queue[: len(places)], queue[len(places) :]
        return order


def choose_batch_size(batch_size, n_rows):
    """Return the rows of a step for a ``batch_size`` parameter and a number of training rows."""
    if batch_size is None:
        return 32
    if batch_size == -1:
        return n_rows
    if batch_size == "auto":
        return int(np.clip(2 ** np.round(np.log2(n_rows) / 2), 32, 1024))
    return int(batch_size)
