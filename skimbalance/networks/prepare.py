"""Check, seed and adapt a network to its training rows."""

import numpy as np

from skimbalance._keras.keras_internals import (
    is_unseeded,
    last_operation,
    layers_of,
    logits_behind,
    unseeded_generators,
)
from skimbalance._keras.startup import keras
from skimbalance.networks.encode import Encode
from skimbalance.networks.layers import ScalingLayer
from skimbalance.networks.members import Members
from skimbalance.networks.network import Network

ops = keras.ops


def prepare_network(model, n_features, n_classes, rng):
    """Build, check and seed a network, in place.

    Parameters
    ----------
    model : keras.Model
        Network; its random initial weights are drawn anew from `rng`.
    n_features : int
        Number of columns of the table.
    n_classes : int
        Number of classes.
    rng : numpy.random.Generator
        Source of every random number in the network.

    Returns
    -------
    network : Network
        The network, and how it is read.
    n_outputs : int
        Columns that it returns.
    outputs : {"proba", "logits"}
        What they are.

    Raises
    ------
    ValueError
        If the network does not take these rows or does not end in logits or probabilities of these classes.
    """
    # Rows near zero rather than raw ones, which may saturate the outputs: then sigmoid and softmax look alike.
    probe = np.random.default_rng(0).random((8, n_features), dtype=np.float32)
    _check_inputs(model, probe)
    n_outputs, outputs, returns_proba = _read_outputs(model, probe, n_classes)
    _draw_weights(model, rng)
    return Network(model, returns_proba), n_outputs, outputs


def adapt_network(model, rows, kept, columns, seen=None):
    """Adapt layers to the training rows; raise for categories and missing values if no layer encodes them.

    Parameters
    ----------
    model : keras.Model
        Network.
    rows : Rows
        Rows of the table.
    kept : ndarray of int, shape (n_kept,)
        Which of its distinct rows it will be trained on.
    columns : Columns
        Columns of the table.
    seen : dict, default=None
        Result of the previous call, if the rows are a chunk; empty for the first chunk. None keeps no statistics.

    Returns
    -------
    dict or None
        Statistics of all rows so far for each layer, by its position; None if `seen` is.
    """
    layers, weight, index = layers_of(model), rows.weight[kept], rows.index[kept]
    encode = next((layer for layer in layers if isinstance(layer, Encode)), None)
    if encode is None and not columns.are_plain:
        what = [f"categories in {columns.where(columns.are_codes)}"] if columns.are_codes.any() else []
        if columns.missing.any():
            what.append(f"missing values (Input X contains NaN) in {columns.where(columns.missing)}")
        raise ValueError(
            f"X holds {' and '.join(what)}, but the network does not begin with skimbalance.networks.Encode, which "
            "turns them into numbers: let it begin with Encode.of(meta)(inputs), set a named network, or encode and "
            "impute first (sklearn.preprocessing.OneHotEncoder, sklearn.impute.SimpleImputer)."
        )
    places = {i: layer for i, layer in enumerate(layers) if isinstance(layer, ScalingLayer) or layer is encode}
    known = {i: None if seen is None else seen.get(i, []) for i in places}
    for i, layer in sorted(places.items(), key=lambda place: place[1] is not encode):
        if layer is encode:
            known[i] = layer.adapt(rows.X, columns, weight, index, known[i])
        elif encode is None or layer.center.shape[0] != encode.n_features:
            known[i] = layer.adapt(rows.X, weight, index, known[i])
        else:
            known[i] = layer.adapt_to(encode.columns(rows.X, index), weight, known[i])
    return None if seen is None else known


def check_missing(model, X, columns):
    """Raise for missing values in columns that had none in training, if no layer of the network imputes them."""
    is_new = np.isnan(X).any(axis=0) & ~columns.missing
    if is_new.any() and not any(isinstance(layer, ScalingLayer) for layer in layers_of(model)):
        raise ValueError(
            f"Input X contains NaN in {columns.where(is_new)}, which had no missing values in training, and the "
            "network cannot handle them. Impute such values, or use a network that begins with "
            "skimbalance.networks.RobustScale, which replaces them by the median of the training rows."
        )


def _check_inputs(model, X):
    """Build the network by calling it on rows like X, or raise an error that says why it cannot take them."""
    n_features = X.shape[1]
    if not model.built:
        model(ops.convert_to_tensor(X))
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise ValueError(
            f"The network has {len(inputs)} inputs; ImbalancedKerasClassifier feeds one table of shape "
            f"(None, {n_features}). Split the columns inside the network, from a single keras.Input."
        )
    if inputs and len(inputs[0].shape) == 2 and inputs[0].shape[-1] not in (None, n_features):
        raise ValueError(
            f"The network takes inputs of shape {tuple(inputs[0].shape)}, but X has {n_features} features; "
            'build it from meta["n_features_in_"].'
        )


def _read_outputs(model, X, n_classes):
    """Return the number and kind of outputs, and whether they are probabilities that Keras notes no logits of.

    What is neither logits nor probabilities of these classes is refused.
    """
    outputs = None if Members(model).are_layers else model(ops.convert_to_tensor(X))
    needed = f"(None, {n_classes})" + (" or (None, 1)" if n_classes == 2 else "")
    if isinstance(outputs, list | tuple | dict):
        raise ValueError(f"The network has {len(outputs)} outputs; it needs one, of shape {needed}.")
    shape = model.output_shape if outputs is None else (None, *outputs.shape[1:])
    if len(shape) not in (2, 3) or shape[-1] not in ({1, n_classes} if n_classes == 2 else {n_classes}):
        raise ValueError(
            f"The network has outputs of shape {shape}, but y has {n_classes} classes, which need {needed}; build "
            'its last layer from meta["n_classes_"].'
        )
    if outputs is None:
        return shape[-1], "logits", False
    logits = logits_behind(outputs)
    if logits is not None:
        if not np.allclose(outputs, ops.sigmoid(logits) if shape[-1] == 1 else ops.softmax(logits), atol=1e-4):
            what = "a softmax over one unit" if shape[-1] == 1 else f"{shape[-1]} sigmoid units"
            raise _no_probabilities(what, n_classes)
        return shape[-1], "proba", False
    last = last_operation(model)
    activation = getattr(last, "activation", None)
    if activation is (keras.activations.softmax if shape[-1] > 1 else keras.activations.sigmoid):
        return shape[-1], "proba", True
    if activation not in (None, keras.activations.linear):
        raise ValueError(
            f"The network's last activation is {getattr(activation, '__name__', activation)!r}, of output "
            f'shape {shape}; end it in "softmax", in one "sigmoid" unit, or in logits (no activation).'
        )
    if activation is None and _stays_between_0_and_1(model, X):
        sums = np.asarray(outputs).sum(axis=-1)
        if shape[-1] > 1 and not np.allclose(sums, 1, atol=1e-3):
            raise _no_probabilities(f"{shape[-1]} units between 0 and 1 whose sum is not 1", n_classes)
        return shape[-1], "proba", True
    return shape[-1], "logits", False


def _no_probabilities(what, n_classes):
    """Return the error for outputs that look like probabilities and are none."""
    return ValueError(
        f"The network ends in {what}, whose outputs are no probabilities of {n_classes} classes; use "
        + ('one "sigmoid" unit or ' if n_classes == 2 else "")
        + f'{n_classes} units with "softmax".'
    )


def _stays_between_0_and_1(model, X):
    """Whether the outputs lie in [0, 1] whatever the weights are, as probabilities do and logits do not."""
    weights = [(variable, np.asarray(variable)) for variable in model.trainable_variables]
    rng = np.random.default_rng(0)

    def lie_within():
        outputs = np.asarray(model(ops.convert_to_tensor(X)))
        return bool(np.all(outputs >= 0) and np.all(outputs <= 1) and np.any(outputs > 0))

    try:
        for _ in range(3):
            if not lie_within():
                return False
            for variable, value in weights:
                if np.issubdtype(value.dtype, np.floating):
                    variable.assign(value + 3 * rng.normal(size=value.shape).astype(value.dtype))
        return True
    finally:
        for variable, value in weights:
            variable.assign(value)


def _draw_weights(model, rng):
    """Draw every random initial weight and dropout seed anew from rng, whoever built the network.

    Keras seeds an initializer without a seed from Python's global generator. Drawing the weights again from a
    seed of our own makes them independent of it, without touching it: a weight that equals what its layer's
    initializer draws is still as it was initialised; any other was set on purpose, and stays.
    """
    layers = layers_of(model)
    # All are compared before any is drawn anew: layers may share an initializer.
    drawn = [pair for layer in layers for pair in _drawn_weights(layer)]
    for weight, initializer in drawn:
        initializer.seed = int(rng.integers(2**31 - 1))
        weight.assign(initializer(weight.shape, weight.dtype))
    for layer in layers:
        for generator in unseeded_generators(layer):
            generator.state.assign([int(rng.integers(2**31 - 1)), 0])


def _drawn_weights(layer):
    """Return each weight of a layer that is what an initializer of it without a seed draws, and that initializer."""
    pairs = {}
    for name, initializer in sorted(vars(layer).items()):
        if is_unseeded(initializer):
            for weight in _may_draw(layer, name):
                if id(weight) not in pairs and _is_drawn(weight, initializer):
                    pairs[id(weight)] = weight, initializer
    return pairs.values()


def _may_draw(layer, name):
    """Return the weights of a layer that its initializer of this name may draw: by the name, or else all."""
    weight = getattr(layer, name.removeprefix("_draw_").removesuffix("_initializer"), None)
    return [weight] if isinstance(weight, keras.Variable) else layer.weights


def _is_drawn(weight, initializer):
    """Whether a weight is what the initializer draws."""
    if len(weight.shape) < 2 and isinstance(initializer, keras.initializers.Orthogonal):
        return False
    return np.array_equal(initializer(weight.shape, weight.dtype), weight)
