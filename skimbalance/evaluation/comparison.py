"""The result of a comparison of strategies: scores, confidence intervals and what to do next."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skimbalance.data.numeric_input import check_size
from skimbalance.evaluation.report import report_of
from skimbalance.evaluation.scores import LESS_IS_BETTER
from skimbalance.evaluation.significance import corrected_interval, probabilities
from skimbalance.evaluation.summary import as_html, as_text, notes, sentences, short_labels
from skimbalance.plotting import plot_comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from skimbalance._typing import TableLike
    from skimbalance.evaluation.candidates import Fit
    from skimbalance.evaluation.folds import ComparedRows
    from skimbalance.evaluation.report import ComparisonReport
    from skimbalance.evaluation.table_audit import TableAudit

#: Attributes that hold something by the labels of candidates.
_BY_LABEL = (
    "scores_", "oof_proba_", "decisions_", "errors_", "failed_folds_", "warnings_", "seconds_", "histories_",
    "thresholds_",
)  # fmt: skip


class StrategyComparison:
    """Result of `compare_strategies`; printed as a table with a summary in words.

    Candidates are compared on the folds in which all of them have the score: a fold in which one could not be fitted,
    or in which the score is undefined, is left out for all, and the summary reports how many are left and why. A
    candidate that has a score in half of the folds of the others, or fewer, is set aside: it is listed last, and the
    others are compared without it.

    Attributes
    ----------
    scores_ : dict of str to dict of str to ndarray of shape (n_splits,)
        Scores of each candidate that did not fail in every fold, fold by fold; NaN in folds in which it failed, or in
        which a score is undefined, such as average precision in a fold without positive rows.
    oof_proba_ : dict of str to ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities, as ``predict_proba`` returns them; the mean for rows that were tested more than once,
        NaN for rows that were never tested, or whose fold failed.
    decisions_ : dict of str to ndarray of shape (n_samples,)
        Out-of-fold labels of ``predict``, the last for rows that were tested more than once. Rows that were never
        tested have the first label; `oof_proba_` is NaN there.
    errors_ : dict of str to str
        Error of the first fold, for candidates that failed in every fold. They have no scores.
    failed_folds_ : dict of str to dict of int to str
        Errors by fold number, from 0, of candidates that failed in some or all folds.
    warnings_ : dict of str to list of str
        Warnings of the fits, without repetitions.
    seconds_ : dict of str to dict of str to float
        Median seconds of "fit" and "predict", and the additional time of the first fold, "compilation". Candidates
        that share a fit each report all of it.
    histories_ : dict of str to list of dict
        Losses and scores over the epochs, for each fold that did not fail, of candidates that have a history.
    thresholds_ : dict of str to float
        Probability from which the positive label of two is predicted, the median over the folds, for candidates whose
        labels follow from a threshold in every fold that did not fail.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    pos_label_ : label or None
        Positive label of two.
    costs_ : ndarray of shape (n_classes, n_classes) or None
        Costs of mistakes, [true class, predicted class].
    audit_ : TableAudit or None
        What is wrong with the table, if it was audited.
    interrupted_ : str or None
        If the user interrupted the comparison, how many fits were finished; the other folds count as failed.

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

    scores_: dict[str, dict[str, np.ndarray]]
    oof_proba_: dict[str, np.ndarray]
    decisions_: dict[str, np.ndarray]
    errors_: dict[str, str]
    failed_folds_: dict[str, dict[int, str]]
    warnings_: dict[str, list[str]]
    seconds_: dict[str, dict[str, float]]
    histories_: dict[str, list[dict[str, Any]]]
    thresholds_: dict[str, float]
    classes_: np.ndarray
    pos_label_: Any
    costs_: np.ndarray | None
    audit_: TableAudit | None
    interrupted_: str | None

    #: Scores for which smaller is better.
    less_is_better = LESS_IS_BETTER

    _unweighted = _of_package = frozenset()  # of one that an earlier version has pickled

    def __init__(
        self,
        folds: dict[str, list[dict[str, Any]]],
        splits: list[tuple[np.ndarray, np.ndarray]],
        table: ComparedRows,
        costs: np.ndarray | None,
        fits: Sequence[Fit],
        audited: TableAudit | None,
    ) -> None:
        self.classes_, self._codes, self._positive = table.classes, table.codes, table.positive
        self.costs_, self._weight, self.audit_ = costs, table.sample_weight, audited
        self._groups = table.group_codes
        self.pos_label_ = None if table.positive is None else table.classes.tolist()[table.positive]
        self._splits = splits
        self._fits = {label: fit for fit in fits for label in fit.rules}
        self._of_package = {label for fit in fits if fit.prefix is not None for label in fit.rules}
        self._rules = {label: rule for fit in fits for label, rule in fit.rules.items()}
        self._test_shares = np.array([len(test) / (len(train) + len(test)) for train, test in splits])
        self.scores_, self.oof_proba_, self.decisions_, self.errors_, self.failed_folds_ = {}, {}, {}, {}, {}
        self.warnings_, self.seconds_, self.histories_, self.thresholds_ = {}, {}, {}, {}
        self._own, self._complaints, self._unweighted, self.interrupted_ = set(), {}, set(), None
        for label, of_label in folds.items():
            self._add(label, of_label)

    def _add(self, label, folds):
        """Add the results of one candidate."""
        failed = {i: fold["error"] for i, fold in enumerate(folds) if "error" in fold}
        if failed:
            self.failed_folds_[label] = failed
        if len(failed) == len(folds):
            self.errors_[label] = folds[0]["error"]
            return
        self._add_rows(label, [(fold, test) for fold, (_, test) in zip(folds, self._splits, strict=True)
                               if "error" not in fold])  # fmt: skip
        names = dict.fromkeys(name for fold in folds for name in fold.get("scores", ()))
        self.scores_[label] = {
            name: np.array([fold.get("scores", {}).get(name, np.nan) for fold in folds]) for name in names
        }
        fitted = [fold for fold in folds if "error" not in fold]
        for fold in fitted:
            self._own.update(fold["own"])
            self._complaints = fold["complaints"] | self._complaints
            self._unweighted.update(fold["unweighted"])
        seconds = np.array([fold["seconds"] for fold in fitted])
        self.seconds_[label] = {
            "fit": float(np.median(seconds)),
            "compilation": float(max(seconds[0] - np.median(seconds), 0.0)),
            "predict": float(np.median([fold["predict seconds"] for fold in fitted])),
        }
        self.warnings_[label] = sorted({message for fold in fitted for message in fold["warnings"]})
        if all(fold["threshold"] is not None for fold in fitted):
            self.thresholds_[label] = float(np.median([fold["threshold"] for fold in fitted]))
        if fitted[0]["history"] is not None:
            self.histories_[label] = [fold["history"] for fold in fitted]

    def _add_rows(self, label, tested):
        """Add the out-of-fold predictions of one candidate, from pairs (fold, rows)."""
        total, n_tested = np.zeros((len(self._codes), len(self.classes_))), np.zeros(len(self._codes))
        decided = np.zeros(len(self._codes), dtype=np.intp)
        for fold, rows in tested:
            total[rows] += fold["proba"]
            n_tested[rows] += 1
            decided[rows] = fold["labels"]
        with np.errstate(invalid="ignore"):
            self.oof_proba_[label] = total / n_tested[:, None]
        self.decisions_[label] = self.classes_[decided]

    def shared_folds(self, score: str = "average precision") -> tuple[np.ndarray, list[str]]:
        """Return which folds a score is compared on, and which candidates are compared there.

        Parameters
        ----------
        score : str, default="average precision"
            Name of the score.

        Returns
        -------
        folds : ndarray of bool, shape (n_splits,)
            Those in which all these candidates have the score.
        labels : list of str
            Candidates that have it in more than half as many folds as the one that has it in most.
        """
        known = {label: ~np.isnan(self._values(label, score)) for label in self.scores_}
        most = max((of.sum() for of in known.values()), default=0)
        labels = [label for label, of in known.items() if 2 * of.sum() > most]
        folds = np.full(len(self._splits), most > 0)
        for label in labels:
            folds &= known[label]
        return folds, labels

    def _values(self, label, score):
        """Return the scores of a candidate, fold by fold."""
        if not any(score in of for of in self.scores_.values()):
            raise ValueError(f"score={score!r} is unknown; it takes one of {self._names()}.")
        if label not in self.scores_:
            why = "failed in every fold" if label in self.errors_ else "is unknown"
            raise ValueError(f"The candidate {label!r} {why}; those with scores are {list(self.scores_)}.")
        return self.scores_[label].get(score, np.full(len(self._splits), np.nan))

    def _names(self):
        """Return the names of all scores."""
        return list(dict.fromkeys(name for of in self.scores_.values() for name in of))

    def best(self, score: str = "average precision") -> str:
        """Return the label of the candidate with the best mean of a score."""
        if not self.scores_:
            raise ValueError(f"Every candidate failed: {self.errors_}")
        best = self.ordered(score)[0]
        if np.isnan(self.interval(best, score)[0]):
            raise ValueError(f"No candidate is best by {score!r}: it is undefined in every fold that all of them have.")
        return best

    def versus(
        self, other: str, label: str | None = None, score: str = "average precision", region: float = 0.0
    ) -> dict[str, float]:
        """Return how much better one candidate is than another, with a confidence interval and probabilities.

        Parameters
        ----------
        other : str
            Label of the other candidate.
        label : str, default=None
            Label of the first candidate; None is the best by this score.
        score : str, default="average precision"
            Name of the score.
        region : float, default=0.0
            Differences up to this size count as equivalent.

        Returns
        -------
        dict of str to float
            "difference" (positive if the first is better), its 95 % confidence interval "low" and "high", corrected for
            overlapping training sets, and the probabilities that the other is "worse", "equivalent" or "better". The
            folds are those of `shared_folds`; for a candidate that is set aside, those that both have. All are NaN
            without a fold, and all but the difference with a single fold.
        """
        check_size(region, "region")
        label = self.best(score) if label is None else label
        sign = -1 if score in LESS_IS_BETTER else 1
        folds, compared = self.shared_folds(score)
        differences = sign * (self._values(label, score) - self._values(other, score))
        if not {label, other} <= set(compared):
            folds = ~np.isnan(differences)
        differences, share = differences[folds], self._share_of(folds)
        mean, low, high = corrected_interval(differences, share)
        better, equivalent, worse = probabilities(differences, share, region)
        return {
            "difference": mean, "low": low, "high": high, "worse": worse, "equivalent": equivalent, "better": better,
        }  # fmt: skip

    def summary(self, score: str = "average precision", region: float = 0.0) -> pd.DataFrame:
        """Return the mean scores of every candidate, best first, with the confidence interval of one score.

        Parameters
        ----------
        score : str, default="average precision"
            Score by which candidates are ordered and compared.
        region : float, default=0.0
            Differences up to this size count as equivalent.

        Returns
        -------
        pandas.DataFrame or dict of str to list
            One line per candidate: means; "low" and "high" of the score; its difference from the best, and the
            probabilities that it is "worse", "equivalent" or "better"; seconds; the number of folds in which it did not
            fail, and its first error. It is shown to three decimals, with all columns, and holds all digits. A dict of
            columns if pandas is not installed.
        """
        lines, names = [], self._names()
        for label in self.ordered(score):
            _, low, high = self.interval(label, score)
            failed = self.failed_folds_.get(label, {})
            lines.append(
                {"strategy": label}
                | {name: self.interval(label, name)[0] for name in names}
                | {f"{score}, low": low, f"{score}, high": high}
                | {name: value for name, value in self._versus_best(label, score, region).items()
                   if name not in ("low", "high")}
                | {f"{name} seconds": value for name, value in self.seconds_[label].items()}
                | {"folds": len(self._splits) - len(failed), "error": next(iter(failed.values()), None)}
            )  # fmt: skip
        lines += [{"strategy": label, "folds": 0, "error": error} for label, error in self.errors_.items()]
        columns = {name: [line.get(name, np.nan) for line in lines] for name in (lines[0] if lines else {})}
        try:
            from skimbalance.evaluation.frame import ScoreFrame
        except ImportError:
            return columns
        return ScoreFrame(columns).set_index("strategy")

    def _versus_best(self, label, score, region=0.0):
        """Return how a candidate compares to the best one, NaN if none is best."""
        best = self.ordered(score)[0]
        return self.versus(label, best, score, region)

    def ordered(self, score: str = "average precision") -> list[str]:
        """Return the labels of the candidates that did not fail, the best by a score first, those set aside last."""
        sign, compared = -1 if score in LESS_IS_BETTER else 1, self.shared_folds(score)[1]

        def place(label):
            mean = self.interval(label, score)[0]
            return label not in compared, np.inf if np.isnan(mean) else -sign * mean

        return sorted(self.scores_, key=place)

    def interval(self, label: str, score: str = "average precision") -> tuple[float, float, float]:
        """Return the mean of a candidate's score, and the ends of its corrected 95 % confidence interval.

        The folds are those of `shared_folds`; for a candidate that is set aside, all that it has. The ends are NaN for
        fewer than two folds, the mean without a fold.
        """
        values, (folds, compared) = self._values(label, score), self.shared_folds(score)
        if label not in compared:
            folds = ~np.isnan(values)
        return corrected_interval(values[folds], self._share_of(folds))

    def _share_of(self, folds):
        """Return the mean share of the rows that folds test."""
        return float(self._test_shares[folds].mean()) if folds.any() else np.nan

    def out_of_fold(
        self, label: str, rows: bool | np.ndarray = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return labels, probabilities of the positive label of two, and weights of the rows that were tested.

        Parameters
        ----------
        label : str
            Label of the candidate.
        rows : bool or ndarray of bool, shape (n_samples,), default=True
            Which of the tested rows to return.
        """
        proba = self.oof_proba_[label][:, self._positive]
        tested = ~np.isnan(proba) & rows
        return self.classes_[self._codes[tested]], proba[tested], None if self._weight is None else self._weight[tested]

    def subset(self, labels: Sequence[str]) -> Self:
        """Return the comparison of some candidates alone, such as three to be plotted.

        Parameters
        ----------
        labels : sequence of str
            Labels of these candidates.

        Returns
        -------
        StrategyComparison
            It compares them on the folds that they have in common.
        """
        unknown = [label for label in labels if label not in [*self.scores_, *self.errors_]]
        if unknown:
            known = [*self.scores_, *self.errors_]
            raise ValueError(f"The candidate {unknown[0]!r} is unknown; the comparison has {known}.")
        found = copy.copy(self)
        for name in _BY_LABEL:
            setattr(found, name, {label: of for label, of in getattr(self, name).items() if label in labels})
        found._fits = self._fits
        return found

    def short_labels(self) -> dict[str, str]:
        """Return short labels of all candidates for tables and plots, by label."""
        return short_labels([*self.scores_, *self.errors_])

    def plot(
        self,
        kind: Literal["scores", "precision_recall", "reliability", "threshold", "net_benefit", "history"] = "scores",
        ax: Axes | np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw the comparison; needs matplotlib (the extra "plot").

        Parameters
        ----------
        kind : str, default="scores"
            "scores": a dot and a corrected 95 % confidence interval for each candidate and score. For two classes, a
            curve of the out-of-fold probabilities of each candidate: "precision_recall"; "reliability"
            (`ReliabilityDisplay`); "threshold" (`ThresholdDisplay`: F1, with a dot at the threshold that is used, or
            the cost if there are costs, with a dot at the threshold of least expected cost); "net_benefit"
            (`NetBenefitDisplay`). They use the rows for which all candidates have probabilities. "history": losses
            and average precision over the epochs, a line per fold.
        ax : matplotlib Axes or array of these, default=None
            Axes to draw on; None creates a figure. "scores" takes four, "history" two.

        Returns
        -------
        ndarray of matplotlib Axes
            The axes.
        """
        return plot_comparison(self, kind, ax)

    def in_words(self, score: str = "average precision") -> str:
        """Return a summary of the comparison in a few sentences."""
        if not self.scores_:
            self.best(score)
        return " ".join([*sentences(self, score), *notes(self)])

    def report(self, title: str = "Comparison of strategies", *, X: TableLike | None = None) -> ComparisonReport:
        """Return a page on the best candidate, to show in a notebook or to hand on as a file; needs matplotlib.

        It is the page of ``skimbalance compare --out``: what the labels of the best candidate do to 1,000 held-out rows
        and what its mistakes cost, the candidates, pictures, and what the audit of the table found.

        Parameters
        ----------
        title : str, default="Comparison of strategies"
            Title.
        X : {ndarray, pandas.DataFrame} of shape (n_samples, n_features), default=None
            The rows that were compared, for the importance of their columns: the best candidate is fitted once more in
            five folds at most, and the page says how much worse it predicts held-out rows where one column is shuffled.

        Returns
        -------
        ComparisonReport
            Candidates are ordered by "cost" where there are costs, and by average precision otherwise.
        """
        return report_of(self, title, X)

    def __getstate__(self):
        """Return what is pickled: all but the models, which may hold functions that cannot be."""
        return self.__dict__ | {"_fits": {}}

    def __repr__(self):
        """Return the table and a summary."""
        return as_text(self)

    def _repr_html_(self):
        """Return the table and a summary as HTML, for notebooks."""
        return as_html(self)
