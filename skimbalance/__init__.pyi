"""Which names are public, for editors and type checkers; ``__init__.py`` imports each when it is first used."""

from skimbalance import deployment, ensemble, networks, strategies
from skimbalance.classifier import ImbalancedKerasClassifier
from skimbalance.deployment import export
from skimbalance.evaluation import StrategyComparison, TableAudit, audit, compare_strategies
from skimbalance.networks import mlp, realmlp
from skimbalance.plotting import GainDisplay, HistoryDisplay, NetBenefitDisplay, ReliabilityDisplay, ThresholdDisplay
from skimbalance.probability.labels import decide
from skimbalance.probability.prior import estimate_prior, shift_prior
from skimbalance.strategies import Strategy

__all__ = [
    "GainDisplay",
    "HistoryDisplay",
    "ImbalancedKerasClassifier",
    "NetBenefitDisplay",
    "ReliabilityDisplay",
    "Strategy",
    "StrategyComparison",
    "TableAudit",
    "ThresholdDisplay",
    "__version__",
    "audit",
    "compare_strategies",
    "decide",
    "deployment",
    "ensemble",
    "estimate_prior",
    "export",
    "mlp",
    "networks",
    "realmlp",
    "shift_prior",
    "strategies",
]

__version__: str
