"""Networks by name, their layers, and the training recipe that a network may carry."""

from skimbalance.networks.builders import mlp, realmlp
from skimbalance.networks.encode import Encode, MemberEmbedding
from skimbalance.networks.layers import (
    MemberDense,
    MemberScale,
    PeriodicEmbedding,
    RobustScale,
    RowsFirst,
    Standardize,
)
from skimbalance.networks.recipe import Recipe
from skimbalance.networks.schedule import CosineLog

__all__ = [
    "CosineLog",
    "Encode",
    "MemberDense",
    "MemberEmbedding",
    "MemberScale",
    "PeriodicEmbedding",
    "Recipe",
    "RobustScale",
    "RowsFirst",
    "Standardize",
    "mlp",
    "realmlp",
]
