"""Which of two labels is positive, and does that follow from `pos_label` or from the labels?"""

from dataclasses import dataclass
from numbers import Real

import numpy as np


@dataclass(frozen=True, eq=False)
class Positive:
    """The positive one of two labels; for more classes, unused.

    Attributes
    ----------
    index : int
        Position of the positive class.
    is_known : bool
        Whether `pos_label`, or the labels themselves, determine it.
    classes : ndarray of shape (n_classes,)
        Labels.
    prior : ndarray of shape (n_classes,)
        Class shares of the data, for the error message.
    asks : str
        Name of the estimator that takes ``pos_label``, for the error message.
    """

    index: int
    is_known: bool
    classes: np.ndarray
    prior: np.ndarray
    asks: str

    @classmethod
    def of(cls, estimator, before=None):
        """Return the positive class of an estimator whose ``classes_`` and ``prior_`` are known.

        If neither ``pos_label`` nor the labels determine it, it is the one of `before`, else the rarer class.
        """
        classes, prior = estimator.classes_, estimator.prior_
        known = known_positive(estimator.pos_label, classes)
        rarer = 0 if len(classes) == 2 and prior[0] < prior[1] else 1
        index = known if known is not None else rarer if before is None else before
        return cls(index, known is not None, classes, prior, type(estimator).__name__)

    def need(self, what):
        """Raise if `what` depends on which of two labels is positive and that is not determined; None needs none."""
        if what is None or len(self.classes) != 2 or self.is_known:
            return
        rarer = int(self.prior[0] >= self.prior[1])
        labels = self.classes.tolist()
        hint = f" ({labels[rarer]!r} is rarer: {self.prior[rarer]:.1%} of the rows)"
        raise undetermined(what, labels, labels[rarer], self.asks, hint)


def undetermined(what, labels, example, asks=None, hint=""):
    """Return the error of something that depends on which label is positive where that is not determined.

    Parameters
    ----------
    what : str
        What depends on it.
    labels : list
        Labels.
    example : label
        Label that may be meant.
    asks : str, default=None
        Name of what takes ``pos_label``.
    hint : str, default=""
        What else is known of the labels.

    Returns
    -------
    ValueError
        The error.
    """
    setting = f"pos_label={example!r}, for example" if asks is None else f"{asks}(pos_label={example!r}, ...)"
    listed = [*map(repr, labels[:3]), *([f"another of {len(labels)}"] if len(labels) > 3 else [])]
    return ValueError(
        f"{what} depends on which label is positive, {' or '.join(listed)}, and pos_label is not set{hint}. "
        f"Set it: {setting}."
    )


def known_positive(pos_label, classes):
    """Return the position of the positive class of two, or None where that is not determined.

    Parameters
    ----------
    pos_label : label or None
        Parameter of the classifier.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.

    Raises
    ------
    ValueError
        If `pos_label` is none of the labels, or there are not two.
    """
    labels = np.asarray(classes).tolist()
    if pos_label is not None:
        if len(labels) != 2 or pos_label not in labels:
            raise ValueError(
                f"pos_label={pos_label!r} names the positive of two labels, but y has {labels}"
                + ("." if len(labels) == 2 else "; leave it out for more than two classes.")
            )
        return labels.index(pos_label)
    is_number = all(isinstance(label, Real) for label in labels)
    return 1 if is_number and labels in ([0, 1], [-1, 1]) else None
