"""
SMOTE, in a pipeline and in the classifier
==========================================

SMOTE can be a step of imbalanced-learn's pipeline, or the classifier's own ``strategy="smote"``. Both train on made-up
rows, but only the classifier knows that they are: it holds out real rows, and knows how rare the class was. In a
pipeline it has to be told.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline, make_pipeline
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedKerasClassifier

# %%
# Made-up rows, one in thirty positive.

X, y = make_classification(
    16_000, 10, n_informative=6, n_clusters_per_class=3, weights=[0.97], flip_y=0.01, class_sep=1.3, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.7, stratify=y, random_state=0)

# %%
# In the pipeline the classifier is given rows of which half are positive, and its probabilities are those of such a
# population. ``target_prior`` tells it the share that was there before. ``strategy="smote"`` needs no telling.

share = y.mean()
parameters = {"model": "mlp", "random_state": 0}
models = {
    'strategy="smote"': ImbalancedKerasClassifier(strategy="smote", **parameters),
    "step": make_pipeline(SMOTE(random_state=0), ImbalancedKerasClassifier(strategy="none", **parameters)),
    "step, target_prior": make_pipeline(
        SMOTE(random_state=0), ImbalancedKerasClassifier(strategy="none", target_prior=share, **parameters)
    ),
}
lines, probabilities, histories = {}, {}, {}
for name, model in models.items():
    model.fit(X, y)
    clf = model[-1] if isinstance(model, Pipeline) else model
    p = probabilities[name] = model.predict_proba(X_test)[:, 1]
    histories[name] = clf.history_["val_average_precision"]
    lines[name] = {
        "prior_": clf.prior_[1],
        "epochs": clf.n_iter_,
        "average precision, it says": max(histories[name]),
        "average precision": average_precision_score(y_test, p),
        "mean P": p.mean(),
        "log-loss": log_loss(y_test, p),
    }
table = pd.DataFrame(lines).T
print(f"{y_test.mean():.1%} of the rows are positive.\n")
print(table.to_string(float_format="{:.3f}".format))

# %%
# In the pipeline, the rows that early stopping looks at are made up as well, between rows that are trained on: their
# average precision is nearly one, and training goes on until made-up rows are known by heart. Naming the share takes
# back how many positives there were, but not that: of rows with P = 0.0001, two in a hundred are positive. For the same
# reason ``calibration="holdout"`` and ``decision="f1"`` are of no use in the pipeline, as they would look at made-up
# rows. So take ``strategy="smote"``, or a sampler of imbalanced-learn as the strategy. Where it has to be a step, name
# the share, and hold out real rows by ``fit(..., imbalancedkerasclassifier__validation_data=(X_valid, y_valid))``.

colors = dict(zip(models, ("#0072B2", "#E69F00", "#D55E00"), strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
for name in ('strategy="smote"', "step, target_prior"):
    epochs = np.arange(1, len(histories[name]) + 1)
    label = name.split(",")[0]
    left.plot(epochs, histories[name], color=colors[name], label=f"{label}: what its held-out rows say")
    truth = lines[name]["average precision"]
    left.axhline(truth, color=colors[name], linestyle="--", label=f"{label}: rows that are real and new")
left.set(xlabel="epoch", ylabel="average precision", ylim=(0.2, 1.36), yticks=np.arange(0.2, 1.01, 0.2))
left.legend(loc="upper right", frameon=False)

right.plot([1e-4, 1], [1e-4, 1], color="#777777", linestyle=":", label="what is said is so")
for name, p in probabilities.items():
    bins = np.array_split(np.argsort(p), 16)
    said, seen = ([values[i].mean() for i in bins] for values in (p, y_test))
    right.plot(said, seen, color=colors[name], marker="o", markersize=4, label=name)
right.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-3, 1))
right.set(xlabel="mean P that is said, sixteenths of the rows", ylabel="share of them that is positive")
right.legend(loc="upper left", frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
