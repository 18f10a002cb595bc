"""What a comparison of remedies found: scores, how sure they are, and what to do with them."""

import html
import textwrap

import numpy as np

from skimbalance.evaluation.luck import corrected_interval, probabilities
from skimbalance.evaluation.scores import LESS_IS_BETTER
from skimbalance.plotting import plot_comparison

_SHOWN = ("average precision", "log-loss", "calibration", "Brier", "F1", "balanced accuracy", "recall", "cost")


class StrategyComparison:
    """Result of `compare_strategies`; printed, a table and what it says in words.

    Attributes
    ----------
    scores_ : dict of str to dict of str to ndarray of shape (n_splits,)
        Scores of each candidate that did not fail, fold by fold.
    oof_proba_ : dict of str to ndarray of shape (n_samples, n_classes)
        Probabilities of rows that a model was not fitted on, as its ``predict_proba`` gives them; the mean where a row
        was tested more than once, NaN where it never was.
    decisions_ : dict of str to ndarray of shape (n_samples,)
        Labels that a model decided for, the last where a row was tested more than once; rows never tested hold the
        first label.
    errors_ : dict of str to str
        What candidates that failed said.
    warnings_ : dict of str to list of str
        What fits warned of, each once.
    seconds_ : dict of str to dict of str to float
        Median seconds of "fit" and "predict", and what the slowest fold of the first architecture took longer:
        "compilation".
    histories_ : dict of str to list of dict
        Losses and scores over the epochs, fold by fold, of those that have any.
    thresholds_ : dict of str to float
        Probability from which the positive label of two is predicted, the median over the folds; of candidates whose
        labels follow from a threshold in every fold.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    pos_label_ : label or None
        Positive label of two.
    costs_ : ndarray of shape (n_classes, n_classes) or None
        Costs of mistakes, [true class, predicted class].

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance import ImbalancedKerasClassifier, compare_strategies
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> candidates = {"logistic": LogisticRegression(), "constant": DummyClassifier()}  # or names of strategies
    >>> comparison = compare_strategies(ImbalancedKerasClassifier(), X, y, strategies=candidates, verbose=0)
    >>> comparison.best()
    'logistic'
    >>> comparison.versus("constant")["worse"] > 0.99
    True
    """

    #: Scores of which less is better.
    less_is_better = LESS_IS_BETTER

    def __init__(self, folds, splits, classes, codes, positive, costs=None, sample_weight=None):
        self.classes_, self._codes, self._positive = classes, codes, positive
        self.costs_, self._weight = costs, sample_weight
        self.pos_label_ = None if positive is None else classes.tolist()[positive]
        self._test_share = float(np.mean([len(test) / (len(train) + len(test)) for train, test in splits]))
        self.scores_, self.oof_proba_, self.decisions_, self.errors_ = {}, {}, {}, {}
        self.warnings_, self.seconds_, self.histories_, self.thresholds_ = {}, {}, {}, {}
        for label, of_label in folds.items():
            self._add(label, of_label, splits)

    def _add(self, label, folds, splits):
        """Take in the folds of one candidate."""
        errors = [fold["error"] for fold in folds if "error" in fold]
        if errors:
            self.errors_[label] = errors[0]
            return
        names = folds[0]["scores"]
        self.scores_[label] = {name: np.array([fold["scores"][name] for fold in folds]) for name in names}
        total, n_tested = np.zeros((len(self._codes), len(self.classes_))), np.zeros(len(self._codes))
        decided = np.zeros(len(self._codes), dtype=np.intp)
        for fold, (_, test) in zip(folds, splits, strict=True):
            total[test] += fold["proba"]
            n_tested[test] += 1
            decided[test] = fold["labels"]
        with np.errstate(invalid="ignore"):
            self.oof_proba_[label] = total / n_tested[:, None]
        self.decisions_[label] = self.classes_[decided]
        seconds = np.array([fold["seconds"] for fold in folds])
        self.seconds_[label] = {
            "fit": float(np.median(seconds)),
            "compilation": float(max(seconds[0] - np.median(seconds), 0.0)),
            "predict": float(np.median([fold["predict seconds"] for fold in folds])),
        }
        self.warnings_[label] = sorted({message for fold in folds for message in fold["warnings"]})
        if all(fold["threshold"] is not None for fold in folds):
            self.thresholds_[label] = float(np.median([fold["threshold"] for fold in folds]))
        if folds[0]["history"] is not None:
            self.histories_[label] = [fold["history"] for fold in folds]

    def best(self, score="average precision"):
        """Return the label of the candidate with the best mean of a score."""
        if not self.scores_:
            raise ValueError(f"Every candidate failed: {self.errors_}")
        return self.ordered(score)[0]

    def versus(self, other, label=None, score="average precision", region=0.0):
        """Return how much better one candidate is than another, and how sure that is.

        Parameters
        ----------
        other : str
            Label of the other candidate.
        label : str, default=None
            Label of the one; None is the best by this score.
        score : str, default="average precision"
            Name of the score.
        region : float, default=0.0
            Differences up to this size count as none.

        Returns
        -------
        dict of str to float
            "difference" (above zero where the one is better), its 95 % interval "low" and "high", corrected for folds
            that share rows of training, and the probabilities that the other is "worse", "equivalent" or "better".
        """
        label = self.best(score) if label is None else label
        sign = -1 if score in LESS_IS_BETTER else 1
        differences = sign * (self.scores_[label][score] - self.scores_[other][score])
        mean, low, high = corrected_interval(differences, self._test_share)
        better, equivalent, worse = probabilities(differences, self._test_share, region)
        return {
            "difference": mean, "low": low, "high": high, "worse": worse, "equivalent": equivalent, "better": better,
        }  # fmt: skip

    def summary(self, score="average precision", region=0.0):
        """Return the mean scores of every candidate, best first, with the interval of one of them.

        Parameters
        ----------
        score : str, default="average precision"
            Score by which candidates are ordered and told apart.
        region : float, default=0.0
            Differences up to this size count as none.

        Returns
        -------
        pandas.DataFrame or dict of str to list
            One line a candidate: means; "low" and "high" of the score; how much worse than the best, and how probable
            it is that it is "worse", "equivalent" or "better"; seconds; the error of one that failed. A dict of columns
            where pandas is not installed.
        """
        lines = []
        for label in self.ordered(score):
            _, low, high = self.interval(label, score)
            lines.append(
                {"strategy": label}
                | {name: float(values.mean()) for name, values in self.scores_[label].items()}
                | {f"{score}, low": low, f"{score}, high": high}
                | {name: value for name, value in self.versus(label, score=score, region=region).items()
                   if name not in ("low", "high")}
                | {f"{name} seconds": value for name, value in self.seconds_[label].items()}
                | {"error": None}
            )  # fmt: skip
        lines += [{"strategy": label, "error": error} for label, error in self.errors_.items()]
        columns = {name: [line.get(name, np.nan) for line in lines] for name in (lines[0] if lines else {})}
        try:
            import pandas as pd
        except ImportError:
            return columns
        return pd.DataFrame(columns).set_index("strategy")

    def ordered(self, score="average precision"):
        """Return the labels of the candidates that did not fail, the best by a score first."""
        sign = -1 if score in LESS_IS_BETTER else 1
        return sorted(self.scores_, key=lambda label: -sign * self.scores_[label][score].mean())

    def interval(self, label, score="average precision"):
        """Return the mean of a candidate's score over the folds, and the ends of its corrected 95 % interval."""
        return corrected_interval(self.scores_[label][score], self._test_share)

    def out_of_fold(self, label):
        """Return of the rows that were tested: labels, probabilities of the positive label of two, and weights."""
        proba = self.oof_proba_[label][:, self._positive]
        tested = ~np.isnan(proba)
        return self.classes_[self._codes[tested]], proba[tested], None if self._weight is None else self._weight[tested]

    def plot(self, kind="scores", ax=None):
        """Draw the comparison; needs matplotlib (the extra "plot").

        Parameters
        ----------
        kind : str, default="scores"
            "scores": a dot and a corrected 95 % interval for each candidate and score. For two classes, of out-of-fold
            probabilities, a curve for each candidate: "precision_recall"; "reliability"
            (`ReliabilityDisplay`); "threshold" (`ThresholdDisplay`: F1, or the cost where there are costs, with a dot
            at the threshold that is used); "net_benefit" (`NetBenefitDisplay`). "history": losses and average precision
            over the epochs, a line a fold.
        ax : matplotlib Axes or array of these, default=None
            Where to draw; None makes a figure. "scores" takes four, "history" two.

        Returns
        -------
        ndarray of matplotlib Axes
            What was drawn on.
        """
        return plot_comparison(self, kind, ax)

    def in_words(self, score="average precision"):
        """Return what the comparison says, in a few sentences."""
        best = self.best(score)
        mean = self.scores_[best][score].mean()
        told = {label: self.versus(label, score=score) for label in self.scores_ if label != best}
        unclear = [label for label, of in told.items() if not of["worse"] > 0.95]
        clear = [label for label in told if label not in unclear]
        said = [f"{best!r} has the best {score}, {mean:.3f}."]
        if clear:
            said.append(f"It is better than {_listed(clear)} with a probability above 95 %.")
        if unclear:
            said.append(
                f"These folds cannot tell it from {_listed(unclear)}: take what is simplest or fastest among them."
            )
        if self.costs_ is not None and score != "cost":
            cheapest = self.best("cost")
            said.append(f"Mistakes of {cheapest!r} cost least, {self.scores_[cheapest]['cost'].mean():.3g} a row.")
        largest = np.bincount(self._codes).max() / len(self._codes)
        label = self.classes_.tolist()[np.bincount(self._codes).argmax()]
        said.append(f"By accuracy, a model that always says {label!r} would have had {largest:.1%}.")
        calibration = self.scores_[best]["calibration"].mean()
        if calibration > 0.1 * self.scores_[best]["log-loss"].mean():
            said.append(
                f"Recalibration would take {calibration:.3f} off its log-loss: "
                'see calibration="holdout" before its probabilities are used.'
            )
        if self.errors_:
            said.append(f"{_listed(list(self.errors_))} failed: see errors_.")
        return " ".join(said)

    def _table(self):
        """Return the lines that are shown: header, candidates, those that failed."""
        names = [name for name in next(iter(self.scores_.values()), {}) if name.startswith(_SHOWN)]
        rows = [["strategy", *names, "fit, s"]]
        for label in self.ordered():
            means = [f"{self.scores_[label][name].mean():.3f}" for name in names]
            rows.append([label, *means, f"{self.seconds_[label]['fit']:.1f}"])
        return rows, [[label, error.split("\n")[0][:100]] for label, error in self.errors_.items()]

    def __repr__(self):
        """Return the table and what it says."""
        rows, failed = self._table()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in rows
        ]
        lines += [f"{label}: {error}" for label, error in failed]
        words = self.in_words() if self.scores_ else "Every candidate failed."
        return "\n".join([*lines, "", self._about(), *textwrap.wrap(words, 100)])

    def _about(self):
        """Return what was asked of which rows."""
        n_splits = len(next(iter(next(iter(self.scores_.values())).values()))) if self.scores_ else 0
        if self._positive is None:
            return f"{len(self._codes):,} rows, {len(self.classes_)} classes, {n_splits} folds; means over classes."
        share = np.mean(self._codes == self._positive)
        return f"{len(self._codes):,} rows, {share:.1%} of them {self.pos_label_!r}, {n_splits} folds."

    def _repr_html_(self):
        """Return the table and what it says, for notebooks."""
        rows, failed = self._table()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
        body += "".join(
            f'<tr><td>{html.escape(label)}</td><td colspan="{len(rows[0]) - 1}">{html.escape(error)}</td></tr>'
            for label, error in failed
        )
        words = self.in_words() if self.scores_ else "Every candidate failed."
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{html.escape(self._about())} {html.escape(words)}</p>"
        )


def _listed(labels):
    """Return labels as a list in words."""
    quoted = [repr(label) for label in labels]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
