"""A page on a comparison, for a notebook or a file."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from skimbalance.evaluation.report.files import whole_file
from skimbalance.evaluation.report.held_out import asked_score, rule_of
from skimbalance.evaluation.report.importance import importances
from skimbalance.evaluation.report.page import About, body_of, page_of
from skimbalance.evaluation.report.versions import versions
from skimbalance.plotting.display import import_pyplot

if TYPE_CHECKING:
    from os import PathLike


class ComparisonReport:
    """A page on a comparison, which a notebook shows and `write` writes; see `StrategyComparison.report`.

    Attributes
    ----------
    html : str
        The whole page, pictures included; it needs no network.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance import ImbalancedKerasClassifier, compare_strategies
    >>> X, y = make_classification(n_samples=400, weights=[0.9], class_sep=2.0, random_state=0)
    >>> candidates = {"logistic": LogisticRegression(), "constant": DummyClassifier()}  # or names of strategies
    >>> comparison = compare_strategies(ImbalancedKerasClassifier(), X, y, strategies=candidates, verbose=0)
    >>> report = comparison.report("Who leaves?", X=X)  # doctest: +SKIP
    >>> report.write("report.html")  # doctest: +SKIP
    """

    html: str

    def __init__(self, title: str, body: str) -> None:
        self.html, self._title, self._body = page_of(title, body), title, body

    def write(self, path: str | PathLike[str]) -> None:
        """Write the page to a file, which is read back and compared.

        Parameters
        ----------
        path : str or path-like
            File; one that exists is replaced.

        Raises
        ------
        OSError
            If the file cannot be written, or holds something else than what was written.
        """
        # A name in the page may hold bytes that are no text, which UTF-8 refuses.
        content, path = self.html.encode("utf-8", errors="backslashreplace"), Path(path)
        if path.exists() and not path.is_file():  # such as a pipe
            path.write_bytes(content)
            return
        with whole_file(path) as draft:
            draft.write_bytes(content)
            if draft.read_bytes() != content:
                raise OSError(f"{path} does not hold what was written")

    def __repr__(self):
        """Return the title, and what to do with the page."""
        return f"<ComparisonReport {self._title!r}: shown in a notebook; write(path) makes a file of it>"

    def _repr_html_(self):
        """Return the report as HTML, for notebooks."""
        return self._body


def report_of(found, title, X=None):
    """Return the report of a comparison; see `StrategyComparison.report`."""
    import_pyplot()  # or say how to install matplotlib
    if not found.scores_:
        return ComparisonReport(title, body_of(found, title))
    label = found.ordered(asked_score(found))[0]
    rule, audited = found._rules.get(label), found.audit_
    words = rule if rule is not None or found.costs_ is not None else "that of `predict`"
    important = "It is computed where the rows are passed: comparison.report(X=X)."
    about = About(
        label,
        rule,
        rule_of(found, label, words),
        _next_steps(found, label, rule),
        important if X is None else importances(found, label, _checked(X, found)),
        _data(found),
        _settings(found),
        findings=None if audited is None else tuple(one for one in audited.findings if one.severity != "note"),
    )
    return ComparisonReport(title, body_of(found, title, about))


def _checked(X, found):
    """Return rows that can be those that were compared; raise for others."""
    if len(getattr(X, "shape", ())) != 2 or not (hasattr(X, "iloc") or isinstance(X, np.ndarray)):
        raise TypeError(f"X is a {type(X).__name__}; a report takes a pandas DataFrame or an array of two dimensions.")
    if len(X) != len(found._codes):
        raise ValueError(f"X has {len(X):,} rows, but {len(found._codes):,} were compared; pass the same.")
    return X


def _next_steps(found, label, rule):
    """Return the code that fits a candidate on all rows."""
    fit = found._fits.get(label)
    if fit is None:
        return []
    model, more, costs = clone(fit.model), [], None if found.costs_ is None else found.costs_.tolist()
    fit.set_rule(model, costs if rule is None else rule)
    more += ["groups=groups"] if found._groups is not None and fit.prefix is not None else []
    more += ["sample_weight=sample_weight"] if found._weight is not None else []
    code = f"model = {model!r}\nmodel.fit({', '.join(['X', 'y', *more])})"
    if costs is not None and not fit.shares:
        code += f"\nlabels = skimbalance.decide(model.predict_proba(X_new), costs={costs}, classes=model.classes_)"
    return [("To fit this candidate on all rows", code)]


def _data(found):
    """Return what the data are."""
    rows = [
        ("rows", f"{len(found._codes):,}"),
        ("labels", shares_in_words(found.classes_[found._codes])),
        ("columns", "unknown" if found.audit_ is None else f"{found.audit_.n_columns}"),
        ("groups", "none" if found._groups is None else f"{found._groups.max() + 1:,}"),
        ("weights", "none" if found._weight is None else "as given"),
    ]
    return [row for row in rows if row[1] != "unknown"]


def _settings(found):
    """Return how the comparison was made, and with what."""
    return [
        ("date", now()),
        ("costs of mistakes", "none" if found.costs_ is None else f"{found.costs_.tolist()} [true, predicted]"),
        ("candidates", ", ".join([*found.scores_, *found.errors_])),
        ("folds", f"{len(found._splits)}"),
        ("versions", versions_in_words()),
    ]


def shares_in_words(y):
    """Return how many rows have each label."""
    labels, counts = np.unique(y, return_counts=True)
    of_label = zip(labels.tolist(), counts.tolist(), strict=True)
    return ", ".join(f"{label!r} {count:,} ({count / len(y):.2%})" for label, count in of_label)


def versions_in_words():
    """Return versions in a line."""
    return ", ".join(f"{name} {of}" for name, of in versions().items())


def now():
    """Return date and time."""
    return f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %z}"
