"""A comparison as a page: what to do, why, and what it rests on."""

from skimbalance.evaluation.report.report import ComparisonReport, report_of

__all__ = ["ComparisonReport", "report_of"]
