"""Layers that encode categories and missing values, saved as part of the network."""

import numpy as np

from skimbalance._keras.startup import keras
from skimbalance.data.statistics import Quantiles
from skimbalance.data.table import MOST_ONE_HOT
from skimbalance.networks.layers import AdaptedLayer, MemberLayer, Normal

ops = keras.ops

#: Indicators and rows of an embedding are padded to multiples of these, so that the folds of a table, which may lack a
#: category, share a compiled program.
_INDICATORS, _ROWS = 4, 8
#: Codes of indicators that are not of a category: of a missing value, and of nothing, for padding.
_GAP, _NONE = -1, -2
#: Dimension of the embedding of a category (RealMLP's recipe).
N_EMBEDDED = 8


@keras.saving.register_keras_serializable("skimbalance")
class Encode(AdaptedLayer):
    """Encode a table with categories and missing values as numbers; the first layer of a network for such tables.

    It returns the numbers; then indicators, one for each column with missing values and one for each category that is
    not rare (of two categories, one for the second); then, for `n_codes` columns of many categories, the rows of their
    categories in the table of `MemberEmbedding`. Missing numbers are replaced by the median of the training rows; in a
    column that had none in training, a scaling layer (`RobustScale`, `Standardize`) replaces them by the center. If the
    table arrives in chunks, four such columns can still get an indicator. Rare and unknown categories have no
    indicator: all indicators of the column are 0. `ImbalancedKerasClassifier` calls `adapt` before training. Create the
    layer by `Encode.of`.

    Parameters
    ----------
    n_numbers : int
        Columns of numbers and booleans.
    n_indicators : int
        Indicators, including padding that is always 0.
    n_codes : int, default=0
        Categorical columns that are passed on to be embedded.
    n_levels : int, default=0
        Most categories of any of these columns.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", NeurIPS, arXiv:2407.04491.

    Examples
    --------
    >>> from skimbalance.networks import Encode
    >>> def network(meta):
    ...     inputs = keras.Input((meta["n_features_in_"],))
    ...     hidden = keras.layers.Dense(16, "relu")(Standardize()(Encode.of(meta)(inputs)))
    ...     return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"])(hidden))
    """

    def __init__(self, n_numbers, n_indicators, n_codes=0, n_levels=0, **kwargs):
        super().__init__(**kwargs)
        self.n_numbers, self.n_indicators, self.n_codes, self.n_levels = n_numbers, n_indicators, n_codes, n_levels

    @classmethod
    def of(cls, meta, embeds=False, **kwargs):
        """Return the layer for the table in a builder's ``meta``.

        Parameters
        ----------
        meta : dict
            The classifier's fitted attributes when it builds a network; ``columns_`` is used here.
        embeds : bool, default=False
            Whether columns of more than eight categories are passed on as codes, to be embedded.
        **kwargs : dict
            Arguments of ``keras.layers.Layer``.
        """
        columns = meta["columns_"]
        numbers, indicators, codes = _plan(columns, embeds)
        most = max((columns.n_codes(j) for j in codes), default=0)
        least = 0 if numbers else 1  # a column without categories of its own still needs a width of one
        n_indicators = _filled(max(len(indicators), least), _INDICATORS)
        return cls(len(numbers), n_indicators, len(codes), _filled(most, _ROWS), **kwargs)

    @property
    def n_features(self):
        """Number of numbers and indicators."""
        return self.n_numbers + self.n_indicators

    def build(self, input_shape):
        """Create the variables for columns, codes and the medians that replace missing values."""

        def whole(name, *shape):
            return self.add_weight(name=name, shape=shape, dtype="int32", initializer="zeros", trainable=False)

        self.number_of, self.column_of = whole("number_of", self.n_numbers), whole("column_of", self.n_indicators)
        self.fill = self.add_weight(name="fill", shape=(self.n_numbers,), initializer="zeros", trainable=False)
        self.fills = whole("fills", self.n_numbers)
        self.level_of = self.add_weight(
            name="level_of", shape=(self.n_indicators,), initializer="zeros", trainable=False
        )
        if self.n_codes:
            self.code_of = whole("code_of", self.n_codes)
            self.place_of = whole("place_of", self.n_codes * (self.n_levels + 1))

    def adapt(self, X, columns, sample_weight=None, index=None, seen=None):
        """Learn the columns and their categories, and the medians of training rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Rows.
        columns : Columns
            What they hold.
        sample_weight : ndarray of shape (n_rows,), default=None
            Weight of each row; None weighs all alike.
        index : ndarray of shape (n_rows,), default=None
            Which rows to take; None takes all.
        seen : list, default=None
            Result of the previous call, if the rows are a chunk: medians are then those of all chunks. Empty
            for the first piece; None forgets.

        Returns
        -------
        list or None
            Statistics of each column with missing values, in bounded size; None if `seen` is.
        """
        numbers, indicators, codes = _plan(columns, bool(self.n_codes))
        if not self.built:
            self.build(X.shape)
        fill, known = np.zeros(len(numbers)), []
        for i, j in enumerate(numbers):
            if columns.missing[j]:
                column = (X[:, j] if index is None else X[index, j]).astype(np.float64)
                there = ~np.isnan(column)
                weight = None if sample_weight is None else sample_weight[there]
                summary = (seen[len(known)] if seen else Quantiles()).with_piece(column[there], weight)
                fill[i] = summary.center_and_spread()[0]
                known.append(None if seen is None else summary.compressed())
        self.number_of.assign(numbers)
        self.fill.assign(fill)
        self.fills.assign(columns.missing[numbers])
        spare = [(0, _NONE)] * (self.n_indicators - len(indicators))
        self.column_of.assign([column for column, _ in indicators + spare])
        self.level_of.assign([float(level) for _, level in indicators + spare])
        if self.n_codes:
            self.code_of.assign(codes)
            self.place_of.assign(_places(columns, codes, self.n_levels).ravel())
        return None if seen is None else known

    def columns(self, X, index=None):
        """Yield every column of numbers and indicators of some rows, one at a time."""
        for j, fill in zip(np.asarray(self.number_of), np.asarray(self.fill), strict=True):
            column = X[:, j] if index is None else X[index, j]
            yield np.where(np.isnan(column), fill, column)
        for j, level in zip(np.asarray(self.column_of), np.asarray(self.level_of), strict=True):
            column = X[:, j] if index is None else X[index, j]
            hit = np.isnan(column) if level == _GAP else (column == level) & (level >= 0)
            yield hit.astype(np.float32)

    def call(self, inputs):
        """Return (..., n_columns) -> (..., n_numbers + n_indicators + n_codes)."""
        numbers = ops.take(inputs, self.number_of, axis=-1)
        is_filled = ops.logical_and(ops.isnan(numbers), self.fills > 0)
        parts = [ops.where(is_filled, self.fill, numbers)]
        if self.n_indicators:
            looked_at = ops.take(inputs, self.column_of, axis=-1)
            is_level = ops.logical_and(ops.equal(looked_at, self.level_of), self.level_of >= 0)
            hit = ops.where(ops.equal(self.level_of, _GAP), ops.isnan(looked_at), is_level)
            parts.append(ops.cast(hit, inputs.dtype))
        if self.n_codes:
            codes = ops.clip(ops.take(inputs, self.code_of, axis=-1), 0, self.n_levels)
            offsets = np.arange(self.n_codes, dtype="int32") * (self.n_levels + 1)
            places = ops.take(self.place_of, ops.cast(codes, "int32") + offsets, axis=0)
            parts.append(ops.cast(places, inputs.dtype))
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the shape of the outputs."""
        return (*input_shape[:-1], self.n_features + self.n_codes)

    def get_config(self):
        """Return the constructor's arguments."""
        names = ("n_numbers", "n_indicators", "n_codes", "n_levels")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("skimbalance")
class MemberEmbedding(MemberLayer):
    """Embed the categories in the last features, with an embedding of its own for each member.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_codes : int
        Number of last features that are categories, as `Encode` returns them; 0 is none.
    n_places : int
        Most categories of any of them.
    **kwargs : dict
        Arguments of ``keras.layers.Layer``.

    Examples
    --------
    Two numbers and a category, which is embedded in eight numbers:

    >>> import numpy as np
    >>> from skimbalance.networks import MemberEmbedding
    >>> rows = np.array([[0.3, -1.2, 0], [1.5, 0.4, 3]], dtype=np.float32)
    >>> tuple(MemberEmbedding(n_members=4, n_codes=1, n_places=5)(rows).shape)
    (4, 2, 10)
    """

    def __init__(self, n_members, n_codes, n_places, **kwargs):
        super().__init__(n_members, **kwargs)
        self.n_codes, self.n_places = n_codes, n_places
        self._draw_table = Normal(1.0)

    def build(self, input_shape):
        """Create a table of numbers for every member and category."""
        shape = (self.n_members, self.n_codes, self.n_places, N_EMBEDDED)
        self.table = self.add_weight(name="table", shape=shape, initializer=self._draw_table)

    def call(self, inputs):
        """Return (n_rows, d) or (n_members, n_rows, d) -> (n_members, n_rows, d - n_codes + 8 n_codes)."""
        inputs = inputs + ops.zeros((self.n_members, 1, 1), inputs.dtype)
        rest, places = inputs[..., : -self.n_codes], ops.cast(inputs[..., -self.n_codes :], "int32")
        # A product with indicators is faster than a look-up, whose gradient is summed row by row.
        shown = ops.one_hot(places, self.n_places, dtype=self.table.dtype)
        seen = ops.einsum("mrcp,mcpe->mrce", shown, self.table)
        seen = ops.reshape(seen, (self.n_members, -1, N_EMBEDDED * self.n_codes))
        return ops.concatenate([rest, seen], axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the shape of the outputs."""
        return (self.n_members, input_shape[-2], input_shape[-1] + (N_EMBEDDED - 1) * self.n_codes)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "n_codes": self.n_codes, "n_places": self.n_places}


def n_places(columns):
    """Return the most categories of any embedded column, "other" included, padded."""
    return _filled(max(_n_told(columns, j) + 1 for j in _plan(columns, True)[2]), _ROWS)


def _plan(columns, embeds):
    """Return the columns of numbers, the indicators as pairs (column, code), and the columns that are embedded."""
    numbers, indicators, codes = [], [], []
    for j, kind in enumerate(columns.kinds):
        if kind != "category":
            numbers.append(j)
            if columns.missing[j]:
                indicators.append((j, _GAP))
        elif embeds and _n_told(columns, j) > MOST_ONE_HOT:
            codes.append(j)
        else:
            kept, n_told = columns.kept[j].tolist(), _n_told(columns, j)
            indicators += [(j, code) for code in (kept[1:] if n_told == 2 and not columns.n_rare(j) else kept)]
            indicators += [(j, _NONE)] * (n_told - len(kept))
    indicators += [(j, _GAP) for j in columns.late_missing]
    indicators += [(0, _NONE)] * (columns.room_for_missing - len(columns.late_missing))
    return numbers, indicators, codes


def _n_told(columns, j):
    """Return how many categories of a column have a code of their own, or may get one."""
    return columns.room[j] or len(columns.kept[j])


def _places(columns, codes, n_levels):
    """Return the row of each category of the embedded columns in the embedding, (n_codes, n_levels + 1).

    Every column has a row for "other"; without training rows it is -1, which embeds as zeros.
    """
    places = np.empty((len(codes), n_levels + 1), dtype=np.int32)
    for i, j in enumerate(codes):
        kept = columns.kept[j]
        places[i] = _n_told(columns, j) if columns.n_rare(j) else -1
        places[i, kept] = np.arange(len(kept))
    return places


def _filled(n, multiple):
    """Return the next multiple."""
    return -(-n // multiple) * multiple
