"""The composition root: the only place that builds databases, executors, channels, and puts the desk together."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from config.errors import ConfigError, NightdeskError
from config.loader import find_config, load_settings
from config.paths import Home
from config.secrets import TOKEN_VARIABLE, Secret, make_token_file, read_secret
from config.settings import Api, JobName, Settings
from daemon import backups
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.context import DeskContext, check_settings, with_options
from daemon.core.desk import Desk
from daemon.core.dispatcher import Dispatcher
from daemon.core.status_line import StatusLine, keep_status
from daemon.domain.options import RunOptions
from daemon.domain.progress import RunProgress
from daemon.domain.runs import TERMINAL, Run
from daemon.executors.open import open_executor
from daemon.jobs.backup.mending import mend_at_start
from daemon.store import alerts, runs
from daemon.store.database import Database, set_aside
from daemon.system.clock import Clock, SystemClock
from daemon.system.lock import HomeLock
from daemon.system.log import Log
from daemon.system.systemd import Notifier

if TYPE_CHECKING:
    from sqlalchemy import Connection

Progress = Callable[[Run, RunProgress | None], None]


def read_settings(home: Home, config: Path | None) -> Settings:
    """The settings that would be in force in this home; a model type that is not registered is refused."""
    settings = load_settings(find_config(home, config))
    check_settings(settings)
    return settings


def database_place(home: Home, settings: Settings) -> Path | str:
    """The embedded file, or the URL that was configured."""
    database = settings.database
    if database.url_env or database.url_file:
        return read_secret("database URL", variable=database.url_env, file=database.url_file).reveal()
    return database.url or home.database


def write_token(home: Home, api: Api, *, make: bool) -> Secret | None:
    """The token that writes over HTTP need: configured, else the home's own, which is made if that is enough."""
    if os.environ.get(TOKEN_VARIABLE) or api.token_file:
        return read_secret("API token", variable=TOKEN_VARIABLE, file=api.token_file)
    return make_token_file(home.token) if make or home.token.exists() else None


@dataclass(frozen=True)
class Opened:
    """An open database, and a sentence if it had to be restored."""

    database: Database
    restored: str | None = None


def open_database(home: Home, settings: Settings, clock: Clock) -> Opened:
    """Open the database; a corrupt one is set aside by name and the last verified snapshot put in its place."""
    backups.refuse_half_restored(home)
    place = database_place(home, settings)
    try:
        return Opened(Database.open(place))
    except NightdeskError as error:
        if error.code != "store.corrupt" or not isinstance(place, Path):
            raise
    aside = set_aside(place, clock.now())
    source = backups.restore_database(home)
    replacement = f"the snapshot of {source}" if source else "an empty database, for there is no verified snapshot"
    return Opened(Database.open(place), f"The database was damaged. It is now {aside.name}; {replacement} replaces it.")


@contextmanager
def open_context(home: Home, config: Path | None, *, clock: Clock, log: Log) -> Iterator[DeskContext]:
    """The context of a home that this process has locked; database and executor are closed when the block ends."""
    config = find_config(home, config)
    settings = read_settings(home, config)
    opened = open_database(home, settings, clock)
    context = DeskContext(home, settings, opened.database, open_executor(settings, home), clock, log, config)
    try:
        _alert_restored(context, opened.restored)
        mend_at_start(context)
        yield context
    finally:
        opened.database.close()


@contextmanager
def exclusive(home: Home, config: Path | None, purpose: str) -> Iterator[Database]:
    """The database of a home on which no desk runs, and none can begin while the block lasts."""
    with HomeLock(home, purpose):
        opened = open_database(home, read_settings(home, config), SystemClock())
        try:
            yield opened.database
        finally:
            opened.database.close()


def _alert_restored(context: DeskContext, restored: str | None) -> None:
    """Alert that the database was restored; the alert lasts until a start with a sound database."""
    if restored is not None:
        context.log.write("error", "store.restored", message=restored)
    observation = event(
        "store.corrupt",
        "database",
        restored or "The database is sound.",
        "Compare the last runs with the file that was set aside." if restored else "Nothing to do.",
        happened=restored is not None,
    )
    context.database.write(lambda c: alerts.observe(c, observation, context.settings, context.clock.now()))


def serve(
    home: Home,
    config: Path | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    log_format: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Run the desk until a signal stops it; returns the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(home, config, _set_options(host=host, port=port), log_format, on_ready))


async def _serve(
    home: Home,
    config: Path | None,
    bind_to: dict[str, Any],
    log_format: str | None,
    on_ready: Callable[[str], None] | None,
) -> int:
    from daemon.api.app import create_app  # noqa: PLC0415 -- run-once and the CLI's readers need no FastAPI
    from daemon.api.guard import check_bind, is_loopback  # noqa: PLC0415
    from daemon.api.server import Server, bind  # noqa: PLC0415

    clock, stop, notifier = SystemClock(), asyncio.Event(), Notifier()
    with (
        HomeLock(home, "desk") as lock,
        Log(home, clock, log_format) as log,
        open_context(home, config, clock=clock, log=log) as context,
    ):
        api = context.settings.api.model_copy(update=bind_to)
        token = write_token(home, api, make=is_loopback(api.host))
        check_bind(api, token)
        listener = bind(api)
        desk = Desk(context, Outbox.of(context.database, context.settings, clock, log))
        server = Server(create_app(desk, token, api), listener)
        lock.publish(api=server.url)
        _on_signals(stop, desk, notifier)
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(desk.begin)
        line = StatusLine(desk, server.url)
        await asyncio.to_thread(line.read)
        gc.freeze()  # what was imported stays: no collection need look at it while a request waits
        gc.enable()
        log.write("info", "desk.started", api=server.url, home=str(home.root))
        notifier.ready(line.text())
        if on_ready is not None:
            on_ready(server.url)
        watchdog = asyncio.create_task(_feed_watchdog(notifier, desk, serving))
        status_task = asyncio.create_task(keep_status(notifier, line, log))
        working = asyncio.create_task(desk.work(stop))
        stop_requested = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, working, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        status_task.cancel()
        notifier.stopping()
        log.write("info", "desk.stopping", grace_seconds=context.settings.limits.stop_grace.total_seconds())
        await working
        server.stop()
        await serving
        watchdog.cancel()
        log.write("info", "desk.stopped")
    return 0


def _set_options(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _on_signals(stop: asyncio.Event, desk: Desk, notifier: Notifier) -> None:
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)

    def reload() -> None:
        notifier.reloading()
        try:
            desk.reload()
        finally:  # else the service manager takes the desk for stuck
            notifier.reloaded()

    loop.add_signal_handler(signal.SIGHUP, reload)


async def _feed_watchdog(notifier: Notifier, desk: Desk, serving: asyncio.Task[None]) -> None:
    """Feed the watchdog while scheduler and writer move and the API serves; runs on the event loop of the API."""
    interval = notifier.watchdog_interval()
    while interval is not None:
        stalled = [problem for problem in desk.readiness() if problem.endswith(".stalled")]
        if not stalled and not serving.done():
            notifier.alive()
        await asyncio.sleep(interval / 2)


def run_once(
    home: Home,
    config: Path | None,
    jobs: tuple[JobName, ...],
    options: RunOptions,
    on_progress: Progress,
) -> list[Run]:
    """Run `jobs` one after the other in this process, with no daemon on this home; returns their runs."""
    if not jobs:
        raise ConfigError("job.none", "No job was named.", "Name one, or all.")
    return asyncio.run(_run_once(home, config, jobs, options, on_progress))


async def _run_once(
    home: Home, config: Path | None, jobs: tuple[JobName, ...], options: RunOptions, on_progress: Progress
) -> list[Run]:
    clock, stop = SystemClock(), asyncio.Event()
    with (
        HomeLock(home, "run-once"),
        Log(home, clock, "quiet") as log,
        open_context(home, config, clock=clock, log=log) as context,
    ):
        dispatcher, outbox = Dispatcher(context, alone=True), Outbox.of(context.database, context.settings, clock, log)
        loop = asyncio.get_running_loop()
        for ending in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(ending, stop.set)
        await asyncio.to_thread(dispatcher.recover)
        done: list[Run] = []
        next_run: Run | None = await asyncio.to_thread(_first_run, context, jobs, options)
        while next_run is not None and not stop.is_set():
            done.append(await _attend(dispatcher, next_run, stop, on_progress))
            next_run = await asyncio.to_thread(_follower, context, done[-1])
        await dispatcher.stop()
        await asyncio.to_thread(outbox.deliver_due)
    return done


def _first_run(context: DeskContext, jobs: tuple[JobName, ...], options: RunOptions) -> Run:
    """The same run if a killed process left it due, else a new one; other due runs wait for the next desk."""
    with_options(context.settings, options)
    (job, *chain), now = jobs, context.clock.now()

    def change(c: Connection) -> Run:
        same = (run for run in runs.due(c, now) if (run.job, *run.chain) == jobs and run.options == options)
        return next(same, None) or runs.request(c, job, now=now, trigger="manual", chain=chain, options=options)

    return context.database.write(change)


async def _attend(dispatcher: Dispatcher, run: Run, stop: asyncio.Event, on_progress: Progress) -> Run:
    """Do this one run and report its progress, until it has ended or a signal stops it."""
    while True:
        await dispatcher.start_due(only=run.id)
        now = await asyncio.to_thread(dispatcher.context.database.read, lambda c: runs.get(c, run.id))
        if now is None:
            raise NightdeskError("run.unknown", f"The run {run.id} is gone.", "Look at the log.")
        on_progress(now, dispatcher.progress(run.id))
        if now.state in TERMINAL or dispatcher.stopping:
            return now
        if stop.is_set():
            await dispatcher.stop()
            continue
        await asyncio.sleep(0.1)


def _follower(context: DeskContext, run: Run) -> Run | None:
    """The next run of the chain, which the end of `run` has recorded."""
    return context.database.read(lambda c: runs.follower(c, run.id))
