"""Plot losses and scores over the epochs, and mark the epoch that was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimbalance._nesting import inner_classifier
from skimbalance.plotting.display import COLORS, GREY, ShownAsPicture, finish, new_axes, one_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from sklearn.base import BaseEstimator


class HistoryDisplay(ShownAsPicture):
    """Losses and scores over the epochs, each kind on axes of its own, with the epochs that members kept.

    Use `from_estimator`.

    Parameters
    ----------
    history : dict of str to list of float
        What training wrote down, one value an epoch, as ``history_``.
    best_epoch : ndarray of int, shape (n_members,), default=None
        Number of the epoch that each member of the network kept, from 1 on.
    name : str, default=None
        Title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One a kind: losses first.
    figure_ : matplotlib Figure
        Where they are.
    lines_ : dict of str to matplotlib Line2D
        Curves by name in the history.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import HistoryDisplay, ImbalancedKerasClassifier
    >>> X, y = make_classification(n_samples=1000, weights=[0.9], random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(clf)
    """

    axes_: np.ndarray
    figure_: Figure
    lines_: dict[str, Line2D]

    def __init__(
        self,
        history: dict[str, list[float]],
        *,
        best_epoch: int | np.ndarray | None = None,
        name: str | None = None,
    ) -> None:
        self.history, self.name = history, name
        self.best_epoch = None if best_epoch is None else np.atleast_1d(best_epoch)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        name: str | None = None,
        ax: Axes | np.ndarray | None = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the training of a fitted classifier.

        Parameters
        ----------
        estimator : ImbalancedKerasClassifier, or a pipeline or search that ends in one
            Fitted.
        name, ax, **line_kwargs
            As `plot` takes them.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the classifier has no ``history_``, or nothing in it.
        """
        check_is_fitted(estimator)
        clf = inner_classifier(estimator)
        history = getattr(clf, "history_", None)
        if not history or not len(history.get("loss", ())):
            raise ValueError(f"{type(clf).__name__} has no training history (history_) to draw.")
        return cls(history, best_epoch=getattr(clf, "best_epoch_", None), name=name).plot(ax, **line_kwargs)

    def plot(self, ax: Axes | np.ndarray | None = None, *, name: str | None = None, **line_kwargs: Any) -> Self:
        """Draw one axes for losses, and one for every other score.

        Parameters
        ----------
        ax : matplotlib Axes or array of these, default=None
            Where to draw, as many as there are kinds; None makes a figure.
        name : str, default=None
            Title.
        **line_kwargs : dict
            What matplotlib's ``plot`` takes for the curves.

        Returns
        -------
        HistoryDisplay
        """
        kinds = {}
        for key in self.history:
            kinds.setdefault(key.removeprefix("val_"), []).append(key)
        if ax is None:
            ax = new_axes((4.6 * len(kinds) + 1.5, 3.6), len(kinds))
        self.axes_ = np.ravel(ax)
        if len(self.axes_) != len(kinds):
            raise ValueError(f"ax holds {len(self.axes_)} axes; this history takes one for each of {list(kinds)}.")
        self.figure_, self.lines_ = self.axes_[0].figure, {}
        for on, (kind, keys) in zip(self.axes_, kinds.items(), strict=True):
            for key in keys:
                values = np.asarray(self.history[key], dtype=np.float64)
                color = COLORS[int(key.startswith("val_"))]
                label = "held-out rows" if key.startswith("val_") else "training"
                (self.lines_[key],) = on.plot(
                    np.arange(1, len(values) + 1), values,
                    **{"color": color, "label": label, "marker": "" if len(values) > 1 else "o"} | line_kwargs,
                )  # fmt: skip
            self._mark(on, keys[-1])
            finish(on, xlabel="epoch", ylabel=kind.replace("_", " "))
            on.xaxis.get_major_locator().set_params(integer=True)
        one_legend(self.axes_)
        if name is not None or self.name is not None:
            self.figure_.suptitle(self.name if name is None else name)
        return self

    def _mark(self, ax, key):
        """Mark the epochs that were kept, larger for more members, where one was chosen."""
        values = np.asarray(self.history[key], dtype=np.float64)
        if self.best_epoch is None or not key.startswith("val_"):
            return
        epochs, counts = np.unique(np.clip(self.best_epoch, 1, len(values)), return_counts=True)
        label = "kept" if len(self.best_epoch) == 1 else f"kept by members ({len(self.best_epoch)})"
        ax.scatter(
            epochs, values[epochs - 1], s=18 + 14 * counts, facecolor="none", edgecolor=GREY, linewidth=1.4, zorder=3,
            label=label,
        )  # fmt: skip
