"""
Class weights, oversampling, focal loss: what they change
=========================================================

Do you need a strategy against imbalance? Five of them on ten thousand made-up payments, one in a hundred a fraud,
judged by accuracy, precision, recall, F1 and average precision. They change which rows are called fraud, and hardly
the order of the rows.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import (
    PrecisionRecallDisplay,
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

from skimbalance import GainDisplay, ImbalancedKerasClassifier

# %%
# Made-up payments: frauds come more often at night, far from home, shortly after another
# payment, and for larger amounts. None of these tells by itself.


def make_payments(n_samples=10_000, n_frauds=100, seed=0):
    """Draw payments: a frame of features and an array that is 1 for a fraud."""
    rng = np.random.default_rng(seed)
    fraud = (np.arange(n_samples) < n_frauds).astype(int)
    rng.shuffle(fraud)
    night = rng.random(n_samples) < np.where(fraud, 0.55, 0.15)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(np.where(fraud, 4.6, 3.4), 1.0),
            "hour": np.where(night, rng.integers(0, 6, n_samples), rng.integers(6, 24, n_samples)),
            "km_from_home": rng.gamma(np.where(fraud, 2.5, 1.2), 40.0),
            "minutes_since_last": rng.exponential(np.where(fraud, 45.0, 600.0)),
            "foreign": (rng.random(n_samples) < np.where(fraud, 0.5, 0.08)).astype(int),
            "account_age_days": rng.gamma(2.0, 400.0, n_samples),
        }
    ), fraud


X, y = make_payments()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
print(f"{len(y)} payments, {y.sum()} frauds; {y_test.sum()} of them among the {len(y_test)} held out.\n")

# %%
# The same classifier five times, with one word changed.

strategies = {
    "none": {"strategy": "none"},
    "class weights": {"strategy": "class_weight"},
    "oversampling": {"strategy": "random_oversample"},
    "focal loss": {"strategy": "focal", "gamma": 2.0},
    "focal loss, balanced": {"strategy": "focal", "gamma": 2.0, "alpha": "balanced"},
}
models = {
    name: ImbalancedKerasClassifier(**parameters, random_state=0).fit(X_train, y_train)
    for name, parameters in strategies.items()
}

# %%
# Accuracy hardly tells them apart from an answer that finds nothing. Precision and recall tell what a fraud desk
# would see: how many alarms are true, and how many frauds raise one.

rows = {"always 'no fraud'": (np.zeros_like(y_test), np.zeros(len(y_test)))}
rows |= {name: (model.predict(X_test), model.predict_proba(X_test)[:, 1]) for name, model in models.items()}
table = pd.DataFrame(
    {
        name: {
            "accuracy": accuracy_score(y_test, predicted),
            "precision": precision_score(y_test, predicted, zero_division=0),
            "recall": recall_score(y_test, predicted),
            "F1": f1_score(y_test, predicted),
            "average precision": average_precision_score(y_test, probability),
            "mean P(fraud)": probability.mean(),
        }
        for name, (predicted, probability) in rows.items()
    }
).T
print(table.to_string(float_format="{:.3f}".format))

# %%
# Class weights and oversampling move the decision: they find more frauds, at the price of more false alarms. They rank
# the payments about as well as the plain network, which average precision shows. Probabilities refer to the payments as
# they are under every strategy: their mean is about one in a hundred.

plt.style.use("tableau-colorblind10")
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, model in models.items():
    PrecisionRecallDisplay.from_estimator(model, X_test, y_test, name=name, ax=ax)
ax.set(title="4,000 payments held out, 1 % frauds", xlabel="Recall", ylabel="Precision")
ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize="small")

# %%
# A desk that can look at one payment in fifty asks for the gain of its budget: which share of the frauds is among the
# two per cent of the highest probability. Strategies that rank alike find alike.

display = GainDisplay.from_estimator(models["none"], X_test, y_test, budget=0.02, name="none")
GainDisplay.from_estimator(models["class weights"], X_test, y_test, budget=0.02, name="class weights", ax=display.ax_)
plt.show()
