"""Workers that die, hang, swell, breed or babble: the daemon is unaffected, and nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from config.paths import Home
from config.secrets import Secret
from config.settings import Settings
from daemon.executors.local import LocalExecutor, home_mark, kill_leftovers
from daemon.executors.worker import processes
from tests.support.desks.executors import (
    REPOSITORY,
    WORK,
    End,
    Spec,
    alive,
    code,
    execute,
    ignore,
    lines,
    outcomes,
    run_with_events,
    spec,
    until,
    value,
    wait_until,
)


@pytest.fixture(autouse=True)
def _nothing_survives(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    yield
    assert processes.marked(home_mark(home)) == set()


@pytest.fixture
def executor(home: Home) -> LocalExecutor:
    return LocalExecutor(home, 1, work=WORK)


@pytest.fixture
def nest(tmp_path: Path) -> Path:
    """Descendants write their pids here."""
    folder = tmp_path / "nest"
    folder.mkdir()
    return folder


def pids_in(nest: Path) -> set[int]:
    return {int(file.name) for file in nest.iterdir()}


def detail(outcome: End) -> dict[str, Any]:
    assert outcome.error is not None
    return dict(outcome.error.detail)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (spec("die", signal=signal.SIGKILL), {"signal": "SIGKILL"}),
        (spec("die", signal=40), {"signal": "signal 40"}),
        (spec("segfault"), {"signal": "SIGSEGV"}),
        (spec("exit_in_the_middle"), {"status": 7}),
    ],
    ids=["SIGKILL", "a signal without a name", "segfault", "exit"],
)
def test_the_death_of_a_worker_fails_its_task_by_name_and_the_next_gets_a_fresh_one(
    executor: LocalExecutor, task: Spec, expected: dict[str, Any]
) -> None:
    before, failed, after = outcomes(executor, [spec("identity"), task, spec("identity")])
    assert (failed.state, code(failed), detail(failed)) == ("failed", "task.worker_died", expected)
    assert value(before)["pid"] != value(after)["pid"]


def test_the_traceback_of_a_segfault_is_in_the_log(executor: LocalExecutor) -> None:
    _, events = run_with_events(executor, spec("segfault"))
    assert any("Segmentation fault" in line for line in lines(events))


@pytest.mark.parametrize("kind", ["sleep_deaf", "hang_in_native_code", "stopped"])
def test_a_worker_that_hangs_is_killed_in_time(executor: LocalExecutor, kind: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def body() -> tuple[list[End], float]:
        warm = await executor.run(spec("echo"), ignore)
        began = time.monotonic()
        hung = await executor.run(spec(kind, timeout=1, pid_file=str(pid_file)), ignore)
        took = time.monotonic() - began
        return [warm, hung, await executor.run(spec("echo"), ignore)], took

    ends, took = execute(executor, body)
    assert [end.state for end in ends] == ["succeeded", "timed_out", "succeeded"]
    assert took < 1 + 5
    assert alive([int(pid_file.read_text())]) == set()


def test_a_worker_that_hangs_in_native_code_does_not_hold_up_a_shutdown(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"

    async def body() -> End:
        task = asyncio.create_task(executor.run(spec("hang_in_native_code", pid_file=str(pid_file)), ignore))
        await until(pid_file.exists)
        await executor.close(timedelta(seconds=0.2))
        return await task

    assert execute(executor, body).state == "cancelled"
    assert alive([int(pid_file.read_text())]) == set()


@pytest.mark.parametrize(
    ("options", "state"),
    [({"timeout": 1.5}, "timed_out"), ({"then": "die"}, "failed"), ({"seconds": 0.0}, "succeeded")],
    ids=["timeout", "death", "success"],
)
def test_no_descendant_outlives_its_task_whatever_it_did_to_get_away(
    executor: LocalExecutor, nest: Path, options: dict[str, Any], state: str
) -> None:
    async def body() -> tuple[End, set[int]]:
        await executor.run(spec("echo"), ignore)  # warm, so that the limit is for the brood alone
        outcome = await executor.run(spec("brood", nest=str(nest), **options), ignore)
        return outcome, alive(pids_in(nest))

    outcome, survivors = execute(executor, body)
    assert outcome.state == state
    assert len(pids_in(nest)) == 4
    assert survivors == set()


def test_a_child_that_returns_from_a_forked_task_gives_no_answer(executor: LocalExecutor) -> None:
    first, second = outcomes(executor, [spec("fork_and_return_twice"), spec("echo", still="here")])
    assert value(first) == {"child": False}
    assert value(second) == {"still": "here"}


def test_a_child_that_keeps_the_channel_open_does_not_hide_the_death_of_its_worker(
    executor: LocalExecutor, nest: Path
) -> None:
    began = time.monotonic()
    (outcome,) = outcomes(executor, [spec("fork_and_die", nest=str(nest))])
    assert (code(outcome), detail(outcome)) == ("task.worker_died", {"signal": "SIGKILL"})
    assert time.monotonic() - began < 5
    assert alive(pids_in(nest)) == set()


def test_a_task_that_takes_too_much_memory_is_killed_before_it_takes_all(executor: LocalExecutor) -> None:
    hog, after = outcomes(executor, [spec("eat_memory", memory_mb=256), spec("echo")])
    assert (hog.state, code(hog)) == ("failed", "task.memory")
    assert after.state == "succeeded"


def test_the_memory_of_descendants_counts(executor: LocalExecutor) -> None:
    (outcome,) = outcomes(executor, [spec("eat_memory_in_a_child", memory_mb=256)])
    assert (outcome.state, code(outcome)) == ("failed", "task.memory")


def test_a_worker_that_stays_swollen_is_not_used_again(executor: LocalExecutor) -> None:
    swollen, after = outcomes(executor, [spec("swell", memory_mb=400, mb=250), spec("identity")])
    assert value(swollen)["pid"] != value(after)["pid"]


def test_a_worker_that_closes_its_channel_is_given_up(executor: LocalExecutor) -> None:
    began = time.monotonic()
    failed, after = outcomes(executor, [spec("close_everything"), spec("echo")])
    assert (failed.state, code(failed), after.state) == ("failed", "task.worker_died", "succeeded")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "noise", ["ff" * 64, "00000002" + b"[]".hex(), "00000003" + b"{,}".hex()], ids=["length", "list", "no JSON"]
)
def test_garbage_on_the_channel_itself_fails_the_task_alone(executor: LocalExecutor, noise: str) -> None:
    failed, after = outcomes(executor, [spec("garble", noise=noise), spec("echo")])
    assert (failed.state, code(failed), after.state) == ("failed", "task.garbled", "succeeded")


def test_a_worker_that_dies_between_two_tasks_is_replaced_without_loss(executor: LocalExecutor) -> None:
    async def body() -> list[End]:
        first = await executor.run(spec("identity"), ignore)
        os.kill(value(first)["pid"], signal.SIGKILL)
        await until(lambda: not alive([value(first)["pid"]]))
        return [first, await executor.run(spec("identity"), ignore)]

    first, second = execute(executor, body)
    assert second.state == "succeeded"
    assert value(first) != value(second)


def test_one_death_among_many_tasks_harms_no_other(home: Home) -> None:
    executor = LocalExecutor(home, 3, work=WORK)
    kinds = ["sleep", "die", "sleep", "segfault", "sleep"]

    async def body() -> list[End]:
        specs = [spec(kind, signal=signal.SIGKILL, seconds=0.4) for kind in kinds]
        return await asyncio.gather(*(executor.run(task, ignore) for task in specs))

    states = [outcome.state for outcome in execute(executor, body)]
    assert states == ["succeeded", "failed", "succeeded", "failed", "succeeded"]


def test_workers_stay_warm_between_tasks_and_go_when_there_is_nothing_to_do(home: Home) -> None:
    executor = LocalExecutor(home, 2, idle=timedelta(seconds=0.5), work=WORK)

    async def body() -> tuple[list[End], int]:
        done = [await executor.run(spec("identity"), ignore) for _ in range(3)]
        warm = len(processes.marked(home_mark(home)))
        await until(lambda: not processes.marked(home_mark(home)), within=3)
        return [*done, await executor.run(spec("identity"), ignore)], warm

    (*together, later), warm = execute(executor, body)
    pids = {value(outcome)["pid"] for outcome in together if outcome.value}
    assert len(pids) == warm == 1
    assert value(later)["pid"] not in pids


def test_a_worker_has_low_priority_one_thread_a_session_of_its_own_and_no_token(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_TOKEN", "a token of the daemon")
    (outcome,) = outcomes(executor, [spec("identity")])
    facts = value(outcome)
    assert facts["session"] == facts["pid"]
    assert facts["nice"] >= 10
    assert facts["oom"] == 500
    assert facts["token"] is None
    assert set(facts["threads"].values()) == {"1"}
    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"} <= facts["threads"].keys()
    assert facts["heavy"] == []


def test_a_machine_that_cannot_start_a_process_fails_the_task_and_not_the_daemon(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    (outcome,) = outcomes(executor, [spec("echo")])
    assert (outcome.state, code(outcome)) == ("failed", "task.no_worker")


def test_a_cancellation_while_a_worker_starts_leaves_nothing(executor: LocalExecutor) -> None:
    async def body() -> End:
        for pause in (0.0, 0.005, 0.02, 0.1):
            task = asyncio.create_task(executor.run(spec("sleep"), ignore))
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await executor.run(spec("echo"), ignore)

    assert execute(executor, body).state == "succeeded"


def test_closing_while_workers_start_leaves_nothing(home: Home) -> None:
    executor = LocalExecutor(home, 3, work=WORK)

    async def body() -> list[End]:
        tasks = [asyncio.create_task(executor.run(spec("sleep"), ignore)) for _ in range(6)]
        await asyncio.sleep(0)
        await executor.close(timedelta(seconds=5))
        return await asyncio.gather(*tasks)

    assert {outcome.state for outcome in execute(executor, body)} == {"cancelled"}


async def open_descriptors() -> int:
    """How many stay open: the least of some looks, for a look at all processes opens files for a moment."""
    looks = []
    for _ in range(20):
        looks.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
        await asyncio.sleep(0.01)
    return min(looks)


def test_no_descriptor_of_the_daemon_is_left_open_or_lent_to_a_worker(executor: LocalExecutor) -> None:
    async def body() -> tuple[int, int, End]:
        await executor.run(spec("exit_in_the_middle"), ignore)
        before = await open_descriptors()
        for _ in range(2):
            await executor.run(spec("exit_in_the_middle"), ignore)
        after = await open_descriptors()
        with open(os.devnull) as lent:  # noqa: PTH123
            os.set_inheritable(lent.fileno(), False)
            return before, after, await executor.run(spec("descriptors"), ignore)

    before, after, outcome = execute(executor, body)
    assert before == after
    assert len(value(outcome)["open"]) == 4  # nothing in, what it prints (twice), its channel


def test_workers_serve_a_daemon_on_uvloop_as_well(executor: LocalExecutor, nest: Path) -> None:
    async def body() -> list[End]:
        specs = [spec("babble"), spec("brood", timeout=1, nest=str(nest)), spec("echo")]
        done = [await executor.run(task, ignore) for task in specs]
        await executor.close(timedelta(seconds=1))
        return done

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        states = [outcome.state for outcome in runner.run(body())]
    assert states == ["succeeded", "timed_out", "succeeded"]
    assert alive(pids_in(nest)) == set()


@pytest.fixture
def killed_daemon(home: Home) -> Iterator[Any]:
    """Starts a daemon in a process of its own, which does one task."""
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str, **args: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.faults.killed_daemon", str(home.root), kind, json.dumps(args)]
        started.append(subprocess.Popen(command, cwd=REPOSITORY))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_dies_with_its_daemon_and_its_descendants_at_the_next_start(
    home: Home, nest: Path, killed_daemon: Any
) -> None:
    daemon = killed_daemon("brood", nest=str(nest))
    assert wait_until(lambda: len(pids_in(nest)) == 4, within=10)
    workers = processes.marked(home_mark(home)) - pids_in(nest)
    daemon.kill()
    daemon.wait()
    assert wait_until(lambda: not alive(workers), within=2)
    leftovers = alive(pids_in(nest))
    killed = kill_leftovers(home)
    # One that threw its mark away, left its session and lost its daemon cannot be told from a stranger any more.
    strangers = leftovers - set(killed)
    assert all(processes.MARK.encode() not in Path(f"/proc/{pid}/environ").read_bytes() for pid in strangers)
    assert len(strangers) == 1
    for pid in strangers:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not alive(pids_in(nest)), within=2)


def test_a_worker_that_hangs_in_native_code_dies_with_its_daemon(
    home: Home, tmp_path: Path, killed_daemon: Any
) -> None:
    pid_file = tmp_path / "pid"
    daemon = killed_daemon("hang_in_native_code", pid_file=str(pid_file))
    assert wait_until(pid_file.exists, within=10)
    daemon.kill()
    daemon.wait()
    assert wait_until(lambda: not alive([int(pid_file.read_text())]), within=2)


def test_a_worker_whose_daemon_died_before_it_woke_does_not_begin(home: Home) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "daemon.executors.worker.main",
        "--channel",
        "0",
        "--parent",
        "1",
        "--work",
        WORK,
    ]
    orphan = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=REPOSITORY, check=False)
    assert orphan.returncode == 1
    assert orphan.stderr.strip() == "the daemon is gone"


def test_leftovers_of_another_home_are_let_alone(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.root.mkdir()
    env = os.environ | {processes.MARK: f"{home_mark(other)}1"}
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env) as stranger:
        assert wait_until(lambda: processes.marked(home_mark(other)) == {stranger.pid}, within=5)
        assert kill_leftovers(home) == []
        assert stranger.poll() is None
        assert kill_leftovers(other) == [stranger.pid]


def test_processes_that_fork_faster_than_they_are_killed_are_frozen_first(executor: LocalExecutor) -> None:
    _, outcome = outcomes(executor, [spec("echo"), spec("breed", timeout=1)])
    assert outcome.state == "timed_out"


def hooked(task: Spec) -> Spec:
    """The same task under settings whose webhook is signed with the secret in HOOK_SECRET."""
    webhook = {"url": "https://hooks.example.org/x", "secret": "env:HOOK_SECRET"}
    settings = Settings.model_validate({"notifications": {"enabled": True, "webhook": webhook}})
    return replace(task, settings=settings)


def test_variables_that_hold_secrets_are_kept_from_tasks(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hush, hush")
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", "hush too")
    task = hooked(spec("secrets", hidden=["hush, hush", "hush too"]))
    handed = replace(task, secrets={"OTHER": Secret("another")})
    results = [value(outcome) for outcome in outcomes(executor, [task, handed, task])]
    assert [result["in_sight"] for result in results] == [[], [], []]
    assert [result["values"] for result in results] == [{}, {"OTHER": "another"}, {}]


def test_a_variable_that_new_settings_call_a_secret_is_kept_from_the_tasks_that_follow(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hush, hush")
    before = spec("environment", name="HOOK_SECRET")
    results = [value(outcome) for outcome in outcomes(executor, [before, hooked(before), before])]
    assert results == [{"value": "hush, hush"}, {"value": None}, {"value": None}]


def test_a_task_with_secrets_has_a_worker_that_does_no_other_task_before_or_after(executor: LocalExecutor) -> None:
    task = spec("secrets", hidden=[])
    handed = replace(task, secrets={"BUCKET_KEY": Secret("hush too")})
    first, second, third, last = (value(outcome) for outcome in outcomes(executor, [task, handed, handed, task]))
    assert [result["values"] for result in (first, second, last)] == [{}, {"BUCKET_KEY": "hush too"}, {}]
    assert first["pid"] == last["pid"]
    assert len({first["pid"], second["pid"], third["pid"]}) == 3


def test_a_secret_is_on_no_command_line_in_no_environment_and_in_no_repr(executor: LocalExecutor) -> None:
    task = replace(spec("secrets", hidden=["hush, hush"]), secrets={"BUCKET_KEY": Secret("hush, hush")})
    outcome, events = run_with_events(executor, task)
    assert value(outcome)["values"] == {"BUCKET_KEY": "hush, hush"}
    assert value(outcome)["in_sight"] == []
    assert "hush, hush" not in repr(replace(task, request=spec("secrets", hidden=[]).request))
    assert lines(events) == ["my secrets: {'BUCKET_KEY': ***}"]


def test_a_crash_whose_message_holds_a_secret_is_reported_without_it(executor: LocalExecutor) -> None:
    task = replace(spec("reveal_in_a_crash"), secrets={"BUCKET_KEY": Secret("hush, hush")})
    outcome, _ = run_with_events(executor, task)
    assert outcome.error is not None
    assert outcome.error.message == "The task 'reveal_in_a_crash' raised ValueError: ***"
