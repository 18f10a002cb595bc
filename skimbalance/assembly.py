"""What do the parameters make? A strategy, a network that says how it wants to be trained, its loss and optimizer."""

import warnings

from skimbalance.checks import check_class_weight
from skimbalance.engine.keras_internals import decays_of, rate_of
from skimbalance.engine.startup import keep_python_random, keras
from skimbalance.networks import (
    NETWORKS,
    LossOnOutputs,
    Members,
    Recipe,
    copy_network,
    copy_optimizer,
    prepare_network,
    realmlp,
    recipe_of,
    set_decays,
)
from skimbalance.scikeras_bridge import SciKerasClassifier
from skimbalance.strategies import CrossEntropy, KerasLoss, resolve_strategy, wrap_loss


class AssemblingClassifier(SciKerasClassifier):
    """Classifier that makes the parts of a fit from its parameters, anew for every fit."""

    def _new_strategy(self, rng, has_loss=None):
        """Return the strategy of this fit with all parameters that are meant for it.

        "auto" depends on whether a Keras loss is given: to the classifier, or by a network that is compiled already.
        """
        strategy = self.strategy
        if self._is_auto():
            if has_loss is None:
                has_loss = self._setting("loss", "compile") is not None or getattr(self.model, "loss", None) is not None
            strategy = "class_weight" if has_loss or self.class_weight is not None else "logit_adjustment"
        return resolve_strategy(
            strategy,
            nested=self._routed("strategy"),
            flat={"gamma": self.gamma, "alpha": self.alpha},
            class_weight=check_class_weight(self.class_weight, self.classes_),
            rng=rng,
        )

    def _is_auto(self):
        """Whether the strategy is left to the classifier."""
        return isinstance(self.strategy, str) and self.strategy == "auto"

    def _recipe(self):
        """Return how the network says it wants to be trained."""
        builder = self._builder(NETWORKS)
        said = recipe_of(builder)
        if said is None and isinstance(builder, keras.Model) and Members(builder).are_layers:
            said = realmlp.recipe
        return said or Recipe()

    def _new_model(self, applied):
        """Build the network; return it, the loss it came compiled with or None, and its optimizer."""
        first_loss = applied.loss or CrossEntropy()
        meta = {name: value for name, value in vars(self).items() if name.endswith("_") and name[0] != "_"}
        meta |= {
            "output_bias_": first_loss.initial_logits(applied.train_prior(0.0)),
            "X_shape_": (len(applied.kept), applied.rows.X.shape[1]), "X_dtype_": applied.rows.X.dtype,
            "y_dtype_": self.classes_.dtype, "target_type_": "binary" if self.n_classes_ == 2 else "multiclass",
            "n_outputs_": 1, "n_outputs_expected_": 1,
        }  # fmt: skip
        with keep_python_random():
            model = self._build_model(NETWORKS, meta)
            if Members(model).are_layers and self._recipe() == Recipe():
                warnings.warn(
                    f"model={self.model!r} returns a network of members, but does not say how it is trained, and so is "
                    "trained as any other network: set .recipe = skimbalance.realmlp.recipe on the function.",
                    UserWarning,
                    stacklevel=5,
                )
            came_with = getattr(model, "loss", None) if model.compiled else None
            optimizer = self._optimizer_of_fit(model)
            if model is self.model:
                decays = decays_of(optimizer, model.trainable_variables)
                model = copy_network(model)
                set_decays(optimizer, model.trainable_variables, decays)
        return model, came_with, optimizer

    def _prepared(self, model, came_with, rows, rng):
        """Check, seed and adapt a new network; return it, and what a Keras loss is to see of its outputs."""
        with keep_python_random():
            network, *outputs = prepare_network(model, rows, self.n_classes_, rng)
        return network, (came_with, *outputs)

    def _loss_of_fit(self, loss, seen):
        """Return the loss on logits: that of the strategy, or the user's, or cross-entropy.

        Parameters
        ----------
        loss : LogitsLoss or None
            Loss of the strategy.
        seen : tuple
            The loss that the network came compiled with, or None; the number of its outputs, and what they are.
        """
        came_with, *outputs = seen
        users_loss = self._new_loss()
        if loss is None:
            users_loss = users_loss or came_with
            return CrossEntropy() if users_loss is None else wrap_loss(users_loss, *outputs)
        if users_loss is not None or self._is_other_loss(came_with, outputs):
            raise ValueError(
                f"loss={users_loss or came_with!r} was given together with strategy={self.strategy!r}, which "
                f"brings a loss of its own ({type(loss).__name__}); leave one of them out, or take "
                'strategy="class_weight", which brings none.'
            )
        return loss

    @staticmethod
    def _is_other_loss(came_with, outputs):
        """Whether a network came compiled with a loss that is not cross-entropy."""
        return came_with is not None and isinstance(wrap_loss(came_with, *outputs), KerasLoss)

    def _compile(self, network, optimizer, loss):
        """Compile a network, unless it is compiled so: what users find in ``model_``, what Keras' own loop trains with.

        Keras traces a network anew after every compilation.
        """
        model, loss = network.model, LossOnOutputs(loss, network.returns_proba)
        if not model.compiled or model.optimizer is not optimizer or not loss.is_like(model.loss):
            model.compile(optimizer=optimizer, loss=loss, jit_compile=False)

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

    def _optimizer_asked_for(self):
        """Return the optimizer that the parameters ask for, to be compared with that of an earlier fit."""
        optimizer = self._new_optimizer(self._recipe())
        settings = {name: value for name, value in optimizer.get_config().items() if name != "name"}
        return type(optimizer), settings

    def _optimizer_to_go_on(self, network, before, asked, state):
        """Return the optimizer and its state for a fit that goes on; new ones where the parameters ask for others.

        Another rate alone leaves the state as it is.
        """
        (old_class, old), (new_class, new) = before, asked
        if (old_class, old) == (new_class, new):
            return network.model.optimizer, state
        optimizer = self._new_optimizer(self._recipe())
        without_rate = [{k: v for k, v in config.items() if k != "learning_rate"} for config in (old, new)]
        is_alike = old_class is new_class and without_rate[0] == without_rate[1]
        is_alike = is_alike and type(rate_of(optimizer)) is type(rate_of(network.model.optimizer))
        return optimizer, state if is_alike else None
