"""Compare strategies on the same folds, with confidence intervals corrected for overlapping training sets."""

from skimbalance.evaluation.compare import compare_strategies
from skimbalance.evaluation.comparison import StrategyComparison

__all__ = ["StrategyComparison", "compare_strategies"]
