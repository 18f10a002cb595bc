"""How does an output become a probability, and a probability an output? Links, apart from the losses they belong to.

Every link is written once, on logits of NumPy or of a Keras graph: its `inverse` takes the functions it computes with,
those of NumPy and SciPy by default, or ``keras.ops``. So does all that follows a link: posterior and decision.
"""

from types import SimpleNamespace

import numpy as np
from scipy import special


def _softmax(logits):
    """Return softmax of logits (n, n_classes); that of two classes by their margin, in a fifth of the time."""
    if logits.shape[-1] != 2:
        return special.softmax(logits, axis=-1)
    margin = logits[:, 1] - logits[:, 0]
    return np.stack([special.expit(-margin), special.expit(margin)], axis=1)


#: The functions that links, posteriors and decisions compute with, by their names in ``keras.ops``, and the type of
#: number in which they do.
NUMPY = SimpleNamespace(
    floatx="float64",
    argmax=np.argmax, exp=np.exp, expm1=np.expm1, log=np.log, log1p=np.log1p, matmul=np.matmul, maximum=np.maximum,
    mean=np.mean, minimum=np.minimum, reshape=np.reshape, stack=np.stack, sum=np.sum, where=np.where,
    cast=lambda x, dtype: np.asarray(x, dtype=dtype),
    log_softmax=lambda x: special.log_softmax(x, axis=-1),
    logsumexp=lambda x, axis, keepdims: special.logsumexp(x, axis=axis, keepdims=keepdims),
    one_hot=lambda i, n: np.arange(n) == i[..., None],
    sigmoid=special.expit, softmax=_softmax, softplus=lambda x: np.logaddexp(0, x),
)  # fmt: skip


class Link:
    """Link between the logits of a network and P(y | x) under the prior that training showed it.

    This one is softmax, under which cross-entropy has its optimum at P(y | x).

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.strategies import Link
    >>> Link().inverse(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """

    def inverse(self, logits, ops=NUMPY):
        """Return P(y | x).

        Parameters
        ----------
        logits : ndarray of float64, or tensor, shape (n_samples, n_classes)
            Outputs of a network.
        ops : namespace, default=NUMPY
            What to compute with; ``keras.ops`` for tensors.

        Returns
        -------
        ndarray or tensor of shape (n_samples, n_classes)
            Probabilities; every row sums to one.
        """
        return ops.softmax(logits)

    def link(self, proba):
        """Return the logits at which `inverse` gives `proba`, (n_classes,), with mean zero: where training starts."""
        logits = np.log(proba)
        return logits - logits.mean()

    def _solve(self, proba, slope):
        """Solve ``inverse(z) = proba`` for z by fixed-point iteration.

        It contracts where the log-odds of the link grow between a bit more than 0 and `slope` times as fast as z.
        """
        logits = np.log(proba)
        with np.errstate(all="ignore"):
            for _ in range(500):
                error = np.log(proba) - np.log(self.inverse(logits[None, :])[0])
                logits = logits + error / slope
                if np.abs(error).max() < 1e-9:
                    break
        if not np.isfinite(logits).all():
            raise ValueError(
                f"{type(self).__name__} with {vars(self)} gives no finite probabilities; take a parameter of a usual "
                "size (gamma from 0 to 10)."
            )
        return logits - logits.mean()

    def _bisect(self, proba):
        """Solve ``inverse(z) = proba`` for two classes, for a link of any steepness."""
        low, high = -50.0, 50.0
        for _ in range(60):
            middle = (low + high) / 2
            is_above = self.inverse(np.array([[-middle / 2, middle / 2]]))[0, 1] > proba[1]
            low, high = (low, middle) if is_above else (middle, high)
        return np.array([-low / 2, low / 2])


class ScaledSoftmax(Link):
    """Softmax of logits multiplied by a number, or by one a class."""

    def __init__(self, scale):
        self.scale = scale

    def inverse(self, logits, ops=NUMPY):
        """Return softmax(s z)."""
        return ops.softmax(logits * self.scale)

    def link(self, proba):
        """Return the centred log-probabilities, divided by the scale."""
        return super().link(proba) / self.scale


class FocalLink(Link):
    """Link of focal loss, theorem 11 of Charoenphakdee et al. (2021), arXiv:2011.09172."""

    def __init__(self, gamma):
        self.gamma = gamma

    def inverse(self, logits, ops=NUMPY):
        """Return h(q) / sum(h(q)): log h = log q - gamma log(1-q) - log(1 + gamma r), r = -q log(q) / (1-q)."""
        log_q, log_rest = log_probabilities(logits, ops)
        below = ops.minimum(log_q, -1e-12)  # r tends to 1 at q = 1
        r = ops.where(log_q < -1e-12, ops.exp(below) * below / ops.expm1(below), ops.exp(0 * log_q))
        return ops.softmax(log_q - self.gamma * log_rest - ops.log1p(self.gamma * r))

    def link(self, proba):
        """Solve for the logits, whose log-odds the link lets grow 1 to 1 + gamma times as fast."""
        return self._solve(proba, slope=1 + self.gamma)


class PolyLink(Link):
    """Link of Poly-1 loss, from the condition of its optimum."""

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def inverse(self, logits, ops=NUMPY):
        """Return q / (1 + epsilon q), normalised."""
        log_q = ops.log_softmax(logits)
        return ops.softmax(log_q - ops.log1p(self.epsilon * ops.exp(log_q)))

    def link(self, proba):
        """Solve for the logits."""
        return self._solve(proba, slope=max(1.0, 1 / (1 + self.epsilon)))


class AsymmetricLink(Link):
    """Link of the asymmetric loss of two classes, l0' / (l0' - l1'), from the derivatives of both sides."""

    def __init__(self, gamma_positive, gamma_negative, margin, positive=1):
        self.gamma_positive, self.gamma_negative, self.margin = gamma_positive, gamma_negative, margin
        self.positive = positive

    def inverse(self, logits, ops=NUMPY):
        """Return both probabilities; below the margin, only the order of the outputs is known."""
        d = (logits[:, 1] - logits[:, 0]) * (2 * self.positive - 1)
        log_q, log_rest = -ops.softplus(-d), -ops.softplus(d)
        q = ops.exp(log_q)
        shifted = ops.maximum(q - self.margin, 0 * q)
        below, above = ops.minimum(log_q, -1e-12), ops.maximum(shifted, 1e-12)
        r = ops.where(log_q < -1e-12, below / ops.expm1(below), ops.exp(0 * q))  # -log(q) / (1 - q), 1 at q = 1
        rest = ops.exp(log_rest) + self.margin  # 1 - q_m, where q is above the margin, without cancellation
        s = ops.where(shifted > 1e-12, -ops.log(ops.minimum(rest, 1 + 0 * q)) / above, ops.exp(0 * q))
        # The odds, -l1' : l0', in logarithms: far out, one of the two derivatives vanishes.
        of_positive = self.gamma_positive * log_rest + ops.log(1 + self.gamma_positive * r * q) - log_q
        log_shifted = ops.log(above) if self.margin else log_q
        of_negative = self.gamma_negative * log_shifted + ops.log(1 / rest + self.gamma_negative * s)
        proba = ops.where(shifted > 0, ops.sigmoid(of_negative - of_positive), 0 * q)
        if self.margin:
            proba = ops.maximum(proba, 1e-6 * ops.minimum(q / self.margin, 1 + 0 * q))
        return ops.stack([1 - proba, proba] if self.positive else [proba, 1 - proba], axis=1)

    def link(self, proba):
        """Bisect for the logits."""
        return self._bisect(proba)


class MarginLink(Link):
    """Link of LDAM for two classes, from the condition of its optimum."""

    def __init__(self, margins, scale):
        self.margins, self.scale = margins, scale

    def inverse(self, logits, ops=NUMPY):
        """Return s(s(d + m0)) : s(-s(d - m1)), normalised, with the sigmoid s and the margin d of the logits."""
        d = logits[:, 1] - logits[:, 0]
        positive = -ops.softplus(-self.scale * (d + self.margins[0]))
        negative = -ops.softplus(self.scale * (d - self.margins[1]))
        return ops.softmax(ops.stack([negative, positive], axis=1))

    def link(self, proba):
        """Bisect for the logits."""
        return self._bisect(proba)


class MarginCurve(Link):
    """Link of a loss of two classes that is known by points: log-odds of P by the margin of the logits, lines between.

    Parameters
    ----------
    nodes, values : list of float
        Margins, and the log-odds there; both rise.
    """

    def __init__(self, nodes, values):
        self.nodes, self.values = nodes, values

    def inverse(self, logits, ops=NUMPY):
        """Return the probabilities of the log-odds at the margins."""
        log_odds = _on_lines(logits[:, 1] - logits[:, 0], self.nodes, self.values, ops)
        return ops.softmax(ops.stack([0 * log_odds, log_odds], axis=1))

    def link(self, proba):
        """Bisect for the logits."""
        return self._bisect(proba)


class ClasswiseLink(Link):
    """Link g(q_c) / sum(g(q)) of a loss of the true class' probability, known by points of log g; smoothed or not.

    Parameters
    ----------
    nodes, values : list of float
        Log-odds of q, and log g there; both rise.
    offsets : list of float
        What is added to log g of each class.
    smoothing : float, default=0.0
        Share of every label that is spread over each class, which is taken off again.
    """

    def __init__(self, nodes, values, offsets, smoothing=0.0):
        self.nodes, self.values, self.offsets, self.smoothing = nodes, values, offsets, smoothing

    def inverse(self, logits, ops=NUMPY):
        """Return the probabilities; those that smoothing takes below zero are shown as at most one in a million."""
        log_q, log_rest = log_probabilities(logits, ops)
        odds = log_q - log_rest
        log_g = [_on_lines(odds[:, c], self.nodes, self.values, ops) + offset for c, offset in enumerate(self.offsets)]
        proba = ops.softmax(ops.stack(log_g, axis=1))
        if not self.smoothing:
            return proba
        sharp = ops.maximum(proba - self.smoothing, 1e-6 * proba)
        return sharp / ops.sum(sharp, axis=1, keepdims=True)

    def link(self, proba):
        """Solve for the logits."""
        proba = (1 - len(self.offsets) * self.smoothing) * proba + self.smoothing
        sharp = ClasswiseLink(self.nodes, self.values, self.offsets)
        return sharp._solve(proba, slope=2 * max(1.0, float((np.diff(self.values) / np.diff(self.nodes)).max())))


def _on_lines(x, nodes, values, ops):
    """Return the values of a rising curve of straight lines between nodes, and beyond as at its ends: (n,) -> (n,)."""
    nodes, values = np.asarray(nodes), np.asarray(values)
    slopes = np.diff(values) / np.diff(nodes)
    outside = slopes[0] * ops.minimum(x - nodes[0], 0 * x) + slopes[-1] * ops.maximum(x - nodes[-1], 0 * x)
    if ops is NUMPY:
        return np.interp(x, nodes, values) + outside
    beyond = ops.reshape(x, (-1, 1)) - ops.cast(nodes[:-1], x.dtype)
    within = ops.minimum(ops.maximum(beyond, 0 * beyond), ops.cast(np.diff(nodes), x.dtype))
    return values[0] + ops.sum(within * ops.cast(slopes, x.dtype), axis=1) + outside


def log_probabilities(logits, ops=NUMPY):
    """Return log q and log(1 - q) of q = softmax(logits), both (n, n_classes), exact far into either tail."""
    if logits.shape[-1] == 2:
        margin = logits[:, 1] - logits[:, 0]
        log_q = ops.stack([-ops.softplus(margin), -ops.softplus(-margin)], axis=1)
        return log_q, log_q[:, ::-1]
    log_q = ops.log_softmax(logits)
    # Only the largest q can be so near one that 1 - q cancels; there, the sum of the others is exact.
    is_largest = ops.one_hot(ops.argmax(log_q, axis=-1), log_q.shape[-1]) > 0
    of_others = ops.logsumexp(ops.where(is_largest, -1e30, log_q), axis=-1, keepdims=True)
    of_rest = ops.log1p(-ops.exp(ops.where(is_largest, -1.0, log_q)))
    return log_q, ops.where(is_largest, of_others, of_rest)
