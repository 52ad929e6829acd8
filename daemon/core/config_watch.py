"""The config of a running desk: looked at for changes, read anew in a thread, applied whole or not at all."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.loader import find_config, load_settings
from daemon.alerts.rules import error_event, event
from daemon.context import DeskContext, check_settings
from daemon.domain.exhaustion import exhaustion
from daemon.store import alerts
from daemon.store.faults import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from config.settings import Settings
    from daemon.alerts.outbox import Outbox

PATIENCE = 1.0  # seconds in which the schedule waits for a config that is read anew


class ConfigWatch:
    """Brings a changed config into force.

    Args:
        context: whose settings are replaced.
        outbox: whose channels are opened anew.
        on_change: called when other settings are in force.
    """

    def __init__(self, context: DeskContext, outbox: Outbox, on_change: Callable[[], None]) -> None:
        self.context = context
        self._outbox = outbox
        self._on_change = on_change
        self._at_start = context.settings
        self._stamp = _stamp(context.config)
        # Writes what came of the last reload, where the database has not taken it yet.
        self._unrecorded: Callable[[], Awaitable[None]] | None = None
        self._one_reload = asyncio.Lock()
        self._reload: asyncio.Task[bool] | None = None

    async def look(self) -> None:
        """Reload a config that has changed; one of a usual size is in force before the schedule is looked at next."""
        # A config that was made after the start counts; one that was deleted is an error, not the defaults.
        self.context.config = find_config(self.context.home, self.context.config)
        if self._reload is None and _stamp(self.context.config) != self._stamp:
            self._reload = asyncio.create_task(self.reload())
        if self._reload is not None:
            await asyncio.wait({self._reload}, timeout=PATIENCE)
            if self._reload.done():
                ended, self._reload = self._reload, None
                ended.result()
        if self._unrecorded is not None and not self._one_reload.locked():
            await self._unrecorded()

    async def reload(self) -> bool:
        """Reload the config: a valid one is applied whole, an invalid one changes nothing and raises an alert.

        The config is read and checked in a thread: the largest one takes seconds, in which the API must answer.
        """
        async with self._one_reload:
            earlier, self._stamp = self._stamp, _stamp(self.context.config)
            try:
                fresh = await asyncio.to_thread(self._read_config)
            except Exception as error:
                if not isinstance(error, ConfigError) or exhaustion(error):
                    self._stamp = earlier  # the config is not at fault: it is read again
                    raise
                await self._refuse(error)
                return False
            self._apply(fresh)
            await self._record(None)
            self.context.log.write("info", "config.reloaded", fingerprint=fresh.fingerprint())
            return True

    async def _refuse(self, error: ConfigError) -> None:
        self.context.log.write("error", "config.invalid", error=error.to_dict())
        await self._record(error)

    async def _record(self, invalid: ConfigError | None) -> None:
        """Write what came of the last reload; what the database refuses now, as on a full disk, is written later."""
        try:
            await asyncio.to_thread(self.observe, invalid)
            if invalid is None:
                await asyncio.to_thread(self._outbox.try_at_once)
        except StoreError as error:
            if self._unrecorded is None:
                self.context.log.write("error", "config.unrecorded", error=error.to_dict())
            self._unrecorded = partial(self._record, invalid)
        else:
            self._unrecorded = None

    def close(self) -> None:
        """Leave a reload that is under way."""
        if self._reload is not None:
            self._reload.cancel()

    @property
    def restart_needed(self) -> list[str]:
        """A sentence while settings have changed that take effect at a start alone; else nothing."""
        before, now = self._at_start, self.context.settings
        names = ", ".join(name for name in ("api", "database") if getattr(before, name) != getattr(now, name))
        return [f"The settings {names} have changed; they take effect when the desk is restarted."] if names else []

    def _read_config(self) -> Settings:
        """The settings of the config, checked, with their channels open."""
        fresh = load_settings(self.context.config)
        check_settings(fresh)
        self._outbox.reopen(fresh)
        return fresh

    def _apply(self, fresh: Settings) -> None:
        self.context.settings = fresh
        self.context.executor.resize(fresh.executor)
        self._on_change()

    def observe(self, error: ConfigError | None) -> None:
        """Raise the alert of an invalid config, or resolve it."""
        observation = (
            error_event("config.invalid", "config", error)
            if error is not None
            else event("config.invalid", "config", "The config is valid again.", "Nothing to do.", happened=False)
        )
        desk = self.context
        desk.database.write(lambda c: alerts.observe(c, observation, desk.settings, desk.clock.now()))


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when a file does."""
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat is not None else None
