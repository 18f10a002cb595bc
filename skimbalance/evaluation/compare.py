"""Fit every strategy on the same folds, and keep the predictions for the test rows."""

from __future__ import annotations

import sys
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, column_or_1d, indexable

from skimbalance._nesting import prefix_of_classifier, renumbers_labels
from skimbalance._progress import Progress, in_time, show_aside
from skimbalance.data.groups import group_keys
from skimbalance.data.numeric_input import check_share, check_weights
from skimbalance.data.reading import is_none
from skimbalance.data.rows import weighted_counts
from skimbalance.evaluation.candidates import labelled, plan_fits
from skimbalance.evaluation.comparison import StrategyComparison
from skimbalance.evaluation.folds import ComparedRows, Scoring, fit_fold
from skimbalance.evaluation.scoring import OwnScores
from skimbalance.evaluation.summary import INTERRUPTED
from skimbalance.evaluation.table_audit import audit as audit_table
from skimbalance.probability.decision import cost_matrix
from skimbalance.probability.positive import known_positive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

    from skimbalance._typing import ColumnLike, CostsLike, RandomState, Splits, Splitter, TableLike
    from skimbalance.evaluation.table_audit import TableAudit

#: Strategies compared by default.
USUAL = ("none", "auto", "class_weight", "focal", "balanced_batches", "random_undersample", "smote")


def compare_strategies(
    estimator: BaseEstimator,
    X: TableLike,
    y: ColumnLike,
    *,
    strategies: Sequence[Any] | Mapping[str, Any] = USUAL,
    scoring: str | Callable[..., Any] | Sequence[str] | Mapping[str, Any] | None = None,
    cv: int | Splitter | Splits | None = 5,
    pos_label: Any = None,
    costs: CostsLike | None = None,
    budget: float = 0.05,
    sample_weight: ArrayLike | None = None,
    groups: ColumnLike | None = None,
    params: Mapping[str, Any] | None = None,
    audit: TableAudit | None = None,
    n_jobs: int | None = None,
    random_state: RandomState | None = None,
    verbose: int = 1,
) -> StrategyComparison:
    """Compare strategies, and other models, on the same folds.

    Parameters
    ----------
    estimator : ImbalancedKerasClassifier, or a pipeline or search that ends in one
        Estimator on which the strategies are set.
    X : {array-like, dataframe} of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        Labels.
    strategies : list or dict
        Values of `strategy`: names, objects, or lists of these; dicts of parameters of the classifier, such as
        ``{"strategy": "focal", "gamma": 1.0, "decision": "f1"}``; or other scikit-learn classifiers, which are compared
        unchanged. A dict of candidates gives each a label, which must be a string. Candidates that differ only in their
        `decision` share one fit per fold. By default "none", "auto", "class_weight", "focal", "balanced_batches",
        "random_undersample" and "smote"; the command line leaves out "balanced_batches".
    scoring : str, callable, list or dict, default=None
        Additional scores, as `cross_validate` takes them: greater is better. None of them may have the name of a
        built-in score, such as "cost". A score is missing in folds in which its scorer fails or returns NaN. Scorers
        are given the rows of positive weight, and `sample_weight` where they take it (those of scikit-learn's
        `make_scorer`: where the metric does); of others, the result says that they ignore weights.
    cv : int, splitter or iterable, default=5
        Folds; an int makes them stratified and shuffled, of whole groups where there are any. A splitter of rows, such
        as `StratifiedKFold`, ignores groups, and scikit-learn warns that it does.
    pos_label : label, default=None
        Positive label of two; None is that of `estimator`, or 1 or True, or else the rarer one by weight. It is also
        set on classifiers whose ``pos_label`` is None, so that decisions and scores use the same label.
    costs : dict or array-like, default=None
        Costs of mistakes, as `decision` takes them; adds a score "cost", the mean cost per row of the labels of least
        expected cost under the probabilities of each model (`decide`). All other scores of labels, such as F1, use
        the labels of ``predict``.
    budget : float in (0, 1), default=0.05
        Share of the rows that can be inspected, for "recall at a budget".
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, in fits and in scores; a row of weight zero is not scored.
    groups : array-like of shape (n_samples,), default=None
        Groups: for the splitter, and for classifiers of this package, which hold out whole groups (``fit(groups=)``).
        A search around one takes whole groups as well, where its own ``cv`` is None or an int. Rows of weight zero need
        no group.
    params : dict, default=None
        Further arguments of `fit` of `estimator`, such as callbacks; those with one value per row are split with the
        folds. They are not passed to other classifiers.
    audit : TableAudit, default=None
        What `skimbalance.audit` has found in this table; None audits it where `verbose` is 1.
    n_jobs : int, default=None
        Number of parallel processes, each of which starts TensorFlow; one process is usually faster.
    random_state : int, RandomState instance or None, default=None
        Source of folds, and of the seeds of models that have none.
    verbose : int, default=1
        1 prints severe findings of the audit, how many fits are done, and the time left.

    Returns
    -------
    StrategyComparison
        Scores, out-of-fold probabilities and decisions; printed as a table with a summary. Models are scored by their
        ``predict_proba`` and ``predict``, which should refer to the population of `y`: set a `target_prior` on a
        classifier that follows a sampler in a pipeline. After an interruption (Ctrl-C), the comparison holds the
        finished fits and reports the interruption; without a finished fit, KeyboardInterrupt is raised.

    Raises
    ------
    ValueError
        Before anything is fitted: if the estimator does not end in a classifier with a `strategy`, there are no
        strategies, their labels are equal or not strings, or a score has a reserved name. A fit that fails raises no
        error: the candidate is compared on the other folds.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from skimbalance import ImbalancedKerasClassifier, compare_strategies
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedKerasClassifier("mlp", epochs=10)
    >>> comparison = compare_strategies(clf, X, y, strategies=["none", "focal"], cv=3, random_state=0, verbose=0)
    >>> list(comparison.scores_["none"])[:3]
    ['average precision', 'ROC AUC', 'log-loss']
    """
    prefix = _known_prefix(estimator)
    table = _read(X, y, sample_weight, groups, pos_label, estimator, prefix)
    X, y, groups, classes, positive = table.X, table.y, table.groups, table.classes, table.positive
    check_share(budget, "budget", below=True)
    candidates = labelled(strategies)
    own = None if scoring is None else OwnScores(estimator, scoring, budget)
    matrix = None if costs is None else cost_matrix(costs, classes, 1 if positive is None else positive)
    fits = plan_fits(estimator, prefix, candidates, classes, positive, random_state)
    if cv is None or isinstance(cv, Integral):
        check_random_state(random_state)
        folds = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = folds(5 if cv is None else cv, shuffle=True, random_state=random_state)
    splits = list(check_cv(cv, y, classifier=True).split(X, y, groups))
    calls = [
        delayed(fit_fold)(fit, table, split, None if fit.prefix is None else params, Scoring(budget, matrix, own))
        for fit in fits
        for split in splits
    ]
    audit = _audited(X, y, groups) if audit is None and verbose else audit
    if verbose and audit is not None:
        for one in audit.severe:
            show_aside(str(one))
    outcomes = _run(calls, n_jobs, verbose)
    n_done = len(outcomes)
    undone = [fit for fit in fits for _ in splits][n_done:]
    outcomes += [{label: {"error": INTERRUPTED} for label in fit.rules} for fit in undone]
    folds = {label: [of[label] for of in outcomes if label in of] for label in candidates}
    found = StrategyComparison(folds, splits, table, matrix, fits, audit)
    if n_done < len(calls):
        found.interrupted_ = f"Interrupted: {n_done} of {len(calls)} fits were finished; all scores are of these."
    return found


def _known_prefix(estimator):
    """Return the prefix of the parameters of the classifier that an estimator ends in."""
    prefix = prefix_of_classifier(estimator)
    if prefix is None:
        raise ValueError(
            f"estimator={estimator!r} does not end in a classifier with a strategy; pass an "
            "ImbalancedKerasClassifier, or a pipeline or search that ends in one, and other models in strategies."
        )
    return prefix


def _read(X, y, sample_weight, groups, pos_label, estimator, prefix):
    """Return the rows of a comparison, checked; `prefix` is that of the parameters of the classifier in `estimator`."""
    X, y, groups = indexable(X, y, groups)
    y = y if np.ndim(y) == 1 else column_or_1d(y, warn=True)
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y has one class, {classes.tolist()}; a comparison needs at least two.")
    sample_weight = check_weights(sample_weight, len(codes))
    if pos_label is None:
        pos_label = estimator.get_params()[f"{prefix}pos_label"]
        if pos_label in (0, 1) and renumbers_labels(estimator):
            pos_label = classes.tolist()[pos_label]
    positive = _positive(weighted_counts(codes, sample_weight, len(classes)), classes, pos_label)
    groups, group_codes = (None, None) if groups is None else _read_groups(groups, sample_weight, len(codes))
    return ComparedRows(X, y, codes, classes, positive, sample_weight, groups, group_codes)


def _positive(counts, classes, pos_label):
    """Return the position of the positive class of two, None for more."""
    if len(classes) > 2:
        return None
    known = known_positive(pos_label, classes)
    return (0 if counts[0] < counts[1] else 1) if known is None else known


def _read_groups(groups, sample_weight, n_rows):
    """Return groups as they are, and numbered; numbered alone if rows of weight zero have none, which splitters refuse.

    As in ``fit``, only rows of positive weight need a group.
    """
    is_shown = np.ones(n_rows, dtype=bool) if sample_weight is None else sample_weight > 0
    codes = np.unique(group_keys(groups, n_rows, is_shown), return_inverse=True)[1]
    hidden = [] if is_shown.all() else np.asarray(groups, dtype=object)[~is_shown].ravel()
    lacking = np.flatnonzero(~is_shown)[[is_none(one) for one in hidden]]
    codes[lacking] = codes.max() + 1 + np.arange(len(lacking))  # each a group of its own, or one fold would hold all
    return codes if len(lacking) else groups, codes


def _audited(X, y, groups):
    """Return the audit of a table; None of rows that are no table."""
    try:
        return audit_table(X, y, groups=groups, cv=None)
    except (TypeError, ValueError):  # such as a list of texts, which a pipeline turns into a table
        return None


def _run(calls, n_jobs, verbose):
    """Run the fits and show their progress; return the finished ones if the user interrupts the others."""
    bar, results = Progress("fits", len(calls), file=sys.stderr) if verbose else None, []
    try:
        for result in _parallel(n_jobs)(calls):
            results.append(result)
            if verbose:
                bar.move(len(results))
            if verbose and len(results) == 1:  # it has started workers and TensorFlow
                bar.restart(1)
    except KeyboardInterrupt:
        if not results:
            raise
    finally:
        if verbose:
            n, total = len(results), len(calls)
            done = f"{n} fits" if n == total else f"Interrupted after {n} of {total} fits,"
            bar.end(f"{done} in {in_time(bar.seconds)}")
    return results


def _parallel(n_jobs):
    """Return a Parallel that yields results as they finish, or all at the end if its backend (Ray) cannot."""
    try:
        return Parallel(n_jobs, return_as="generator")
    except ValueError:
        return Parallel(n_jobs)
