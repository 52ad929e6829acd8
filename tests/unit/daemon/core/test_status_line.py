"""The line of `systemctl status`: what it says, when it changes, and that it costs next to nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from config.settings import Settings
from daemon.alerts.outbox import Outbox
from daemon.core.condition import Condition
from daemon.core.desk import Desk
from daemon.core.status_line import MAX_TEXT, StatusLine, describe, keep_status
from daemon.store.faults import fault
from daemon.system.systemd import Notifier
from tests.support.desks.night import attend_all, broken, done, request, scripted_desk

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
URL = "http://127.0.0.1:8642"
STALE = {"fresh": False, "error": None, "as_of": None, "last_closed": "2026-03-03T21:00:00+00:00"}
WELL = Condition("ok", "ok", None, "All is well", "All is well.", "")
FAILED = Condition("down", "data.empty", "data_update", "Data update failed", "data_update-1 failed.", "Mend it.")


@contextmanager
def line_of(home: Home) -> Iterator[tuple[StatusLine, Desk]]:
    with scripted_desk(home, Settings(symbols=("AAPL",)), NOW) as house:
        desk = Desk(house, Outbox.of(house.database, house.settings, house.clock, house.log))
        yield StatusLine(desk, URL), desk


def test_while_all_is_well_it_shows_the_address_and_the_next_job() -> None:
    upcoming: Any = {"training": NOW + timedelta(hours=2), "backup": None, "maintenance": NOW + timedelta(hours=8)}
    assert describe(WELL, URL, upcoming, NOW) == f"Serving {URL}; next: training at 22:00 UTC"
    assert describe(WELL, URL, {"training": None}, NOW) == f"Serving {URL}; no job is scheduled"


def test_a_problem_is_shown_with_its_cure_however_long_its_message_is() -> None:
    assert describe(FAILED, URL, {}, NOW) == "Down: data_update-1 failed. Cure: Mend it."
    endless = Condition("down", "x", None, "x", "y" * 5000, "Mend it.")
    line = describe(endless, URL, {}, NOW)
    assert line.endswith("\N{HORIZONTAL ELLIPSIS} Cure: Mend it.")
    assert len(line) < MAX_TEXT + 20


async def test_it_follows_a_night_from_its_first_job_to_its_failure(home: Home) -> None:
    with line_of(home) as (line, desk):
        desk.begin()
        line.read()
        assert line.text() == f"Serving {URL}; First night under way: data_update."
        tasks: Any = desk.context.executor
        tasks.answers["update_bars"] = lambda _: broken("data.unknown_symbol")
        tasks.answers["freshness"] = lambda _: done({"symbols": {"AAPL": STALE}})
        tasks.answers["record"] = lambda _: broken("data.empty")
        assert line.outdated is False
        await attend_all(desk.dispatcher)
        assert line.outdated
        line.read()
        assert line.text() == (
            "Down: data_update-1 failed (data.unknown_symbol): AAPL: It broke. "
            "Cure: Mend it. Then start it: `nightdesk run-once all`."
        )


async def test_an_idle_desk_is_asked_for_its_condition_without_a_query(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("daemon.core.status_line.EVERY", 0.005)
    with line_of(home) as (line, desk), service_manager(tmp_path, monkeypatch) as receive:
        read, queries = desk.database.read, []

        def counted(query: Callable[..., Any]) -> Any:
            queries.append(query)
            return read(query)

        monkeypatch.setattr(desk.database, "read", counted)
        keeping = asyncio.create_task(keep_status(Notifier(), line, desk.context.log))
        assert (await next_status(receive)).startswith("Degraded: No model has been judged yet, so none serves. Cure: ")
        first = len(queries)
        await asyncio.sleep(0.2)  # dozens of looks
        assert len(queries) == first
        request(desk.context, "backup")
        assert await next_status(receive) == f"Serving {URL}; First night under way: backup."
        assert len(queries) == 2 * first
        assert receive() == []
        keeping.cancel()


async def test_a_database_that_does_not_answer_is_logged_and_read_anew(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("daemon.core.status_line.EVERY", 0.005)
    with line_of(home) as (line, desk), service_manager(tmp_path, monkeypatch) as receive:
        line.read()
        broken_once = [fault("store.unreachable", "gone")]

        def read(query: Callable[..., Any], real: Any = desk.database.read) -> Any:
            if broken_once:
                raise broken_once.pop()
            return real(query)

        monkeypatch.setattr(desk.database, "read", read)
        request(desk.context, "backup")
        keeping = asyncio.create_task(keep_status(Notifier(), line, desk.context.log))
        assert await next_status(receive) == f"Serving {URL}; First night under way: backup."
        assert "store.unreachable" in home.log.read_text()
        assert not keeping.done()
        keeping.cancel()


async def next_status(receive: Callable[[], list[str]]) -> str:
    """The one status that is sent next."""
    async with asyncio.timeout(30):
        while not (sent := receive()):
            await asyncio.sleep(0.005)
    assert len(sent) == 1
    return sent[0].removeprefix("STATUS=")


@contextmanager
def service_manager(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """A socket to notify; gives what has come since the last question."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(folder / "notify"))
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))

        def received() -> list[str]:
            lines = []
            while True:
                try:
                    lines.append(receiver.recv(65_536).decode())
                except BlockingIOError:
                    return lines

        yield received
