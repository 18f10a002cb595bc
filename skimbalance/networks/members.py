"""The members of a network: their number, axes and groups, and which variables belong to which.

Members are the second axis of everything outside their layers: rows (n_rows, n_members, n_features), labels and weights
(n_rows, n_members), logits (n_rows, n_members, n_classes). Inside, they come first, so that one batched matrix product
serves them all; `rows_to_layers` and the layer `RowsFirst` lie between. A network that is not made of member layers is
one member.
"""

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.networks.layers import AdaptedLayer, MemberLayer, RowsFirst


class Members:
    """The members of a network.

    Parameters
    ----------
    model : keras.Model or None
        Network; None is one without members.

    Attributes
    ----------
    n : int
        Number of members, 1 for a network without.
    are_layers : bool
        Whether the network is a chain of member layers, so that each member may be given rows of its own.
    in_pair : int
        Members that choose their epoch together: two, or each its own where their number is odd.
    n_pairs : int
        Number of such pairs.
    """

    def __init__(self, model=None):
        layers = getattr(model, "layers", [])
        counts = {layer.n_members for layer in layers if isinstance(layer, MemberLayer)}
        chain = (keras.layers.InputLayer, keras.layers.Dropout, AdaptedLayer, MemberLayer, RowsFirst)
        self.are_layers = (
            len(counts) == 1 and all(isinstance(layer, chain) for layer in layers) and isinstance(layers[-1], RowsFirst)
        )
        self.n = counts.pop() if self.are_layers else 1
        self.in_pair = 1 if self.n % 2 else 2
        self.n_pairs = self.n // self.in_pair
        self._model = model

    def positions(self, positions):
        """Return positions of rows (n_rows,) for each member, (n_rows, n_members), in an order of axes that permutes
        quickly.
        """
        return np.asfortranarray(np.broadcast_to(positions[:, None], (len(positions), self.n)))

    def pairs(self):
        """Return the positions of the members of each pair."""
        return np.arange(self.n).reshape(self.n_pairs, self.in_pair)

    def of_pairs(self, values):
        """Return for each member the value of its pair."""
        return np.repeat(values, self.in_pair)

    def rows_to_layers(self, model):
        """Return a function of rows (n_members, n_rows, n_features), as the layers take them, like `model`.

        Parameters
        ----------
        model : keras.Model
            Network, or one group of its members.

        Returns
        -------
        keras.Model or None
            Network of the same layers and weights that takes rows of each member's own; None for a network without
            members, whose rows are those of the only one.
        """
        if not self.are_layers:
            return None
        n_members = Members(model).n
        hidden = inputs = keras.Input(batch_shape=(n_members, None, model.input_shape[-1]))
        for layer in model.layers[1:]:
            hidden = layer(hidden)
        return keras.Model(inputs, hidden)

    def keep(self, kept, values, better):
        """Put the values of the members that are better in the place of those kept.

        Parameters
        ----------
        kept, values : list of ndarray
            Weights of the network, in the order of ``model.weights``.
        better : ndarray of bool, shape (n_members,)
            Which members.
        """
        for i, has_members in enumerate(self._have_members()):
            if has_members:
                kept[i][better] = values[i][better]
            else:
                kept[i] = values[i]

    def _have_members(self):
        """Return for each weight of the network whether its first axis is that of the members."""
        if not self.are_layers:
            return [False] * len(self._model.weights)
        layers = [layer for layer in self._model.layers for _ in layer.weights]
        return [isinstance(layer, MemberLayer) for layer in layers]


class MemberGroups:
    """The members of a network in groups of equal size, which can be computed side by side.

    Parameters
    ----------
    model : keras.Model
        Network.
    members : Members
        Its members.
    n : int
        Number of groups, a divisor of the number of members.

    Attributes
    ----------
    part : keras.Model
        Network of one group; that of all members where there is one group only.
    """

    def __init__(self, model, members, n):
        self.n, self.part = n, model
        self.in_group = members.n // n
        if n > 1:
            hidden = inputs = keras.Input(model.input_shape[1:])
            for layer in model.layers[1:]:
                config = layer.get_config()
                if isinstance(layer, MemberLayer):
                    config["n_members"] = self.in_group
                hidden = type(layer).from_config(config)(hidden)
            self.part = keras.Model(inputs, hidden)
        self.on_own_rows = members.rows_to_layers(self.part)

    def split(self, values, shapes):
        """Return every group's share of values, whose members come first; what the groups have in common, each has.

        Parameters
        ----------
        values : list of ndarray
            State of the network, or of its optimizer.
        shapes : list of tuple
            Shapes of the same of `part`; a value of that shape is common to all.
        """
        shares = [
            [value] * self.n if value.shape == shape else np.split(value, self.n)
            for value, shape in zip(values, shapes, strict=True)
        ]
        return list(zip(*shares, strict=True))

    def merge(self, shares, like):
        """Return the values of which `split` made shares; `like` has their shapes."""
        return [
            parts[0] if parts[0].shape == tuple(value.shape) else np.concatenate(parts)
            for parts, value in zip(zip(*shares, strict=True), like, strict=True)
        ]

    def gather(self, rows, index, weight):
        """Return for each group the rows, labels and weights of some steps.

        Parameters
        ----------
        rows : TrainingRows
            Rows.
        index : ndarray of int, shape (n_steps, batch_size, n_members)
            Rows of the table for each step.
        weight : ndarray of shape (n_steps, batch_size, n_members)
            Their weights.

        Returns
        -------
        list of tuple
            X (n_steps, n_members, batch_size, n_features), as the layers take it, y and weight (n_steps, batch_size,
            n_members); of the members of each group.
        """
        groups = []
        for begin in range(0, self.in_group * self.n, self.in_group):
            own = index[..., begin : begin + self.in_group]
            X = np.take(rows.X, own.transpose(0, 2, 1), axis=0, mode="clip")
            groups.append((X, rows.y[own], np.ascontiguousarray(weight[..., begin : begin + self.in_group])))
        return groups
