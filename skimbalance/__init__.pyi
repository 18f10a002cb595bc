"""Which names are public, for editors and type checkers; ``__init__.py`` imports each when it is first used."""

# "as" says that a name is public, also to jedi, which does not read __all__.
from skimbalance import deployment as deployment
from skimbalance import ensemble as ensemble
from skimbalance import importance as importance
from skimbalance import networks as networks
from skimbalance import strategies as strategies
from skimbalance.classifier import ImbalancedKerasClassifier as ImbalancedKerasClassifier
from skimbalance.deployment import export as export
from skimbalance.evaluation import ComparisonReport as ComparisonReport
from skimbalance.evaluation import StrategyComparison as StrategyComparison
from skimbalance.evaluation import TableAudit as TableAudit
from skimbalance.evaluation import audit as audit
from skimbalance.evaluation import compare_strategies as compare_strategies
from skimbalance.networks import mlp as mlp
from skimbalance.networks import realmlp as realmlp
from skimbalance.plotting import GainDisplay as GainDisplay
from skimbalance.plotting import HistoryDisplay as HistoryDisplay
from skimbalance.plotting import NetBenefitDisplay as NetBenefitDisplay
from skimbalance.plotting import ReliabilityDisplay as ReliabilityDisplay
from skimbalance.plotting import ThresholdDisplay as ThresholdDisplay
from skimbalance.probability.labels import decide as decide
from skimbalance.probability.prior import estimate_prior as estimate_prior
from skimbalance.probability.prior import shift_prior as shift_prior
from skimbalance.strategies import Strategy as Strategy

__all__ = [
    "ComparisonReport",
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
    "importance",
    "mlp",
    "networks",
    "realmlp",
    "shift_prior",
    "strategies",
]

__version__: str
