"""Asymmetric focal loss: an exponent for each side, and easy negatives dropped."""

from __future__ import annotations

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.probability.links import AsymmetricLink
from skimbalance.strategies.base import LogitsLoss, Strategy


class AsymmetricFocal(Strategy):
    r"""Train with the asymmetric loss, for two classes.

    Parameters
    ----------
    gamma_positive : float, default=1.0
        Focusing exponent of the positive class (the classifier's ``pos_label``), at least 0.
    gamma_negative : float, default=4.0
        Focusing exponent of the negative class, at least 0.
    margin : float in [0, 1), default=0.05
        Probability below which a negative row costs nothing.

    Raises
    ------
    ValueError
        At fit, for a parameter outside its domain, or for more than two classes.

    Notes
    -----
    With q = P(positive) of the network and :math:`q_m = \max(q - m, 0)`, a positive row costs
    :math:`-(1-q)^{\gamma_+} \log q` and a negative one :math:`-q_m^{\gamma_-} \log(1 - q_m)`. With their derivatives,
    the optimum has :math:`P(1 | x) = l_0'(q) / (l_0'(q) - l_1'(q))`, which ``predict_proba`` applies. Outputs below the
    margin all mean "about 0": they become probabilities of at most one in a million, in the same order.

    References
    ----------
    .. [1] T. Ridnik, E. Ben-Baruch, N. Zamir, A. Noy, I. Friedman, M. Protter and L. Zelnik-Manor (2021), "Asymmetric
       Loss for Multi-Label Classification", ICCV, arXiv:2009.14119.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import AsymmetricFocal
    >>> AsymmetricFocal().loss(np.array([90.0, 10.0])).gamma_negative
    4.0
    """

    multi_class = False

    def __init__(self, gamma_positive: float = 1.0, gamma_negative: float = 4.0, margin: float = 0.05) -> None:
        self.gamma_positive = gamma_positive
        self.gamma_negative = gamma_negative
        self.margin = margin

    @property
    def needs_positive(self) -> str | None:
        """Return the name of the strategy, which treats both classes differently."""
        return 'strategy="asymmetric_focal"'

    def loss(self, class_counts: np.ndarray) -> LogitsLoss:
        """Return the asymmetric loss."""
        if len(class_counts) != 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: AsymmetricFocal scores "
                f'a positive and a negative class, but y has {len(class_counts)} classes; set strategy="focal".'
            )
        return AsymmetricFocalLoss(self.gamma_positive, self.gamma_negative, self.margin, self.positive)


@keras.saving.register_keras_serializable("skimbalance")
class AsymmetricFocalLoss(LogitsLoss):
    """Asymmetric loss on the logits of two classes.

    Parameters
    ----------
    gamma_positive, gamma_negative : float, default=1.0 and 4.0
        Focusing exponent of each side, at least 0.
    margin : float in [0, 1), default=0.05
        Probability below which a negative row costs nothing.
    positive : {0, 1}, default=1
        Position of the positive class.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    hyperparameters = ("gamma_positive", "gamma_negative", "margin", "positive")

    def __init__(self, gamma_positive=1.0, gamma_negative=4.0, margin=0.05, positive=1, name=None):
        super().__init__(name=name)
        if not (0 <= gamma_positive < np.inf and 0 <= gamma_negative < np.inf and 0 <= margin < 1):
            raise ValueError(
                f"The asymmetric loss got gamma_positive={gamma_positive!r}, gamma_negative={gamma_negative!r} and "
                f"margin={margin!r}; it takes exponents of at least 0 and a margin in [0, 1)."
            )
        self.gamma_positive, self.gamma_negative = float(gamma_positive), float(gamma_negative)
        self.margin, self.positive = float(margin), float(positive)

    def call(self, y_true, y_pred):
        """Return the loss of every row."""
        ops = keras.ops
        d = (y_pred[:, 1] - y_pred[:, 0]) * (2 * self.positive - 1)
        log_q, log_rest = -ops.softplus(-d), -ops.softplus(d)
        positive = -ops.exp(self.gamma_positive * log_rest) * log_q
        shifted = ops.exp(log_q) - self.margin
        # log(1 - q_m) = log(1 - q + m), from the logarithms, since 1 - q itself may round to 0
        log_of_rest = ops.logaddexp(log_rest, ops.log(self.margin + 1e-37 + 0 * d))
        focus = ops.exp(self.gamma_negative * ops.log(ops.maximum(shifted, 1e-12)))
        negative = ops.where(shifted > 0, -focus * ops.minimum(log_of_rest, 0.0), 0.0 * d)
        return ops.where(ops.equal(ops.cast(y_true, d.dtype), self.positive + 0 * d), positive, negative)

    def link(self):
        """Return the link of the derivatives of both sides."""
        return AsymmetricLink(self.gamma_positive, self.gamma_negative, self.margin, self.positive)
