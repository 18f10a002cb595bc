"""What do the parameters make? A strategy, a plan of held-out rows, a network, its loss and optimizer."""

from dataclasses import dataclass, field, replace

import numpy as np

from skimbalance._keras.keras_internals import decays_of, metrics_of, seeds_of_layers
from skimbalance._keras.packing import packed, unpacked
from skimbalance._keras.startup import keep_python_random, keras
from skimbalance._routing import named_metrics
from skimbalance._warnings import warn
from skimbalance.data.holdout import HoldOutRequest, plan_hold_out
from skimbalance.data.reservoir import GroupReservoir, Reservoir
from skimbalance.data.sample import TrainingSample
from skimbalance.data.validation import check_class_weight
from skimbalance.networks.builders import NETWORKS, realmlp
from skimbalance.networks.copying import build_when_saved, copy_network, copy_optimizer, set_decays
from skimbalance.networks.members import Members
from skimbalance.networks.metrics import metrics_on
from skimbalance.networks.outputs import LossOnOutputs, are_equal
from skimbalance.networks.prepare import adapt_network, prepare_network
from skimbalance.networks.recipe import Recipe, recipe_of
from skimbalance.strategies import (
    CrossEntropy,
    LogitsLoss,
    is_from_keras,
    named,
    needs_calibration,
    resamples,
    resolve_strategy,
    wrap_loss,
)
from skimbalance.training import EpochSelection, TrainingRows
from skimbalance.training.optimizers import constant_rate


@dataclass(frozen=True, eq=False)
class CameWith:
    """What a network came with, or returns.

    Attributes
    ----------
    loss : str, callable, keras.losses.Loss or None
        Loss that it came compiled with.
    compiled : bool
        Whether it came compiled.
    metrics : dict
        Metrics that it came compiled with, by `named_metrics`.
    n_outputs : int
        Columns of its outputs.
    outputs : {"proba", "logits"}
        What they are.
    is_free : bool
        Whether the loss may say what it is shown: see `wrap_loss`.
    n_classes : int
        Number of classes.
    """

    loss: object = None
    compiled: bool = False
    metrics: dict = field(default_factory=dict)
    n_outputs: int = 1
    outputs: str = "logits"
    is_free: bool = False
    n_classes: int = 2

    def __getstate__(self):
        """Return the state for pickling, Keras' objects in plain parts."""
        return packed(vars(self))

    def __setstate__(self, state):
        """Restore the state."""
        vars(self).update(unpacked(state))

    @property
    def is_other_loss(self):
        """Whether that loss is not cross-entropy."""
        return self.loss is not None and type(self.wrap(self.loss)) is not CrossEntropy

    def wrap(self, loss):
        """Return a loss written for Keras as one on logits."""
        loss = loss.loss if isinstance(loss, LossOnOutputs) else loss  # a network of an earlier fit
        return wrap_loss(loss, self.n_outputs, self.outputs, self.n_classes, self.is_free)


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a later call goes on from, beside the `Fitted` that this one leaves.

    Attributes
    ----------
    came_with : CameWith
        What the network came with.
    asked_optimizer : tuple of (class, dict) or None
        Class and settings of the optimizer that the parameters asked for; None where the network brought its own.
    optimizer_state : list of ndarray or None
        State of the optimizer after the last epoch.
    seen : dict or None
        What each layer knows of all chunks so far: see `adapt_network`.
    reservoir : Reservoir, GroupReservoir or None
        Rows held out from all chunks so far; of groups, which are held out.
    sample : TrainingSample or None
        Rows of all chunks so far that were trained on, for base models.
    n_steps : int
        Gradient steps so far.
    asked_metrics : dict
        Metrics to log, by their names.
    metrics : list of MetricOnOutputs
        The same, as the network is compiled with them; made anew when a pickle is loaded.
    optimizer_parameters : tuple or None
        Parameters from which `asked_optimizer` was read; a pickle does not hold them. While they stay the same, no
        optimizer is built to compare settings: each one that Keras builds leaves 35 kB behind.
    """

    came_with: CameWith | None = None
    asked_optimizer: tuple | None = None
    optimizer_state: list | None = None
    seen: dict | None = None
    reservoir: Reservoir | GroupReservoir | None = None
    sample: TrainingSample | None = None
    n_steps: int = 0
    asked_metrics: dict = field(default_factory=dict)
    metrics: list | None = None
    optimizer_parameters: tuple | None = None

    def __getstate__(self):
        """Return the state for pickling, Keras' objects in plain parts, what can be made anew left out."""
        return packed({**vars(self), "metrics": None, "optimizer_parameters": None})

    def __setstate__(self, state):
        """Restore the state."""
        vars(self).update(unpacked(state))


def new_strategy(estimator, positive, class_weight, rng, has_loss=None):
    """Return the strategy of this fit with all parameters that are meant for it.

    "auto" depends on whether weights, or a Keras loss, are given: to the classifier, or by a network that is compiled
    already. If a loss is passed, no strategy is added.
    """
    strategy = estimator.strategy
    if is_auto(strategy):
        if has_loss is None:
            model = estimator._users_builder()
            has_loss = estimator._setting("loss", "compile") is not None or getattr(model, "loss", None) is not None
        strategy = "class_weight" if class_weight is not None else None if has_loss else "logit_adjustment"
    strategy = resolve_strategy(
        strategy,
        nested=estimator._routed("strategy"),
        flat={"gamma": estimator.gamma, "alpha": estimator.alpha},
        class_weight=check_class_weight(class_weight, estimator.classes_),
        rng=rng,
    )
    strategy.positive, strategy.columns = positive.index, estimator.columns_
    positive.need(strategy.needs_positive)
    return strategy


def is_auto(parameter):
    """Whether a parameter is left to the classifier."""
    return isinstance(parameter, str) and parameter == "auto"


def new_recipe(estimator):
    """Return how the network says it wants to be trained."""
    builder = estimator._builder(NETWORKS)
    said = recipe_of(builder)
    if said is None and isinstance(builder, keras.Model) and Members(builder).are_layers:
        said = realmlp.recipe
    return said or Recipe()


def plan_rows(estimator, rows, strategy, recipe, share, rng, calibrates=False):
    """Decide which rows are held out, before anything is done with them.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier
        Its parameters, classes and prior.
    rows : Rows
        Rows of the table.
    strategy : Strategy
        Strategy.
    recipe : Recipe
        How the network wants to be trained.
    share : float
        ``validation_split``; not looked at, where that is a split of the caller's own.
    rng : numpy.random.Generator
        Source of the split.
    calibrates : bool, default=False
        Whether the loss needs a calibrator.
    """
    stops = {"auto": "auto" if recipe.early_stopping else None, False: None}.get(estimator.early_stopping, True)
    needs = bool(estimator.calibration) or ("auto" if calibrates or needs_calibration(strategy) else False)
    request = HoldOutRequest(
        share, stops, needs, recipe.hold_out, own=recipe.own_rows and not resamples(strategy),
        most=recipe.most_rows or np.inf,
    )  # fmt: skip
    return plan_hold_out(rows, estimator.classes_, estimator.prior_, request, rng=rng)


def plan_chunk(estimator, rows, state, share, rng):
    """Hold out a share of the rows of a chunk, or of its groups; all those so far are scored.

    `state` is that of the call before, or None.

    Returns
    -------
    HoldOutPlan
        Plan.
    Reservoir, GroupReservoir or None
        Rows held out so far, where a share is; of groups, also where none is.

    Raises
    ------
    ValueError
        If rows are held out, or were, and groups are given in some calls, but not in all.
    """
    plan, reservoir = plan_hold_out(rows, estimator.classes_, estimator.prior_), getattr(state, "reservoir", None)
    had, has = isinstance(reservoir, GroupReservoir), rows.groups is not None
    if state is not None and had != has:
        if share or (had and reservoir.holds_any):
            raise ValueError(
                f"groups was given {'before' if had else 'now'}, but not {'now' if had else 'before'}: it cannot be "
                "known which groups were trained on. Pass groups in every call of fit and partial_fit, or hold out "
                "none in all of them (validation_split=0, early_stopping=False, calibration=None)."
            )
        return plan, None
    if has:
        reservoir = (reservoir if had else GroupReservoir(share, rng)).with_share(share)
        reservoir, out = reservoir.with_piece(rows, estimator.classes_)
    elif not share:
        return plan, None
    else:
        reservoir = Reservoir(share, rng) if reservoir is None or reservoir.share != share else reservoir
        reservoir, out = reservoir.with_piece(rows)
    return replace(plan, out=out, given=reservoir.held_out(estimator.prior_)), reservoir


def first_network(estimator, applied, recipe, rng, seen):
    """Return a new network, its optimizer, and the state of training before the first step.

    `seen` is what layers know of chunks so far, {}; None where there are none.
    """
    # What a layer draws by itself follows from this seed; what it draws by an initializer that it has is drawn again.
    with keep_python_random(), seeds_of_layers(int(rng.spawn(1)[0].integers(2**31 - 1))):
        model, came_with, optimizer = _new_model(estimator, applied)
        network, n_outputs, outputs = prepare_network(model, estimator.n_features_in_, estimator.n_classes_, rng)
        seen = adapt_network(model, applied.rows, applied.kept, estimator.columns_, seen)
    is_ours = any(recipe is builder.recipe for builder in NETWORKS.values())
    came_with = replace(
        came_with, n_outputs=n_outputs, outputs=outputs, is_free=is_ours and not model.compiled,
        n_classes=estimator.n_classes_,
    )  # fmt: skip
    asked = None if came_with.compiled else _settings_of(optimizer)
    return network, optimizer, TrainingState(came_with, asked, seen=seen)


def _new_model(estimator, applied):
    """Build the network; return it, what it came compiled with, and its optimizer."""
    first_loss = applied.loss or _first_loss(estimator)
    meta = {name: value for name, value in vars(estimator).items() if name.endswith("_") and name[0] != "_"}
    meta |= {
        "output_bias_": first_loss.initial_logits(applied.train_prior(0.0)),
        "X_shape_": applied.rows.X.shape,
        "n_rows_": len(applied.kept),
    }
    users = estimator._users_builder()
    model = estimator._build_model(NETWORKS, meta)
    if Members(model).are_layers and new_recipe(estimator) == Recipe():
        warn(
            f"model={users!r} returns a network of members, but does not say how it is trained, and so is trained as "
            "any other network: set .recipe = skimbalance.realmlp.recipe on the function."
        )
    came_with = CameWith(model.loss, True, named_metrics(metrics_of(model))) if model.compiled else CameWith()
    optimizer = _first_optimizer(estimator, model)
    if model is users:
        decays = decays_of(optimizer, model.trainable_variables)
        model = copy_network(model)
        set_decays(optimizer, model.trainable_variables, decays)
    return model, came_with, optimizer


def _first_loss(estimator):
    """Return the loss on logits as far as it is known before the network is: what the first output bias is of."""
    loss = estimator._new_loss()
    if not (isinstance(loss, LogitsLoss) or is_from_keras(loss)):
        return CrossEntropy()
    return wrap_loss(loss, estimator.n_classes_, "proba", estimator.n_classes_, is_free=True)


def _first_optimizer(estimator, model):
    """Return a fresh optimizer: that of a compiled network, else the one of the parameters."""
    if not model.compiled:
        return estimator._new_optimizer(new_recipe(estimator))
    if estimator._routed("optimizer") and not estimator._builder_takes("compile_kwargs"):
        name = next(iter(estimator._routed("optimizer")))
        raise ValueError(
            f"The parameter 'optimizer__{name}' reaches nothing: the network comes compiled, with an optimizer of "
            "its own. Let the builder take compile_kwargs and call model.compile(**compile_kwargs), or not compile."
        )
    return copy_optimizer(model.optimizer)


def optimizer_to_go_on(estimator, before, recipe, state):
    """Return the optimizer that training goes on with, and the state of training.

    Where the parameters ask for another one than before, it is new, and goes on from the state of the one `before` if
    it differs in nothing but its rate.
    """
    given = estimator._optimizer_class()
    given = _settings_of(given) if isinstance(given, keras.optimizers.Optimizer) else given
    parameters = given, estimator._routed("optimizer"), recipe
    if state.asked_optimizer is None or are_equal(parameters, state.optimizer_parameters):
        return before, state
    optimizer = estimator._new_optimizer(recipe)
    asked, state = _settings_of(optimizer), replace(state, optimizer_parameters=parameters)
    if state.asked_optimizer == asked:
        return before, state
    alike = [(of, {**settings, "learning_rate": None}) for of, settings in (state.asked_optimizer, asked)]
    keeps = alike[0] == alike[1] and (constant_rate(optimizer) is None) == (constant_rate(before) is None)
    return optimizer, replace(state, asked_optimizer=asked, optimizer_state=state.optimizer_state if keeps else None)


def _settings_of(optimizer):
    """Return the class and the settings of an optimizer, without its name, which Keras numbers."""
    return type(optimizer), {name: value for name, value in optimizer.get_config().items() if name != "name"}


def loss_of_fit(estimator, loss, came_with):
    """Return the loss on logits: that of the strategy, or the user's, or cross-entropy."""
    users_loss = estimator._new_loss()
    if loss is None:
        users_loss = users_loss or came_with.loss
        return CrossEntropy() if users_loss is None else came_with.wrap(users_loss)
    if users_loss is not None or came_with.is_other_loss:
        raise ValueError(
            f"loss={users_loss or came_with.loss!r} was given together with strategy={estimator.strategy!r}, which "
            f"brings a loss of its own ({type(loss).__name__}); leave one of them out, or take "
            'strategy="class_weight", which brings none.'
        )
    return loss


def compile_network(estimator, network, optimizer, loss, positive, state):
    """Compile a network, unless it is compiled so: what users find in ``model_``. Return the state of training.

    Keras traces a network anew after every compilation.
    """
    model, loss = network.model, LossOnOutputs(loss, network.returns_proba)
    asked = {**state.came_with.metrics, **estimator._new_metrics()}
    is_same = model.compiled and model.optimizer is optimizer and loss.is_like(model.loss)
    if (
        is_same
        and are_equal(asked, state.asked_metrics)
        and all(metric.positive == positive.index for metric in state.metrics)
    ):
        return state
    metrics = metrics_on(loss, asked, estimator.n_classes_, positive.index)
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
    build_when_saved(model)
    return replace(state, asked_metrics=asked, metrics=metrics)


def shown_rows(applied, loss, network):
    """Return what training shows; where the loss scores a whole batch, rows as often as they weigh."""
    rows = applied.rows, applied.kept, applied.class_weight, applied.batch_prior
    if not loss.is_of_batch:
        return TrainingRows(*rows)
    name = named(loss)
    if network.members.are_layers:
        raise ValueError(
            f"The loss {name} scores a batch as a whole, which the default network of members cannot learn from; "
            'take one network (model="mlp", or your own), or a loss of rows.'
        )
    weight = applied.rows.weight[applied.kept]
    copies = weight / weight.min()
    whole = np.round(copies)
    costs = np.array([applied.class_weight(progress) for progress in (0.0, 0.5, 1.0)])
    if np.ptp(costs, axis=1).max() > 1e-9 * costs.max() or np.abs(copies - whole).max() > 1e-6:
        raise ValueError(
            f"The loss {name} scores a batch as a whole, in which no row or class has a weight of its own; leave "
            "out class_weight, a strategy that weighs, and any sample_weight but whole multiples of the smallest "
            '(each a row that many times), or change the rows: strategy="balanced_batches" or "random_oversample".'
        )
    return TrainingRows(*rows, copies=whole.astype(np.intp))


def give_to_members(plan, shown, members, rng):
    """Give members their rows of training; return the held-out rows that epochs are chosen by, or None."""
    if plan.own_share:
        if not members.are_layers:
            raise ValueError(
                "The recipe of the network says that its members hold out rows of their own (own_rows=True), but "
                "it is not made of member layers; say own_rows=False."
            )
        positions, held_out = plan.draw_own(members, rng)
        shown.give_to_members(members, positions)
        return held_out
    if members.are_layers:
        shown.give_to_members(members)
    return plan.held_out()


def new_selection(estimator, recipe, held_out, members, positive):
    """Return what chooses the epoch that each member keeps, or None."""
    score = recipe.early_stopping if is_auto(estimator.early_stopping) else estimator.early_stopping
    if not score or held_out is None:
        return None
    score = "average_precision" if score is True else score
    if score == "average_precision":
        positive.need(f"early_stopping={estimator.early_stopping!r}")
    return EpochSelection(held_out, members, score, estimator.n_iter_no_change, positive.index)
