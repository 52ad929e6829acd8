"""The sample expert: a trader who follows turns of the trend, misses some of them, and errs now and then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_pipeline import actions
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.expert_log import ExpertLog
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.sample.market import seed_of

_MOVE_BARS, _VOLATILITY_BARS = 5, 20
_MIN_MOVE = 0.5  # standard deviations a move needs before it changes the expert's view
_FRESH_BARS = 2  # how long a new view is acted on
_ACTION_SHARE = 0.8  # of the times a view is fresh, the expert acts
_ERROR_SHARE = 0.004  # of all bars, the expert trades for no reason
_EPOCH = pd.Timestamp("2000-01-01", tz="UTC")


def sample_expert_log(bars: Bars) -> ExpertLog:
    """The sample expert's trades on `bars`, each decided with bars up to its own and nothing later."""
    view = _view(bars.frame["close"])
    fresh = (view != view.shift(_FRESH_BARS, fill_value=actions.HOLD)).to_numpy()
    action_draw, error_draw = _draws(bars)
    planned = np.where(fresh & (action_draw < _ACTION_SHARE), view, actions.HOLD)
    action = np.where(error_draw < _ERROR_SHARE, np.where(action_draw < 0.5, actions.BUY, actions.SELL), planned)
    dates = bars.dates if bars.interval == "1d" else pd.DatetimeIndex(bars.frame.index).tz_localize(None)
    log = pd.DataFrame({"date": dates.to_numpy("datetime64[ns]"), "action": action.astype("int64")})
    return ExpertLog(log[log["action"] != actions.HOLD].reset_index(drop=True), provenance=SAMPLE)


def _view(close: pd.Series) -> pd.Series:
    """1 up, -1 down: the direction of the last move that was large for its time; 0 before the first."""
    logs = np.log(close)
    scale = logs.diff().rolling(_VOLATILITY_BARS).std() * np.sqrt(_MOVE_BARS)
    move = logs.diff(_MOVE_BARS)
    view = pd.Series(np.sign(move), close.index).where(move.abs() > _MIN_MOVE * scale)
    return view.ffill().fillna(actions.HOLD).astype("int64")


def _draws(bars: Bars) -> npt.NDArray[np.float64]:
    """Two numbers in [0, 1) for each bar that depend on its time alone, not on where the bars begin."""
    step = pd.Timedelta(days=1) if bars.interval == "1d" else pd.Timedelta(minutes=1)
    nth = ((pd.DatetimeIndex(bars.frame.index) - _EPOCH) // step).to_numpy()
    draws = np.random.default_rng(seed_of("expert", bars.symbol)).random((int(nth.max(initial=0)) + 1, 2))
    return np.asarray(draws[nth].T)
