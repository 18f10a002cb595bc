"""Which models does a team have already? They are compared beside the strategies, on tables as they come."""

from importlib.util import find_spec

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

# Categories of a column that boosted trees, and a logistic regression, tell apart; rarer ones are one.
_OF_TREES, _ONE_HOT = 250, 50


def baselines(X, y, seed):
    """Return unfitted models by label: a constant, a logistic regression, and boosted trees of what is installed.

    Parameters
    ----------
    X : pandas.DataFrame
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    seed : int
        Seed of models that have one.
    """
    texts = [name for name in X.columns if getattr(X[name].dtype, "kind", "O") not in "iufb"]
    numbers = [name for name in X.columns if name not in texts]
    labels, counts = np.unique(y, return_counts=True)
    found = {
        f"always {labels.tolist()[counts.argmax()]!r}": DummyClassifier(),
        "logistic regression": _logistic(texts, numbers),
        "HistGradientBoosting": make_pipeline(
            _coded(texts, numbers),
            HistGradientBoostingClassifier(categorical_features=list(range(len(texts))), random_state=seed),
        ),
    }
    if find_spec("catboost"):
        found["CatBoost"] = make_pipeline(FunctionTransformer(_with_texts, kw_args={"texts": texts}), _CatBoost(seed))
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        found["LightGBM"] = make_pipeline(
            _coded(texts, numbers), FunctionTransformer(_with_categories, kw_args={"n": len(texts)}),
            LGBMClassifier(verbose=-1, random_state=seed),
        )  # fmt: skip
    return found


class _CatBoost(ClassifierMixin, BaseEstimator):
    """CatBoost, told which columns are categories in `fit`: with them as a parameter, it cannot be cloned."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y, sample_weight=None):
        """Fit on a frame whose columns of text are categories."""
        from catboost import CatBoostClassifier

        texts = [name for name in X.columns if X[name].dtype.kind not in "iuf"]
        self.model_ = CatBoostClassifier(verbose=0, allow_writing_files=False, random_seed=self.seed)
        self.model_.fit(X, y, cat_features=texts, sample_weight=sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        """Return probabilities."""
        return self.model_.predict_proba(X)

    def predict(self, X):
        """Return the most probable labels."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _logistic(texts, numbers):
    """Return a logistic regression with its encoders."""
    steps = make_column_transformer(
        (make_pipeline(FunctionTransformer(_as_floats), SimpleImputer(strategy="median", add_indicator=True,
                                                                       keep_empty_features=True), StandardScaler()),
         numbers),
        (make_pipeline(FunctionTransformer(_as_objects),
                       OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_ONE_HOT)), texts),
    )  # fmt: skip
    return make_pipeline(steps, LogisticRegression(max_iter=1000))


def _coded(texts, numbers):
    """Return an encoder: first a code for each category, then numbers."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=_OF_TREES
    )
    return make_column_transformer(
        (make_pipeline(FunctionTransformer(_as_objects), codes), texts), (FunctionTransformer(_as_floats), numbers)
    )


def _as_floats(table):
    """Return columns of numbers as floats."""
    return table.astype("float64")


def _as_objects(table):
    """Return columns of any type as text, None where a value is missing."""
    objects = table.astype(object).where(table.notna(), None)
    return objects.apply(lambda column: column.map(lambda one: one if one is None else str(one)))


def _with_texts(table, texts):
    """Return a table whose columns of text come first and hold text alone, by names that say nothing."""
    import pandas as pd

    others = [name for name in table.columns if name not in texts]
    parts = [_as_objects(table[texts]).fillna("missing") if texts else table[[]], _as_floats(table[others])]
    return pd.concat(parts, axis=1).set_axis([f"c{j}" for j in range(table.shape[1])], axis=1)


def _with_categories(matrix, n):
    """Return a matrix as a frame whose first n columns are categories."""
    import pandas as pd

    table = pd.DataFrame(matrix, columns=[f"c{j}" for j in range(matrix.shape[1])])
    return table.astype({f"c{j}": "category" for j in range(n)})
