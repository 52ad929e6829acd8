"""Seeded kills: one seed is one home that lives through a few lives, each ended by SIGKILL, and then comes to peace.

About half of the deaths are at failpoints, the others at random moments. The desk is the real `nightdesk run`; its
workers do quick tasks, so that a life takes a second or two.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import func, select

from config.paths import Home
from daemon.store.tables import outbox, runs, signals
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults import failpoints
from tests.support.faults.examination import ATTEMPTS, Figures, Tables, Timetable, examine
from tests.support.faults.quick_template import TEMPLATE
from tests.support.servers.webhook_sink import Received, WebhookSink

Kind = Literal["failpoint", "starting", "desk", "worker", "all", "stopped", "terminated"]
# How random deaths come about: while the desk starts, of the desk alone, of a worker and later of the desk, of all at
# once, after a while without a processor, and in the middle of an orderly end.
RANDOM: tuple[Kind, ...] = ("starting", "desk", "desk", "worker", "all", "stopped", "terminated")
REPOSITORY = Path(__file__).parents[3]  # where workers find the tasks of tests
EVERY = {"data_update": 6, "signals": 3, "performance_check": 4, "maintenance": 5}
FOLLOWING = ("training", "evaluation", "backup")
# Where a point is not reached within so many times the start of the desk, the next point of any name kills.
LIFE = 1.5
# More than half, since a worker that dies at a point, or at random, is followed by its desk.
AT_FAILPOINTS = 0.7
PATIENCE = 300.0
_FILES = ("model.fsync", "model.rename", "bars.fsync", "bars.rename", "report.fsync", "report.rename")
_FILES_OF_DESK = ("backup.fsync", "backup.link", "backup.rename", "home.fsync")
# No night backtests a strategy; the commit of its decisions has a test of its own.
_COMMITS = tuple(f"{name}.commit" for name, _ in failpoints.COMMITS if name != "decision")
POINTS = tuple(f"{name}.{side}" for name in (*_FILES, *_FILES_OF_DESK, *_COMMITS) for side in failpoints.SIDES)


@dataclass(frozen=True)
class Death:
    """How one life ends."""

    kind: Kind
    delay: float  # how long after its start the desk dies, in times that the start took: a busy machine has long lives
    point: str = ""
    passing: int = 1
    victim: str = "self"


def deaths(seed: int, number: int) -> list[Death]:
    """The plan of a seed."""
    chance = random.Random(seed)
    return [_death(chance) for _ in range(number)]


def _death(chance: random.Random) -> Death:
    if chance.random() < AT_FAILPOINTS:
        passing = 1 + min(int(chance.expovariate(1.2)), 4)
        return Death(
            "failpoint", chance.uniform(0.0, 1.0), chance.choice(POINTS), passing, chance.choice(["self", "desk"])
        )
    return Death(chance.choice(RANDOM), chance.uniform(0.0, 1.5))


@dataclass
class Lives(Figures):
    """What became of the home of one seed."""

    seed: int = 0
    kills: Counter[str] = field(default_factory=Counter)  # by kind
    points: Counter[str] = field(default_factory=Counter)  # those at failpoints by name
    received: list[Received] = field(default_factory=list)
    timetable: Timetable | None = None
    passed: set[str] = field(default_factory=set)  # the points that its processes have passed
    verdicts: list[float] = field(default_factory=list)  # seconds from a start until the last orphan was `crashed`


def live(seed: int, root: Path, template: Path, *, database: str | None = None, number: int = 6) -> Lives:
    """Let a home below `root` live through `number` lives and then in peace, and examine it.

    Args:
        seed: of the plan; the scheduler of the machine decides the rest.
        root: an empty folder.
        template: what `write_template` has made.
        database: the URL of an empty PostgreSQL database; None for SQLite.
        number: how many lives.
    """
    with WebhookSink() as sink:
        home = _Home(Home(root / "home"), sink, template, database, Lives(seed=seed))
        home.configure(asleep=False)
        for each, death in enumerate(deaths(seed, number)):
            home.live(death, root / f"death-{each}")
        home.lives.timetable = Timetable(EVERY, home.come_to_peace())
        home.lives.received = list(sink.received)
        with Tables.of(home.place) as tables:
            examine(home.home, tables, home.lives.received, home.lives.timetable, home.lives)
        home.lives.passed = set(home.trace.read_text().split())
    return home.lives


@dataclass
class _Home:
    home: Home
    sink: WebhookSink
    template: Path
    database: str | None
    lives: Lives

    @property
    def place(self) -> Path | str:
        return self.database or self.home.database

    @property
    def trace(self) -> Path:
        return self.home.root.with_name("trace")

    def configure(self, *, asleep: bool) -> None:
        secret = self.home.root.with_name("secret")
        self.home.root.mkdir(parents=True, exist_ok=True)
        secret.write_text("a secret for the webhook")
        webhook = {"url": f"http://127.0.0.1:{self.sink.port}/", "secret_file": str(secret), "allow_private": True}
        awake = {job: {"every": f"{seconds}s"} for job, seconds in EVERY.items()} | {job: {} for job in FOLLOWING}
        off: dict[str, Any] = {"enabled": False}
        jobs = dict.fromkeys(awake, off) if asleep else awake
        write_config(
            self.home,
            sources={"bars": "csv", "csv_folder": str(self.template)},
            monitoring={"clear_after": 1},
            notifications={"enabled": True, "webhook": webhook},
            retention={"backups": 2, "versions": 3},
            limits={"attempts": ATTEMPTS},
            database={"url": self.database} if self.database else {},
            jobs=jobs | {"records": off, "restore_drill": off},
        )

    def desk(self, **variables: str) -> RunningDesk:
        own = {TEMPLATE: str(self.template), failpoints.ROOT: str(self.home.root.parent), "PYTHONPATH": str(REPOSITORY)}
        environment = {**own, failpoints.TRACE: str(self.trace), **variables}
        return RunningDesk(self.home, environment=environment, wait=False, program="tests.support.faults.quick_desk")

    def live(self, death: Death, record: Path) -> None:
        """One life to its end."""
        plan = {failpoints.DEATHS: str(record)}
        if death.point:
            plan[failpoints.DEATH] = f"{death.point} {death.passing} {death.victim}"
            plan[failpoints.HURRY] = str(_hurry(record))
        with self.desk(**plan) as desk:
            _ENDS[death.kind](self, desk, death, record)
            self._note_verdict(desk)
            self._see_workers_gone(desk)

    def kill(self, desk: RunningDesk, kind: str) -> None:
        """SIGKILL, if it lives."""
        if desk.code is None:
            desk.signal(signal.SIGKILL)
            self.lives.kills[kind] += 1
            desk.wait()

    def _note_verdict(self, desk: RunningDesk) -> None:
        recovered = [datetime.fromisoformat(event["at"]).timestamp() for event in desk.events("run.recovered")]
        if recovered:
            self.lives.verdicts.append(max(recovered) - desk.began)

    def _see_workers_gone(self, desk: RunningDesk) -> None:
        """No worker outlives its desk for long; one that is just starting needs a moment to notice."""
        end = time.monotonic() + 10.0
        while workers := desk.workers():
            if time.monotonic() > end:
                self.lives.left_behind.append(f"workers {workers} outlived their desk {desk.pid}")
                return
            time.sleep(0.02)

    def come_to_peace(self) -> datetime:
        """A last life with every job once more, and an orderly end; when it began."""
        began = datetime.now(UTC)
        with self.desk() as desk:
            desk.wait_for(lambda: desk.events("desk.started"), PATIENCE)
            self._note_verdict(desk)
            for job in EVERY:
                due = (
                    (runs.c.job == job) & (runs.c.scheduled_for > began) & runs.c.trigger.in_(("schedule", "catch_up"))
                )
                desk.wait_for(lambda due=due: self._count(runs, due), PATIENCE)
            desk.wait_for(lambda: self._count(signals, signals.c.id > 0), PATIENCE)  # so some version has served
            self.configure(asleep=True)
            desk.signal(signal.SIGHUP)
            desk.wait_for(lambda: desk.events("config.reloaded"))
            for job in (*EVERY, *FOLLOWING):
                desk.wait_for(lambda: self._count(runs, runs.c.finished_at.is_(None)) == 0, PATIENCE)
                desk.post(f"/jobs/{job}/run")
            desk.wait_for(lambda: self._count(runs, runs.c.finished_at.is_(None)) == 0, PATIENCE)
            desk.wait_for(lambda: self._count(outbox, outbox.c.delivered_at.is_(None)) == 0, PATIENCE)
            if (code := desk.terminate()) != 0:
                self.lives.left_behind.append(f"the last desk ended with {code}: {desk.printed[-500:]}")
        return began

    def _count(self, table: Any, condition: Any) -> int:
        with Tables.of(self.place) as tables, tables.engine.begin() as c:
            return int(c.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _hurry(record: Path) -> Path:
    return record.with_suffix(".hurry")


def _name_in(record: Path) -> str:
    """The point at which a process was killed, or nothing."""
    return record.read_text().strip() if record.exists() else ""


def _at_failpoint(home: _Home, desk: RunningDesk, death: Death, record: Path) -> None:
    """At the point; where a worker died there, its desk lives a while longer."""
    ready, end = None, time.monotonic() + PATIENCE
    while desk.code is None and not _name_in(record) and time.monotonic() < end:
        ready = ready or (time.time() if desk.url else None)
        if ready is not None and time.time() - ready > LIFE * (ready - desk.began):
            _hurry(record).touch()
        time.sleep(0.02)
    home.lives.kills["failpoint"] += 1
    home.lives.points[_name_in(record)] += 1
    _outlive(desk, death.delay)
    home.kill(desk, "desk")


def _outlive(desk: RunningDesk, seconds: float) -> None:
    """Wait, but not for a desk that is dead."""
    end = time.monotonic() + seconds
    while desk.code is None and time.monotonic() < end:
        time.sleep(0.02)


def _starting(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    time.sleep(death.delay)
    home.kill(desk, "starting")


def _awake(desk: RunningDesk, delay: float) -> None:
    """Wait until the desk answers, and then so many times as long as that took."""
    desk.wait_for(lambda: desk.url, PATIENCE)
    time.sleep(delay * (time.time() - desk.began))


def _desk(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    _awake(desk, death.delay)
    home.kill(desk, "desk")


def _worker(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    _awake(desk, 0.0)
    end = time.monotonic() + PATIENCE
    while not (workers := desk.workers()) and time.monotonic() < end:
        time.sleep(0.05)
    _outlive(desk, death.delay * (time.time() - desk.began) / 4)
    for pid in sorted(workers)[:1]:
        home.lives.kills["worker"] += _killed(pid)
    _outlive(desk, death.delay)
    home.kill(desk, "desk")


def _all(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    _awake(desk, death.delay)
    workers = desk.workers()
    desk.signal(signal.SIGKILL)
    for pid in workers:
        _killed(pid)
    desk.wait()
    home.lives.kills["all"] += 1


def _stopped(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    _awake(desk, death.delay / 2)
    desk.signal(signal.SIGSTOP)
    time.sleep(death.delay / 4)
    desk.signal(signal.SIGCONT)
    time.sleep(death.delay / 8)
    home.kill(desk, "stopped")


def _terminated(home: _Home, desk: RunningDesk, death: Death, _: Path) -> None:
    _awake(desk, death.delay)
    desk.signal(signal.SIGTERM)
    _outlive(desk, death.delay / 4)
    home.kill(desk, "terminated")


def _killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


_ENDS: dict[Kind, Callable[[_Home, RunningDesk, Death, Path], None]] = {
    "failpoint": _at_failpoint,
    "starting": _starting,
    "desk": _desk,
    "worker": _worker,
    "all": _all,
    "stopped": _stopped,
    "terminated": _terminated,
}
