"""``skimbalance evaluate``: what a trained model does on a new file, and whether its probabilities still hold there."""

import sys
import warnings

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.console import say, show
from skimbalance._cli.model_file import check_place, decision_of, name_of, need_skops, version_notes, write_model
from skimbalance._cli.reading import MISSING
from skimbalance._cli.scoring import Model, batches_of, labels_at_once
from skimbalance._cli.task import is_written, listed, weights_of
from skimbalance._progress import Progress
from skimbalance.evaluation.report.words import (
    SCORES,
    counted,
    counts_in_words,
    interval_in_words,
    rule_in_words,
    written,
)

#: Significance from which probabilities are said to be off.
_LEVEL = 0.01


def run(options):
    """Evaluate; whatever can be refused is, before TensorFlow is imported."""
    need_skops()
    if (options.choose is None) != (options.out is None):
        raise Refusal("--choose RULE and --out MODEL belong together; the model with the chosen rule is written there.")
    model = Model.of(options.model)
    if options.out:
        check_place(options.out, options.file)
    source, target = model.open(options), model.about["target"]
    is_labelled = target in source.names
    if not is_labelled and (options.choose is not None or options.weights):
        raise Refusal(f"{options.file} has no column {target!r}, which --choose and --weights need.")
    if options.weights and options.weights not in source.names:
        raise Refusal(f"{options.file} has no column {options.weights!r}.")
    if model.positive is None and (options.costs or options.choose not in (None, "f1")):
        raise Refusal(
            f"--costs and --choose are for two labels; the model has {listed(np.array(model.about['classes']))}."
        )
    say(source.said + version_notes(model.about))
    rows = _scored(source, model.load(), options, target if is_labelled else None)
    if not rows.n_read:
        raise Refusal(f"{options.file} has no rows.")
    if is_labelled and not len(rows.labels):
        say([f"No row has a {target!r}; the share is estimated without labels."])
    if not len(rows.labels):
        _without_labels(model, rows.unlabelled)
        return 0
    _with_labels(model, rows, options)
    if options.choose is not None:
        _choose(model, rows, options)
    return 0


class _Rows:
    """What is known of the rows of a file: probabilities, labels, weights, and features where they are needed."""

    def __init__(self):
        self.n_read, self.X, self._parts = 0, [], {"proba": [], "predicted": [], "labels": [], "weights": []}
        self._unlabelled = []

    def add(self, there, proba, predicted, labels, weights):
        """Add rows; those without a label are kept by their probabilities alone."""
        self.n_read += len(there)
        self._unlabelled.append(proba[~there])
        for name, values in {"proba": proba, "predicted": predicted, "weights": weights}.items():
            self._parts[name].append(None if values is None else values[there])
        self._parts["labels"].append(labels)

    def __getattr__(self, name):
        """Return a part of all rows."""
        parts = vars(self)["_parts"].get(name)
        if parts is None:
            raise AttributeError(name)
        return None if parts and parts[0] is None else np.concatenate(parts) if parts else np.empty(0)

    @property
    def unlabelled(self):
        """Probabilities of rows without a label."""
        return np.concatenate(self._unlabelled)


def _scored(source, model, options, target):
    """Return the rows of a file, scored."""
    rows, progress = _Rows(), Progress("rows", file=sys.stderr)
    for frame, _, first_row in batches_of(source, model, target, options.weights):
        X, proba, predicted = model.score(frame, first_row)
        labels, there = np.empty(0, dtype=object), np.zeros(len(frame), dtype=bool)
        if target is not None:
            labels, there = _labels(frame[target], model.about)
        weights = weights_of(frame[options.weights], options.weights) if options.weights else None
        rows.add(there, proba, predicted, labels, weights)
        if options.choose is not None:
            rows.X.append(X[there])
        progress.move(progress.n + len(frame))
    progress.end(str(progress))
    at_once = labels_at_once(model, rows.proba)
    if at_once is not None:
        rows.predicted = at_once
    n_missing = rows.n_read - len(rows.labels)
    if target is not None and 0 < n_missing < rows.n_read:
        say([f"{n_missing:,} of {rows.n_read:,} rows have no {target!r} and are left out."])
    return rows


def _labels(column, about):
    """Return the labels of the rows that have one, as training had them, and a mask of these rows."""
    classes = about["classes"]
    are_text = isinstance(classes[0], str)
    known, codes = {}, np.full(len(column), -1)
    for value in column.unique():
        text = "" if value is None or value != value else str(value).strip()
        if text in (("",) if are_text else MISSING):
            continue
        fitting = [i for i, label in enumerate(classes) if value == label or is_written(label, text)]
        if not fitting:
            raise Refusal(
                f"Column {about['target']!r} holds {text!r}, which is no label of the model; it has "
                f"{listed(np.array(classes, dtype=object))}."
            )
        known[value] = fitting[0]
    for value, code in known.items():
        codes[(column == value).to_numpy(dtype=bool, na_value=False)] = code
    there = codes >= 0
    return np.array(classes)[codes[there]] if not are_text else np.array(classes, dtype=object)[codes[there]], there


def _with_labels(model, rows, options):
    """Print scores of labelled rows beside those of training, and whether share and probabilities still hold."""
    from skimbalance.evaluation.scores import score_fold
    from skimbalance.probability.decision import cost_matrix

    about, positive, classes = model.about, model.positive, np.array(model.about["classes"])
    costs = options.costs or (about["costs"] if positive is not None else None)
    y = np.searchsorted(classes, rows.labels)
    matrix = None if costs is None else cost_matrix(costs, classes, positive)
    scores = score_fold(y, rows.proba, np.searchsorted(classes, rows.predicted), rows.weights, positive, 0.05, matrix)
    show(f"{len(y):,} labelled rows; beside them, the held-out rows of training, with 95 % intervals:")
    before = about["held_out"]["scores"]
    for name in SCORES:
        if name in scores and not np.isnan(scores[name]):
            mean, low, high = before.get(name, (None, None, None))
            was = "" if mean is None else f"{mean:.3f}  {interval_in_words(name, low, high)}"
            show(f"  {name:<17}  {scores[name]:6.3f}  {was}".rstrip())
    show("")
    if positive is not None:
        is_positive, is_called = y == positive, rows.predicted == about["pos_label"]
        show(rule_in_words(decision_of(about), about["threshold"], about["pos_label"]))
        show(counts_in_words(counted(is_positive, is_called, rows.weights, costs=costs), about["pos_label"]))
        show(_share_in_words(is_positive, rows.weights, about))
    show(_calibration_in_words(scores, rows, y, positive))


def _share_in_words(is_positive, weights, about):
    """Return whether the share of positive rows is that of training, by the difference of two shares."""
    share, low, high, n = _interval(is_positive, weights)
    label, before = about["pos_label"], about["prior"][about["classes"].index(about["pos_label"])]
    said = (
        f"{share:.2%} of the rows are {label!r} (95 % interval {low:.2%} to {high:.2%}); in training {before:.2%} were."
    )
    error = np.sqrt(before * (1 - before) * (1 / n + 1 / about["labelled"]))
    if abs(share - before) <= 1.96 * error:
        return f"{said} The difference is not significant."
    return f"{said} The share has changed."


def _interval(is_true, weights):
    """Return a share, its 95 % interval by Wilson, and the number of rows, of weighted ones the effective number."""
    weights = np.ones(len(is_true)) if weights is None else weights
    n, share = _effective(weights), float(weights[is_true].sum() / weights.sum())
    z = 1.959964
    middle, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, float((middle - half) / (1 + z**2 / n)), float((middle + half) / (1 + z**2 / n)), n


def _effective(weights):
    """Return the effective number of weighted rows."""
    return weights.sum() ** 2 / np.square(weights).sum()


def _calibration_in_words(scores, rows, y, positive):
    """Return whether probabilities mean what they say: by the gain in likelihood of recalibrating them.

    Twice the gain is chi-squared with one degree of freedom for the slope and one for each class but the first, where
    the probabilities are true.
    """
    from scipy.stats import chi2

    gain = scores["calibration"]
    if np.isnan(gain):
        return "All labels are alike: whether probabilities mean what they say cannot be told."
    weights = np.ones(len(y)) if rows.weights is None else rows.weights
    p = float(chi2.sf(2 * _effective(weights) * max(gain, 0), rows.proba.shape[1]))
    if positive is None:
        said = ""
    else:
        said = (
            f"The mean probability is {np.average(rows.proba[:, positive], weights=weights):.2%}, the share "
            f"{weights[y == positive].sum() / weights.sum():.2%}. "
        )
    if p >= _LEVEL:
        return f"{said}Probabilities mean what they say: recalibration would gain {gain:.4f} of log-loss (p = {p:.2g})."
    return (
        f"{said}Probabilities are off: recalibration would gain {gain:.4f} of log-loss (p = {p:.1g}). "
        "Choose the rule anew by --choose, and train on recent rows."
    )


def _without_labels(model, proba):
    """Print the share of each label that probabilities tell of."""
    from skimbalance import estimate_prior

    about = model.about
    shares, intervals = estimate_prior(proba, about["prior"], confidence=0.95)
    which = [model.positive] if model.positive is not None else range(len(shares))
    show(f"{len(proba):,} rows without labels. By their probabilities:")
    for i in which:
        low, high = intervals[i]
        show(
            f"  {shares[i]:.2%} are {about['classes'][i]!r} (95 % interval {low:.2%} to {high:.2%}); in training "
            f"{about['prior'][i]:.2%} were."
        )
    show("That holds if rows of a label look as they did in training, and only their share has changed.")


def _choose(model, rows, options):
    """Choose a decision rule on labelled rows, and write the model with it."""
    import pandas as pd

    X, about, classifier = pd.concat(rows.X), model.about, model.classifier
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            classifier.choose_decision(X, rows.labels, options.choose, rows.weights)
        except ValueError as error:
            raise Refusal(f"--choose {written(options.choose)} cannot be met. {error}") from None
    say(dict.fromkeys(str(one.message) for one in heard))
    threshold, chosen = getattr(classifier, "threshold_", None), ""
    if model.positive is not None:
        is_called = classifier.predict(X) == about["pos_label"]
        found = counted(
            rows.labels == about["pos_label"], is_called, rows.weights, costs=options.costs or about["costs"]
        )
        chosen = counts_in_words(found, about["pos_label"])
        show(f"\n{rule_in_words(options.choose, threshold, about['pos_label'])}\n{chosen}")
        show("These are the rows by which the rule is chosen; on new ones it may do a little worse.")
    new = about | {"decision": options.choose, "threshold": threshold}
    new["chosen"] = f"The rule is chosen on {len(X):,} rows of {name_of(options.file)}, of which: {chosen}".strip()
    new["held_out"] = about["held_out"] | {"counts": None}
    write_model(options.out, classifier, new, X)
    show(f"Written to {options.out}")
