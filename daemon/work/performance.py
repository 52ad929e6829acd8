"""The task that measures live performance from the signals that were really published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from daemon.domain.metrics import Metrics
from daemon.jobs.performance_check.messages import LivePerformanceResult
from daemon.work.versions import refuse_other_bars
from data_pipeline import calendar
from data_pipeline.inputs import Inputs
from data_pipeline.stored_inputs import stored_bars
from evaluation.backtesting import Costs, backtest
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.jobs.performance_check.messages import LivePerformanceRequest, PublishedSignal
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars

MEASURED = ("sharpe_ratio", "max_drawdown")


def live_performance(context: WorkContext, request: LivePerformanceRequest) -> LivePerformanceResult:
    """Backtest the published positions over the bars as they came to be, each from when it could be followed."""
    costs = context.settings.costs
    bars = stored_bars(context.home, context.settings, request.subject)
    folder = context.home.model(request.subject, request.model_type, request.version)
    refuse_other_bars(read_manifest(folder), Inputs.of(bars))
    positions = followed(bars, request.signals)
    lived = bars.since(positions.index[0])
    if len(lived) < 2:
        reasons = dict.fromkeys(MEASURED, "too_few_bars")
        return LivePerformanceResult(metrics=Metrics(values=dict.fromkeys(MEASURED), reasons=reasons))
    target = positions.reindex(lived.frame.index, method="ffill")
    result = backtest(lived, target, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    return LivePerformanceResult(metrics=Metrics.of(result.metrics()))


def followed(bars: Bars, signals: Sequence[PublishedSignal]) -> pd.Series:
    """The positions by the bar at whose close they count as decided, so that the next open fills them.

    That is a signal's own bar, if it was published before the next one opened. One that was published later finds that
    open in the past, and waits for the first that is still to come. Of several for the same open, the last counts.
    """
    index = pd.DatetimeIndex(bars.frame.index)
    decided, published = (
        pd.to_datetime([getattr(signal, name) for signal in signals], utc=True).as_unit("ns")
        for name in ("bar_time", "published_at")
    )
    next_open = calendar.opens(bars.symbol, index).searchsorted(published)
    row = np.minimum(np.maximum(index.searchsorted(decided), next_open - 1), len(index) - 1)
    positions = pd.Series([signal.position for signal in signals], index=index[row])
    return positions[~positions.index.duplicated(keep="last")].sort_index()
