"""A trader's markets as inputs of models, and the rows that a model of the trader learns from and decides on.

Everything that a row knows is computed from the events of its own market before its time, so that inputs cut at any
instant have the same rows until then, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.calendars import ALWAYS, TradingCalendar
from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.features.rolling import Floats
from data_pipeline.inputs import Inputs
from data_pipeline.owned_files import open_owned
from data_pipeline.trader_logs.bars import Grid, TraderBars, bars_on, grid_of
from data_pipeline.trader_logs.contract import WINDOW, Contract, bar_seconds, contract_of, nominal
from data_pipeline.trader_logs.events import REDEEM, SETTLED, Repeats, TraderEvents, read_events
from data_pipeline.trader_logs.states import NAMES, states

SOURCE = "bucket"  # the provenance of bars that are made of real logs
_MS = 1_000_000  # ns
COLUMNS = ("kind", "price", "size", "money", "outcome", "side", "spread")
_ENDED = timedelta(days=1)  # a market without an event for so long is over, where its slug does not say when it closes


@dataclass(frozen=True, eq=False)
class MarketRows:
    """The rows of one market, each at the close of a bar; a bar is followed by that of the next row.

    Args:
        index: their times, which are those of the market's bars.
        states: what is known at each time: a column for each name in `states.NAMES`, not scaled.
        gained: what the market has earned by then, in parts of the most money that the trader had put up by then.
        net: shares towards Up that are traded in the bar that begins at the row; NaN where that bar is not over yet.
        trades: how many fills there are in it; NaN likewise.
        reward: what it earns, in parts of the most money that the trader had in the market; NaN while the market is
            not settled.
        settled: when the market was over and everything that it earned had come; None before that.
    """

    index: pd.DatetimeIndex
    states: pd.DataFrame
    gained: Floats
    net: Floats
    trades: Floats
    reward: Floats
    settled: datetime | None

    def __len__(self) -> int:
        return len(self.index)


def market_slug(path: Path) -> str:
    """The market of a log file."""
    return path.name.removesuffix("_prices.json")


def trader_logs(folder: Path, address: str, markets: Sequence[str] = ("*",)) -> list[Path]:
    """The logs of one trader below a folder of logs that are stored under their keys, of these markets."""
    folders = [found for found in sorted(folder.glob(f"**/{address}")) if found.is_dir()]
    return [path for found in folders for path in sorted(found.glob("*_prices.json")) if is_named(path, markets)]


def is_named(path: Path, markets: Sequence[str]) -> bool:
    """Whether the log is of one of these markets, which are patterns such as `btc-*`."""
    return any(fnmatchcase(market_slug(path), pattern) for pattern in markets)


def read_market(path: Path, repeats: Repeats = "keep") -> tuple[TraderEvents, Contract | None]:
    """The events of a log file, and the contract that its name tells."""
    with open_owned(path, root=path.parent) as file:
        events = read_events(file.read(), repeats)
    return events, contract_of(market_slug(path), int(events.t[0])) if len(events) else None


def trader_inputs(
    subject: str,
    logs: Iterable[Path],
    *,
    seconds: int | None = None,
    window: int = WINDOW,
    repeats: Repeats = "keep",
    source: str = SOURCE,
    now: datetime | None = None,
) -> Inputs:
    """The markets of one trader, the oldest first: of each its bars and its events, as far as known at `now`.

    A log that cannot be read, or has no bar, is left out; `make_table` reports such logs.

    Args:
        subject: the trader.
        logs: files `<slug>_prices.json`.
        seconds: of a bar; with None such that a contract of the commonest length fits into one window.
        window: how many bars that is.
        repeats: what to do with fills that are equal to an earlier one.
        source: the provenance of the bars.
        now: None if all markets are over.
    """
    paths = list(logs)
    seconds = seconds or bar_seconds(filter(None, (nominal(market_slug(path)) for path in paths)), window)
    markets: dict[str, tuple[Bars, pd.DataFrame]] = {}
    for path in paths:
        try:
            events, contract = read_market(path, repeats)
        except NightdeskError:
            continue
        slug = market_slug(path)
        market = _market(events, contract, seconds, now)
        if market is not None:
            rows, frame = market
            bars = Bars(_prices(rows), slug, f"{seconds}s", source, TradingCalendar(ALWAYS))
            markets[slug] = bars, frame
    slugs = sorted(markets, key=lambda slug: (markets[slug][0].frame.index[0], slug))
    inputs = Inputs(
        subject,
        bars={slug: markets[slug][0] for slug in slugs},
        trader_log={slug: markets[slug][1] for slug in slugs},
    )
    return inputs if now is None else inputs.until(now)


def _market(
    events: TraderEvents, contract: Contract | None, seconds: int, now: datetime | None
) -> tuple[TraderBars, pd.DataFrame] | None:
    """Bars and events of a market; while it is open, no bar beyond the last instant that its log knows of."""
    grid = grid_of(events, seconds, contract)
    if grid.rows < 1:
        return None
    settled = settled_at(events, contract, grid, now)
    if settled is None:
        rows = max(int(events.t[-1]), events.updated) // grid.length - grid.first
        grid = grid._replace(rows=min(grid.rows, rows))
    return (bars_on(grid, events, contract), _frame(events, settled)) if grid.rows > 0 else None


def settled_at(events: TraderEvents, contract: Contract | None, grid: Grid, now: datetime | None) -> int | None:
    """When the market had ended and its log was complete, in ms; None for one that is open at `now`.

    With `now` None, every market is over whose log does not say that it ends before.
    """
    over, last = (grid.first + grid.rows + 1) * grid.length, int(events.t[-1])
    if contract is None:
        ended = bool((events.kind == REDEEM).any()) or now is None or now - _instant(last) > _ENDED
    else:
        complete = not events.updated or max(last, events.updated) >= contract.closes
        ended = complete and (now is None or now >= _instant(over))
    return max(over, last + 1) if ended else None


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _prices(bars: TraderBars) -> pd.DataFrame:
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: getattr(bars.prices, name) for name in names}, _index(bars.time))


def _index(ms: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(ms * _MS, tz="UTC", name="time")


def _frame(events: TraderEvents, settled: int | None = None) -> pd.DataFrame:
    """The events as rows by instant; the last one says when the market was settled, if it is."""
    columns = {name: getattr(events, name).astype("f8") for name in COLUMNS}
    t = events.t
    if settled is not None:
        t = np.append(t, settled)
        end = {"kind": SETTLED, "size": 0.0, "money": 0.0, "outcome": 0.0, "side": 0.0}
        columns = {name: np.append(values, end.get(name, np.nan)) for name, values in columns.items()}
    return pd.DataFrame(columns, _index(t))


def _events(rows: pd.DataFrame) -> TraderEvents:
    """The way back from `_frame`, without the settlement."""
    happened = rows[rows["kind"] != SETTLED]
    values = {name: happened[name].to_numpy("f8") for name in COLUMNS}
    whole = {name: values[name].astype("i8") for name in ("kind", "outcome", "side")}
    t = pd.DatetimeIndex(happened.index).as_unit("ns").asi8 // _MS
    columns: dict[str, Any] = {**values, **whole}
    return TraderEvents(t=t, rejected={}, repeats=0, **columns)


def market_rows(inputs: Inputs) -> dict[str, MarketRows]:
    """The rows of every market that has bars."""
    nothing = _frame(TraderEvents.of([]))
    return {name: _rows(bars, inputs.trader_log.get(name, nothing)) for name, bars in inputs.bars.items()}


def newest_markets(inputs: Inputs) -> Inputs:
    """The markets that are open, or else the one that ended last."""
    open_ones = [
        name
        for name in inputs.bars
        if name not in inputs.trader_log or not (inputs.trader_log[name]["kind"] == SETTLED).any()
    ]
    newest = open_ones or [max(inputs.bars, key=lambda name: (inputs.bars[name].frame.index[-1], name))]
    return Inputs(
        inputs.subject,
        bars={name: inputs.bars[name] for name in newest},
        trader_log={name: inputs.trader_log[name] for name in newest if name in inputs.trader_log},
    )


def _rows(bars: Bars, log: pd.DataFrame) -> MarketRows:
    index = pd.DatetimeIndex(bars.frame.index)
    length = _milliseconds(bars)
    times = index.as_unit("ns").asi8 // _MS
    grid = Grid(int(times[0]) // length - 1, len(index), length)
    rows = bars_on(grid, _events(log), contract_of(bars.symbol, int(times[0])))
    settled = log.index[log["kind"] == SETTLED]
    over = np.ones(len(index), dtype=bool)
    over[-1] = len(settled) > 0  # before that, the bar that begins at the last row is not over
    return MarketRows(
        index,
        pd.DataFrame(states(rows), index, list(NAMES)),
        gained=rows.gained,
        net=np.where(over, rows.net, np.nan),
        trades=np.where(over, rows.trades, np.nan),
        reward=rows.reward if len(settled) else np.full(len(index), np.nan),
        settled=settled[0].to_pydatetime() if len(settled) else None,
    )


def _milliseconds(bars: Bars) -> int:
    """How long a bar lasts; the rows of a market must follow each other without a gap."""
    seconds = bars.interval.removesuffix("s")
    times = pd.DatetimeIndex(bars.frame.index).as_unit("ns").asi8
    if not seconds.isdecimal() or not len(times) or (np.diff(times) != int(seconds) * 1000 * _MS).any():
        raise NightdeskError(
            "trades.bars",
            f"The {bars.interval} bars of {bars.symbol} are not those of a trader's market.",
            "Give inputs that `trader_inputs` has made: bars of whole seconds, without a gap.",
        )
    return int(seconds) * 1000
