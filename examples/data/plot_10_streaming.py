"""
A file that does not fit into memory
====================================

Rows of a Parquet file come batch by batch, and ``partial_fit`` trains on each as it comes: a batch is all that is in
memory. Without arguments, made-up payments with a rare fraud; or a file of your own, with text and missing values::

    python plot_10_streaming.py --parquet FILE --target COLUMN --positive LABEL
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skimbalance import ImbalancedKerasClassifier

parser = argparse.ArgumentParser(description="Train on a Parquet file, batch by batch.")
parser.add_argument("--parquet", help="file of shuffled rows; without it, made-up payments")
parser.add_argument("--target", default="fraud", help="column to predict")
parser.add_argument("--positive", default="True", help="label to find, all others count as one (default: True)")
parser.add_argument("--batch", type=int, default=1000, help="rows of a batch (default: 1000)")
options = parser.parse_args()

# %%
# A file is written as it is read: a batch at a time. Each shop has amounts that are usual there, and in these payments
# a fraud has one that is usual elsewhere, more often at night; one in eight amounts is missing. In the middle of the
# file, new shops open.


def payments(n_rows, n_shops, rng):
    """Draw payments: a record batch."""
    fraud, shop = rng.random(n_rows) < 0.03, rng.integers(0, n_shops, n_rows)
    of_shop = np.where(fraud, rng.permutation(shop), shop)
    amount = rng.lognormal(2 + 0.37 * (7 * of_shop % 12), 0.3)
    night = rng.random(n_rows) < np.where(fraud, 0.5, 0.15)
    columns = {
        "amount": pa.array(amount, mask=rng.random(n_rows) < 0.12),
        "hour": np.where(night, rng.integers(0, 6, n_rows), rng.integers(6, 24, n_rows)),
        "shop": [f"shop {i}" for i in shop],
        "fraud": fraud,
    }
    return pa.record_batch(columns)


def write_payments(path, n_rows=50_000, at_once=5_000):
    """Write a file of payments."""
    rng = np.random.default_rng(0)
    batches = [payments(at_once, 12 if begin < n_rows // 2 else 16, rng) for begin in range(0, n_rows, at_once)]
    with pq.ParquetWriter(path, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


folder = tempfile.TemporaryDirectory()
path = Path(options.parquet or Path(folder.name) / "payments.parquet")
if options.parquet is None:
    write_payments(path)
file = pq.ParquetFile(path)
n_rows = file.metadata.num_rows
print(f"{path.name}: {n_rows:,} rows, {file.metadata.num_row_groups} row groups, {path.stat().st_size / 1e6:.1f} MB.")

# %%
# One pass. ``validation_split`` holds out a tenth of every batch, at most 10,000 rows in all, which are never trained
# on; the network is scored by them after each batch, and ``decision="f1"`` finds its threshold there. Scaling, medians
# of missing values and categories are those of all batches so far.

clf = ImbalancedKerasClassifier(validation_split=0.1, decision="f1", random_state=0)
features = [name for name in file.schema_arrow.names if name != options.target]
rows, scores, start = [0], [np.nan], time.perf_counter()
for batch in file.iter_batches(options.batch):
    labels = np.array([str(label) == options.positive for label in batch[options.target].to_pylist()], dtype=int)
    clf.partial_fit(batch.select(features), labels, classes=[0, 1])
    rows.append(rows[-1] + len(batch))
    scores.append(clf.history_["val_average_precision"][-1])
    speed = rows[-1] / (time.perf_counter() - start)
    if sys.stdout.isatty() or rows[-1] % 5000 == 0:
        done = "#" * (20 * rows[-1] // n_rows)
        print(
            f"[{done:<20}] {rows[-1]:>9,} rows, {speed:6,.0f} a second, average precision {scores[-1]:.3f}",
            end="\r" if sys.stdout.isatty() else "\n",
        )

print(f"\n{clf.prior_[1]:.1%} of the rows are positive, and called so from P = {clf.threshold_:.2f} on.")
print(clf.columns_)

# %%
# Does another file of such rows pay? The curve says: not, once it is level.

_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(rows, scores)
ax.axhline(clf.prior_[1], color="grey", linestyle="--", linewidth=1, label="rows in random order")
ax.set(xlabel="rows trained on", ylabel="average precision of held-out rows", ylim=(0, None))
ax.legend()

# %%
# Sphinx-Gallery shows the figure; a script does so by ``plt.show()``. The classifier can be pickled and goes on from
# there with the next file.

file.close()
folder.cleanup()
plt.show()
