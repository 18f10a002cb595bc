"""How is a network trained? On honest rows, by one compiled program an epoch."""

from skimbalance.training.callbacks import EpochProgress, stop_early
from skimbalance.training.evaluation import EpochEvaluation
from skimbalance.training.holdout import hold_out
from skimbalance.training.loop import train
from skimbalance.training.prediction import predict_logits
from skimbalance.training.rows import TrainingRows, choose_batch_size

__all__ = [
    "EpochEvaluation",
    "EpochProgress",
    "TrainingRows",
    "choose_batch_size",
    "hold_out",
    "predict_logits",
    "stop_early",
    "train",
]
