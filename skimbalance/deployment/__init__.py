"""How does a fitted classifier leave the notebook? As a file for another runtime, or as one that is safe to load."""

from skimbalance.deployment.export import export
from skimbalance.deployment.skops_types import skops_types

__all__ = ["export", "skops_types"]
