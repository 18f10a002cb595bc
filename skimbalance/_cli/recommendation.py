"""Which of the models that `train` fits does a comparison recommend, and by which rule?"""

from dataclasses import dataclass

from skimbalance.evaluation.report.held_out import asked_score

#: Label of the candidate that has another rule than the others.
OTHER_RULE = "auto, F1 rule"


@dataclass
class Recommendation:
    """The best candidate that `train` fits.

    Attributes
    ----------
    label : str or None
        Its label in the comparison; None if no such candidate could be fitted.
    strategy : str
        Its strategy.
    decision : str, tuple, float or None
        Its rule, as ``--decision`` takes it; None decides by the costs, if there are any.
    """

    label: str | None
    strategy: str
    decision: object


def ours(options):
    """Return the strategy of each candidate that `train` fits, by label."""
    return {name: name for name in options.strategies} | {OTHER_RULE: "auto"}


def recommend(found, options):
    """Return the best candidate that `train` fits."""
    known = ours(options)
    label = next((label for label in found.ordered(asked_score(found)) if label in known), None)
    is_other = label == OTHER_RULE and options.costs is None
    return Recommendation(label, known.get(label, "auto"), "f1" if is_other else options.decision)
