from __future__ import annotations

import errno
import os
from typing import Any, NoReturn

import pytest

from config.errors import NightdeskError
from config.secrets import Secret
from config.settings import Settings
from daemon.domain.tasks import TaskProgress, TaskRequest, TaskResult
from daemon.executors.worker.main import Progress, Work, WorkContext, perform
from daemon.executors.worker.protocol import TaskEnded, assign
from tests.support.desks.worker_tasks import Answer, order

ECHO = order("echo")


def performed(function: Any, request: TaskRequest[TaskResult]) -> TaskEnded[Any]:
    """The end of a task that is done by `function`, as the worker would send it."""
    body = assign(request, "home", Settings(), {}).model_dump_json().encode()
    return perform(body, lambda _: Work(ECHO, function), lambda _: None)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "disk.full"), (errno.EDQUOT, "disk.full"), (errno.EIO, "task.crashed")]
)
def test_a_task_for_whose_files_there_is_no_room_fails_with_a_full_disk(number: int, code: str) -> None:
    def write(_: WorkContext, __: TaskRequest[Answer]) -> NoReturn:
        raise OSError(number, os.strerror(number))

    ended = performed(write, ECHO(args={}))
    assert ended.error is not None
    assert ended.error.code == code


def test_a_request_of_another_class_is_refused_before_any_work_is_done() -> None:
    class Other(TaskRequest[Answer]):
        kind = "echo"
        result = Answer

    ended = performed(lambda *_: pytest.fail("the task was begun"), Other())
    assert ended.error is not None
    assert ended.error.code == "task.garbled"
    assert "request.args: Field required" in ended.error.message


def test_a_task_that_returns_what_is_not_its_result_has_crashed() -> None:
    ended = performed(lambda *_: "done", ECHO(args={}))
    assert ended.error is not None
    assert ended.error.code == "task.crashed"


def test_the_detail_of_an_error_is_kept_as_text_where_json_cannot_hold_it() -> None:
    def fail(*_: Any) -> NoReturn:
        raise NightdeskError("data.odd", "It is odd.", "Mend it.", value=object, share=float("nan"))

    ended = performed(fail, ECHO(args={}))
    assert ended.error is not None
    assert ended.error.detail == {"value": str(object), "share": None}


def test_a_secret_is_masked_in_a_progress_message_before_it_is_cut() -> None:
    secret = Secret("correct-horse-battery-staple")
    reported: list[TaskProgress] = []
    Progress(reported.append)(0.5, "bars, " * 80 + secret.reveal())
    assert reported == [TaskProgress(fraction=0.5, message="bars, " * 80 + "***")]
