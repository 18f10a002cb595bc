"""
What the probabilities mean
===========================

Weights, sampling and focal loss move the probabilities that a network shows. ``predict_proba`` takes two steps that
undo any of them: the inverse link of the loss, and a shift from the class shares that training showed to those of
``y``. ``target_prior="train"`` leaves the second step out. Here is how average precision, log-loss and a reliability
plot look before and after it, on a problem whose true probabilities are known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss

from skimbalance import ImbalancedKerasClassifier, ReliabilityDisplay

# %%
# Rows of a logistic model with a bend, 3 % of them positive, and the probability that each one truly had.


def make_rows(n_samples, seed):
    """Draw rows, labels, and the true P(positive | x)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 4))
    logit = 1.2 * X[:, 0] - X[:, 1] + 0.8 * np.tanh(2 * X[:, 2]) - 4.6
    truth = 1 / (1 + np.exp(-logit))
    return X, (rng.random(n_samples) < truth).astype(int), truth


X, y, _ = make_rows(20_000, seed=0)
X_test, y_test, truth = make_rows(50_000, seed=1)

# %%
# One fit a strategy: ``target_prior`` is used when predicting.

settings = {
    "none": {},
    "class_weight": {},
    "random_undersample": {},
    "smote": {},
    "focal": {"gamma": 2.0},
    "focal, balanced": {"strategy": "focal", "alpha": "balanced"},
    "logit_adjustment": {},
    "asymmetric_focal": {},
}
shown, natural = {}, {}
for name, parameters in settings.items():
    parameters = {"model": "mlp", "strategy": name, "epochs": 20, "random_state": 0, **parameters}
    clf = ImbalancedKerasClassifier(**parameters).fit(X, y)
    natural[name] = clf.predict_proba(X_test)[:, 1]
    shown[name] = clf.set_params(target_prior="train").predict_proba(X_test)[:, 1]

table = pd.DataFrame(
    {
        name: {
            "average precision": average_precision_score(y_test, shown[name]),
            "mean P, as trained": shown[name].mean(),
            "log-loss, as trained": log_loss(y_test, shown[name]),
            "mean P, default": natural[name].mean(),
            "log-loss, default": log_loss(y_test, natural[name]),
        }
        for name in settings
    }
).T
print(f"{y_test.mean():.1%} of rows are positive; true P have log-loss {log_loss(y_test, truth):.4f}.\n")
print(table.to_string(float_format="{:.3f}".format))

# %%
# The shift is the same for all rows, so it changes no ranking: average precision is what it was. Log-loss and the mean
# probability are those of the plain network again, up to what the strategy's noise has cost.

plt.style.use("tableau-colorblind10")
figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, title, probabilities in zip(
    axes, ('target_prior="train"', 'target_prior="fit", the default'), (shown, natural), strict=True
):
    for name, p in probabilities.items():
        ReliabilityDisplay.from_predictions(y_test, p, name=name, ax=ax)
    ax.set(title=title, xlim=(1e-4, 1), ylim=(1e-4, 1))
    ax.get_legend().remove()
names = [str(line.get_label()).split("\n")[0] for line in axes[1].lines]
axes[1].legend(axes[1].lines, names, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize="small")
plt.show()
