"""Which remedy, by how much, and is it luck? The same folds for all, and intervals that know folds share rows."""

from skimbalance.evaluation.compare import compare_strategies
from skimbalance.evaluation.comparison import StrategyComparison

__all__ = ["StrategyComparison", "compare_strategies"]
