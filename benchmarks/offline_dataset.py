"""Four years of one symbol: recorded decisions made into a dataset of states, and a file.

python -m benchmarks.offline_dataset
"""

from __future__ import annotations

import tempfile
import warnings
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

from benchmarks._figures import seconds, show
from config.paths import Home
from daemon.session import get_session
from daemon.store import decisions, runs
from data_pipeline import OfflineDatasetGenerator
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.loader import SampleDataWarning
from data_pipeline.sources.sample import SampleSource

GOAL = 2.0
SYMBOL = "BTC-USD"
NOW = datetime(2024, 1, 3, tzinfo=UTC)
FIRST, LAST = date(2020, 1, 1), date(2024, 1, 1)


def main() -> bool:
    """Print how long it takes, from opening the home to the published file; whether that meets the goal."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleDataWarning)
        home = Home(Path(folder))
        bars = SampleSource().fetch(SYMBOL, "1d", datetime(2019, 6, 1, tzinfo=UTC), NOW)
        BarStore(home).save(bars, NOW)
        _record(home, bars)

        def dataset() -> None:
            with get_session(home) as session, redirect_stdout(StringIO()):
                generator = OfflineDatasetGenerator(session)
                generator.save_dataset(generator.generate_dataset(SYMBOL, FIRST, LAST), home.root / "dataset.npz")

        return show("dataset of four years of decisions", seconds(dataset)[0], GOAL)


def _record(home: Home, bars: Bars) -> None:
    """A decision at every close, by turns to buy, to hold and to sell."""
    rows = [
        decisions.NewDecision(
            run_id=1,
            strategy="turns",
            symbol=SYMBOL,
            interval="1d",
            time=close.to_pydatetime(),
            action=("buy", "hold", "sell")[row % 3],
            strength=0.5,
            probability_up=0.5,
            position=0.5 * (row % 3 < 2),
            reward=0.001,
            price=1.0,
            provenance="sample",
            votes={"tech": [0.5, 0.5]},
        )
        for row, close in enumerate(bars.frame.index)
    ]
    with get_session(home) as session:
        session.database.write(lambda c: runs.request(c, "backtest", now=NOW, trigger="manual"))
        session.database.write(lambda c: decisions.replace(c, rows))


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
