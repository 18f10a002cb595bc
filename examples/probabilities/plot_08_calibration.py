"""
Calibration on held-out rows
============================

Probabilities follow from the strategy by a formula. It is exact for a network that has learned what it was shown, and
no more than that. Rows invented by SMOTE, and a network trained for too long, make probabilities too extreme. With
``calibration="holdout"``, held-out rows correct both.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, log_loss

from skimbalance import ImbalancedKerasClassifier, ReliabilityDisplay

# %%
# Rows of which about four in a hundred are positive, by a rule with an interaction, and with much chance in it.


def make_rows(n_samples, seed):
    """Draw rows, labels, and the true P(positive | x)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 6))
    logit = 1.2 * X[:, 0] - X[:, 1] + 1.5 * np.tanh(2 * X[:, 2] * X[:, 3]) - 4.6
    truth = 1 / (1 + np.exp(-logit))
    return X, (rng.random(n_samples) < truth).astype(int), truth


X, y, _ = make_rows(6000, seed=0)
X_test, y_test, truth = make_rows(40_000, seed=1)

# %%
# Three networks: one that stops early, as it does by itself; one that is trained for sixty
# epochs, whatever held-out rows say; and the same after SMOTE. Each with and without a tenth of the rows held out for
# calibration. (The first holds out a tenth anyway, to know when to stop: it calibrates on them at no further price.)

settings = {
    "stops early": {"strategy": "none"},
    "sixty epochs": {"strategy": "none", "epochs": 60, "early_stopping": False},
    "sixty epochs, SMOTE": {"strategy": "smote", "epochs": 60, "early_stopping": False},
}
probabilities, lines = {}, {}
for name, parameters in settings.items():
    for calibration in (None, "holdout"):
        clf = ImbalancedKerasClassifier("mlp", calibration=calibration, random_state=0, **parameters).fit(X, y)
        p = probabilities[name, calibration] = clf.predict_proba(X_test)[:, 1]
        lines[name, calibration or "none"] = {
            "average precision": average_precision_score(y_test, p),
            "log-loss": log_loss(y_test, p),
            "mean P": p.mean(),
            "share of P > 0.5": (p > 0.5).mean(),
            "slope": clf.calibrator_.coef_[0, 1] if calibration else np.nan,
        }
table = pd.DataFrame(lines).T.rename_axis(["network", "calibration"])
print(f"{y_test.mean():.1%} of rows are positive; true P have log-loss {log_loss(y_test, truth):.3f}.\n")
print(table.to_string(float_format="{:.3f}".format, na_rep=""))

# %%
# Calibration is a logistic regression from logits to labels. A slope below one says that the network was too sure of
# itself: after sixty epochs, and most of all after SMOTE, whose made-up rows crowd the space between the real positive
# ones. Its probabilities are then pulled together. Where training has stopped in time the slope is near one, and
# nothing is gained. The ranking of one network stays as it is; where held-out rows are missing from training, it may
# be slightly worse or better.

colors = dict(zip(settings, ("#0072B2", "#009E73", "#D55E00"), strict=True))
for calibration in (None, "holdout"):
    ax = plt.subplots(figsize=(8, 5.4), layout="constrained")[1]
    for name, color in colors.items():
        ReliabilityDisplay.from_predictions(y_test, probabilities[name, calibration], name=name, ax=ax, color=color)
    ax.set(title=f"calibration={calibration!r}", xlim=(1e-3, 1), ylim=(1e-3, 1))
plt.show()
