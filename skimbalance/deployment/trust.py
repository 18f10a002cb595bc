"""List the types of a fitted classifier that skops has to trust before it loads one."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys

import imblearn.combine
import imblearn.over_sampling
import imblearn.under_sampling

from skimbalance._keras.startup import keras

#: What the state of a classifier consists of, beside its strategy and its loss: none of it reaches a file.
_OURS = (
    "_keras.packing.Packed", "_keras.packing.PackedModel", "_keras.packing.Pairs", "assembly.CameWith",
    "assembly.TrainingState",
    "classifier.ImbalancedKerasClassifier", "data.growing.GrowingColumns", "data.reservoir.Reservoir",
    "data.reservoir.GroupReservoir", "data.sample.TrainingSample",
    "data.reading.ExactNumbers", "data.reading.Levels", "data.reading.Numbers", "data.statistics.Moments",
    "data.statistics.Quantiles", "data.table.Columns", "ensemble.boosting.Boosting", "ensemble.ensemble.Ensemble",
    "ensemble.forest.Forest", "ensemble.trees.TreeClassifier", "ensemble.trees.Trees", "fitted.Fitted",
    "networks.outputs.LossOnOutputs", "probability.blend.Blend", "probability.decision.Decision",
    "probability.macro_f1.ClassProbabilities", "probability.posterior.Posterior",
    "probability.thresholds.RowProbabilities",
)  # fmt: skip
#: Callbacks that read scores and change training only; all others write, delete, send, or call functions.
_CALLBACKS = ("EarlyStopping", "LearningRateScheduler", "ReduceLROnPlateau", "SwapEMAWeights", "TerminateOnNaN")
_OTHERS = ("keras.src.ops.numpy.greater", "keras.src.ops.numpy.less", "numpy.dtype")
#: Releases from which loading a file can neither run its code nor reach other files: see `_check_versions`.
_KERAS, _KERAS_OF_3_12, _SKOPS = (3, 15, 1), (3, 12, 4), (0, 16)


def skops_types() -> list[str]:
    """Return the names of the types that fitted classifiers are made of, for ``skops.io.load``.

    They are those of this package, optimizers, schedules, losses and metrics of Keras, those of its callbacks that
    touch no file, samplers of imbalanced-learn, and NumPy's dtype. Add the names of what you have written yourself (a
    builder, a strategy, a loss), and, where you trust the file to write, of callbacks such as ``CSVLogger``.

    Returns
    -------
    list of str
        Names, sorted.

    Raises
    ------
    RuntimeError
        If Keras or skops is of a version that does not load files safely.

    Notes
    -----
    A classifier loaded with these names runs no code of the file, and changes no file, neither on loading nor at the
    next ``fit`` or ``predict``. Its network may consist of Keras' layers, of this package's, and of classes that you
    have registered with Keras. One with lambda functions, or with layers that load files, asks for one more name,
    ``skimbalance._keras.packing.lambdas_run_code``: add it for files that you trust as you would a pickle. A
    scikit-learn pipeline inside the classifier that has `memory` set, a folder to write to, is refused.

    skops itself trusts all estimators of scikit-learn, whatever you give it. Where the classifier is a step of a
    pipeline, look at that pipeline's `memory` before you fit it.

    Keras' safe mode holds from 3.15.1 on, and in 3.12 from 3.12.4 on: earlier ones let a file read others through
    links in its weights [1]_, load a SavedModel [2]_, or call functions of Keras that download or load files [3]_.

    References
    ----------
    .. [1] CVE-2026-1669, https://nvd.nist.gov/vuln/detail/CVE-2026-1669
    .. [2] CVE-2026-1462, https://github.com/advisories/GHSA-4f3f-g24h-fr8m
    .. [3] CVE-2025-8747 and CVE-2025-9906, https://github.com/advisories/GHSA-36fq-jgmw-4r9c

    Examples
    --------
    >>> from skimbalance.deployment import skops_types
    >>> "skimbalance.classifier.ImbalancedKerasClassifier" in skops_types()
    True
    """
    _check_versions()
    strategies = importlib.import_module("skimbalance").strategies  # its first use imports every room
    rooms = [vars(of) for name, of in sorted(sys.modules.items()) if name.startswith("skimbalance.strategies.")]
    bases = strategies.Strategy, strategies.LogitsLoss
    ours = [of for room in rooms for of in list(room.values()) if isinstance(of, type) and issubclass(of, bases)]
    ours = [of for of in ours if _is_in(of, "skimbalance")]
    parts = (keras.optimizers, keras.optimizers.schedules, keras.losses, keras.metrics)
    of_keras = [of for part in parts for of in vars(part).values() if isinstance(of, type) and _is_in(of, "keras")]
    callbacks = [getattr(keras.callbacks, name) for name in _CALLBACKS]
    kinds = (imblearn.combine, imblearn.over_sampling, imblearn.under_sampling)
    samplers = [getattr(kind, name) for kind in kinds for name in kind.__all__]
    types = (*ours, *of_keras, *callbacks, *samplers)
    names = (f"{of.__module__}.{of.__name__}" for of in types)
    return sorted({*_OTHERS, *(f"skimbalance.{name}" for name in _OURS), *names})


def _is_in(kind, package):
    """Whether a class is a package's own."""
    return kind.__module__.partition(".")[0] == package


def _check_versions():
    """Refuse versions of Keras and skops that do not load files safely."""
    found = _version(keras.__version__)
    if found < _KERAS and not (found[:2] == _KERAS_OF_3_12[:2] and found >= _KERAS_OF_3_12):
        raise RuntimeError(
            f"Keras {keras.__version__} is installed, and its safe mode lets a file read and load others; files that "
            'you do not trust need Keras 3.15.1 or later, or 3.12.4 or later of 3.12: pip install "keras>=3.15.1". A '
            "file of your own loads with the names that skops.io.get_untrusted_types lists."
        )
    try:
        of_skops = importlib.metadata.version("skops")
    except importlib.metadata.PackageNotFoundError:
        return
    if _version(of_skops) < _SKOPS:
        raise RuntimeError(
            f"skops {of_skops} is installed, whose check of types can be evaded by a file; files that you do not trust "
            'need skops 0.16 or later: pip install "skops>=0.16".'
        )


def _version(text):
    """Return the numbers of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
