"""data_update: pull what is new for every symbol, and record the datasets it became; pull the traders' logs too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from daemon.domain.runs import Run
from daemon.jobs.base import Ending, Plan, RunWork, ending_of
from daemon.jobs.data_update.messages import (
    HeadlinesResult,
    PullHeadlinesRequest,
    PullTradesRequest,
    UpdateBarsRequest,
    UpdateBarsResult,
)
from daemon.jobs.data_update.trader_logs import make_table, with_logs
from daemon.store import datasets
from daemon.store.datasets import DatasetDetail
from data_pipeline.buckets.open import bucket_secrets
from data_pipeline.sources.secrets import source_secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Fewer symbols than this, and the pull as a whole has failed.
ENOUGH = 0.95


async def update_data(work: RunWork) -> Ending:
    """One task a symbol, and one for the bucket of logs, if there is one; old data stays wherever a pull fails."""
    sources, acceptance = work.settings.sources, work.run.options.accept
    accept, secrets = acceptance is not None, source_secrets(sources)
    bars = [Plan(UpdateBarsRequest(symbol=symbol, accept=accept), secrets) for symbol in work.settings.symbols]
    pulls_logs = sources.bucket.url and acceptance is None
    logs = [Plan(PullTradesRequest(), bucket_secrets(sources.bucket))] if pulls_logs else []
    outcomes = await work.do_all(
        [*bars, *logs], at_once=sources.yahoo.at_once if sources.bars in ("auto", "yahoo") else None
    )
    pulled = {plan.target.subject: result for plan, result in outcomes.results(bars)}
    await work.write(lambda c: _record(c, pulled.values(), work.run))
    ending = ending_of(outcomes.only(bars), enough=ENOUGH)
    news = {symbol: pull.headlines for symbol, pull in pulled.items()}
    if acceptance is None and any(pull.dataset.source == "yahoo" for pull in pulled.values()):
        news |= await _macro_news(work)
    ending.detail.update(_summary(pulled, news))
    return with_logs(ending, await make_table(work, outcomes[logs[0]])) if logs else ending


async def _macro_news(work: RunWork) -> dict[str, HeadlinesResult]:
    """The headlines of the macro symbol, unless it is one of the desk's symbols."""
    symbol = work.settings.sources.yahoo.macro_symbol
    if symbol is None or symbol in work.settings.symbols or not work.settings.sources.yahoo.headlines:
        return {}
    request = PullHeadlinesRequest(symbol=symbol, source="yahoo")
    outcome = await work.do(Plan(request, source_secrets(work.settings.sources)))
    return {symbol: outcome.value or HeadlinesResult(error=outcome.error)}


def _summary(pulled: dict[str, UpdateBarsResult], news: dict[str, HeadlinesResult]) -> dict[str, object]:
    """The summary of all pulls; empty entries are left out."""
    fallbacks = {symbol: pull.fallback for symbol, pull in pulled.items() if pull.fallback}
    notable: dict[str, dict[str, object]] = {
        "fallback": {"symbols": list(fallbacks), "reason": next(iter(fallbacks.values()))} if fallbacks else {},
        "quarantined": {symbol: pull.quarantined for symbol, pull in pulled.items() if pull.quarantined},
        "not_refetched": {
            symbol: pull.not_refetched.document() for symbol, pull in pulled.items() if pull.not_refetched
        },
        "revised": {symbol: pull.dataset.why for symbol, pull in pulled.items() if _revised(pull)},
        "accepted": {symbol: pull.accepted.document() for symbol, pull in pulled.items() if pull.accepted},
        "without_headlines": {symbol: result.error.document() for symbol, result in news.items() if result.error},
    }
    return {
        "new_rows": sum(pull.new_rows for pull in pulled.values()),
        "sources": sorted({pull.dataset.source for pull in pulled.values()}),
        "headlines": sum(result.new for result in news.values()),
        **{name: symbols for name, symbols in notable.items() if symbols},
    }


def _revised(pull: UpdateBarsResult) -> bool:
    """Whether rows that were stored before have changed."""
    return pull.changed and pull.dataset.why not in ("first", "appended")


def _record(c: Connection, pulled: Iterable[UpdateBarsResult], run: Run) -> None:
    for pull in pulled:
        facts = pull.dataset
        new = datasets.NewDataset(
            dataset=facts.id,
            kind="bars",
            source=facts.source,
            symbol=facts.symbol,
            interval=facts.interval,
            first=facts.first,
            last=facts.last,
            rows=facts.rows,
            pulled_at=facts.pulled_at,
            detail={
                "new_rows": pull.new_rows,
                "quarantined": pull.quarantined,
                "health": pull.health.document(),
                "why": facts.why,
                "replaces": facts.replaces,
                **_acceptance(pull, run),
            },
        )
        datasets.record(c, new)


def _acceptance(pull: UpdateBarsResult, run: Run) -> DatasetDetail:
    """Who accepted this dataset in which run and why, and how it differs from the one before.

    The retry of a run that was killed meets the dataset stored already, without the one that it replaced to compare.
    """
    acceptance, change = run.options.accept, pull.accepted
    if acceptance is None or pull.dataset.why != "accepted" or not (change or run.attempt > 1):
        return {}
    signature = {**acceptance.document(), "run": run.name, "at": pull.dataset.pulled_at.isoformat()}
    return {"accepted": {**signature, **(change.document() if change else {})}}
