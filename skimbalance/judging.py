"""What do rows that training has not seen say? Of calibration, of the base models beside it, and of the threshold."""

import warnings

import numpy as np

from skimbalance.data.holdout import ENOUGH, at_prior, hold_out_sets, holds_enough
from skimbalance.ensemble import grow_ensemble
from skimbalance.prediction import PredictingClassifier
from skimbalance.probability.decision import RowProbabilities
from skimbalance.probability.posterior import (
    Posterior,
    even_weights,
    fit_calibrator,
    fit_intercept,
    fit_weights,
    shift_prior,
)
from skimbalance.strategies import named, needs_calibration
from skimbalance.training.evaluation import log_loss, macro_average_precision


class JudgingClassifier(PredictingClassifier):
    """Classifier that learns from rows which its network does not know."""

    def _calibrator(self, strategy, held_out, train_prior):
        """Return the calibrator on held-out rows that takes the place of the loss' link, or None."""
        vars(self).pop("calibrator_", None)
        wants = self.calibration or needs_calibration(strategy) or self.loss_.needs_calibration
        y = np.empty(0, dtype=int) if held_out is None else held_out.y
        missing = np.setdiff1d(np.arange(self.n_classes_), y)
        if self.loss_.needs_calibration and not self.calibration and (len(missing) or not holds_enough(y, 1.0)):
            warnings.warn(
                f"The optimum of the loss {named(self.loss_)} is no probability, and too few rows are held out to "
                "calibrate it: predict_proba orders rows, but its numbers are none to rely on; hold out five rows or "
                "more outside the largest class (validation_split), or take another loss.",
                UserWarning,
                stacklevel=5,
            )
            return None
        if held_out is None or not wants or not (self.calibration or holds_enough(held_out.y, 1.0)):
            return None
        if len(missing) and not self.calibration:
            return None
        if len(missing):
            raise ValueError(
                f'calibration="holdout" needs held-out rows of every class, and has none yet of '
                f"{self.classes_[missing].tolist()}; let the first chunks hold two rows or more of each, or set "
                "calibration=None."
            )
        counts = np.bincount(y)
        if counts.min() < ENOUGH:
            warnings.warn(
                f"The calibrator has {len(y)} held-out rows, {counts.min()} of them of class "
                f"{self.classes_.tolist()[counts.argmin()]!r}, which is too few to tell how sure the network may be: "
                f"hold out {ENOUGH} or more of each class (by validation_split, or from more rows), or set "
                "calibration=None.",
                UserWarning,
                stacklevel=5,
            )
        weights, logits = at_prior(held_out.y, held_out.sample_weight, self.prior_), self._logits_of(held_out.X)
        by_link = None
        if not (self.loss_.needs_calibration or needs_calibration(strategy)):
            by_link = Posterior(self.loss_, train_prior, self.prior_).at(self.prior_, logits)
        self.calibrator_ = fit_calibrator(logits, held_out.y, weights, by_link)
        return self.calibrator_

    def _ask_others(self, kinds, applied, plan, shown, members, rng, verbose):
        """Grow base models; return the distinct rows that each set of them does not know, where they are its own.

        Each is grown on the rows that a pair of members is trained on; where all members see the same rows, on three of
        four quarters.
        """
        self.ensemble_ = unknown = None
        if not kinds:
            return None
        if verbose:
            print(f"Growing {' and '.join(kinds)}")
        if plan.own_share:
            sets = shown.of_pairs(members)
        else:
            sets, unknown = (applied.kept[of] for of in hold_out_sets(applied.classes, 4, 0.25, rng))
        self.ensemble_ = grow_ensemble(kinds, applied.rows, applied.kept, sets, self.columns_, self.prior_, rng)
        return unknown

    def _judge(self, rows, applied, held_out, selection, unknown, verbose):
        """Weigh the network and the base models, give the decision rule the rows it needs, and say how good all is.

        All take held-out rows where there are any. Without, the network weighs as much as all others together, and the
        rule takes rows of training.
        """
        posterior, ensemble = self._posterior, self.ensemble_
        judges_pairs = selection is not None and selection.held_out.is_own and posterior.calibrator is None
        is_unseen = judges_pairs or held_out is not None
        weighs = is_unseen and ensemble is not None
        if ensemble is not None:
            posterior.weights = even_weights(len(ensemble.names))
        if not (weighs or verbose or self._decision.needs_rows):
            return
        if judges_pairs:
            proba, y, weight = selection.judge(posterior, ensemble)
        elif is_unseen:
            others = [] if ensemble is None else ensemble.proba(held_out.X)
            proba = np.stack([posterior.at(self.prior_, self._logits_of(held_out.X)), *others])
            y, weight = held_out.y, held_out.sample_weight
        else:
            proba, y, weight = self._judge_training(rows, applied, unknown)
        weight = at_prior(y, weight, self.prior_)
        if weighs:
            posterior.weights = fit_weights(proba, y, weight)
            posterior.intercept = fit_intercept(posterior.mean(proba[0], proba[1:]), y, weight)
        proba = posterior.mean(proba[0], proba[1:])
        if self._decision.needs_rows:
            self._decision = self._decision.with_rows(RowProbabilities.of(proba, weight, self.prior_))
        if verbose:
            print(self._in_words(proba, y, weight, is_unseen))

    def _in_words(self, proba, y, weight, is_unseen):
        """Return in one line which epochs were kept, how good rows are told apart, and what is predicted by which rule.

        The rows stand for the population of y, and so do their probabilities, (n_rows, n_classes).
        """
        kept = np.unique(self.best_epoch_)
        kept = f"epoch {kept[0]}" if len(kept) == 1 else f"epochs {kept[0]} to {kept[-1]}"
        scores = "No rows were held out"
        if is_unseen:
            loss = float(log_loss(y, proba, weight))
            precision = float(macro_average_precision(y, proba, weight, self._positive))
            scores = f"Held-out rows: log-loss {loss:.3f}, average precision {precision:.3f}"
        answers = self.answers_
        labels = answers.indices(shift_prior(proba, self.prior_, answers.target_prior))
        predicted, classes = np.bincount(labels, weight, self.n_classes_) / weight.sum(), self.classes_.tolist()
        rule, shown = f"by {answers.decision}", range(self.n_classes_)
        if self.n_classes_ == 2:
            shown = [self._positive]
            if answers.threshold is not None:
                rule = f"where P >= {answers.threshold:.3g}: {answers.decision}"
        shares = ", ".join(f"{classes[c]!r} for {predicted[c]:.1%} of rows ({self.prior_[c]:.1%} of y)" for c in shown)
        return f"Kept {kept} of {self.n_iter_}. {scores}. Predicts {shares} {rule}."

    def _judge_training(self, rows, applied, unknown):
        """Return what all say of rows of training, each base model of those that it does not know, labels and weights.

        Rows that a sampler has repeated or made up are known to all: then the network speaks for all.
        """
        if self.ensemble_ is None or applied.rows is not rows or not unknown.size:
            network = self._posterior.at(self.prior_, self._logits_of(rows.X))
            return np.stack([network] * len(self._posterior.weights)), rows.y, rows.sample_weight
        index = rows.index[unknown.T]
        network = self._posterior.at(self.prior_, self._logits_of(rows.X[index.ravel()]))
        proba = np.stack([network, *self.ensemble_.proba_of_sets(rows.X, index)])
        return proba, rows.y[index.ravel()], rows.weight[unknown.T.ravel()]
