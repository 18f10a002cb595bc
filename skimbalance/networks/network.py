"""Wrap a Keras network: its logits and its members."""

from dataclasses import dataclass
from functools import cached_property

from skimbalance._keras.keras_internals import read_statistics_when_called
from skimbalance._keras.startup import keras
from skimbalance.networks.copying import clone_network
from skimbalance.networks.members import Members
from skimbalance.networks.outputs import as_logits


@dataclass(eq=False)
class Network:
    """A network and how it is to be read.

    Attributes
    ----------
    model : keras.Model
        The network.
    returns_proba : bool
        Whether it returns probabilities on which Keras notes no logits.
    is_template : bool
        Whether it belongs to a compiled program, which sets its weights.
    members : Members
        Its members.
    """

    model: keras.Model
    returns_proba: bool = False
    is_template: bool = False

    @cached_property
    def members(self):
        """The members of the network."""
        return Members(self.model)

    def logits(self, outputs):
        """Return logits, (n_rows, n_members, n_classes), of what the network returns."""
        logits = as_logits(outputs, self.returns_proba)
        return logits if self.members.are_layers else logits[:, None]

    def template(self):
        """Return a network of the same architecture, with weights of its own."""
        clone = clone_network(self.model)
        read_statistics_when_called(clone)
        return Network(clone, self.returns_proba, is_template=True)
