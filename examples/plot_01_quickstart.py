"""
Quickstart: find frauds, and pay less for mistakes
==================================================

One payment in a hundred is a fraud. A missed fraud costs 500, a false alarm 10. Which model costs least? How is it
saved, loaded, and used on new payments? The payments are made up. The same for a table of your own, with text and
missing values as they come::

    python plot_01_quickstart.py --csv FILE --target COLUMN --costs 10 500
"""

import argparse

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedKerasClassifier, audit

# %%
# Frauds are more likely for large amounts, at night, far from home, soon after another payment, on new accounts and in
# some shops. Each of these raises the odds smoothly, and chance does the rest.


def make_payments(n_samples, seed):
    """Draw payments, and whether each is a fraud."""
    rng = np.random.default_rng(seed)
    shops = {"groceries": -1.4, "fuel": -0.7, "travel": 0.0, "electronics": 1.1, "gift cards": 2.1}
    X = pd.DataFrame(
        {
            "amount": rng.lognormal(3.5, 1.0, n_samples).round(2),
            "hour": rng.normal(15, 5, n_samples).round(2) % 24,
            "km_from_home": rng.gamma(1.2, 40.0, n_samples).round(1),
            "minutes_since_last": rng.exponential(600.0, n_samples).round(1),
            "account_age_days": rng.gamma(2.0, 400.0, n_samples).round(),
            "shop": rng.choice(list(shops), n_samples, p=[0.4, 0.2, 0.15, 0.15, 0.1]),
        }
    )
    log_odds = (
        -3.9
        + 1.7 * np.log(X["amount"] / 33)
        + 1.8 * np.cos((X["hour"] - 3) * np.pi / 12)
        + 1.3 * np.log1p(X["km_from_home"] / 20)
        - 1.7 * np.log1p(X["minutes_since_last"] / 60)
        - 0.8 * np.log1p(X["account_age_days"] / 200)
        + X["shop"].map(shops)
    )
    return X, pd.Series(np.where(rng.random(n_samples) < 1 / (1 + np.exp(-log_odds)), "fraud", "ok"))


parser = argparse.ArgumentParser(description="Find a rare class at the least cost.")
parser.add_argument("--csv", help="table with a header; without it, made-up payments")
parser.add_argument("--target", help="column to predict, of two labels")
parser.add_argument("--costs", nargs=2, type=float, default=(10, 500), metavar=("ALARM", "MISS"), help="of mistakes")
options = parser.parse_args()
if options.csv:
    X = pd.read_csv(options.csv).dropna(subset=[options.target])
    y = X.pop(options.target)
    left_out = audit(X, y).columns("date", "identifier", "row number")
    if left_out:
        X = X.drop(columns=left_out)
        print(f"Left out as dates or identifiers: {', '.join(left_out)}. Turn dates into numbers to use them.")
    X, X_new, y, y_new = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
else:
    (X, y), (X_new, y_new) = make_payments(10_000, seed=0), make_payments(40_000, seed=1)
rare, positive = y.value_counts().index[-1], y_new == y.value_counts().index[-1]
false_alarm, miss = options.costs
print(f"{len(y):,} rows to learn from, {(y == rare).mean():.1%} of them {rare!r}; {len(y_new):,} new rows.")

# %%
# The cost of mistakes is the decision. The bar counts epochs, in each of which the network sees every row once.
# Training stops when held-out rows are predicted no better, and keeps the best epochs.

print("Training: epochs, time left, and the log-loss of training rows (loss) and of held-out rows (val_loss).")
decision = {"fp": false_alarm, "fn": miss}
clf = ImbalancedKerasClassifier(decision=decision, pos_label=rare, random_state=0, verbose=1).fit(X, y)

# %%
# Save it, load it where the same versions are installed, and decide about new rows.

joblib.dump(clf, "quickstart.joblib")
loaded = joblib.load("quickstart.joblib")
probability = loaded.predict_proba(X_new)[:, list(loaded.classes_).index(rare)]
alarms = loaded.predict(X_new) == rare
print(f"\nAlarm where P({rare}) >= {false_alarm:g} / ({false_alarm:g} + {miss:g}) = {loaded.threshold_:.3f}: "
      f"{alarms.sum():,} alarms find {(alarms & positive).sum()} of {positive.sum()} {rare!r}.")  # fmt: skip
print(f"The probabilities of all new rows add up to {probability.sum():.0f} {rare!r}.")

# %%
# Boosted trees get the same rule: alarm where the probability makes a miss dearer. Their own probabilities are far from
# true where frauds are few, so they also get a calibration, which suits them better than
# :class:`~sklearn.model_selection.TunedThresholdClassifierCV` with these costs does.


def cost(alarms):
    """Return what mistakes about the new rows cost."""
    return false_alarm * (alarms & ~positive).sum() + miss * (positive & ~alarms).sum()


boosting = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
# They take no empty column, and at most 255 categories per column; rarer ones become missing values.
filled = X.columns[X.notna().any()]
kept = {name: X[name].value_counts().index[:255] for name in X.select_dtypes(exclude="number")}


def for_trees(X):
    """Return a table without empty columns, and with its columns of text as categories."""
    return X.assign(**{name: X[name].where(X[name].isin(kept[name])).astype("category") for name in kept})[filled]


costs = pd.Series({"no alarms": miss * positive.sum()})
for name, model in {"boosting": boosting, "boosting, calibrated": CalibratedClassifierCV(boosting)}.items():
    probability = model.fit(for_trees(X), y).predict_proba(for_trees(X_new))[:, list(model.classes_).index(rare)]
    costs[name] = cost(probability >= loaded.threshold_)
costs["skimbalance"] = cost(alarms)
print(f"\nCost of mistakes about the {len(y_new):,} new rows:\n{costs.map('{:,.0f}'.format).to_string()}")

# %%
# These odds are smooth and frauds are few: a network learns that well, trees do not. Elsewhere the difference may be
# smaller, or the other way round. ``skimbalance compare FILE --target COLUMN`` says how sure it is, on five folds; on
# 24 real tables this classifier was first of twelve (:doc:`How good it is </quality>`).

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.bar_label(ax.barh(costs.index, costs, color=["#999999"] * 3 + ["#0072b2"]), fmt="{:,.0f}", padding=3)
ax.set(title="Cost of mistakes about new rows", xticks=[], xlim=(0, 1.15 * costs.max()))
ax.spines[["top", "right", "bottom"]].set_visible(False)
figure.savefig("quickstart.png", dpi=120)
print("The classifier is in quickstart.joblib, a picture of the costs in quickstart.png.")
