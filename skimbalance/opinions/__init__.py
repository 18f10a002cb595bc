"""Who is asked beside the network? Classifiers of scikit-learn's kind, whose posteriors are averaged with its own."""

from skimbalance.opinions.boosting import Boosting
from skimbalance.opinions.forest import Forest
from skimbalance.opinions.opinions import OPINIONS, Opinions, grow_opinions, resolve_opinions

__all__ = ["OPINIONS", "Boosting", "Forest", "Opinions", "grow_opinions", "resolve_opinions"]
