"""The sample expert: a trader who follows trends, misses most days, and errs now and then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_pipeline import actions
from data_pipeline.bars import Bars
from data_pipeline.sources.sample.market import seed_of
from data_pipeline.trade_logs import ExpertLog

_FAST, _SLOW = 10, 40
_DILIGENCE = 0.10  # of the days on which the rule speaks, the expert acts
_ERROR = 0.004  # of all days, the expert does the opposite
_EPOCH = pd.Timestamp("2000-01-01")


def sample_expert_log(bars: Bars) -> ExpertLog:
    """The sample expert's trades on `bars`, each decided with bars up to its own and nothing later."""
    trend = _trend(bars.frame["close"])
    rule = np.where(trend > 0.0, actions.BUY, actions.SELL)
    acts, errs = _moods(bars)
    action = np.where(acts, rule, np.where(errs, -rule, actions.HOLD))
    action = np.where(np.isnan(trend), actions.HOLD, action)
    dates = bars.dates if bars.interval == "1d" else pd.DatetimeIndex(bars.frame.index).tz_localize(None)
    log = pd.DataFrame({"date": dates.to_numpy("datetime64[ns]"), "action": action.astype("int64")})
    return ExpertLog(log[log["action"] != actions.HOLD].reset_index(drop=True), provenance="sample")


def _trend(close: pd.Series) -> np.ndarray:
    """How far the fast mean of the close lies above the slow one."""
    return (close.rolling(_FAST).mean() / close.rolling(_SLOW).mean() - 1.0).to_numpy()


def _moods(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """On which bars the expert acts, and on which they err: a property of the bar's time, not of where bars begin."""
    step = pd.Timedelta(days=1) if bars.interval == "1d" else pd.Timedelta(minutes=1)
    nth = ((pd.DatetimeIndex(bars.frame.index).tz_localize(None) - _EPOCH) // step).to_numpy()
    draws = np.random.default_rng(seed_of("expert", bars.symbol)).random(int(nth.max(initial=0)) + 1)[nth]
    return draws < _DILIGENCE, draws > 1.0 - _ERROR
