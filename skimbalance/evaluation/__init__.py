"""Audit a table, and compare strategies on the same folds, with intervals corrected for overlapping training sets."""

from skimbalance.evaluation.compare import compare_strategies
from skimbalance.evaluation.comparison import StrategyComparison
from skimbalance.evaluation.table_audit import TableAudit, audit

__all__ = ["StrategyComparison", "TableAudit", "audit", "compare_strategies"]
