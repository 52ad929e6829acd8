"""The composition root: the only place that builds databases, executors, channels, and puts the desk together."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from config.errors import ConfigError, LockedError, NightdeskError
from config.loader import find_config, load_settings
from config.paths import Home
from config.secrets import Secret, make_token_file, read_secret, read_token
from config.settings import Api, JobName, Settings
from daemon.alerts.outbox import Outbox
from daemon.alerts.rules import event
from daemon.alerts.stalls import observe_stalls
from daemon.context import DeskContext, check_settings, with_options
from daemon.core.desk import Desk
from daemon.core.dispatcher import Dispatcher
from daemon.core.status_line import StatusLine, keep_status
from daemon.domain.exhaustion import exhaustion
from daemon.domain.options import RunOptions
from daemon.domain.progress import RunProgress
from daemon.domain.runs import TERMINAL, Run
from daemon.executors.local import kill_leftovers
from daemon.executors.open import open_executor
from daemon.jobs.backup.mending import mend_at_start
from daemon.opening.database import Loss, database_place, open_database
from daemon.store import alerts, runs
from daemon.store.database import Database
from daemon.store.faults import TAKEN, StoreError
from daemon.store.prepare import unreachable
from daemon.system.clock import Clock, SystemClock
from daemon.system.last_resort import MARGIN, LastResort
from daemon.system.lock import HomeLock
from daemon.system.log import Log
from daemon.system.systemd import Notifier

if TYPE_CHECKING:
    from sqlalchemy import Connection

# The exit code after which a service manager starts the desk again, so that it restores its database (EX_IOERR).
DATABASE_LOST = 74
# Seconds. Five starts that waited so long take more than the ten minutes in which a service manager allows five.
SERVER_PATIENCE = 120.0
Progress = Callable[[Run, RunProgress | None], None]


def read_settings(home: Home, config: Path | None) -> Settings:
    """The settings that would be in force in this home; a model type that is not registered is refused."""
    settings = load_settings(find_config(home, config))
    check_settings(settings)
    return settings


def write_token(home: Home, api: Api, *, make: bool) -> Secret | None:
    """The token that writes over HTTP need: configured, else the home's own, which is made if that is enough."""
    configured = read_token(api.token)
    if configured is not None:
        return configured
    if home.token.exists():
        return read_secret("API token", file=home.token)
    return make_token_file(home.token) if make else None


def _token_or_none(home: Home, api: Api, log: Log, *, make: bool) -> Secret | None:
    """As `write_token`; None where a full disk takes no new token: then the desk serves, and refuses to be written."""
    try:
        return write_token(home, api, make=make)
    except OSError as error:
        full = exhaustion(error)
        if full is None or not make:
            raise
        log.write("error", "api.no_token", error=full.to_dict())
        return None


@contextmanager
def open_context(home: Home, config: Path | None, *, clock: Clock, log: Log) -> Iterator[DeskContext]:
    """The context of a home that this process has locked; database and executor are closed when the block ends."""
    config = find_config(home, config)
    settings = read_settings(home, config)
    opened = open_database(home, settings, clock)
    try:
        executor = open_executor(settings, home)
        leased = opened.lease is not None
        context = DeskContext(home, settings, opened.database, executor, clock, log, config, opened.desk, leased)
        if opened.loss is not None:
            _alert_loss(opened.database, opened.loss, settings, log)
        _mend(context)
        yield context
    finally:
        opened.close()


@contextmanager
def exclusive(home: Home, config: Path | None, purpose: str) -> Iterator[Database]:
    """The database of a home on which no desk runs, and none can begin while the block lasts."""
    settings, clock = read_settings(home, config), SystemClock()
    with HomeLock(home, purpose), Log(home, clock, "quiet") as log:
        opened = open_database(home, settings, clock)
        try:
            if opened.loss is not None:
                _alert_loss(opened.database, opened.loss, settings, log)
            yield opened.database
        finally:
            opened.close()


def _mend(context: DeskContext) -> None:
    """Check what serves, and mend it; on a full disk the desk serves what it has."""
    try:
        mend_at_start(context)
    except StoreError as error:
        context.log.write("error", error.code, error=error.to_dict())


def _alert_loss(database: Database, loss: Loss, settings: Settings, log: Log) -> None:
    """Raise an alert for each loss of the database; it stays until a person acknowledges it."""
    log.write("error", "store.restored", message=loss.message)
    log.announce(f"{loss.message} {loss.cure}")
    observation = event(loss.code, f"database {loss.at:%Y-%m-%d %H:%M:%S}", loss.message, loss.cure)
    try:
        database.write(lambda c: alerts.observe(c, observation, settings, loss.at))
    except StoreError as error:  # on a full disk the desk serves what it has
        log.write("error", error.code, error=error.to_dict())


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
    with LastResort() as last_resort, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(
            _serve(home, config, _set_options(host=host, port=port), log_format, on_ready, last_resort=last_resort)
        )


async def _serve(
    home: Home,
    config: Path | None,
    bind_to: dict[str, Any],
    log_format: str | None,
    on_ready: Callable[[str], None] | None,
    *,
    last_resort: LastResort,
) -> int:
    clock = SystemClock()
    with HomeLock(home, "desk") as lock, Log(home, clock, log_format) as log:
        await _wait_for_server(home, config, log)
        with open_context(home, config, clock=clock, log=log) as context:
            return await _work(context, lock, bind_to, on_ready, last_resort)


async def _wait_for_server(home: Home, config: Path | None, log: Log) -> None:
    """Wait a while for a database server that does not answer: after a reboot it often comes later than the desk."""
    place, end = database_place(home, read_settings(home, config)), time.monotonic() + SERVER_PATIENCE
    announced = False
    while isinstance(place, str) and (fault := await asyncio.to_thread(unreachable, place)):
        if not announced:
            log.write("warning", "store.waiting", seconds=SERVER_PATIENCE, error=fault.to_dict())
            log.announce(f"{fault.message} It is waited for, {SERVER_PATIENCE:.0f} seconds at most.")
        announced = True
        if time.monotonic() > end:
            raise fault
        await asyncio.sleep(1.0)


async def _work(
    context: DeskContext,
    lock: HomeLock,
    bind_to: dict[str, Any],
    on_ready: Callable[[str], None] | None,
    last_resort: LastResort,
) -> int:
    stop, notifier, log = asyncio.Event(), Notifier(), context.log
    desk = Desk(context, Outbox.of(context.database, context.settings, context.clock, log))
    await asyncio.to_thread(desk.recover)  # at once: to import the API takes a third of the start

    from daemon.api.access import check_bind  # noqa: PLC0415
    from daemon.api.app import create_app  # noqa: PLC0415 -- run-once and the CLI's readers need no FastAPI
    from daemon.api.callers import is_loopback  # noqa: PLC0415
    from daemon.api.server import Server, bind  # noqa: PLC0415

    api = context.settings.api.model_copy(update=bind_to)
    token = _token_or_none(context.home, api, log, make=is_loopback(api.host))
    check_bind(api, token)
    listener = bind(api)
    server = Server(create_app(desk, token, api), listener)
    lock.publish(api=server.url)
    _on_signals(stop, desk, notifier)
    serving = asyncio.create_task(server.serve())
    await asyncio.to_thread(desk.begin)
    line = StatusLine(desk, server.url)
    await asyncio.to_thread(line.read)
    gc.freeze()  # what was imported stays: no collection need look at it while a request waits
    gc.enable()
    log.write("info", "desk.started", api=server.url, home=str(context.home.root))
    notifier.ready(line.text())
    if on_ready is not None:
        on_ready(server.url)
    watchdog = asyncio.create_task(_feed_watchdog(notifier, desk, serving))
    status_task = asyncio.create_task(keep_status(notifier, line, log))
    working = asyncio.create_task(desk.work(stop))
    stop_requested = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, working, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _end_at_latest(context, last_resort)
    status_task.cancel()
    notifier.stopping()
    log.write("info", "desk.stopping", grace_seconds=context.settings.limits.stop_grace.total_seconds())
    await working
    server.stop()
    await serving
    watchdog.cancel()
    log.write("info", "desk.stopped")
    return _exit_code(context.database.fatal)


def _exit_code(fatal: StoreError | None) -> int:
    """0, unless the database was lost: to its damage, which a restart mends, or to another desk."""
    if fatal is None:
        return 0
    return LockedError.exit_code if fatal.code == TAKEN else DATABASE_LOST


def _end_at_latest(context: DeskContext, last_resort: LastResort) -> None:
    """End this process soon after the grace of its tasks, whatever still hangs; its workers are ended with it."""
    seconds = context.settings.limits.stop_grace.total_seconds() + MARGIN

    def before() -> None:
        context.log.write("error", "desk.abandoned", message=f"Something still hung after {seconds:g} s.")
        kill_leftovers(context.home)

    last_resort.start(seconds, before)


def _set_options(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _on_signals(stop: asyncio.Event, desk: Desk, notifier: Notifier) -> None:
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    reloads: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly

    def reload() -> None:
        notifier.reloading()
        task = loop.create_task(_reload(desk, notifier))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)


async def _reload(desk: Desk, notifier: Notifier) -> None:
    try:
        await desk.reload()
    finally:  # else the service manager takes the desk for stuck
        notifier.reloaded()


async def _feed_watchdog(notifier: Notifier, desk: Desk, serving: asyncio.Task[None]) -> None:
    """Feed the watchdog while scheduler and database move and the API serves; runs on the event loop of the API."""
    interval = notifier.watchdog_interval()
    while interval is not None:
        stalled = [problem for problem in desk.readiness() if problem.endswith(".stalled")]
        if not stalled and not serving.done() and desk.database.fatal is None:
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
    with LastResort() as last_resort:
        return asyncio.run(_run_once(home, config, jobs, options, on_progress, last_resort=last_resort))


async def _run_once(
    home: Home,
    config: Path | None,
    jobs: tuple[JobName, ...],
    options: RunOptions,
    on_progress: Progress,
    *,
    last_resort: LastResort,
) -> list[Run]:
    clock, stop = SystemClock(), asyncio.Event()
    with (
        HomeLock(home, "run-once"),
        Log(home, clock, "quiet") as log,
        open_context(home, config, clock=clock, log=log) as context,
    ):
        dispatcher, outbox = Dispatcher(context, alone=True), Outbox.of(context.database, context.settings, clock, log)
        loop = asyncio.get_running_loop()

        def end() -> None:
            _end_at_latest(context, last_resort)
            stop.set()
            outbox.close()

        for ending in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(ending, end)
        await asyncio.to_thread(dispatcher.recover)
        done: list[Run] = []
        next_run: Run | None = await asyncio.to_thread(_first_run, context, jobs, options)
        while next_run is not None and not stop.is_set():
            done.append(await _attend(dispatcher, next_run, stop, on_progress))
            next_run = await asyncio.to_thread(_follower, context, done[-1])
        await dispatcher.stop()
        await asyncio.to_thread(_deliver, context, outbox)
    return done


def _deliver(context: DeskContext, outbox: Outbox) -> None:
    """Deliver what is due, and raise or resolve the alerts about channels that take nothing."""
    outbox.deliver_due()
    if observe_stalls(context.database, context.settings, context.clock.now(), outbox.rejections()):
        outbox.deliver_due()


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
