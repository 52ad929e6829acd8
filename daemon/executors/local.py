"""The default executor: worker processes of this machine, kept for the next task and ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from config.errors import NightdeskError
from daemon.domain.exhaustion import exhaustion
from daemon.domain.tasks import ResultT
from daemon.executors.base import OnEvent, Outcome, TaskSpec
from daemon.executors.worker import processes
from daemon.executors.worker.process import WorkerProcess, cancelled

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import LocalExecutor as LocalSettings
    from config.settings import Settings

POLL = 0.25  # seconds between looks at memory and idleness
IDLE = timedelta(seconds=30)
# Seconds between the tries to start a worker on a machine that has run out of descriptors, processes or memory.
PAUSES = (0.5, 1.0, 2.0)


def home_mark(home: Home) -> str:
    """The beginning of the mark of every worker of this home, by whatever path the home is reached."""
    stat = home.root.stat()
    return f"{stat.st_dev:x}.{stat.st_ino:x}:"


def open_local(settings: LocalSettings, home: Home) -> LocalExecutor:
    """An executor of a home; workers that an earlier daemon left running are killed first."""
    kill_leftovers(home)
    return LocalExecutor(home, settings.workers)


def kill_leftovers(home: Home) -> list[int]:
    """Kill what the workers of a daemon that was killed itself have left running; the pids.

    Only the holder of the home's lock may call this, before it starts workers of its own.
    """
    return processes.kill_family(home_mark(home))


class LocalExecutor:
    """Runs up to `workers` tasks at a time, each in a process of its own that dies alone.

    Args:
        home: the desk's home; tasks read and publish their files there.
        workers: how many tasks at a time.
        idle: how long a worker without work is kept warm.
        work: the module whose `resolve(kind)` names the tasks.
    """

    def __init__(
        self,
        home: Home,
        workers: int,
        *,
        idle: timedelta = IDLE,
        work: str = "daemon.jobs.tasks",
    ) -> None:
        self._home = home
        self._workers = workers
        self._idle_for = idle.total_seconds()
        self._work = work
        self._mark = f"{home_mark(home)}{uuid4().hex}:"
        self._numbers = itertools.count(1)
        self._slots = asyncio.Semaphore(workers)
        self._busy: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._stopping: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._shrinking: set[asyncio.Task[bool]] = set()
        self._closing = False

    async def run(self, spec: TaskSpec[ResultT], on_event: OnEvent) -> Outcome[ResultT]:
        """Do one task in a warm worker, or in a new one; a worker with secrets does one task, and did none before."""
        async with self._slots:
            if self._closing:
                return Outcome.failure("cancelled", cancelled(spec.request.kind), 0.0)
            try:
                worker = await self._acquire_patiently(spec)
            except (OSError, MemoryError) as error:
                return Outcome.failure("failed", _no_worker(error), 0.0)
            try:
                return await worker.perform(str(self._home.root), spec, on_event)
            finally:
                await self._release(worker)

    async def prepare(self, settings: Settings) -> None:
        """Start a worker, unless one that has done nothing yet is waiting."""
        withheld = settings.secret_variables()
        if self._closing or any(worker.unused and worker.withheld >= withheld for worker in self._idle):
            return
        with contextlib.suppress(OSError, MemoryError):
            await self._release(await self._start(withheld))
            self._start_watching()

    @property
    def capacity(self) -> int:
        """How many tasks it does at a time."""
        return self._workers

    def resize(self, settings: LocalSettings) -> None:
        """Do up to `settings.workers` tasks at a time from now on; tasks at work go on."""
        workers = settings.workers
        for _ in range(workers - self._workers):
            self._slots.release()
        for _ in range(self._workers - workers):
            shrinking = asyncio.create_task(self._slots.acquire())
            self._shrinking.add(shrinking)
            shrinking.add_done_callback(self._shrinking.discard)
        self._workers = workers

    async def close(self, grace: timedelta) -> None:
        """Stop every task, kill what is not stopped after `grace`, and leave no process behind."""
        self._closing = True
        for worker in self._busy:
            worker.stop(grace)
        for _ in range(self._workers):  # a slot is free when its task has ended and its worker is away
            await self._slots.acquire()
        if self._watcher is not None:
            self._watcher.cancel()
        for worker in self._idle:
            self._discard(worker)
        self._idle.clear()
        await asyncio.gather(*self._stopping)
        for _ in range(self._workers):
            self._slots.release()

    async def _acquire_patiently(self, spec: TaskSpec[Any]) -> WorkerProcess:
        """A worker; where the machine has run out of something, it is tried again for a while."""
        for pause in PAUSES:
            try:
                return await self._acquire(spec)
            except (OSError, MemoryError) as error:
                if self._closing or exhaustion(error, starting=True) is None:
                    raise
                await asyncio.sleep(pause)
        return await self._acquire(spec)

    async def _acquire(self, spec: TaskSpec[Any]) -> WorkerProcess:
        withheld = spec.settings.secret_variables()
        worker = self._warm(withheld, unused=bool(spec.secrets)) or await self._start(withheld)
        self._busy.add(worker)
        if self._closing:  # while the process was being started
            worker.stop(timedelta(0))
        self._start_watching()
        return worker

    def _start_watching(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch_workers())

    def _warm(self, withheld: frozenset[str], *, unused: bool) -> WorkerProcess | None:
        """The worker that became idle last, of those that live and were started without these variables.

        With `unused` only one that has done no task yet: what a task has left behind in it could read secrets.
        """
        for worker in [each for each in reversed(self._idle) if each.withheld >= withheld and each.unused >= unused]:
            self._idle.remove(worker)
            if worker.alive:
                return worker
            self._discard(worker)
        return None

    async def _start(self, withheld: frozenset[str]) -> WorkerProcess:
        mark = f"{self._mark}{next(self._numbers)}"
        starting = asyncio.create_task(WorkerProcess.start(mark, self._home, self._work, withheld))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:  # a half-started process finishes starting, and is then killed
            self._run_to_end(self._discard_when_started(starting))
            raise

    async def _release(self, worker: WorkerProcess) -> None:
        self._busy.discard(worker)
        fit = False
        try:
            fit = worker.reusable and worker.fit(await asyncio.to_thread(processes.table))
        finally:
            if fit and not self._closing:
                worker.idle_since = asyncio.get_running_loop().time()
                self._idle.append(worker)
            else:
                await asyncio.shield(self._discard(worker))

    def _discard(self, worker: WorkerProcess) -> asyncio.Task[None]:
        return self._run_to_end(worker.kill())

    async def _discard_when_started(self, starting: asyncio.Task[WorkerProcess]) -> None:
        with contextlib.suppress(OSError):  # then there is nothing to kill
            await (await starting).kill()

    def _run_to_end(self, stopping: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Finish the stop even if its caller is cancelled."""
        task = asyncio.create_task(stopping)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        return task

    async def _watch_workers(self) -> None:
        """Watch the memory of busy workers and end idle ones, until there are no workers."""
        loop, pause = asyncio.get_running_loop(), POLL
        while self._busy or self._idle:
            await asyncio.sleep(pause)
            began = loop.time()
            if self._busy:
                living = await asyncio.to_thread(processes.table)
                for worker in self._busy:
                    worker.check_memory(living)
            for worker in [worker for worker in self._idle if worker.idle_since < began - self._idle_for]:
                self._idle.remove(worker)
                self._discard(worker)
            pause = max(
                POLL, 10 * (loop.time() - began)
            )  # where there are thousands of processes, reading /proc is expensive


def _no_worker(error: OSError | MemoryError) -> NightdeskError:
    return exhaustion(error, starting=True) or NightdeskError(
        "task.no_worker",
        f"No worker process could be started: {error}.",
        "Free memory or processes of this machine, or lower executor.workers.",
    )
