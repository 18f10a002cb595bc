"""What does a fitted classifier answer? Probabilities at a prior, log-odds, labels by a rule."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skimbalance.answers import Answers
from skimbalance.assembly import AssemblingClassifier
from skimbalance.data.validation import check_features, check_finite, check_prior, check_values
from skimbalance.networks.prepare import check_gaps
from skimbalance.probability.decision import Decision, known_positive
from skimbalance.training.forward import predict_logits


class PredictingClassifier(AssemblingClassifier):
    """Classifier that answers from its network, its posterior and its decision."""

    def _choose_positive(self, goes_on):
        """Set which of two labels is positive; where nobody has said, the rarer, as long as nothing depends on it."""
        known = known_positive(self.pos_label, self.classes_)
        if known is None and not goes_on:
            self._positive = 0 if self.n_classes_ == 2 and self.prior_[0] < self.prior_[1] else 1
        elif known is not None:
            self._positive = known
        if self.n_classes_ == 2:
            self.pos_label_ = self.classes_[self._positive]

    def _need_positive(self, what):
        """Refuse what depends on which of two labels is positive, where nobody has said so."""
        if what is None or self.n_classes_ != 2 or known_positive(self.pos_label, self.classes_) is not None:
            return
        rarer = int(self.prior_[0] >= self.prior_[1])
        labels = self.classes_.tolist()
        raise ValueError(
            f"{what} depends on which label is positive, and nobody has said whether it is {labels[0]!r} or "
            f"{labels[1]!r} ({labels[rarer]!r} is rarer: {self.prior_[rarer]:.1%} of the rows). Say so: "
            f"{type(self).__name__}(pos_label={labels[rarer]!r}, ...)."
        )

    def _positive_now(self):
        """Return the position of the positive class, by `pos_label` as it is now."""
        known = known_positive(self.pos_label, self.classes_)
        return self._positive if known is None else known

    def _new_decision(self):
        """Return the decision rule as the parameters have it now."""
        decision = Decision(self.decision, self.classes_, self._positive_now())
        self._need_positive(decision.needs_positive)
        return decision

    def _target_prior(self):
        """Return the class shares that ``predict_proba`` refers to, as an array."""
        target = self.target_prior
        check_values(self, {"target_prior": target})  # it may have been set after fit
        if isinstance(target, str):
            return self.prior_ if target == "fit" else getattr(self, "train_prior_", None)  # None in a first fit
        if isinstance(target, Real) and self.n_classes_ == 2:
            self._need_positive(f"target_prior={target!r}")
        return check_prior(target, self.classes_, positive=self._positive_now())

    def _logits_of(self, X, callbacks=(), chunk_rows=None):
        """Return the network's logits of validated rows."""
        return predict_logits(self._network, X, chunk_rows, callbacks)

    def _ensemble(self, X, predict_params):
        """Return the network's logits of rows to predict, and what base models say of them, or None."""
        check_is_fitted(self)
        chunk_rows, callbacks = self._predict_settings(predict_params)
        X = check_features(self, X)
        check_gaps(self.model_, X, self.columns_)
        logits = check_finite(self._logits_of(X, callbacks, chunk_rows))
        return logits, None if self.ensemble_ is None else self.ensemble_.proba(X)

    def predict_proba(self, X, **predict_params):
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
            Before ``fit``, or after a fit that failed.
        ValueError
            If X does not have the features seen in ``fit``, or `target_prior` is no prior.
        """
        logits, others = self._ensemble(X, predict_params)
        return self._posterior.at(self._target_prior(), logits, others)

    def predict_log_proba(self, X, **predict_params):
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

    def decision_function(self, X, **predict_params):
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

    def predict(self, X, **predict_params):
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
            Before ``fit``, or after a fit that failed.
        ValueError
            If X does not have the features seen in ``fit``, or `decision` was set after ``fit`` to a rule that looks at
            rows.
        """
        logits, others = self._ensemble(X, predict_params)
        answers = self.answers_
        return self._labels(answers.indices(answers.proba(logits, others)))

    @property
    def answers_(self):
        """What ``predict_proba`` and ``predict`` compute with, an `Answers`, by the parameters as they are now."""
        if not self.initialized_:
            raise AttributeError("answers_ exists after fit.")
        decision, target_prior = self._decision_now(), self._target_prior()
        if decision.kind == "argmax":
            prior = self._posterior.rule_prior
        else:
            prior = self.prior_ if isinstance(self.target_prior, str) else target_prior
        return Answers(
            self.columns_, self._network, self.ensemble_, self._posterior, target_prior, decision, prior, self.classes_
        )

    def _decision_now(self):
        """Return the decision rule, parsed anew where the parameter was changed after fit."""
        is_same = self._decision.is_of(self.decision) and self._decision.positive == self._positive_now()
        decision = self._decision if is_same else self._new_decision().with_rows(self._decision.rows)
        if decision.needs_rows and decision.rows is None:
            when = "has seen no rows before" if is_same else "was set after"
            raise ValueError(
                f"decision={self.decision!r} {when} fit, but its threshold follows from rows; call fit with it, or "
                'take a rule that needs none: a threshold, costs, or "balanced_accuracy".'
            )
        return decision

    @property
    def ensemble_weights_(self):
        """Weight of the network, and of each base model beside it, by name."""
        if not self.initialized_:
            raise AttributeError("ensemble_weights_ exists after fit.")
        names = ["network"] if self.ensemble_ is None else ["network", *self.ensemble_.names]
        return dict(zip(names, self._posterior.weights.tolist(), strict=True))

    @property
    def threshold_(self):
        """Probability of the positive class, as ``predict_proba`` shows it, from which ``predict`` says positive."""
        try:
            threshold = self.answers_.threshold if self.initialized_ else None
        except ValueError as error:
            raise AttributeError(str(error)) from None
        if threshold is None:
            raise AttributeError(
                "threshold_ exists after fit, for two classes, but not for costs that reward mistakes."
            )
        return threshold
