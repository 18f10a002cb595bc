"""What is the way of a fit? From a table, labels and parameters to a `Fitted`, a function a step."""

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from skimbalance._callbacks import found_so_far, without_task
from skimbalance._progress import show
from skimbalance.assembly import (
    TrainingState,
    compile_network,
    first_network,
    give_to_members,
    is_auto,
    loss_of_fit,
    new_recipe,
    new_strategy,
    optimizer_to_go_on,
    shown_rows,
)
from skimbalance.data.groups import OwnSplit, group_keys
from skimbalance.data.holdout import HeldOut, HoldOutPlan
from skimbalance.data.independence import check_independent, set_apart
from skimbalance.data.near_copies import refuse_near_copies, warn_of_near_copies
from skimbalance.data.rows import Rows, weighted_counts
from skimbalance.data.validation import check_rows, check_validation_data, check_values, spawn_generators
from skimbalance.ensemble import Ensemble
from skimbalance.fitted import Fitted
from skimbalance.networks.copying import copy_network, copy_optimizer
from skimbalance.networks.network import Network
from skimbalance.networks.prepare import adapt_network, check_missing
from skimbalance.networks.recipe import Recipe
from skimbalance.post_training import (
    blend,
    blend_evenly,
    calibrate,
    certificate_in_words,
    certify_decision,
    choose_decision,
    has_unseen_rows,
    in_words,
    predict_held_out,
    sets_of_base_models,
)
from skimbalance.probability.decision import Decision
from skimbalance.probability.positive import Positive
from skimbalance.probability.posterior import Posterior
from skimbalance.strategies import LogitsLoss, Strategy, apply_strategy, needs_calibration
from skimbalance.strategies.applied import AppliedStrategy
from skimbalance.training import (
    EpochEvaluation,
    EpochSelection,
    EpochTasks,
    Training,
    TrainingRows,
    check_converged,
    choose_batch_size,
    end_progress,
    join_histories,
    new_progress,
    train,
)
from skimbalance.training.state import read, state_of, values, write


class Generators(NamedTuple):
    """Independent sources of random numbers, one for each purpose."""

    split: np.random.Generator
    sampler: np.random.Generator
    weights: np.random.Generator
    order: np.random.Generator
    ensemble: np.random.Generator
    apart: np.random.Generator


class Table(NamedTuple):
    """Rows to train on; `is_shown`, `groups` and `labels`, (n_given,), are of all given, those of weight zero, too."""

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    is_shown: np.ndarray
    groups: np.ndarray | None
    labels: np.ndarray


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
    apart: tuple | None


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


def fit(draft, call):
    """Train a network, and all beside it.

    Parameters
    ----------
    draft : ImbalancedKerasClassifier
        Draft that holds the parameters, and that is told the facts of the table: classes, columns, counts.
    call : Call
        What is given.

    Returns
    -------
    Outcome
        What the call leaves.
    """
    task = _read(draft, call)
    parts = _assemble(draft, call, task)
    if call.before is None and parts.plan.draws_single_rows:
        warn_of_near_copies(task.rows, draft.columns_, call.extent.method)
    trained = _train(draft, call, task, parts)
    posterior = _calibrate(draft, parts, trained)
    fitted = _finish(draft, call, task, parts, trained, posterior)
    return Outcome(fitted, trained.state, parts.applied.strategy, trained.history, trained.best_epoch)


def initialize(draft, call):
    """Build a network as `fit` would, and do not train it: parameters and result are those of `fit`."""
    task = _read(draft, call)
    parts = _assemble(draft, call, task)
    posterior = Posterior(parts.loss, parts.applied.train_prior(0.0), draft.prior_)
    fitted = Fitted(draft.columns_, parts.network, None, posterior, task.decision, task.target)
    return Outcome(fitted, parts.state, parts.applied.strategy, {"loss": []})


def _read(draft, call):
    """Check parameters and table; tell the draft the facts of the table."""
    settings = draft._fit_settings(call.fit_params)
    for given in (draft.get_params(deep=False), settings):
        check_values(draft, given)
    draft._check_routing()
    rng = Generators(*spawn_generators(draft.random_state, 6))
    table, apart = _read_rows(draft, call), None
    positive = Positive.of(draft, None if call.before is None else call.before.fitted.decision.positive)
    if draft.n_classes_ == 2:
        draft.pos_label_ = draft.classes_[positive.index]
    target, decision = draft._target(positive), draft._rule(positive, draft.decision)
    strategy, recipe = new_strategy(draft, positive, settings["class_weight"], rng.sampler), new_recipe(draft)
    kinds = call.extent.base_models(draft, recipe)
    if decision.is_guaranteed and call.extent.sets_apart(call.before):
        table, apart = _set_apart(draft, table, decision.needs_positive, rng.apart)
    validation_data = draft._validation_data(call.validation_data)
    how = None if validation_data is not None else call.extent.own_split(settings["validation_split"])
    rows = _rows(draft, table, OwnSplit(how, recipe.hold_out, rng.split), settings["shuffle"])
    if call.before is None or call.extent.settles(draft.columns_):
        draft.columns_.settle(rows.X, rows.index, rows.weight)
    if settings["verbose"] and call.before is None:
        show(draft.columns_.summary())
    given = None if validation_data is None else check_validation_data(draft, validation_data)
    return Task(settings, rng, positive, target, decision, strategy, recipe, kinds, rows, given, apart)


def _read_rows(draft, call):
    """Return the table that is trained on, as given; tell the draft the facts of it, and the class counts."""
    X, y, weight, is_shown, labels = check_rows(
        draft, call.X, call.y, call.sample_weight, call.classes, call.extent.columns, is_first=call.before is None
    )
    if call.before is None:
        draft._describe(call.X, call.y, X.shape)
    before = 0 if call.before is None else draft.class_count_
    counts = call.extent.count(weighted_counts(y, weight, draft.n_classes_), before)
    seen = np.maximum(counts, counts == 0)
    draft.class_count_, draft.prior_ = counts, seen / seen.sum()
    groups = None if call.groups is None else group_keys(call.groups, len(is_shown), is_shown)
    return Table(X, y, weight, is_shown, groups, labels)


def _set_apart(draft, table, what, rng):
    """Return the table without the rows that certify a decision, and these; see `set_apart`."""
    X, y, weight, is_shown, groups, _ = table
    check_independent(weight, None if groups is None else groups[is_shown], what)
    rows = Rows(X, y, weight, merges=True)
    if groups is None:
        refuse_near_copies(rows, draft.columns_, what)
    is_kept, apart = set_apart(rows, draft.classes_, what, rng)
    is_shown = is_shown.copy()
    is_shown[is_shown] = is_kept
    weight = None if weight is None else weight[is_kept]
    return table._replace(X=X[is_kept], y=y[is_kept], sample_weight=weight, is_shown=is_shown), apart


def _rows(draft, table, split, merges):
    """Return the rows of a table, with their groups and the side of the caller's own split that each is on."""
    X, y, weight, is_shown, groups, labels = table
    shown = None if groups is None else groups[is_shown]
    if split.how is None:
        return Rows(X, y, weight, merges, shown)
    is_train, is_out = split.sides(labels, is_shown, groups)
    used = is_train | is_out
    split.check(y[used], is_out[used], draft.classes_)
    weight, shown = (None if of is None else of[used] for of in (weight, shown))
    return Rows(X[used], y[used], weight, merges, shown, is_out[used])


def _assemble(draft, call, task):
    """Hold out rows, let the strategy change the others, and make or take up the network and its loss."""
    strategy, rng, columns = task.strategy, task.rng, draft.columns_
    plan, reservoir = call.extent.plan(draft, task, call.before)
    applied = _apply(draft, call, task, strategy, plan)
    network, optimizer, state = _network(draft, call, task, applied)
    for seen in (task.rows, task.given) if task.given is not None else (task.rows,):
        check_missing(network.model, seen.X, columns)
    if is_auto(draft.strategy) and applied.loss is not None and state.came_with.loss is not None:
        strategy = new_strategy(draft, task.positive, task.settings["class_weight"], rng.sampler, has_loss=True)
        applied = _apply(draft, call, task, strategy, plan)
    loss = loss_of_fit(draft, applied.loss, state.came_with)
    first_plan = plan
    if loss.needs_calibration:
        plan = call.extent.plan_for_calibrator(draft, task, plan, call.before)
    if plan is not first_plan:
        applied = _apply(draft, call, task, strategy, plan)
        if call.before is None:
            adapt_network(network.model, applied.rows, applied.kept, columns)
    sample = call.extent.sample(draft, plan, call.before, rng.ensemble)
    state = replace(state, reservoir=call.extent.remembered(plan, reservoir, rng.split), sample=sample)
    state = compile_network(draft, network, optimizer, loss, task.positive, state)
    return Parts(strategy, plan, replace(applied, loss=loss), network, loss, state)


def _apply(draft, call, task, strategy, plan):
    """Let a strategy change the rows that are not held out, and say what training shows."""
    counts = call.extent.counts_of_all(draft)
    return apply_strategy(strategy, plan, draft.classes_, task.settings["shuffle"], counts, given=draft.strategy)


def _network(draft, call, task, applied):
    """Return the network, its optimizer, and the state of training: new ones, or those of the call before."""
    if call.before is None:
        return first_network(draft, applied, task.recipe, task.rng.weights, call.extent.seen)
    network, state = call.before.fitted.network, call.before.state
    if call.extent.settles(draft.columns_):
        seen = adapt_network(network.model, applied.rows, applied.kept, draft.columns_, state.seen)
        state = replace(state, seen=seen)
    return network, *optimizer_to_go_on(draft, network.model.optimizer, task.recipe, state)


def _train(draft, call, task, parts):
    """Train the network."""
    network, state = parts.network, parts.state
    shown = shown_rows(parts.applied, parts.loss, network)
    scored = give_to_members(parts.plan, shown, network.members, task.rng.split)
    selection = call.extent.selection(draft, task, scored, network.members)
    held_out, n_before = parts.plan.held_out(), draft.current_epoch
    evaluate = EpochEvaluation(state.metrics, shown, held_out, draft.classes_, task.positive.index)
    training = _training(draft, call, task, parts, len(shown), evaluate, selection)
    if call.task:
        found = partial(_found_by_epoch, draft, task, parts, training, network.model.optimizer)
        training.callbacks.append(EpochTasks(call.task, training.epochs, found))
    history, optimizer_state = train(network, parts.loss, shown, training, state.optimizer_state)
    n_epochs = len(history["loss"])
    kept = training.kept_epochs(n_epochs)
    end_progress(training.callbacks, kept - training.initial_epoch + 1)
    n_steps = state.n_steps + n_epochs * -(-len(shown) // training.batch_size)
    train_prior = np.array([parts.applied.train_prior(training.progress(epoch)) for epoch in kept])
    return Trained(
        shown, held_out, selection, train_prior,
        history=join_histories(getattr(draft, "history_", {"loss": []}), history),
        best_epoch=n_before + kept - training.initial_epoch + 1,
        state=replace(state, optimizer_state=optimizer_state, n_steps=n_steps),
    )  # fmt: skip


def _training(draft, call, task, parts, n_rows, evaluate, selection):
    """Return how training runs, and what it watches."""
    settings, applied, prior = task.settings, parts.applied, draft.prior_
    batch_size, epochs = choose_batch_size(settings["batch_size"], n_rows), settings["epochs"]
    if epochs == "auto":
        epochs = task.recipe.choose_epochs(n_rows, batch_size)
    callbacks = draft._new_callbacks("fit", settings["callbacks"])
    callbacks += new_progress(settings["verbose"], epochs, selection, callbacks)
    return Training(
        batch_size, epochs, call.extent.first_epoch(draft, settings), callbacks,
        posterior_at=lambda progress: Posterior(parts.loss, applied.train_prior(progress), prior),
        evaluate=evaluate,
        selection=selection,
        rng=task.rng.order if settings["shuffle"] else None,
        run_eagerly=settings["run_eagerly"],
        jit_compile=vars(draft).get("compile__jit_compile", "auto"),
        steps_before=call.extent.steps_before(parts.state),
    )  # fmt: skip


def _found_by_epoch(draft, task, parts, training, optimizer, /, model, history):
    """Return the attributes that the estimator would have, had training ended with this epoch, without base models."""
    network, state = _copy(draft, parts.network, optimizer, parts.loss, task.positive, parts.state)
    write(state_of(network.model), values(state_of(model)))
    progress = training.progress(training.initial_epoch + len(history["loss"]) - 1)
    posterior, held_out = training.posterior_at(progress), parts.plan.held_out()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit warns, once
        posterior = _calibrated(draft, parts, posterior, held_out, network)
        fitted = Fitted(draft.columns_, network, None, posterior, task.decision, task.target)
        if task.decision.needs_rows:
            predictions = predict_held_out(fitted, task.rows, held_out, None, None)
            fitted = choose_decision(fitted, predictions, task.rows, None)
        if task.apart is not None:
            fitted = certify_decision(fitted, *task.apart)
    history = join_histories(getattr(draft, "history_", {"loss": []}), history)
    return found_so_far(
        draft, Outcome(fitted, state, parts.applied.strategy, history, np.array([len(history["loss"])]))
    )


def found_by_fit(estimator):
    """Return the attributes of a fitted estimator, its network copied: a later fit does not change it."""
    fitted, state = estimator._fitted, estimator._training
    optimizer, positive = fitted.network.model.optimizer, estimator._positive_now()
    network, state = _copy(estimator, fitted.network, optimizer, fitted.posterior.loss, positive, state)
    return {
        **without_task(vars(estimator)),
        "_fitted": replace(fitted, network=network),
        "_training": state,
        "model_": network.model,
    }


def _copy(draft, network, optimizer, loss, positive, state):
    """Return a copy of a network, compiled as it is, and the state of training that belongs to it."""
    copied = Network(copy_network(network.model), network.returns_proba)
    return copied, compile_network(draft, copied, copy_optimizer(optimizer), loss, positive, state)


def _calibrate(draft, parts, trained):
    """Return what logits mean in the epochs that were kept; refuse a network that has diverged."""
    model = parts.network.model
    posterior = Posterior(parts.loss, trained.train_prior, draft.prior_)
    posterior = _calibrated(draft, parts, posterior, trained.held_out, parts.network)
    n_epochs = len(trained.history["loss"])
    check_converged(read(model.trainable_weights), read(model.non_trainable_weights), posterior, n_epochs)
    return posterior


def _calibrated(draft, parts, posterior, held_out, network):
    """Return the posterior with a calibrator, where the user, the strategy or the loss asks for one."""
    is_asked, is_rough = bool(draft.calibration), needs_calibration(parts.strategy)
    return calibrate(posterior, held_out, network, draft.classes_, is_asked=is_asked, is_rough=is_rough)


def _finish(draft, call, task, parts, trained, posterior):
    """Grow base models, blend them with the network, and give the decision rule the rows that it looks at."""
    ensemble, unseen = _grow(draft, call, task, parts, trained)
    fitted = Fitted(
        draft.columns_, parts.network, ensemble, blend_evenly(posterior, ensemble), task.decision, task.target
    )
    held_out, selection, verbose = trained.held_out, trained.selection, task.settings["verbose"]
    blends = ensemble is not None and has_unseen_rows(posterior, held_out, selection)
    if not (blends or verbose or task.decision.needs_rows):
        return fitted
    predictions = predict_held_out(fitted, task.rows, held_out, selection, unseen)
    posterior = blend(fitted.posterior, predictions) if blends else fitted.posterior
    fitted = choose_decision(replace(fitted, posterior=posterior), predictions, task.rows, selection)
    if task.apart is not None:
        fitted = certify_decision(fitted, *task.apart)
    fitted.check_decision()
    if verbose and task.apart is not None:
        show(certificate_in_words(fitted))
    if verbose:
        show(in_words(fitted, predictions, selection))
    return fitted


def _grow(draft, call, task, parts, trained):
    """Return base models, or None, and training rows that each was not fitted on: see `RowSets`."""
    if not task.kinds:
        return None, None
    if task.settings["verbose"]:
        show(f"Growing {' and '.join(task.kinds)}")
    applied, rng, selection = parts.applied, task.rng.ensemble, trained.selection
    trained_on = trained.shown, None if selection is None else selection.held_out
    sets = sets_of_base_models(applied, parts.plan, trained_on, parts.network.members, rng)
    told = call.task.begin("grow", len(task.kinds) * sets.train.shape[1])
    ensemble = Ensemble(draft.columns_, draft.prior_).grow(task.kinds, applied.rows, applied.kept, sets, rng, told)
    told.end()
    return ensemble, sets.unseen
