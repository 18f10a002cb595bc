"""Which network is trained? The default one, or the user's, checked, seeded and read as logits."""

from skimbalance.networks.builders import NETWORKS, mlp, realmlp
from skimbalance.networks.copying import (
    build_when_saved,
    clone_network,
    copy_network,
    copy_optimizer,
    pack_network,
    set_decays,
    unpack_network,
)
from skimbalance.networks.encode import Encode, MemberEmbedding
from skimbalance.networks.layers import (
    MemberDense,
    MemberScale,
    PeriodicEmbedding,
    RobustScale,
    RowsFirst,
    Standardize,
)
from skimbalance.networks.members import MemberGroups, Members
from skimbalance.networks.metrics import AVERAGE_PRECISION, MetricOnOutputs, ScoreInLogs, metrics_on
from skimbalance.networks.network import Network
from skimbalance.networks.outputs import LossOnOutputs, are_equal, as_logits, losses_of
from skimbalance.networks.prepare import adapt_network, check_gaps, prepare_network
from skimbalance.networks.recipe import Recipe, recipe_of
from skimbalance.networks.schedule import CosineLog

__all__ = [
    "AVERAGE_PRECISION",
    "NETWORKS",
    "CosineLog",
    "Encode",
    "LossOnOutputs",
    "MemberDense",
    "MemberEmbedding",
    "MemberGroups",
    "MemberScale",
    "Members",
    "MetricOnOutputs",
    "Network",
    "PeriodicEmbedding",
    "Recipe",
    "RobustScale",
    "RowsFirst",
    "ScoreInLogs",
    "Standardize",
    "adapt_network",
    "are_equal",
    "as_logits",
    "build_when_saved",
    "check_gaps",
    "clone_network",
    "copy_network",
    "copy_optimizer",
    "losses_of",
    "metrics_on",
    "mlp",
    "pack_network",
    "prepare_network",
    "realmlp",
    "recipe_of",
    "set_decays",
    "unpack_network",
]
