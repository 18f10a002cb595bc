"""Keras layers of the networks that this package builds."""

import random

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.data.statistics import Moments, Quantiles

ops = keras.ops


class AdaptedLayer(keras.layers.Layer):
    """Layer that is adapted to the training rows before training."""


class ScalingLayer(AdaptedLayer):
    """Layer that shifts and scales features by statistics of the training rows; a missing value becomes 0, the center.

    Parameters
    ----------
    n_scaled : int, default=None
        How many of the first features are scaled, the others passed on; None is all.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.
    """

    def __init__(self, n_scaled=None, **kwargs):
        super().__init__(**kwargs)
        self.n_scaled = n_scaled

    def build(self, input_shape):
        """Create the statistics, one a feature."""
        n_features = input_shape[-1] if self.n_scaled is None else self.n_scaled
        self.center = self.add_weight(name="center", shape=(n_features,), initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=(n_features,), initializer="ones", trainable=False)

    def adapt(self, X, sample_weight=None, index=None, seen=None):
        """Compute center and scale from rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        sample_weight : ndarray of shape (n_rows,), default=None
            Weight of each row; None weights all equally.
        index : ndarray of shape (n_rows,), default=None
            Which rows to take; None takes all.
        seen : list, default=None
            Result of the previous call, if the rows are a chunk: center and scale are then those of all chunks. Empty
            for the first chunk; None keeps no statistics.

        Returns
        -------
        list or None
            Statistics of each column, in bounded size; None if `seen` is.
        """
        if not self.built:
            self.build(X.shape)
        columns = (X[:, j] if index is None else X[index, j] for j in range(X.shape[1]))
        return self.adapt_to(columns, sample_weight, seen)

    def adapt_to(self, columns, sample_weight, seen=None):
        """Take center and scale from columns, one at a time, so that no second table is made; see `adapt`."""
        centers, scales, known = [], [], []
        for j, column in enumerate(columns):
            there = ~np.isnan(column)
            values, weight = column.astype(np.float64), sample_weight
            if not there.all():
                values, weight = values[there], None if weight is None else weight[there]
            summary = (seen[j] if seen else self._new_summary()).with_piece(values, weight)
            center, spread = summary.center_and_spread()
            centers.append(center)
            scales.append(_reciprocal(spread, center))
            if seen is not None:
                known.append(summary.compressed())
        self.center.assign(centers)
        self.scale.assign(scales)
        return None if seen is None else known

    def call(self, inputs):
        """Return scaled inputs."""
        if self.n_scaled is None:
            return self._scaled(inputs)
        scaled = self._scaled(inputs[..., : self.n_scaled])
        return ops.concatenate([scaled, inputs[..., self.n_scaled :]], axis=-1)

    def _scaled(self, inputs):
        """Return inputs shifted and scaled, 0 for a missing value."""
        scaled = (inputs - self.center) * self.scale
        return ops.where(ops.isnan(inputs), 0.0, scaled)

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "n_scaled": self.n_scaled}


@keras.saving.register_keras_serializable("skimbalance")
class Standardize(ScalingLayer):
    """Scale every feature to mean 0 and standard deviation 1; constant features and missing values become 0.

    `ImbalancedKerasClassifier` calls `adapt` of every such layer in a network, on the weighted training rows,
    before training; so a network of your own may begin with one, too.

    Parameters
    ----------
    n_scaled : int, default=None
        How many of the first features are scaled, the others passed on; None is all.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import Standardize
    >>> layer = Standardize()
    >>> layer.adapt(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> np.asarray(layer(np.array([[5.0, 7.0]], dtype=np.float32)))
    array([[3., 0.]], dtype=float32)
    """

    _new_summary = Moments


@keras.saving.register_keras_serializable("skimbalance")
class RobustScale(ScalingLayer):
    r"""Shift every feature by its median, scale it by its quartiles, and clip it smoothly to (-3, 3).

    With :math:`z = (x - \mathrm{median}) / (q_{75} - q_{25})` the output is :math:`z / \sqrt{1 + (z/3)^2}`. Where the
    quartiles coincide, the scale is half the range; constant features and missing values become 0. The classifier
    calls `adapt` of every such layer in a network, on the weighted training rows, before training.

    Parameters
    ----------
    n_scaled : int, default=None
        How many of the first features are scaled, the others passed on; None is all.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", NeurIPS, arXiv:2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import RobustScale
    >>> layer = RobustScale()
    >>> layer.adapt(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]]))
    >>> np.asarray(layer(np.array([[2.0], [8.0]], dtype=np.float32))).round(3)
    array([[0.   ], [2.121]], dtype=float32)
    """

    _new_summary = Quantiles

    def _scaled(self, inputs):
        """Return scaled and clipped inputs."""
        scaled = super()._scaled(inputs)
        return scaled / ops.sqrt(1.0 + ops.square(scaled / 3.0))


def _reciprocal(spread, center):
    """Return 1 / spread, or 0 where float32 cannot tell the column from a constant one."""
    single = np.finfo(np.float32)
    if spread <= max(10 * single.eps * abs(center), single.tiny):
        return 0.0
    return max(1.0 / spread, single.tiny)  # TensorFlow takes what is smaller for 0


# The layers below carry a members axis in front of the rows, (n_members, n_rows, n_units), so that one batched matrix
# product serves all members. Rows arrive as (n_rows, n_features), alike for all, or as (n_members, n_rows, n_features),
# where each member has rows of its own. Their learning rates differ by the factors of the recipe: under Adam, whose
# steps do not depend on the scale of a gradient, a factor c is the same as a variable that is multiplied by c.
_SCALE_RATE, _BIAS_RATE, _EMBEDDING_RATE = 6.0, 0.1, 0.1


class _Draw(keras.initializers.Initializer):
    """Initializer that draws with NumPy, a tenth of the time that Keras' take for networks of these sizes.

    Like theirs it is seeded from Python's generator where it has no seed.
    """

    def __init__(self, scale, seed=None):
        self.scale, self._given_seed = scale, seed
        self.seed = random.randint(1, 10**9) if seed is None else seed

    def __call__(self, shape, dtype=None):
        """Return numbers, the same in every call."""
        numbers = self._numbers(np.random.default_rng(self.seed), tuple(shape)) * np.float32(self.scale)
        return ops.convert_to_tensor(numbers, dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"scale": self.scale, "seed": self._given_seed}


class Normal(_Draw):
    """Normal numbers of a standard deviation."""

    def _numbers(self, rng, shape):
        return rng.standard_normal(shape, dtype=np.float32)


class _Uniform(_Draw):
    """Numbers from an interval around 0, of which the scale is half the width."""

    def _numbers(self, rng, shape):
        return 2 * rng.random(shape, dtype=np.float32) - 1


class MemberLayer(keras.layers.Layer):
    """Layer that holds weights for each of several members."""

    def __init__(self, n_members, **kwargs):
        super().__init__(**kwargs)
        self.n_members = n_members

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "n_members": self.n_members}


@keras.saving.register_keras_serializable("skimbalance")
class MemberScale(MemberLayer):
    """Give every member the features multiplied by learnt factors of its own, which start at 1.

    Parameters
    ----------
    n_members : int
        Number of members.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import MemberScale
    >>> tuple(MemberScale(n_members=2)(np.ones((5, 3))).shape)
    (2, 5, 3)
    """

    def build(self, input_shape):
        """Create the factors."""
        self.factor = self.add_weight(
            name="factor", shape=(self.n_members, 1, input_shape[-1]), initializer=_constant(1 / _SCALE_RATE)
        )

    def call(self, inputs):
        """Return scaled features: (n_rows, d) or (n_members, n_rows, d) -> (n_members, n_rows, d)."""
        return inputs * (_SCALE_RATE * self.factor)

    def compute_output_shape(self, input_shape):
        """Return the shape with the members in front."""
        return (self.n_members, *input_shape[-2:])


@keras.saving.register_keras_serializable("skimbalance")
class PeriodicEmbedding(MemberLayer):
    r"""Append to the features, for every member, mixtures of cosines of each feature.

    From a feature x it makes `n_outputs` further ones, :math:`\sum_f a_f \cos(2\pi (\omega_f x + \phi_f)) + b`, all
    learnt, from frequencies drawn from a normal distribution. They let a network bend sharply along one feature.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_frequencies : int, default=4
        Cosines of each feature.
    n_outputs : int, default=1
        Mixtures of each feature.
    spread : float, default=0.3
        Standard deviation of the frequencies at the start, in cycles per unit of the (scaled) feature.
    n_mixed : int, default=None
        How many of the first features have mixtures; None is all.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev and A. Babenko (2022), "On Embeddings for Numerical Features in Tabular Deep
       Learning", NeurIPS, arXiv:2203.05556.
    .. [2] D. Holzmüller, L. Grinsztajn and I. Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", NeurIPS, arXiv:2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import PeriodicEmbedding
    >>> tuple(PeriodicEmbedding(n_members=2, n_outputs=1)(np.ones((5, 3))).shape)
    (2, 5, 6)
    """

    def __init__(self, n_members, n_frequencies=4, n_outputs=1, spread=0.3, n_mixed=None, **kwargs):
        super().__init__(n_members, **kwargs)
        self.n_frequencies, self.n_outputs, self.spread, self.n_mixed = n_frequencies, n_outputs, spread, n_mixed
        self._draw_frequency = Normal(spread / _EMBEDDING_RATE)
        self._draw_phase = _Uniform(0.5 / _EMBEDDING_RATE)
        self._draw_mixture, self._draw_bias = _Uniform(n_frequencies**-0.5), _Uniform(n_frequencies**-0.5)

    def build(self, input_shape):
        """Create frequencies, phases and mixtures; features are the last axis, along which processors compute."""
        front, d = (self.n_members, 1, self.n_frequencies), self._n_mixed(input_shape)
        self.frequency = self.add_weight(name="frequency", shape=(*front, d), initializer=self._draw_frequency)
        self.phase = self.add_weight(name="phase", shape=(*front, d), initializer=self._draw_phase)
        mixtures = (*front, self.n_outputs, d)
        self.mixture = self.add_weight(name="mixture", shape=mixtures, initializer=self._draw_mixture)
        bias = (self.n_members, 1, self.n_outputs * d)
        self.bias = self.add_weight(name="bias", shape=bias, initializer=self._draw_bias)

    def call(self, inputs, training=False):
        """Return (n_rows, d) or (n_members, n_rows, d) -> (n_members, n_rows, d * (1 + n_outputs))."""
        of = inputs[..., : self.n_mixed]
        cosines = _cosine_of_turns(_EMBEDDING_RATE * (of[..., None, :] * self.frequency + self.phase), training)
        mixed = ops.sum(cosines[..., None, :] * self.mixture, axis=2)
        mixed = ops.reshape(mixed, (self.n_members, -1, self.n_outputs * of.shape[-1])) + self.bias
        parts = [of + ops.zeros((self.n_members, 1, 1), inputs.dtype), mixed]
        if self.n_mixed is not None:
            parts.append(inputs[..., self.n_mixed :] + ops.zeros((self.n_members, 1, 1), inputs.dtype))
        return ops.concatenate(parts, axis=-1)

    def _n_mixed(self, shape):
        """Return how many features have mixtures."""
        return shape[-1] if self.n_mixed is None else self.n_mixed

    def compute_output_shape(self, input_shape):
        """Return the shape of the outputs."""
        return (self.n_members, input_shape[-2], input_shape[-1] + self._n_mixed(input_shape) * self.n_outputs)

    def get_config(self):
        """Return the constructor's arguments."""
        own = {name: getattr(self, name) for name in ("n_frequencies", "n_outputs", "spread", "n_mixed")}
        return {**super().get_config(), **own}


# XLA computes polynomials and exp on whole registers, but calls the C library for every single cos and expm1. In
# training the slopes are written out, as the gradients of the steps below would take twice as long.


def _cosine_of_turns(turns, training):
    """Return cos(2 pi u) to 4e-6."""
    past = turns - ops.round(turns)
    distance = ops.abs(past)
    cosine = _sine_within_a_quarter(0.25 - distance)
    if not training:
        return cosine
    folded = ops.where(distance > 0.25, ops.sign(past) * (0.5 - distance), past)
    return _with_slope(cosine, -2 * np.pi * _sine_within_a_quarter(folded), turns)


def _sine_within_a_quarter(turns):
    """Return sin(2 pi u) to 4e-6, for u in [-1/4, 1/4]."""
    x = 2 * np.pi * turns
    square = ops.square(x)
    return x * (1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72))))


def _selu(x, training):
    """Return what Keras' selu returns, to 2e-7."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    below = scale * alpha * ops.exp(ops.minimum(x, 0.0)) - scale * alpha  # XLA turns exp(x) - 1 into expm1
    out = ops.where(x < 0, below, scale * x)
    return _with_slope(out, ops.where(x < 0, below + scale * alpha, scale), x) if training else out


def _with_slope(value, slope, x):
    """Return a value whose derivative by x is the slope.

    TensorFlow keeps every graph in which a function's gradient was declared for the rest of the process.
    """
    value, slope = ops.stop_gradient(value), ops.stop_gradient(slope)
    return value + slope * (x - ops.stop_gradient(x))


@keras.saving.register_keras_serializable("skimbalance")
class MemberDense(MemberLayer):
    r"""Dense layer of every member, in the neural tangent parametrisation :math:`x W / \sqrt{d} + b`.

    Parameters
    ----------
    units : int
        Outputs of each member.
    n_members : int
        Number of members.
    activation : str or None, default=None
        Activation by its name in Keras.
    starts_at_zero : bool, default=False
        Whether weights and biases start at zero, for the last layer, rather than at standard normal numbers.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import MemberDense, MemberScale
    >>> features = MemberScale(n_members=2)(np.ones((5, 3)))
    >>> tuple(MemberDense(4, n_members=2, activation="selu")(features).shape)
    (2, 5, 4)
    """

    def __init__(self, units, n_members, activation=None, starts_at_zero=False, **kwargs):
        super().__init__(n_members, **kwargs)
        self.units, self.starts_at_zero = units, starts_at_zero
        self.activation = keras.activations.get(activation)
        self._draw_kernel = _constant(0.0) if starts_at_zero else Normal(1.0)
        self._draw_bias = _constant(0.0) if starts_at_zero else Normal(1 / _BIAS_RATE)

    def build(self, input_shape):
        """Create weights and biases."""
        shape = (self.n_members, input_shape[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self._draw_kernel)
        self.bias = self.add_weight(name="bias", shape=(self.n_members, 1, self.units), initializer=self._draw_bias)

    def set_bias(self, bias):
        """Set the bias of every member, (units,)."""
        self.bias.assign(np.broadcast_to(np.asarray(bias) / _BIAS_RATE, self.bias.shape))

    def call(self, inputs, training=False):
        """Return (n_members, n_rows, d) -> (n_members, n_rows, units)."""
        products = ops.matmul(inputs, self.kernel) * self.kernel.shape[1] ** -0.5
        hidden = products + _BIAS_RATE * self.bias
        return _selu(hidden, training) if self.activation is keras.activations.selu else self.activation(hidden)

    def compute_output_shape(self, input_shape):
        """Return the shape of the outputs."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "starts_at_zero": self.starts_at_zero,
        }


@keras.saving.register_keras_serializable("skimbalance")
class RowsFirst(keras.layers.Layer):
    """Bring the rows back to the front: (n_members, n_rows, units) -> (n_rows, n_members, units).

    Parameters
    ----------
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    Examples
    --------
    It ends a network of several members, each with logits of its own:

    >>> import keras
    >>> from skimbalance.networks import MemberDense, MemberScale, RowsFirst
    >>> rows = keras.Input((3,))
    >>> logits = MemberDense(2, n_members=4, starts_at_zero=True)(MemberScale(n_members=4)(rows))
    >>> keras.Model(rows, RowsFirst()(logits)).output_shape
    (None, 4, 2)
    """

    def call(self, inputs):
        """Return the inputs with their first two axes exchanged."""
        return ops.transpose(inputs, (1, 0, 2))

    def compute_output_shape(self, input_shape):
        """Return the shape of the outputs."""
        return (input_shape[1], input_shape[0], input_shape[2])


def _constant(value):
    """Return an initializer that draws nothing."""
    return keras.initializers.Constant(value)
