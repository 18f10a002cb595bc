"""Can this network be trained on these rows? It is checked, seeded and adapted to them."""

import numpy as np

from skimbalance._startup import keras
from skimbalance.networks.layers import RobustScale, Standardize

ops = keras.ops


def prepare_network(model, X, index, sample_weight, n_classes, rng, is_ours=False):
    """Build, check, seed and adapt a network, in place.

    Parameters
    ----------
    model : keras.Model
        Network; its random initial weights are drawn anew from `rng`.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    index : ndarray of shape (n_rows,)
        Which of them are trained on.
    sample_weight : ndarray of shape (n_rows,)
        The weights of those.
    n_classes : int
        Number of classes.
    rng : numpy.random.Generator
        Source of every random number in the network.
    is_ours : bool, default=False
        Whether it was built by this package, and so ends in logits.

    Returns
    -------
    n_outputs : int
        Columns that the network returns.
    outputs : {"proba", "logits"}
        What they are.

    Raises
    ------
    ValueError
        If the network does not take these rows or does not end in logits or probabilities of these classes.
    """
    outputs = n_classes, "logits"
    if not is_ours:
        # Rows near zero rather than raw ones, which may saturate the outputs: then sigmoid and softmax look alike.
        probe = np.random.default_rng(0).random((8, X.shape[1]), dtype=np.float32)
        _check_inputs(model, probe)
        outputs = _check_outputs(model, probe, n_classes)
    _draw_weights(model, rng)
    for layer in model._flatten_layers():
        if isinstance(layer, Standardize | RobustScale):
            layer.adapt(X, sample_weight, index)
    return outputs


def _check_inputs(model, X):
    """Build the network by calling it on rows like X, or say why it cannot take them."""
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


def _check_outputs(model, X, n_classes):
    """Return the number and kind of outputs; refuse what is neither logits nor probabilities of these classes."""
    outputs = model(ops.convert_to_tensor(X))
    needed = f"(None, {n_classes})" + (" or (None, 1)" if n_classes == 2 else "")
    if isinstance(outputs, list | tuple | dict):
        raise ValueError(f"The network has {len(outputs)} outputs; it needs one, of shape {needed}.")
    shape = (None, *outputs.shape[1:])
    if len(shape) not in (2, 3) or shape[-1] not in ({1, n_classes} if n_classes == 2 else {n_classes}):
        raise ValueError(
            f"The network has outputs of shape {shape}, but y has {n_classes} classes, which need {needed}; build "
            'its last layer from meta["n_classes_"].'
        )
    logits = getattr(outputs, "_keras_logits", None)
    if logits is None:
        history = getattr(model.outputs[0], "_keras_history", None) if getattr(model, "outputs", None) else None
        activation = getattr(history and history[0], "activation", None)
        if activation not in (None, keras.activations.linear):
            raise ValueError(
                f"The network's last activation is {getattr(activation, '__name__', activation)!r}, of output "
                f'shape {shape}; end it in "softmax", in one "sigmoid" unit, or in logits (no activation).'
            )
    elif not np.allclose(outputs, ops.sigmoid(logits) if shape[-1] == 1 else ops.softmax(logits), atol=1e-4):
        raise ValueError(
            f"The network ends in {'a softmax over one unit' if shape[-1] == 1 else f'{shape[-1]} sigmoid units'}, "
            f"whose outputs are no probabilities of {n_classes} classes; use "
            + ('one "sigmoid" unit or ' if n_classes == 2 else "")
            + f'{n_classes} units with "softmax".'
        )
    return shape[-1], "logits" if logits is None else "proba"


def _draw_weights(model, rng):
    """Draw every random initial weight and dropout seed anew from rng, whoever built the network.

    Keras seeds an initializer without a seed from Python's global generator. Drawing the weights again from a
    seed of our own makes them independent of it, without touching it: a weight that equals what its layer's
    initializer draws is still as it was initialised; any other was set on purpose, and stays.
    """
    layers = list(model._flatten_layers())
    # All are compared before any is drawn anew: layers may share an initializer.
    drawn = [pair for layer in layers for pair in _drawn_weights(layer)]
    for weight, initializer in drawn:
        initializer.seed = int(rng.integers(2**31 - 1))
        weight.assign(initializer(weight.shape, weight.dtype))
    for layer in layers:
        for generator in getattr(layer, "_seed_generators", []):
            if generator._initial_seed is None:
                generator.state.assign([int(rng.integers(2**31 - 1)), 0])


def _drawn_weights(layer):
    """Return each weight of a layer that is what an initializer of it without a seed draws, and that initializer."""
    pairs = {}
    for name, initializer in sorted(vars(layer).items()):
        if isinstance(initializer, keras.initializers.Initializer) and getattr(initializer, "_init_seed", 0) is None:
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
