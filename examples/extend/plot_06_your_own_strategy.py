"""
A strategy of your own
======================

A strategy is one short class with up to four hooks. This one acts on two levels: it leaves out frequent rows that look
like most others, and pays more for the rare class the longer training goes on. It needs no code for probabilities:
``train_prior_`` follows from what the hooks return.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from skimbalance import ImbalancedKerasClassifier, ReliabilityDisplay, Strategy


class ThinAndRamp(Strategy):
    """Drop a share of the most typical frequent rows, and ramp up the weight of the rare class.

    Parameters
    ----------
    share : float, default=0.3
        Share of the frequent class to drop.
    weight : float, default=5.0
        Weight of the rare class at the end of training.
    """

    def __init__(self, share=0.3, weight=5.0):
        self.share = share
        self.weight = weight

    def fit_resample(self, X, y):
        """Keep all rows but the most typical ones of the most frequent class."""
        labels, counts = np.unique(y, return_counts=True)
        frequent = np.flatnonzero(y == labels[counts.argmax()])
        distance = np.abs((X[frequent] - X[frequent].mean(axis=0)) / X[frequent].std(axis=0)).sum(axis=1)
        dropped = frequent[np.argsort(distance)[: int(self.share * len(frequent))]]
        self.sample_indices_ = np.setdiff1d(np.arange(len(y)), dropped)  # lets sample_weight follow the rows
        return X[self.sample_indices_], y[self.sample_indices_]

    def class_weight(self, class_counts, progress):
        """Weigh the rarest class from 1 at the start to `weight` at the end."""
        return np.where(class_counts == class_counts.min(), 1 + progress * (self.weight - 1), 1.0)


X, y = make_classification(8000, 12, n_informative=6, weights=[0.96], class_sep=1.2, random_state=0)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Its parameters are reached as ``strategy__share``, in a grid too, and it combines with others in a list. That it moves
# the prior twice, by rows and by weights, is intended here, so its warning is silenced.

warnings.filterwarnings("ignore", message=".*moves the class prior more than once")
display = None
for strategy in ("none", "class_weight", ThinAndRamp(), ThinAndRamp(share=0.6)):
    clf = ImbalancedKerasClassifier(strategy=strategy, random_state=0).fit(X, y)
    proba = clf.predict_proba(X_test)
    print(
        f"{strategy!s:<24} shows {clf.train_prior_[1]:5.1%} positives; average precision "
        f"{average_precision_score(y_test, proba[:, 1]):.3f}, log-loss {log_loss(y_test, proba):.3f}"
    )
    display = ReliabilityDisplay.from_estimator(clf, X_test, y_test, name=str(strategy), ax=display and display.ax_)

# %%
# The shift to the prior of ``y`` needs no code of the strategy's own. What no shift undoes is that a frequent row looks
# otherwise where 60 % of the typical ones are missing: that curve lies lowest.

plt.show()
