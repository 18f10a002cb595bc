"""Load an exported TensorFlow file as a user would, and predict with it."""

import importlib
import warnings
from pathlib import Path

import numpy as np

from skimbalance._keras.startup import quiet, tf


class SavedGraph:
    """A SavedModel, loaded.

    Parameters
    ----------
    folder : str
        Where it lies.

    Attributes
    ----------
    inputs : dict of str to tuple (dtype, rank)
        Type and rank of each input; that of text is ``object``.
    """

    def __init__(self, folder):
        self._loaded = tf.saved_model.load(folder)  # the signature lives as long as this
        self._run = self._loaded.signatures["serving_default"]
        specs = self._run.structured_input_signature[1]
        self.inputs = {name: (spec.dtype.as_numpy_dtype, spec.shape.rank) for name, spec in specs.items()}

    def __call__(self, given):
        """Return the results of inputs by name, as arrays by name."""
        results = self._run(**{name: tf.constant(values) for name, values in given.items()})
        return {name: result.numpy() for name, result in results.items()}


class LiteGraph:
    """A LiteRT model, loaded; see `SavedGraph`.

    Attributes
    ----------
    outputs : set of str
        Names of the results.
    """

    def __init__(self, file):
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own interpreter recommends LiteRT's
            self._run = _interpreter()(model_content=Path(file).read_bytes()).get_signature_runner()
        details = self._run.get_input_details()
        self.inputs = {
            name: (object if of["dtype"] in (np.bytes_, np.object_) else of["dtype"], len(of["shape_signature"]))
            for name, of in details.items()
        }
        self.outputs = set(self._run.get_output_details())

    def __call__(self, given):
        """Return the results of inputs by name, as arrays by name."""
        texts = [name for name in given if self.inputs[name][0] is object]
        with quiet():  # the first call prints that there is a delegate
            return self._run(**given | {name: np.array([text.encode() for text in given[name]]) for name in texts})


def _interpreter():
    """Return LiteRT's interpreter, or the one that comes with TensorFlow."""
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        return tf.lite.Interpreter
