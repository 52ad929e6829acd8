"""What every executor promises, whatever runs its tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.paths import Home
from config.settings import LocalExecutor as LocalSettings
from config.settings import Settings
from daemon.domain.tasks import ErrorInfo, TaskEvent, TaskProgress
from daemon.executors.base import Executor
from daemon.executors.local import LocalExecutor
from tests.support.desks.executors import (
    REPOSITORY,
    WORK,
    End,
    code,
    execute,
    ignore,
    lines,
    outcomes,
    run_with_events,
    spec,
    until,
    value,
)

Make = Callable[..., Executor]
EXECUTORS: dict[str, Make] = {
    "local": lambda home, workers=1: LocalExecutor(home, workers, work=WORK),
}


@pytest.fixture(params=EXECUTORS)
def make(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return lambda **options: EXECUTORS[request.param](home, **options)


def test_a_task_is_given_its_arguments_and_its_value_comes_back(make: Make) -> None:
    args = {"text": "Zoë\n\x00", "list": [1, 2.5, None, True], "nested": {"a": {"b": []}}}
    (outcome,) = outcomes(make(), [spec("echo", **args)])
    assert (outcome.state, value(outcome), outcome.error) == ("succeeded", args, None)
    assert 0 < outcome.seconds < 30


def test_a_task_works_in_its_home_by_the_very_settings_of_its_spec(make: Make, home: Home) -> None:
    settings = Settings.model_validate(
        {
            "symbols": ["BTC-USD"],
            "limits": {"task_timeout": "1.5s", "stop_grace": "90s"},
            "jobs": {"backup": {"every": "7d"}, "training": {"cron": "0 2 * * *"}},
            "model_params": {"behavioral_cloner": {"trees": 10}},
        }
    )
    (outcome,) = outcomes(make(), [replace(spec("identity"), settings=settings)])
    assert value(outcome)["fingerprint"] == settings.fingerprint()
    assert value(outcome)["home"] == str(home.root)
    assert value(outcome)["now"].endswith("+00:00")


@pytest.mark.parametrize("started_by", ["a user", "a service without a home folder"])
def test_libraries_find_their_folders_in_the_home_whoever_started_the_executor(
    make: Make, home: Home, monkeypatch: pytest.MonkeyPatch, started_by: str
) -> None:
    if started_by == "a user":
        monkeypatch.setenv("XDG_CACHE_HOME", "/home/user/.cache")
        monkeypatch.setenv("NUMBA_CACHE_DIR", "/var/cache/numba")
    else:
        for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
            monkeypatch.delenv(name, raising=False)
    specs = [spec("environment", name=name) for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")]
    user_home, cache, numba = [value(outcome)["value"] for outcome in outcomes(make(), specs)]
    assert user_home == str(home.library_home)
    assert Path(cache).is_dir()
    assert Path(cache).is_relative_to(home.library_home)
    assert numba == ("/var/cache/numba" if started_by == "a user" else None)  # one library's folder is the owner's word


def test_the_error_of_a_task_arrives_with_its_code_message_cure_and_detail(make: Make) -> None:
    (outcome,) = outcomes(make(), [spec("refuse")])
    assert outcome.state == "failed"
    assert outcome.error == ErrorInfo(
        code="data.empty", message="AAPL has no bars.", cure="Pull some.", detail={"symbol": "AAPL"}
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("crash", "ZeroDivisionError: by nothing"),
        ("leave", "SystemExit: I have had enough"),
        ("import_error", "ModuleNotFoundError: No module named 'a_library_that_is_not_installed'"),
        ("no_such_kind", "KeyError: 'no_such_kind'"),
    ],
)
def test_an_unforeseen_error_is_a_crash_whose_traceback_goes_to_the_log_alone(
    make: Make, kind: str, words: str
) -> None:
    outcome, events = run_with_events(make(), spec(kind))
    assert (outcome.state, code(outcome)) == ("failed", "task.crashed")
    assert outcome.error is not None
    assert words in outcome.error.message
    assert "Traceback" not in str(outcome.error)
    printed = lines(events)
    assert "Traceback (most recent call last):" in printed
    assert printed[-1] == words


def test_progress_is_reported_at_its_beginning_and_its_end_and_not_too_often(make: Make) -> None:
    outcome, events = run_with_events(make(), spec("steps", steps=5000))
    assert outcome.state == "succeeded"
    fractions = [event.fraction for event in events if isinstance(event, TaskProgress)]
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0
    assert len(fractions) <= outcome.seconds * 5 + 3
    assert fractions == sorted(fractions)


def test_what_a_task_prints_arrives_in_order_before_its_outcome(make: Make) -> None:
    outcome, events = run_with_events(make(), spec("babble", lines=100))
    assert value(outcome) == {"babbled": True}
    printed = lines(events)
    assert printed[0] == "hello from python"
    assert printed[1] == "\ufffd\ufffd\x00 garbage without an end"
    assert printed[2] == "y" * 4096
    assert printed[3] == "hello from a child"
    assert printed[4:] == [f"line {number}" for number in range(100)]


def test_a_task_that_never_stops_printing_fills_no_log(make: Make) -> None:
    outcome, events = run_with_events(make(), spec("babble", lines=120_000))
    assert outcome.state == "succeeded"
    assert sum(len(line) for line in lines(events)) < 2**20 + 4096
    assert lines(events)[-1] == "... what the task printed beyond this is not kept"


def at_a_time(ends: Iterable[End]) -> int:
    """How many of these tasks were at work together at most."""
    spans = [(value(end)["began"], value(end)["ended"]) for end in ends if end.value]
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)


def test_no_more_tasks_run_at_a_time_than_there_are_workers(make: Make) -> None:
    executor = make(workers=2)

    async def body() -> list[End]:
        return await asyncio.gather(*(executor.run(spec("sleep", seconds=0.3), ignore) for _ in range(5)))

    ends = execute(executor, body)
    assert [end.state for end in ends] == ["succeeded"] * 5
    assert at_a_time(ends) == 2


def test_more_workers_take_up_what_waits_and_fewer_let_tasks_at_work_end(make: Make) -> None:
    executor = make(workers=1)

    async def body() -> tuple[list[End], list[End]]:
        assert executor.capacity == 1
        many = [asyncio.create_task(executor.run(spec("sleep", seconds=1.0), ignore)) for _ in range(3)]
        await asyncio.sleep(0)
        executor.resize(LocalSettings(workers=3))
        await asyncio.sleep(0)
        executor.resize(LocalSettings(workers=1))
        few = [asyncio.create_task(executor.run(spec("sleep", seconds=0.1), ignore)) for _ in range(3)]
        return await asyncio.gather(*many), await asyncio.gather(*few)

    many, few = execute(executor, body)
    assert at_a_time(many) == 3
    assert at_a_time(few) == 1


def test_a_task_beyond_its_limit_is_ended(make: Make) -> None:
    began = time.monotonic()
    (outcome,) = outcomes(make(), [spec("sleep", timeout=0.5)])
    assert (outcome.state, code(outcome)) == ("timed_out", "task.timed_out")
    assert time.monotonic() - began < 5.5


@pytest.mark.parametrize(
    ("kind", "expected"), [("huge_result", "task.message_too_large"), ("odd_result", "task.not_json")]
)
def test_a_result_that_is_no_small_json_value_fails_its_task_alone(make: Make, kind: str, expected: str) -> None:
    failed, after = outcomes(make(), [spec(kind), spec("echo", still="here")])
    assert (failed.state, code(failed)) == ("failed", expected)
    assert value(after) == {"still": "here"}


def test_arguments_that_are_too_large_fail_their_task_alone(make: Make) -> None:
    failed, after = outcomes(make(), [spec("echo", text="x" * 9_000_000), spec("echo", still="here")])
    assert (failed.state, code(failed)) == ("failed", "task.message_too_large")
    assert value(after) == {"still": "here"}


def test_a_cancelled_task_may_save_its_work_before_the_cancellation_goes_on(make: Make, tmp_path: Path) -> None:
    executor, checkpoint = make(), tmp_path / "checkpoint"
    events: list[TaskEvent] = []

    async def body() -> End:
        task = asyncio.create_task(executor.run(spec("until_stopped", checkpoint=str(checkpoint)), events.append))
        await until(lambda: events)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await executor.run(spec("echo", still="here"), ignore)

    assert value(execute(executor, body)) == {"still": "here"}
    assert checkpoint.read_text() == "saved"


def test_closing_lets_tasks_save_their_work_and_refuses_those_that_wait_or_come_later(
    make: Make, tmp_path: Path
) -> None:
    executor, checkpoint = make(), tmp_path / "checkpoint"
    events: list[TaskEvent] = []

    async def body() -> list[End]:
        at_work = asyncio.create_task(executor.run(spec("until_stopped", checkpoint=str(checkpoint)), events.append))
        await until(lambda: events)
        waiting = asyncio.create_task(executor.run(spec("echo"), ignore))
        await asyncio.sleep(0)
        await executor.close(timedelta(seconds=10))
        return [await at_work, await waiting, await executor.run(spec("echo"), ignore)]

    ends = execute(executor, body)
    assert [(end.state, code(end)) for end in ends] == [("cancelled", "task.cancelled")] * 3
    assert checkpoint.read_text() == "saved"


def test_a_task_that_finishes_though_asked_to_stop_has_succeeded(make: Make) -> None:
    executor = make()
    events: list[TaskEvent] = []

    async def body() -> End:
        task = asyncio.create_task(executor.run(spec("finish_though_asked_to_stop"), events.append))
        await until(lambda: events)
        await executor.close(timedelta(seconds=10))
        return await task

    assert value(execute(executor, body)) == {"finished": True}


def test_a_task_that_does_not_stop_is_given_up_after_the_grace(make: Make, tmp_path: Path) -> None:
    executor, pid_file = make(), tmp_path / "pid"

    async def body() -> tuple[End, float]:
        task = asyncio.create_task(executor.run(spec("sleep_deaf", pid_file=str(pid_file)), ignore))
        await until(pid_file.exists)
        began = time.monotonic()
        await executor.close(timedelta(seconds=0.3))
        return await task, time.monotonic() - began

    outcome, took = execute(executor, body)
    assert (outcome.state, code(outcome)) == ("cancelled", "task.cancelled")
    assert 0.3 <= took < 3


def test_an_error_of_the_listener_is_the_listeners_and_ends_the_task(make: Make) -> None:
    executor = make()

    def listen(event: TaskEvent) -> None:
        raise LookupError("nobody listens")

    async def body() -> End:
        with pytest.raises(LookupError, match="nobody listens"):
            await executor.run(spec("until_stopped"), listen)
        return await executor.run(spec("echo", still="here"), ignore)

    assert value(execute(executor, body)) == {"still": "here"}
