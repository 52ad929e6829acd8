"""Tasks over stored bars: pull what is new, and tell how fresh it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.domain.tasks import ErrorInfo
from daemon.jobs.data_update.messages import DatasetFacts, HeadlinesResult, HealthFacts, Restated, UpdateBarsResult
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness
from data_pipeline import health
from data_pipeline.store import BarStore, Dataset
from data_pipeline.update import freshness, pull_headlines, update_symbol

if TYPE_CHECKING:
    from datetime import datetime

    from config.paths import Home
    from daemon.jobs.data_update.messages import PullHeadlinesRequest, UpdateBarsRequest
    from daemon.jobs.training.messages import FreshnessRequest
    from daemon.worker import WorkContext


def update_bars(context: WorkContext, request: UpdateBarsRequest) -> UpdateBarsResult:
    """Pull the new bars and headlines of one symbol."""
    settings, now = context.settings, context.now()
    update = update_symbol(
        context.home, settings.sources, request.symbol, settings.data_params.interval, now, accept=request.accept
    )
    changed = update.dataset.pulled_at == now
    if changed:
        _draw(context.home, update.dataset, now)
    return UpdateBarsResult(
        dataset=DatasetFacts(**asdict(update.dataset)),
        changed=changed,
        new_rows=update.new_rows,
        quarantined=update.quarantined,
        unmended=ErrorInfo.of(update.unmended) if update.unmended else None,
        fresh=update.fresh,
        fallback=update.fallback,
        accepted=Restated(**asdict(update.accepted)) if update.accepted else None,
        health=HealthFacts(**update.health.to_dict()),
        headlines=_headlines(context, update.source, request.symbol, now),
    )


def _draw(home: Home, dataset: Dataset, now: datetime) -> None:
    """Draw the health of stored bars beside them, for the page."""
    path = home.health(dataset.source, dataset.symbol, dataset.interval)
    from evaluation.plots import draw_health  # noqa: PLC0415 -- brings matplotlib

    bars = BarStore(home).load(dataset.symbol, dataset.interval, dataset.source)
    draw_health(path, bars, health.daily(bars, now), health.marks(bars))


def update_headlines(context: WorkContext, request: PullHeadlinesRequest) -> HeadlinesResult:
    """Pull the headlines of a symbol whose bars are not asked for."""
    return _headlines(context, request.source, request.symbol, context.now())


def _headlines(context: WorkContext, source: str, symbol: str, now: datetime) -> HeadlinesResult:
    """How many headlines are new, or why there are none: bars without news are better than no bars."""
    sources = context.settings.sources
    if not sources.yahoo.headlines:
        return HeadlinesResult()
    try:
        return HeadlinesResult(new=pull_headlines(context.home, sources, source, symbol, now))
    except NightdeskError as error:
        return HeadlinesResult(error=ErrorInfo.of(error))


def freshness_of(context: WorkContext, request: FreshnessRequest) -> FreshnessResult:
    """For each symbol: whether validated data for its last closed session is stored, or the error of what is."""
    return FreshnessResult(symbols={symbol: _freshness(context, symbol) for symbol in request.symbols})


def _freshness(context: WorkContext, symbol: str) -> SymbolFreshness:
    settings = context.settings
    try:
        state = freshness(context.home, settings.sources, symbol, settings.data_params.interval, now=context.now())
    except NightdeskError as error:  # a damaged file fails its symbol only
        return SymbolFreshness(fresh=False, error=ErrorInfo.of(error))
    return SymbolFreshness(fresh=state.fresh, as_of=state.as_of, last_closed=state.last_closed)
