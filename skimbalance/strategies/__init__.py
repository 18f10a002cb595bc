"""Named strategies, and how the ``strategy`` parameter becomes one."""

from difflib import get_close_matches

from imblearn import combine, over_sampling, under_sampling
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone

from skimbalance._warnings import warn_once
from skimbalance.data.seeding import seed_nested
from skimbalance.probability.links import Link
from skimbalance.strategies.applied import AppliedStrategy, apply_strategy, needs_calibration, resamples
from skimbalance.strategies.asymmetric_focal import AsymmetricFocal, AsymmetricFocalLoss
from skimbalance.strategies.balanced_batches import BalancedBatches
from skimbalance.strategies.base import CrossEntropy, LogitsLoss, Strategy
from skimbalance.strategies.class_weight import ClassWeight
from skimbalance.strategies.combined import Combined
from skimbalance.strategies.effective_number import EffectiveNumber
from skimbalance.strategies.focal import Focal, FocalLoss
from skimbalance.strategies.keras_links import is_from_keras
from skimbalance.strategies.keras_loss import KerasLoss, named, wrap_loss
from skimbalance.strategies.ldam import LDAM, LDAMLoss
from skimbalance.strategies.logit_adjustment import LogitAdjustedLoss, LogitAdjustment
from skimbalance.strategies.poly import Poly, PolyLoss
from skimbalance.strategies.power_weight import PowerWeight
from skimbalance.strategies.resampling import Resampling
from skimbalance.strategies.vector_scaling import VectorScaling

__all__ = [
    "LDAM",
    "STRATEGIES",
    "AppliedStrategy",
    "AsymmetricFocal",
    "AsymmetricFocalLoss",
    "BalancedBatches",
    "ClassWeight",
    "Combined",
    "CrossEntropy",
    "EffectiveNumber",
    "Focal",
    "FocalLoss",
    "KerasLoss",
    "LDAMLoss",
    "Link",
    "LogitAdjustedLoss",
    "LogitAdjustment",
    "LogitsLoss",
    "Poly",
    "PolyLoss",
    "PowerWeight",
    "Resampling",
    "Strategy",
    "VectorScaling",
    "apply_strategy",
    "handles_multi_class",
    "is_from_keras",
    "named",
    "needs_calibration",
    "resamples",
    "resolve_strategy",
    "wrap_loss",
]

#: Name of each strategy -> its class, or the class of the sampler that it applies.
STRATEGIES = {
    "none": Strategy,
    "class_weight": ClassWeight,
    "power_weight": PowerWeight,
    "effective_number": EffectiveNumber,
    "balanced_batches": BalancedBatches,
    "focal": Focal,
    "asymmetric_focal": AsymmetricFocal,
    "poly": Poly,
    "logit_adjustment": LogitAdjustment,
    "vector_scaling": VectorScaling,
    "ldam": LDAM,
    "random_oversample": RandomOverSampler,
    "random_undersample": RandomUnderSampler,
    "smote": SMOTE,
}


def resolve_strategy(strategy, *, nested=None, flat=None, class_weight=None, rng=None):
    """Turn the ``strategy`` parameter, and the parameters that belong to it, into a new Strategy.

    Parameters
    ----------
    strategy : None, str, Strategy, sampler, or a list of these
        The user's value; it is not changed.
    nested : dict, default=None
        Nested parameters of the strategy (``strategy__k_neighbors``).
    flat : dict, default=None
        Parameters for every part that has them (``gamma``, ``alpha``); None keeps the default.
    class_weight : "balanced", ndarray of shape (n_classes,) or None, default=None
        Weights that replace those of a `ClassWeight`, or are multiplied with the other weights.
    rng : numpy.random.Generator, default=None
        Source of the ``random_state`` of every part that has none.

    Returns
    -------
    Strategy
        Unfitted copy, safe to change.

    Raises
    ------
    ValueError
        For an unknown name, or a nested parameter that the strategy does not have.
    TypeError
        If `strategy` is not a strategy, or is a class instead of an instance.
    """
    if isinstance(strategy, list | tuple):
        if not strategy:
            raise ValueError('strategy is an empty list; set None or "none" for no strategy, or add one to the list.')
        _refuse_nested(strategy, nested)
        parts = [_resolve_one(part, {}) for part in strategy]
    else:
        parts = [_resolve_one(strategy, nested or {})]
    for name, value in (flat or {}).items():
        takers = [part for part in parts if name in part.get_params(deep=False)]
        if value is not None and not takers:
            _say_ignored(name, value, strategy)
        for part in takers if value is not None else []:
            part.set_params(**{name: value})
    if class_weight is not None:
        weighting = next((part for part in parts if isinstance(part, ClassWeight)), None)
        if weighting is None:
            parts.append(weighting := ClassWeight())
        weighting.set_params(weights=class_weight)
    for part in parts if rng is not None else []:
        seed_nested(part, rng)
    return parts[0] if len(parts) == 1 else Combined(parts)


def handles_multi_class(strategy):
    """Whether a ``strategy`` parameter, valid or not, supports more than two classes."""
    parts = strategy if isinstance(strategy, list | tuple) else [strategy]
    classes = [STRATEGIES.get(part, Strategy) if isinstance(part, str) else type(part) for part in parts]
    return all(getattr(part, "multi_class", True) for part in classes)


def _resolve_one(strategy, nested):
    """Return a new Strategy for one name, Strategy, sampler or None, with its nested parameters set."""
    if strategy is None:
        strategy = "none"
    resolved = _by_name(strategy) if isinstance(strategy, str) else _checked_copy(strategy)
    unknown = sorted(set(nested) - set(resolved.get_params()))
    if unknown:
        raise ValueError(
            f"strategy={strategy!r} does not have the parameters {unknown}, which were passed as strategy__*; "
            f"it has {sorted(resolved.get_params()) or 'none'}."
        )
    resolved.set_params(**nested)
    if not isinstance(resolved, Strategy):
        resolved = Resampling(resolved)
        resolved.by_name = isinstance(strategy, str)
    return resolved


def _by_name(name):
    """Return a default instance of the strategy or sampler of this name."""
    if name not in STRATEGIES:
        names = ["auto", *sorted(STRATEGIES)]
        raise ValueError(f"strategy={name!r} is unknown; the names are {names}.{_hint(name, names)}")
    return STRATEGIES[name]()


def _hint(name, names):
    """Return a suggestion of the strategy or sampler that a misspelt name probably means, or an empty string."""

    def bare(text):
        return text.lower().replace("_", "").replace("-", "").replace(" ", "")

    meant, asked = {bare(known): repr(known) for known in names}, bare(name)
    for module in (over_sampling, under_sampling, combine):
        for sampler in module.__all__:
            meant.setdefault(bare(sampler), f"strategy={sampler}(), from {module.__name__} import {sampler}")
    near = [meant[of] for of in meant if asked and asked == of] or [
        meant[of] for of in get_close_matches(asked, meant, n=1, cutoff=0.7)
    ]
    near = near or [what for of, what in meant.items() if len(asked) > 3 and asked in of][:2]
    near = near or [meant[of] for of in get_close_matches(asked, [bare(n) for n in names], n=1, cutoff=0.5)]
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _checked_copy(strategy):
    """Clone a Strategy or a sampler, refuse anything else."""
    if isinstance(strategy, type):
        raise TypeError(f"strategy={strategy.__name__} is a class; pass an instance, {strategy.__name__}().")
    if isinstance(strategy, Strategy) or callable(getattr(strategy, "fit_resample", None)):
        return clone(strategy)
    raise TypeError(
        f"strategy={strategy!r} is of type {type(strategy).__name__}; it takes None, a name out of "
        f"{sorted(STRATEGIES)}, a skimbalance.Strategy, an imbalanced-learn sampler, or a list of these."
    )


def _say_ignored(name, value, strategy):
    """Warn that no part of the strategy has a parameter."""
    message = (
        f"{name}={value!r} is ignored: strategy={strategy!r} has no parameter {name!r}. A search may still list it in "
        "best_params_; the attribute strategy_ of a fitted classifier shows what was applied."
    )
    warn_once(message, name, strategy)


def _refuse_nested(strategy, nested):
    """Raise for nested parameters of a list, which has none."""
    if nested:
        raise ValueError(
            f"strategy is a list of {len(strategy)}, so that strategy__{sorted(nested)[0]} does not apply to any of "
            "them; set the parameter on the object in the list."
        )
