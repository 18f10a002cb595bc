"""Which network is trained? The default one, or the user's, checked, seeded and read as logits."""

import copy
import os
import tempfile

import numpy as np

from skimbalance._startup import keras

ops = keras.ops


@keras.saving.register_keras_serializable("skimbalance")
class Standardize(keras.layers.Layer):
    """Shift and scale every feature to mean 0 and standard deviation 1; constant features become 0.

    `ImbalancedKerasClassifier` calls `adapt` of every such layer in a network, on the weighted training rows,
    before training; so a network of your own may begin with one, too.

    Parameters
    ----------
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

    def build(self, input_shape):
        """Create the statistics, one a feature."""
        n_features = input_shape[-1]
        self.mean = self.add_weight(name="mean", shape=(n_features,), initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=(n_features,), initializer="ones", trainable=False)

    def adapt(self, X, sample_weight=None, index=None):
        """Take mean and scale from rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        sample_weight : ndarray of shape (n_rows,), default=None
            Weight of each row; None weighs all alike.
        index : ndarray of shape (n_rows,), default=None
            Which rows to take; None takes all.
        """
        if not self.built:
            self.build(X.shape)
        mean, deviation = np.empty(X.shape[1]), np.empty(X.shape[1])
        # A column at a time, so that no second table is made; and in two passes, since E[x^2] - E[x]^2 cancels
        # for features far from zero.
        for j in range(X.shape[1]):
            column = (X[:, j] if index is None else X[index, j]).astype(np.float64)
            mean[j] = np.average(column, weights=sample_weight)
            deviation[j] = np.sqrt(np.average(np.square(column - mean[j]), weights=sample_weight))
        constant = deviation <= 10 * np.finfo(np.float32).eps * np.abs(mean)
        self.mean.assign(mean)
        self.scale.assign(np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation)))

    def call(self, inputs):
        """Return standardised inputs."""
        return (inputs - self.mean) * self.scale

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape


def mlp(meta, hidden_layer_sizes=(64, 32), activation="relu", dropout=0.0):
    """Build the default network: standardised inputs, hidden layers, one logit per class.

    Parameters
    ----------
    meta : dict
        What the classifier knows when it builds a network: ``n_features_in_`` and ``n_classes_`` are used here,
        and ``output_bias_``, the logits of the class prior that training shows, where training starts.
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
    hidden = Standardize(name="standardize")(inputs)
    for i, units in enumerate(hidden_layer_sizes, 1):
        hidden = keras.layers.Dense(units, activation=activation, name=f"hidden_{i}")(hidden)
        if dropout:
            hidden = keras.layers.Dropout(dropout, name=f"dropout_{i}")(hidden)
    head = keras.layers.Dense(meta["n_classes_"], name="logits")
    model = keras.Model(inputs, head(hidden), name="mlp")
    if "output_bias_" in meta:
        head.bias.assign(meta["output_bias_"])
    return model


def as_logits(outputs):
    """Turn what a network returns, (n, 1) or (n, n_classes), into logits (n, n_classes).

    Keras notes the logits behind a softmax or sigmoid on the tensor these return, for its own losses; they are
    exact where log(softmax) would have been rounded to 0 or 1 already.
    """
    logits = getattr(outputs, "_keras_logits", outputs)
    if logits.shape[-1] == 1:
        return ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return logits


@keras.saving.register_keras_serializable("skimbalance")
class LossOnOutputs(keras.losses.Loss):
    """A loss on logits, applied to whatever the network returns: what ``model_`` is compiled with.

    Parameters
    ----------
    loss : LogitsLoss
        Loss on logits.
    name : str, default=None
        Name of the loss in Keras' logs.
    """

    def __init__(self, loss, name=None):
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss = loss

    def call(self, y_true, y_pred):
        """Return the loss of every row."""
        return self.loss.call(ops.reshape(y_true, (-1,)), as_logits(y_pred))

    def get_config(self):
        """Return the constructor's arguments, the loss serialized."""
        return {"name": self.name, "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        """Rebuild the loss from `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["loss"]), name=config["name"])


def copy_network(model):
    """Return a copy of a network with the same weights that shares nothing with it."""
    if not type(model).__module__.startswith("keras."):
        return copy.deepcopy(model)  # a class of its own, which only saving and loading can copy
    clone = keras.models.clone_model(model)
    if model.built:
        if not clone.built:
            clone.build(model.input_shape)
        clone.set_weights(model.get_weights())
    return clone


def pack_network(model):
    """Return a compiled network as bytes, its optimizer's configuration and state, and its loss: for pickling.

    Saved by Keras without what it was compiled with, so that a loss or an optimizer that Keras has no name for can
    be pickled as what it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        keras.saving.save_model(model, path)
        with open(path, "rb") as file:
            packed = file.read()
    return packed, type(model.optimizer), model.optimizer.get_config(), model.loss.loss


def unpack_network(packed, optimizer_class, optimizer_config, loss):
    """Return the network that `pack_network` was given."""
    optimizer = optimizer_class.from_config(optimizer_config)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(packed)
        # A pickle runs whatever code it holds; a lambda layer in it asks for no more trust than that.
        model = keras.saving.load_model(path, compile=False, safe_mode=False)
    model.compile(optimizer=optimizer, loss=LossOnOutputs(loss), jit_compile=False)
    return model


def prepare_network(model, X, index, sample_weight, n_classes, rng):
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
    # Rows near zero rather than raw ones, which may saturate the outputs: then sigmoid and softmax look alike.
    probe = np.random.default_rng(0).random((8, X.shape[1]), dtype=np.float32)
    _check_inputs(model, probe)
    outputs = _check_outputs(model, probe, n_classes)
    _draw_weights(model, rng)
    for layer in model._flatten_layers():
        if isinstance(layer, Standardize):
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
    if len(shape) != 2 or shape[1] not in ({1, n_classes} if n_classes == 2 else {n_classes}):
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
    elif not np.allclose(outputs, ops.sigmoid(logits) if shape[1] == 1 else ops.softmax(logits), atol=1e-4):
        raise ValueError(
            f"The network ends in {'a softmax over one unit' if shape[1] == 1 else f'{shape[1]} sigmoid units'}, "
            f"whose outputs are no probabilities of {n_classes} classes; use "
            + ('one "sigmoid" unit or ' if n_classes == 2 else "")
            + f'{n_classes} units with "softmax".'
        )
    return shape[1], "logits" if logits is None else "proba"


def _draw_weights(model, rng):
    """Draw every random initial weight and dropout seed anew from rng, whoever built the network.

    Keras seeds an initializer without a seed from Python's global generator. Drawing the weights again from a
    seed of our own makes them independent of it, without touching it: a weight that equals what its layer's
    initializer draws is still as it was initialised; any other was set on purpose, and stays.
    """
    for layer in model._flatten_layers():
        initializers = [
            value
            for _, value in sorted(vars(layer).items())
            if isinstance(value, keras.initializers.Initializer) and getattr(value, "_init_seed", 0) is None
        ]
        for initializer in {id(value): value for value in initializers}.values():
            old_seed, initializer.seed = initializer.seed, int(rng.integers(2**31 - 1))
            new_seed = initializer.seed
            for variable in layer.weights:
                initializer.seed = old_seed
                initial = initializer(variable.shape, variable.dtype) if _takes(initializer, variable) else None
                initializer.seed = new_seed
                if initial is not None and np.array_equal(initial, variable):
                    variable.assign(initializer(variable.shape, variable.dtype))
        for generator in getattr(layer, "_seed_generators", []):
            if generator._initial_seed is None:
                generator.state.assign([int(rng.integers(2**31 - 1)), 0])


def _takes(initializer, variable):
    """Whether the initializer can draw a weight of this shape."""
    return len(variable.shape) >= 2 or not isinstance(initializer, keras.initializers.Orthogonal)
