"""Convert the transformers of a pipeline to ONNX in double precision, by one function each."""

from dataclasses import dataclass

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils import get_tags

from skimbalance.deployment.onnx_encoders import encode, impute, indicate, into_bins
from skimbalance.deployment.pipelines import positions
from skimbalance.deployment.table import is_far

#: NumPy's functions of a FunctionTransformer that are one operator of ONNX.
_FUNCTIONS = {np.abs: "Abs", np.exp: "Exp", np.log: "Log", np.sqrt: "Sqrt", np.sign: "Sign", np.negative: "Neg"}


@dataclass(frozen=True)
class Column:
    """A column on its way through the steps.

    Attributes
    ----------
    tensor : str
        Tensor that holds it, (n_rows, width).
    place, width : int
        Where, and among how many.
    source : int or None
        Column of the table that it is, or is computed from alone.
    holds : {"input", "number", "text", "filled text"}
        What it holds. An input is what the first step that reads it takes it for.
    """

    tensor: str
    place: int
    width: int
    source: int | None = None
    holds: str = "number"


class TableIsNoMatrix(Exception):
    """A step reads text from a table that was taken for a matrix of numbers."""


class Steps:
    """Nodes of ONNX for fitted transformers.

    Parameters
    ----------
    nodes : Nodes
        Where they are added.
    n_columns : int
        Columns of the table.
    one_tensor : bool
        Whether the table is one tensor of numbers, rather than one a column.
    foreign : callable
        ``foreign(nodes, step, rows, n_columns)``: adds a transformer that is not known here, to a tensor of numbers;
        returns its result and the number of columns of it.

    Attributes
    ----------
    reads : list of {None, "number", "text"}
        What steps take each column of the table for; None is not read.
    needs_double : ndarray of bool, shape (n_columns,)
        Columns of the table that float32 could not hold.
    refused : list of str
        Tensors, (n_rows, n), that are 1 in rows that Python refuses.
    """

    def __init__(self, nodes, n_columns, one_tensor, foreign):
        self.nodes, self._foreign, self.refused = nodes, foreign, []
        self.reads, self.needs_double = [None] * n_columns, np.zeros(n_columns, dtype=bool)
        self.table = [
            Column("/X", j, n_columns, j, "input") if one_tensor else Column(f"/x{j}", 0, 1, j, "input")
            for j in range(n_columns)
        ]

    def pass_through(self, step, columns):
        """Return what a transformer makes of columns, as columns."""
        if step is None or (isinstance(step, str) and step == "passthrough"):
            return columns
        if isinstance(step, str) and step == "drop":
            return []
        if isinstance(step, Pipeline):
            for _, one in step.steps:
                if not (hasattr(one, "fit_resample") and not hasattr(one, "transform")):
                    columns = self.pass_through(one, columns)
            return columns
        write = _WRITERS.get(type(step))
        has_tags = write not in _TAKE_GAPS and hasattr(step, "__sklearn_tags__")
        if has_tags and not get_tags(step).input_tags.allow_nan:
            X = self.matrix(columns, step)
            self.refuse(self.nodes.add("IsNaN", self.nodes.add("Sub", X, X)))
        if isinstance(step, SelectorMixin):
            return [columns[j] for j in step.get_support(indices=True)]
        if write is not None:
            return write(self, step, columns)
        self.far(columns, True)
        made, width = self._foreign(self.nodes, step, self.matrix(columns, step), len(columns))
        return self.columns_of(made, width)

    def matrix(self, columns, step):
        """Return columns of numbers as one tensor of double precision, (n_rows, n_columns)."""
        if any("text" in column.holds or self._is_known_as(column, "text", "number") for column in columns):
            raise ValueError(
                f"{type(step).__name__} of the pipeline is given text, which cannot be converted to ONNX; encode it "
                "before (OneHotEncoder, OrdinalEncoder), give the classifier the raw table, which it encodes itself, "
                "or deploy by pickle."
            )
        parts = []
        for column in columns:
            if parts and parts[-1][0].tensor == column.tensor:
                parts[-1].append(column)
            else:
                parts.append([column])
        tensors = [self._gather(part) for part in parts]
        return tensors[0] if len(tensors) == 1 else self.nodes.add("Concat", *tensors, axis=1)

    def text(self, column, step):
        """Return a column of text, (n_rows, 1)."""
        if column.holds == "number" or self._is_known_as(column, "number", "text"):
            raise ValueError(
                f"{type(step).__name__} of the pipeline is given a column as text that another step takes for numbers, "
                "which cannot be converted to ONNX; give the column one type, or deploy by pickle."
            )
        if column.width > 1:
            raise TableIsNoMatrix
        return column.tensor

    @staticmethod
    def column_of_text(tensor, is_filled):
        """Return the column of a tensor of text; if it is imputed, the empty text in the table was a missing value."""
        return Column(tensor, 0, 1, holds="filled text" if is_filled else "text")

    def refuse(self, flags):
        """Note rows that Python refuses, (n_rows, n): those of which a flag is set."""
        self.refused.append(self.nodes.cast(flags, np.float32))

    def constant(self, value):
        """Return numbers of double precision as a constant."""
        return self.nodes.constant(value, np.float64)

    @staticmethod
    def columns_of(tensor, width, like=None):
        """Return the columns of a tensor of numbers; `like` are those that they are computed from, one by one."""
        sources = [None] * width if like is None else [column.source for column in like]
        return [Column(tensor, j, width, source) for j, source in enumerate(sources)]

    def far(self, columns, is_far):
        """Note that float32 could not hold some columns, or the columns of the table that they come from."""
        for column, of in zip(columns, np.broadcast_to(is_far, len(columns)), strict=True):
            if column.source is not None and of:
                self.needs_double[column.source] = True

    def _is_known_as(self, column, other, kind):
        """Note what a column of the table is taken for; return whether another step takes it for something else."""
        if column.holds != "input":
            return False
        known, self.reads[column.source] = self.reads[column.source], kind
        return known == other

    def _gather(self, part):
        """Return columns of one tensor as a tensor."""
        places = [column.place for column in part]
        if places == list(range(part[0].width)):
            return part[0].tensor
        return self.nodes.add("Gather", part[0].tensor, self.nodes.constant(places, np.int64), axis=1)


# --- scalers ---


def _centre(steps, scaler, columns):
    """Return (x - centre) / spread."""
    X = steps.matrix(columns, scaler)
    centre = getattr(scaler, "mean_" if isinstance(scaler, StandardScaler) else "center_", None)
    if not getattr(scaler, "with_mean", True) or not getattr(scaler, "with_centering", True):
        centre = None
    steps.far(columns, is_far(0.0 if centre is None else centre, 1.0 if scaler.scale_ is None else scaler.scale_))
    X = X if centre is None else steps.nodes.add("Sub", X, steps.constant(centre))
    X = X if scaler.scale_ is None else steps.nodes.add("Div", X, steps.constant(scaler.scale_))
    return steps.columns_of(X, len(columns), columns)


def _to_range(steps, scaler, columns):
    """Return scale x + least, clipped where the scaler clips; of a MaxAbsScaler x / scale."""
    X, is_to_one = steps.matrix(columns, scaler), isinstance(scaler, MaxAbsScaler)
    if is_to_one:
        steps.far(columns, is_far(scaler.max_abs_, scaler.max_abs_))
        X, low, high = steps.nodes.add("Div", X, steps.constant(scaler.scale_)), -1.0, 1.0
    else:
        steps.far(columns, is_far((scaler.data_max_ + scaler.data_min_) / 2, scaler.data_range_))
        X = steps.nodes.add("Mul", X, steps.constant(scaler.scale_))
        X, (low, high) = steps.nodes.add("Add", X, steps.constant(scaler.min_)), scaler.feature_range
    if getattr(scaler, "clip", False):
        kept = steps.nodes.add("Max", steps.nodes.add("Min", X, steps.constant(high)), steps.constant(low))
        X = steps.nodes.add("Where", steps.nodes.add("IsNaN", X), X, kept)
    return steps.columns_of(X, len(columns), columns)


# --- arithmetic ---


def _project(steps, step, columns):
    """Return the components of rows."""
    X, turn = steps.matrix(columns, step), step.components_.T.astype(np.float64)
    if isinstance(step, PCA):
        X = steps.nodes.add("Sub", X, steps.constant(step.mean_))
        if step.whiten:
            turn = turn / np.maximum(np.sqrt(step.explained_variance_), np.finfo(np.float64).eps)
        steps.far(columns, is_far(step.mean_, 1.0))
    return steps.columns_of(steps.nodes.add("MatMul", X, steps.constant(turn)), turn.shape[1])


def _multiply(steps, step, columns):
    """Return products of columns."""
    X, powers = steps.matrix(columns, step), step.powers_
    factors = [np.repeat(np.arange(len(columns)), of) for of in powers]
    degree = max(map(len, factors))
    places = np.array([[*of, *[len(columns)] * (degree - len(of))] for of in factors])  # the last column is 1
    X = steps.nodes.add("Pad", X, steps.nodes.constant([0, 0, 0, 1], np.int64), steps.constant(1.0))
    made = None
    for i in range(degree):
        part = steps.nodes.add("Gather", X, steps.nodes.constant(places[:, i], np.int64), axis=1)
        made = part if made is None else steps.nodes.add("Mul", made, part)
    return steps.columns_of(made, len(powers))


def _apply(steps, step, columns):
    """Return a function of numbers."""
    if step.func is None:
        return columns
    X = steps.matrix(columns, step)
    if step.kw_args or step.func not in (*_FUNCTIONS, np.log1p, np.square):
        raise ValueError(
            f"FunctionTransformer({getattr(step.func, '__name__', step.func)}) of the pipeline is Python code, which "
            "cannot be converted to ONNX; of NumPy's functions abs, exp, log, log1p, negative, sign, sqrt and square "
            "can. Apply it before the pipeline, or deploy by pickle."
        )
    if step.func is np.log1p:
        made = steps.nodes.add("Log", steps.nodes.add("Add", X, steps.constant(1.0)))
    else:
        made = steps.nodes.add("Mul", X, X) if step.func is np.square else steps.nodes.add(_FUNCTIONS[step.func], X)
    return steps.columns_of(made, len(columns), columns)


def _binarize(steps, step, columns):
    """Return 1 above a threshold, 0 up to it."""
    above = steps.nodes.add("Greater", steps.matrix(columns, step), steps.constant(step.threshold))
    steps.far(columns, np.float32(step.threshold) != step.threshold)
    return steps.columns_of(steps.nodes.cast(above, np.float64), len(columns))


def _normalize(steps, step, columns):
    """Return rows over their norm; those of norm 0 as they are."""
    X, axis = steps.matrix(columns, step), steps.nodes.constant([1], np.int64)
    size = steps.nodes.add("Abs", X)
    if step.norm == "l2":
        size = steps.nodes.add("Sqrt", steps.nodes.add("ReduceSum", steps.nodes.add("Mul", X, X), axis))
    else:
        size = steps.nodes.add("ReduceSum" if step.norm == "l1" else "ReduceMax", size, axis)
    is_zero = steps.nodes.add("Equal", size, steps.constant(0.0))
    size = steps.nodes.add("Where", is_zero, steps.constant(1.0), size)
    return steps.columns_of(steps.nodes.add("Div", X, size), len(columns))


# --- steps of steps ---


def _by_columns(steps, step, columns):
    """Return what the transformers of a ColumnTransformer make of their columns, beside each other."""
    made, weights = [], step.transformer_weights or {}
    names = list(getattr(step, "feature_names_in_", range(len(columns))))
    for name, one, where in step.transformers_:
        part = [columns[j] for j in positions(where, names)]
        if part:
            made += _weighted(steps, step, steps.pass_through(one, part), weights.get(name))
    return made


def _beside(steps, step, columns):
    """Return what the transformers of a FeatureUnion make of columns, beside each other."""
    weights = step.transformer_weights or {}
    return [
        column
        for name, one in step.transformer_list
        for column in _weighted(steps, step, steps.pass_through(one, columns), weights.get(name))
    ]


def _weighted(steps, step, columns, weight):
    """Return columns times the weight of their transformer."""
    if weight is None or not columns:
        return columns
    made = steps.nodes.add("Mul", steps.matrix(columns, step), steps.constant(weight))
    return steps.columns_of(made, len(columns), columns)


#: Transformers that accept missing values, or consist of steps that are checked themselves.
_TAKE_GAPS = (encode, _apply, _by_columns, _beside)
_WRITERS = {
    StandardScaler: _centre,
    RobustScaler: _centre,
    MinMaxScaler: _to_range,
    MaxAbsScaler: _to_range,
    SimpleImputer: impute,
    MissingIndicator: indicate,
    OneHotEncoder: encode,
    OrdinalEncoder: encode,
    TargetEncoder: encode,
    KBinsDiscretizer: into_bins,
    PCA: _project,
    TruncatedSVD: _project,
    PolynomialFeatures: _multiply,
    FunctionTransformer: _apply,
    Binarizer: _binarize,
    Normalizer: _normalize,
    ColumnTransformer: _by_columns,
    FeatureUnion: _beside,
}
