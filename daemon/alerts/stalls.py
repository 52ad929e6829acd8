"""The alert that a channel takes no messages: it goes to the other channels, and is resolved when messages pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.alerts.rules import STALLED, event
from daemon.store import alerts, outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.settings import Settings
    from daemon.domain.alert_engine import Observation
    from daemon.store.database import Database
    from daemon.store.outbox import Stall


def observe_stalls(
    database: Database, settings: Settings, now: datetime, rejections: Mapping[str, NightdeskError] | None = None
) -> bool:
    """Raise `notify.stalled` for each channel that has become mute, and resolve it where messages pass again.

    Returns whether there was one to raise or to resolve.
    `rejections` are the channels whose receivers refuse everything now; for these nobody need wait and see.
    """
    names = settings.notifications.channel_names

    def read(c: Connection) -> tuple[dict[str, Stall], set[str]]:
        open_now = {alert.subject for alert in alerts.open_alerts(c) if alert.rule == STALLED}
        impatient = {name for name in names if name in open_now or name in (rejections or {})}
        patient = set(names) - impatient
        return outbox.stalls(c, patient, now) | outbox.stalls(c, impatient, now, lasting=True), open_now

    stalled, open_now = database.read(read)
    changed = [_stalled(stall) for name, stall in stalled.items() if name not in open_now]
    changed += [_passing(name, configured=name in names) for name in open_now - stalled.keys()]
    if changed:
        database.write(lambda c: _observe(c, changed, settings, now))
    return bool(changed)


def _observe(c: Connection, observations: Sequence[Observation], settings: Settings, now: datetime) -> None:
    for observation in observations:
        others = [name for name in settings.notifications.channel_names if name != observation.subject]
        alerts.observe(c, observation, settings, now, channels=others)


def _stalled(stall: Stall) -> Observation:
    state = "has given up" if stall.dead else "does not take"
    times = "once" if stall.tries == 1 else f"{stall.tries} times"
    return event(
        STALLED,
        stall.channel,
        f"The channel {stall.channel} {state} a message of {stall.since:%Y-%m-%d %H:%M} UTC, tried {times}: "
        f"{stall.last_error}",
        "Check its address, its secret and its receiver. What waits is sent as soon as it answers; "
        f"`nightdesk alerts retry {stall.channel}` sends at once, dead letters too.",
    )


def _passing(channel: str, *, configured: bool) -> Observation:
    now = "takes messages again" if configured else "is not configured any more"
    return event(STALLED, channel, f"The channel {channel} {now}.", "Nothing to do.", happened=False)
