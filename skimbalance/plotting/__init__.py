"""Displays of a classifier or a comparison; matplotlib is imported only when something is drawn."""

from skimbalance.plotting.comparison import KINDS, plot_comparison
from skimbalance.plotting.gain import GainDisplay
from skimbalance.plotting.history import HistoryDisplay
from skimbalance.plotting.net_benefit import NetBenefitDisplay
from skimbalance.plotting.reliability import ReliabilityDisplay
from skimbalance.plotting.threshold import ThresholdDisplay

__all__ = [
    "KINDS",
    "GainDisplay",
    "HistoryDisplay",
    "NetBenefitDisplay",
    "ReliabilityDisplay",
    "ThresholdDisplay",
    "plot_comparison",
]
