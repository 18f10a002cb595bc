"""skimbalance: a scikit-learn classifier on Keras for tables in which one class is rare."""

import importlib

__version__ = "0.1.0"

#: Public name -> module it lives in. Importing the package loads none of them.
_PUBLIC = {
    "ComparisonReport": "evaluation",
    "GainDisplay": "plotting",
    "HistoryDisplay": "plotting",
    "ImbalancedKerasClassifier": "classifier",
    "NetBenefitDisplay": "plotting",
    "ReliabilityDisplay": "plotting",
    "Strategy": "strategies",
    "StrategyComparison": "evaluation",
    "TableAudit": "evaluation",
    "ThresholdDisplay": "plotting",
    "audit": "evaluation",
    "compare_strategies": "evaluation",
    "decide": "probability.labels",
    "deployment": None,
    "estimate_prior": "probability.prior",
    "export": "deployment",
    "importance": None,
    "mlp": "networks",
    "networks": None,
    "ensemble": None,
    "realmlp": "networks",
    "shift_prior": "probability.prior",
    "strategies": None,
}

#: Modules that import Keras and TensorFlow.
_WITH_KERAS = ("classifier", "deployment", "networks", "strategies")

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


def __getattr__(name):
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(_PUBLIC)}")
    module = _PUBLIC[name] or name
    if module in _WITH_KERAS:  # the classifier's module imports all classes that saved networks name
        importlib.import_module(f"{__name__}.classifier")
    module = importlib.import_module(f"{__name__}.{module}")
    globals()[name] = value = getattr(module, name) if _PUBLIC[name] else module
    return value


def __dir__():
    """List public names, for tab completion."""
    return sorted({*(name for name in globals() if name.startswith("__")), *_PUBLIC})
