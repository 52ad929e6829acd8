"""signals: publish the latest signal of every champion, each into the ledger for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from config.names import is_trader_subject
from daemon.domain.targets import targets
from daemon.domain.tasks import VersionRef
from daemon.jobs.base import Ending, Plan, RunWork, ending_of
from daemon.jobs.published import published
from daemon.jobs.serving import record_of
from daemon.jobs.signals.messages import NO_CHAMPION, LatestSignal, SignalRequest
from daemon.store import overview, signals
from daemon.store.signals import Signal
from daemon.store.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def publish_signals(work: RunWork) -> Ending:
    """One task a champion; a signal that is in the ledger already is not published twice.

    A run that somebody asks for the signals of one return publishes those of that trader's champions alone.
    """
    asked = work.run.options.target
    configured = {
        target for target in targets(work.settings, work.home) if asked is None or target.subject == asked.subject
    }
    serving = await work.read(lambda c: overview.serving(c, configured))
    champions = {Plan(await _request(work, champion)): champion for champion in serving}
    if not champions:
        return Ending("skipped", "signals.no_champion", dict(NO_CHAMPION))
    outcomes = await work.do_all(champions)
    published = [
        await _publish(work, champions[plan], signal)
        for plan, result in outcomes.results(champions)
        for signal in result.signals
    ]
    ending = ending_of(outcomes)
    ending.detail["published"] = sum(published)
    return ending


async def _request(work: RunWork, champion: Version) -> SignalRequest:
    ledger = await work.read(lambda c: signals.history(c, champion.subject, champion.model_type))
    return SignalRequest(
        subject=champion.subject,
        model_type=champion.model_type,
        version=VersionRef(name=champion.version, manifest_sha256=champion.manifest_sha256),
        published=tuple(published(signal) for signal in reversed(ledger) if signal.version_id == champion.id),
        target_returns=_target_returns(work, champion.subject),
    )


def _target_returns(work: RunWork, subject: str) -> tuple[float | None, ...]:
    """The returns that a model is asked for: none but a trader's model takes any."""
    if (asked := work.run.options.target) is not None:
        return (asked.target_return,)
    return (None, *work.settings.trader_params.target_returns) if is_trader_subject(subject) else (None,)


async def _publish(work: RunWork, champion: Version, signal: LatestSignal) -> bool:
    def publish(c: Connection) -> bool:
        before = signals.history(c, champion.subject, champion.model_type, symbol=signal.symbol, limit=1)
        record = record_of(c, champion)
        new = signals.NewSignal(
            run_id=work.run.id,
            subject=champion.subject,
            symbol=signal.symbol,
            model_type=champion.model_type,
            version_id=champion.id,
            bar_time=signal.bar_time,
            interval=signal.interval,
            action=action(_held(champion, before), signal.position),
            position=signal.position,
            confidence=signal.confidence,
            price=signal.price,
            provenance=signal.provenance.label,
            dataset=signal.dataset,
            published_at=work.clock.now(),
            act_by=signal.act_by,
            expires_at=signal.expires_at,
            standing=record.standing if record is not None else "unproven",
            target=signal.target,
            remark=signal.remark or None,
        )
        return signals.publish(c, new)

    return await work.write(publish)


def _held(champion: Version, before: Sequence[Signal]) -> float:
    """The position of the signal before. That of a trader's model is no holding: it says what is done in a bar."""
    return 0.0 if is_trader_subject(champion.subject) or not before else before[0].position


def action(before: float, position: float) -> Literal["buy", "sell", "hold"]:
    """The action for someone who holds the position of the signal `before`: a new champion may want another one."""
    if position == before:
        return "hold"
    return "buy" if position > before else "sell"
