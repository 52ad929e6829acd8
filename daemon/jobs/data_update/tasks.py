"""Tasks that pull data: bars, headlines, traders' logs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.domain.tasks import ErrorInfo
from daemon.jobs.data_update.messages import (
    DatasetFacts,
    HeadlinesResult,
    HealthFacts,
    MakeTableResult,
    PullTradesResult,
    Restated,
    UpdateBarsResult,
)
from data_pipeline.bars.store import BarStore, Dataset
from data_pipeline.buckets.log_index import record_logs
from data_pipeline.buckets.open import open_bucket
from data_pipeline.buckets.pull import Pull, pull
from data_pipeline.pulls.update import pull_headlines, update_symbol
from data_pipeline.quality import health
from data_pipeline.sources.secrets import with_secrets

if TYPE_CHECKING:
    from datetime import datetime

    from config.paths import Home
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.data_update.messages import (
        MakeTableRequest,
        PullHeadlinesRequest,
        PullTradesRequest,
        UpdateBarsRequest,
    )

_NAMED = 20  # files that are named in a result; the others are counted


def update_bars(context: WorkContext, request: UpdateBarsRequest) -> UpdateBarsResult:
    """Pull the new bars and headlines of one symbol."""
    settings, now = context.settings, context.now()
    update = update_symbol(
        context.home,
        with_secrets(settings.sources, context.secrets),
        request.symbol,
        settings.data_params.interval,
        now,
        accept=request.accept,
        calendars=settings.calendars,
    )
    changed = update.dataset.pulled_at == now
    if changed:
        _draw(context.home, update.dataset, now)
    return UpdateBarsResult(
        dataset=DatasetFacts(**asdict(update.dataset)),
        changed=changed,
        new_rows=update.new_rows,
        quarantined=update.quarantined,
        not_refetched=ErrorInfo.of(update.unmended) if update.unmended else None,
        fresh=update.fresh,
        fallback=update.fallback,
        accepted=Restated(**asdict(update.accepted)) if update.accepted else None,
        health=HealthFacts(**update.health.to_dict()),
        headlines=_headlines(context, update.source, request.symbol, now),
    )


def _draw(home: Home, dataset: Dataset, now: datetime) -> None:
    """Draw the health of stored bars into a PNG next to them, for the page."""
    path = home.health(dataset.source, dataset.symbol, dataset.interval)
    from evaluation.plots import draw_health  # noqa: PLC0415 -- brings matplotlib

    bars = BarStore(home).load(dataset.symbol, dataset.interval, dataset.source)
    draw_health(path, bars, health.daily(bars, now), health.marks(bars))


def update_headlines(context: WorkContext, request: PullHeadlinesRequest) -> HeadlinesResult:
    """Pull the headlines of a symbol whose bars are not asked for."""
    return _headlines(context, request.source, request.symbol, context.now())


def _headlines(context: WorkContext, source: str, symbol: str, now: datetime) -> HeadlinesResult:
    """How many headlines are new, or why there are none: bars without news are better than no bars."""
    sources = with_secrets(context.settings.sources, context.secrets)
    if not sources.yahoo.headlines:
        return HeadlinesResult()
    try:
        calendars = context.settings.calendars
        return HeadlinesResult(new=pull_headlines(context.home, sources, source, symbol, now, calendars))
    except NightdeskError as error:
        return HeadlinesResult(error=ErrorInfo.of(error))


def pull_trades(context: WorkContext, request: PullTradesRequest) -> PullTradesResult:  # noqa: ARG001 -- it asks for all
    """Bring what is new in the bucket to the home."""
    bucket = open_bucket(context.settings.sources.bucket, context.home, context.secrets)
    return pull_result(pull(bucket, context.home, progress=context.progress), context.home)


def pull_result(pulled: Pull, home: Home) -> PullTradesResult:
    """What a pull did, in a small message however many files were bad; the logs are listed in the home."""
    return PullTradesResult(
        logs=len(pulled.logs),
        fetched=pulled.fetched,
        unchanged=pulled.unchanged,
        bytes=pulled.bytes,
        refused=dict(Counter(pulled.failed.values())),
        failed=dict(sorted(pulled.failed.items())[:_NAMED]),
        dataset=record_logs(pulled.logs, home),
        silent=pulled.silent,
    )


def make_table(context: WorkContext, request: MakeTableRequest) -> MakeTableResult:
    """Make the table of traders' decisions anew, if anything that it depends on has changed."""
    from daemon.jobs.data_update.trader_table import TablePlan, made_table, stored_keys  # noqa: PLC0415 -- brings numba

    home, settings = context.home, context.settings
    keys = stored_keys(home, request.logs)
    plan = TablePlan(settings.trader_params, settings.sources.bucket, request.logs, keys, home.trader_table)
    if request.made == plan.recipe and plan.out.exists():
        return MakeTableResult()
    facts, report = made_table(home, plan, context.now(), context.progress)
    return MakeTableResult(table=facts, report=report.to_dict())
