"""What follows training: calibration, blending weights and the decision, all by held-out rows."""

from dataclasses import dataclass, replace

import numpy as np

from skimbalance._callbacks import NoFitTask
from skimbalance._warnings import warn
from skimbalance.data.holdout import HeldOut, at_prior, prior_of
from skimbalance.data.independence import share_of_copies
from skimbalance.data.rows import Rows, positions_of
from skimbalance.data.splits import ENOUGH, SingleRows, weight_of
from skimbalance.ensemble import Ensemble, RowSets
from skimbalance.probability.blend import even_blend, fit_blend
from skimbalance.probability.calibration import fit_calibrator
from skimbalance.probability.prior import shifted
from skimbalance.strategies import named
from skimbalance.training.evaluation import log_loss, macro_average_precision
from skimbalance.training.forward import predict_logits


def calibrate(posterior, held_out, network, classes, *, is_asked, is_rough):
    """Return the posterior with a calibrator on held-out rows in place of the loss' link, where it takes one.

    Parameters
    ----------
    posterior : Posterior
        Posterior by the loss' link.
    held_out : HeldOut or None
        Rows held out from all of training.
    network : Network
        Trained network.
    classes : ndarray of shape (n_classes,)
        Labels, for messages.
    is_asked : bool
        Whether the user asks for it (``calibration="holdout"``).
    is_rough : bool
        Whether the strategy's link is approximate, so that a calibrator is better where there are enough rows.

    Returns
    -------
    Posterior
        Posterior.

    Raises
    ------
    ValueError
        If the user asks for it, and a class has no held-out row.
    """
    needs = posterior.loss.needs_calibration
    y = np.empty(0, dtype=int) if held_out is None else held_out.y
    missing = np.setdiff1d(np.arange(len(classes)), y)
    if not is_asked and (len(missing) or not held_out.units.holds_enough(1.0)):
        if needs:
            warn(
                f"The optimum of the loss {named(posterior.loss)} is no probability, and too few rows are held out to "
                "calibrate it: predict_proba orders rows, but its numbers are none to rely on; hold out five rows or "
                "more outside the largest class (validation_split), or take another loss."
            )
        return posterior
    if held_out is None or not (is_asked or is_rough or needs):
        return posterior
    if len(missing):
        raise ValueError(
            f'calibration="holdout" needs held-out rows of every class, and has none yet of '
            f"{classes[missing].tolist()}; let the first chunks hold two rows or more of each, or set "
            "calibration=None."
        )
    units, what = held_out.units, "rows" if held_out.groups is None else "groups"
    counts = units.counts(len(classes))
    if counts.min() < ENOUGH:
        warn(
            f"The calibrator has {len(units)} held-out {what}, {counts.min()} of them of class "
            f"{classes.tolist()[counts.argmin()]!r}, which is too few to tell how sure the network may be: "
            f"hold out {ENOUGH} or more of each class (by validation_split, or from more {what}), or set "
            "calibration=None."
        )
    weight, logits = at_prior(y, held_out.sample_weight, posterior.data_prior), predict_logits(network, held_out.X)
    by_link = None if needs or is_rough else posterior.at(posterior.data_prior, logits)
    return replace(posterior, calibrator=fit_calibrator(logits, y, weight, by_link))


def sets_of_base_models(applied, plan, trained_on, members, rng):
    """Choose the distinct rows that each base model of a kind is fitted on: those of a pair of members.

    Where all members see the same rows, each is fitted on three quarters of them: as many as there are pairs, or four
    for a network without pairs.

    Parameters
    ----------
    applied : AppliedStrategy
        Rows that training shows.
    plan : HoldOutPlan
        Which rows are held out.
    trained_on : tuple (TrainingRows, HeldOut or None)
        Rows of each member, and the held-out rows by which its epoch was chosen.
    members : Members
        Members of the network.
    rng : numpy.random.Generator
        Source of the quarters.

    Returns
    -------
    RowSets
        Rows of each, and others.
    """
    if plan.own_share:
        shown, scored = trained_on
        return RowSets(shown.of_pairs(members), scored and scored.of_each_pair(members.in_pair))
    sets = _quarters(applied.rows, applied.kept, applied.units, plan.prior, members, rng)
    return sets if applied.rows is plan.rows else RowSets(sets.train, None)  # rows of a sampler resemble each other


def _quarters(rows, kept, units, prior, members, rng):
    """Return up to four sets of three quarters of some distinct rows, and the quarter that each lacks."""
    train, others = units.sets(min(members.n_pairs, 4) if members.n_pairs > 1 else 4, 0.25, rng)
    others = np.where(others < 0, -1, kept[others])  # -1 where a set has fewer of them than another
    index = rows.index[others]
    return RowSets(kept[train], HeldOut(rows.X, rows.y[index], weight_of(rows, others), prior, index))


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of the network and the base models for rows.

    Attributes
    ----------
    proba : ndarray of shape (1 + n_base_models, n_rows, n_classes)
        P(y | x) under the prior of the data.
    y : ndarray of int, shape (n_rows,)
        Class indices.
    weight : ndarray of shape (n_rows,)
        Weights under which the rows stand for the population of the data.
    is_unseen : bool
        Whether training has not seen the rows.
    """

    proba: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    is_unseen: bool


def predict_held_out(fitted, rows, held_out, selection, unseen):
    """Return the predictions of a network and its base models for held-out rows; without any, for training rows.

    Parameters
    ----------
    fitted : Fitted
        Network and base models, not blended yet.
    rows : Rows
        Rows of the table.
    held_out : HeldOut or None
        Rows held out from all of training.
    selection : EpochSelection or None
        What chose the epoch that each member keeps.
    unseen : HeldOut or None
        Rows of training that are not in the set of each base model (`RowSets`); None where there are none.

    Returns
    -------
    Predictions
        Their predictions.
    """
    posterior, ensemble = fitted.posterior, fitted.ensemble
    if _uses_pairs(posterior, selection):
        proba, y, weight = selection.held_out_predictions(posterior, ensemble)
    elif held_out is not None:
        others = [] if ensemble is None else ensemble.proba(held_out.X)
        proba = np.stack([_of_network(fitted, held_out.X), *others])
        y, weight = held_out.y, held_out.sample_weight
    else:
        proba, y, weight = _predict_training(fitted, rows, unseen)
    is_unseen = has_unseen_rows(posterior, held_out, selection)
    return Predictions(proba, y, at_prior(y, weight, posterior.data_prior), is_unseen)


def has_unseen_rows(posterior, held_out, selection):
    """Whether there are rows that training has not seen: held out from all, or by each pair of members."""
    return held_out is not None or _uses_pairs(posterior, selection)


def _uses_pairs(posterior, selection):
    """Whether each pair of members is scored on the rows that it held out itself."""
    return selection is not None and selection.held_out.is_own and posterior.calibrator is None


def _predict_training(fitted, rows, unseen):
    """Return predictions for training rows, those of each base model for rows it was not fitted on, labels and weights.

    A sampler repeats and makes up rows, so that none is unseen: then the network's predictions stand for all.
    """
    if fitted.ensemble is None or unseen is None or not len(unseen.index):
        network = _of_network(fitted, rows.X)
        return np.stack([network] * len(fitted.posterior.blend.weights)), rows.y, rows.sample_weight
    index = unseen.index.T
    network = _of_network(fitted, unseen.X[index.ravel()])
    proba = np.stack([network, *fitted.ensemble.proba_of_sets(unseen.X, index)])
    weight = unseen.sample_weight
    return proba, unseen.y.T.ravel(), None if weight is None else weight.T.ravel()


def _of_network(fitted, X):
    """Return P(y | x) of the network alone, under the prior of the data."""
    return fitted.posterior.at(fitted.posterior.data_prior, fitted.logits(X))


def blend_evenly(posterior, ensemble):
    """Return the posterior in which the network weighs as much as all base models together."""
    return posterior if ensemble is None else replace(posterior, blend=even_blend(len(ensemble.names)))


def blend(posterior, predictions):
    """Return the posterior with the blend under which rows held out from all are most likely."""
    found = fit_blend(predictions.proba, predictions.y, predictions.weight, posterior.data_prior)
    return replace(posterior, blend=found)


def choose_decision(fitted, predictions, rows, selection):
    """Return what a fit leaves, with the rows that its decision rule looks at, where it looks at any.

    They are the held-out ones. A floor or a rate follows from few of them, though, and a single network holds out a
    tenth of the rows: its rule looks at all. It has seen their labels, but keeps the epoch that is best on others, and
    its probabilities are hardly overconfident: over fourteen made-up tables, a floor of precision of .6 was missed by
    .024 (root mean square) with all rows, by .071 with held-out ones.

    Parameters
    ----------
    fitted : Fitted
        All that predicts, with the rule without rows.
    predictions : Predictions
        Predictions of the network and the base models for held-out rows.
    rows : Rows
        Rows of the table.
    selection : EpochSelection or None
        What chose the epoch that each member keeps.
    """
    decision, posterior = fitted.decision, fitted.posterior
    if not decision.needs_rows:
        return fitted
    if looks_at_all(fitted, selection):
        proba, weight = _of_network(fitted, rows.X), at_prior(rows.y, rows.sample_weight, posterior.data_prior)
    else:
        proba, weight = posterior.joined(predictions.proba[0], predictions.proba[1:]), predictions.weight
    looking = decision.looking_at(proba, weight, posterior.data_prior)
    return replace(fitted, decision=decision if decision.is_guaranteed else looking, rows=looking.rows)


def grow_on_sample(fitted, rows, held_out, kinds, rng):
    """Grow base models beside a network that was trained on chunks.

    Parameters
    ----------
    fitted : Fitted
        What the last chunk left, with the decision rule to be followed, without rows.
    rows : Rows
        Distinct rows of a sample of all chunks.
    held_out : HeldOut or None
        Rows held out from all chunks, by which base models are weighed.
    kinds : dict of str to classifier
        Base models.
    rng : numpy.random.Generator
        Source of seeds and samples.

    Returns
    -------
    Fitted
        The network and the base models.
    """
    if np.ptp(rows.classes) == 0:
        label = fitted.classes.tolist()[rows.classes[0]]
        raise ValueError(f"All rows so far are of class {label!r}; base models need rows of two classes at least.")
    prior = fitted.posterior.data_prior
    members, kept = fitted.network.members, positions_of(rows.y)
    sets = _quarters(rows, kept, SingleRows(rows.classes), prior, members, rng)
    ensemble = Ensemble(fitted.columns, prior).grow(kinds, rows, kept, sets, rng, NoFitTask())
    posterior = blend_evenly(fitted.posterior, ensemble)
    fitted = replace(fitted, ensemble=ensemble, posterior=posterior)
    if held_out is not None or fitted.decision.needs_rows:
        predictions = predict_held_out(fitted, rows, held_out, None, sets.unseen)
        posterior = posterior if held_out is None else blend(posterior, predictions)
        fitted = choose_decision(replace(fitted, posterior=posterior), predictions, rows, None)
    fitted.check_decision()
    return fitted


def looks_at_all(fitted, selection):
    """Whether the decision rule of a fit looks at all rows of the table: see `choose_decision`."""
    is_stopped = selection is not None and not selection.held_out.is_own and fitted.ensemble is None
    return fitted.decision.looks_at_all and is_stopped


def certify_decision(fitted, X, y):
    """Return what a fit leaves, with rows that it has set apart for its decision to count.

    Parameters
    ----------
    fitted : Fitted
        All that predicts.
    X : ndarray of float32, shape (n_rows, n_features)
        Rows set apart, of which each class has the share that it has in the data.
    y : ndarray of int, shape (n_rows,)
        Class indices.
    """
    prior = fitted.posterior.data_prior
    proba = fitted.at("fit").proba_of(X)
    return replace(fitted, decision=fitted.decision.looking_at(proba, np.ones(len(y)), prior, y))


def decide_by_labels(fitted, decision, X, y, sample_weight):
    """Return what a fit leaves, with a decision rule that is chosen on labelled rows in place of its own.

    Parameters
    ----------
    fitted : Fitted
        All that predicts.
    decision : Decision
        Rule, without rows.
    X : ndarray of float32, shape (n_rows, n_features)
        Labelled rows that training has not seen.
    y : ndarray of int, shape (n_rows,)
        Class indices.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights.

    Returns
    -------
    Fitted
        The same with the rule; as it is for one that follows from no rows.
    """
    population = replace(fitted, decision=decision).decision_prior
    by_labels = decision.needs_rows or (
        decision.kind in ("costs", "balanced_accuracy") and decision.threshold(population, population) is not None
    )
    if not by_labels:
        return replace(fitted, decision=decision)
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
    if decision.is_guaranteed:
        _warn_of_copies(decision, X, y)
        weight = np.ones(len(y))  # equal up to rounding, and counted
    prior = prior_of(y, weight, population)
    if prior is not population:
        _warn_of_other_shares(fitted.classes, prior, population)
    proba = shifted(fitted.at("fit").proba_of(X), fitted.posterior.data_prior, prior)
    chosen = replace(fitted, decision=decision.looking_at(proba, weight, prior, y))
    chosen.check_decision()
    return chosen


def _warn_of_copies(decision, X, y):
    """Warn of copies among the rows that a guarantee counts."""
    copies = share_of_copies(Rows(X, y, None, merges=True))
    if copies:
        warn(
            f"{decision.needs_positive} counts independent rows, and {copies:.1%} of those given are copies of others, "
            "label included. Each is counted: right if they are observations that look alike, wrong if they are "
            "copies of one; drop those."
        )


def _warn_of_other_shares(classes, prior, population):
    """Warn that labelled rows are of another population than the decision."""
    shares, others = (dict(zip(classes.tolist(), of.round(4).tolist(), strict=True)) for of in (prior, population))
    warn(
        f"The rows given have the class shares {shares}, but the decision is for a population of the shares {others} "
        "(target_prior), to which the rows are weighted. If the rows are a sample of the population decided about, set "
        "target_prior to their shares first."
    )


def in_words(fitted, predictions, selection):
    """Return in one line how good rows are told apart, and what is predicted by which rule."""
    y, weight = predictions.y, predictions.weight
    proba = fitted.posterior.joined(predictions.proba[0], predictions.proba[1:])
    scores, positive = "No rows were held out", fitted.decision.positive
    if predictions.is_unseen:
        loss = float(log_loss(y, proba, weight))
        precision = float(macro_average_precision(y, proba, weight, positive))
        scores = f"Held-out rows: log-loss {loss:.3f}, average precision {precision:.3f}"
    rows = "held-out rows" if predictions.is_unseen else "training rows"
    labels = _labels_in_words(fitted, proba, weight, rows)
    by_all = ", as estimated on all rows" if looks_at_all(fitted, selection) and predictions.is_unseen else ""
    return f"{scores}. {labels}{by_all}."


def _labels_in_words(fitted, proba, weight, rows):
    """Return in a sentence how often each label is predicted of rows, and by which rule."""
    prior, classes, decision = fitted.posterior.data_prior, fitted.classes.tolist(), fitted.decision
    label = repr(classes[decision.positive])
    if decision.lacks_rows:
        return f"Predicts once choose_decision has counted labelled rows for the {decision}"
    if decision.kind == "top":
        return f"Predicts {label} for {decision}"
    labels = fitted.indices(shifted(proba, prior, fitted.target_prior))
    predicted = np.bincount(labels, weight, len(prior)) / weight.sum()
    rule, shown = f"by {decision}", range(len(prior))
    if len(prior) == 2:
        shown = [decision.positive]
        if fitted.threshold is not None:
            rule = f"where P >= {fitted.threshold:.3g}: {decision}"
    shares = ", ".join(f"{classes[c]!r} for {predicted[c]:.1%} of the {rows} ({prior[c]:.1%} of y)" for c in shown)
    return f"Predicts {shares} {rule}"


def certificate_in_words(fitted):
    """Return in one line which rows were counted for a guarantee, and from which probability on it holds."""
    decision, prior = fitted.decision, fitted.decision_prior
    found = decision.rows.certificate(decision.kind, decision.value, prior, decision.positive)
    label = fitted.classes.tolist()[decision.positive]
    counted = f"{found.n_rows:,} rows, {found.n_positive:,} of them {label!r}, were counted for the {decision}"
    if found.bound is None:
        return f"{counted}: not certified."
    return f"{counted}: certified where P >= {fitted.threshold:.3g}, at a lower bound of {found.bound:.3g}."
