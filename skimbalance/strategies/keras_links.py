"""Find the link from the outputs of a Keras loss to probabilities, by its derivatives rather than by its name.

For a loss of single rows, P(y | x) is the probability at which the expected derivative is zero. A loss of a
whole batch, whose value is neither the mean nor the sum of its rows' values, determines no probability of a row.
"""

import numpy as np
from scipy import special

from skimbalance._keras.startup import keras, tf
from skimbalance.probability.links import ClasswiseLink, Link, MarginCurve

#: Most losses whose link is cached.
_MOST_KNOWN = 64
_PLAIN = (bool, int, float, str, list, tuple, dict, type(None))
#: Log-odds at which the curve of a link is clipped (P is about 1e-6); beyond, it rises by a small slope.
_MOST_LOG_ODDS = 14.0
_LEAST_SLOPE = 1e-3
#: Least range of log P over all outputs for which a loss is considered to have a link.
_LEAST_SPAN = 8.0
#: Largest relative error of the probability between the nodes of a curve.
_CURVE_ERROR = 2e-3
#: Relative derivative of the expected loss that counts as zero: for softmax, and for a link found from curves.
_PROPER, _NEARLY_ZERO = 1e-3, 0.02


def remember(study):
    """Cache the result for losses of Keras, which do not change; custom losses are studied in every fit."""
    known = {}

    def look_up(loss, n_classes):
        key = _key_of(loss, n_classes)
        if key is None:
            return study(loss, n_classes)
        if key not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[key] = study(loss, n_classes)
        return known[key]

    return look_up


def _key_of(loss, n_classes):
    """Return the cache key of a `KerasLoss` around a loss of Keras, or None for a custom loss."""
    wrapped = loss.loss
    if not is_from_keras(wrapped):
        return None
    arguments = ""
    if isinstance(wrapped, keras.losses.Loss):  # by its attributes, as configurations omit some arguments
        held = {name: of for name, of in vars(wrapped).items() if not name.startswith("_") or name == "_fn_kwargs"}
        arguments = repr(sorted((name, of) for name, of in held.items() if type(of) in _PLAIN))
    kind = type(wrapped) if isinstance(wrapped, keras.losses.Loss) else wrapped
    return kind, arguments, loss.labels, loss.outputs, n_classes


def is_from_keras(loss):
    """Whether a loss is a class or function of Keras, and not a custom function wrapped in a class of Keras."""
    parts = [type(loss), getattr(loss, "fn", type(loss))] if isinstance(loss, keras.losses.Loss) else [loss]
    return all((getattr(part, "__module__", None) or "").partition(".")[0] == "keras" for part in parts)


@remember
def scope_of(loss, n_classes):
    """Return the scope of a `KerasLoss`: "rows", "row" (one row at a time) or "batch" (a batch as a whole)."""
    rng, scopes = np.random.default_rng(0), set()
    for n_rows in [n for n in (5, 7, 9) if n != n_classes][:2]:
        labels = rng.permutation(np.arange(n_rows) % n_classes)
        logits = 2 * rng.normal(size=(n_rows, n_classes))
        try:
            whole = _values(loss, labels, logits)
        except Exception:  # a custom loss raises the same error in training, where it is reported
            return "rows"
        try:
            each = np.array([_values(loss, labels[i : i + 1], logits[i : i + 1]).mean() for i in range(n_rows)])
        except Exception:  # a loss that cannot take a single row
            return "batch"
        scopes.add(_scope(whole, each))
    return scopes.pop() if len(scopes) == 1 else "batch"


def _scope(whole, each):
    """Return the scope of a loss, from its value for a batch, of any shape, and for each of its rows, (n_rows,)."""
    if whole.ndim and len(whole) == len(each):
        return "rows" if _are_close(whole.reshape(len(each), -1).mean(axis=1), each) else "batch"
    is_mean = _are_close(whole.mean(), each.mean())
    return "row" if is_mean or _are_close(whole.sum(), each.sum()) else "batch"


def _are_close(a, b):
    return np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)


def _values(loss, labels, logits):
    """Return the loss of rows, in the shape that it returns; in double precision if the loss supports it."""
    labels = tf.constant(labels, "int32")
    return _in_either_precision(lambda dtype: loss.score(labels, tf.constant(logits, dtype)))


def _in_either_precision(compute):
    """Return an array computed in float64, or in float32 if the loss supports only that."""
    try:
        return np.asarray(compute("float64"))
    except Exception:
        return np.asarray(compute("float32"))


@remember
def link_of(loss, n_classes):
    """Return the link of a `KerasLoss` of rows: a `Link`, or None if its optimum implies no probability."""
    if n_classes == 2:
        return _margin_link(loss)
    rng = np.random.default_rng(0)
    z = 1.5 * rng.normal(size=(32, n_classes))
    slopes = _slopes(loss, z)
    if slopes is None:
        return None
    if _residual(slopes, special.softmax(z, axis=1)).max() < _PROPER:
        return Link()
    link = _classwise_link(loss, n_classes)
    if link is None or (not link.smoothing and _residual(slopes, link.inverse(z)).max() > _NEARLY_ZERO):
        return None
    proba = rng.dirichlet(np.full(n_classes, 2.0), size=16)
    try:
        slopes = _slopes(loss, np.array([link.link(p) for p in proba]))
    except ValueError:  # no finite logits
        return None
    return link if slopes is not None and _residual(slopes, proba).max() < _NEARLY_ZERO else None


def _slopes(loss, logits):
    """Return the derivatives of the losses of rows with each label in turn, (n_rows, n_labels, n_classes).

    Return None if they depend on more than the differences of logits, or are not finite.
    """
    n_rows, n_classes = logits.shape
    labels = tf.constant(np.tile(np.arange(n_classes), n_rows), "int32")

    def compute(dtype):
        variable = tf.constant(np.repeat(logits, n_classes, axis=0), dtype)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            total = tf.reduce_sum(loss.score(labels, variable))
        return tape.gradient(total, variable)

    try:
        slopes = _in_either_precision(compute).astype(np.float64).reshape(n_rows, n_classes, n_classes)
    except Exception:  # no derivative, or an error that training will report as well
        return None
    is_of_differences = np.abs(slopes.sum(axis=2)).max() <= 1e-4 * np.abs(slopes).max()
    return slopes if np.isfinite(slopes).all() and is_of_differences else None


def _residual(slopes, proba):
    """Return the size of the expected derivative under probabilities, relative to its parts, (n_rows,)."""
    parts = slopes * proba[:, :, None]
    return np.abs(parts.sum(axis=1)).max(axis=1) / np.maximum(np.abs(parts).sum(axis=1).max(axis=1), 1e-300)


def _margin_link(loss):
    """Return the link of two classes, P = f0' / (f0' - f1') as a function of the logits' margin, or None."""
    v = 30 * np.sinh(np.linspace(-5, 5, 4001)) / np.sinh(5)
    slopes = _slopes(loss, np.column_stack([-v / 2, v / 2]))
    if slopes is None:
        return None
    f0, f1 = ((slopes[:, label, 1] - slopes[:, label, 0]) / 2 for label in (0, 1))
    spread = f0 - f1
    told = spread > 1e-6 * spread.max()
    if told.sum() < 100:
        return None
    v, f0, f1 = v[told], f0[told], f1[told]
    p = f0 / (f0 - f1)
    falls, jumps = (np.maximum.accumulate(p) - p).max(), np.diff(np.clip(p, 0, 1)).max()
    if p[0] > 0.01 or p[-1] < 0.99 or falls > 0.01 or jumps > 0.05:  # a hinge jumps
        return None
    q, middle = special.expit(v), np.abs(v) <= 6
    if middle.sum() > 100 and np.all(np.abs(p - q)[middle] < _PROPER * np.minimum(q, 1 - q)[middle]):
        return Link()
    log_odds = np.log(np.maximum(f0, 1e-300)) - np.log(np.maximum(-f1, 1e-300))
    rising = _rising(v, np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS))
    return MarginCurve(*_nodes(v, rising, _error_of_proba))


def _classwise_link(loss, n_classes):
    """Return the link of a loss that depends on the true class' q alone, P_c ~ 1 / -l_c'(q_c), or None."""
    smoothing = getattr(loss.loss, "label_smoothing", 0)
    if smoothing and not is_from_keras(loss.loss):
        return None
    if smoothing:
        config = {**loss.loss.get_config(), "label_smoothing": 0.0}
        loss = type(loss)(type(loss.loss).from_config(config), loss.labels, loss.outputs)
    u = 30 * np.sinh(np.linspace(-5, 5, 801)) / np.sinh(5)
    log_g = []
    for c, of in enumerate([u] + [np.zeros(1)] * (n_classes - 1)):
        logits = np.where(np.arange(n_classes) == c, of[:, None] + np.log(n_classes - 1), 0.0)
        slopes = _slopes(loss, logits)
        if slopes is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            log_g.append(special.log_expit(of) + special.log_expit(-of) - np.log(-slopes[:, c, c]))
    told = np.isfinite(log_g[0])
    if told.sum() < 100:
        return None
    u, of_first = u[told], log_g[0][told]
    offsets = [0.0, *(float(of[0]) - np.interp(0.0, u, of_first) for of in log_g[1:])]
    # A derivative that hardly depends on q, as that of an absolute error, does not determine P.
    if of_first[-1] - of_first[0] < _LEAST_SPAN or not np.all(np.isfinite(offsets)):
        return None
    rising = _rising(u, of_first)
    return ClasswiseLink(*_nodes(u, rising, lambda line, of: np.abs(line - of)), offsets, float(smoothing) / n_classes)


def _rising(x, y):
    """Return a strictly increasing curve, with a small slope where the given one does not increase."""
    return np.maximum.accumulate(y - _LEAST_SLOPE * x) + _LEAST_SLOPE * x


def _error_of_proba(log_odds, exact):
    """Return the error of P, given log-odds, relative to the smaller of P and 1 - P."""
    p = special.expit(exact)
    return np.abs(special.expit(log_odds) - p) / (1e-3 + np.minimum(p, 1 - p))


def _nodes(x, y, error):
    """Return few points of a curve, as two lists, whose linear interpolation is close to it."""
    kept, parts = {0, len(x) - 1}, [(0, len(x) - 1)]
    while parts:
        begin, end = parts.pop()
        part = slice(begin, end + 1)
        errors = error(np.interp(x[part], x[[begin, end]], y[[begin, end]]), y[part])
        worst = begin + int(errors.argmax())
        if errors.max() > _CURVE_ERROR and begin < worst < end:
            kept.add(worst)
            parts += [(begin, worst), (worst, end)]
    kept = sorted(kept)
    return x[kept].tolist(), y[kept].tolist()
