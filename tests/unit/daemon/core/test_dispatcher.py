from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.secrets import Secret
from config.settings import NIGHT, Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.recipes import recipe_of
from daemon.domain.runs import Owner
from daemon.domain.targets import Target
from daemon.domain.tasks import TaskProgress
from daemon.executors.base import Outcome, TaskSpec
from daemon.jobs.base import Plan, wait_for_upstream
from daemon.jobs.data_update.messages import UpdateBarsRequest
from daemon.jobs.steps import STEPS, Ending, RunWork, Step
from daemon.jobs.training.messages import FreshnessResult, SymbolFreshness, VersionFacts
from daemon.store import alerts, runs, tasks, versions
from daemon.store.faults import fault
from daemon.store.versions import Version
from tests.support.desks.night import attend_all, broken, done, every_run, request, scripted_desk
from tests.support.models.recipe_records import record_facts, record_result

DEAD = Owner(pid=1, started=-1, boot="another boot")


def step(monkeypatch: pytest.MonkeyPatch, job: str, work: Callable[[RunWork], Awaitable[Ending]]) -> None:
    monkeypatch.setitem(STEPS, job, Step(work, wait_for_upstream))


async def well(_: RunWork) -> Ending:
    return Ending("succeeded")


def states(house: DeskContext) -> list[tuple[str, int, str]]:
    return [(run.job, run.attempt, run.state) for run in every_run(house)]


async def test_a_chain_runs_to_its_end_in_its_order(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in NIGHT:
        step(monkeypatch, job, well)
    with scripted_desk(home) as house:
        request(house, NIGHT[0], chain=NIGHT[1:])
        await attend_all(Dispatcher(house))
        assert states(house) == [(job, 1, "succeeded") for job in NIGHT]


async def test_a_failed_job_does_not_keep_those_after_it_from_their_work(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def badly(_: RunWork) -> Ending:
        raise NightdeskError("data.poison", "Too many bad rows.", "Look at the quarantine.")

    step(monkeypatch, "data_update", badly)
    step(monkeypatch, "training", well)
    with scripted_desk(home) as house:
        request(house, "data_update", chain=("training",))
        await attend_all(Dispatcher(house))
        first, second = every_run(house)
        assert (first.state, first.cause, first.detail and first.detail["cure"]) == (
            "failed",
            "data.poison",
            "Look at the quarantine.",
        )
        assert (second.job, second.state) == ("training", "succeeded")


async def test_a_failed_run_raises_an_alert_and_its_next_success_resolves_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def badly(_: RunWork) -> Ending:
        return Ending("failed", "data.empty")

    with scripted_desk(home) as house:
        step(monkeypatch, "data_update", badly)
        request(house, "data_update")
        await attend_all(Dispatcher(house))
        [alert] = house.database.read(alerts.open_alerts)
        assert (alert.rule, alert.subject, alert.state) == ("run.failed", "data_update", "firing")
        step(monkeypatch, "data_update", well)
        house.clock.move(timedelta(minutes=1))
        request(house, "data_update")
        await attend_all(Dispatcher(house))
        assert house.database.read(alerts.open_alerts) == []


async def test_an_unforeseen_error_ends_the_run_and_not_the_desk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def buggy(_: RunWork) -> Ending:
        raise ZeroDivisionError("division by zero")

    step(monkeypatch, "backup", buggy)
    with scripted_desk(home) as house:
        run = request(house, "backup")
        await attend_all(Dispatcher(house))
        assert states(house) == [("backup", 1, "failed")]
        assert every_run(house)[0].cause == "desk.fault"
        assert "ZeroDivisionError" in home.run_log(run.name).read_text()


async def test_a_network_that_was_away_is_retried_later(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(_: RunWork) -> Ending:
        return Ending("failed", "data.unreachable")

    step(monkeypatch, "data_update", unreachable)
    step(monkeypatch, "training", well)
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        request(house, "data_update", chain=("training",))
        await attend_all(dispatcher)
        assert states(house) == [("data_update", 1, "failed"), ("data_update", 2, "due")]
        assert house.database.read(alerts.open_alerts) == []
        for _ in range(2):
            house.clock.move(timedelta(hours=1))
            await attend_all(dispatcher)
        assert states(house)[1:] == [
            ("data_update", 2, "failed"),
            ("data_update", 3, "failed"),
            ("training", 1, "succeeded"),
        ]
        assert [alert.subject for alert in house.database.read(alerts.open_alerts)] == ["data_update"]


@pytest.mark.parametrize(
    ("error", "cause", "announced"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "exhausted.descriptors", ["file descriptors"]),
        (RuntimeError("can't start new thread"), "exhausted.processes", ["processes and threads"]),
        (MemoryError(), "exhausted.memory", ["memory"]),
        (OSError(errno.ENOSPC, "No space left on device"), "disk.full", []),
        (fault("store.disk_full", "full"), "store.disk_full", []),
    ],
)
async def test_a_run_that_failed_because_the_machine_ran_out_of_something_is_retried(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str, announced: list[str]
) -> None:
    async def exhausted(_: RunWork) -> Ending:
        raise error

    def firing() -> list[str]:
        return [alert.subject for alert in house.database.read(alerts.open_alerts)]

    step(monkeypatch, "backup", exhausted)
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        request(house, "backup")
        await attend_all(dispatcher)
        assert states(house) == [("backup", 1, "failed"), ("backup", 2, "due")]
        assert every_run(house)[0].cause == cause
        assert firing() == announced
        step(monkeypatch, "backup", well)
        house.clock.move(timedelta(minutes=5))
        await attend_all(dispatcher)
        assert states(house)[1:] == [("backup", 2, "succeeded")]
        assert firing() == []


async def test_two_runs_of_one_job_are_never_at_work_together(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most = 0, 0

    async def slow(_: RunWork) -> Ending:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.05)
        at_work -= 1
        return Ending("succeeded")

    step(monkeypatch, "backup", slow)
    with scripted_desk(home) as house:
        for _ in range(3):
            request(house, "backup")
        await attend_all(Dispatcher(house))
        assert most == 1
        assert states(house) == [("backup", 1, "succeeded")] * 3


async def test_a_job_waits_for_what_its_upstream_job_is_about_to_deliver(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def slow(work: RunWork) -> Ending:
        await asyncio.sleep(0.2)
        ended.append(work.run.job)
        return Ending("succeeded")

    async def quick(work: RunWork) -> Ending:
        ended.append(work.run.job)
        return Ending("succeeded")

    step(monkeypatch, "evaluation", slow)
    step(monkeypatch, "signals", quick)
    with scripted_desk(home) as house:
        request(house, "signals")
        request(house, "evaluation")
        await attend_all(Dispatcher(house))
        assert ended == ["evaluation", "signals"]


async def test_the_runs_of_a_dead_desk_are_crashed_and_retried(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    step(monkeypatch, "backup", well)
    with scripted_desk(home) as house:
        run = request(house, "backup")
        house.database.write(lambda c: runs.claim(c, run.id, DEAD, house.clock.now()))
        dispatcher = Dispatcher(house)
        assert [orphan.id for orphan in dispatcher.recover()] == [run.id]
        assert dispatcher.recover() == []
        await attend_all(dispatcher)
        assert states(house) == [("backup", 1, "crashed"), ("backup", 2, "succeeded")]
        assert house.database.read(alerts.open_alerts) == []


async def test_a_run_that_always_takes_the_desk_with_it_is_given_up_with_an_alert(home: Home) -> None:
    settings = Settings.model_validate({"symbols": ["AAPL"], "limits": {"attempts": 2}})
    with scripted_desk(home, settings) as house:
        request(house, "backup")
        dispatcher = Dispatcher(house)
        for _ in range(2):
            [run] = [run for run in every_run(house) if run.state == "due"]
            house.database.write(lambda c, run=run: runs.claim(c, run.id, DEAD, house.clock.now()))
            dispatcher.recover()
        assert states(house) == [("backup", 1, "crashed"), ("backup", 2, "crashed")]
        assert [alert.subject for alert in house.database.read(alerts.open_alerts)] == ["backup"]


async def test_a_shutdown_cancels_what_is_at_work_and_leaves_it_to_be_retried(home: Home) -> None:
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        house.executor.answers["freshness"] = lambda spec: fresh("AAPL")  # type: ignore[attr-defined]
        request(house, "training", chain=("evaluation",))
        await dispatcher.start_due()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if any(each.kind == "train" for each in house.executor.requests):  # type: ignore[attr-defined]
                break
        await dispatcher.stop()
        first, second = every_run(house)
        assert (first.state, first.cause) == ("cancelled", "shutdown")
        assert (second.job, second.attempt, second.state, second.chain) == ("training", 2, "due", ("evaluation",))


async def test_a_task_that_fails_leaves_the_others_alone_and_the_run_is_partial(home: Home) -> None:
    settings = Settings(symbols=("AAPL", "MSFT"))
    with scripted_desk(home, settings) as house:
        house.executor.answers = {  # type: ignore[attr-defined]
            "freshness": lambda spec: fresh("AAPL", "MSFT"),
            "train": lambda spec: broken("expert_log.missing") if spec.request.subject == "MSFT" else done(FACTS),
        }
        request(house, "training")
        await attend_all(Dispatcher(house))
        [run] = every_run(house)
        assert (run.state, run.cause) == ("partial", "expert_log.missing")
        assert run.detail is not None
        assert set(run.detail["failed"]) == {"MSFT/behavioral_cloner"}
        recorded = house.database.read(lambda c: tasks.of(c, run.id))
        assert [(task.subject, task.state) for task in recorded if task.kind == "train"] == [
            ("AAPL", "succeeded"),
            ("MSFT", "failed"),
        ]


async def test_training_without_fresh_data_is_skipped_with_its_cause(home: Home) -> None:
    with scripted_desk(home) as house:
        house.executor.answers["freshness"] = lambda spec: fresh("AAPL", fresh=False)  # type: ignore[attr-defined]
        request(house, "training")
        await attend_all(Dispatcher(house))
        [run] = every_run(house)
        assert (run.state, run.cause) == ("skipped", "data.stale")
        assert run.detail is not None
        assert "no time at all" in run.detail["failed"]["AAPL"]["message"]


async def test_progress_of_a_run_at_work_can_be_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        run = request(house, "data_update")
        await dispatcher.start_due()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if (at_work := dispatcher.progress(run.id)) and at_work.tasks:
                break
        progress = dispatcher.progress(run.id)
        assert progress is not None
        assert progress.tasks == {"AAPL": TaskProgress(fraction=0.5, message="half-way")}
        assert (progress.done, progress.expected, progress.fraction) == (0, 1, 0.5)
        await dispatcher.stop()
        assert dispatcher.progress(run.id) is None


FACTS = VersionFacts(
    manifest_sha256="0" * 64,
    recipe="2" * 64,
    params={},
    window=1825,
    seed=42,
    provenance="sample",
    dataset="1" * 64,
    train_start=datetime(2025, 1, 2, tzinfo=UTC),
    train_end=datetime(2026, 1, 2, tzinfo=UTC),
    trained_at=datetime(2026, 3, 4, tzinfo=UTC),
    metrics={},
)


def fresh(*symbols: str, fresh: bool = True) -> Outcome[Any]:
    """What a worker finds stored of these symbols."""
    closed = datetime(2026, 3, 4, 21, tzinfo=UTC)
    state = SymbolFreshness(fresh=fresh, as_of=closed if fresh else None, last_closed=closed)
    return done(FreshnessResult(symbols=dict.fromkeys(symbols, state)))


async def test_a_shutdown_while_freshness_is_looked_at_loses_no_training(home: Home) -> None:
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)

        def once(_: TaskSpec[Any]) -> Outcome[Any]:
            del house.executor.answers["freshness"]  # type: ignore[attr-defined]  # the second look hangs
            return fresh("AAPL")

        house.executor.answers["freshness"] = once  # type: ignore[attr-defined]
        request(house, "training", chain=("evaluation",))
        await dispatcher.start_due()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if len(house.executor.specs) == 2:  # type: ignore[attr-defined]
                break
        await dispatcher.stop()
        assert states(house) == [("training", 1, "cancelled"), ("training", 2, "due")]


async def test_freshness_that_cannot_be_measured_is_a_failure_and_not_stale_data(home: Home) -> None:
    with scripted_desk(home) as house:
        house.executor.answers["freshness"] = lambda spec: broken()  # type: ignore[attr-defined]
        request(house, "training")
        await attend_all(Dispatcher(house))
        [run] = every_run(house)
        assert (run.state, run.cause) == ("failed", "task.worker_died")


async def test_a_scheduled_run_that_is_retried_still_waits_for_its_data(home: Home) -> None:
    settings = Settings.model_validate({"symbols": ["AAPL"], "jobs": {"data_update": {"cron": "0 * * * *"}}})
    with scripted_desk(home, settings) as house:
        house.executor.answers["freshness"] = lambda spec: fresh("AAPL", fresh=False)  # type: ignore[attr-defined]
        now, dispatcher = house.clock.now(), Dispatcher(house)
        run = house.database.write(lambda c: runs.record(c, "training", now, now=now, trigger="schedule"))
        assert run is not None
        house.database.write(lambda c: runs.claim(c, run.id, DEAD, now, "waiting"))
        dispatcher.recover()
        await dispatcher.start_due()
        await asyncio.sleep(0.2)
        assert states(house) == [("training", 1, "crashed"), ("training", 2, "waiting")]
        await dispatcher.stop()


async def test_a_run_that_the_shutdown_finds_unclaimed_stays_due(home: Home) -> None:
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        request(house, "backup")
        await dispatcher.start_due()
        await dispatcher.stop()
        assert states(house) == [("backup", 1, "due")]


async def test_an_end_that_cannot_be_recorded_becomes_a_failure_and_the_job_is_free_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(_: RunWork) -> Ending:
        return Ending("succeeded", None, {"not": object()})

    step(monkeypatch, "backup", odd)
    with scripted_desk(home) as house:
        request(house, "backup")
        await attend_all(Dispatcher(house))
        [run] = every_run(house)
        assert (run.state, run.cause) == ("failed", "desk.fault")
        assert run.detail == {"message": "Its end (succeeded) could not be recorded: StatementError"}


async def test_a_run_ends_without_a_record_when_its_database_is_closed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = asyncio.Event()

    async def slow(_: RunWork) -> Ending:
        await close.wait()
        return Ending("succeeded")

    step(monkeypatch, "backup", slow)
    with scripted_desk(home) as house:
        dispatcher = Dispatcher(house)
        run = request(house, "backup")
        await dispatcher.start_due()
        while house.database.read(lambda c: runs.get(c, run.id).state) != "running":
            await asyncio.sleep(0.01)
        house.database.close()
        close.set()
        async with asyncio.timeout(10):
            while dispatcher.busy:
                await asyncio.sleep(0.01)
        assert states(house) == [("backup", 1, "running")]


async def test_secrets_are_masked_in_the_progress_of_a_run(home: Home) -> None:
    secret = Secret("swordfish-of-2026")
    with scripted_desk(home) as house:
        run = request(house, "data_update")
        [plan] = [Plan(UpdateBarsRequest(symbol="AAPL"))]
        work = RunWork(run, house.settings, home, house.database, house.clock, house.executor, house.log)
        house.executor.message = f"pulling from https://me:{secret.reveal()}@host"  # type: ignore[attr-defined]
        doing = asyncio.create_task(work.do(plan))
        async with asyncio.timeout(10):
            while not work.progress.tasks:
                await asyncio.sleep(0.01)
        assert work.progress.tasks["AAPL"].message == "pulling from https://me:***@host"
        await house.executor.close(timedelta(0))
        await doing


async def test_when_the_database_fails_one_task_no_other_goes_on_behind_the_back_of_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_desk(home, Settings(symbols=("AAPL", "MSFT"))) as house:
        request(house, "data_update")
        begun, begin = 0, tasks.start

        def fail_the_second(*arguments: Any) -> bool:
            nonlocal begun
            begun += 1
            if begun == 2:
                raise NightdeskError("store.disk_full", "No room.", "Make some.")
            return begin(*arguments)

        monkeypatch.setattr(tasks, "start", fail_the_second)
        await attend_all(Dispatcher(house))
        run, *_ = every_run(house)
        assert (run.state, run.cause) == ("failed", "store.disk_full")
        assert [task for task in asyncio.all_tasks() if "one(" in str(task.get_coro())] == []


async def test_a_run_whose_tasks_took_too_long_is_timed_out(home: Home) -> None:
    with scripted_desk(home) as house:
        late = Outcome("timed_out", None, broken("task.timed_out").error, 1.0)
        house.executor.answers["update_bars"] = lambda spec: late  # type: ignore[attr-defined]
        request(house, "data_update")
        await attend_all(Dispatcher(house))
        assert states(house) == [("data_update", 1, "timed_out")]
        [alert] = house.database.read(alerts.open_alerts)
        assert "timed out" in alert.message


async def test_a_run_recorded_by_a_clock_that_ran_ahead_starts_now(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    step(monkeypatch, "backup", well)
    with scripted_desk(home) as house:
        house.clock.move(timedelta(days=30))
        request(house, "backup")
        house.clock.move(timedelta(days=-30))
        await attend_all(Dispatcher(house))
        assert states(house) == [("backup", 1, "succeeded")]


async def test_a_pull_that_is_over_at_once_is_seen_by_the_run_that_waits_for_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = asyncio.Event()

    async def quick(_: RunWork) -> Ending:
        pulled.set()
        return Ending("succeeded")

    step(monkeypatch, "data_update", quick)
    settings = Settings.model_validate({"symbols": ["AAPL"], "jobs": {"data_update": {"cron": "0 * * * *"}}})
    with scripted_desk(home, settings) as house:
        house.executor.answers = {  # type: ignore[attr-defined]
            "freshness": lambda spec: fresh("AAPL", fresh=pulled.is_set()),
            "train": lambda spec: done(FACTS),
        }
        now, dispatcher = house.clock.now(), Dispatcher(house)
        house.database.write(lambda c: runs.record(c, "training", now, now=now, trigger="schedule"))
        await dispatcher.start_due()
        await asyncio.sleep(0.2)
        assert states(house) == [("training", 1, "waiting")]
        request(house, "data_update")
        await attend_all(dispatcher)
        assert [run.state for run in every_run(house)] == ["succeeded", "succeeded"]


async def test_no_more_tasks_are_begun_than_there_are_workers(home: Home) -> None:
    settings = Settings(symbols=tuple(f"S{number}" for number in range(9)))
    with scripted_desk(home, settings) as house:
        dispatcher = Dispatcher(house)
        run = request(house, "data_update")
        await dispatcher.start_due()

        def begun() -> list[str]:
            return [task.state for task in house.database.read(lambda c: tasks.of(c, run.id))]

        async with asyncio.timeout(30):
            while len(begun()) < settings.executor.workers:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # in which a third could begin
        assert begun() == ["running"] * settings.executor.workers
        await dispatcher.stop()


def with_challenger(house: DeskContext) -> Version:
    """A challenger whose recipe has a record."""
    house.executor.answers["record"] = lambda _: done(record_result(record_facts()))  # type: ignore[attr-defined]
    recipe = recipe_of(house.settings, Target("AAPL", "behavioral_cloner"))
    new = versions.NewVersion(**VERSION, recipe=recipe.fingerprint, seed=recipe.seed)
    version_row = house.database.write(lambda c: versions.add_version(c, new))
    assert version_row is not None
    return version_row


async def test_a_broken_challenger_is_set_aside_and_not_judged_every_night(home: Home) -> None:
    with scripted_desk(home) as house:
        version_row = with_challenger(house)
        house.executor.answers["evaluate"] = lambda spec: broken("model.corrupt", version="v1")  # type: ignore[attr-defined]
        request(house, "evaluation")
        await attend_all(Dispatcher(house))
        stored = house.database.read(lambda c: versions.version(c, version_row.id))
        assert stored is not None
        assert stored.state == "quarantined"


async def test_a_challenger_is_not_blamed_for_a_champion_that_cannot_be_loaded(home: Home) -> None:
    with scripted_desk(home) as house:
        with_challenger(house)
        answer = broken("model.corrupt", version="the champion")
        house.executor.answers["evaluate"] = lambda spec: answer  # type: ignore[attr-defined]
        request(house, "evaluation")
        await attend_all(Dispatcher(house))
        assert [version.state for version in house.database.read(versions.versions)] == ["challenger"]


VERSION: dict[str, Any] = {
    "subject": "AAPL",
    "model_type": "behavioral_cloner",
    "version": "v1",
    "manifest_sha256": "0" * 64,
    "provenance": "yahoo",
    "dataset": "1" * 64,
    "train_start": datetime(2025, 1, 2, tzinfo=UTC),
    "train_end": datetime(2026, 1, 2, tzinfo=UTC),
    "trained_at": datetime(2026, 3, 4, tzinfo=UTC),
    "run_id": None,
    "metrics": {},
}
