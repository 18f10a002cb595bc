"""How does a fitted classifier leave the notebook? As a file for another runtime, or as one that is safe to load."""

from skimbalance.deployment.export import export

__all__ = ["export"]
