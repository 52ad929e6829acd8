"""The desk: the running daemon behind its API, its Unix signals and its service manager."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from config.errors import NightdeskError, UsageError
from config.publish import remove_unfinished
from config.settings import CHAIN, JobName
from daemon.alerts.rules import event
from daemon.alerts.stalls import observe_stalls
from daemon.alerts.unstored import UnstoredAlerts
from daemon.context import DeskContext, with_options
from daemon.core.config_watch import ConfigWatch
from daemon.core.dispatcher import Dispatcher
from daemon.core.timetable import Timetable
from daemon.domain.exhaustion import EXHAUSTED, exhaustion
from daemon.domain.runs import Run
from daemon.opening.identity import enter_late
from daemon.store import alerts, datasets, jobs, runs, versions
from daemon.store.faults import DISK_FULL, StoreError
from data_pipeline.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection

    from config.paths import Home
    from config.settings import Settings
    from daemon.alerts.outbox import Outbox
    from daemon.domain.options import RunOptions
    from daemon.domain.progress import RunProgress
    from daemon.store.database import Database
    from daemon.system.clock import Clock

TICK = 0.25
LOOK_EVERY = 2.0
DELIVER_EVERY = 1.0
# At the desk's end a delivery under way is waited for; what it sends after that is sent again, with the same key.
DELIVERY_GRACE = 5.0
PROBE_EVERY = 1.0
# An error that repeats itself is written to the log so often, however quick the beats are.
REPEAT_EVERY = 60.0
# Longer than this without a sign of life, and the desk says that it is not ready.
STALL = 10.0
MIN_FREE_BYTES = 50_000_000
NO_PLACE = "Every backup lies in the home, and would be lost with its disk: name another place in `backup.to`."


class Desk:
    """Schedule, dispatcher, outbox and settings of the running daemon; ticks until `stop` is set."""

    def __init__(self, context: DeskContext, outbox: Outbox) -> None:
        self.context = context
        self.outbox = outbox
        self.started_at = context.clock.now()
        self.root_path = context.settings.api.root_path
        self.timetable = Timetable(context)
        self.dispatcher = Dispatcher(context)
        self.last_tick = context.clock.monotonic()
        self._last_look = self.last_tick
        self._last_stall_look = self.last_tick
        self._reported_full: bool | None = None
        self.unstored = UnstoredAlerts(context.clock, context.log)
        self._short_of: dict[str, str | None] = {}  # what each kind of beat has run out of, if it has
        self._begun = False
        self._config = ConfigWatch(context, outbox, self.timetable.clear)

    @property
    def home(self) -> Home:
        """The folder of the desk."""
        return self.context.home

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.context.settings

    @property
    def database(self) -> Database:
        """The database of the desk."""
        return self.context.database

    @property
    def clock(self) -> Clock:
        """The desk's time."""
        return self.context.clock

    def recover(self) -> None:
        """End the runs of an earlier process, as the first thing that is done."""
        self._if_writable(self._recover)

    def begin(self) -> None:
        """Clear what an earlier process left half-written; on a new home, request a whole night at once.

        Where the database takes no writes, as on a full disk, that is done as soon as it does.
        """
        self._if_writable(self._begin)

    def _if_writable(self, change: Callable[[], None]) -> None:
        try:
            change()
        except StoreError as error:
            self.context.log.write("error", "desk.degraded", error=error.to_dict())

    def _recover(self) -> None:
        for run in self.dispatcher.recover():
            self.context.log.write("warning", "run.recovered", run=run.name)

    def _begin(self) -> None:
        if self.database.embedded and self.context.desk:
            enter_late(self.home, self.database, self.context.desk, self.clock.now())
        self._recover()
        remove_unfinished(self.home.root, self.started_at)
        self._config.observe(None)  # else the desk would not have started
        now, night = self.clock.now(), [job for job in CHAIN if self.settings.job_schedule(job).enabled]

        def first_night(c: Connection) -> Run | None:
            if not night or runs.any_run(c):
                return None
            return runs.request(c, night[0], now=now, trigger="first_night", chain=night[1:])

        self.database.write(first_night)
        self._begun = True

    async def tick(self) -> None:
        """One beat: settings and disk from time to time, schedule, due runs.

        A beat that ends with a known error, as on a full disk, shows that the desk does not hang: no restart mends it.
        """
        try:
            await self._beat()
        except Exception as error:
            if isinstance(error, NightdeskError) or exhaustion(error):
                self.last_tick = self.clock.monotonic()
            raise
        self.last_tick = self.clock.monotonic()

    async def _beat(self) -> None:
        now = self.clock.monotonic()
        if now - self._last_look >= LOOK_EVERY:
            self._last_look = now
            await self._config.look()
            await asyncio.to_thread(self._watch_disk)
        if not self._begun:
            await asyncio.to_thread(self._begin)
        await asyncio.to_thread(self.timetable.record_due)
        await self.dispatcher.start_due()

    async def work(self, stop: asyncio.Event) -> None:
        """Tick and deliver until `stop`, or until the database is lost to this process; then end what is at work."""
        delivering = asyncio.create_task(self._repeat(self._deliver, DELIVER_EVERY, stop, "outbox.fault"))
        probing = asyncio.create_task(self._repeat(partial(self._probe, stop), PROBE_EVERY, stop, "store.fault"))
        await self._repeat(self.tick, TICK, stop, "desk.fault")
        self.outbox.close()
        self._config.close()
        ended = asyncio.create_task(asyncio.to_thread(self.outbox.wait, DELIVERY_GRACE))
        await self.dispatcher.stop()
        await delivering
        await probing
        if not await ended:
            self.context.log.write("warning", "outbox.abandoned", channels=self.outbox.busy)

    async def _deliver(self) -> None:
        await asyncio.to_thread(self.unstored.send, self.outbox.channels)
        await asyncio.to_thread(self.outbox.begin_due)
        if self.clock.monotonic() - self._last_stall_look >= LOOK_EVERY:
            self._last_stall_look = self.clock.monotonic()
            now, rejections = self.clock.now(), self.outbox.rejections()
            await asyncio.to_thread(observe_stalls, self.database, self.settings, now, rejections)

    async def _probe(self, stop: asyncio.Event) -> None:
        """Read from the database; a fault that only another start can settle ends the desk."""
        await asyncio.to_thread(self.database.probe)
        if (fatal := self.database.fatal) is not None and not stop.is_set():
            self.context.log.write("error", "desk.lost_database", error=fatal.to_dict())
            stop.set()

    async def _repeat(self, beat: Callable[[], Awaitable[None]], every: float, stop: asyncio.Event, fault: str) -> None:
        """Call `beat` every so many seconds until `stop`; an error is logged, and the next call is made as usual."""
        logged: dict[str, float] = {}
        while not stop.is_set():
            short_of = None
            try:
                await beat()
            except Exception as error:  # noqa: BLE001 -- one error must not end the desk
                short_of = exhaustion(error)
                expected = error if isinstance(error, NightdeskError) else short_of
                if expected is None:
                    self.context.log.fault(fault, error)
                elif (now := self.clock.monotonic()) - logged.get(expected.code, -REPEAT_EVERY) >= REPEAT_EVERY:
                    logged[expected.code] = now
                    self.context.log.write("error", fault, error=expected.to_dict())
            self._short_of[fault] = short_of.code if short_of else None
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)

    # For the API.

    def request_run(self, job: JobName, *, options: RunOptions, author: str) -> Run:
        """Record a run for now; a job that is already due or at work is refused."""
        with_options(self.settings, options)
        now = self.clock.now()

        def change(c: Connection) -> Run | None:
            if runs.unfinished(c, job):
                return None
            return runs.request(c, job, now=now, trigger="manual", options=options)

        run = self.database.write(change)
        if run is None:
            raise UsageError(
                "run.overlap", f"The job {job} is already due or at work.", "Wait for its end; see /api/v1/runs."
            )
        self.context.log.write("info", "run.requested", run=run.name, author=author)
        return run

    def pause(self, job: JobName, author: str) -> None:
        """Pause the schedule of `job`; a run that has started goes on."""
        self.database.write(lambda c: jobs.set_paused(c, job, True, self.clock.now(), author))
        self.timetable.clear()

    def resume(self, job: JobName, author: str) -> None:
        """Resume the schedule of `job` from now on; occurrences during the pause are not made up for."""
        self.database.write(lambda c: jobs.set_paused(c, job, False, self.clock.now(), author))
        self.timetable.clear()

    def next_runs(self) -> dict[JobName, datetime | None]:
        """When each job starts next by its own time."""
        return self.timetable.next_runs()

    @property
    def provenance_note(self) -> str | None:
        """A sentence while the desk works on sample data or on data that has ended, else None."""
        return provenance_note(self.database)

    def run_progress(self, run_id: int) -> RunProgress | None:
        """The progress of a running run."""
        return self.dispatcher.progress(run_id)

    def readiness(self) -> list[str]:
        """Codes of what keeps the desk from working; empty when nothing does."""
        problems = []
        if self.dispatcher.stopping:
            problems.append("stopping")
        if self.clock.monotonic() - self.last_tick > STALL:
            problems.append("scheduler.stalled")
        problems += self.database.problems(STALL)
        problems += sorted({code for code in self._short_of.values() if code in EXHAUSTED} - set(problems))
        if self._disk_full():
            problems.append("disk.full")
        return problems

    def _disk_full(self) -> bool:
        return shutil.disk_usage(self.home.root).free < MIN_FREE_BYTES

    def _watch_disk(self) -> None:
        """One alert while there is too little room; where there is none even for its row, it is sent from memory."""
        full, failing = self._disk_full(), DISK_FULL in self.database.problems(STALL)
        if (full or failing) == self._reported_full and not self.unstored and not failing:
            return
        space = f"{'less' if full else 'more'} than {MIN_FREE_BYTES // 10**6} MB of free space"
        observation = event(
            "disk.full",
            "disk",
            f"The disk of the home has {space}{', and takes no more data' if failing else ''}.",
            "Free space; the desk goes on by itself.",
            happened=full or failing,
        )

        def change(c: Connection) -> None:
            self.unstored.store(c, self.settings)
            alerts.observe(c, observation, self.settings, self.clock.now())

        try:
            self.database.write(change)
        except StoreError:
            if observation.breached:
                self.unstored.hold(observation)
            return
        self.unstored.clear()
        self._reported_full = observation.breached

    def notices(self) -> list[str]:
        """Notes for a reader that are no problems."""
        at_home = [] if self.settings.backup.to else [NO_PLACE]
        return [*self._config.restart_needed, *self.settings.notices, *at_home]

    async def reload(self) -> bool:
        """Reload the config now; whether it was valid, and so is in force."""
        return await self._config.reload()


def provenance_note(database: Database) -> str | None:
    """A sentence if the newest data of a series is the sample market's, or a champion's data has ended; else None."""
    if Provenance.of(*(dataset.source for dataset in database.read(datasets.latest))).is_sample:
        return "Sample data: a synthetic market, made because no real data was available. Nothing here is advice."
    champions = Provenance.joint(Provenance.parse(version.provenance) for version in database.read(versions.champions))
    if champions.as_of is None:
        return None
    return f"As of {champions.as_of}, not live: data has ended, and data_params.as_of asks to work as of its last bar."
