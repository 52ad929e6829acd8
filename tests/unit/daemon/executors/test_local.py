from __future__ import annotations

import errno
import os

import pytest

from config.paths import Home
from daemon.executors import local
from daemon.executors.local import LocalExecutor
from daemon.executors.worker.process import WorkerProcess
from tests.support.desks.executors import WORK, code, ignore, spec


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
