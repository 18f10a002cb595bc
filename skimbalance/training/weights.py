"""Hold the trainable variables of a network as an optimizer steps them: one by one, or joined.

An optimizer that treats every number by itself steps one variable of all numbers as it steps many. The step is then a
few operations instead of some for each variable, which are a third of what XLA compiles for members.
"""

import numpy as np

from skimbalance._keras.startup import keras, tf
from skimbalance.training.optimizers import fresh_copy, kept_of_each, only_updates

#: Numbers of a network, a megabyte, up to which they are joined: every step copies them.
_MOST_JOINED = 250_000


def new_weights(groups, optimizer, decays, joins):
    """Return how an optimizer steps the variables of a group of members.

    Parameters
    ----------
    groups : MemberGroups
        Groups of a network's members.
    optimizer : keras.optimizers.Optimizer
        Optimizer, built on the whole network.
    decays : list of bool
        Whether its weight decay applies to each trainable variable.
    joins : bool
        Whether variables may be joined.

    Returns
    -------
    SeparateWeights or JoinedWeights
        The variables.
    """
    if joins and _may_join(groups.part.trainable_variables, optimizer):
        return JoinedWeights(groups.part, optimizer, decays)
    if groups.n > 1:
        optimizer = fresh_copy(optimizer, groups.part.trainable_variables, decays)
    return SeparateWeights(groups.part, optimizer, decays)


def _may_join(variables, optimizer):
    """Whether the trainable variables of a network may be joined for an optimizer that is built on as many."""
    kept = kept_of_each(optimizer, len(variables))
    return (
        only_updates(optimizer)
        and sum(_size(variable.shape) for variable in variables) <= _MOST_JOINED
        and all(variable.constraint is None for variable in variables)
        and all(of is not None or variable.shape == () for of, variable in zip(kept, optimizer.variables, strict=True))
    )


class SeparateWeights:
    """The trainable variables of a network, and what an optimizer keeps for them, as they are.

    Parameters
    ----------
    part : keras.Model
        Network.
    optimizer : keras.optimizers.Optimizer
        Optimizer that is built on its trainable variables.
    decays : list of bool
        Whether the optimizer's weight decay applies to each.

    Attributes
    ----------
    trainable : list of keras.Variable
        What the optimizer steps.
    variables : list of keras.Variable
        All that a step changes.
    n_of_network : int
        How many of them, the first ones, are the network's and not the optimizer's.
    shapes : list of tuple
        Shapes of the variables of the network and the optimizer, as they are apart.
    """

    def __init__(self, part, optimizer, decays):
        self.trainable, self.optimizer, self.decays = part.trainable_variables, optimizer, decays
        self.variables = [*self.trainable, *part.non_trainable_variables, *optimizer.variables]
        self.n_of_network = len(self.variables) - len(optimizer.variables)
        self.shapes = [tuple(variable.shape) for variable in self.variables]

    def apart(self, values):
        """Return the tensors of the network's variables, given those of `trainable`."""
        return values

    def joined(self, gradients):
        """Return the gradients by `trainable`, given those by the network's variables."""
        return gradients

    def pack(self, values):
        """Return the arrays of `variables`, given those of the network and the optimizer."""
        return values

    def unpack(self, values):
        """Return the arrays of the network and the optimizer, given those of `variables`, or of the network's alone."""
        return values


class JoinedWeights:
    """The trainable variables of a network, one for all of a type and decay, and so what an optimizer keeps for them.

    Parameters
    ----------
    part : keras.Model
        Network.
    optimizer : keras.optimizers.Optimizer
        Optimizer that is built on the variables of this network, or of one that has more members.
    decays : list of bool
        Whether the optimizer's weight decay applies to each.

    Attributes
    ----------
    trainable, variables, n_of_network, shapes
        As for `SeparateWeights`.
    """

    def __init__(self, part, optimizer, decays):
        own, others = part.trainable_variables, part.non_trainable_variables
        kinds = [(variable.dtype, decay) for variable, decay in zip(own, decays, strict=True)]
        self._sets = [[i for i, of in enumerate(kinds) if of == kind] for kind in dict.fromkeys(kinds)]
        shapes = [tuple(variable.shape) for variable in own]
        self.trainable = [_new_variable([shapes[i] for i in of], kinds[of[0]][0]) for of in self._sets]
        self.decays = [decays[of[0]] for of in self._sets]
        self.optimizer = fresh_copy(optimizer, self.trainable, self.decays)
        self.variables = [*self.trainable, *others, *self.optimizer.variables]
        self.n_of_network = len(self.trainable) + len(others)
        kept, begin = kept_of_each(optimizer, len(own)), len(own) + len(others)
        of_optimizer = _joined_places(kept, kept_of_each(self.optimizer, len(self._sets)), self._sets)
        self._places = [*self._sets, *([i] for i in range(len(own), begin))]
        self._places += [[begin + i for i in of] for of in of_optimizer]
        self.shapes = [*shapes, *(tuple(variable.shape) for variable in others)]
        self.shapes += [shapes[of[1]] if of else () for of in kept]

    def apart(self, values):
        """Return the tensors of the network's variables, given those of `trainable`."""
        parts = {}
        for value, of in zip(values, self._sets, strict=True):
            pieces = tf.split(value, [_size(self.shapes[i]) for i in of])
            parts |= {i: tf.reshape(piece, self.shapes[i]) for i, piece in zip(of, pieces, strict=True)}
        return [parts[i] for i in sorted(parts)]

    def joined(self, gradients):
        """Return the gradients by `trainable`, given those by the network's variables.

        Raises
        ------
        LookupError
            If a variable has no gradient, so that no step would change it, or one of some rows only.
        """
        if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
            raise LookupError("Not every number has a gradient.")
        return [tf.concat([tf.reshape(gradients[i], (-1,)) for i in of], axis=0) for of in self._sets]

    def pack(self, values):
        """Return the arrays of `variables`, given those of the network and the optimizer."""
        flat = [np.concatenate([np.reshape(values[i], -1) for i in of]) for of in self._places]
        return [value.reshape(variable.shape) for value, variable in zip(flat, self.variables, strict=True)]

    def unpack(self, values):
        """Return the arrays of the network and the optimizer, given those of `variables`, or of the network's alone."""
        parts = {}
        for value, of in zip(values, self._places[: len(values)], strict=True):
            ends = np.cumsum([_size(self.shapes[i]) for i in of])[:-1]
            pieces = np.split(np.reshape(value, -1), ends)
            parts |= {i: piece.reshape(self.shapes[i]) for i, piece in zip(of, pieces, strict=True)}
        return [parts[i] for i in sorted(parts)]


def _joined_places(kept, joined, sets):
    """Return for each variable of an optimizer of joined variables which ones of another it stands for."""
    single = iter([i for i, of in enumerate(kept) if of is None])
    return [[next(single)] if of is None else [kept.index((of[0], i)) for i in sets[of[1]]] for of in joined]


def _new_variable(shapes, dtype):
    """Return a variable for the numbers of several."""
    return keras.Variable(np.zeros(sum(map(_size, shapes))), dtype=dtype)


def _size(shape):
    """Return how many numbers a shape holds."""
    return int(np.prod(shape))
