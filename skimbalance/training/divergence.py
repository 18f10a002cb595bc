"""Detect diverged training, and report the epoch and the likely cause."""

import numpy as np

#: Squares of weights above this, in an optimizer or a sum, leave float32.
_LARGEST_WEIGHT = 1e15


def diverged(epoch, what):
    """Return the error for diverged training."""
    return ValueError(
        f"Training diverged in epoch {epoch}: {what}. Likely causes are a learning rate that is too high (lower "
        "optimizer__learning_rate, or clip gradients: optimizer__clipnorm=1.0), a strategy's parameter far out of its "
        "usual range (gamma, tau, weights), or features of very different scales in a network that does not begin "
        "with skimbalance.networks.Standardize."
    )


def check_converged(trained, others, posterior, epoch):
    """Raise for weights that are not finite or too large, and for a link without finite probabilities.

    The logits of training rows are finite, since the loss of the last epoch is.

    Parameters
    ----------
    trained : list of ndarray
        Weights that the optimizer has changed.
    others : list of ndarray
        Other weights, such as means and spreads of the columns, whose size depends on the unit.
    posterior : Posterior
        Map from logits to probabilities.
    epoch : int
        Number of the last epoch.
    """
    if not all(np.all(np.abs(values) < _LARGEST_WEIGHT) for values in trained):
        raise diverged(epoch, "weights of the network are not finite, or larger than a network can compute with")
    if not all(np.isfinite(values).all() for values in others):
        raise diverged(epoch, "means or spreads that the network keeps of its inputs are not finite")
    n_classes = len(posterior.data_prior)
    usual = np.concatenate([size * np.eye(n_classes) for size in (-30.0, -3.0, 3.0, 30.0)])[:, None]
    if posterior.calibrator is None and not np.isfinite(posterior.of([0]).at(posterior.data_prior, usual)).all():
        raise diverged(epoch, f"the link of {type(posterior.loss).__name__} gives no finite probabilities")
