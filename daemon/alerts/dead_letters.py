"""Dead letters: messages that were given up, and that a person sends again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import UsageError
from daemon.store import outbox

if TYPE_CHECKING:
    from config.settings import Settings
    from daemon.store.database import Database


def retry(database: Database, settings: Settings, channel: str | None, now: datetime) -> int:
    """Send the dead letters of one channel, or of all, again, and what waits for it at once; how many were dead."""
    names = settings.notifications.channel_names
    if channel is not None and channel not in names:
        raise UsageError(
            "channel.unknown",
            f"No channel called {channel!r} is in use.",
            f"Name one of: {', '.join(names)}; or add it to notifications.channels.",
        )
    channels = names if channel is None else (channel,)
    return database.write(lambda c: outbox.retry(c, channels, now))
