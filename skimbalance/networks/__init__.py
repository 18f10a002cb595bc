"""Which network is trained? The default one, or the user's, checked, seeded and read as logits."""

from skimbalance.networks.builders import NETWORKS, mlp, realmlp
from skimbalance.networks.copying import (
    clone_network,
    copy_network,
    copy_optimizer,
    decays_of,
    pack_network,
    set_decays,
    unpack_network,
)
from skimbalance.networks.layers import (
    MemberDense,
    MemberScale,
    PeriodicEmbedding,
    RobustScale,
    RowsFirst,
    Standardize,
)
from skimbalance.networks.members import MemberGroups, n_members_of, with_member_rows
from skimbalance.networks.outputs import LossOnOutputs, as_logits, losses_of
from skimbalance.networks.prepare import prepare_network

__all__ = [
    "NETWORKS",
    "LossOnOutputs",
    "MemberDense",
    "MemberGroups",
    "MemberScale",
    "PeriodicEmbedding",
    "RobustScale",
    "RowsFirst",
    "Standardize",
    "as_logits",
    "clone_network",
    "copy_network",
    "copy_optimizer",
    "decays_of",
    "losses_of",
    "mlp",
    "n_members_of",
    "pack_network",
    "prepare_network",
    "realmlp",
    "set_decays",
    "unpack_network",
    "with_member_rows",
]
