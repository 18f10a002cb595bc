"""The private names of TensorFlow that this package uses, and a replacement for each.

``tests/test_missing_names.py`` removes each in turn and fits networks without it.
"""

import importlib


def is_running(is_started):
    """Whether TensorFlow has started its threads in this process.

    TensorFlow 2.18 to 2.21: ``tensorflow.python.eager.context``. No public function tells without starting them.
    Without it, whether this package has started them (`is_started`).
    """
    try:
        current = importlib.import_module("tensorflow.python.eager.context").context_safe()
        return current is not None and current._initialized
    except (ImportError, AttributeError):
        return is_started


def frozen(graph):
    """Return a graph whose variables are constants, and in which functions that it calls are part of it.

    TensorFlow 2.18 to 2.21: ``convert_variables_to_constants_v2``, which its own converter to LiteRT uses.

    Raises
    ------
    ImportError
        Without it: no export to ONNX.
    """
    try:
        convert = importlib.import_module("tensorflow.python.framework.convert_to_constants")
        freeze = convert.convert_variables_to_constants_v2
    except (ImportError, AttributeError) as error:
        raise ImportError(
            "This version of TensorFlow has no convert_variables_to_constants_v2, by which a network is written for "
            'ONNX; take format="saved_model", or another version of TensorFlow.'
        ) from error
    return freeze(graph, lower_control_flow=False)
