"""Base models (scikit-learn classifiers) whose posteriors are averaged with the network's."""

from skimbalance.ensemble.boosting import Boosting
from skimbalance.ensemble.ensemble import BASE_MODELS, Ensemble, RowSets, resolve_ensemble
from skimbalance.ensemble.forest import Forest

__all__ = ["BASE_MODELS", "Boosting", "Ensemble", "Forest", "RowSets", "resolve_ensemble"]
