"""The records of a desk that is not running, answered by the application of the API in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlencode

from config.errors import NotRunningError, UsageError
from config.paths import Home
from config.settings import Api, JobName, Settings
from daemon.domain.progress import RunProgress
from daemon.store.database import Database
from daemon.system.clock import Clock, SystemClock

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from daemon.cli.choices import Choices
    from daemon.domain.options import RunOptions
    from daemon.domain.runs import Run


class OfflineDesk:
    """What the API needs of a desk, from its records alone."""

    def __init__(self, home: Home, settings: Settings, database: Database, clock: Clock) -> None:
        self.home = home
        self.settings = settings
        self.database = database
        self.clock = clock
        self.started_at = clock.now()
        self.root_path = ""

    @property
    def provenance_note(self) -> str | None:
        """A sentence while the newest data is the sample market's."""
        from daemon.core.desk import provenance_note

        return provenance_note(self.database)

    def readiness(self) -> list[str]:
        """It is not running."""
        return ["desk.not_running"]

    def notices(self) -> list[str]:
        """None."""
        return []

    def next_runs(self) -> Mapping[JobName, datetime | None]:
        """No job starts while no desk runs."""
        return {}

    def run_progress(self, run_id: int) -> RunProgress | None:  # noqa: ARG002 -- part of DeskView
        """No run is running."""
        return None

    def request_run(self, job: JobName, *, options: RunOptions, author: str) -> Run:  # noqa: ARG002 -- part of DeskView
        """Only a running desk takes requests."""
        _refuse()

    def pause(self, job: JobName, author: str) -> None:  # noqa: ARG002 -- part of DeskView
        """Only a running desk takes requests."""
        _refuse()

    def resume(self, job: JobName, author: str) -> None:  # noqa: ARG002 -- part of DeskView
        """Only a running desk takes requests."""
        _refuse()


def _refuse() -> NoReturn:
    raise NotRunningError("daemon.not_running", "No desk runs on this home.", "Start it with `nightdesk run`.")


class Records:
    """The API's answers to GET, without a server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, **query: Any) -> Any:
        """The JSON document at `path` below /api/v1."""
        parameters = {name: value for name, value in query.items() if value is not None}
        status, body = asyncio.run(self._ask(f"/api/v1{path}", urlencode(parameters).encode()))
        document = json.loads(body)
        if status != 200:
            raise UsageError(document["code"], document["detail"], document["cure"])
        return document

    async def _ask(self, path: str, query: bytes) -> tuple[int, bytes]:
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
        }
        await self._app(scope, receive, send)
        return messages[0]["status"], b"".join(message.get("body", b"") for message in messages)


@contextmanager
def records(global_options: Choices) -> Iterator[Records]:
    """The records of a home on which no desk runs."""
    from daemon.api.app import create_app
    from daemon.backups import refuse_half_restored
    from daemon.opening.database import database_place
    from daemon.opening.identity import refuse_foreign
    from daemon.opening.traces import is_lost, lost
    from daemon.store.prepare import refuse_unprepared

    home, settings = global_options.home, global_options.settings()
    refuse_half_restored(home)
    place = database_place(home, settings)
    if place == home.database and is_lost(home):
        raise lost(home, settings)
    if place == home.database and not home.database.exists():
        raise UsageError(
            "home.empty",
            f"The home {home.root} has no desk yet.",
            "Start one with `nightdesk run`, or name its home with --home.",
        )
    if isinstance(place, str):
        refuse_unprepared(place)
    database = Database.open(place)
    try:
        if not database.embedded:
            refuse_foreign(home, database)
        yield Records(create_app(OfflineDesk(home, settings, database, SystemClock()), None, Api()))
    finally:
        database.close()
