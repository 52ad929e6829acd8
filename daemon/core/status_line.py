"""The status line of `systemctl status`; it reads the database only when something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.core.condition import Condition, clock_time, conditions, overall
from daemon.domain.targets import targets
from daemon.store.overview import DeskRecord, desk_record

if TYPE_CHECKING:
    from config.settings import JobName, Settings
    from daemon.core.desk import Desk
    from daemon.system.log import Log
    from daemon.system.systemd import Notifier

EVERY = 2.0
# A failed job may have a long story; the log and the page tell all of it.
MAX_TEXT = 600


def describe(condition: Condition, url: str, next_runs: Mapping[JobName, datetime | None], now: datetime) -> str:
    """One line: while all is well where the desk serves and what comes next, else the worst problem and its cure."""
    if condition.state != "ok":
        cure = f" Cure: {condition.cure}" if condition.cure else ""
        return f"{condition.state.capitalize()}: {_shortened(condition.message, MAX_TEXT - len(cure))}{cure}"
    if condition.job is not None:
        return f"Serving {url}; {condition.message}"
    timed = [(at, job) for job, at in next_runs.items() if at is not None]
    if not timed:
        return f"Serving {url}; no job is scheduled"
    at, job = min(timed)
    return f"Serving {url}; next: {job} at {clock_time(at, now)}"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: max(limit, 100)]}\N{HORIZONTAL ELLIPSIS}"


class StatusLine:
    """Reads the database only when something was written to it, or the settings were replaced, since the last look."""

    def __init__(self, desk: Desk, url: str) -> None:
        self._desk = desk
        self._url = url
        self._changes = -1
        self._settings: Settings | None = None
        self._record: DeskRecord | None = None
        self._next_runs: Mapping[JobName, datetime | None] = {}

    @property
    def outdated(self) -> bool:
        """Whether the database has changed since it was read."""
        return self._changes != self._desk.database.changes or self._settings is not self._desk.settings

    def read(self) -> None:
        """Read what the line is made of; from any thread."""
        desk = self._desk
        changes, settings = desk.database.changes, desk.settings  # what is written meanwhile is read at the next look
        watched = set(targets(settings, desk.home))
        places = settings.backup.labels
        self._record = desk.database.read(lambda c: desk_record(c, watched, desk.clock.now(), places))
        self._next_runs = desk.next_runs()
        self._changes, self._settings = changes, settings

    def text(self) -> str:
        """The line at this moment; does not read the database."""
        if self._record is None:
            return f"Serving {self._url}"
        desk, record, now = self._desk, self._record, self._desk.clock.now()
        progress = {run.id: state for run in record.pending if (state := desk.run_progress(run.id))}
        problems = conditions(record, desk.settings, now, desk.readiness())
        return describe(overall(problems, record, progress), self._url, self._next_runs, now)


async def keep_status(notifier: Notifier, line: StatusLine, log: Log) -> None:
    """Send the status to the service manager whenever it changes, until this task is cancelled."""
    while notifier.listening:
        try:
            if line.outdated:
                await asyncio.to_thread(line.read)
            notifier.status(line.text())
        except NightdeskError as error:
            log.write("error", "status.fault", error=error.to_dict())
        except Exception as error:  # noqa: BLE001 -- it is read anew two seconds later
            log.fault("status.fault", error)
        await asyncio.sleep(EVERY)
