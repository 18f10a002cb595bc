"""Did training diverge? Then say in which epoch, and what is likely to have caused it."""

import numpy as np


def diverged(epoch, what):
    """Return the error for training that has gone out of bounds."""
    return ValueError(
        f"Training diverged in epoch {epoch}: {what}. Likely causes are a learning rate that is too high (lower "
        "optimizer__learning_rate, or clip gradients: optimizer__clipnorm=1.0), a strategy's parameter far out of its "
        "usual range (gamma, tau, weights), or features of very different scales in a network that does not begin "
        "with skimbalance.networks.Standardize."
    )


def check_converged(weights, proba, epoch):
    """Refuse weights, or probabilities of training rows, that are no finite numbers."""
    for what, values in (("weights of the network", weights), ("probabilities of training rows", [proba])):
        if not all(np.isfinite(value).all() for value in values):
            raise diverged(epoch, f"{what} are not finite")
