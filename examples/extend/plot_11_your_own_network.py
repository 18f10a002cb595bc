"""
A network of your own
=====================

Any Keras network takes the place of the default one: a function that returns it. Strategies, held-out rows, early
stopping, probabilities and decisions are the same. This one has residual blocks. Two learning curves show how it
trains: its scores over the epochs, and over the number of rows.
"""

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import LearningCurveDisplay, train_test_split

import skimbalance
from skimbalance import HistoryDisplay, ImbalancedKerasClassifier

# %%
# The function is called in every fit, with what the classifier knows by then in ``meta``. Its other arguments are
# parameters of the classifier, ``model__width`` and ``model__n_blocks``, in a grid too. ``Encode`` turns categories and
# missing values into numbers, and does nothing if there are none; ``Standardize`` learns the scale of the columns.


def residual(meta, width=48, n_blocks=2):
    """Build a network of residual blocks that ends in one logit per class."""
    inputs = keras.Input((meta["n_features_in_"],))
    hidden = skimbalance.networks.Standardize()(skimbalance.networks.Encode.of(meta)(inputs))
    hidden = keras.layers.Dense(width)(hidden)
    for _ in range(n_blocks):
        inner = keras.layers.Dense(width, "gelu")(keras.layers.LayerNormalization()(hidden))
        hidden = keras.layers.Add()([hidden, keras.layers.Dense(width)(inner)])
    return keras.Model(inputs, keras.layers.Dense(meta["n_classes_"])(hidden))


X, y = make_classification(
    8000, 10, n_informative=5, n_clusters_per_class=2, weights=[0.92], flip_y=0.03, class_sep=1.0, random_state=1
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.33, stratify=y, random_state=0)

# %%
# A network of your own trains for all epochs on all rows unless it is asked to stop early: ``"loss"`` watches the
# log-loss of held-out rows, a fifth here, and keeps the epoch where it was least. Their
# average precision is logged as well.

clf = ImbalancedKerasClassifier(
    residual, model__width=64, early_stopping="loss",
    optimizer__learning_rate=4e-4, batch_size=128, epochs=60, validation_split=0.2, random_state=0,
).fit(X, y)  # fmt: skip
score = average_precision_score(y_test, clf.predict_proba(X_test)[:, 1])
print(f"{clf.model_.count_params():,} weights, {clf.n_iter_} epochs, of which number {clf.best_epoch_} was kept; "
      f"average precision of new rows {score:.3f}")  # fmt: skip

figure, axes = plt.subplots(1, 2, figsize=(10.7, 3.6), layout="constrained")
HistoryDisplay.from_estimator(clf, ax=axes)

# %%
# Would more rows help? Where the curve still rises, they would.

# sphinx_gallery_thumbnail_number = 2  # noqa: ERA001
figure, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")
LearningCurveDisplay.from_estimator(
    clf, X, y, train_sizes=[0.125, 0.25, 0.5, 1.0], cv=3, scoring="average_precision", score_type="test", ax=ax,
    line_kw={"color": "#0072B2", "marker": "o"}, fill_between_kw={"color": "#0072B2", "alpha": 0.15},
)  # fmt: skip
ax.set(xlabel="rows trained on", ylabel="average precision of the fold left out")
ax.legend(["mean of three folds", "one standard deviation"], loc="lower right", frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
