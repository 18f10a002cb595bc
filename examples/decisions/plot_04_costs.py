"""
Costs of each row: money instead of a threshold
===============================================

An alarm about a payment costs the same whatever the payment is, but a missed fraud costs its amount. With true
probabilities, the cheapest label of each row follows from its own costs: alarm where P(fraud) times the amount is more
than an alarm costs. No single threshold does as well.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedKerasClassifier, NetBenefitDisplay, ThresholdDisplay, decide

ALARM = 5.0  # what it costs to look into a payment

# %%
# Made-up payments: frauds come more often at night and far from home, and are for larger amounts.


def make_payments(n_samples=12_000, n_frauds=240, seed=0):
    """Draw payments: a frame of features, and labels."""
    rng = np.random.default_rng(seed)
    fraud = np.arange(n_samples) < n_frauds
    rng.shuffle(fraud)
    night = rng.random(n_samples) < np.where(fraud, 0.55, 0.15)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(np.where(fraud, 4.6, 3.4), 1.2),
            "hour": np.where(night, rng.integers(0, 6, n_samples), rng.integers(6, 24, n_samples)),
            "km_from_home": rng.gamma(np.where(fraud, 2.5, 1.2), 40.0),
            "minutes_since_last": rng.exponential(np.where(fraud, 45.0, 600.0)),
        }
    ), np.where(fraud, "fraud", "ok")


X, y = make_payments()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)

# %%
# Probabilities of fraud, in the population that the payments come from.

clf = ImbalancedKerasClassifier(pos_label="fraud", random_state=0).fit(X_train, y_train)
p = clf.predict_proba(X_test)[:, list(clf.classes_).index("fraud")]
amount = X_test["amount"].to_numpy()
print(f"{len(p)} payments, {np.mean(y_test == 'fraud'):.1%} frauds; mean P(fraud) {p.mean():.1%}; average precision "
      f"{average_precision_score(y_test == 'fraud', p):.2f}\n")  # fmt: skip


def money_lost(labels):
    """What alarms and missed frauds cost together."""
    alarms, missed = labels == "fraud", (labels == "ok") & (y_test == "fraud")
    return ALARM * alarms.sum() + amount[missed].sum()


# %%
# The best single threshold is chosen here with hindsight, on the very payments it is judged on.

by_row = decide(p, costs={"fp": ALARM, "fn": amount - ALARM}, classes=["ok", "fraud"], pos_label="fraud")
mean_amount = X_train["amount"][y_train == "fraud"].mean()
by_mean = decide(p, costs={"fp": ALARM, "fn": mean_amount - ALARM}, classes=["ok", "fraud"], pos_label="fraud")
thresholds = np.unique(np.quantile(p, np.linspace(0.5, 1, 400)))
best = min(thresholds, key=lambda t: money_lost(np.where(p >= t, "fraud", "ok")))
lost = {
    "no alarm at all": money_lost(np.full(len(p), "ok")),
    "threshold 0.5": money_lost(np.where(p >= 0.5, "fraud", "ok")),
    "costs of the mean fraud": money_lost(by_mean),
    f"best threshold with hindsight, {best:.3f}": money_lost(np.where(p >= best, "fraud", "ok")),
    "costs of each row": money_lost(by_row),
}
for name, money in lost.items():
    print(f"{name:<40} {money:9,.0f} lost")

# %%
# For costs that are the same in every row, ``decision`` takes them, and the display shows what each threshold would
# have cost on average, with the one that follows from the costs marked.

costs = {"fp": ALARM, "fn": mean_amount - ALARM}
ThresholdDisplay.from_estimator(clf.set_params(decision=costs), X_test, y_test, name="payments")

# %%
# Nobody knows what a fraud costs to the cent. The decision curve shows for which costs the model is worth having at
# all: where it is above looking into every payment, and into none.

NetBenefitDisplay.from_estimator(clf, X_test, y_test, name="payments")
plt.show()
