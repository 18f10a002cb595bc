"""
Which remedy suits your table?
==============================

One call fits every remedy on the same folds, and says what it finds, how sure that is, and from which probability on
each one calls the rare label. Here on 442 patients with diabetes (Efron et al., 2004), for the tenth whose disease
progressed most in a year; or on a table of your own, with text and gaps as it comes::

    python plot_01_quickstart.py --csv FILE --target COLUMN

``skimbalance compare FILE --target COLUMN --out report.html`` does the same, and writes a page.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier

from skimbalance import ImbalancedKerasClassifier, compare_strategies

# %%
# Rows and labels. The rare label is the positive one.

parser = argparse.ArgumentParser(description="Compare remedies for a rare class on a table.")
parser.add_argument("--csv", help="table with a header; without it, patients with diabetes")
parser.add_argument("--target", help="column to predict")
options = parser.parse_args()
if options.csv:
    X = pd.read_csv(options.csv).dropna(subset=[options.target])
    y = X.pop(options.target)
    X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))  # as boosting wants them
else:
    X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    y = pd.Series(np.where(progression >= progression.quantile(0.9), "fast", "slow"))
rare = y.value_counts().index[-1]

# %%
# A remedy is a name, parameters of the classifier, or another model. Each is fitted five times, on the same folds, and
# scored on the rows that it has not seen.

comparison = compare_strategies(
    ImbalancedKerasClassifier(pos_label=rare), X, y,
    strategies={
        "none": "none",
        "none, F1 rule": {"strategy": "none", "decision": "f1"},
        "auto": "auto",
        "auto, F1 rule": {"strategy": "auto", "decision": "f1"},
        "class_weight": "class_weight",
        "focal": "focal",
        "boosting": HistGradientBoostingClassifier(random_state=0),
    },
    random_state=0,
)  # fmt: skip
print(comparison)

# %%
# Without a remedy and without a rule, hardly any row reaches a probability of one half, so that almost nobody is found:
# its F1 is low although it ranks as well as any other. A rule mends that without any remedy. Remedies that balance
# classes call twice as many rows as F1 asks for. By ranking these folds can tell hardly any of them apart: the
# intervals are corrected for folds that share rows.

comparison.plot("scores")[0].figure.savefig("comparison.png", dpi=120)

# %%
# The dots mark the thresholds that are used: F1 is a matter of where one cuts.

comparison.plot("threshold")
comparison.plot("precision_recall")
print("\nThe scores are in comparison.png.")
