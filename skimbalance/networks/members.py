"""What can be done with a network of several members: rows of each one's own, and members in groups?"""

from skimbalance._startup import keras
from skimbalance.networks.layers import AdaptedLayer, MemberLayer, RowsFirst

ops = keras.ops


def n_members_of(model):
    """Return how many members a network has that may have rows of their own: a chain of layers that allow it, or 0."""
    layers = getattr(model, "layers", [])
    members = {layer.n_members for layer in layers if isinstance(layer, MemberLayer)}
    chain = (keras.layers.InputLayer, keras.layers.Dropout, AdaptedLayer, MemberLayer, RowsFirst)
    is_chain = len(members) == 1 and all(isinstance(layer, chain) for layer in layers)
    return members.pop() if is_chain and isinstance(layers[-1], RowsFirst) else 0


def with_member_rows(model):
    """Return a network of the same layers and weights that takes rows of each member's own.

    Parameters
    ----------
    model : keras.Model
        Network whose `n_members_of` is not 0.

    Returns
    -------
    keras.Model
        Network with inputs (n_members, n_rows, n_features).
    """
    hidden = inputs = keras.Input(batch_shape=(n_members_of(model), None, model.input_shape[-1]))
    for layer in model.layers[1:]:
        hidden = layer(hidden)
    return keras.Model(inputs, hidden)


class MemberGroups:
    """The members of a network in groups of equal size, which can be computed side by side.

    Parameters
    ----------
    model : keras.Model
        Network.
    n_groups : int
        Number of groups, a divisor of the number of members.

    Attributes
    ----------
    part : keras.Model
        Network of one group; that of all members where there is one group only.
    """

    def __init__(self, model, n_groups):
        self.n_groups, self.part = n_groups, model
        if n_groups > 1:
            hidden = inputs = keras.Input(model.input_shape[1:])
            for layer in model.layers[1:]:
                config = layer.get_config()
                if isinstance(layer, MemberLayer):
                    config["n_members"] //= n_groups
                hidden = type(layer).from_config(config)(hidden)
            self.part = keras.Model(inputs, hidden)

    def split(self, values, of_part):
        """Return every group's share of values, whose members come first; what the groups have in common, each has.

        Parameters
        ----------
        values : list of tensor
            State of the network, or of its optimizer.
        of_part : list of keras.Variable
            The same of `part`; a value of the same shape is common to all.
        """
        shares = [
            [value] * self.n_groups if value.shape == own.shape else ops.split(value, self.n_groups)
            for value, own in zip(values, of_part, strict=True)
        ]
        return list(zip(*shares, strict=True))

    def merge(self, shares, like):
        """Return the values of which `split` made shares; `like` has their shapes."""
        return [
            parts[0] if parts[0].shape == value.shape else ops.concatenate(parts)
            for parts, value in zip(zip(*shares, strict=True), like, strict=True)
        ]
