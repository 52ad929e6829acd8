"""Files of the sample market, for a person to learn the formats from: bars, an expert's trades, a traders' bucket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from config.publish import publish_bytes
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.sources.sample import SampleSource, sample_bucket

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from config.paths import Home
    from config.settings import Settings
    from data_pipeline.bars.bars import Bars


def write_sample(home: Home, settings: Settings, now: datetime) -> list[Path]:
    """Write `bars/<SYMBOL>.csv` and `experts/<SYMBOL>.csv` of every symbol, and the bucket; the files written."""
    written = []
    for symbol in settings.symbols:
        bars = _bars(symbol, settings, now)
        for folder, frame in (("bars", bars.frame), ("experts", sample_expert_log(bars).frame.set_index("date"))):
            path = home.samples / folder / f"{symbol}.csv"
            publish_bytes(path, frame.to_csv().encode())
            written.append(path)
    return [*written, *sample_bucket(home.samples / "bucket")]


def _bars(symbol: str, settings: Settings, now: datetime) -> Bars:
    start = now - timedelta(days=settings.training_params.lookback_days)
    return SampleSource().fetch(symbol, settings.data_params.interval, start, now)
