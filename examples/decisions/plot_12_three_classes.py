"""
Three classes, one of them rare
===============================

Patients are sent home, kept for observation, or in three of a hundred cases treated at once. A mistake costs what it
costs: sending home whom one should have treated is the worst of all. Probabilities at the true shares and a matrix of
costs give the decision; scores that are means over the classes show what accuracy hides.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import label_binarize

from skimbalance import ImbalancedKerasClassifier

# %%
# Made-up patients. Nothing measured tells their class by itself.


def make_patients(n_samples=12_000, seed=0):
    """Draw patients: a frame of what was measured, and what they turned out to need."""
    rng = np.random.default_rng(seed)
    need = rng.choice(["home", "observe", "treat"], n_samples, p=[0.8, 0.17, 0.03])
    severity = np.select([need == "observe", need == "treat"], [1.0, 1.9], 0.0) + rng.normal(0, 0.55, n_samples)
    return pd.DataFrame(
        {
            "pulse": 75 + 13 * severity + rng.normal(0, 11, n_samples),
            "oxygen": np.minimum(97.5 - 2.0 * severity + rng.normal(0, 1.6, n_samples), 100),
            "temperature": 36.8 + 0.5 * severity + rng.normal(0, 0.5, n_samples),
            "age": rng.integers(18, 95, n_samples),
            "arrival": np.where(rng.random(n_samples) < 0.15 + 0.2 * (severity > 1.2), "ambulance", "on foot"),
        }
    ), need


X, y = make_patients()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)

# %%
# One fit and three decisions from its probabilities. Costs are named by (true, predicted) label; what is not named
# costs nothing. These rules need no look at rows, and so may be changed without a new fit.

costs = {
    ("home", "observe"): 1, ("home", "treat"): 4,
    ("observe", "home"): 5, ("observe", "treat"): 2,
    ("treat", "home"): 60, ("treat", "observe"): 15,
}  # fmt: skip
rules = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy", "least cost": costs}

clf = ImbalancedKerasClassifier(random_state=0).fit(X_train, y_train)
labels = {name: clf.set_params(decision=rule).predict(X_test) for name, rule in rules.items()}

# %%
# Four in five rows are of one class, so accuracy praises the rule that treats hardly anyone. Balanced accuracy is the
# mean recall of the classes, macro F1 the mean of their F1: each class counts the same, however rare. Macro average
# precision is about the probabilities alone, and the same for all rules.


def scores(predicted):
    """Score labels."""
    return {
        "accuracy": accuracy_score(y_test, predicted),
        "balanced accuracy": balanced_accuracy_score(y_test, predicted),
        "macro F1": f1_score(y_test, predicted, average="macro"),
        "cost of a patient": np.mean([costs.get(pair, 0) for pair in zip(y_test, predicted, strict=True)]),
    }


proba = clf.predict_proba(X_test)
by_class = average_precision_score(label_binarize(y_test, classes=clf.classes_), proba, average=None)
for label, share, precision in zip(clf.classes_, clf.prior_, by_class, strict=True):
    print(f"{label:<8} {share:6.1%} of the rows, average precision {precision:.3f}")
print(f"macro average precision {by_class.mean():.3f}\n")
table = pd.DataFrame({name: scores(predicted) for name, predicted in labels.items()}).T
print(table.to_string(float_format="{:.3f}".format))

# %%
# Shares of each true class, so that rows sum to one. With costs, hardly anyone is sent home who should have been
# treated, and more are observed in return: that is what the matrix asked for.

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), layout="constrained", sharey=True)
for ax, (name, predicted) in zip(axes, labels.items(), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        y_test, predicted, normalize="true", cmap="Blues", values_format=".2f", colorbar=False, ax=ax,
        im_kw={"vmin": 0, "vmax": 1},
    )  # fmt: skip
    ax.set(title=f"{name}: cost {table.loc[name, 'cost of a patient']:.2f}", xlabel="decided", ylabel="")
axes[0].set_ylabel("what was needed")
plt.show()
