from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from config.paths import Home
from config.secrets import Secret
from daemon.executors import local
from daemon.executors.local import LocalExecutor, home_mark
from daemon.executors.worker import processes
from daemon.executors.worker.process import WorkerProcess
from tests.support.desks.executors import REPOSITORY, WORK, code, execute, ignore, spec, value


@pytest.mark.parametrize(
    ("number", "expected", "tries"),
    [
        (errno.EAGAIN, "exhausted.processes", 3),
        (errno.EMFILE, "exhausted.descriptors", 3),
        (errno.ENOMEM, "exhausted.memory", 3),
        (errno.ENOENT, "task.no_worker", 1),
    ],
)
async def test_a_worker_that_cannot_be_started_now_is_tried_again_and_its_task_fails_with_the_cause(
    home: Home, monkeypatch: pytest.MonkeyPatch, number: int, expected: str, tries: int
) -> None:
    started = []

    async def start(*_: object) -> WorkerProcess:
        started.append(number)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(WorkerProcess, "start", start)
    monkeypatch.setattr(local, "PAUSES", (0.0, 0.0))
    outcome = await LocalExecutor(home, 1, work=WORK).run(spec("echo"), ignore)
    assert code(outcome) == expected
    assert len(started) == tries


def test_a_worker_started_ahead_does_the_first_task_with_secrets_and_no_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    executor, task = LocalExecutor(home, 1, work=WORK), spec("identity")
    with_secrets = replace(task, secrets={"BUCKET_KEY": Secret("hush, hush")})

    async def body() -> list[int]:
        await executor.prepare(task.settings)
        (ahead,) = workers_of(home)
        await executor.prepare(task.settings)  # there is one already
        assert workers_of(home) == {ahead}
        pids = [value(await executor.run(each, ignore))["pid"] for each in (with_secrets, task, with_secrets)]
        return [ahead, *pids]

    ahead, first, plain, second = execute(executor, body)
    assert first == ahead
    assert len({first, plain, second}) == 3
    assert workers_of(home) == set()


def workers_of(home: Home) -> set[int]:
    return processes.marked(home_mark(home))
