"""The champions that serve without a current signal, and why: so that models and signals always agree."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from config.names import is_trader_subject
from daemon.api import answers
from daemon.api.view import DeskView
from daemon.core.condition import clock_time
from daemon.domain.runs import Run
from daemon.domain.targets import Target, targets
from daemon.domain.tasks import as_object
from daemon.store import overview, runs, signals
from daemon.store.signals import Signal
from daemon.store.versions import Version
from data_pipeline.trader_logs.contract import contract_of

_LIVE = (
    "A market that is open has signals again after `nightdesk run-once all`: pull, then publish. A night has those of "
    "one bar; for signals all day let jobs.data_update.every and jobs.signals.every be shorter than trader_params.bar."
)
PUBLISH = "`nightdesk run-once signals` publishes it now."


def missing_signals(c: Connection, desk: DeskView, now: datetime) -> list[answers.MissingSignal]:
    """Every champion of a configured target that has published nothing that is current."""
    current = {signal.version_id for signal in signals.latest(c) if not signal.stale(now)}
    serving = overview.serving(c, set(targets(desk.settings, desk.home)))
    silent = [champion for champion in serving if champion.id not in current]
    run, under_way = runs.last_result(c, "signals"), runs.unfinished(c, "signals")
    return [_missing(champion, _last_signal(c, champion), run, now, under_way=under_way) for champion in silent]


def _last_signal(c: Connection, champion: Version) -> Signal | None:
    published = signals.history(c, champion.subject, champion.model_type, limit=1)
    return next((signal for signal in published if signal.version_id == champion.id), None)


def _missing(
    champion: Version, expired: Signal | None, run: Run | None, now: datetime, *, under_way: bool
) -> answers.MissingSignal:
    code, message, cure = _reason(champion, expired, run, now, under_way=under_way)
    return answers.MissingSignal(
        subject=champion.subject,
        model_type=champion.model_type,
        version=champion.version,
        code=code,
        message=message,
        cure=cure,
    )


def _reason(
    champion: Version, expired: Signal | None, run: Run | None, now: datetime, *, under_way: bool
) -> tuple[str, str, str]:
    """Code, message and cure: it is being made, it could not be made, it expired, or it was never asked for."""
    if under_way:
        return "signals.under_way", "Its signal is being made.", "Wait for the end of the job."
    label = Target(champion.subject, champion.model_type).label
    error = as_object(as_object((run.detail or {}).get("failed")).get(label)) if run else {}
    if run and error:
        message = f"{run.name} could not make its signal: {error['message']}"
        return str(error["code"]), message, str(error["cure"])
    if run and run.state in ("failed", "crashed", "timed_out"):
        return run.cause or f"run.{run.state}", f"{run.name} {run.state.replace('_', ' ')}.", PUBLISH
    if expired and expired.of_the_future(now):
        published = clock_time(expired.published_at, now)
        message = f"Its newest signal was published at {published}, which is still to come: by a clock that ran ahead."
        return "signals.of_the_future", message, f"Check the clock. {PUBLISH}"
    if expired:
        return _expired(expired, now)
    return "signals.not_run", "The job `signals` has not run since it serves.", PUBLISH


def _expired(newest: Signal, now: datetime) -> tuple[str, str, str]:
    """It is too old; of a trader, its market is over, or only the bar that it was about."""
    if not is_trader_subject(newest.subject):
        return "signals.stale", f"Its newest signal expired at {clock_time(newest.expires_at, now)}.", PUBLISH
    contract = contract_of(newest.symbol, int(newest.bar_time.timestamp() * 1000))
    closes = datetime.fromtimestamp(contract.closes / 1000, UTC) if contract is not None else newest.expires_at
    if now >= closes:
        message = f"No open market: {newest.symbol}, the newest, closed at {clock_time(closes, now)}."
        return "signals.no_open_market", message, _LIVE
    message = f"The bar of its newest signal, of {newest.symbol}, was over at {clock_time(newest.expires_at, now)}."
    return "signals.bar_over", message, _LIVE
