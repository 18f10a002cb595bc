"""Find the steps before a classifier in a pipeline, and whether they can be exported."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skimbalance.deployment.table import Input, is_far


def split(estimator):
    """Return the steps of a pipeline that rows to predict pass, as pairs (name, transformer), and its classifier.

    Raises
    ------
    TypeError
        If the estimator is, or ends in, no classifier of this package.
    """
    steps, classifier = [], estimator
    while isinstance(classifier, Pipeline):
        *before, (_, classifier) = classifier.steps
        steps += [(name, step) for name, step in before if _changes_rows(step)]
    if not hasattr(type(classifier), "answers_"):
        hint = " Of a search, take its best_estimator_." if hasattr(classifier, "estimator") else ""
        raise TypeError(
            "export takes a fitted ImbalancedKerasClassifier, or a pipeline that ends in one, not "
            f"{type(classifier).__name__}.{hint}"
        )
    return steps, classifier


def _changes_rows(step):
    """Whether a step does something to rows to predict: samplers are passed by."""
    is_sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
    return step is not None and not (isinstance(step, str) and step == "passthrough") and not is_sampler


def positions(columns, names):
    """Return the positions that columns of a ColumnTransformer stand for: names, positions, a slice or a mask."""
    if isinstance(columns, slice):
        start, stop = (
            names.index(end) + after if isinstance(end, str) else end
            for end, after in ((columns.start, 0), (columns.stop, 1))
        )
        return list(range(len(names)))[start : stop : columns.step]
    if isinstance(columns, (str, int, np.integer)):
        columns = [columns]
    columns = list(columns)
    if columns and all(isinstance(of, (bool, np.bool_)) for of in columns):
        return np.flatnonzero(columns).tolist()
    return [names.index(of) if isinstance(of, str) else range(len(names))[of] for of in columns]


class Scaling:
    """The steps before a classifier, where they do no more than scale columns.

    Parameters
    ----------
    steps : list of tuple (str, transformer)
        Fitted steps.

    Raises
    ------
    ValueError
        If a step does something else.
    """

    def __init__(self, steps):
        self._moves = [_center_and_spread(name, step) for name, step in steps]
        self._first = steps[0][1] if steps else None

    def inputs(self, inference):
        """Return the inputs of the table: those of the columns before the first step.

        Raises
        ------
        ValueError
            If the graph could not tell the values of a column apart, or if the classifier is given categories.
        """
        own = inference.inputs  # refuses what the classifier could not be given
        if self._first is None:
            return own
        columns = inference.answers.columns
        if "category" in columns.kinds:
            raise ValueError(
                f"The pipeline scales categories in {columns.where(columns.are_codes)}, which cannot be exported; fit "
                "the classifier on the raw table: it scales numbers and encodes categories itself."
            )
        if inference.floatx == "float32":
            self._refuse_far()
        names = getattr(self._first, "feature_names_in_", None)
        if names is None:
            return [Input("X", inference.floatx, self._first.n_features_in_)]
        return [Input(name, inference.floatx) for name in names]

    def _refuse_far(self):
        """Refuse columns that scaling in single precision would spoil."""
        for center, spread in self._moves:
            alike = is_far(center, spread)
            if alike.any():
                names = getattr(self._first, "feature_names_in_", range(len(alike)))
                where = ", ".join(repr(name) for name, of in zip(names, alike, strict=True) if of)
                raise ValueError(
                    "The pipeline scales columns in which single precision, in which LiteRT computes, does not tell "
                    f'values apart: {where}; take format="saved_model" or "onnx", or move the numbers towards zero '
                    "before fit."
                )

    def __call__(self, given, ops):
        """Return the table that the classifier is given, of tensors for each of `inputs`."""
        if self._first is None:
            return given
        X = given[0] if len(given[0].shape) == 2 else ops.stack(given, axis=1)
        for center, spread in self._moves:
            X = (X - ops.cast(center, X.dtype)) / ops.cast(spread, X.dtype)
        return [X]

    def undone(self, values, column):
        """Return the numbers of a column that become `values` when they are scaled."""
        for center, spread in reversed(self._moves):
            values = values * spread[column] + center[column]
        return values


def _center_and_spread(name, step):
    """Return what a step subtracts from columns, and then divides them by."""
    n = getattr(step, "n_features_in_", 0)
    if type(step) in (StandardScaler, RobustScaler):
        center = getattr(step, "mean_" if type(step) is StandardScaler else "center_", None)
        if not getattr(step, "with_mean", True) or not getattr(step, "with_centering", True):
            center = None
        spread = step.scale_
        return np.zeros(n) if center is None else center, np.ones(n) if spread is None else spread
    if type(step) is MaxAbsScaler and not getattr(step, "clip", False):
        return np.zeros(n), step.scale_
    if type(step) is MinMaxScaler and not step.clip:
        return -step.min_ / step.scale_, 1 / step.scale_
    raise ValueError(
        f"The step {name!r} of the pipeline, {type(step).__name__}, cannot be exported to this format, which supports "
        'only samplers and scalers of scikit-learn. Set format="onnx", or fit the classifier on the raw table: it '
        "scales numbers and encodes categories and missing values itself."
    )
