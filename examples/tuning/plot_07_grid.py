"""
A grid over strategies
======================

``GridSearchCV`` over strategies and their parameters, in a pipeline, scored by average precision: what it finds, how
sure that is, and what a fit costs once the training program is compiled.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from skimbalance import ImbalancedKerasClassifier

# %%
# Made-up rows of which about one in fifteen is positive.

X, y = make_classification(
    3000, 12, n_informative=6, n_clusters_per_class=3, weights=[0.94], flip_y=0.02, class_sep=1.3, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)

# %%
# A list of grids, so that only strategies with a ``gamma`` are given one. Accuracy, the default score, would choose
# what finds no positives; average precision looks at the ranking alone, so that no threshold and no prior matters.

classifier = ImbalancedKerasClassifier("mlp", batch_size=128, random_state=0)
pipeline = make_pipeline(QuantileTransformer(n_quantiles=200), classifier)
gammas = [0.5, 1.0, 2.0, 4.0]
grid = [
    {"imbalancedkerasclassifier__strategy": ["none", "auto", "class_weight"]},
    {
        "imbalancedkerasclassifier__strategy": ["focal"],
        "imbalancedkerasclassifier__gamma": gammas,
        "imbalancedkerasclassifier__alpha": [None, "balanced"],
    },
]
folds = StratifiedKFold(5, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, scoring="average_precision", cv=folds, error_score="raise").fit(X, y)

table = pd.DataFrame(search.cv_results_).rename(columns=lambda name: name.removeprefix("param_").split("__")[-1])
table = table.rename(columns={"mean_test_score": "average precision"})
shown = table.sort_values("rank_test_score")[["strategy", "gamma", "alpha", "average precision"]]
print(shown.to_string(index=False, na_rep="", float_format="{:.3f}".format))
print(f"\nOn rows held out from the search: {average_precision_score(y_test, search.predict_proba(X_test)[:, 1]):.3f}")

# %%
# The band is the 95 % interval of plain focal loss' mean. Folds share rows of training, so that the variance of their
# mean is not a fifth of theirs, but a fifth and, added to it, the ratio of test rows to training rows, a quarter
# (Nadeau and Bengio, 2003). ``compare_strategies`` computes this, and how probable it is that one candidate is worse
# than another. Here nothing is clearly better than no strategy. "auto" cannot be: it trains the same network, and only
# what ``predict`` decides is another. A large gamma, and weights beside focal loss, rank lower.

scores = np.array([search.cv_results_[f"split{i}_test_score"] for i in range(folds.get_n_splits())])
half = 2.78 * np.sqrt((1 / 5 + 1 / 4) * scores.var(axis=0, ddof=1))  # Student's t, 4 degrees of freedom
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
lines = (
    ("focal", table["alpha"].isna(), "#0072B2", "o-"),
    ("focal, balanced", table["alpha"].notna(), "#D55E00", "s--"),
)
for name, is_its, color, style in lines:
    its = np.flatnonzero((table["strategy"] == "focal") & is_its)
    means = table["average precision"].to_numpy()[its]
    ax.plot(gammas, means, style, color=color, label=name)
    if name == "focal":
        ax.fill_between(gammas, means - half[its], means + half[its], color=color, alpha=0.15, linewidth=0)
for strategy, color, style, width in (
    ("none", "#bbbbbb", "-", 4), ("auto", "#009E73", "-.", 1.5), ("class_weight", "#CC79A7", "--", 1.5)
):  # fmt: skip
    mean = table["average precision"][table["strategy"] == strategy].item()
    ax.axhline(mean, color=color, linestyle=style, linewidth=width, label=strategy)
ax.set(xscale="log", xlabel="gamma", ylabel="average precision, mean of five folds")
ax.set_xticks(gammas, gammas)
ax.minorticks_off()
ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# What a network of new size, batch or loss costs once is its compilation. Weights of classes and the numbers of a loss
# are data to the program, so that neither another gamma nor another strategy of the same loss makes a new one.

small = ImbalancedKerasClassifier("mlp", strategy="focal", model__hidden_layer_sizes=(50,), random_state=0)
print()
for gamma, alpha in ((1.0, None), (2.0, None), (2.0, "balanced")):
    began = time.perf_counter()
    small.set_params(gamma=gamma, alpha=alpha).fit(X, y)
    print(f"gamma={gamma}, alpha={alpha!s:<8} fitted in {time.perf_counter() - began:.2f} s, {small.n_iter_} epochs")
plt.show()
