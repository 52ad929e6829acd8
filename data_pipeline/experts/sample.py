"""The sample expert: a trader who buys pull-backs of the sample market, sells recoveries, and errs now and then.

That is the sample market's one edge (`data_pipeline.sources.sample.edge`). Held from buy to sell, with costs of 0.15 %
of what is traded, it has a Sharpe ratio of 0.7 to 1.2 over the years of the sample market; on other bars, whatever
those give. Of intraday bars, the expert looks at the days alone, and trades on the first bar after them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from data_pipeline import actions
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.expert_log import ExpertLog
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.sample.edge import after_pull_back
from data_pipeline.sources.sample.seeds import seed_of

_FRESH_BARS = 3  # how long a new view is acted on
_ACTION_SHARE = 0.85  # of the times a view is fresh, the expert acts
_ERROR_SHARE = 0.001  # of all bars, the expert trades for no reason
_EPOCH = pd.Timestamp("2000-01-01", tz="UTC")


def sample_expert_log(bars: Bars) -> ExpertLog:
    """The sample expert's trades on `bars`, each decided with bars up to its own and nothing later."""
    view = _view(bars)
    fresh = (view != view.shift(_FRESH_BARS, fill_value=actions.SELL)).to_numpy()
    action_draw, error_draw = _draws(bars)
    planned = np.where(fresh & (action_draw < _ACTION_SHARE), view, actions.HOLD)
    action = np.where(error_draw < _ERROR_SHARE, np.where(action_draw < 0.5, actions.BUY, actions.SELL), planned)
    dates = bars.dates if bars.interval == "1d" else pd.DatetimeIndex(bars.frame.index).tz_localize(None)
    log = pd.DataFrame({"date": dates.to_numpy("datetime64[ns]"), "action": action.astype("int64")})
    return ExpertLog(
        log[log["action"] != actions.HOLD].reset_index(drop=True), provenance=SAMPLE, intraday=bars.interval != "1d"
    )


def _view(bars: Bars) -> pd.Series:
    """1 after a pull-back, -1 after a recovery; of intraday bars, that of the day before."""
    closes = np.log(bars.frame["close"])
    if bars.interval == "1d":
        return _views(closes)
    daily = _views(closes.groupby(bars.dates).last()).shift(1, fill_value=actions.SELL)
    return daily.reindex(bars.dates).set_axis(closes.index)


def _views(log_closes: pd.Series) -> pd.Series:
    active = np.array(after_pull_back(log_closes.tolist()), bool)
    return pd.Series(np.where(active, actions.BUY, actions.SELL), log_closes.index)


def _draws(bars: Bars) -> npt.NDArray[np.float64]:
    """Two numbers in [0, 1) for each bar that depend on its time alone, not on where the bars begin."""
    step = pd.Timedelta(days=1) if bars.interval == "1d" else pd.Timedelta(minutes=1)
    nth = ((pd.DatetimeIndex(bars.frame.index) - _EPOCH) // step).to_numpy()
    draws = np.random.default_rng(seed_of("expert", bars.symbol)).random((int(nth.max(initial=0)) + 1, 2))
    return np.asarray(draws[nth].T)
