"""What becomes of tables of any kind?"""

import pickle
import re
import warnings

import numpy as np

from faults import small

#: What a sentence of an error does not contain: the words of another library about its own parts.
RAW = re.compile(
    r"NoneType|unhashable|broadcast|subscriptable|__\w+__|object is not|KeyError|<lambda>|tensorflow/|Node:"
)


def any_column(rng, n):
    """Return a column as somebody's table might have it; every tenth is none that a network could read."""
    numbers, texts = rng.normal(size=n), rng.choice(["a", "b", "", "NA", "ä", "1"], n).astype(object)
    holes = rng.random(n) < rng.choice([0.0, 0.2, 1.0], p=[0.4, 0.5, 0.1])
    usual = [
        lambda: numbers, lambda: numbers * 10.0 ** rng.integers(-30, 30), lambda: np.where(holes, np.nan, numbers),
        lambda: np.full(n, rng.choice([0.0, 1e30])), lambda: rng.integers(0, 3, n).astype(np.int8), lambda: texts,
        lambda: np.where(holes, None, texts), lambda: rng.random(n) < 0.5, lambda: rng.integers(-(2**62), 2**62, n),
        lambda: np.where(holes, None, (rng.random(n) < 0.5).astype(object)), lambda: np.array([None] * n, object),
    ]  # fmt: skip
    odd = [
        lambda: np.where(holes, np.inf, numbers), lambda: numbers * 1e300, lambda: np.arange(n).astype(str),
        lambda: np.array([[1, 2]] * n + [None], object)[:n], lambda: np.where(holes, texts, numbers.astype(object)),
        lambda: np.datetime64("2024-01-01") + rng.integers(0, 999, n).astype("m8[D]"), lambda: numbers + 1j,
        lambda: np.array([b"x"] * n), lambda: np.array([{"a": 1}] * n, object),
        lambda: np.array([object()] * n, object),
    ]  # fmt: skip
    kinds = odd if rng.random() < 0.1 else usual
    return kinds[rng.integers(len(kinds))]()


def any_labels(rng, n):
    """Return labels as somebody might have them; every fifth are none."""
    positive = (np.arange(n) < max(n // 5, 1)) & (rng.random() < 0.95)
    rng.shuffle(positive)
    usual = [
        lambda: positive, lambda: positive.astype(int), lambda: np.where(positive, "yes", "no"),
        lambda: rng.integers(0, 3, n), lambda: positive.astype(float), lambda: np.where(positive, "yes", "no").tolist(),
        lambda: np.where(positive, "ä", "no").astype(object),
    ]  # fmt: skip
    odd = [
        lambda: np.where(rng.random(n) < 0.1, np.nan, positive), lambda: rng.normal(size=n),
        lambda: positive[: n // 2], lambda: np.where(positive, None, "no"),
        lambda: np.array([1, "a"], object)[positive.astype(int)],
        lambda: np.eye(2)[positive.astype(int)], list, lambda: None, lambda: [[1]] * n,
    ]  # fmt: skip
    kinds = odd if rng.random() < 0.2 else usual
    return kinds[rng.integers(len(kinds))]()


def any_table(rng):
    """Return (X, y) that may be anything."""
    import pandas as pd

    n = int(rng.choice([1, 2, 7, 40, 120], p=[0.05, 0.05, 0.2, 0.3, 0.4]))
    width = int(rng.choice([0, 1, 2, 3], p=[0.03, 0.3, 0.37, 0.3]))
    columns = [any_column(rng, n) for _ in range(width)]
    form = rng.choice(["array", "lists", "frame", "one"], p=[0.3, 0.1, 0.57, 0.03])
    if form == "array":
        X = rng.normal(size=(n, width)) * 10.0 ** rng.integers(-40, 40)
    elif form == "lists":
        X = [list(row) for row in zip(*columns, strict=True)]
    else:
        X = pd.DataFrame(dict(enumerate(columns)), index=rng.permutation(n))
        names = [f"c{j}" for j in range(width)] if rng.random() < 0.8 else rng.choice(["x", "", "Straße", 1], width)
        X.columns = names
        X = X.iloc[:, 0] if form == "one" and width else X
    return X, any_labels(rng, n)


def tables(times):
    """Fit tables of any kind: a fit whose probabilities are right by form, or a sentence; and nothing changed."""
    rng, fitted, refused, bad = np.random.default_rng(0), 0, 0, []
    for i in range(times):
        X, y = any_table(rng)
        before = pickle.dumps((X, y))
        clf = small(epochs=1, pos_label=None, model__hidden_layer_sizes=(4,))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                proba = clf.fit(X, y).predict_proba(X)
            fitted += 1
            if not (np.isfinite(proba).all() and np.allclose(proba.sum(axis=1), 1, atol=1e-6)):
                bad.append(f"{i}: probabilities {proba[:2]}")
        except (ValueError, TypeError) as error:
            refused += 1
            if len(str(error)) < 20 or RAW.search(str(error)) or hasattr(clf, "classes_"):
                bad.append(f"{i}: {type(error).__name__}: {error}")
        except Exception as error:
            bad.append(f"{i}: {type(error).__name__}: {error}")
        if pickle.dumps((X, y)) != before:
            bad.append(f"{i}: the table was changed")
    print(f"{times} tables: {fitted} were fitted, {refused} refused by a sentence, {len(bad)} anything else")
    print(*(one[:600] for one in bad[:40]), sep="\n")
    return len(bad)
