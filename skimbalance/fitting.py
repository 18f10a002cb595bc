"""What is the way of a fit? From a table, labels and parameters to a `Fitted`, a function a step."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skimbalance.assembly import (
    TrainingState,
    compile_network,
    first_network,
    give_to_members,
    is_auto,
    loss_of_fit,
    new_recipe,
    new_selection,
    new_strategy,
    optimizer_to_go_on,
    plan_chunk,
    plan_rows,
    shown_rows,
)
from skimbalance.data.holdout import HeldOut, HoldOutPlan, plan_hold_out
from skimbalance.data.rows import Rows, weighted_counts
from skimbalance.data.validation import check_rows, check_validation_data, check_values, spawn_generators
from skimbalance.ensemble import grow_ensemble, resolve_ensemble
from skimbalance.fitted import Fitted
from skimbalance.judging import (
    calibrate,
    choose_decision,
    in_words,
    is_judged_by_unseen,
    judge,
    rows_of_base_models,
    weigh,
    weigh_evenly,
)
from skimbalance.networks.network import Network
from skimbalance.networks.prepare import adapt_network, check_gaps
from skimbalance.networks.recipe import Recipe
from skimbalance.probability.decision import Decision
from skimbalance.probability.positive import Positive
from skimbalance.probability.posterior import Posterior
from skimbalance.strategies import LogitsLoss, Strategy, apply_strategy, needs_calibration
from skimbalance.strategies.applied import AppliedStrategy
from skimbalance.training import (
    EpochEvaluation,
    EpochProgress,
    EpochSelection,
    Training,
    TrainingRows,
    check_converged,
    choose_batch_size,
    join_histories,
    train,
)
from skimbalance.training.state import read


class Generators(NamedTuple):
    """Independent sources of random numbers, one for each purpose."""

    split: np.random.Generator
    sampler: np.random.Generator
    weights: np.random.Generator
    order: np.random.Generator
    ensemble: np.random.Generator


@dataclass(frozen=True, eq=False)
class Call:
    """What one call of ``fit``, ``partial_fit`` or ``initialize`` is given.

    Attributes
    ----------
    X, y, sample_weight : object
        As the caller gave them.
    fit_params : dict
        Settings for this call alone.
    goes_on : bool
        Whether it goes on from an earlier call.
    is_chunk : bool
        Whether the rows are one chunk of many.
    classes : array-like or None
        All labels that there will be.
    validation_data : tuple or None
        Held-out rows of the caller's own.
    """

    X: Any
    y: Any
    sample_weight: Any
    fit_params: dict
    goes_on: bool = False
    is_chunk: bool = False
    classes: Any = None
    validation_data: Any = None


@dataclass(frozen=True, eq=False)
class Task:
    """What a call asks for, once its parameters and its table are read."""

    settings: dict
    rng: Generators
    positive: Positive
    target: str | np.ndarray
    decision: Decision
    strategy: Strategy
    recipe: Recipe
    kinds: dict
    rows: Rows
    given: HeldOut | None


@dataclass(frozen=True, eq=False)
class Parts:
    """What is trained, and on which rows."""

    strategy: Strategy
    plan: HoldOutPlan
    applied: AppliedStrategy
    network: Network
    loss: LogitsLoss
    state: TrainingState


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves: which rows it showed, and which epochs were kept."""

    shown: TrainingRows
    held_out: HeldOut | None
    selection: EpochSelection | None
    train_prior: np.ndarray
    history: dict
    best_epoch: np.ndarray
    state: TrainingState


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a call leaves.

    Attributes
    ----------
    fitted : Fitted
        All that predicts.
    state : TrainingState
        What a later call goes on from.
    strategy : Strategy
        Strategy as it was applied.
    history : dict of str to list
        What was logged, of earlier calls as well.
    best_epoch : ndarray of shape (n_members,) or (1,), or None
        Number of the epoch that each member keeps; None where nothing was trained.
    """

    fitted: Fitted
    state: TrainingState
    strategy: Strategy
    history: dict
    best_epoch: np.ndarray | None = None


def fit(estimator, call):
    """Train a network, and all beside it.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier
        Draft that holds the parameters, and that is told the facts of the table: classes, columns, counts.
    call : Call
        What is given.

    Returns
    -------
    Outcome
        What the call leaves.
    """
    task = _read(estimator, call)
    parts = _assemble(estimator, call, task)
    trained = _train(estimator, call, task, parts)
    posterior = _calibrate(estimator, parts, trained)
    fitted = _finish(estimator, task, parts, trained, posterior)
    return Outcome(fitted, trained.state, parts.applied.strategy, trained.history, trained.best_epoch)


def initialize(estimator, call):
    """Build a network as `fit` would, and do not train it: parameters and result are those of `fit`."""
    task = _read(estimator, call)
    parts = _assemble(estimator, call, task)
    posterior = Posterior(parts.loss, parts.applied.train_prior(0.0), estimator.prior_)
    fitted = Fitted(estimator.columns_, parts.network, None, posterior, task.decision, task.target)
    return Outcome(fitted, parts.state, parts.applied.strategy, {"loss": []})


def _read(estimator, call):
    """Check parameters and table; tell the estimator the facts of the table."""
    settings = estimator._fit_settings(call.fit_params)
    check_values(estimator, {**estimator.get_params(deep=False), **settings})
    estimator._check_routing()
    rng = Generators(*spawn_generators(estimator.random_state, 5))
    X, y, weight = check_rows(estimator, call.X, call.y, call.sample_weight, call.classes, call.goes_on, call.is_chunk)
    if not call.goes_on:
        estimator._describe(call.X, call.y, X.shape)
    _count(estimator, y, weight, adds=call.is_chunk and call.goes_on)
    positive = Positive.of(estimator, estimator._fitted.decision.positive if call.goes_on else None)
    if estimator.n_classes_ == 2:
        estimator.pos_label_ = estimator.classes_[positive.index]
    target, decision = estimator._target(positive), estimator._rule(positive)
    strategy, recipe = new_strategy(estimator, positive, settings["class_weight"], rng.sampler), new_recipe(estimator)
    kinds = (
        {}
        if call.is_chunk
        else resolve_ensemble(recipe.ensemble if is_auto(estimator.ensemble) else estimator.ensemble)
    )
    rows = Rows(X, y, weight, merges=settings["shuffle"])
    if not call.goes_on or (call.is_chunk and estimator._training.seen is not None):
        estimator.columns_.settle(rows.X, rows.index, rows.weight)
    if settings["verbose"] and not call.goes_on:
        print(estimator.columns_.summary())
    given = None if call.validation_data is None else check_validation_data(estimator, call.validation_data)
    return Task(settings, rng, positive, target, decision, strategy, recipe, kinds, rows, given)


def _count(estimator, y, sample_weight, adds):
    """Set the class counts and the prior of all rows given to fit, or to the calls of partial_fit so far."""
    counts = weighted_counts(y, sample_weight, estimator.n_classes_)
    estimator.class_count_ = counts + (estimator.class_count_ if adds else 0)
    seen = np.maximum(estimator.class_count_, estimator.class_count_ == 0)
    estimator.prior_ = seen / seen.sum()


def _assemble(estimator, call, task):
    """Hold out rows, let the strategy change the others, and make or take up the network and its loss."""
    strategy, rng, columns = task.strategy, task.rng, estimator.columns_
    plan, reservoir = _plan(estimator, call, task)
    applied = _apply(estimator, call, task, strategy, plan)
    network, optimizer, state = _network(estimator, call, task, applied)
    for seen in (task.rows, task.given) if task.given is not None else (task.rows,):
        check_gaps(network.model, seen.X, columns)
    if is_auto(estimator.strategy) and applied.loss is not None and state.came_with.loss is not None:
        strategy = new_strategy(estimator, task.positive, task.settings["class_weight"], rng.sampler, has_loss=True)
        applied = _apply(estimator, call, task, strategy, plan)
    loss = loss_of_fit(estimator, applied.loss, state.came_with)
    if loss.needs_calibration and not call.is_chunk and plan.held_out() is None:
        share = task.settings["validation_split"]
        plan = plan_rows(estimator, task.rows, strategy, task.recipe, share, rng.split, calibrates=True)
        applied = _apply(estimator, call, task, strategy, plan)
        if not call.goes_on:
            adapt_network(network.model, applied.rows, applied.kept, columns)
    state = compile_network(estimator, network, optimizer, loss, task.positive, replace(state, reservoir=reservoir))
    return Parts(strategy, plan, replace(applied, loss=loss), network, loss, state)


def _plan(estimator, call, task):
    """Return which rows are held out, and the reservoir of those held out from all chunks so far, or None."""
    share, recipe = task.settings["validation_split"], task.recipe
    if task.given is not None:
        return plan_hold_out(task.rows, estimator.classes_, estimator.prior_, given=task.given), None
    if not call.is_chunk:
        return plan_rows(estimator, task.rows, task.strategy, recipe, share, task.rng.split), None
    share = share or (recipe.hold_out if estimator.calibration else 0.0)
    reservoir = estimator._training.reservoir if call.goes_on else None
    return plan_chunk(estimator, task.rows, reservoir, share, task.rng.split)


def _apply(estimator, call, task, strategy, plan):
    """Let a strategy change the rows that are not held out, and say what training shows."""
    counts = estimator.class_count_ if call.is_chunk else None
    return apply_strategy(
        strategy, plan, estimator.classes_, task.settings["shuffle"], counts, given=estimator.strategy
    )


def _network(estimator, call, task, applied):
    """Return the network, its optimizer, and the state of training: new ones, or those of the call before."""
    if not call.goes_on:
        return first_network(estimator, applied, task.recipe, task.rng.weights, {} if call.is_chunk else None)
    network, state = estimator._fitted.network, estimator._training
    if call.is_chunk and state.seen is not None:
        seen = adapt_network(network.model, applied.rows, applied.kept, estimator.columns_, state.seen)
        state = replace(state, seen=seen)
    return network, *optimizer_to_go_on(estimator, network.model.optimizer, task.recipe, state)


def _train(estimator, call, task, parts):
    """Train the network."""
    network, state = parts.network, parts.state
    shown = shown_rows(parts.applied, parts.loss, network)
    judged = give_to_members(parts.plan, shown, network.members, task.rng.split)
    selection = None
    if not call.is_chunk:
        selection = new_selection(estimator, task.recipe, judged, network.members, task.positive)
    held_out, n_before = parts.plan.held_out(), estimator.current_epoch
    evaluate = EpochEvaluation(state.metrics, shown, held_out, estimator.classes_, task.positive.index)
    training = _training(estimator, call, task, parts, len(shown), evaluate, selection)
    history, optimizer_state = train(network, parts.loss, shown, training, state.optimizer_state)
    n_epochs = len(history["loss"])
    kept = training.kept_epochs(n_epochs)
    n_steps = state.n_steps + n_epochs * -(-len(shown) // training.batch_size)
    train_prior = np.array([parts.applied.train_prior(training.progress(epoch)) for epoch in kept])
    return Trained(
        shown, held_out, selection, train_prior,
        history=join_histories(getattr(estimator, "history_", {"loss": []}), history),
        best_epoch=n_before + kept - training.initial_epoch + 1,
        state=replace(state, optimizer_state=optimizer_state, n_steps=n_steps),
    )  # fmt: skip


def _training(estimator, call, task, parts, n_rows, evaluate, selection):
    """Return how training runs, and what it watches."""
    settings, applied, prior = task.settings, parts.applied, estimator.prior_
    batch_size, epochs = choose_batch_size(settings["batch_size"], n_rows), settings["epochs"]
    if epochs == "auto":
        epochs = task.recipe.choose_epochs(-(-n_rows // batch_size))
    callbacks = estimator._new_callbacks("fit", settings["callbacks"])
    if settings["verbose"]:
        callbacks.append(EpochProgress(settings["verbose"]))
    return Training(
        batch_size, epochs, estimator.current_epoch if call.is_chunk else settings["initial_epoch"], callbacks,
        posterior_at=lambda progress: Posterior(parts.loss, applied.train_prior(progress), prior),
        evaluate=evaluate,
        selection=selection,
        rng=task.rng.order if settings["shuffle"] else None,
        run_eagerly=settings["run_eagerly"],
        jit_compile=vars(estimator).get("compile__jit_compile", "auto"),
        steps_before=parts.state.n_steps if call.is_chunk else 0,
    )  # fmt: skip


def _calibrate(estimator, parts, trained):
    """Return what logits mean in the epochs that were kept; refuse a network that has diverged."""
    model = parts.network.model
    posterior = calibrate(
        Posterior(parts.loss, trained.train_prior, estimator.prior_),
        trained.held_out, parts.network, estimator.classes_,
        is_asked=bool(estimator.calibration), is_rough=needs_calibration(parts.strategy),
    )  # fmt: skip
    n_epochs = len(trained.history["loss"])
    check_converged(read(model.trainable_weights), read(model.non_trainable_weights), posterior, n_epochs)
    return posterior


def _finish(estimator, task, parts, trained, posterior):
    """Grow base models, weigh them, and give the decision rule the rows that it looks at."""
    ensemble, unknown = _grow(estimator, task, parts, trained.shown)
    fitted = Fitted(
        estimator.columns_, parts.network, ensemble, weigh_evenly(posterior, ensemble), task.decision, task.target
    )
    held_out, selection, verbose = trained.held_out, trained.selection, task.settings["verbose"]
    weighs = ensemble is not None and is_judged_by_unseen(posterior, held_out, selection)
    if not (weighs or verbose or task.decision.needs_rows):
        return fitted
    judged = judge(fitted, task.rows, held_out, parts.applied, selection, unknown)
    posterior = weigh(fitted.posterior, judged) if weighs else fitted.posterior
    fitted = replace(fitted, posterior=posterior, decision=choose_decision(task.decision, posterior, judged))
    if verbose:
        print(in_words(fitted, judged, trained.best_epoch, len(trained.history["loss"])))
    return fitted


def _grow(estimator, task, parts, shown):
    """Return base models, or None, and rows of training that each does not know: see `rows_of_base_models`."""
    if not task.kinds:
        return None, None
    if task.settings["verbose"]:
        print(f"Growing {' and '.join(task.kinds)}")
    applied, rng = parts.applied, task.rng.ensemble
    sets, unknown = rows_of_base_models(applied, parts.plan, shown, parts.network.members, rng)
    columns, prior = estimator.columns_, estimator.prior_
    return grow_ensemble(task.kinds, applied.rows, applied.kept, sets, columns, prior, rng), unknown
