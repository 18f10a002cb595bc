"""Train a network by compiled programs, each member until its best epoch on held-out rows."""

from skimbalance.training.callbacks import EpochTasks, end_progress, new_progress
from skimbalance.training.divergence import check_converged
from skimbalance.training.evaluation import EpochEvaluation
from skimbalance.training.loop import Training, join_histories, train
from skimbalance.training.rows import TrainingRows, choose_batch_size
from skimbalance.training.selection import EpochSelection

__all__ = [
    "EpochEvaluation",
    "EpochSelection",
    "EpochTasks",
    "Training",
    "TrainingRows",
    "check_converged",
    "choose_batch_size",
    "end_progress",
    "join_histories",
    "new_progress",
    "train",
]
