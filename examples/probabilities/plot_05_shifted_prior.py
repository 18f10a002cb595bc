"""
When the rare class becomes less rare
=====================================

A model is trained where 2 % of the rows are positive, and used where 15 % are. Nobody has labels there. The prior can
be estimated from the probabilities alone, and ``target_prior`` takes it without a new fit.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score, log_loss

from skimbalance import ImbalancedKerasClassifier, estimate_prior, shift_prior

# %%
# Rows of either class look the same in both places; only their frequency differs.


def make_rows(n_samples, share, seed):
    """Draw rows with a share of positives."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n_samples) < share).astype(int)
    return rng.normal(size=(n_samples, 4)) + y[:, None] * np.array([1.2, -0.8, 0.6, 0.0]), y


X, y = make_rows(10_000, share=0.02, seed=0)
X_new, y_new = make_rows(10_000, share=0.15, seed=1)

clf = ImbalancedKerasClassifier(decision="f1", random_state=0).fit(X, y)

# %%
# ``predict_proba`` refers to the shares of ``y``, ``prior_``. The EM algorithm of Saerens et al. asks which prior makes
# the new rows likely. Probabilities follow it, and so does the decision: the F1 threshold is another one there.

estimated = estimate_prior(clf.predict_proba(X_new), clf.prior_)
print(f"Positives in training {clf.prior_[1]:.1%}; new rows: {estimated[1]:.1%} estimated, {y_new.mean():.1%} true.\n")

for name, target in (("prior of y", "fit"), ("estimated prior", estimated)):
    proba = clf.set_params(target_prior=target).predict_proba(X_new)
    scores = f"log-loss {log_loss(y_new, proba):.3f}, F1 {f1_score(y_new, clf.predict(X_new)):.3f}"
    print(f"{name:<16} mean P(positive) {proba[:, 1].mean():.3f}, threshold {clf.threshold_:.3f}, {scores}")

# %%
# Average precision is the same under both, since the shift keeps the ranking.
print("\nThe ranking, and so average precision, is the same under both.")

priors = np.linspace(0.01, 0.5, 50)
losses = [log_loss(y_new, shift_prior(proba, estimated, [1 - p, p])) for p in priors]
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(priors, losses, color="#0072B2")
ax.axvline(estimated[1], color="#D55E00", label="estimated, without labels")
ax.axvline(y_new.mean(), color="#777777", linestyle=":", label="true share of positives")
ax.set(xlabel="target_prior of the positive class", ylabel="log-loss of the new rows")
ax.legend(frameon=False)
plt.show()
