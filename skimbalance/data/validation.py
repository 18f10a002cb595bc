"""Validate the rows, labels, weights and parameters that the caller passes."""

from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing, assert_all_finite, check_array, check_X_y
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from skimbalance.data.growing import GrowingColumns
from skimbalance.data.holdout import HeldOut, prior_of
from skimbalance.data.reading import holds_types, is_none
from skimbalance.data.rows import weighted_counts
from skimbalance.data.table import Columns

#: Least class share of a target population: below it, probabilities of the class are rounded to 0 or 1.
LEAST_SHARE = 1e-9
#: Constraints of arguments of fit that are no parameters.
_OF_CALLS = {"initial_epoch": [Interval(Integral, 0, None, closed="left")]}


def check_values(estimator, values):
    """Check parameters, and arguments of fit that replace them, against the estimator's constraints."""
    constraints = {**estimator._parameter_constraints, **_OF_CALLS}
    validate_parameter_constraints(constraints, values, type(estimator).__name__)


def spawn_generators(random_state, n):
    """Return n independent generators derived from `random_state`, without using any global one.

    Numbers are drawn from a RandomState or a Generator, which changes its state, as everywhere in scikit-learn.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31 - 1, size=4).tolist()
    elif isinstance(random_state, np.random.Generator):
        random_state = random_state.integers(2**31 - 1, size=4).tolist()
    elif random_state is not None:
        random_state = int(random_state)
    return [np.random.default_rng(seed) for seed in np.random.SeedSequence(random_state).spawn(n)]


def check_rows(estimator, X, y, sample_weight, classes, kind, is_first):
    """Return the rows, class indices and weights to train on; set the estimator's attributes that describe them.

    Rows of weight zero are dropped. ``classes_``, ``n_classes_``, ``n_features_in_``, ``feature_names_in_`` and
    ``columns_``, of the class `kind`, are set on the estimator; unless the call is the first, they are checked, and
    growing columns of a further chunk grow.

    Returns
    -------
    X : ndarray of float32, shape (n_rows, n_features)
    y : ndarray of int, shape (n_rows,)
    sample_weight : ndarray of float64, shape (n_rows,), or None
    is_shown : ndarray of bool, shape (n_given,)
        Which of the given rows these are.
    labels : ndarray of shape (n_given,)
        Labels of all given rows.
    """
    refuse_other_tables(X)
    y, n_columns = _from_one_hot(y)
    classes = np.arange(n_columns) if n_columns is not None and classes is None else classes
    _refuse_other_labels(y)
    if not is_first:
        _refuse_other_categories(estimator)
    given, before = X, getattr(estimator, "columns_", None)
    how = {"y": y, "reset": is_first, "kind": kind}
    X, y = _as_table(estimator, X, **how)
    check_classification_targets(y)
    labels, is_shown = y, np.ones(len(y), dtype=bool)
    if sample_weight is not None:
        if not np.any(np.asarray(sample_weight)):
            raise ValueError(
                "No training rows had any weight; only zeros were passed in sample_weight. At least two classes need "
                "rows of positive weight."
            )
        sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not sample_weight.all():
            is_shown = sample_weight > 0
            X, y, sample_weight = X[is_shown], y[is_shown], sample_weight[is_shown]
            if estimator.columns_ is not before and estimator.columns_.follow_from_rows:
                estimator.columns_, given = before, _safe_indexing(given, np.flatnonzero(is_shown))
                X = _as_table(estimator, given, **{**how, "y": y})[0]
    return X, _as_indices(estimator, y, classes, is_first), sample_weight, is_shown, labels


def _refuse_other_categories(estimator):
    """Raise if ``categorical_features`` differs from that of the first call, which decides how columns are read."""
    asked, before = (np.asarray(of, dtype=object) for of in (estimator.categorical_features, estimator.columns_.asked))
    if not np.array_equal(asked, before):
        raise ValueError(
            f"categorical_features={estimator.categorical_features!r:.60} differs from the value of the first call, "
            f"{estimator.columns_.asked!r:.60}, by which the columns were read; call fit with warm_start=False."
        )


def _from_one_hot(y):
    """Return labels, and the number of columns if y was one-hot: its labels are then the column indices."""
    shape = getattr(y, "shape", ())
    if len(shape) != 2 or shape[1] < 2:
        return y, None
    columns = None if hasattr(y, "toarray") else np.asarray(y)
    if columns is None or not np.isin(columns, (0, 1)).all() or not np.all((columns == 1).sum(axis=1) == 1):
        raise ValueError(
            f"Multilabel and multioutput targets are not supported. y has shape {tuple(shape)}; it takes one label "
            "per row, or one-hot rows with a single 1 each. For several targets, fit one classifier per column "
            "(sklearn.multioutput.MultiOutputClassifier)."
        )
    return (columns == 1).argmax(axis=1), shape[1]


def _refuse_other_labels(y):
    """Raise for missing labels, labels of mixed types, and numbers in an array of objects, which scorers reject."""
    is_list = isinstance(y, list | tuple)
    labels = y if is_list else np.asarray(y)
    if y is None or (not is_list and labels.dtype != object):
        return
    labels = [label for label in (labels if is_list else labels.ravel()) if np.ndim(label) == 0]
    try:
        distinct = list(dict.fromkeys(labels))
    except TypeError:  # of objects that cannot be looked up
        distinct = labels
    if any(map(is_none, distinct)):
        missing = [i for i, label in enumerate(labels) if is_none(label)]
        raise ValueError(
            f"Input y contains NaN or None {len(missing)} times, first in row {missing[0]}; drop the rows without a "
            "label, for example those where pandas.isna(y)."
        )
    texts, others = ([label for label in distinct if isinstance(label, str) is is_text] for is_text in (True, False))
    if texts and others:
        raise ValueError(
            f"y mixes text labels with others, such as {texts[0]!r} and {others[0]!r}; convert all labels to one "
            "type, for example y.astype(str)."
        )
    if others and not is_list:
        fitting = {"b": "bool", "i": "int", "u": "int", "f": "float"}.get(np.array(others).dtype.kind, "str")
        raise ValueError(
            f"Unknown label type: y has dtype object and holds labels such as {others[0]!r} "
            f"({type(others[0]).__name__}), which scikit-learn's splitters and scorers do not accept as classes; "
            f"convert it: y.astype({fitting})."
        )


def validation_rows(X_val, y_val, sample_weight_val, validation_data):
    """Return the held-out rows of the caller as a tuple, or None."""
    named = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    given = [name for name, value in named.items() if value is not None]
    if not given:
        return validation_data
    if validation_data is not None:
        raise ValueError(f"{' and '.join(given)} and validation_data were given; pass X_val and y_val, or that tuple.")
    if X_val is None or y_val is None:
        raise ValueError(f"fit was given {' and '.join(given)}; held-out rows need both X_val and y_val.")
    return _NamedRows((X_val, y_val) if sample_weight_val is None else (X_val, y_val, sample_weight_val))


class _NamedRows(tuple):
    """X_val, y_val and sample_weight_val, which messages call by these names."""

    __slots__ = ()


def check_validation_data(estimator, validation_data):
    """Return the caller's ``validation_data`` as held-out rows; it must contain every class."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise ValueError(f"validation_data={validation_data!r:.80}; it takes (X, y) or (X, y, sample_weight).")
    X, y, weights = check_labelled(
        estimator, *validation_data, what="y_val" if isinstance(validation_data, _NamedRows) else "validation_data"
    )
    if weights is not None and not weights.all():  # a row of weight zero is none: the rows that are left are counted
        X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
    return HeldOut(X, y, weights, prior_of(y, weights, estimator.prior_))


def check_labelled(estimator, X, y, sample_weight=None, *, what):
    """Return rows to predict, their class indices and their weights; they must contain every class."""
    if y is None:
        raise ValueError(f"y{'' if what == 'y' else f' of {what}'} is None; it takes the label of each row.")
    X, y = check_features(estimator, X), _from_one_hot(y)[0]
    _refuse_other_labels(y)
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name=what)
    suffix = "_val" if what == "y_val" else ""
    if len(X) != len(y):
        raise ValueError(
            f"{what} has {len(y)} labels, but {'X' + suffix} has {len(X)} rows; it needs one for each row."
        )
    y = _encode(estimator, y, what, "leave these rows out, or train on rows of these labels as well.")
    missing = np.setdiff1d(np.arange(estimator.n_classes_), y)
    if len(missing):
        raise ValueError(
            f"{what} has no row of the classes {estimator.classes_[missing].tolist()}, so that scores of them are "
            "undefined; it needs rows of every class."
        )
    if sample_weight is not None:
        try:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        except ValueError as error:
            raise ValueError(str(error).replace("sample_weight", f"sample_weight{suffix}")) from None
    if not weighted_counts(y, sample_weight, estimator.n_classes_).all():
        raise ValueError(
            f"{what} has a class whose rows all have weight zero; each class needs a row of positive weight."
        )
    return X, y, sample_weight


def check_finite(logits):
    """Return the logits of a network; raise unless they are finite for every row."""
    is_bad = ~np.isfinite(logits).all(axis=(1, 2))
    if is_bad.any():
        rows = np.flatnonzero(is_bad)
        raise ValueError(
            f"The network gives no finite output for {len(rows)} of {len(logits)} rows, the first of which is row "
            f"{rows[0]}. Their values are probably far outside the range of the training rows; scale or clip them, or "
            "let the network begin with skimbalance.networks.RobustScale."
        )
    return logits


def check_features(estimator, X):
    """Return rows to predict as float32; they must have the features of fit."""
    return _as_table(estimator, X, reset=False)


def _as_table(estimator, X, reset, kind=Columns, **y):
    """Return X (and y) as one float32 matrix of numbers, codes and NaN; learn its columns, or check them."""
    refuse_other_tables(X)
    if hasattr(X, "toarray") and np.any(abs(X.tocsr().data) >= 2**24):
        X = X.toarray()  # float32 might merge its numbers
    if holds_types(X):
        validate_data(estimator, X, **y, reset=reset, skip_check_array=True)
    else:
        given, dtype = X, np.float32 if hasattr(X, "toarray") else [np.float64, np.float32]
        X = check_array(
            X, accept_sparse="csr", dtype=dtype, ensure_all_finite=False, ensure_min_samples=0, ensure_min_features=0,
            input_name="X", estimator=estimator,
        )  # fmt: skip
        X = X.toarray() if hasattr(X, "toarray") else X
        validate_data(estimator, given, **y, reset=reset, skip_check_array=True)
    if reset:
        # A network that is already built may have been adapted to the numbers without an offset.
        shifts, names = not hasattr(estimator.model, "layers"), getattr(estimator, "feature_names_in_", None)
        estimator.columns_, table = kind.learn(X, estimator.categorical_features, names, shifts)
    elif issubclass(kind, GrowingColumns) and isinstance(estimator.columns_, GrowingColumns):
        estimator.columns_, table = estimator.columns_.grown(X)
    else:
        table = estimator.columns_.read(X)
    return _as_rows(estimator, table, **y)


def refuse_other_tables(X):
    """Raise for X that is not a table: a single row or column, a lazy frame, or dicts."""
    if _is_single(X):
        raise ValueError(
            f"Expected 2D array, got 1D array instead:\narray={X if len(X) < 100 else type(X).__name__}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature or "
            "array.reshape(1, -1) if it contains a single sample; of a frame, take frame[[name]] or frame.iloc[[i]], "
            "which are frames, rather than frame[name] or frame.iloc[i]."
        )
    if hasattr(X, "collect") and hasattr(X, "lazy"):
        raise TypeError("X is a LazyFrame, whose rows are not computed yet; call X.collect() first.")
    if isinstance(X, dict) and not hasattr(X, "toarray"):  # SciPy has a sparse matrix that is a dict
        raise TypeError("X is a dict; convert it to a frame first, for example with pandas.DataFrame(X).")
    if isinstance(X, list | tuple) and len(X) and isinstance(X[0], dict):
        raise TypeError("X is a list of dicts; convert it to a frame first, for example with pandas.DataFrame(X).")


def _is_single(X):
    """Whether X has one dimension: an array, a list of numbers or texts, or a series of pandas, polars or pyarrow."""
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple):
        return len(shape) == 1
    if isinstance(X, list | tuple):
        return len(X) > 0 and np.ndim(X[0]) == 0 and not isinstance(X[0], dict)
    return hasattr(X, "to_pylist") and not hasattr(X, "column_names")


def _as_rows(estimator, table, y=None):
    """Let scikit-learn check the rows of a matrix (and the labels); name the columns with infinite values."""
    how = {"dtype": np.float32, "ensure_all_finite": "allow-nan", "order": "C", "estimator": estimator}
    try:
        return check_array(table, input_name="X", **how) if y is None else check_X_y(table, y, **how)
    except ValueError as error:
        message = str(error)
        if not message.startswith("Input X contains"):
            raise
        where = estimator.columns_.where(np.isinf(table).any(axis=0))
        raise ValueError(
            f"{message.partition(chr(10))[0].rstrip('.')} in {where}. Replace infinite values; encode missing ones as "
            "NaN or None; float32 holds numbers below 3e38."
        ) from None


def _as_indices(estimator, y, classes, is_first):
    """Return class indices of labels; set ``classes_``, or check the labels against it."""
    found = np.unique(y)
    if is_first:
        estimator.classes_ = found if classes is None else np.unique(np.asarray(classes))
        estimator.n_classes_ = len(estimator.classes_)
        if estimator.n_classes_ < 2:
            raise ValueError(
                f"y has 1 class, {found[:1].tolist()}, in the rows of positive weight; a classifier needs rows of at "
                "least two classes."
            )
    elif classes is not None and not np.array_equal(np.unique(np.asarray(classes)), estimator.classes_):
        raise ValueError(
            f"classes={np.unique(np.asarray(classes)).tolist()} differs from the classes of the first call, "
            f"{estimator.classes_.tolist()}; call fit to train from scratch."
        )
    return _encode(estimator, y)


def _encode(
    estimator, y, what="y",
    advice="pass all labels in the first call of partial_fit (classes=...), or call fit to train from scratch.",
):  # fmt: skip
    """Return the indices of labels in ``classes_``."""
    unknown = np.setdiff1d(y, estimator.classes_)
    if len(unknown):
        raise ValueError(
            f"Found unknown categories {unknown.tolist()[:5]} in {what}, which are not among "
            f"{estimator.classes_.tolist()}; {advice}"
        )
    return np.searchsorted(estimator.classes_, y)


def check_class_weight(class_weight, classes):
    """Return the ``class_weight`` parameter with a dict turned into an array in the order of `classes`.

    Labels without a weight have weight 1, as in scikit-learn and Keras.
    """
    if not isinstance(class_weight, dict):
        return class_weight
    labels = np.asarray(classes).tolist()
    unknown = [key for key in class_weight if key not in labels]
    if unknown:
        raise ValueError(
            f"class_weight={class_weight!r} names the labels {unknown}, which are not in y; it takes weights of the "
            f"labels {labels}, and those that it leaves out have weight 1."
        )
    weights = np.array([class_weight.get(label, 1.0) for label in labels], dtype=np.float64)
    if not np.all(np.isfinite(weights)) or np.any(weights <= 0):
        raise ValueError(f"class_weight={class_weight!r} holds a weight that is not a positive, finite number.")
    return weights


def check_prior(prior, classes, name="target_prior", positive=1):
    """Return a class prior as an array in the order of `classes`.

    It may be passed as such an array, as a dict by label, or, for two classes, as the share of the positive class.
    """
    shares = _by_label(prior, classes, name, "share") if isinstance(prior, dict) else prior
    shares = np.asarray(shares, dtype=np.float64)
    if shares.ndim == 0:
        if len(classes) != 2:
            raise ValueError(
                f"{name}={prior!r} is the share of the positive class of two, but y has {len(classes)} classes; pass "
                "one share per class, in the order of classes_ or by label."
            )
        shares = np.array([1 - shares, shares] if positive else [shares, 1 - shares])
    is_prior = shares.shape == (len(classes),) and abs(shares.sum() - 1) <= 1e-6
    if not is_prior or shares.min() < LEAST_SHARE * (1 - 1e-6):
        raise ValueError(
            f"{name}={prior!r} is not a class prior of {np.asarray(classes).tolist()}; it takes one share per class, "
            f"each {LEAST_SHARE:g} or more, with sum one"
            + (", or the share of the positive class." if len(classes) == 2 else ".")
        )
    return shares / shares.sum()


def _by_label(given, classes, name, noun):
    """Return the values of a dict by label in the order of `classes`; raise for unknown or missing labels."""
    labels = np.asarray(classes).tolist()
    unknown, missing = [key for key in given if key not in labels], [label for label in labels if label not in given]
    if unknown or missing:
        problem = f"names the labels {unknown}, which are not in y" if unknown else f"lacks the labels {missing}"
        raise ValueError(f"{name}={given!r} {problem}; it needs exactly one {noun} for each of {labels}.")
    return [given[label] for label in labels]
