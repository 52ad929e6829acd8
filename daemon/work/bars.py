"""Tasks over stored bars: pull what is new, and tell how fresh it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from data_pipeline import health
from data_pipeline.store import BarStore, Dataset
from data_pipeline.update import freshness, pull_headlines, update_symbol

if TYPE_CHECKING:
    from datetime import datetime

    from config.paths import Home
    from daemon.worker import WorkContext


def update_bars(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Pull the new bars and headlines of one symbol; the result is its dataset, its health and what was refused.

    `accept` in `args`: a person takes what the source tells now, though nothing explains it.
    """
    settings, now, accept = context.settings, context.now(), args.get("accept", False)
    update = update_symbol(
        context.home, settings.sources, args["symbol"], settings.data_params.interval, now, accept=accept
    )
    changed = update.dataset.pulled_at == now
    if changed:
        _draw(context.home, update.dataset, now)
    return {
        "dataset": update.dataset.to_dict(),
        "changed": changed,
        "new_rows": update.new_rows,
        "quarantined": update.quarantined,
        "unmended": update.unmended,
        "fresh": update.fresh,
        "fallback": update.fallback,
        "accepted": update.accepted.to_dict() if update.accepted else None,
        "health": update.health.to_dict(),
        "headlines": _headlines(context, update.source, args["symbol"], now),
    }


def _draw(home: Home, dataset: Dataset, now: datetime) -> None:
    """Draw the health of stored bars beside them, for the page."""
    path = home.health(dataset.source, dataset.symbol, dataset.interval)
    from evaluation.plots import draw_health  # noqa: PLC0415 -- brings matplotlib

    bars = BarStore(home).load(dataset.symbol, dataset.interval, dataset.source)
    draw_health(path, bars, health.daily(bars, now), health.marks(bars))


def update_headlines(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Pull the headlines of a symbol whose bars are not asked for."""
    return _headlines(context, args["source"], args["symbol"], context.now())


def _headlines(context: WorkContext, source: str, symbol: str, now: datetime) -> dict[str, Any]:
    """How many headlines are new, or why there are none: bars without news are better than no bars."""
    sources = context.settings.sources
    if not sources.yahoo.headlines:
        return {"new": 0}
    try:
        return {"new": pull_headlines(context.home, sources, source, symbol, now)}
    except NightdeskError as error:
        return {"new": 0, "error": error.to_dict()}


def freshness_of(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """For each symbol: whether validated data for its last closed session is stored, or the error of what is."""
    return {"symbols": {symbol: _freshness(context, symbol) for symbol in args["symbols"]}}


def _freshness(context: WorkContext, symbol: str) -> dict[str, Any]:
    settings = context.settings
    try:
        state = freshness(context.home, settings.sources, symbol, settings.data_params.interval, now=context.now())
    except NightdeskError as error:  # a damaged file is the misfortune of one symbol only
        return {"fresh": False, "error": error.to_dict()}
    return {
        "fresh": state.fresh,
        "as_of": state.as_of.isoformat() if state.as_of is not None else None,
        "last_closed": state.last_closed.isoformat(),
    }
