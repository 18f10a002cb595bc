"""What do the parameters make? A strategy, a plan of held-out rows, a network, its loss and optimizer."""

import warnings
from dataclasses import dataclass, field, replace

import numpy as np

from skimbalance._keras.keras_internals import decays_of, metrics_of
from skimbalance._keras.packing import packed, unpacked
from skimbalance._keras.startup import keep_python_random, keras
from skimbalance._scikeras import SciKerasClassifier, named_metrics
from skimbalance.data.holdout import Reservoir, plan_hold_out
from skimbalance.data.validation import check_class_weight
from skimbalance.ensemble import resolve_ensemble
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
    apply_strategy,
    is_from_keras,
    named,
    needs_calibration,
    resamples,
    resolve_strategy,
    wrap_loss,
)
from skimbalance.training import EpochSelection, TrainingRows
from skimbalance.training.optimizers import constant_rate


@dataclass
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


class AssemblingClassifier(SciKerasClassifier):
    """Classifier that makes the parts of a fit from its parameters, anew for every fit."""

    def _new_strategy(self, rng, class_weight, has_loss=None):
        """Return the strategy of this fit with all parameters that are meant for it.

        "auto" depends on whether weights, or a Keras loss, are given: to the classifier, or by a network that is
        compiled already. Who brings a loss has said what to train for; nothing is added unasked.
        """
        strategy = self.strategy
        if self._is_auto():
            if has_loss is None:
                model = self._users_builder()
                has_loss = self._setting("loss", "compile") is not None or getattr(model, "loss", None) is not None
            strategy = "class_weight" if class_weight is not None else None if has_loss else "logit_adjustment"
        strategy = resolve_strategy(
            strategy,
            nested=self._routed("strategy"),
            flat={"gamma": self.gamma, "alpha": self.alpha},
            class_weight=check_class_weight(class_weight, self.classes_),
            rng=rng,
        )
        strategy.positive, strategy.columns = self._positive.index, self.columns_
        self._positive.need(strategy.needs_positive)
        return strategy

    def _is_auto(self):
        """Whether the strategy is left to the classifier."""
        return is_auto(self.strategy)

    def _recipe(self):
        """Return how the network says it wants to be trained."""
        builder = self._builder(NETWORKS)
        said = recipe_of(builder)
        if said is None and isinstance(builder, keras.Model) and Members(builder).are_layers:
            said = realmlp.recipe
        return said or Recipe()

    def _new_model(self, applied):
        """Build the network; return it, what it came compiled with, and its optimizer."""
        first_loss = applied.loss or self._first_loss()
        meta = {name: value for name, value in vars(self).items() if name.endswith("_") and name[0] != "_"}
        meta |= {"output_bias_": first_loss.initial_logits(applied.train_prior(0.0)), "X_shape_": applied.rows.X.shape}
        with keep_python_random():
            model = self._build_model(NETWORKS, meta)
            if Members(model).are_layers and self._recipe() == Recipe():
                warnings.warn(
                    f"model={self._users_builder()!r} returns a network of members, but does not say how it is "
                    "trained, and so is trained as any other network: set .recipe = skimbalance.realmlp.recipe on the "
                    "function.",
                    UserWarning,
                    stacklevel=5,
                )
            came_with = CameWith(model.loss, True, named_metrics(metrics_of(model))) if model.compiled else CameWith()
            optimizer = self._optimizer_of_fit(model)
            if model is self._users_builder():
                decays = decays_of(optimizer, model.trainable_variables)
                model = copy_network(model)
                set_decays(optimizer, model.trainable_variables, decays)
        return model, came_with, optimizer

    def _first_loss(self):
        """Return the loss on logits as far as it is known before the network is: what the first output bias is of."""
        loss = self._new_loss()
        if not (isinstance(loss, LogitsLoss) or is_from_keras(loss)):
            return CrossEntropy()
        return wrap_loss(loss, self.n_classes_, "proba", self.n_classes_, is_free=True)

    def _network_of_fit(self, applied, recipe, rng, goes_on, partial):
        """Return the network, what it came with, its optimizer, and the optimizer's state."""
        if goes_on:
            if partial and self._seen is not None:
                self._seen = adapt_network(self.model_, applied.rows, applied.kept, self.columns_, self._seen)
            state = self._fitted.network, self._came_with, self.model_.optimizer, self._optimizer_state
            asked = _settings_of(self._new_optimizer(recipe))
            if self._optimizer_asked is not None and self._optimizer_asked != asked:
                state = *state[:2], *self._optimizer_to_go_on(recipe, asked)
                self._optimizer_asked = asked
            return state
        model, self._came_with, optimizer = self._new_model(applied)
        with keep_python_random():
            network, *outputs = prepare_network(model, self.n_features_in_, self.n_classes_, rng)
            self._seen = adapt_network(model, applied.rows, applied.kept, self.columns_, {} if partial else None)
        self._came_with.n_outputs, self._came_with.outputs = outputs
        is_ours = any(recipe is builder.recipe for builder in NETWORKS.values())
        self._came_with.n_classes, self._came_with.is_free = self.n_classes_, is_ours and not model.compiled
        self._optimizer_asked = None if self._came_with.compiled else _settings_of(optimizer)
        return network, self._came_with, optimizer, None

    def _loss_of_fit(self, loss, came_with):
        """Return the loss on logits: that of the strategy, or the user's, or cross-entropy."""
        users_loss = self._new_loss()
        if loss is None:
            users_loss = users_loss or came_with.loss
            return CrossEntropy() if users_loss is None else came_with.wrap(users_loss)
        if users_loss is not None or came_with.is_other_loss:
            raise ValueError(
                f"loss={users_loss or came_with.loss!r} was given together with strategy={self.strategy!r}, which "
                f"brings a loss of its own ({type(loss).__name__}); leave one of them out, or take "
                'strategy="class_weight", which brings none.'
            )
        return loss

    def _shown(self, applied, loss, network):
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

    def _compile(self, network, optimizer, loss, came_with):
        """Compile a network, unless it is compiled so: what users find in ``model_``.

        Keras traces a network anew after every compilation.
        """
        model, loss = network.model, LossOnOutputs(loss, network.returns_proba)
        asked = {**came_with.metrics, **self._new_metrics()}
        is_same = model.compiled and model.optimizer is optimizer and loss.is_like(model.loss)
        if (
            is_same
            and are_equal(asked, self._metrics_asked)
            and all(m.positive == self._positive.index for m in self._metrics)
        ):
            return
        self._metrics_asked, self._metrics = asked, metrics_on(loss, asked, self.n_classes_, self._positive.index)
        model.compile(optimizer=optimizer, loss=loss, metrics=self._metrics, jit_compile=False)
        build_when_saved(model)

    def _optimizer_of_fit(self, model):
        """Return a fresh optimizer: that of a compiled network, else the one of the parameters."""
        if not model.compiled:
            return self._new_optimizer(self._recipe())
        if self._routed("optimizer") and not self._builder_takes("compile_kwargs"):
            name = next(iter(self._routed("optimizer")))
            raise ValueError(
                f"The parameter 'optimizer__{name}' reaches nothing: the network comes compiled, with an optimizer of "
                "its own. Let the builder take compile_kwargs and call model.compile(**compile_kwargs), or not compile."
            )
        return copy_optimizer(model.optimizer)

    def _optimizer_to_go_on(self, recipe, asked):
        """Return a new optimizer and its state; that of the one before where it differs in nothing but its rate."""
        optimizer, before = self._new_optimizer(recipe), self.model_.optimizer
        alike = [(of, {**settings, "learning_rate": None}) for of, settings in (self._optimizer_asked, asked)]
        keeps = alike[0] == alike[1] and (constant_rate(optimizer) is None) == (constant_rate(before) is None)
        return optimizer, self._optimizer_state if keeps else None

    def _plan_hold_out(self, rows, strategy, recipe, settings, given, rng, partial, calibrates=False):
        """Decide which rows are held out, before anything is done with them."""
        if partial:
            return self._plan_piece(rows, recipe, settings["validation_split"], rng)
        stops = {"auto": "auto" if recipe.early_stopping else None, False: None}.get(self.early_stopping, True)
        needs = bool(self.calibration) or ("auto" if calibrates or needs_calibration(strategy) else False)
        return plan_hold_out(
            rows, self.classes_, self.prior_, split=settings["validation_split"], stops=stops, needs=needs,
            share=recipe.hold_out, own=recipe.own_rows and not resamples(strategy), most=recipe.most_rows or np.inf,
            given=given, rng=rng,
        )  # fmt: skip

    def _plan_piece(self, rows, recipe, share, rng):
        """Hold out a share of the rows of a piece, where that is asked for; all those so far are scored."""
        share = share or (recipe.hold_out if self.calibration else 0.0)
        plan = plan_hold_out(rows, self.classes_, self.prior_)
        if not share:
            self._reservoir = None
            return plan
        before = self._reservoir
        if before is None or before.share != share:
            before = Reservoir(share, rng)
        self._reservoir, out = before.with_piece(rows)
        return replace(plan, out=out, given=self._reservoir.held_out(self.prior_))

    def _apply(self, strategy, plan, settings, partial):
        """Let the strategy change the rows that are not held out, and say what training shows."""
        class_counts = self.class_count_ if partial else None
        return apply_strategy(strategy, plan, self.classes_, settings["shuffle"], class_counts, given=self.strategy)

    def _other_kinds(self, recipe):
        """Return the classifiers that are to be asked beside the network, by name."""
        return resolve_ensemble(recipe.ensemble if is_auto(self.ensemble) else self.ensemble)

    def _selection(self, plan, shown, network, recipe, rng, partial):
        """Return what chooses the epoch that each member keeps, or None, and the rows held out from all, or None."""
        held_out = judged = plan.held_out()
        if plan.own_share:
            if not network.members.are_layers:
                raise ValueError(
                    "The recipe of the network says that its members hold out rows of their own (own_rows=True), but "
                    "it is not made of member layers; say own_rows=False."
                )
            positions, judged = plan.draw_own(network.members, rng)
            shown.give_to_members(network.members, positions)
        elif network.members.are_layers:
            shown.give_to_members(network.members)
        score = recipe.early_stopping if self.early_stopping == "auto" else self.early_stopping
        if partial or not score or judged is None:
            return None, held_out
        score = "average_precision" if score is True else score
        if score == "average_precision":
            self._positive.need(f"early_stopping={self.early_stopping!r}")
        return EpochSelection(judged, network.members, score, self.n_iter_no_change, self._positive.index), held_out


def is_auto(parameter):
    """Whether a parameter is left to the classifier."""
    return isinstance(parameter, str) and parameter == "auto"


def _settings_of(optimizer):
    """Return the class and the settings of an optimizer, without its name, which Keras numbers."""
    return type(optimizer), {name: value for name, value in optimizer.get_config().items() if name != "name"}
