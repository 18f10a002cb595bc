"""Audit a table, and compare strategies on the same folds, with intervals corrected for overlapping training sets."""

from skimbalance.evaluation.compare import compare_strategies
from skimbalance.evaluation.comparison import StrategyComparison
from skimbalance.evaluation.report import ComparisonReport
from skimbalance.evaluation.table_audit import TableAudit, audit

__all__ = ["ComparisonReport", "StrategyComparison", "TableAudit", "audit", "compare_strategies"]
