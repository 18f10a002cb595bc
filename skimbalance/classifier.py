"""ImbalancedKerasClassifier: hold out honest rows, let a strategy change what training sees, train, predict."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from skimbalance._callbacks import with_callbacks
from skimbalance._keras.packing import OfPickle, packed, unpacked
from skimbalance._keras.startup import is_forked, start
from skimbalance._keras.vetting import check_loaded
from skimbalance._progress import show
from skimbalance._scikeras import SciKerasClassifier
from skimbalance.assembly import is_auto
from skimbalance.call import CHUNK, Before, Call
from skimbalance.data.groups import group_keys
from skimbalance.data.independence import check_independent
from skimbalance.data.validation import (
    check_features,
    check_labelled,
    check_prior,
    check_validation_data,
    check_values,
    spawn_generators,
    validation_rows,
)
from skimbalance.ensemble import resolve_ensemble
from skimbalance.fitting import fit, found_by_fit, initialize
from skimbalance.networks.copying import pack_network, unpack_network
from skimbalance.networks.metrics import metrics_on
from skimbalance.networks.network import Network
from skimbalance.post_training import certificate_in_words, decide_by_labels, grow_on_sample
from skimbalance.probability.decision import Decision
from skimbalance.probability.positive import Positive
from skimbalance.strategies import handles_multi_class
from skimbalance.training.state import unchanged_on_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator
    from sklearn.linear_model import LogisticRegression

    from skimbalance._keras.startup import keras
    from skimbalance._typing import Classifier, ColumnLike, DecisionLike, RandomState, Splits, Splitter, TableLike
    from skimbalance.data.table import Columns
    from skimbalance.ensemble import Ensemble
    from skimbalance.fitted import Fitted
    from skimbalance.strategies import LogitsLoss, Strategy

#: Private attributes that a fit leaves: all that predicts, and what a later call goes on from.
_LEFT_BY_FIT = ("_fitted", "_training", "_network")


class _NotAsSet(ValueError, AttributeError):
    """Parameters set after fit are wrong, or ask for what it did not leave: a fitted attribute does not exist then."""


class ImbalancedKerasClassifier(SciKerasClassifier):
    """Keras classifier for tables in which one class is rare.

    A subclass of SciKeras' ``KerasClassifier`` that keeps scikit-learn's contract. Strategies for imbalance are set by
    name; whatever they change in training, ``predict_proba`` is P(y | x) in the population of y, and ``predict``
    decides by the rule in `decision`.

    Parameters
    ----------
    model : callable, keras.Model, "realmlp", "mlp" or None, default=None
        Builder of the network, or the network itself, which is copied for every fit and starts from its weights.
        A builder may name the arguments ``meta`` (a dict with ``n_features_in_``, ``n_classes_``, ``classes_``,
        ``output_bias_`` and other facts of the data), ``compile_kwargs`` and ``params``. A subclass may define
        ``_keras_build_fn`` in its place, as SciKeras has it. The network ends in one
        logit or sigmoid unit (two classes), or in one logit per class or a softmax. None takes
        `skimbalance.networks.realmlp`, several members whose probabilities are averaged; "mlp" is
        `skimbalance.networks.mlp`, one plain network. Both scale their inputs.
    strategy : str, Strategy, sampler, list of these, or None, default="auto"
        How training deals with imbalance: a name, such as "class_weight", "focal", "smote" or "none" (all
        are in the guide, under "Strategies"); a `Strategy`; any sampler of imbalanced-learn; or a list, which
        combines its parts. Samplers see training rows only. "auto" is "logit_adjustment": ``predict`` then treats all
        classes as equally frequent, as under balanced weights, but training is as good as without a strategy. If
        `class_weight` is given, "auto" is "class_weight". If you pass a `loss`, or a network compiled with one, no
        strategy is added.
    gamma : float, default=None
        Focusing exponent of a strategy that has one, at least 0; None is the strategy's own default.
    alpha : float, array-like of shape (n_classes,) or "balanced", default=None
        Class weights of a strategy that has them: for focal loss, the weight of the positive class in (0, 1), or
        one weight per class. None is the strategy's own default.
    pos_label : label, default=None
        Which of two labels is positive. Needed by what treats the two differently: `alpha` as a number, a threshold,
        false-positive and false-negative costs, "f1", F-beta, asymmetric strategies, metrics and average precision.
        None is 1 or True among {0, 1}, {-1, 1} and booleans; of other labels, one has to be named there. Columns of
        ``predict_proba`` keep the order of ``classes_``.
    categorical_features : "auto", array-like of bool, int or str, or None, default="auto"
        Columns of categories: a mask, positions or names. "auto" takes those of a frame (pandas, polars, pyarrow) that
        hold text, or have a category type, and columns of text in an array of objects; None takes none. A missing
        value is a category of its own. Rare categories, of fewer than three distinct rows (of three rows, where most
        rows would be "other" otherwise), and those that ``fit`` has not seen are read as one: "other".
    target_prior : {"fit", "train"}, float, array-like of shape (n_classes,) or dict, default="fit"
        Class shares of the population that ``predict_proba`` refers to: "fit" for those of the (weighted) y given to
        ``fit``; those of a deployment, as the share of the positive class of two, one share per class in the order of
        ``classes_``, or by label, each at least 1e-9; "train" for those that the strategy showed the network
        (``train_prior_``). Where a sampler stands before the classifier in a pipeline, y is what the sampler returns:
        give the share that was there before it. It is used at prediction time, so that changing it needs no new fit.
    calibration : {"holdout"} or None, default=None
        "holdout" fits a logistic regression from logits to labels on held-out rows (a tenth, where no others are held
        out), and takes its probabilities in place of the loss' formula; for SMOTE-like samplers, whose formula is
        approximate. It warns where fewer than five rows of a class are held out. A strategy that needs it (LDAM) is
        calibrated so by itself where there are enough rows.
    decision : None, float, str, tuple, dict or array-like, default=None
        Rule by which ``predict`` turns probabilities into labels. None is the strategy's own: the most probable class
        at the class shares that it showed the network, whatever `target_prior` is. A number is the least probability
        of the positive class, as ``predict_proba`` gives it. All others decide best in the population of
        `target_prior` (that of y for "fit" and "train"):

        - "accuracy" or "balanced_accuracy";
        - ``{"fp": cost, "fn": cost}`` (two classes), ``{("true label", "predicted label"): cost, ...}`` or a matrix
          [true class, predicted class], for the least expected cost;
        - "f1", ``("fbeta", beta)`` or "mcc" (two classes), for the best expected F1, F-beta or Matthews correlation;
          "f1" of more classes is macro F1;
        - ``("precision", floor)`` or ``("recall", floor)`` (two classes). The first takes the threshold with the
          highest recall among those whose expected precision is at least the floor; the second the one with the highest
          precision among those whose expected recall is;
        - ``("precision", floor, confidence)`` or ``("recall", floor, confidence)``, for a floor that holds on new rows
          with this probability. It is checked on labelled rows that were used for nothing else. ``fit`` sets a fifth of
          the rows apart for it, or as many as hold 1,000 of each class, and refuses unequal weights and copies or near
          copies of rows; rows made by a sampler in front of the classifier void it. Where nothing certifies the floor,
          a warning says so, and no row is predicted positive by a floor of precision, every row by one of recall;
        - ``("rate", share)`` (two classes), the threshold that flags this share of the population, no more than this
          share; rows of equal probability are flagged together or not at all. If those of the highest probability
          alone are more, they are flagged, and a warning says so;
        - ``("top", n_rows)`` or ``("top", share)`` (two classes), the rows of highest probability of all that
          ``predict`` is given at once, the first of equal ones: n_rows, or a share rounded down, at least one. It
          depends on the batch, and cannot be exported.

        F-beta, "mcc" and macro F1 look at rows in ``fit``, the held-out ones where there are any, else those of
        training; plain floors and rates do so, too, or look at all rows where a single network was stopped early. A
        threshold, costs, accuracy, balanced accuracy and a budget may be set after ``fit``. The rest need a fit, or
        labelled rows given to `choose_decision`. Where the rule of the fit looked at rows, another one without a
        confidence may be set as well, and looks at the same rows. ``set_params`` never counts labels: where `decision`
        is set to the rule of the fit, or to the one chosen, that rule is back as it was.
    optimizer : str, keras.optimizers.Optimizer, class or None, default=None
        Optimizer; built anew for every fit. None is Adam; for the default network, with the rates and the schedule of
        its recipe, of which ``optimizer__learning_rate`` (0.04 there) is the highest.
    loss : str, keras.losses.Loss, class or callable, default=None
        Loss written for Keras, in place of cross-entropy. It excludes strategies that bring a loss. Probabilities are
        derived from its derivatives (focal losses, label smoothing, squared hinge). For losses that determine no
        probability (a hinge, an absolute error, a loss of a whole batch such as Dice), held-out rows calibrate them if
        there are enough; otherwise a warning says so. A loss of a whole batch takes no class weights, and one network
        rather than members.
    metrics : list or dict of str, keras.metrics.Metric, class or callable, default=None
        Metrics to log, computed at the end of each epoch over all training (and held-out) rows; beside those that the
        network comes compiled with. ``model_`` is compiled with them. One that has a number for each class
        (``F1Score()``) logs that of the positive of two, or the mean over more, and each as ``f1_score_class_<label>``.
    class_weight : dict or "balanced", default=None
        Weight of each label; labels that are not named have weight 1. It takes the place of balanced weights in
        ``strategy="class_weight"``, which "auto" then is, and is multiplied into every other strategy.
    epochs : int or "auto", default="auto"
        Passes over the training rows, at least 1. "auto" is 100; for the default network 32. It takes more on small
        tables, for 256 steps (at most 256 epochs), and fewer on large ones: as many as show 200,000 rows altogether,
        but at least 6, and never more than 12,288 steps.
    batch_size : int, "auto" or None, default="auto"
        Rows of a gradient step. "auto" takes the power of two nearest the square root of the number of training
        rows, between 32 and 1024; -1 takes all rows; None takes 32, as Keras does.
    shuffle : bool, default=True
        Whether each epoch draws a new order of the rows. With shuffling, identical rows are merged into one of
        their summed weight, so that neither order nor repetition matters; without, rows are taken as they come.
    validation_split : float in [0, 1), "last", splitter or list, default=0.0
        Share of the distinct rows, or of the groups, held out, stratified, before anything is resampled; their
        ``val_loss`` (at the prior of the data) and ``val_average_precision`` (the mean over classes, for more than two)
        are logged. Of chunks, at most 10,000 rows are held out. In ``fit``, it may instead say which rows: "last", the
        last rows of the table (with groups, those whose first row comes last), as many as the network's recipe says; a
        splitter of scikit-learn, such as ``TimeSeriesSplit()``, whose last split is taken (one of groups, such as
        ``StratifiedGroupKFold()``, needs ``groups=``); or ``[(train, test)]``, positions in X. Both sides need every
        class; all members hold out these rows. ``partial_fit`` takes a share only.
    early_stopping : "auto", bool, "average_precision" or "loss", default="auto"
        Whether to stop once the score of held-out rows has not improved for `n_iter_no_change` epochs, and keep the
        weights of the best epoch. True is "average_precision"; "loss" is their log-loss, at the prior of the data.
        A tenth of the rows is held out where neither `validation_split` nor ``validation_data`` is given; but every
        pair of members of the default network holds out 15 % of its own (at most 10,000 rows), and keeps an epoch of
        its own. If the number of members is odd, each holds out rows of its own.
        "auto" is what the network's recipe says: "loss" for "realmlp" and "mlp", if at least five of the rows outside
        the largest class can be held out; False for networks of your own without a recipe, and smaller tables.
    n_iter_no_change : int, default=10
        Epochs without improvement (of any pair of members) after which early stopping ends training, at least 1.
    ensemble : "auto", "forest", "boosting", classifier, list of these, or None, default="auto"
        Base models: other classifiers, whose probabilities are blended with the network's at the class prior of the
        data. A forest, boosted trees (`skimbalance.ensemble`), or any of scikit-learn's. One is fitted for each pair of
        members, on the same rows. The blending weights maximise the likelihood of held-out rows (see "Network and
        ensemble" in the guide). If none are held out, the probabilities are averaged, and the network counts as much as
        the others together. "auto" is what the network's recipe says: both for "realmlp", none for "mlp" and networks
        of your own. After ``partial_fit``, `grow_ensemble` grows those that are named. Every ``random_state`` in them
        that is None, nested ones included, is given a seed that follows from `random_state`.
    callbacks : list or dict of keras.callbacks.Callback or class, default=None
        Callbacks of Keras: instances, which are used as they are, or classes, of which each fit makes its own. Those of
        scikit-learn (1.9 and later) are set by ``set_callbacks``.
    warm_start : bool, default=False
        Whether a second call of ``fit`` goes on from the weights of the first.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None, default=None
        Source of initial weights, order, dropout, splits and samplers. An int makes fits equal to the bit on one
        kind of CPU, whatever else runs in the process; no global generator or switch is read or changed.
    verbose : int, default=0
        0 is silent, 1 says how the columns were read and shows a progress bar over the epochs with the scores and the
        time left (in a file, a line every half minute), 2 prints a line for each. Both end with lines on which epochs
        were kept, on held-out scores, the share of rows predicted positive, and the rule by which they are.
    run_eagerly : bool, default=False
        Whether to train operation by operation, for debugging.
    **routed : dict
        Parameters of the parts: ``model__*`` (arguments of the builder, which need no prefix where it is a function of
        your own), ``optimizer__*``, ``loss__*``, ``metrics__*``, ``callbacks__*``, ``strategy__*``, ``fit__*``,
        ``predict__*`` and ``compile__*``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    pos_label_ : label
        Positive label of two in ``fit``; the rarer one, where `pos_label` is None and the labels do not say.
    threshold_ : float
        Probability of the positive class, as ``predict_proba`` shows it, from which ``predict`` says positive: 0 for a
        rule that always does, infinity for one that never does. For two classes, but not for a budget, nor for costs
        under which both mistakes are better than right labels. It follows `decision` and `target_prior` as they are
        now.
    prior_ : ndarray of shape (n_classes,)
        Class shares of y, weighted.
    train_prior_ : ndarray of shape (n_classes,)
        Class shares that training showed the network, through resampling, batches, weights and the loss. Where they
        change in the course of training, those of the epoch that was kept (the mean over members that keep different
        ones).
    class_count_ : ndarray of shape (n_classes,)
        Weighted number of rows of each class in y.
    columns_ : Columns
        What each column was read as; printed, a small table.
    history_ : dict of str to list
        What was logged, one value an epoch; NaN where nothing was scored.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int or ndarray of shape (n_members,)
        Epoch, counted from 1, whose weights were kept: the last one, unless early stopping chose another; of each
        member, where they have epochs of their own.
    model_ : keras.Model
        Trained network, compiled. It returns what it was built to return, logits for the default network, and knows
        nothing of the base models beside it.
    ensemble_ : Ensemble or None
        Other classifiers, grown.
    ensemble_weights_ : dict of str to float
        How much the network and each base model count in the blend; they sum to one.
    strategy_ : Strategy
        Strategy as it was applied.
    loss_ : LogitsLoss
        Loss on logits, whose ``predict_proba`` turns them into probabilities.
    calibrator_ : LogisticRegression
        Model from logits to labels. With ``calibration="holdout"`` only.
    answers_ : Fitted
        What ``predict_proba`` and ``predict`` compute with, by the parameters as they are now; for `export`.
    n_classes_ : int
        Number of labels.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X had string names.
    target_type_, X_shape_, X_dtype_, y_dtype_, y_ndim_, n_outputs_, n_outputs_expected_ : object
        Facts of the data, as SciKeras tells them to a network's builder.
    target_encoder_, feature_encoder_ : transformer
        From labels to class indices and back; nothing, for features.

    See Also
    --------
    imblearn.pipeline.Pipeline : Pipeline in which samplers may precede this classifier.
    sklearn.model_selection.GridSearchCV : Search over strategies and their parameters.

    Notes
    -----
    For two classes, ``predict`` says positive where ``predict_proba`` of the positive class is at least ``threshold_``.
    Without a `decision`, the strategy sets that threshold. Under the default strategy it is the positive class's share
    of y: both classes count as equally frequent, and many rows are predicted as a rare class.

    A flat parameter (`gamma`, `alpha`) that the strategy does not have is ignored with a warning, once a process, so
    that one grid may span strategies. A search's ``best_params_`` may name it all the same; `strategy_` shows what was
    applied.

    References
    ----------
    .. [1] C. Elkan (2001), "The Foundations of Cost-Sensitive Learning", IJCAI.
    .. [2] Z. C. Lipton, C. Elkan and B. Naryanaswamy (2014), "Optimal Thresholding of Classifiers to Maximize F1
       Measure", ECML PKDD, arXiv:1402.1892.
    .. [3] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan and L. Lei (2021), "Learn then Test: Calibrating
       Predictive Algorithms to Achieve Risk Control", arXiv:2110.01052.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedKerasClassifier(strategy="focal", gamma=1.0, epochs=20, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (400, 2)
    """

    classes_: np.ndarray
    n_classes_: int
    n_features_in_: int
    feature_names_in_: np.ndarray
    columns_: Columns
    model_: keras.Model
    ensemble_: Ensemble | None
    loss_: LogitsLoss
    strategy_: Strategy
    history_: dict[str, list[Any]]
    n_iter_: int
    best_epoch_: int | np.ndarray
    class_count_: np.ndarray
    prior_: np.ndarray
    pos_label_: Any
    train_prior_: np.ndarray
    calibrator_: LogisticRegression

    # Where nothing is said here, the parameter's own check names all that it takes, or any type may be a label.
    _parameter_constraints = {
        **dict.fromkeys(("model", "strategy", "pos_label", "decision", "ensemble", "callbacks"), "no_validation"),
        "gamma": [None, Interval(Real, 0, None, closed="left")],
        "alpha": [None, Interval(Real, 0, 1, closed="neither"), StrOptions({"balanced"}), "array-like"],
        "categorical_features": [None, StrOptions({"auto"}), "array-like"],
        "target_prior": [StrOptions({"fit", "train"}), Interval(Real, 0, 1, closed="neither"), dict, "array-like"],
        "calibration": [None, StrOptions({"holdout"})],
        "optimizer": [None, str, callable, HasMethods("get_config")],
        "loss": [None, str, callable],
        "metrics": [None, str, list, tuple, dict, callable],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [
            None,
            StrOptions({"auto"}),
            Options(Integral, {-1}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "shuffle": ["boolean"],
        "validation_split": [
            Interval(Real, 0, 1, closed="left"),
            StrOptions({"last"}),
            HasMethods(["split", "get_n_splits"]),
            list,
            tuple,
        ],
        "early_stopping": ["boolean", StrOptions({"auto", "average_precision", "loss"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose"],
        "run_eagerly": ["boolean"],
    }

    def __init__(
        self,
        model: str | keras.Model | Callable[..., Any] | None = None,
        *,
        strategy: str | Strategy | BaseEstimator | Sequence[str | BaseEstimator] | None = "auto",
        gamma: float | None = None,
        alpha: float | ArrayLike | Literal["balanced"] | None = None,
        pos_label: Any = None,
        categorical_features: Literal["auto"] | ArrayLike | None = "auto",
        target_prior: Literal["fit", "train"] | float | ArrayLike | Mapping[Any, float] = "fit",
        calibration: Literal["holdout"] | None = None,
        decision: DecisionLike | None = None,
        optimizer: str | keras.optimizers.Optimizer | type | None = None,
        loss: str | keras.losses.Loss | type | Callable[..., Any] | None = None,
        metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] | None = "auto",
        shuffle: bool = True,
        validation_split: float | Literal["last"] | Splitter | Splits = 0.0,
        early_stopping: bool | Literal["auto", "average_precision", "loss"] = "auto",
        n_iter_no_change: int = 10,
        ensemble: str | Classifier | Sequence[str | Classifier] | None = "auto",
        callbacks: Sequence[Any] | Mapping[str, Any] | None = None,
        warm_start: bool = False,
        random_state: RandomState | np.random.Generator | None = None,
        verbose: int = 0,
        run_eagerly: bool = False,
        **routed: Any,
    ) -> None:
        self._assign(locals(), routed)

    @with_callbacks
    def fit(
        self,
        X: TableLike,
        y: ColumnLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ColumnLike | None = None,
        X_val: TableLike | None = None,
        y_val: ColumnLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        validation_data: tuple[Any, ...] | None = None,
        **fit_params: Any,
    ) -> Self:
        """Build a network and train it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows of numbers, computed with as float32, and of categories and missing values (NaN, None).
        y : array-like of shape (n_samples,)
            Labels: strings, integers or booleans. One-hot rows (n_samples, n_classes) are read as the numbers of
            their columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of rows; a weight of 2 is the same as the row twice, a weight of 0 as no row.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, any labels that Python can hash: rows that belong together, such as the visits of one
            patient. Wherever this fit holds out rows (`validation_split`, early stopping, pairs of members, base
            models, calibration, thresholds) it holds out whole groups, with about the same share of each class. In a
            warm start, groups that an earlier call held out from all members, or trained on, stay on their side.
            Identical rows are merged within a group only. A sampler passed as `strategy` leaves the held-out groups as
            they are.
        X_val, y_val : array-like of shape (n_validation_samples, n_features) and (n_validation_samples,), default=None
            Rows to score every epoch on, in place of a `validation_split`; they hold every class. They are scored at
            the prior of y, or at their own where it lies far from that. ``Pipeline(..., transform_input=["X_val"])``
            transforms them as it does X.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Their weights.
        validation_data : tuple of (X, y) or (X, y, sample_weight), default=None
            The same three in one, as Keras has them; either they or this.
        **fit_params : dict
            ``epochs``, ``batch_size``, ``shuffle``, ``validation_split``, ``verbose``, ``initial_epoch``,
            ``class_weight`` or ``callbacks`` for this call alone, as SciKeras takes them.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, a row, a label or a weight is not allowed, or training diverges; the message says what is
            allowed, or what to do. The estimator is as it was before.
        TypeError
            If `fit_params` holds a name that is none of the above, or a column dates or nested values.
        RuntimeError
            In a process forked after TensorFlow had run, or in the scope of a ``tf.distribute`` strategy.
        """
        before = self._before() if self.warm_start else None
        given, task = validation_rows(X_val, y_val, sample_weight_val, validation_data), self._task(X, y, sample_weight)
        call = Call(X, y, sample_weight, fit_params, before=before, groups=groups, validation_data=given, task=task)
        return self._run(fit, call)

    def partial_fit(
        self,
        X: TableLike,
        y: ColumnLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ColumnLike | None = None,
        **fit_params: Any,
    ) -> Self:
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
        groups : array-like of shape (n_samples,), default=None
            Group of each row. A group that was held out once, by an earlier chunk or from all members by an earlier
            ``fit``, stays held out; one that was trained on stays in training. Where rows are held out, give groups in
            every call, including an earlier ``fit``, or in none.
        **fit_params : dict
            As in ``fit``, ``epochs`` and ``initial_epoch`` excepted.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            As in ``fit``, and if `classes` differ from those of the first call, or all groups of a chunk are held out,
            which a chunk of rows of a single group often is: pass chunks of several groups, enough that one is not.

        Warns
        -----
        UserWarning
            If a column has no room for a new category, or the table none for the missing values of a further column.

        Notes
        -----
        Class counts accumulate, so class weights are those of all rows seen so far. A class not seen yet counts as one
        row. The means, medians and spreads by which a network scales, and the categories of columns, are those of all
        chunks, too: each column has room for twice the categories of the first, at least 8 and at most 255, and four
        columns of numbers for first missing values in a later chunk. After ``fit``, scaling and categories stay as it
        left them. The default network learns more slowly from later chunks, at its rate divided by
        ``sqrt(1 + steps / 256)`` after so many gradient steps.

        With `validation_split` (or `calibration`), a stratified sample of all rows so far, 10,000 at most, is held out
        from training; ``val_loss`` and ``val_average_precision`` of each chunk, the calibrator, and a decision that
        looks at rows are theirs. Otherwise such a decision looks at the rows of the last chunk. A floor with a
        confidence has no rows to count after ``partial_fit``: pass it to `choose_decision` with rows of their own.
        """
        for name in {"epochs", "initial_epoch"} & set(fit_params):
            raise TypeError(f"Invalid argument {name!r}: partial_fit trains for one epoch, the next one; use fit.")
        for name in {"X_val", "y_val", "sample_weight_val", "validation_data"} & set(fit_params):
            raise TypeError(
                f"Invalid argument {name!r}: partial_fit takes no held-out rows; all chunks are scored on those of the "
                "parameter fit__validation_data=(X_val, y_val), set before, or on a share of them (validation_split)."
            )
        fit_params["epochs"] = 1
        return self._run(fit, Call(X, y, sample_weight, fit_params, CHUNK, self._before(), classes, groups))

    def grow_ensemble(self) -> Self:
        """Grow the base models that `ensemble` names on a sample of the chunks of ``partial_fit``.

        Where `ensemble` names base models, rather than "auto", every ``partial_fit`` keeps rows that it trains on for
        them: up to 100,000 distinct ones, each class up to an equal share of these. The next ``partial_fit`` trains the
        network alone again, with which it leaves the estimator; grow base models anew after it.

        Returns
        -------
        self : ImbalancedKerasClassifier
            The estimator, with base models beside its network (``ensemble_``, ``ensemble_weights_``).

        Raises
        ------
        NotFittedError
            Before ``partial_fit``.
        ValueError
            If there is no sample, or it has one class.

        Notes
        -----
        Each kind is grown four times, on three of four quarters of the sample. Probabilities are shifted from the class
        shares of the sample to those of all rows. With `validation_split`, the rows held out from all chunks weigh the
        base models, and a decision that looks at rows looks at these; otherwise the network weighs as much as all base
        models together, and such a decision looks at rows of the sample that each base model was not fitted on: where
        rows belong together, hold out some, as quarters of the sample part groups. A rule that was set by
        `choose_decision` is chosen anew, as by ``partial_fit``.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from skimbalance import ImbalancedKerasClassifier
        >>> X, y = make_classification(n_samples=600, weights=[0.9], random_state=0)
        >>> clf = ImbalancedKerasClassifier("mlp", ensemble=["boosting"], random_state=0)
        >>> for rows in (slice(0, 300), slice(300, 600)):
        ...     clf = clf.partial_fit(X[rows], y[rows], classes=[0, 1])
        >>> clf.grow_ensemble().ensemble_weights_
        {'network': 0.5, 'boosting': 0.5}
        """
        check_is_fitted(self)
        sample, kinds = self._training.sample, {} if is_auto(self.ensemble) else resolve_ensemble(self.ensemble)
        if sample is None or not kinds:
            raise ValueError(
                f"There are no rows to grow ensemble={self.ensemble!r:.60} on. Name base models before the first "
                'partial_fit, such as ensemble=["forest", "boosting"], so that each call keeps rows for them. fit '
                "grows them itself."
            )
        rows, positive = sample.rows(), self._positive_now()
        given, reservoir = self._validation_data(None), self._training.reservoir
        held_out = None if reservoir is None else reservoir.held_out(self.prior_)
        if given is not None:
            held_out = check_validation_data(self, given)
        if self.verbose:
            show(f"Growing {' and '.join(kinds)} on {len(rows):,} rows")
        rng = spawn_generators(self.random_state, 6)[4]
        fitted = replace(self._fitted, target=self._target(positive), chosen=None, rows=None)
        fitted = replace(fitted, decision=self._rule(positive, self.decision))
        self._fitted = grow_on_sample(fitted, rows, held_out, kinds, rng)
        self.ensemble_ = self._fitted.ensemble
        return self

    def initialize(self, X: TableLike, y: ColumnLike, *, groups: ColumnLike | None = None) -> Self:
        """Build the network as ``fit`` would, and do not train it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, as in ``fit``.

        Returns
        -------
        self : ImbalancedKerasClassifier
            Estimator with an untrained network, or with the weights of the network passed as ``model``.
        """
        return self._run(initialize, Call(X, y, None, {}, groups=groups))

    def choose_decision(
        self,
        X: TableLike,
        y: ColumnLike,
        decision: DecisionLike | None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ColumnLike | None = None,
    ) -> Self:
        """Choose a decision rule on labelled rows, without a new fit.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows that training has not seen, drawn from the population decided about.
        y : array-like of shape (n_samples,)
            Their labels; every class is among them.
        decision : None, float, str, tuple, dict or array-like
            Rule, as the parameter `decision` takes it.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of rows; equal ones for a floor with a confidence.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, as in ``fit``. A floor with a confidence refuses groups of several rows; other rules do
            not depend on groups.

        Returns
        -------
        self : ImbalancedKerasClassifier
            The estimator, with the parameter `decision` set. The rule holds while the parameter stays so, and when it
            is set so again. A later ``fit`` or ``partial_fit`` chooses this rule anew, by its own rows.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the rule, a row, a label or a weight is not allowed. The estimator is as it was before.

        Warns
        -----
        UserWarning
            If the class shares of the rows differ by more than three standard errors from those of the population of
            `target_prior` (that of y in ``fit``, by default), to whose shares they are weighted then; or if no
            threshold meets the rule.

        Notes
        -----
        Labels are counted where ``fit`` takes expected counts: "f1", ``("fbeta", beta)``, "mcc", "accuracy",
        "balanced_accuracy", costs and floors take the threshold that is best on these rows, and "f1" of several classes
        the best rule that its iteration finds. So the rule holds even where probabilities are off, as in another
        population. With a few dozen positive rows it is noisy; then fit with the rule instead. A number, a budget,
        None, and the costs, accuracy and balanced accuracy of several classes follow from no rows, and are set as they
        are.

        Of a pipeline, the last step takes what the others make of the rows:
        ``pipe[-1].choose_decision(pipe[:-1].transform(X), y, decision)``. Leave samplers out of the slice; if nothing
        else stands before the classifier, pass X itself.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from skimbalance import ImbalancedKerasClassifier
        >>> X, y = make_classification(n_samples=800, weights=[0.8], class_sep=2.0, random_state=0)
        >>> clf = ImbalancedKerasClassifier("mlp", epochs=10, random_state=0).fit(X[:400], y[:400])
        >>> labels = clf.choose_decision(X[400:], y[400:], ("recall", 0.9)).predict(X[400:])
        >>> bool(labels[y[400:] == 1].mean() >= 0.9)
        True
        """
        check_is_fitted(self)
        positive, fitted = self._positive_now(), self._fitted
        rule = self._rule(positive, decision)
        X, y, sample_weight = check_labelled(self, X, y, sample_weight, what="y")
        is_shown = None if sample_weight is None else sample_weight > 0
        keys = None if groups is None else group_keys(groups, len(X), is_shown)
        if rule.is_guaranteed:
            check_independent(sample_weight, keys, rule.needs_positive)
        chosen = decide_by_labels(fitted.at(self._target(positive)), rule, X, y, sample_weight)
        if self.verbose and rule.is_guaranteed:
            show(certificate_in_words(chosen))
        self.decision, self._fitted = decision, replace(fitted, chosen=chosen.decision)
        return self

    def predict_proba(self, X: TableLike, **predict_params: Any) -> np.ndarray:
        """Return class probabilities in the population that `target_prior` names: that of y, by default.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        **predict_params : dict
            ``batch_size`` (rows computed at once) and ``callbacks`` for this call alone, as SciKeras takes them;
            ``verbose`` changes nothing.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            P(y | x) for the classes in the order of ``classes_``; rows sum to one.

        Raises
        ------
        NotFittedError
            Before a first ``fit`` that succeeded.
        ValueError
            If X does not have the features seen in ``fit``, or `target_prior` is no prior.
        """
        return self._proba(X, predict_params)[1]

    def predict_log_proba(self, X: TableLike, **predict_params: Any) -> np.ndarray:
        """Return the logarithm of ``predict_proba``.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        **predict_params : dict
            As in ``predict_proba``.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
            log P(y | x), -inf where that is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X, **predict_params))

    def decision_function(self, X: TableLike, **predict_params: Any) -> np.ndarray:
        """Return log-odds: above zero where ``predict_proba`` is above one half.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        **predict_params : dict
            As in ``predict_proba``.

        Returns
        -------
        ndarray of float64, shape (n_samples,) or (n_samples, n_classes)
            For two classes log P(y | x) of the second minus that of the first, as ``predict_proba`` gives them,
            whatever `decision` is; for more, log P(y | x) of each. All are finite: 0 counts as the smallest number
            above it.
        """
        log_proba = np.maximum(self.predict_log_proba(X, **predict_params), np.log(np.finfo(np.float64).tiny))
        return log_proba[:, 1] - log_proba[:, 0] if self.n_classes_ == 2 else log_proba

    def predict(self, X: TableLike, **predict_params: Any) -> np.ndarray:
        """Return the label of each row by `decision`: of two, the positive one from ``threshold_`` on.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        **predict_params : dict
            As in ``predict_proba``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels; one-hot rows (n_samples, n_classes), where y was given so.

        Raises
        ------
        NotFittedError
            Before a first ``fit`` that succeeded.
        ValueError
            If X does not have the features seen in ``fit``, or `decision` looks at rows, and there are none: it was set
            after a ``fit`` whose rule looked at none, or is a floor with a confidence that was set after ``fit``, or
            came with ``partial_fit`` or a warm start.
        """
        fitted, proba = self._proba(X, predict_params)
        return self._labels(self._deciding(fitted).indices(proba))

    def _proba(self, X, predict_params):
        """Return what the fit has left, by `target_prior` as it is now, and P(y | x) of rows to predict."""
        check_is_fitted(self)
        chunk_rows, callbacks = self._predict_settings(predict_params)
        X, fitted = check_features(self, X), self._shown()
        return fitted, fitted.proba_of(X, callbacks, chunk_rows)

    def _shown(self):
        """Return what the fit has left, by `target_prior` as it is now, with the decision rule of the fit."""
        return self._fitted.at(self._target(self._positive_now()))

    def _positive_now(self):
        """Return the positive class, by `pos_label` as it is now."""
        return Positive.of(self, before=self._fitted.decision.positive)

    def _target(self, positive):
        """Return the class shares that ``predict_proba`` refers to, as `Fitted` has them."""
        target = self.target_prior
        check_values(self, {"target_prior": target})  # it may have been set after fit
        if isinstance(target, str):
            return target
        if isinstance(target, Real) and self.n_classes_ == 2:
            positive.need(f"target_prior={target!r}")
        return check_prior(target, self.classes_, positive=positive.index)

    def _rule(self, positive, decision):
        """Return a decision rule, as `Decision` has it."""
        rule = Decision(decision, self.classes_, positive.index)
        positive.need(rule.needs_positive)
        return rule

    def _deciding(self, fitted):
        """Return what the fit has left, with the decision rule of the parameter; see `Fitted.deciding`."""
        positive = self._positive_now()
        rule = Decision(self.decision, self.classes_, positive.index)
        is_known = fitted.known(rule) is not None
        if not is_known:
            positive.need(rule.needs_positive)
        fitted = fitted.deciding(rule)
        if fitted.decision.lacks_rows and rule.is_guaranteed:
            raise ValueError(
                f"decision={self.decision!r} counts labelled rows that nothing else has looked at, and has none: a "
                "first fit with it sets some apart; partial_fit, a warm start and set_params do not. Call "
                f"choose_decision(X, y, {self.decision!r}) with labelled rows that were not trained on."
            )
        if fitted.decision.lacks_rows:
            when = "has seen no rows before" if is_known else "was set after"
            raise ValueError(
                f"decision={self.decision!r} {when} fit, but its threshold follows from rows; call fit with it or "
                "choose_decision with labelled rows, or take a rule that needs none: a threshold, costs, or "
                '"balanced_accuracy".'
            )
        return fitted

    @property
    def answers_(self) -> Fitted:
        """What ``predict_proba`` and ``predict`` compute with, a `Fitted`, by the parameters as they are now."""
        if not self.initialized_:
            raise AttributeError("answers_ exists after fit.")
        try:
            return self._deciding(self._shown())
        except ValueError as error:
            raise _NotAsSet(str(error)) from error

    @property
    def ensemble_weights_(self) -> dict[str, float]:
        """Weight of the network, and of each base model beside it, by name."""
        if not self.initialized_:
            raise AttributeError("ensemble_weights_ exists after fit.")
        return self._fitted.weights

    @property
    def threshold_(self) -> float:
        """Probability of the positive class, as ``predict_proba`` shows it, from which ``predict`` says positive."""
        threshold = self.answers_.threshold if self.initialized_ else None
        if threshold is None:
            raise AttributeError(
                "threshold_ exists after fit, for two classes, but not for costs that reward mistakes, nor for a "
                "budget, whose threshold depends on the rows given to predict."
            )
        return threshold

    def _before(self):
        """Return what the last call left; None before a first fit."""
        return Before(self._fitted, self._training) if self.initialized_ else None

    def _run(self, step, call):
        """Run `fit` or `initialize` on a draft of this estimator, and become it; a failure changes nothing."""
        start(builds=True)
        draft = object.__new__(type(self))
        vars(draft).update(self._unfitted() if call.before is None else vars(self))
        with nullcontext() if call.before is None else unchanged_on_failure(self.model_):
            draft._keep(step(draft, call))
        vars(self).clear()
        vars(self).update(vars(draft))
        call.task.end(lambda: found_by_fit(self))
        return self

    def _unfitted(self):
        """Return the attributes without those of an earlier fit."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in _LEFT_BY_FIT and (name.startswith("_") or not name.endswith("_"))
        }

    def _keep(self, outcome):
        """Keep what a fit leaves, and show its parts."""
        fitted = outcome.fitted
        self._fitted, self._training, self.strategy_, self.history_ = (
            fitted, outcome.state, outcome.strategy, outcome.history
        )  # fmt: skip
        self.model_, self.loss_, self.ensemble_ = fitted.network.model, fitted.posterior.loss, fitted.ensemble
        self.train_prior_ = fitted.posterior.train_prior
        vars(self).pop("calibrator_", None)
        if fitted.posterior.calibrator is not None:
            self.calibrator_ = fitted.posterior.calibrator
        best = outcome.best_epoch
        if best is not None:
            self.n_iter_, self.best_epoch_ = self.current_epoch, best if len(best) > 1 else int(best[0])

    def __sklearn_is_fitted__(self):
        """Whether the estimator can predict (line 1497 upstream sets ``classes_`` before it could)."""
        return self.initialized_

    def __getstate__(self):
        """Return the state for pickling, the network as bytes."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = pack_network(self.model_)
            state["_network"] = self._fitted.network.returns_proba
            state["_fitted"] = replace(self._fitted, network=None)
        return packed(state)

    def __reduce_ex__(self, protocol):
        """Return what a pickle or a copy consists of, its state marked as such."""
        construct, arguments, state, *others = super().__reduce_ex__(protocol)
        return construct, arguments, OfPickle(state), *others

    def __setstate__(self, state):
        """Restore the state, and the network from bytes; unfitted in a fork where no network can run.

        An error here would end a worker of a pool, for whose result its parent would wait for ever; ``fit`` raises it.
        A state that no pickle or copy has made comes from a file of skops, whose maker may not be trusted.
        """
        if isinstance(state, OfPickle):
            state = state.state
        else:
            check_loaded(state)
        if "model_" in state and is_forked():
            state = {
                name: value
                for name, value in state.items()
                if name not in _LEFT_BY_FIT and (name[0] == "_" or name[-1] != "_")
            }
        state = unpacked(state)
        super().__setstate__({name: value for name, value in state.items() if name not in ("model_", "_network")})
        if "model_" in state:
            start(builds=True)
            fitted, training = self._fitted, self._training
            metrics = metrics_on(state["model_"][-1], training.asked_metrics, self.n_classes_, fitted.decision.positive)
            self.model_ = unpack_network(*state["model_"], metrics)
            self._fitted = replace(fitted, network=Network(self.model_, state["_network"]))
            self._training = replace(training, metrics=metrics)

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: X may be sparse, hold categories and, for networks by name, missing values."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.string = tags.input_tags.categorical = True
        tags.input_tags.allow_nan = self.model is None or isinstance(self.model, str)
        tags.classifier_tags.multi_class = handles_multi_class(self.strategy)
        return tags
