"""Features and an expert's labels whose rule is known: buy above 1 in `signal`, sell below -1, hold between."""

from __future__ import annotations

import numpy as np
import pandas as pd

FEATURES = ["close", "volume", "signal"]


def labelled(rows: int = 400, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Rows in time order; about a third of them are trades."""
    random = np.random.default_rng(seed)
    index = pd.date_range("2022-01-03", periods=rows, freq="D")
    X = pd.DataFrame(
        {
            "close": 100.0 + random.normal(size=rows).cumsum(),
            "volume": random.integers(1_000, 2_000, rows),
            "signal": random.normal(size=rows),
        },
        index=index,
    )
    y = pd.Series(np.where(X["signal"] > 1.0, 1, np.where(X["signal"] < -1.0, -1, 0)), index=index, name="target")
    return X, y
