"""Slices of one backtest: by market regime, by year, and during the deepest falls of the market.

A bar's return belongs to the regime at the close before it, where its position was decided, since the regime
afterwards was not known yet. A trade belongs to the regime of the decision to enter it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.provenance import Provenance
from evaluation.accounting.backtest import Backtest, Frame
from evaluation.metrics import formulas
from evaluation.metrics.summary import compute_metrics

Kind = Literal["fall", "history"]
FIGURES = (
    "total_return",
    "annualised_return",
    "volatility",
    "sharpe_ratio",
    "max_drawdown",
    "trades",
    "win_rate",
    "exposure",
)
# With fewer returns than this, annualised figures and ratios mean nothing.
ENOUGH = 20
YEARLY = ("annualised_return", "volatility", "sharpe_ratio")
FALLS = 3
# From the peak to the trough of the S&P 500, by session dates.
HISTORY = {
    "Black Monday": ("1987-08-25", "1987-12-04"),
    "dot-com crash": ("2000-03-24", "2002-10-09"),
    "financial crisis": ("2007-10-09", "2009-03-09"),
    "euro debt crisis": ("2011-04-29", "2011-10-03"),
    "end of 2018": ("2018-09-20", "2018-12-24"),
    "pandemic crash": ("2020-02-19", "2020-03-23"),
    "rate rises of 2022": ("2022-01-03", "2022-10-12"),
    "tariffs of 2025": ("2025-02-19", "2025-04-08"),
}


@dataclass(frozen=True)
class Slice:
    """The bars of one name: the model's figures on them, and what buying and holding returned (percent)."""

    name: str
    bars: int
    figures: dict[str, float | int | None]
    buy_and_hold: float
    reasons: dict[str, str]


@dataclass(frozen=True)
class Stress:
    """One fall of the market, from the close at its peak to the close at its trough; all in percent.

    `fall`: one of the deepest inside these bars. `history`: a fall of the whole market with a name, by its dates.
    """

    name: str
    kind: Kind
    first: str
    last: str
    bars: int
    market: float
    model: float
    max_drawdown: float


@dataclass(frozen=True)
class Slices:
    """One backtest, sliced."""

    regimes: tuple[Slice, ...]
    years: tuple[Slice, ...]
    stress: tuple[Stress, ...]
    directions: tuple[Slice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(parts) for name, parts in asdict(self).items()}


def sliced(
    test: Backtest, bars: Frame, regimes: pd.Series | None = None, directions: pd.Series | None = None
) -> Slices:
    """Slice `test`, which was run on `bars`, by the volatility regime and the direction of the market.

    `regimes` and `directions` name that of each bar as it was known at its close. They may begin before the bars, and
    better do: so the first bar's decision has one too. The market's history is looked up by date for real bars only;
    the sample market has none.
    """
    closes = (bars.frame if isinstance(bars, Bars) else bars)["close"]
    if not closes.index.equals(test.returns.index):
        raise NightdeskError(
            "slices.different_bars",
            f"The backtest was run on {len(test.returns)} bars, and these are {len(closes)} others.",
            "Give the bars that it was run on.",
        )
    made_up = isinstance(bars, Bars) and Provenance.of(bars.source).is_sample
    return Slices(
        regimes=() if regimes is None else by_regime(test, regimes),
        years=by_year(test),
        stress=tuple(_falls(test, closes)) + (() if made_up else tuple(_history(test, closes))),
        directions=() if directions is None or directions.isna().all() else by_regime(test, directions),
    )


def by_regime(test: Backtest, regimes: pd.Series) -> tuple[Slice, ...]:
    """A slice for each regime, in the order of its categories; `unknown` are bars decided before there was one."""
    at_decision = regimes.shift(1).reindex(test.returns.index)
    names = at_decision.astype("object").where(at_decision.notna(), "unknown").astype(str)
    order = ["unknown", *map(str, pd.Categorical(regimes).categories)]
    return tuple(_slice(test, names, name, scattered=True) for name in order if (names == name).any())


def by_year(test: Backtest) -> tuple[Slice, ...]:
    """A slice for each calendar year; a bar that closes at midnight belongs to the day that ends there."""
    index = test.returns.index
    if not isinstance(index, pd.DatetimeIndex):
        return ()
    names = pd.Series((index - pd.Timedelta(1, "ns")).year.astype(str), index=index)
    return tuple(_slice(test, names, name, scattered=False) for name in dict.fromkeys(names))


def _slice(test: Backtest, names: pd.Series, name: str, *, scattered: bool) -> Slice:
    mine = (names == name).to_numpy()
    metrics = compute_metrics(
        test.returns.to_numpy()[mine],
        periods_per_year=test.periods_per_year,
        trades=test.trades[names.reindex(test.trades["entry"]).to_numpy() == name],
        positions=test.positions.to_numpy()[mine],
        interest=test.interest,
    )
    reasons = {figure: metrics["reasons"][figure] for figure in FIGURES if figure in metrics["reasons"]}
    if mine.sum() < ENOUGH:
        reasons |= dict.fromkeys(YEARLY, "too_short")
    if scattered:
        reasons["max_drawdown"] = "scattered"  # bars that do not follow each other have no path to fall along
    return Slice(
        name=name,
        bars=int(mine.sum()),
        figures={figure: None if figure in reasons else metrics[figure] for figure in FIGURES},
        buy_and_hold=formulas.total_return(test.benchmark.to_numpy()[mine]),
        reasons=reasons,
    )


def _falls(test: Backtest, closes: pd.Series) -> list[Stress]:
    """The deepest falls of the market inside the bars, each from a peak to the lowest close before the next peak."""
    prices = closes.to_numpy(np.float64)
    peaks = np.flatnonzero(prices >= np.maximum.accumulate(prices)).tolist()
    ends = [*peaks[1:], prices.size]
    troughs = [peak + int(np.argmin(prices[peak:end])) for peak, end in zip(peaks, ends, strict=True)]
    spans = [(peak, trough) for peak, trough in zip(peaks, troughs, strict=True) if trough > peak]
    deepest = sorted(spans, key=lambda span: prices[span[1]] / prices[span[0]])[:FALLS]
    return [_stress(test, closes, span, f"fall {place}", "fall") for place, span in enumerate(deepest, start=1)]


def _history(test: Backtest, closes: pd.Series) -> list[Stress]:
    """The named falls whose first and last session both lie inside the bars."""
    index = closes.index
    if not isinstance(index, pd.DatetimeIndex):
        return []
    falls = []
    for name, dates in HISTORY.items():
        first, last = (pd.Timestamp(date, tz=index.tz) for date in dates)
        # The newest bar of each day: a session closes before its day is over in UTC.
        peak, trough = (int(index.searchsorted(day + pd.Timedelta(1, "D"))) - 1 for day in (first, last))
        if 0 <= peak < trough and index[-1] >= last:
            falls.append(_stress(test, closes, (peak, trough), name, "history"))
    return falls


def _stress(test: Backtest, closes: pd.Series, span: tuple[int, int], name: str, kind: Kind) -> Stress:
    peak, trough = span
    through = test.returns.to_numpy()[peak + 1 : trough + 1]
    return Stress(
        name=name,
        kind=kind,
        first=_label(closes.index[peak]),
        last=_label(closes.index[trough]),
        bars=trough - peak,
        market=100.0 * float(closes.iloc[trough] / closes.iloc[peak] - 1.0),
        model=formulas.total_return(through),
        max_drawdown=formulas.max_drawdown(through),
    )


def _label(time: Any) -> str:
    return time.isoformat() if isinstance(time, pd.Timestamp) else str(time)
