"""The state of a policy when a bar closes, as 34 numbers: market, position, regime, data health and news.

In this order: the last 20 log returns, oldest first, each by the mean and deviation of those 20 (0 for those before the
first); RSI by 100, the signal line of MACD by the close, Bollinger width, volume by its mean; position, leverage, cash
and the days since the last trade; one of three regimes; the Data Health Index; the news sentiment of the symbol, and of
the whole market.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.features import volatility_regime as regime
from data_pipeline.features.indicators import before
from data_pipeline.features.registry import feature_matrix
from data_pipeline.features.rolling import Floats, ratio
from data_pipeline.news.sentiment import Sentiment, sentiment
from data_pipeline.policy_states.portfolio import Holding, refuse
from data_pipeline.quality import health

RETURNS = 20
NAMES: tuple[str, ...] = (
    *(f"log_return_{back}" for back in reversed(range(RETURNS))),
    "rsi", "macd_signal", "bollinger_width", "volume_ratio",
    "position", "leverage", "cash", "days_since_trade",
    *regime.REGIMES,
    "data_health",
    "news_sentiment", "macro_sentiment",
)  # fmt: skip
WARM_UP = regime.WARM_UP  # bars; of all parts of a state the regime takes the most
_PORTFOLIO = slice(NAMES.index("position"), NAMES.index("days_since_trade") + 1)
_MARKET = ("log_return", "rsi", "macd_signal_to_close", "bollinger_width", "volume_ratio")
_STILL = 1e-12  # returns that differ by less differ by rounding only


@dataclass(frozen=True, eq=False)
class MarketStates:
    """The states of a market's bars but for what is held: a holding completes them, all at once or one by one."""

    times: pd.DatetimeIndex
    values: Floats  # [bars, 34]
    news: Sentiment
    macro: Sentiment

    @classmethod
    def of(cls, bars: Bars, news: pd.DataFrame, macro: pd.DataFrame) -> Self:
        """Of bars, and of the headlines (`seen_at`, `title`) about their symbol and about all markets."""
        times = pd.DatetimeIndex(bars.frame.index)
        sentiments = [sentiment(headlines, times) for headlines in (news, macro)]
        returns, rsi, *indicators = feature_matrix(bars, _MARKET).to_numpy().T
        columns = [
            *_windows(returns),
            rsi / 100.0,
            *indicators,
            *np.zeros((4, len(bars))),
            *_one_hot(regime.volatility_regime(bars)),
            health.at_bars(bars).to_numpy(),
            *(each.score for each in sentiments),
        ]
        return cls(times, np.column_stack(columns), *sentiments)

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, holding: Holding) -> Floats:
        """[bars, 34]: the state at each bar's close. The first `WARM_UP` are NaN where too little is known."""
        states = self.values.copy()
        states[:, _PORTFOLIO] = holding.columns(len(self))
        return states

    def row(self, holding: Holding, at: int = -1) -> Floats:
        """[34]: the state at the close of one bar, to the last bit the row that `rows` gives for it."""
        state: Floats = self.values[at].copy()
        state[_PORTFOLIO] = holding.columns(1)[0]
        return state

    def facts(self) -> dict[str, Any]:
        """As JSON, for a manifest: what the states are, and how many bars have headlines in their windows."""
        sentiments = {"news_sentiment": self.news, "macro_sentiment": self.macro}
        return {
            "states": list(NAMES),
            "bars": len(self),
            "bars_with_headlines": {name: int((each.headlines > 0).sum()) for name, each in sentiments.items()},
        }


def _windows(returns: Floats) -> list[Floats]:
    """Each of the last 20 returns at every bar, oldest first, by the mean and deviation (n - 1) of those there are."""
    lags = [before(returns, back) for back in reversed(range(RETURNS))]
    counts = sum((~np.isnan(lag) for lag in lags), np.zeros(len(returns)))
    away = [np.nan_to_num(lag - returns) for lag in lags]  # from the newest: a flat window is 0 to the last bit
    centre = ratio(sum(away, np.zeros(len(returns))), counts)
    away = [np.where(np.isnan(lag), 0.0, far - centre) for lag, far in zip(lags, away, strict=True)]
    variance = ratio(sum((far**2 for far in away), np.zeros(len(returns))), counts - 1.0)
    deviation = np.sqrt(np.where(variance > _STILL**2, variance, 0.0))
    return [ratio(far, deviation) for far in away]


def _one_hot(regimes: pd.Series) -> Floats:
    """A row for each regime: 1 in it, 0 in another, NaN where it is unknown."""
    hot = np.array([regimes == name for name in regime.REGIMES], np.float64)
    hot[:, regimes.isna().to_numpy()] = np.nan
    return hot


class RlState(np.ndarray[tuple[int], np.dtype[np.float64]]):
    """The 34 numbers of one state, in the order of `NAMES`: an array, whose plain numbers are its `features`."""

    def __new__(cls, numbers: npt.ArrayLike) -> Self:
        """A state of these numbers."""
        values = np.asarray(numbers, np.float64)
        if values.shape != (len(NAMES),):
            refuse(f"a state of the shape {values.shape}", f"A state has {len(NAMES)} numbers: {', '.join(NAMES)}.")
        return values.copy().view(cls)

    @property
    def features(self) -> Floats:
        """The numbers."""
        return np.asarray(self)


class Session(Protocol):
    """Where states are built from: a desk's records, or a `DataLoader`."""

    def bars(self, symbol: str) -> Bars:
        """All bars of a symbol."""

    def headlines(self, source: str, symbol: str) -> pd.DataFrame:
        """The headlines of a symbol from a source of bars: `seen_at` and `title`."""


class RlStateBuilder:
    """Builds the states of any symbol from a session; the news of all markets is that of `macro_symbol`."""

    def __init__(self, session: Session, macro_symbol: str = "^GSPC") -> None:
        self.session = session
        self.macro_symbol = macro_symbol

    def market(self, symbol: str, until: date | None = None) -> MarketStates:
        """Of all bars of a symbol, or of those until a session's date, or closed by an instant."""
        return self._states(self._bars(symbol, until))

    def build_state(
        self,
        symbol: str,
        current_date: date,
        current_position: float = 0.0,
        portfolio_equity: float = 1.0,
        *,
        portfolio_cash: float | None = None,
        last_trade: datetime | None = None,
    ) -> RlState:
        """The state at the newest close of a session by a date, or by an instant.

        `current_position` is a share of equity, from -1 to 1. Equity and cash are money; without `portfolio_cash`, all
        that the position leaves is.
        """
        bars = self._bars(symbol, current_date)
        if len(bars) <= WARM_UP:
            raise NightdeskError(
                "states.too_short",
                f"{symbol} has {len(bars)} bars by {current_date}; a state is known from bar {WARM_UP + 1} on.",
                "Pull a longer history, or ask for a later date.",
                symbol=symbol,
            )
        if not portfolio_equity > 0.0:
            refuse(f"portfolio_equity is {portfolio_equity}", "A portfolio without equity has no shares of it.")
        market = self._states(bars)
        days = np.inf if last_trade is None else (market.times[-1] - _instant(last_trade)) / pd.Timedelta(days=1)
        cash = 1.0 - current_position if portfolio_cash is None else portfolio_cash / portfolio_equity
        return RlState(market.row(Holding(current_position, abs(current_position), cash, max(days, 0.0))))

    def _states(self, bars: Bars) -> MarketStates:
        """News is that of the source of the bars: the sample market must not get news of the real one."""
        headlines = [self.session.headlines(bars.source, symbol) for symbol in (bars.symbol, self.macro_symbol)]
        return MarketStates.of(bars, *headlines)

    def _bars(self, symbol: str, until: date | None) -> Bars:
        bars = self.session.bars(symbol)
        if until is None:
            return bars
        if isinstance(until, datetime):
            return bars.until(_instant(until))
        return bars.head(int((bars.dates <= pd.Timestamp(until)).sum()))


def _instant(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
