"""Of which types is a fitted classifier made? What skops asks before it loads one."""

import importlib
import sys

import imblearn.combine
import imblearn.over_sampling
import imblearn.under_sampling

from skimbalance.engine.startup import keras

_OTHERS = ["keras.src.ops.numpy.greater", "keras.src.ops.numpy.less", "numpy.dtype"]


def skops_types():
    """Return the names of the types that fitted classifiers are made of, for ``skops.io.load``.

    They are those of this package, optimizers, schedules, losses, metrics and callbacks of Keras, samplers of
    imbalanced-learn, and NumPy's dtype. What you have written yourself (a builder, a strategy, a loss) is not among
    them: add its name.

    Returns
    -------
    list of str
        Names, sorted.

    Notes
    -----
    The network in such a file is loaded by Keras in its safe mode, which runs no code that the file holds. A network
    with lambda functions needs it to run, and asks for one more name, ``skimbalance.engine.packing.lambdas_run_code``:
    add it for files that you trust as you would a pickle.

    Examples
    --------
    >>> from skimbalance.deployment import skops_types
    >>> "skimbalance.classifier.ImbalancedKerasClassifier" in skops_types()
    True
    """
    classifier = importlib.import_module("skimbalance").ImbalancedKerasClassifier  # its first use imports every room
    rooms = [vars(sys.modules[name]) for name in sorted(sys.modules) if name.partition(".")[0] == "skimbalance"]
    ours = [of for room in rooms for of in list(room.values()) if isinstance(of, type) and _is_in(of, "skimbalance")]
    parts = (keras.optimizers, keras.optimizers.schedules, keras.losses, keras.metrics, keras.callbacks)
    of_keras = [of for part in parts for of in vars(part).values() if isinstance(of, type) and _is_in(of, "keras")]
    kinds = (imblearn.combine, imblearn.over_sampling, imblearn.under_sampling)
    samplers = [getattr(kind, name) for kind in kinds for name in kind.__all__]
    types = (classifier, *ours, *of_keras, *samplers)
    return sorted({*_OTHERS, *(f"{of.__module__}.{of.__name__}" for of in types)})


def _is_in(kind, package):
    """Whether a class is a package's own."""
    return kind.__module__.partition(".")[0] == package
