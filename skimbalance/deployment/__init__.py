"""Export a fitted classifier to a file for another runtime, or save one that is safe to load."""

from skimbalance.deployment.files import export, register_skl2onnx
from skimbalance.deployment.trust import skops_types

__all__ = ["export", "register_skl2onnx", "skops_types"]
