"""The picture of data health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from data_pipeline.bars.bars import Bars
from data_pipeline.quality import health
from data_pipeline.sources.sample import SampleSource
from evaluation.plots import draw_health

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)


@pytest.mark.parametrize("interval", ["1d", "1h"])
def test_a_picture_is_drawn_of_any_bars_and_what_is_wrong_with_them_shows(tmp_path: Path, interval: str) -> None:
    bars = SampleSource().fetch("AAPL", interval, NOW - timedelta(days=200), NOW)
    ill = bars.frame.drop(bars.frame.index[40:60])
    ill.iloc[70, :4] *= 3.0
    pictures = []
    for frame in (bars.frame, ill):
        some = Bars(frame, "AAPL", interval, "sample")
        path = tmp_path / "health.png"
        draw_health(path, some, health.daily(some, NOW), health.marks(some))
        pictures.append(matplotlib.image.imread(path))
    assert pictures[0].shape == pictures[1].shape
    assert (np.abs(pictures[0] - pictures[1]) > 0.1).mean() > 0.005
