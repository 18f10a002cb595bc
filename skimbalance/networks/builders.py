"""Build the networks that have a name."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from skimbalance._keras.startup import keras
from skimbalance.networks.encode import Encode, MemberEmbedding, n_places
from skimbalance.networks.layers import (
    MemberDense,
    MemberScale,
    PeriodicEmbedding,
    RobustScale,
    RowsFirst,
    Standardize,
)
from skimbalance.networks.recipe import Recipe
from skimbalance.networks.schedule import CosineLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Members for at most so many rows, and for more; measured in docs/quality.md, "Long tables".
_MEMBERS, _FEW_ROWS, _MEMBERS_OF_MANY = 8, 16_384, 4


def mlp(
    meta: Mapping[str, Any],
    hidden_layer_sizes: Sequence[int] = (64, 32),
    activation: str = "relu",
    dropout: float = 0.0,
) -> keras.Model:
    """Build a plain network: standardised inputs, hidden layers, one logit per class.

    Parameters
    ----------
    meta : dict
        The classifier's fitted attributes when it builds a network: ``n_features_in_`` and ``n_classes_`` are used
        here, and ``output_bias_``, the logits of the class prior of training, at which training starts.
    hidden_layer_sizes : tuple of int, default=(64, 32)
        Units of each hidden layer; empty for logistic regression.
    activation : str, default="relu"
        Activation of the hidden layers, by its name in Keras.
    dropout : float in [0, 1), default=0.0
        Share of units dropped after every hidden layer.

    Returns
    -------
    keras.Model
        Network with output shape (None, n_classes): logits.

    Examples
    --------
    >>> from skimbalance.networks import mlp
    >>> mlp({"n_features_in_": 4, "n_classes_": 2}, hidden_layer_sizes=(8,)).output_shape
    (None, 2)
    """
    inputs = keras.Input((meta["n_features_in_"],), name="features")
    hidden = Standardize(name="standardize")(inputs if _is_plain(meta) else Encode.of(meta, name="encode")(inputs))
    for i, units in enumerate(hidden_layer_sizes, 1):
        hidden = keras.layers.Dense(units, activation=activation, name=f"hidden_{i}")(hidden)
        if dropout:
            hidden = keras.layers.Dropout(dropout, name=f"dropout_{i}")(hidden)
    head = keras.layers.Dense(meta["n_classes_"], name="logits")
    model = keras.Model(inputs, head(hidden), name="mlp")
    if "output_bias_" in meta:
        head.bias.assign(meta["output_bias_"])
    return model


def realmlp(
    meta: Mapping[str, Any],
    hidden_layer_sizes: Sequence[int] = (64, 64, 64),
    n_members: int | Literal["auto"] = "auto",
    embedding: Literal["periodic"] | None = "periodic",
    activation: str = "selu",
    dropout: float = 0.0,
) -> keras.Model:
    r"""Build the default network for tables: several members in one, whose probabilities are averaged.

    Each member follows RealMLP [1]_: robustly scaled and smoothly clipped inputs (`RobustScale`), a learnt factor for
    every feature, hidden layers in the neural tangent parametrisation, and a last layer that starts at zero, so that
    training starts at the class prior. Members have weights of their own and are computed by the same batched matrix
    products, so that eight cost far less than eight times what one does.

    Parameters
    ----------
    meta : dict
        The classifier's fitted attributes when it builds a network, as for `mlp`, and ``n_rows_``, the number of
        distinct rows that it is trained on, of a stream those of its first chunk.
    hidden_layer_sizes : tuple of int, default=(64, 64, 64)
        Units of each hidden layer.
    n_members : int or "auto", default="auto"
        Number of members. "auto" is 8, but 4 for more than 16,384 rows: that halves the time of all, base models
        included, of which there is one of each kind for a pair of members, at .001 of average precision.
    embedding : {"periodic"} or None, default="periodic"
        Whether `PeriodicEmbedding` appends cosines to the features.
    activation : str, default="selu"
        Activation of the hidden layers, by its name in Keras.
    dropout : float in [0, 1), default=0.0
        Share of units dropped after every hidden layer; it makes training several times slower.

    Returns
    -------
    keras.Model
        Network with output shape (None, n_members, n_classes): the logits of every member.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", NeurIPS, arXiv:2407.04491.

    Examples
    --------
    >>> from skimbalance.networks import realmlp
    >>> realmlp({"n_features_in_": 4, "n_classes_": 2}, hidden_layer_sizes=(8,), n_members=3).output_shape
    (None, 3, 2)
    """
    if n_members == "auto":
        n_members = _MEMBERS if meta.get("n_rows_", 0) <= _FEW_ROWS else _MEMBERS_OF_MANY
    if not (isinstance(n_members, Integral) and n_members >= 1):
        raise ValueError(f'model__n_members={n_members!r} is unknown; it takes a whole number from 1 on, or "auto".')
    inputs = keras.Input((meta["n_features_in_"],), name="features")
    if embedding not in ("periodic", None):
        raise ValueError(f'model__embedding={embedding!r} is unknown; it takes "periodic" or None.')
    encode = None if _is_plain(meta) else Encode.of(meta, embeds=True, name="encode")
    hidden = RobustScale(encode and encode.n_features, name="robust_scale")(encode(inputs) if encode else inputs)
    if embedding is not None:
        hidden = PeriodicEmbedding(n_members, n_mixed=encode and encode.n_features, name="periodic_embedding")(hidden)
    if encode is not None and encode.n_codes:
        hidden = MemberEmbedding(n_members, encode.n_codes, n_places(meta["columns_"]), name="embedding")(hidden)
    hidden = MemberScale(n_members, name="member_scale")(hidden)
    for i, units in enumerate(hidden_layer_sizes, 1):
        hidden = MemberDense(units, n_members, activation, name=f"hidden_{i}")(hidden)
        if dropout:
            hidden = keras.layers.Dropout(dropout, name=f"dropout_{i}")(hidden)
    head = MemberDense(meta["n_classes_"], n_members, starts_at_zero=True, name="member_logits")
    model = keras.Model(inputs, RowsFirst(name="logits")(head(hidden)), name="realmlp")
    if "output_bias_" in meta:
        head.set_bias(meta["output_bias_"])
    return model


def _is_plain(meta):
    """Whether the columns are numbers without missing values, also in later chunks, as far as ``meta`` tells."""
    return "columns_" not in meta or (meta["columns_"].are_plain and not meta["columns_"].room_for_missing)


mlp.recipe = Recipe(early_stopping="loss")

# The optimizer and the schedule of the paper; epochs and held-out rows by the benchmark in docs/quality.md.
realmlp.recipe = Recipe(
    early_stopping="loss",
    hold_out=0.15,
    own_rows=True,
    most_rows=10_000,
    epochs=32,
    min_steps=256,
    max_epochs=256,
    enough_rows=200_000,
    few_epochs=6,
    max_steps=12_288,
    ensemble=("forest", "boosting"),
    optimizer={"learning_rate": 0.04, "beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8, "weight_decay": 0.01},
    schedule=CosineLog,
)

#: Name of each network that ``model`` takes -> its builder; the first is the default.
NETWORKS = {"realmlp": realmlp, "mlp": mlp}
