"""Which types do public signatures name? For editors and type checkers; nothing imports this file at run time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix


class HasShape(Protocol):
    """A data frame of any library."""

    @property
    def shape(self) -> Any: ...


class Classifier(Protocol):
    """A classifier in scikit-learn's manner, of any library."""

    @property
    def fit(self) -> Callable[..., Any]: ...

    @property
    def predict_proba(self) -> Any: ...


class Splitter(Protocol):
    """A splitter of scikit-learn, such as ``TimeSeriesSplit()``."""

    @property
    def split(self) -> Callable[..., Any]: ...

    @property
    def get_n_splits(self) -> Callable[..., int]: ...


#: Rows of shape (n_samples, n_features).
TableLike: TypeAlias = ArrayLike | HasShape | sparray | spmatrix | Sequence[Sequence[object]]
#: A value for each row, such as its label or its group.
ColumnLike: TypeAlias = ArrayLike | HasShape | Sequence[object]
#: Costs of mistakes.
CostsLike: TypeAlias = Mapping[str, Any] | Mapping[tuple[Any, Any], float] | ArrayLike
#: A decision rule.
DecisionLike: TypeAlias = str | float | tuple[str, float] | tuple[str, float, float] | CostsLike
#: Positions of the rows to train on and to test on.
Splits: TypeAlias = Iterable[tuple[ArrayLike, ArrayLike]]
#: A seed, or a source of seeds, of scikit-learn's kind.
RandomState: TypeAlias = int | np.random.RandomState
