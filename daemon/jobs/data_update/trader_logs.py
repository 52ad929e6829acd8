"""The part of data_update that is about traders' logs: their pull, the table made of them, their freshness.

| what is wrong                                     | cause of the partial run |
|---------------------------------------------------|--------------------------|
| the bucket cannot be reached, or refuses the keys | that of the pull         |
| some of its logs are torn, unsafe, too large      | that of most of them     |
| it holds no log                                   | trades.empty_bucket      |
| no log that is new in it holds a trade            | trades.silent            |
| the table cannot be made                          | that of the table        |
| the newest fill is older than the settings allow  | trades.stale             |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon.jobs.base import Ending, Plan, RunWork
from daemon.jobs.data_update.messages import MakeTableRequest
from daemon.jobs.data_update.table_record import latest_table, record_table

if TYPE_CHECKING:
    from daemon.domain.tasks import Document, ErrorInfo
    from daemon.executors.base import Outcome
    from daemon.jobs.data_update.messages import MakeTableResult, PullTradesResult


@dataclass(frozen=True)
class LogsOutcome:
    """What a run did for the traders' logs, for its detail, and the code of what is wrong with them."""

    detail: Document
    cause: str | None


def with_logs(ending: Ending, logs: LogsOutcome) -> Ending:
    """Add what became of the traders' logs. Bars do not need them: where some are missing, a pull is partial."""
    ending.detail["trades"] = logs.detail
    if logs.cause is not None and ending.state == "succeeded":
        return replace(ending, state="partial", cause=logs.cause)
    return ending


async def make_table(work: RunWork, pull: Outcome[PullTradesResult]) -> LogsOutcome:
    """Make the table of the logs that were pulled, if anything that it depends on has changed, and judge all of it."""
    if pull.value is None:
        return LogsOutcome(_failure(pull.error), pull.error.code if pull.error else "task.failed")
    detail = pull.value.document()
    if not pull.value.logs:
        return LogsOutcome(detail, _refusal(pull.value) or "trades.empty_bucket")
    name = work.home.trader_table.stem[:32]
    before = await work.read(lambda c: latest_table(c, name))
    parameters = before.detail.get("parameters", {}) if before is not None else {}
    request = MakeTableRequest(logs=pull.value.dataset, made=str(parameters.get("recipe", "")))
    outcome = await work.do(Plan(request))
    if outcome.value is None:
        return LogsOutcome({**detail, "table": _failure(outcome.error)}, _refusal(pull.value) or _code(outcome))
    if table := outcome.value.table:
        await work.write(lambda c: record_table(c, table, work.clock.now()))
        parameters = dict(table.parameters)
    made: Document = {"made": bool(outcome.value.table), **outcome.value.report}
    stale = _staleness(work, pull.value, str(parameters.get("newest_fill", "")))
    return LogsOutcome({**detail, "table": made}, _refusal(pull.value) or stale)


def _failure(error: ErrorInfo | None) -> Document:
    return {"error": error.document() if error else None}


def _code(outcome: Outcome[MakeTableResult]) -> str:
    return outcome.error.code if outcome.error else "task.failed"


def _refusal(pull: PullTradesResult) -> str | None:
    """Why most of the logs that were refused were refused."""
    refused = Counter(pull.refused).most_common(1)
    return refused[0][0] if refused else None


def _staleness(work: RunWork, pull: PullTradesResult, newest_fill: str) -> str | None:
    """Why the bucket is not fresh, if it is not; a history that has ended is not to be fresh."""
    if pull.fetched and pull.silent == pull.fetched:
        return "trades.silent"
    if work.settings.data_params.as_of == "data" or not newest_fill:
        return None
    age: timedelta = work.clock.now() - datetime.fromisoformat(newest_fill)
    return "trades.stale" if age > work.settings.trader_params.stale_after else None
