"""Learning-rate schedule of the default network."""

import math

from skimbalance._keras.startup import keras


@keras.saving.register_keras_serializable("skimbalance")
class CosineLog(keras.optimizers.schedules.LearningRateSchedule):
    r"""Four cosine cycles, each about twice as long as the one before.

    The rate at the share t of all steps is :math:`\tfrac12 (1 - \cos(2\pi \log_2(1 + 15 t)))` times the highest one.

    Parameters
    ----------
    learning_rate : float
        Highest rate.
    n_steps : int, default=1000
        Steps of all four cycles. A fit of `ImbalancedKerasClassifier` sets it to the steps it takes.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", NeurIPS, arXiv:2407.04491.

    Examples
    --------
    >>> from skimbalance.networks import CosineLog
    >>> rate = CosineLog(0.04, n_steps=1500)
    >>> [round(float(rate(step)), 3) for step in (0, 41, 100, 183, 300)]
    [0.0, 0.04, 0.0, 0.04, 0.0]
    """

    def __init__(self, learning_rate, n_steps=1000):
        self.learning_rate, self.n_steps = learning_rate, n_steps

    def __call__(self, step):
        """Return the rate of a step, or of each of several."""
        ops = keras.ops
        share = ops.minimum(ops.cast(step, "float32") / self.n_steps, 1.0)
        return self.learning_rate * 0.5 * (1 - ops.cos(2 * math.pi * ops.log2(1 + 15 * share)))

    def get_config(self):
        """Return the constructor's arguments."""
        return {"learning_rate": self.learning_rate, "n_steps": self.n_steps}
