"""The risk manager: sizes and limits the targets of a strategy, with nothing that is later than each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from evaluation.accounting.account import Account, Rates, compiled, step, worth
from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.accounting.inputs import checked_frame, checked_target
from evaluation.accounting.ledger import Array
from evaluation.portfolio.no_trade_band import outside_band

Sizing = Literal["as_decided", "fixed_fraction", "kelly"]
# The deviation of returns below which prices count as constant: rounding of a price that stands still.
CONSTANT = 1e-12


@dataclass(frozen=True)
class RiskManager:
    """Limits for `StrategyBase(data_loader, risk_manager, config)`; each is off unless it is given.

    With r the returns of the closes and sigma their deviation over the last `window` of them, a target w becomes, in
    this order:

        fixed_fraction   sign(w) * risk_per_trade / (stop * sigma): a move of `stop` deviations costs `risk_per_trade`
        kelly            w * kelly_fraction * max(m, 0) / v, of the mean m and the variance v of what targets of the
                         signs decided earned over the last `window` bars, without costs (Kelly 1956)
        volatility       w * min(1, volatility_target / (sigma * sqrt(bars a year)))
        cap              w within [-max_position, max_position]
        band             w stays what it was while it is on the same side and has moved by no more than `band`
        drawdown         0 for `pause` bars from the close at which the account of these targets has lost `max_drawdown`
                         since its highest close; after the pause the highest close is counted anew

    Where sigma or the mean is needed and there are fewer than `window` returns yet, the target is 0. Where prices do
    not move (no sigma), sizes are the cap.

    Args:
        max_position: the largest weight, 0 to 1.
        volatility_target: the most deviation a year, such as 0.15.
        max_drawdown: a fraction of the account, such as 0.2.
        pause: bars.
        sizing: see above.
        risk_per_trade: a fraction of the account.
        stop: in deviations of one bar.
        kelly_fraction: 0.5 is half Kelly.
        window: bars.
        band: a weight.
        costs: of the account whose drawdown is watched.
        periods_per_year: bars a year. It is given, since counted from the bars it would change with each new one.
    """

    max_position: float = 1.0
    volatility_target: float | None = None
    max_drawdown: float | None = None
    pause: int = 21
    sizing: Sizing = "as_decided"
    risk_per_trade: float = 0.01
    stop: float = 2.0
    kelly_fraction: float = 0.5
    window: int = 63
    band: float = 0.0
    costs: Costs = DEFAULT_COSTS
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_position", 0.0, 1.0),
            ("volatility_target", 0.0, math.inf),
            ("max_drawdown", 0.0, 1.0),
            ("risk_per_trade", 0.0, 1.0),
            ("stop", 0.0, math.inf),
            ("kelly_fraction", 0.0, 1.0),
            ("periods_per_year", 0.0, math.inf),
        ):
            value = getattr(self, name)
            if value is not None and not (low < value <= high and math.isfinite(value)):
                raise _invalid(f"{name} is {value}, not above {low:g} and at most {high:g}")
        if not 0.0 <= self.band < 1.0:
            raise _invalid(f"band is {self.band}, not in [0, 1)")
        if self.window < 2 or self.pause < 1:
            raise _invalid(f"window is {self.window} and pause is {self.pause}; they are at least 2 and 1 bars")
        if self.sizing not in {"as_decided", "fixed_fraction", "kelly"}:
            raise _invalid(f"sizing is {self.sizing!r}, not as_decided, fixed_fraction or kelly")

    def limit(self, target: pd.Series, data: pd.DataFrame) -> pd.Series:
        """The targets within the limits; `data` needs open, high, low and close, on the same rows."""
        frame = checked_frame(data)
        weights = checked_target("", target, frame.index)
        returns = frame["close"].pct_change()
        deviation = returns.rolling(self.window).std().to_numpy()
        sized = self._sized(weights, returns, deviation)
        if self.volatility_target is not None:
            sized = sized * self._volatility_scale(deviation, self.volatility_target)
        limited = outside_band(np.clip(sized, -self.max_position, self.max_position), self.band)
        if self.max_drawdown is not None:
            prices = frame[["open", "close", "dividends"]].to_numpy().T
            rates = self.costs.rates(self.periods_per_year)
            limited = _braked(limited, np.ascontiguousarray(prices), rates, self.max_drawdown, self.pause)
        return pd.Series(limited, index=target.index, name="position")

    def _sized(self, weights: Array, returns: pd.Series, deviation: Array) -> Array:
        if self.sizing == "fixed_fraction":
            size = np.full_like(weights, self.max_position)
            moves = ~(deviation <= CONSTANT)
            size[moves] = self.risk_per_trade / (self.stop * deviation[moves])
            sized: Array = np.where(weights == 0.0, 0.0, np.sign(weights) * np.nan_to_num(size, nan=0.0))
            return sized
        if self.sizing == "kelly":
            earned = pd.Series(np.sign(weights), returns.index).shift(1) * returns
            mean = earned.rolling(self.window).mean().to_numpy()
            variance = earned.rolling(self.window).var().to_numpy()
            edge = np.divide(np.maximum(mean, 0.0), variance, out=np.zeros_like(mean), where=variance > CONSTANT**2)
            kelly: Array = weights * self.kelly_fraction * np.nan_to_num(edge, nan=0.0)
            return kelly
        return weights

    def _volatility_scale(self, deviation: Array, most: float) -> Array:
        yearly = deviation * math.sqrt(self.periods_per_year)
        scale = np.divide(most, yearly, out=np.ones_like(yearly), where=~(deviation <= CONSTANT))
        return np.nan_to_num(np.minimum(scale, 1.0), nan=0.0)


@compiled
def _braked(targets: Array, prices: Array, rates: Rates, most: float, pause: int) -> Array:
    """The targets, flat for `pause` bars whenever their account has lost `most` of its highest close."""
    opens, closes, dividends = prices
    account, highest, paused, target = Account(1.0, 0.0, 0.0), 1.0, 0, 0.0
    limited = np.empty_like(targets)
    for t in range(targets.size):
        account = step(account, target, opens[t], closes[t], rates, dividends[t])
        value = worth(account, closes[t])
        if paused > 0:
            paused -= 1
            highest = value
        highest = max(highest, value)
        if paused == 0 and value <= (1.0 - most) * highest:
            paused = pause
        target = 0.0 if paused > 0 else targets[t]
        limited[t] = target
    return limited


def _invalid(problem: str) -> NightdeskError:
    return NightdeskError("risk.invalid", f"The risk manager's {problem}.", "Mend that argument of RiskManager.")
