"""What does a comparison look like? matplotlib is loaded only where something is drawn."""

from skimbalance.plotting.comparison import KINDS, plot_comparison

__all__ = ["KINDS", "plot_comparison"]
