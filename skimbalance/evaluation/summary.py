"""Describe a comparison in words: the table, its sentences, and which folds and scores are missing."""

import textwrap

import numpy as np

from skimbalance._html import paragraph, table
from skimbalance.data.rows import weighted_counts

_SHOWN = ("average precision", "log-loss", "calibration", "Brier", "F1", "balanced accuracy", "recall", "cost")
# Longest label in a table or a picture.
_LABEL_WIDTH = 60
#: Error of a fold that was not fitted because the user interrupted the comparison.
INTERRUPTED = "KeyboardInterrupt: not fitted"


def sentences(found, score="average precision"):
    """Return the findings of a comparison as sentences."""
    said = _who_is_best(found, score)
    if found.costs_ is not None and score != "cost":
        said += _who_costs_least(found)
    shares = _class_shares(found)
    said.append(
        f"A model that always predicts {found.classes_.tolist()[shares.argmax()]!r} would have an accuracy of "
        f"{shares.max():.1%}."
    )
    said += _recalibration(found, found.ordered(score)[0])
    failed = [label for label, error in found.errors_.items() if error != INTERRUPTED]
    if failed:
        said.append(f"{_listed(failed)} failed: see errors_.")
    return said


def _class_shares(found):
    """Return the share of each class in the weight of all rows."""
    counts = weighted_counts(found._codes, found._weight, len(found.classes_))
    return counts / counts.sum()


def _recalibration(found, label):
    """Return by how much recalibration would reduce the log-loss of a candidate, and how to do it, if by a tenth."""
    calibration, refinement = (found.interval(label, of)[0] for of in ("calibration", "refinement"))
    if not calibration > 0.1 * (calibration + refinement):
        return []
    how = 'calibration="holdout"' if label in found._of_package else "sklearn.calibration.CalibratedClassifierCV"
    return [
        f"Recalibration would reduce the log-loss of {label!r} by {calibration:.3f}: consider {how} before using its "
        "probabilities."
    ]


def _who_is_best(found, score):
    """Return which candidate is best by a score, and which others differ significantly from it."""
    mean = found.interval(found.ordered(score)[0], score)[0]
    if np.isnan(mean):
        return [f"No candidate is best by {score}: there is no fold in which all candidates have it."]
    best, same, worse, unclear = _told_apart(found, score)
    said = [f"{best!r} has the best {score}, {mean:.3f}."]
    if same:
        said.append(f"{_listed(same)} {'has' if len(same) == 1 else 'have'} the same in every fold.")
    if worse:
        said.append(f"It is better than {_listed(worse)} with a probability above 95 %.")
    if unclear:
        said.append(
            f"Its difference from {_listed(unclear)} is not significant: choose the simplest or fastest of them."
        )
    return said


def _who_costs_least(found):
    """Return which candidate's mistakes cost least, and how much more those of the others cost."""
    mean = found.interval(found.ordered("cost")[0], "cost")[0]
    if np.isnan(mean):
        return ["No candidate costs least: there is no fold in which all candidates were fitted."]
    best, same, worse, unclear = _told_apart(found, "cost")
    said = [f"Mistakes of {best!r} cost least, {mean:.3g} per row, if each decides by least expected cost."]
    if same:
        said.append(f"Those of {_listed(same)} cost the same in every fold.")
    if worse:
        said.append(f"Those of {_and(map(_more, worse.items()))} cost more with a probability above 95 %.")
    if unclear:
        said.append(
            f"The difference in cost between {best!r} and {_and(map(_more, unclear.items()))} is not significant."
        )
    return said


def _told_apart(found, score):
    """Return the best candidate by a score, and the others by `versus`: the same, worse, or unclear."""
    best = found.best(score)
    compared = [label for label in found.ordered(score) if label in found.shared_folds(score)[1] and label != best]
    told = {label: found.versus(label, best, score) for label in compared}
    same = {label: of for label, of in told.items() if of["difference"] == 0 and of["equivalent"] == 1}
    worse = {label: of for label, of in told.items() if of["worse"] > 0.95}
    return best, same, worse, {label: of for label, of in told.items() if label not in same | worse}


def _more(told):
    """Describe how much more the mistakes of a candidate cost than those of the best."""
    label, of = told
    interval = "" if np.isnan(of["low"]) else f", 95 % interval {of['low']:.3g} to {of['high']:.3g}"
    return f"{label!r} ({of['difference']:.3g} more{interval})"


def notes(found):
    """Return which folds and scores are missing, and why, and which scores ignore weights, as sentences."""
    interrupted = [found.interrupted_] if found.interrupted_ else []
    missing = [*_failed_folds(found), *_set_aside(found), *_missing_scores(found), *_missing_classes(found)]
    return [*interrupted, *missing, *_unweighted(found)]


def _failed_folds(found):
    """Return which candidates failed in some of the folds."""
    alike = {}
    for label, of_label in found.failed_folds_.items():
        errors = {fold: error for fold, error in of_label.items() if error != INTERRUPTED}
        if label in found.scores_ and errors:
            first, *others = dict.fromkeys(errors.values())
            said = in_a_line(first).rstrip(".") + (". Others are in failed_folds_" if others else "")
            alike.setdefault((len(errors), said), []).append(label)
    return [
        f"{_listed(labels)} failed in {n} of {len(found._splits)} folds: {said}." for (n, said), labels in alike.items()
    ]


def _set_aside(found):
    """Return which candidates have too few folds to be compared."""
    names, aside = found._names(), {}
    for name in names:
        compared = found.shared_folds(name)[1]
        for label in found.scores_:
            if compared and label not in compared:
                aside.setdefault(label, []).append(name)
    for label, missing in aside.items():
        of = "any score" if len(missing) == len(names) else _and(missing)
        yield f"{label!r} is not compared by {of}: it has too few folds, and its means are of these alone."


def _missing_scores(found):
    """Return which scores are of fewer folds than there are, and why."""
    alike, names = {}, found._names()
    for name in names:
        folds, compared = found.shared_folds(name)
        if not folds.all():
            why = dict.fromkeys(_why_missing(found, name, fold, compared) for fold in np.flatnonzero(~folds))
            alike.setdefault((int(folds.sum()), " or ".join(why)), []).append(name)
    said = []
    for (n, why), (first, *others) in alike.items():
        if len(others) + 1 == len(names):
            first, others = "every score", []
        likewise = f" ({_and(others)} likewise)" if others else ""
        which = "the others" if n else "all"
        said.append(f"The table has {first} of {n} of {len(found._splits)} folds: {which} {why}{likewise}.")
    return said


def _why_missing(found, score, fold, compared):
    """Return why not all candidates that are compared have a score in a fold."""
    errors = [found.failed_folds_[label][fold] for label in compared if fold in found.failed_folds_.get(label, ())]
    if errors:
        return "were not fitted" if set(errors) == {INTERRUPTED} else "failed"
    if score in found._own:
        return f"have none by its scorer ({in_a_line(found._complaints.get(score, 'NaN'))})"
    present = _classes_of(found, fold)
    if found._positive is None:
        return "hold one class alone"
    return "hold positive rows alone" if found._positive in present else "hold no positive row"


def _missing_classes(found):
    """Return the number of folds whose means over more than two classes leave a class out."""
    if found._positive is not None or not found.scores_:
        return []
    present, classes = [_classes_of(found, fold) for fold in range(len(found._splits))], found.classes_.tolist()
    missing = {label: sum(i not in of for of in present) for i, label in enumerate(classes)}
    return [
        f"{n} of {len(present)} folds hold no row of {label!r}, and leave it out of their means over classes."
        for label, n in missing.items()
        if n
    ]


def _unweighted(found):
    """Return which of the caller's scores ignore weights."""
    names = [name for name in found._names() if name in found._unweighted]
    if not names:
        return []
    ignores = "ignores weights, as its scorer takes" if len(names) == 1 else "ignore weights, as their scorers take"
    return [f"{_listed(names)} {ignores} no sample_weight; rows of weight zero are left out."]


def _classes_of(found, fold):
    """Return the classes of a fold's test rows with positive weight."""
    rows = found._splits[fold][1]
    codes = found._codes[rows]
    return np.unique(codes if found._weight is None else codes[found._weight[rows] > 0])


def as_text(found):
    """Return a comparison as it is printed."""
    rows, failed = _table(found)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    for label, error in failed:
        lines += textwrap.wrap(f"{label}: {error}", 100, subsequent_indent="    ")
    words = " ".join(sentences(found)) if found.scores_ else "Every candidate failed."
    lines += ["", _about(found), *textwrap.wrap(words, 100)]
    for note in notes(found):
        lines += textwrap.wrap(note, 100)
    return "\n".join(lines)


def as_html(found):
    """Return a comparison as HTML, for notebooks."""
    words = " ".join(sentences(found)) if found.scores_ else "Every candidate failed."
    paragraphs = [f"{_about(found)} {words}", *notes(found)]
    return table_as_html(found) + "".join(map(paragraph, paragraphs))


def table_as_html(found):
    """Return the table of all candidates and their scores as HTML."""
    (head, *rows), failed = _table(found)
    return table(head, [*rows, *failed], n_text=1)


def _table(found):
    """Return the lines of the table (header, candidates), and the candidates that failed."""
    names = [name for name in found._names() if name in found._own or name.startswith(_SHOWN)]
    rows, shown = [["strategy", *names, "fit, s"]], found.short_labels()
    for label in found.ordered() if found.scores_ else ():
        means = [f"{found.interval(label, name)[0]:.3f}" for name in names]
        rows.append([shown[label], *means, f"{found.seconds_[label]['fit']:.1f}"])
    return rows, [[shown[label], in_a_line(error)] for label, error in found.errors_.items()]


def _about(found):
    """Return the number of rows and folds, and the class shares."""
    n_rows, n_splits = len(found._codes), len(found._splits)
    if found._positive is None:
        return f"{n_rows:,} rows, {len(found.classes_)} classes, {n_splits} folds; means over classes."
    share, by = _class_shares(found)[found._positive], "" if found._weight is None else " by weight"
    return f"{n_rows:,} rows, {share:.1%} of them {found.pos_label_!r}{by}, {n_splits} folds."


def short_labels(labels):
    """Return short labels for tables and plots, by label: in one line, with the middle of long ones left out."""
    half = (_LABEL_WIDTH - 3) // 2
    lines = {label: " ".join(label.split()) for label in labels}
    short = {
        label: line if len(line) <= _LABEL_WIDTH else f"{line[:half]}...{line[-half:]}" for label, line in lines.items()
    }
    return short if len(set(short.values())) == len(short) else {label: repr(label) for label in labels}


def in_a_line(error):
    """Return an error in one line, in full, since it often ends with what to do."""
    return " ".join(error.split())


def _listed(labels):
    """Return labels as a list in words."""
    return _and(map(repr, labels))


def _and(texts):
    """Return texts as a list in words."""
    *before, last = texts
    return f"{', '.join(before)} and {last}" if before else last
