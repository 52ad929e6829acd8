"""data_update: pull what is new for every symbol, and record the datasets it became; pull the traders' logs too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from daemon.executors.base import Outcome
from daemon.runs import Run
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import datasets
from data_pipeline.buckets.open import bucket_secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Fewer symbols than this, and the pull as a whole has failed.
ENOUGH = 0.95


async def update_data(work: RunWork) -> Ending:
    """One task a symbol, and one for the bucket of logs, if there is one; old data stays wherever a pull fails."""
    sources, order = work.settings.sources, work.run.options.get("accept")
    bucket = Plan("pull_trades", secrets=bucket_secrets(sources.bucket))
    outcomes = await work.do_all(
        [
            *(Plan("update_bars", {"accept": order is not None}, symbol) for symbol in work.settings.symbols),
            *([bucket] if sources.bucket.url and order is None else ()),
        ],
        at_once=sources.yahoo.at_once if sources.bars in ("auto", "yahoo") else None,
    )
    logs = outcomes.pop(bucket, None)
    pulled = {plan.symbol: outcome.value for plan, outcome in outcomes.items() if outcome.value is not None}
    await work.write(lambda c: _record(c, pulled.values(), work.run))
    ending = ending_of(outcomes, enough=ENOUGH)
    news = {symbol: pull["headlines"] for symbol, pull in pulled.items()}
    if order is None and any(pull["dataset"]["source"] == "yahoo" for pull in pulled.values()):
        news |= await _macro_news(work)
    ending.detail.update(_told(pulled, news))
    return _with_logs(ending, logs) if logs else ending


def _with_logs(ending: Ending, logs: Outcome) -> Ending:
    """What became of the traders' logs. Bars do not need them: without them, or some of them, a pull is partial."""
    if logs.value is None:
        ending.detail["trades"] = {"error": logs.error}
        cause = (logs.error or {}).get("code", "task.failed")
    else:
        ending.detail["trades"] = logs.value
        refused = Counter(logs.value["refused"]).most_common(1)
        cause = refused[0][0] if refused else None
    return replace(ending, state="partial", cause=cause) if cause and ending.state == "succeeded" else ending


async def _macro_news(work: RunWork) -> dict[str, dict[str, Any]]:
    """What is reported of all markets, unless a symbol of the desk brought it already."""
    symbol = work.settings.sources.yahoo.macro_symbol
    if symbol is None or symbol in work.settings.symbols or not work.settings.sources.yahoo.headlines:
        return {}
    outcome = await work.do(Plan("pull_headlines", {"source": "yahoo"}, symbol))
    return {symbol: outcome.value or {"new": 0, "error": outcome.error}}


def _told(pulled: dict[str, dict[str, Any]], news: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a reader wants to know of all pulls; what there was nothing of is left out."""
    fallbacks = {symbol: pull["fallback"] for symbol, pull in pulled.items() if pull["fallback"]}
    errors = {symbol: found["error"] for symbol, found in news.items() if "error" in found}
    told = {
        "fallback": {"symbols": list(fallbacks), "because": next(iter(fallbacks.values()), None)} if fallbacks else {},
        "quarantined": {symbol: pull["quarantined"] for symbol, pull in pulled.items() if pull["quarantined"]},
        "unmended": {symbol: pull["unmended"] for symbol, pull in pulled.items() if pull["unmended"]},
        "revised": {symbol: pull["dataset"]["why"] for symbol, pull in pulled.items() if _revised(pull)},
        "accepted": {symbol: pull["accepted"] for symbol, pull in pulled.items() if pull["accepted"]},
        "without_headlines": errors,
    }
    return {
        "new_rows": sum(pull["new_rows"] for pull in pulled.values()),
        "sources": sorted({pull["dataset"]["source"] for pull in pulled.values()}),
        "headlines": sum(found["new"] for found in news.values()),
        **{name: found for name, found in told.items() if found},
    }


def _revised(pull: dict[str, Any]) -> bool:
    """Whether rows that were stored before are told otherwise now."""
    return pull["changed"] and pull["dataset"]["why"] not in ("first", "appended")


def _record(c: Connection, pulled: Iterable[dict[str, Any]], run: Run) -> None:
    for pull in pulled:
        facts = pull["dataset"]
        datasets.record(
            c,
            dataset=facts["id"],
            kind="bars",
            source=facts["source"],
            symbol=facts["symbol"],
            interval=facts["interval"],
            first=datetime.fromisoformat(facts["first"]),
            last=datetime.fromisoformat(facts["last"]),
            rows=facts["rows"],
            pulled_at=datetime.fromisoformat(facts["pulled_at"]),
            detail={
                "new_rows": pull["new_rows"],
                "quarantined": pull["quarantined"],
                "health": pull["health"],
                "why": facts["why"],
                "replaces": facts["replaces"],
                **_acceptance(pull, run),
            },
        )


def _acceptance(pull: dict[str, Any], run: Run) -> dict[str, Any]:
    """Who accepted this dataset in which run and why, and what of it is told otherwise.

    The retry of a run that was killed finds the dataset there already, without the one that it replaced to compare.
    """
    order, changed = run.options.get("accept"), pull["accepted"]
    if order is None or pull["dataset"]["why"] != "accepted" or not (changed or run.attempt > 1):
        return {}
    return {"accepted": {**order, "run": run.name, "at": pull["dataset"]["pulled_at"], **(changed or {})}}
