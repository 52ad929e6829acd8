"""The inputs of a subject as a home has stored them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from config.names import Scope, trader_address
from data_pipeline.bars.store import BarStore
from data_pipeline.experts.find import find_expert_log
from data_pipeline.inputs import ALL_MARKETS, Inputs, Kind
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.sample.bucket import ADDRESS as SAMPLE_TRADER
from data_pipeline.trader_logs.inputs import SOURCE as BUCKET
from data_pipeline.trader_logs.inputs import trader_inputs, trader_logs

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings
    from data_pipeline.bars.bars import Bars


def stored_bars(home: Home, settings: Settings, symbol: str) -> Bars:
    """All stored bars of the symbol from the source that serves it under these settings."""
    store = BarStore(home)
    interval = settings.data_params.interval
    source = store.serving_source(symbol, interval, settings.sources)
    if source is None:
        raise NightdeskError(
            "data.missing",
            f"There are no stored {interval} bars of {symbol}.",
            f"Pull them with `nightdesk data --symbols {symbol} --update-data`.",
        )
    return store.load(symbol, interval, source)


def stored_inputs(
    home: Home,
    settings: Settings,
    subject: str,
    *,
    scope: Scope,
    kinds: Collection[Kind],
    now: datetime,
    until: datetime | None = None,
) -> Inputs:
    """Everything of these kinds that is stored of `subject`, and was known at `until`; `now` is not before that."""
    if scope == "trader":
        inputs = _trader_inputs(home, settings, subject, now)
    else:
        symbols = settings.symbols if scope == "universe" else (subject,)
        bars = [stored_bars(home, settings, symbol) for symbol in symbols]
        inputs = Inputs(subject, {symbol_bars.symbol: symbol_bars for symbol_bars in bars})
    if until is not None:  # before anything is looked up by these bars, so that nothing later is looked at
        inputs = inputs.until(until)
    for kind in sorted(kinds, key=str):
        if kind in _LOADERS:
            inputs = _LOADERS[kind](home, settings, inputs)
    return inputs if until is None else inputs.until(until)


def _trader_inputs(home: Home, settings: Settings, subject: str, now: datetime) -> Inputs:
    """The markets of a trader, from the logs that were pulled."""
    address, params = trader_address(subject), settings.trader_params
    logs = trader_logs(home.trades, address, params.markets)
    inputs = trader_inputs(
        subject,
        logs,
        seconds=params.bar_seconds,
        window=params.window,
        repeats=settings.sources.bucket.repeated_fills,
        source=SAMPLE if address == SAMPLE_TRADER else BUCKET,
        now=now,
    )
    if not inputs.bars:
        patterns = "" if params.markets == ("*",) else f" of markets called {' or '.join(params.markets)}"
        raise NightdeskError(
            "trader_log.missing",
            f"None of the {len(logs)} stored logs of {subject}{patterns} has a bar.",
            "Name the bucket in sources.bucket.url and let a data_update pull it, or `nightdesk data --trades PLACE`;"
            " trader_params.markets says which markets are read.",
        )
    return inputs


def _with_expert_logs(home: Home, settings: Settings, inputs: Inputs) -> Inputs:
    logs = {name: find_expert_log(home, settings.sources.expert_logs, bars) for name, bars in inputs.bars.items()}
    return replace(inputs, expert_logs=logs)


def _with_headlines(home: Home, settings: Settings, inputs: Inputs) -> Inputs:
    """Headlines are those of the source of the bars: the sample market must not get news of the real one."""
    store, macro = HeadlineStore(home), settings.sources.yahoo.macro_symbol
    headlines = {name: _by_time(store.load(bars.source, name)) for name, bars in inputs.bars.items()}
    if macro is not None and inputs.bars:
        source = next(iter(inputs.bars.values())).source
        headlines[ALL_MARKETS] = _by_time(store.load(source, macro))
    stored = {name: rows for name, rows in headlines.items() if len(rows)}
    return replace(inputs, headlines=stored)


def _by_time(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(pd.DatetimeIndex(rows["seen_at"], name="time").as_unit("ns")).sort_index()


# How each kind besides bars is loaded. A trader's log comes with its bars; decisions are stored by no job.
_LOADERS: dict[Kind, Callable[[Home, Settings, Inputs], Inputs]] = {
    "expert_log": _with_expert_logs,
    "headlines": _with_headlines,
}
