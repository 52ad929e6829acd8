"""The task that measures live performance from the signals that were really published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daemon.artifacts.base import ArtifactName
from daemon.work.bars import stored_bars
from daemon.work.versions import refuse_other_bars
from data_pipeline import calendar
from evaluation.backtesting import Costs, backtest
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars

MEASURED = ("sharpe_ratio", "max_drawdown")


def live_performance(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Backtest the published positions over the bars as they came to be, each from when it could be followed."""
    costs = context.settings.costs
    bars = stored_bars(context.home, context.settings, args["symbol"])
    name = ArtifactName(args["symbol"], args["model_type"], args["version"])
    refuse_other_bars(read_manifest(context.artifacts.fetch(name)), bars)
    said = heard(bars, args["signals"])
    lived = bars.since(said.index[0])
    if len(lived) < 2:
        return {"metrics": dict.fromkeys(MEASURED), "reasons": dict.fromkeys(MEASURED, "too_few_bars")}
    target = said.reindex(lived.frame.index, method="ffill")
    result = backtest(
        lived,
        target,
        costs=Costs.of(costs),
        initial_cash=costs.initial_cash,
    ).metrics()
    return {"metrics": result, "reasons": result.get("reasons", {})}


def heard(bars: Bars, signals: list[dict[str, Any]]) -> pd.Series:
    """The positions by the bar at whose close they count as decided, so that the next open fills them.

    That is a signal's own bar, if it was published before the next one opened. What is said later finds that open in
    the past, and waits for the first that is still to come. Of several that meet the same open, the last one counts.
    """
    index = pd.DatetimeIndex(bars.frame.index)
    about, published = (
        pd.to_datetime([signal[name] for signal in signals], utc=True, format="ISO8601").as_unit("ns")
        for name in ("bar_time", "published_at")
    )
    next_open = calendar.opens(bars.symbol, index).searchsorted(published)
    row = np.minimum(np.maximum(index.searchsorted(about), next_open - 1), len(index) - 1)
    said = pd.Series([signal["position"] for signal in signals], index=index[row])
    return said[~said.index.duplicated(keep="last")].sort_index()
