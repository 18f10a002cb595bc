"""Probabilities and labels of a file, batch by batch, as a model of the command line gives them."""

from dataclasses import dataclass

import numpy as np

from skimbalance._cli import Refusal
from skimbalance._cli.features import read_features, refuse_missing, texts_of
from skimbalance._cli.model_file import decision_of, read_about, read_classifier
from skimbalance._cli.reading import MISSING, open_table

#: Rows that are in memory at once.
BATCH = 50_000


@dataclass
class Model:
    """A trained model: what it is, its classifier once it is loaded, and how a file is read for it."""

    path: str
    about: dict
    classifier: object = None

    @classmethod
    def of(cls, path):
        """Return a model without its classifier, which needs TensorFlow."""
        return cls(path, read_about(path))

    def open(self, options):
        """Return the file to score; refuse one that lacks columns."""
        source = open_table(options.file, options.sep, options.encoding, options.decimal)
        refuse_missing(self.about["columns"], source)
        return source

    def load(self):
        """Load the classifier."""
        self.classifier = read_classifier(self.path)
        return self

    @property
    def positive(self):
        """Position of the positive label of two, or None."""
        label = self.about["pos_label"]
        return None if label is None else self.about["classes"].index(label)

    def score(self, frame, first_row):
        """Return probabilities and labels of a frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns of the file.
        first_row : int
            Its place in the file, for messages.
        """
        frame = frame.set_axis(range(first_row, first_row + len(frame)), axis=0)
        X = read_features(frame, self.about["columns"])
        try:
            proba = self.classifier.predict_proba(X)
            if self.positive is None or not hasattr(self.classifier, "threshold_"):
                return X, proba, self.classifier.predict(X)
        except (ValueError, TypeError) as error:
            rows = f"rows {first_row + 1:,} to {first_row + len(frame):,}"
            raise Refusal(f"{rows.capitalize()} cannot be predicted. {error}") from None
        is_called = proba[:, self.positive] >= self.classifier.threshold_
        classes = self.classifier.classes_
        return X, proba, classes[np.where(is_called, self.positive, 1 - self.positive)]


def takes_top(model):
    """Whether the rule of a model is a budget, the rows of highest probability of a whole file."""
    rule = decision_of(model.about)
    return isinstance(rule, tuple) and rule[0] == "top"


def labels_at_once(model, proba):
    """Return the labels of all rows of a file where the rule is a budget of these; None by any other rule."""
    from skimbalance import decide

    if not takes_top(model) or not len(proba):
        return None
    rule = decision_of(model.about)
    classes = np.array(model.about["classes"], dtype=model.classifier.classes_.dtype)
    return decide(proba, decision=rule, classes=classes, pos_label=model.about["pos_label"])


def batches_of(source, model, target=None, weights=None):
    """Yield frames of a file, the batches that they are made of (frames, or tables of pyarrow), and their first row."""
    first_row, names = 0, [column["name"] for column in model.about["columns"]]
    texts = [name for name in texts_of(model.about["columns"], source.names) if name != weights]
    wanted = list(dict.fromkeys([*names, *filter(None, (target, weights))]))
    for batch in source.batches(BATCH, texts):
        if hasattr(batch, "iloc"):  # texts are as they are written, so that they can be written again
            missing = {name: batch[name].mask(batch[name].isin(MISSING)) for name in texts if name in names}
            frame = batch[wanted].assign(**missing)
        else:
            frame = batch.select(wanted).to_pandas()
        yield frame, batch, first_row
        first_row += len(frame)
