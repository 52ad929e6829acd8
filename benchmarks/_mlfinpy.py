"""Run by an interpreter that has mlfinpy: its triple barriers and fractional differences on the columns of a file."""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings

import numpy as np
import pandas as pd
from mlfinpy.labeling import add_vertical_barrier, get_bins, get_events
from mlfinpy.util.frac_diff import frac_diff_ffd

REPEATS = 5


def median_seconds(call) -> float:
    durations = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations)


def labelled(close: pd.Series) -> pd.DataFrame:
    sigma = close.pct_change().ewm(span=100, min_periods=100).std().dropna()
    ends = add_vertical_barrier(sigma.index, close, num_minutes=20)
    events = get_events(close, sigma.index, [2.0, 2.0], sigma, 0.0, 1, ends, verbose=False)
    get_bins(events, close)
    return events


def main() -> None:
    warnings.simplefilter("ignore")
    columns = np.load(sys.argv[1])
    times = pd.date_range("2020-01-01", periods=len(columns["close"]), freq="min")
    close = pd.Series(columns["close"], times)
    minutes = (labelled(close)["t1"] - times[0]).dt.total_seconds() // 60
    answer = {
        "triple_barrier": median_seconds(lambda: labelled(close)),
        "fractional": median_seconds(lambda: frac_diff_ffd(np.log(close).to_frame(), 0.4, 1e-4)),
        "touched": [None if np.isnan(bar) else int(bar) for bar in minutes],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
