from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.paths import Home
from config.settings import Settings
from daemon.alerts.outbox import Outbox
from daemon.context import DeskContext
from daemon.core.desk import Desk
from daemon.store import alerts
from daemon.store.faults import StoreError, fault
from tests.support.desks.night import every_run, scripted_desk


@contextmanager
def desk_at(home: Home, settings: Settings | None = None) -> Iterator[Desk]:
    with scripted_desk(home, settings) as house:
        yield desk_in(house)


def desk_in(house: DeskContext) -> Desk:
    return Desk(house, Outbox.of(house.database, house.settings, house.clock, house.log))


def firing(desk: Desk) -> list[str]:
    return [alert.rule for alert in desk.database.read(alerts.open_alerts)]


def test_the_first_night_leaves_out_the_jobs_that_the_settings_do_not_want(home: Home) -> None:
    settings = Settings.model_validate({"jobs": {"data_update": {"enabled": False}, "backup": {"enabled": False}}})
    with desk_at(home, settings) as desk:
        desk.begin()
        desk.begin()
        [run] = every_run(desk.context)
        assert (run.job, run.chain) == ("training", ("evaluation", "signals", "performance_check", "records"))


async def test_a_config_that_is_made_while_the_desk_works_is_taken_up_and_one_that_goes_is_missed(home: Home) -> None:
    with desk_at(home) as desk:
        home.config.write_text('{"symbols": ["MSFT"]}')
        desk.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        await desk.tick()
        assert desk.settings.symbols == ("MSFT",)
        home.config.unlink()
        desk.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        await desk.tick()
        assert desk.settings.symbols == ("MSFT",)
        assert "config.invalid" in firing(desk)


async def test_a_config_that_was_mended_while_the_desk_was_down_ends_its_alert_at_the_next_start(home: Home) -> None:
    with scripted_desk(home) as house:
        house.config = home.config
        home.config.write_text("{")
        desk = desk_in(house)
        assert not await desk.reload()
        assert firing(desk) == ["config.invalid"]
        desk_in(house).begin()
        assert firing(desk) == []


async def test_a_database_that_takes_no_writes_is_no_stall_of_the_schedule(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk_at(home) as desk:

        def refuse() -> None:
            raise fault("store.disk_full", "no space left")

        monkeypatch.setattr(desk.timetable, "record_due", refuse)
        desk.begin()
        desk.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        assert "scheduler.stalled" in desk.readiness()
        with pytest.raises(StoreError):
            await desk.tick()
        assert "scheduler.stalled" not in desk.readiness()


async def test_a_config_that_is_valid_while_the_disk_is_full_is_in_force_at_once_and_recorded_when_there_is_room(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_desk(home) as house:
        house.config = home.config
        home.config.write_text("{")
        desk = desk_in(house)
        desk.begin()
        assert not await desk.reload()
        home.config.write_text('{"symbols": ["MSFT"]}')
        write = desk.database.write

        def refuse(_: object) -> None:
            raise fault("store.disk_full", "no space left")

        monkeypatch.setattr(desk.database, "write", refuse)
        assert await desk.reload()
        assert desk.settings.symbols == ("MSFT",)
        monkeypatch.setattr(desk.database, "write", write)
        assert firing(desk) == ["config.invalid"]
        desk.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        await desk.tick()
        assert firing(desk) == []
        log = home.log.read_text()
        assert log.count("config.reloaded") == log.count("config.unrecorded") == 1


async def test_a_config_that_could_not_be_opened_for_lack_of_descriptors_is_read_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_desk(home) as house:
        house.config = home.config
        home.config.write_text("{}")
        desk = desk_in(house)
        desk.begin()
        home.config.write_text('{"symbols": ["MSFT"]}')

        def refuse(*_: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", refuse)
            with pytest.raises(ConfigError):
                await desk.reload()
        desk.clock.move(timedelta(minutes=1))  # type: ignore[attr-defined]
        await desk.tick()
        assert desk.settings.symbols == ("MSFT",)
        assert firing(desk) == []


async def test_the_notice_of_a_restart_stays_until_the_settings_are_those_of_the_start(home: Home) -> None:
    with scripted_desk(home) as house:
        house.config = home.config
        desk = desk_in(house)
        notices = desk.notices()
        for config in ('{"api": {"root_path": "/night"}}', '{"api": {"root_path": "/night"}, "symbols": ["MSFT"]}'):
            home.config.write_text(config)
            assert await desk.reload()
            assert "The settings api have changed; they take effect when the desk is restarted." in desk.notices()
            assert desk.root_path == ""
        home.config.write_text("{}")
        assert await desk.reload()
        assert desk.notices() == notices


@pytest.mark.parametrize("part", ["timetable.record_due", "outbox.begin_due"])
async def test_an_unforeseen_error_is_logged_and_the_desk_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr("daemon.core.desk.TICK", 0.01)
    monkeypatch.setattr("daemon.core.desk.DELIVER_EVERY", 0.01)
    faults = asyncio.Semaphore(0)
    with desk_at(home) as desk:
        loop = asyncio.get_running_loop()

        def buggy() -> None:
            loop.call_soon_threadsafe(faults.release)
            raise KeyError("nobody thought of this")

        owner, name = part.split(".")
        monkeypatch.setattr(getattr(desk, owner), name, buggy)
        stop = asyncio.Event()
        working = asyncio.create_task(desk.work(stop))
        async with asyncio.timeout(5):
            for _ in range(3):
                await faults.acquire()
        stop.set()
        await working
        assert "nobody thought of this" in home.log.read_text()


async def test_a_desk_that_has_run_out_of_something_is_not_ready_until_it_has_it_again(home: Home) -> None:
    with desk_at(home) as desk:
        stop, readiness = asyncio.Event(), list[list[str]]()

        async def beat() -> None:
            readiness.append(desk.readiness())
            if len(readiness) == 1:
                raise RuntimeError("can't start new thread")
            if len(readiness) == 3:
                stop.set()

        await desk._repeat(beat, 0.001, stop, "outbox.fault")
        assert readiness == [[], ["exhausted.processes"], []]
