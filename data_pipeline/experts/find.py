"""The expert log that a symbol's cloner learns from: a file of the owner's, or that of the sample expert."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from data_pipeline.experts.expert_log import ExpertLog, read_expert_log
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.provenance import Provenance

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import ExpertLogs
    from data_pipeline.bars.bars import Bars


def find_expert_log(home: Home, settings: ExpertLogs, bars: Bars) -> ExpertLog:
    """The log `<SYMBOL>.csv` of the folder of logs; without one, the sample expert where the settings allow it.

    The sample market brings its own expert. On real bars the settings must ask for the sample expert.
    """
    folder = Path(settings.folder) if settings.folder else home.expert_logs
    path = folder / f"{bars.symbol}.csv"
    if os.path.lexists(path):
        return read_expert_log(path, root=folder, symbol=bars.symbol)
    if Provenance.of(bars.source).is_sample or settings.when_missing == "sample":
        return sample_expert_log(bars)
    raise NightdeskError(
        "expert_log.missing",
        f"There is no trade log of an expert for {bars.symbol}: {home.relative(path)} does not exist.",
        'Put one there (`date,action`), or set sources.expert_logs.when_missing to "sample".',
        symbol=bars.symbol,
    )
