"""Write payments.csv: 5,000 made-up card payments, one in 35 a fraud. The guide works on this table."""

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n = 5000
day, hour = np.sort(rng.integers(0, 90, n)), rng.choice(24, n, p=np.r_[np.full(6, 0.02), np.full(18, 0.88 / 18)])
amount = rng.lognormal(3.2, 1.0, n).round(2)
country = rng.choice(["DE", "FR", "SE", "BR"], n, p=[0.5, 0.3, 0.15, 0.05])
shop = rng.choice(["grocery", "fuel", "travel", "games"], n, p=[0.5, 0.25, 0.15, 0.1])
terminal = rng.integers(100, 112, n)
card_age = np.round(rng.exponential(700, n))

# The rule behind the frauds, which a model has to find: large payments, at night, abroad, with a new card.
risk = 1.6 * np.log(amount / 25) + 3 * (hour < 6) + 2.5 * (country == "BR") + 2 * (shop == "games")
risk += 1.5 * np.isin(terminal, [103, 108]) - card_age / 500
fraud = rng.random(n) < 1 / (1 + np.exp(10 - 2.2 * risk))

table = pd.DataFrame(
    {
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(24 * day + hour, unit="h"),
        "amount": amount,
        "country": country,
        "shop": shop,
        "terminal": terminal,
        "card_age": np.where(rng.random(n) < 0.1, np.nan, card_age),
        "label": np.where(fraud, "fraud", "ok"),
    }
)
table.to_csv("payments.csv", index=False)
