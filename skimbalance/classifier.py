"""ImbalancedKerasClassifier: hold out honest rows, let a strategy change what training sees, train, predict."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from skimbalance._startup import keep_python_random, start
from skimbalance.checks import (
    check_class_weight,
    check_features,
    check_prior,
    check_rows,
    check_validation_data,
    check_values,
    spawn_generators,
)
from skimbalance.decision import closed_form_threshold, decide, needs_rows, parse_decision, threshold_from_rows
from skimbalance.networks import (
    NETWORKS,
    LossOnOutputs,
    copy_network,
    copy_optimizer,
    decays_of,
    n_members_of,
    pack_network,
    prepare_network,
    realmlp,
    set_decays,
    unpack_network,
)
from skimbalance.posterior import fit_calibrator, shift_prior, true_posterior
from skimbalance.scikeras_bridge import SciKerasClassifier
from skimbalance.strategies import (
    CrossEntropy,
    KerasLoss,
    apply_strategy,
    handles_multi_class,
    resamples,
    resolve_strategy,
    weighted_counts,
    wrap_loss,
)
from skimbalance.training import (
    CosineLog,
    EpochEvaluation,
    EpochProgress,
    MemberSelection,
    TrainingRows,
    choose_batch_size,
    choose_epochs,
    hold_out,
    holds_enough,
    predict_logits,
    stop_early,
    train,
)

#: Share of the rows that is held out where none is given.
_SHARE = 0.1
#: Share of the training rows that each pair of members of the default network holds out, and the most rows.
_MEMBER_SHARE, _MEMBER_ROWS = 0.15, 10_000


class ImbalancedKerasClassifier(SciKerasClassifier):
    """Keras classifier for tables in which one class is rare.

    A subclass of SciKeras' ``KerasClassifier`` that keeps scikit-learn's contract, offers remedies for imbalance
    by name, and gives probabilities that follow from the remedy by a formula.

    Parameters
    ----------
    model : callable, keras.Model, "realmlp", "mlp" or None, default=None
        Builder of the network, or the network itself, which is copied for every fit and starts from its weights.
        A builder may name the arguments ``meta`` (a dict with ``n_features_in_``, ``n_classes_``, ``classes_``,
        ``output_bias_`` and other facts of the data), ``compile_kwargs`` and ``params``. The network ends in one
        logit or sigmoid unit (two classes), or in one logit per class or a softmax. None takes
        `skimbalance.networks.realmlp`, several members whose probabilities are averaged; "mlp" is
        `skimbalance.networks.mlp`, one plain network. Both scale their inputs.
    strategy : str, Strategy, sampler, list of these, or None, default="auto"
        Remedy for imbalance: one of the names in `skimbalance.strategies.STRATEGIES`, such as "class_weight", "focal",
        "smote" or "none"; a `Strategy`; any sampler of imbalanced-learn; or a list, whose parts are combined. Samplers
        see training rows only. "auto" is "logit_adjustment", under which ``predict`` favours no class as under balanced
        weights, but which trains as well as without a remedy; or "class_weight", where `class_weight` or `loss` is
        given.
    gamma : float, default=None
        Focusing exponent of a strategy that has one, at least 0; None is the strategy's own default.
    alpha : float, array-like of shape (n_classes,) or "balanced", default=None
        Class weights of a strategy that has them: for focal loss, the weight of the positive class in (0, 1), or
        one weight per class. None is the strategy's own default.
    target_prior : {"fit"}, array-like of shape (n_classes,), dict or None, default=None
        Class shares that ``predict_proba`` refers to: "fit" for those of the (weighted) y given to ``fit``, or those of
        a deployment, in the order of ``classes_`` or by label. None refers to what training showed the network, so that
        ``predict`` follows the remedy. It is used at prediction time, so that changing it needs no new fit.
    calibration : {"holdout"} or None, default=None
        "holdout" fits a logistic regression from logits to labels on held-out rows (a tenth, where no others are held
        out), and takes its probabilities in place of the loss' formula; for SMOTE-like samplers and for LDAM with more
        than two classes, whose formula is approximate.
    decision : None, float, "f1", ("fbeta", float), "balanced_accuracy", "mcc", dict or array-like, default=None
        Rule by which ``predict`` turns probabilities into labels. None is the argmax of ``predict_proba``. All others
        work on the probabilities at the prior of y (``target_prior="fit"``), whatever ``predict_proba`` shows: a
        threshold for the positive class; the best expected F1, F-beta or Matthews correlation (two classes); the best
        balanced accuracy; the least expected cost, with ``{"fp": cost, "fn": cost}`` for two classes or a matrix [true
        class, predicted class]. F-beta and "mcc" look at rows in ``fit``, the held-out ones where there are any, else
        those of training; the others may be changed without a new fit.
    optimizer : str, keras.optimizers.Optimizer, class or None, default=None
        Optimizer; built anew for every fit. None is Adam; for the default network, with the rates and the schedule of
        its recipe, of which ``optimizer__learning_rate`` (0.04 there) is the highest.
    loss : str, keras.losses.Loss, class or callable, default=None
        Loss written for Keras, in place of cross-entropy. It excludes strategies that bring a loss.
    metrics : list or dict of str, keras.metrics.Metric, class or callable, default=None
        Metrics to log, computed at the end of each epoch over all training (and held-out) rows.
    class_weight : dict or "balanced", default=None
        Weight of each label. It takes the place of balanced weights in ``strategy="class_weight"``, which "auto" then
        is, and is multiplied into every other strategy.
    epochs : int or "auto", default="auto"
        Passes over the training rows, at least 1. "auto" is 100; for the default network 32, or as many as make 256
        steps, at most 256.
    batch_size : int, "auto" or None, default="auto"
        Rows of a gradient step. "auto" takes the power of two nearest the square root of the number of training
        rows, between 32 and 1024; -1 takes all rows; None takes 32, as Keras does.
    shuffle : bool, default=True
        Whether each epoch draws a new order of the rows. With shuffling, identical rows are merged into one of
        their summed weight, so that neither order nor repetition matters; without, rows are taken as they come.
    validation_split : float in [0, 1), default=0.0
        Share of rows held out, stratified, before anything is resampled; their ``val_loss`` (at the prior of
        the data) and ``val_average_precision`` (the mean over classes, for more than two) are logged.
    early_stopping : "auto", bool, "average_precision" or "loss", default="auto"
        Whether to stop once the score of held-out rows has not improved for `n_iter_no_change` epochs, and keep the
        weights of the best epoch. True is "average_precision"; "loss" is their log-loss, at the prior of the data.
        A tenth of the rows is held out where neither `validation_split` nor ``validation_data`` is given; but every
        pair of members of the default network holds out 15 % of its own (at most 10,000 rows), and keeps an epoch of
        its own. An odd number of members does so one by one.
        "auto" is "loss" for "realmlp" and "mlp", if at least five of the rows outside the largest class can be held
        out, and False for networks of your own and smaller tables.
    n_iter_no_change : int, default=10
        Epochs without improvement (of any pair of members) after which early stopping ends training, at least 1.
    callbacks : list or dict of keras.callbacks.Callback or class, default=None
        Callbacks; each fit trains with copies of them.
    warm_start : bool, default=False
        Whether a second call of ``fit`` goes on from the weights of the first.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None, default=None
        Source of initial weights, order, dropout, splits and samplers. An int makes fits equal to the bit on one
        kind of CPU, whatever else runs in the process; no global generator or switch is read or changed.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar over the epochs with the scores and the time left, 2 prints a line for each.
    run_eagerly : bool, default=False
        Whether to train operation by operation, for debugging.
    **routed : dict
        Parameters of the parts: ``model__*`` (arguments of the builder), ``optimizer__*``, ``loss__*``,
        ``metrics__*``, ``callbacks__*``, ``strategy__*``, ``fit__*``, ``predict__*`` and ``compile__*``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    n_classes_ : int
        Their number.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had string names.
    model_ : keras.Model
        Trained network, compiled. It returns what it was built to return, logits for the default network.
    loss_ : LogitsLoss
        Loss on logits, whose ``predict_proba`` turns them into probabilities.
    strategy_ : Strategy
        Remedy as it was applied.
    history_ : dict of str to list
        What was logged, one value an epoch.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int or ndarray of shape (n_members,)
        Epoch, counted from 1, whose weights were kept: the last one, unless early stopping chose another; of each
        member, where they have epochs of their own.
    class_count_ : ndarray of shape (n_classes,)
        Weighted number of rows of each class in y.
    prior_ : ndarray of shape (n_classes,)
        Class shares of y, weighted.
    train_prior_ : ndarray of shape (n_classes,)
        Class shares that training showed the network, through resampling, batches, weights and the loss;
        ``predict_proba`` is the posterior under them, unless `target_prior` is set.
    threshold_ : float
        Probability of the positive class, at the prior of y, from which ``predict`` says positive. Two classes and a
        `decision` only.
    calibrator_ : LogisticRegression
        Model from logits to labels. With ``calibration="holdout"`` only.

    See Also
    --------
    imblearn.pipeline.Pipeline : Pipeline in which samplers may precede this classifier.
    sklearn.model_selection.GridSearchCV : Search over strategies and their parameters.

    Notes
    -----
    ``predict`` is the argmax of ``predict_proba``, so it follows the remedy: by default, every class is found as often
    as the others, however rare it is. A flat parameter (`gamma`, `alpha`) that the strategy does not have is ignored
    with a warning, so that one grid may span strategies.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedKerasClassifier(strategy="focal", gamma=1.0, epochs=20, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (400, 2)
    """

    _parameter_constraints = {
        "gamma": [None, Interval(Real, 0, None, closed="left")],
        "alpha": [None, Interval(Real, 0, 1, closed="neither"), StrOptions({"balanced"}), "array-like"],
        "target_prior": [None, StrOptions({"fit"}), dict, "array-like"],
        "calibration": [None, StrOptions({"holdout"})],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "initial_epoch": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [
            None,
            StrOptions({"auto"}),
            Options(Integral, {-1}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "shuffle": ["boolean"],
        "validation_split": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto", "average_precision", "loss"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose"],
        "run_eagerly": ["boolean"],
    }

    def __init__(
        self,
        model=None,
        *,
        strategy="auto",
        gamma=None,
        alpha=None,
        target_prior=None,
        calibration=None,
        decision=None,
        optimizer=None,
        loss=None,
        metrics=None,
        class_weight=None,
        epochs="auto",
        batch_size="auto",
        shuffle=True,
        validation_split=0.0,
        early_stopping="auto",
        n_iter_no_change=10,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        run_eagerly=False,
        **routed,
    ):
        self._assign(locals(), routed)

    def fit(self, X, y, sample_weight=None, *, validation_data=None, **fit_params):
        """Build a network and train it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows of numbers, computed with as float32.
        y : array-like of shape (n_samples,)
            Labels: strings, integers or booleans.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of rows; a weight of 2 is the same as the row twice, a weight of 0 as no row.
        validation_data : tuple of (X, y) or (X, y, sample_weight), default=None
            Rows to score every epoch on, in place of a `validation_split`; they hold every class.
        **fit_params : dict
            ``epochs``, ``batch_size``, ``shuffle``, ``validation_split``, ``verbose``, ``initial_epoch`` or
            ``callbacks`` for this call alone, as SciKeras takes them.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, a row, a label or a weight is not allowed; the message says what is.
        TypeError
            If `fit_params` holds a name that is none of the above.
        RuntimeError
            In a process forked after TensorFlow had run.
        """
        goes_on = self.warm_start and self.initialized_
        return self._fit(X, y, sample_weight, fit_params, goes_on, validation_data=validation_data)

    def partial_fit(self, X, y, classes=None, sample_weight=None, **fit_params):
        """Train for one more epoch on a chunk of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows of the chunk.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be, in any order, for the first call; None takes those of the first chunk.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of rows.
        **fit_params : dict
            As in ``fit``, ``epochs`` excepted.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            As in ``fit``, and if `classes` differ from those of the first call.

        Notes
        -----
        Class counts accumulate, so class weights are those of all rows seen so far. A class not seen yet counts
        as one row.
        """
        if "epochs" in fit_params:
            raise TypeError("partial_fit trains for one epoch; it takes no epochs. Use fit, or call it repeatedly.")
        return self._fit(X, y, sample_weight, {**fit_params, "epochs": 1}, self.initialized_, classes, partial=True)

    def initialize(self, X, y):
        """Build the network as ``fit`` would, and do not train it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Estimator with an untrained network, or with the weights of the network passed as ``model``.
        """
        return self._fit(X, y, None, {}, goes_on=False, trains=False)

    def _fit(
        self, X, y, sample_weight, fit_params, goes_on, classes=None, partial=False, trains=True, validation_data=None
    ):
        """Run the data flow of this library, a line a step."""
        start()
        settings = self._fit_settings(fit_params)
        check_values(self, {**self.get_params(deep=False), **settings})
        self._check_routing()
        rng_split, rng_sampler, rng_weights, rng_order = spawn_generators(self.random_state, 4)
        if not goes_on:
            self._forget()
        X, y, sample_weight = check_rows(self, X, y, sample_weight, classes, goes_on)
        self._count(y, sample_weight, adds=partial and goes_on)
        self._target_prior()
        rule, self._thresholds = parse_decision(self.decision, self.n_classes_), {}
        strategy = self._resolve_strategy(rng_sampler)
        held_out = None
        if validation_data is not None:
            held_out = check_validation_data(self, validation_data)
        elif share := self._held_out_share(settings, strategy, y, partial):
            X, y, sample_weight, held_out = self._hold_out(X, y, sample_weight, share, rng_split)
        all_rows = X, y, sample_weight

        rows, loss = self._apply_strategy(strategy, X, y, sample_weight, settings["shuffle"], partial)
        if goes_on:
            model, loss = self.model_, loss or self.loss_
        else:
            with keep_python_random():
                model, loss = self._new_network(rows, loss, rng_weights)
            self.history_, self._optimizer_state = {"loss": []}, None
        members = None
        if trains:
            watched = self._watched_score(model, partial)
            members, held_out = self._hold_out_own(model, loss, rows, held_out, watched, rng_split)
            order = rng_order if settings["shuffle"] else None
            epoch = self.current_epoch if partial else None
            self._train(model, loss, rows, held_out, members, watched, order, settings, epoch)
        self.strategy_, self.loss_, self.model_ = strategy, loss, model
        if self.calibration:
            self.calibrator_ = fit_calibrator(self._logits_of(held_out[0]), *held_out[1:])
        if needs_rows(rule[0]):
            if members is None or self.calibration:
                X, _, weight = held_out or all_rows
                proba = self._proba_at(self.prior_, self._logits_of(X))
            else:
                proba, _, weight = members.held_out_posteriors()
            self._thresholds = {rule: threshold_from_rows(*rule, proba[:, 1], weight)}
        return self

    def _apply_strategy(self, strategy, X, y, sample_weight, shuffle, partial):
        """Return the rows that training sees, as the strategy wants them, and its loss or None; set the prior shown."""
        class_counts = self.class_count_ if partial else None
        applied = apply_strategy(strategy, X, y, sample_weight, self.classes_, class_counts, given=self.strategy)
        self.train_prior_ = applied.train_prior
        rows = TrainingRows(
            applied.X, applied.y, applied.sample_weight,
            class_weight=applied.class_weight,
            batch_prior=applied.batch_prior,
            merge=shuffle and not applied.is_resampled,
        )  # fmt: skip
        return rows, applied.loss

    def _held_out_share(self, settings, strategy, y, partial):
        """Return the share of rows to hold out before the strategy changes the others; 0 for none."""
        share = _MEMBER_SHARE if self._builder(NETWORKS) is realmlp else _SHARE
        if settings["validation_split"]:
            return settings["validation_split"]
        # Before a sampler makes up rows from others, they are held out from all members.
        if (
            resamples(strategy)
            and self._watched_score(None, partial)
            and (self.early_stopping != "auto" or holds_enough(y, share))
        ):
            return share
        return _SHARE if self.calibration else 0.0

    def _watched_score(self, model, partial):
        """Return the score that stops training early, "loss" or "average_precision", or None."""
        stops = self.early_stopping
        if stops == "auto":
            is_ours = self._builder(NETWORKS) in NETWORKS.values() or n_members_of(model)
            stops = "loss" if is_ours else False
        return None if partial or not stops else "average_precision" if stops is True else stops

    def _hold_out_own(self, model, loss, rows, held_out, watched, rng):
        """Hold out rows for early stopping where none are yet, from each pair of members or from all of training.

        They are distinct rows, so that weights and repetitions change nothing. Members are given an order of their own.
        Return what chooses the epochs of members, or None, and the rows held out from all of training, or None.
        """
        n_members, y, stops = n_members_of(model), rows.y[rows.index], self.early_stopping
        share = min(_MEMBER_SHARE, _MEMBER_ROWS / len(y)) if n_members else _SHARE
        holds_own = bool(watched) and held_out is None and (stops != "auto" or holds_enough(y, share))
        if not n_members:
            return None, rows.hold_out(self.classes_, share, rng) if holds_own else held_out
        if holds_own and not holds_enough(y, share, at_least=1):
            counts = dict(zip(self.classes_.tolist(), np.bincount(y).tolist(), strict=True))
            raise ValueError(
                f"early_stopping={stops!r} lets each pair of members hold out {share:.0%} of the distinct rows, "
                f"but the classes count {counts}, so that none of the rarer ones would be among them; set "
                "early_stopping=False."
            )
        own = rows.give_to_members(n_members, share if holds_own else 0.0, rng)
        judged = own if holds_own else held_out
        if not watched or judged is None:
            return None, held_out
        members = MemberSelection(loss, self.train_prior_, self.prior_, judged, watched, self.n_iter_no_change)
        return members, held_out

    def _train(self, model, loss, rows, held_out, members, watched, rng, settings, epoch):
        """Train the network, from epoch number `epoch` on or the one that was set; add to the history."""
        first, n_before = settings["initial_epoch"] if epoch is None else epoch, self.current_epoch
        has_members = n_members_of(model) > 0
        watched = watched if held_out and not has_members else None
        callbacks, early_stopping = self._callbacks_of_fit(settings, watched)
        batch_size = choose_batch_size(settings["batch_size"], len(rows))
        history, self._optimizer_state = train(
            model, loss, rows,
            batch_size=batch_size,
            epochs=choose_epochs(settings["epochs"], -(-len(rows) // batch_size), has_members),
            initial_epoch=first,
            callbacks=callbacks,
            evaluate=EpochEvaluation(
                loss, self._new_metrics(), (rows.X, rows.y), held_out, self.train_prior_, self.prior_
            ),
            members=members,
            rng=rng,
            optimizer_state=self._optimizer_state,
            run_eagerly=settings["run_eagerly"],
            jit_compile=vars(self).get("compile__jit_compile", "auto"),
        )  # fmt: skip
        self.history_ = {name: self.history_.get(name, []) + values for name, values in history.items()}
        self.n_iter_ = self.current_epoch
        chooser = members or early_stopping
        best = None if chooser is None else chooser.best_epoch
        self.best_epoch_ = self.n_iter_ if best is None else n_before + best - first + 1

    def _callbacks_of_fit(self, settings, watched):
        """Return the callbacks of one fit, and the one among them that stops it early, or None."""
        callbacks, early_stopping = self._new_callbacks("fit", settings["callbacks"]), None
        if watched:
            early_stopping = stop_early(f"val_{watched}", self.n_iter_no_change)
            callbacks.append(early_stopping)
        if settings["verbose"]:
            callbacks.append(EpochProgress(settings["verbose"]))
        return callbacks, early_stopping

    def _forget(self):
        """Remove what an earlier fit left, so that a fit that fails leaves an unfitted estimator."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    def _count(self, y, sample_weight, adds):
        """Set the class counts and the prior of all rows given to fit, or to the calls of partial_fit so far."""
        self.class_count_ = weighted_counts(y, sample_weight, self.n_classes_) + (self.class_count_ if adds else 0)
        seen = np.maximum(self.class_count_, self.class_count_ == 0)
        self.prior_ = seen / seen.sum()

    def _hold_out(self, X, y, sample_weight, share, rng):
        """Split off held-out rows: X, y, sample_weight of the rest, and the three of the held-out rows."""
        kept, out = hold_out(y, self.classes_, share, rng)
        weights = (None, None) if sample_weight is None else (sample_weight[kept], sample_weight[out])
        return X[kept], y[kept], weights[0], (X[out], y[out], weights[1])

    def _resolve_strategy(self, rng):
        """Return the strategy of this fit with all parameters that are meant for it."""
        strategy = self.strategy
        if isinstance(strategy, str) and strategy == "auto":
            has_loss = self._setting("loss", "compile") is not None or getattr(self.model, "loss", None) is not None
            strategy = "class_weight" if has_loss or self.class_weight is not None else "logit_adjustment"
        return resolve_strategy(
            strategy,
            nested=self._routed("strategy"),
            flat={"gamma": self.gamma, "alpha": self.alpha},
            class_weight=check_class_weight(self.class_weight, self.classes_),
            rng=rng,
        )

    def _new_network(self, rows, loss, rng):
        """Build, check, seed and compile the network; return it with the loss on its logits."""
        prior_loss = loss or CrossEntropy()
        meta = {name: value for name, value in vars(self).items() if name.endswith("_") and name[0] != "_"}
        meta |= {
            "output_bias_": prior_loss.initial_logits(self.train_prior_),
            "X_shape_": rows.X.shape, "X_dtype_": rows.X.dtype, "y_dtype_": self.classes_.dtype,
            "target_type_": "binary" if self.n_classes_ == 2 else "multiclass",
            "n_outputs_": 1, "n_outputs_expected_": 1,
        }  # fmt: skip
        model = self._build_model(NETWORKS, meta)
        compiled_loss = getattr(model, "loss", None) if model.compiled else None
        optimizer = self._optimizer_for(model)
        if model is self.model:
            decays = decays_of(optimizer, model.trainable_variables)
            model = copy_network(model)
            set_decays(optimizer, model.trainable_variables, decays)
        is_ours = self._builder(NETWORKS) in NETWORKS.values()
        outputs = prepare_network(model, rows.X, rows.index, rows.weight, self.n_classes_, rng, is_ours)
        users_loss = self._new_loss()
        if loss is None:
            users_loss = users_loss or compiled_loss
            loss = CrossEntropy() if users_loss is None else wrap_loss(users_loss, *outputs)
        elif users_loss is not None or isinstance(
            wrap_loss(compiled_loss or "categorical_crossentropy", *outputs), KerasLoss
        ):
            raise ValueError(
                f"loss={users_loss or compiled_loss!r} was given together with strategy={self.strategy!r}, which "
                f"brings a loss of its own ({type(loss).__name__}); leave one of them out, or take "
                'strategy="class_weight", which brings none.'
            )
        model.compile(optimizer=optimizer, loss=LossOnOutputs(loss), jit_compile=False)
        return model, loss

    def _optimizer_for(self, model):
        """Return a fresh optimizer: that of a compiled network, else the one of the parameters."""
        if not model.compiled:
            if self._setting("optimizer", "compile") is None and n_members_of(model):
                recipe = {"learning_rate": 0.04, "beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8, "weight_decay": 0.01}
                settings = {**recipe, **self._routed("optimizer")}
                if isinstance(settings["learning_rate"], Real):
                    settings["learning_rate"] = CosineLog(settings["learning_rate"])
                return self._optimizer_class()(**settings)
            return self._new_optimizer()
        if self._routed("optimizer") and not self._builder_takes("compile_kwargs"):
            name = next(iter(self._routed("optimizer")))
            raise ValueError(
                f"The parameter 'optimizer__{name}' reaches nothing: the network comes compiled, with an optimizer of "
                "its own. Let the builder take compile_kwargs and call model.compile(**compile_kwargs), or not compile."
            )
        return copy_optimizer(model.optimizer)

    def _target_prior(self):
        """Return the prior that ``predict_proba`` refers to, as an array."""
        if self.target_prior is None:
            return getattr(self, "train_prior_", None)
        if isinstance(self.target_prior, str):
            return self.prior_
        return check_prior(self.target_prior, self.classes_)

    def _logits_of(self, X, callbacks=(), chunk_rows=None):
        """Return the network's logits of validated rows, as float64."""
        return predict_logits(self.model_, X, chunk_rows, callbacks).astype(np.float64)

    def _logits(self, X):
        """Return the network's logits of rows to predict."""
        check_is_fitted(self)
        X = check_features(self, X)
        chunk_rows = vars(self).get("predict__batch_size")
        chunk_rows = None if chunk_rows in (None, -1) else chunk_rows
        return self._logits_of(X, self._new_callbacks("predict"), chunk_rows)

    def _proba_at(self, prior, logits):
        """Return P(y | x) in a population with class shares `prior`."""
        if not hasattr(self, "calibrator_"):
            return true_posterior(self.loss_, logits, self.train_prior_, prior, self.prior_)
        proba = self.calibrator_.predict_proba(logits.reshape(len(logits), -1))
        return proba if prior is self.prior_ else shift_prior(proba, self.prior_, prior)

    def predict_proba(self, X):
        """Return class probabilities, under the prior that training showed or the one in `target_prior`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            P(y | x) for the classes in the order of ``classes_``; rows sum to one.

        Raises
        ------
        NotFittedError
            Before ``fit``, or after a fit that failed.
        ValueError
            If X does not have the features seen in ``fit``, or `target_prior` is no prior.
        """
        logits = self._logits(X)
        return self._proba_at(self._target_prior(), logits)

    def predict(self, X):
        """Return the label of each row by the rule in `decision`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.

        Raises
        ------
        NotFittedError
            Before ``fit``, or after a fit that failed.
        ValueError
            If X does not have the features seen in ``fit``, or `decision` was set after ``fit`` to a rule that looks at
            rows.
        """
        if self.decision is None:
            proba = self.predict_proba(X)
            return self.classes_[proba.argmax(axis=1)]
        logits = self._logits(X)
        kind, value = parse_decision(self.decision, self.n_classes_)
        threshold = None if kind == "costs" or self.n_classes_ > 2 else self._threshold()
        return self.classes_[decide(kind, value, threshold, self._proba_at(self.prior_, logits), self.prior_)]

    def _threshold(self):
        """Return the threshold of the decision rule for two classes, as the rule is now."""
        rule = parse_decision(self.decision, 2)
        if not needs_rows(rule[0]):
            return closed_form_threshold(*rule, self.prior_)
        if rule not in getattr(self, "_thresholds", {}):
            raise ValueError(
                f"decision={self.decision!r} was set after fit, but its threshold follows from rows; call fit with it, "
                'or take a rule that needs none: a threshold, costs, or "balanced_accuracy".'
            )
        return self._thresholds[rule]

    @property
    def threshold_(self):
        """Probability of the positive class, at the prior of y, from which ``predict`` says positive."""
        if not self.initialized_ or self.n_classes_ > 2 or self.decision is None:
            raise AttributeError("threshold_ exists after fit, for two classes and a decision other than None.")
        try:
            return self._threshold()
        except ValueError as error:
            raise AttributeError(str(error)) from None

    def __sklearn_is_fitted__(self):
        """Whether the estimator can predict (line 1497 upstream sets ``classes_`` before it could)."""
        return self.initialized_

    def __getstate__(self):
        """Return the state for pickling, the network as bytes."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = pack_network(self.model_)
        return state

    def __setstate__(self, state):
        """Restore the state, and the network from bytes."""
        super().__setstate__({name: value for name, value in state.items() if name != "model_"})
        if "model_" in state:
            start()
            self.model_ = unpack_network(*state["model_"])

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: sparse X is accepted, labels are single."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = handles_multi_class(self.strategy)
        return tags
