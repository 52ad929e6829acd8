"""The inputs of a subject as a home has stored them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from config.names import Scope
from data_pipeline.bars.store import BarStore
from data_pipeline.experts.find import find_expert_log
from data_pipeline.inputs import Inputs, Kind
from data_pipeline.news.headlines import HeadlineStore

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
    until: datetime | None = None,
) -> Inputs:
    """Everything of these kinds that is stored of `subject`, and was known at `until`."""
    bars = [stored_bars(home, settings, symbol) for symbol in _symbols(settings, subject, scope)]
    inputs = Inputs(subject, {symbol_bars.symbol: symbol_bars for symbol_bars in bars})
    if until is not None:  # before anything is looked up by these bars, so that nothing later is looked at
        inputs = inputs.until(until)
    for kind in sorted(kinds, key=str):
        if kind in _LOADERS:
            inputs = _LOADERS[kind](home, settings, inputs)
    return inputs if until is None else inputs.until(until)


def _symbols(settings: Settings, subject: str, scope: Scope) -> Iterable[str]:
    if scope == "trader":
        raise NightdeskError(
            "inputs.no_trader",
            f"The markets of {subject!r} cannot be loaded: this version trains no model of a trader.",
            "Make a table of the logs with `nightdesk data --trades`.",
        )
    return settings.symbols if scope == "universe" else (subject,)


def _with_expert_logs(home: Home, settings: Settings, inputs: Inputs) -> Inputs:
    logs = {name: find_expert_log(home, settings.sources.expert_logs, bars) for name, bars in inputs.bars.items()}
    return replace(inputs, expert_logs=logs)


def _with_headlines(home: Home, settings: Settings, inputs: Inputs) -> Inputs:  # noqa: ARG001 -- as every loader
    """Headlines are those of the source of the bars: the sample market must not get news of the real one."""
    store = HeadlineStore(home)
    headlines = {name: _by_time(store.load(bars.source, name)) for name, bars in inputs.bars.items()}
    stored = {name: rows for name, rows in headlines.items() if len(rows)}
    return replace(inputs, headlines=stored)


def _by_time(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(pd.DatetimeIndex(rows["seen_at"], name="time").as_unit("ns")).sort_index()


# How each kind besides bars is loaded; decisions and traders' logs are stored by no job of this version.
_LOADERS: dict[Kind, Callable[[Home, Settings, Inputs], Inputs]] = {
    "expert_log": _with_expert_logs,
    "headlines": _with_headlines,
}
