"""One file for a trained classifier: skops' archive, and beside it what it is, for programs and for readers."""

import datetime
import json
import os
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.files import check_file
from skimbalance.evaluation.report.files import whole_file
from skimbalance.evaluation.report.versions import versions
from skimbalance.evaluation.report.words import counts_in_words, rule_in_words, scores_in_words

#: What else the archive holds.
_ABOUT, _CARD = "model.json", "README.md"
# Rows on which a file is compared with the classifier that it holds.
_COMPARED = 1000


def check_place(out, file):
    """Refuse a place for a model that cannot be written, or that something else has; and where skops is missing."""
    need_skops()
    check_file(out, file, "model")
    if Path(out).exists() and not _holds_model(out):
        raise Refusal(f"--out={out} exists, and is no model of this command; give another name.")


def need_skops():
    """Refuse where skops, by which models are written and read, is not installed."""
    if find_spec("skops") is None:
        raise Refusal("Models are files of skops, which is not installed: pip install 'skimbalance[cli]'.")


def _holds_model(path):
    """Return whether a file is a model that was written here."""
    return zipfile.is_zipfile(path) and {_ABOUT, "schema.json"} <= set(zipfile.ZipFile(path).namelist())


def write_model(out, classifier, about, rows):
    """Write a classifier, read it back, and compare what both predict.

    Parameters
    ----------
    out : str
        File.
    classifier : ImbalancedKerasClassifier
        Fitted classifier.
    about : dict
        What it is, in plain values.
    rows : pandas.DataFrame
        Features, of which some rows are predicted by both.
    """
    import skops.io

    about = {"form": 1, "written": f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %z}"} | about
    about["versions"] = versions()
    rows = rows.iloc[:_COMPARED]
    with whole_file(out) as draft:
        skops.io.dump(classifier, draft)
        with zipfile.ZipFile(draft, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_ABOUT, json.dumps(about, indent=1, ensure_ascii=False))
            archive.writestr(_CARD, card(about))
        again = read_classifier(draft)
        if read_about(draft) != json.loads(json.dumps(about)) or not (
            np.array_equal(again.predict_proba(rows), classifier.predict_proba(rows))
            and np.array_equal(again.predict(rows), classifier.predict(rows))
        ):
            raise Refusal(f"{out} predicts otherwise than the classifier that it was written from, and is removed.")


def read_about(path):
    """Return what a model is; without TensorFlow."""
    if not Path(path).is_file():
        raise Refusal(f"There is no file {path}; `skimbalance train` writes models.")
    try:
        if not _holds_model(path):
            raise Refusal(f"{path} is no model; `skimbalance train` writes models.")
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(_ABOUT))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Refusal(f"{path} cannot be read: {error}.") from None
    if about.get("form") != 1:
        raise Refusal(f"{path} is of a later version of this package; update skimbalance.")
    return about


def name_of(path):
    """Return the name of a file as text: on some systems it holds bytes that are none."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def version_notes(about):
    """Return a note on versions that differ from those that a model was written with."""
    now = versions()
    others = [f"{name} {of} ({now[name]} here)" for name, of in about["versions"].items() if now.get(name, of) != of]
    return [f"The model was written with {', '.join(others)}."] if others else []


def read_classifier(path):
    """Return the classifier in a file, which runs no code that the file holds."""
    import skops.io

    from skimbalance.deployment import skops_types

    try:
        return skops.io.load(path, trusted=skops_types())
    except Exception as error:  # a type that is not trusted, a file that is cut, a version that is not safe
        raise Refusal(f"{path} cannot be loaded. {type(error).__name__}: {' '.join(str(error).split())}") from None


def card(about):
    """Return what a model is, as text."""
    shares = ", ".join(f"{share:.2%} {label!r}" for label, share in zip(about["classes"], about["prior"], strict=True))
    lines = [
        f"# {about['target']!r} by {about['file']}", "",
        f"Written {about['written']} by skimbalance {about['versions'].get('skimbalance', '')}. Load it with",
        "`skops.io.load(file, trusted=skops_types())`, after `from skimbalance.deployment import skops_types`.", "",
        "## Data", "",
        f"{about['labelled']:,} of {about['rows']:,} rows have a label: {shares}.", "",
        *(f"- {note}" for note in about["notes"]), "",
        "| column | read as |", "|---|---|",
        *(f"| {column['name']} | {column['kind']} |" for column in about["columns"]), "",
        "## Model", "",
        f"`ImbalancedKerasClassifier({about['model']!r}, strategy={about['strategy']!r}, "
        f"random_state={about['seed']})`",
        "", *results(about), "",
        "## Versions", "",
        *(f"- {name} {of}" for name, of in about["versions"].items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def results(about):
    """Return what a model did on held-out rows, as lines."""
    held = about["held_out"]
    lines = [f"Held-out rows ({held['rows']:,}, predicted by fits that have not seen them):"]
    lines += scores_in_words(held["scores"])
    if about["pos_label"] is not None:
        lines += ["", rule_in_words(decision_of(about), about["threshold"], about["pos_label"])]
    if held["counts"] is not None:
        lines.append(counts_in_words(held["counts"], about["pos_label"]))
    if about.get("chosen"):
        lines += ["", about["chosen"]]
    return lines


def decision_of(about):
    """Return the decision of a model; JSON has turned its tuple into a list."""
    found = about["decision"]
    return tuple(found) if isinstance(found, list) else found
