"""How is a network trained? On honest rows, by one compiled program an epoch."""

from skimbalance.training.callbacks import EpochProgress, stop_early
from skimbalance.training.evaluation import EpochEvaluation
from skimbalance.training.holdout import hold_out, holds_enough
from skimbalance.training.loop import train
from skimbalance.training.members import MemberSelection
from skimbalance.training.prediction import predict_logits
from skimbalance.training.rows import TrainingRows, choose_batch_size, choose_epochs
from skimbalance.training.schedule import CosineLog

__all__ = [
    "CosineLog",
    "EpochEvaluation",
    "EpochProgress",
    "MemberSelection",
    "TrainingRows",
    "choose_batch_size",
    "choose_epochs",
    "hold_out",
    "holds_enough",
    "predict_logits",
    "stop_early",
    "train",
]
