"""The training recipe of a network: the settings used where the user passes none."""

from collections.abc import Callable
from dataclasses import dataclass, field

from skimbalance._keras.startup import keras
from skimbalance.data.holdout import SHARE


@dataclass(frozen=True)
class Recipe:
    """Training settings of a network, used for the classifier's parameters that are "auto" or None.

    A builder has it as an attribute: ``network.recipe = Recipe(early_stopping="loss")``. Partials of the builder, its
    bound methods and functions that ``functools.wraps`` it have the same recipe.

    Parameters
    ----------
    early_stopping : {False, "loss", "average_precision"}, default=False
        Score of held-out rows that stops training and selects the epoch, under ``early_stopping="auto"``.
    hold_out : float in (0, 1), default=0.1
        Share of the rows that are held out for it.
    own_rows : bool, default=False
        Whether each pair of members holds out rows of its own; for networks of member layers.
    most_rows : int or None, default=None
        Most rows that each pair of members holds out for itself.
    epochs : int, default=100
        Epochs under ``epochs="auto"``.
    min_steps : int, default=0
        Least gradient steps: small tables are trained for more epochs.
    max_epochs : int, default=100
        Most epochs that `min_steps` may lead to.
    enough_rows : int or None, default=None
        Rows shown, over all epochs, from which on tables are trained for fewer epochs, down to `few_epochs`.
    few_epochs : int, default=1
        Fewest epochs that `enough_rows` may lead to.
    max_steps : int or None, default=None
        Most gradient steps: very large tables are trained for fewer epochs still, but at least one.
    ensemble : tuple of str, default=()
        Base models that are fitted beside the network under ``ensemble="auto"``.
    optimizer : dict, default={}
        Settings of Adam under ``optimizer=None``.
    schedule : callable, default=None
        ``schedule(learning_rate)``, a Keras schedule around the rate of that Adam.

    Examples
    --------
    >>> from skimbalance.networks import Recipe
    >>> def network(meta):
    ...     ...
    >>> network.recipe = Recipe(early_stopping="loss", epochs=200)
    """

    early_stopping: bool | str = False
    hold_out: float = SHARE
    own_rows: bool = False
    most_rows: int | None = None
    epochs: int = 100
    min_steps: int = 0
    max_epochs: int = 100
    enough_rows: int | None = None
    few_epochs: int = 1
    max_steps: int | None = None
    ensemble: tuple = ()
    optimizer: dict = field(default_factory=dict)
    schedule: Callable | None = None

    def choose_epochs(self, n_rows, batch_size):
        """Return the number of epochs, for a number of training rows and of those in a step."""
        n_steps = -(-n_rows // batch_size)
        epochs = max(self.epochs, min(-(-self.min_steps // n_steps), self.max_epochs))
        if self.enough_rows is not None:
            epochs = min(epochs, max(-(-self.enough_rows // n_rows), self.few_epochs))
        return epochs if self.max_steps is None else min(epochs, max(self.max_steps // n_steps, 1))

    def new_optimizer(self, optimizer_class, settings):
        """Return Adam with the settings of the recipe, except for the given ones."""
        settings = {**self.optimizer, **settings}
        if self.schedule is not None and isinstance(settings.get("learning_rate"), int | float):
            settings["learning_rate"] = self.schedule(settings["learning_rate"])
        return optimizer_class(**settings)


def recipe_of(builder):
    """Return the recipe of a builder or a network, or of the function that it wraps, or None."""
    while builder is not None:
        recipe = vars(builder).get("recipe") if isinstance(builder, keras.Model) else getattr(builder, "recipe", None)
        if isinstance(recipe, Recipe):
            return recipe
        builder = next((getattr(builder, n) for n in ("func", "__wrapped__", "__func__") if hasattr(builder, n)), None)
    return None
