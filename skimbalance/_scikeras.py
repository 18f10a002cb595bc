"""What of SciKeras do we keep? Its class, its parameters and their routing, correct on today's scikit-learn.

Line numbers are those of scikeras/wrappers.py 0.13.0, whose last commit is of April 2024.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
from scikeras._utils import route_params, unflatten_params
from scikeras.wrappers import BaseWrapper, KerasClassifier
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import FunctionTransformer, LabelEncoder

from skimbalance._callbacks import SupportsCallbacks
from skimbalance._documentation import LinkedToDocumentation
from skimbalance._keras.startup import keras
from skimbalance._routing import PREFIXES, class_of_name, flatten, is_routed, named_metrics, reachable, reaches_nothing
from skimbalance._warnings import warn
from skimbalance.networks.copying import copy_optimizer

if "__sklearn_tags__" not in vars(BaseWrapper):
    # Line 1191 defines `_more_tags` alone, and scikit-learn refuses any class in the MRO that does so. Passing the
    # call on changes nothing for SciKeras' own estimators.
    def _sklearn_tags(self):
        return super(BaseWrapper, self).__sklearn_tags__()

    BaseWrapper.__sklearn_tags__ = _sklearn_tags

#: What a routed parameter can reach: prefix -> names it takes, or None where an object decides.
_FIT_NAMES = (
    "batch_size", "epochs", "initial_epoch", "shuffle", "validation_split", "verbose", "class_weight", "callbacks",
)  # fmt: skip
_PREDICT_NAMES = ("batch_size", "callbacks", "verbose")
_COMPILE_NAMES = {"optimizer", "loss", "metrics", "jit_compile", "run_eagerly"}
#: What Keras' ``fit`` and ``predict`` take, and this classifier does otherwise.
_DONE_OTHERWISE = {
    "steps_per_epoch": "an epoch passes over all rows once; choose epochs and batch_size",
    "validation_steps": "all held-out rows are scored; choose validation_split",
    "validation_batch_size": "held-out rows are scored in chunks of the classifier's choice; leave it out",
    "validation_freq": "held-out rows are scored after every epoch; leave it out",
    "steps": "all rows are predicted; choose batch_size",
    "x": "X is the first argument",
    "sample_weight": "it is an argument of fit",
    "loss_weights": "the network has one output; scale the loss",
    "weighted_metrics": "metrics of held-out rows are those of ``metrics``; weights enter val_loss by themselves",
}
#: Parameters of other libraries, and what stands for them here.
_OF_OTHER_LIBRARIES = {
    "device": "TensorFlow takes the first GPU that it finds; the environment variable CUDA_VISIBLE_DEVICES hides it.",
    "n_jobs": "A fit has the threads of TensorFlow and OpenMP; fit several by the n_jobs of a grid or of joblib.",
    "cat_features": "Take categorical_features.",
    "scale_pos_weight": 'Take class_weight={label: weight} or strategy="class_weight".',
}
#: Attributes of ``KerasClassifier`` that nothing reads, and what stands for them.
_UNUSED = {
    "feature_encoder": "put a transformer before the classifier (sklearn.pipeline.Pipeline)",
    "target_encoder": "encode y before fit, where labels of any kind are taken as they are",
    "scorer": "override score, or name a score where it is asked for (scoring=)",
}
#: Attributes that networks' builders are told, and bookkeeping: users do not call or read them.
_OF_BUILDERS = {
    "X_dtype_", "X_shape_", "current_epoch", "feature_encoder_", "initialized_", "n_outputs_", "n_outputs_expected_",
    "target_encoder_", "target_type_", "y_dtype_", "y_ndim_",
}  # fmt: skip


class _ClassifierMixinFirst(type):
    """Put ClassifierMixin before BaseEstimator in the MRO, where line 1209 has it last; list what users call."""

    def mro(cls):
        """Return the corrected method resolution order."""
        order = super().mro()
        order.remove(ClassifierMixin)
        order.insert(order.index(BaseEstimator), ClassifierMixin)
        return order

    def __dir__(cls):
        """List names for ``help`` and tab completion."""
        return list(filter(_is_for_users, super().__dir__()))


def _is_for_users(name):
    """Whether users call or read an attribute: what is private, or upstream's and unused, fills pages of ``help``."""
    if name.startswith("set_") and name.endswith("_request"):
        return get_config()["enable_metadata_routing"]  # without it, scikit-learn's methods raise an error
    return not name.startswith("_") and name not in _UNUSED and name not in _OF_BUILDERS


class SciKerasClassifier(LinkedToDocumentation, SupportsCallbacks, KerasClassifier, metaclass=_ClassifierMixinFirst):
    """SciKeras' ``KerasClassifier`` with the parts corrected that no longer fit scikit-learn and Keras.

    It holds parameters and turns them into Keras objects; fitting and predicting are the subclass'.
    """

    def __init_subclass__(cls, **kwargs):
        """Show scikit-learn the named parameters alone: `**routed` is no parameter that could be set by its name."""
        super().__init_subclass__(**kwargs)
        signature = inspect.signature(cls.__init__)
        named = [p for p in list(signature.parameters.values())[1:] if p.kind is not p.VAR_KEYWORD]
        cls.__signature__ = signature.replace(parameters=named)

    def __dir__(self):
        """List names for tab completion."""
        return list(filter(_is_for_users, super().__dir__()))

    # Line 1165: `__repr__` prints tabs and every default; lines 1096 to 1141: `score` validates y by SciKeras' rules.
    __repr__ = BaseEstimator.__repr__
    score = ClassifierMixin.score

    # Lines 1183 to 1187: names come from `__dict__`, so that whatever is assigned becomes a parameter.
    @classmethod
    def _get_param_names(cls):
        """Return the parameters' names: those of the constructor and, where it passes keywords on, of parents."""
        names = set()
        for parent in cls.__mro__[: cls.__mro__.index(SciKerasClassifier)]:
            if "__init__" in vars(parent):
                parameters = list(inspect.signature(parent.__init__).parameters.values())[1:]
                names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
                if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                    break
        return sorted(name for name in names if not is_routed(name))

    def _assign(self, parameters, others):
        """Assign the constructor's parameters, its ``locals()``, and its other keywords.

        Line 287 (`vars(self).update(**kwargs)`) accepts every keyword, misspelt ones included.
        """
        vars(self).update({name: value for name, value in parameters.items() if name not in ("self", "routed")})
        self._assign_others(
            others, TypeError, lambda name: f"{type(self).__name__}() got an unexpected keyword argument {name!r}."
        )

    def _assign_others(self, others, error, sentence, then=""):
        """Assign routed parameters and those that the user's builder takes; refuse any other."""
        known = vars(self).get("_arguments", ())
        if "build_fn" in others:
            self.build_fn = others["build_fn"]
        for name in others:
            if not (is_routed(name) or name == "build_fn" or name in known or self._builder_takes(name)):
                raise error(sentence(name) + self._nearest(name) + then)
        arguments = {*known, *(name for name in others if not is_routed(name))}
        if arguments:
            self._arguments = tuple(sorted(arguments))
        vars(self).update(others)

    def _users_builder(self):
        """Return the user's builder or network: ``model``, the ``_keras_build_fn`` of a subclass, or None."""
        model = vars(self).get("build_fn") if self.model is None else self.model
        return getattr(self, "_keras_build_fn", None) if model is None else model

    def _builder_takes(self, name):
        """Whether the user's builder has an argument of this name."""
        builder = self._users_builder()
        if not callable(builder) or isinstance(builder, keras.Model | type):
            return False
        parameters = inspect.signature(builder).parameters.values()
        return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)

    def _nearest(self, name):
        """Return a sentence with the parameter that a name was probably meant to be."""
        if name in _OF_OTHER_LIBRARIES:
            return f" {_OF_OTHER_LIBRARIES[name]}"
        names = {known.lower(): known for known in self._get_param_names()}
        near = [names[of] for of in get_close_matches(name.lower(), names, n=1, cutoff=0.6)]
        if not near:
            near = [f"model__{name}"] if self.model is not None else []
            return f" Parameters for your network are routed: {near[0]!r}." if near else ""
        return f" Did you mean {near[0]!r}?"

    def _routed(self, prefix=None):
        """Return the routed parameters, or those of one prefix with the prefix removed."""
        names = [name for name in vars(self) if is_routed(name)]
        if prefix is None:
            return {name: vars(self)[name] for name in names}
        return route_params({n: vars(self)[n] for n in names}, destination=prefix, pass_filter=set())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters of this estimator, the routed ones included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of nested estimators.

        Returns
        -------
        dict
            Parameter names mapped to their values.
        """
        arguments = {name: vars(self)[name] for name in vars(self).get("_arguments", ())}
        return {**super().get_params(deep=deep), **self._routed(), **arguments}

    def set_params(self, **params: Any) -> Self:
        """Set the parameters of this estimator, routed ones (``optimizer__learning_rate``) included.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a name is neither a parameter nor routed, nor an argument of the network's builder.
        """
        names, others = self._get_param_names(), {}
        for name in params:
            prefix = name.partition("__")[0]
            own = params.get(prefix, getattr(self, prefix, None))
            is_nested = hasattr(own, "get_params") and not isinstance(own, type)
            if name not in names and not (prefix in names and is_nested and prefix != name):
                others[name] = params[name]
        super(BaseWrapper, self).set_params(**{n: v for n, v in params.items() if n not in others})
        self._assign_others(
            others, ValueError, lambda name: f"Invalid parameter {name!r} for estimator {type(self).__name__}.",
            f" Valid parameters are: {names}, and routed ones ({', '.join(p + '__*' for p in PREFIXES)}).",
        )  # fmt: skip
        return self

    def _describe(self, X, y, X_shape):
        """Set what SciKeras tells a builder of X and y as they were given, beside classes and features (line 826)."""
        y = np.asarray(y)
        self.X_shape_, self.y_ndim_ = X_shape, y.ndim
        self.X_dtype_, self.y_dtype_ = getattr(X, "dtype", np.dtype(np.float32)), y.dtype
        self.target_type_ = "binary" if self.n_classes_ == 2 else "multiclass"
        if y.ndim == 2 and y.shape[1] > 1:
            self.target_type_ = "multilabel-indicator"  # one-hot, and so given back by predict
        self.n_outputs_ = self.n_outputs_expected_ = 1
        self.target_encoder_, self.feature_encoder_ = LabelEncoder().fit(self.classes_), FunctionTransformer()

    def _labels(self, indices):
        """Return the labels of class indices, in the form of y."""
        if self.target_type_ == "multilabel-indicator":
            return np.eye(self.n_classes_, dtype=int)[indices]
        return self.classes_[indices]

    @property
    def current_epoch(self) -> int:
        """Number of epochs trained so far."""
        return len(self.history_["loss"]) if hasattr(self, "history_") else 0

    def _setting(self, name, destination):
        """Return a parameter as routed to `destination` (``fit__batch_size``), else the one of that name."""
        return vars(self).get(f"{destination}__{name}", vars(self).get(name))

    def _fit_settings(self, fit_params):
        """Return the settings of one call of fit: its arguments, else routed parameters, else parameters."""
        self._check_arguments(
            "fit", fit_params, _FIT_NAMES, "sample_weight, groups, validation_data, X_val, y_val and "
        )
        settings = {name: self._setting(name, "fit") for name in _FIT_NAMES if name != "callbacks"}
        settings["initial_epoch"] = settings["initial_epoch"] or 0
        settings["run_eagerly"] = self._setting("run_eagerly", "compile")
        return {**settings, "callbacks": None, **fit_params}

    def _validation_data(self, given):
        """Return the held-out rows given in a call, else those of ``fit__validation_data``, or None."""
        return self._setting("validation_data", "fit") if given is None else given

    def _predict_settings(self, predict_params):
        """Return the rows of a chunk, or None, and the callbacks of one call of predict."""
        self._check_arguments("predict", predict_params, _PREDICT_NAMES)
        settings = {**self._routed("predict"), **predict_params}
        chunk_rows = settings.get("batch_size")
        callbacks = self._new_callbacks("predict", predict_params.get("callbacks"))
        # After fit the weights are their moving averages; the optimizer that would swap them holds none then.
        callbacks = [of for of in callbacks if not isinstance(of, keras.callbacks.SwapEMAWeights)]
        return None if chunk_rows in (None, -1) else chunk_rows, callbacks

    @staticmethod
    def _check_arguments(method, arguments, allowed, others=""):
        """Refuse arguments of Keras' method that this classifier's does not take, and say what to do."""
        for name in arguments:
            if name in allowed:
                continue
            near = get_close_matches(name, allowed, n=1)
            hint = _DONE_OTHERWISE.get(name, f"did you mean {near[0]!r}?" if near else "")
            raise TypeError(
                f"{method}() got an unexpected argument {name!r}; it takes {others}{sorted(allowed)}."
                + (f" {hint[0].upper()}{hint[1:]}{'' if hint.endswith('?') else '.'}" if hint else "")
            )

    def _check_routing(self):
        """Refuse routed parameters and overrides that reach nothing, which upstream accepts silently."""
        for name, instead in _UNUSED.items():
            if getattr(type(self), name) is not getattr(KerasClassifier, name):
                raise TypeError(f"{type(self).__name__} overrides {name}, which nothing calls: {instead}.")
        for prefix, names in (
            ("fit", (*_FIT_NAMES, "validation_data")),
            ("predict", _PREDICT_NAMES),
            ("compile", _COMPILE_NAMES),
        ):
            for name in self._routed(prefix):
                if name.partition("__")[0] not in names:
                    raise reaches_nothing(f"{prefix}__{name}", sorted(names), _DONE_OTHERWISE.get(name))
        for prefix in ("optimizer", "loss", "metrics", "callbacks"):
            target = {
                "optimizer": self._optimizer_class, "loss": self._loss_class,
                "metrics": self._metric_classes, "callbacks": lambda: self.callbacks,
            }[prefix]()  # fmt: skip
            for name in self._routed(prefix):
                allowed = reachable(target, name.split("__"))
                if allowed is not True:
                    what = None
                    if target is not None and not allowed:
                        what = f"{target!r} does not accept parameters because it's not a class"
                    raise reaches_nothing(f"{prefix}__{name}", allowed, what)

    def _optimizer_class(self):
        """Return the class of the optimizer, or what the user gave if it is not a name."""
        optimizer = self._setting("optimizer", "compile")
        if optimizer is None:
            return keras.optimizers.Adam
        if not isinstance(optimizer, str):
            return optimizer
        return class_of_name(optimizer, keras.optimizers, keras.optimizers.Optimizer)

    def _new_optimizer(self, recipe=None):
        """Build a fresh optimizer; the user's own instance stays as it is (upstream, the second fit fails on it).

        Where the user names none, it is the one of the network's recipe.
        """
        optimizer, settings = self._optimizer_class(), self._routed("optimizer")
        if recipe is not None and self._setting("optimizer", "compile") is None:
            return recipe.new_optimizer(optimizer, settings)
        if isinstance(optimizer, keras.optimizers.Optimizer):
            return copy_optimizer(optimizer, **settings)
        return unflatten_params(optimizer, settings)

    def _loss_class(self):
        """Return the class of a loss given by name, so that it takes parameters (line 377 finds functions)."""
        loss = self._setting("loss", "compile")
        return class_of_name(loss, keras.losses, keras.losses.Loss) if isinstance(loss, str) else loss

    def _new_loss(self):
        """Build the user's loss, or return None."""
        loss = self._loss_class()
        return None if loss is None else unflatten_params(loss, self._routed("loss"))

    def _metric_classes(self):
        """Return the metrics, names replaced by classes."""

        def find(metric):
            if isinstance(metric, str) and metric not in ("acc", "accuracy", "ce", "crossentropy"):
                return class_of_name(metric, keras.metrics, keras.metrics.Metric)
            if isinstance(metric, list | tuple):
                return [find(part) for part in metric]
            return {key: find(part) for key, part in metric.items()} if isinstance(metric, Mapping) else metric

        metrics = self._setting("metrics", "compile")
        metrics = [metrics] if isinstance(metrics, str | type | keras.metrics.Metric) else metrics
        return find(metrics or [])

    def _new_metrics(self):
        """Return the metrics by the names they are logged by: names and functions, or classes and configurations."""
        return named_metrics(unflatten_params(self._metric_classes(), self._routed("metrics")))

    def _new_callbacks(self, destination, given_in_call=None):
        """Return the callbacks of one fit or prediction: the user's own instances, and new ones of classes."""
        callbacks = []
        for given in (self.callbacks, vars(self).get(f"{destination}__callbacks"), given_in_call):
            settings = self._routed("callbacks") if given is self.callbacks else {}
            callbacks += flatten(unflatten_params(given, settings)) if given is not None else []
        for callback in callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(
                    f"callbacks={self.callbacks!r} holds {callback!r}; it takes Keras callbacks, instances or classes, "
                    "one, or a list or dict of them."
                )
        return callbacks

    def _builder(self, named):
        """Return the user's builder or network; a name is one of the builders `named`, None the first of these."""
        if self.model is not None and hasattr(self, "_keras_build_fn"):
            raise ValueError(
                f"{type(self).__name__} cannot implement ``_keras_build_fn`` and be given model={self.model!r} as "
                "well; leave one of them out."
            )
        builder = self._users_builder()
        if builder is None:
            return next(iter(named.values()))
        if isinstance(builder, str) and builder not in named:
            raise ValueError(
                f"model={builder!r} is unknown; the names are {sorted(named)}. Or pass a function that returns a "
                "keras.Model, or a keras.Model."
            )
        return named[builder] if isinstance(builder, str) else builder

    def _build_model(self, named, meta):
        """Call the builder with the arguments that it names."""
        builder = self._builder(named)
        if vars(self).get("build_fn") is not None:
            warn("``build_fn`` will be renamed to ``model`` in a future release, as SciKeras has it; pass model=.")
        if isinstance(builder, keras.Model):
            if self._routed("model"):
                name = next(iter(self._routed("model")))
                raise ValueError(
                    f"model__{name} reaches nothing: model is a keras.Model that is built already. Pass a function "
                    f"that takes {name} and returns the network."
                )
            return builder
        # Line 315 accepts functions and partials only; a bound method or a callable object builds networks as well.
        if not callable(builder) or isinstance(builder, type):
            raise TypeError(
                f"``model`` must be None, a name, a keras.Model, or a callable that returns one (function, "
                f"functools.partial, method), not {builder!r} of type {type(builder).__name__}."
            )
        parameters = inspect.signature(builder).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        unrouted = {n: vars(self)[n] for n in vars(self).get("_arguments", ()) if n != "build_fn"}
        for name in [*self._routed("model"), *unrouted]:
            if name not in parameters and not takes_any:
                allowed = [n for n in parameters if n not in ("meta", "compile_kwargs", "params")]
                raise reaches_nothing(f"model__{name}", allowed)
        arguments = {**unrouted, **self._routed("model")}
        offered = {
            "meta": lambda: meta,
            "compile_kwargs": self._compile_kwargs_for_builder,
            "params": self.get_params,
        }
        arguments |= {name: make() for name, make in offered.items() if name in parameters or takes_any}
        model = builder(**arguments)
        if not isinstance(model, keras.Model):
            raise TypeError(f"The model builder returned {model!r}; it must return a keras.Model.")
        return model

    def _compile_kwargs_for_builder(self):
        """Return what a builder passes to ``keras.Model.compile``."""
        return {
            "optimizer": self._new_optimizer(),
            "loss": self._new_loss(),
            "metrics": [
                given[0].from_config(given[1]) if isinstance(given, tuple) else given
                for given in self._new_metrics().values()
            ]
            or None,
            "run_eagerly": self._setting("run_eagerly", "compile"),
        }
