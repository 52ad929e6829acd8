"""A worker process: takes one task after another from the daemon and dies with it.

Started afresh as `python -m daemon.executors.worker.main`, never by fork, so that it shares nothing with the daemon but
its channel.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from config.errors import NightdeskError
from config.paths import Home
from config.secrets import Secret, redact
from config.settings import Settings
from daemon.artifacts.base import ArtifactStore
from daemon.artifacts.open import open_artifacts
from daemon.domain.exhaustion import EXHAUSTED, exhaustion
from daemon.domain.tasks import ErrorInfo, TaskProgress, TaskRequest, TaskResult
from daemon.executors.worker.protocol import Assignment, Channel, Kind, TaskEnded, assignment_of, ended_with, pack, read
from daemon.system.clock import SystemClock

NICENESS = 10
OOM_SCORE = 500
PROGRESS_EVERY = 0.2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class WorkContext:
    """What a task is given besides its request."""

    home: Home
    settings: Settings
    progress: Callable[[float, str], None]
    should_stop: Callable[[], bool]
    now: Callable[[], datetime]
    secrets: Mapping[str, Secret] = field(default_factory=dict)  # those of this task, by name

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of model versions."""
        return open_artifacts(self.home)


@dataclass(frozen=True)
class Work:
    """How tasks of one kind are done: by a function that takes requests of this class."""

    request: type[TaskRequest[TaskResult]]
    function: Callable[[WorkContext, Any], TaskResult]


Resolve = Callable[[str], Work]


def confine(parent: int) -> None:
    """Die with the daemon, adopt orphaned descendants, and yield processor and memory to the daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, signal.SIGKILL), (_PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
    if os.getppid() != parent:  # it died before the kernel knew that we want to die with it
        sys.exit("the daemon is gone")
    with contextlib.suppress(OSError):  # a container may forbid these two; they are courtesies
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
        os.nice(NICENESS)
        _yield_as_a_session()


def _yield_as_a_session() -> None:
    """Where the kernel weighs sessions (autogroup), niceness counts only inside one, and a worker has its own."""
    for _ in range(10):
        try:
            Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")
        except BlockingIOError:  # the kernel takes ten such wishes a second from all processes together
            time.sleep(0.11)
        else:
            return


class Progress:
    """Reports the progress of a task to the daemon, but not more often than a person can read."""

    def __init__(self, send: Callable[[TaskProgress], None]) -> None:
        self._send = send
        self._sent_at = float("-inf")

    def __call__(self, fraction: float, message: str = "") -> None:
        """`fraction` of the task is done; the end is always sent."""
        now = time.monotonic()
        if now - self._sent_at < PROGRESS_EVERY and fraction < 1.0:
            return
        self._sent_at = now
        self._send(TaskProgress(fraction=min(max(float(fraction), 0.0), 1.0), message=redact(message)[:500]))


def perform(body: bytes, resolve: Resolve, context: Callable[[Assignment[Any]], WorkContext]) -> TaskEnded[Any]:
    """Do the task that the message `body` assigns; whatever it raises becomes an error with a code."""
    kind = read(Kind, body).kind
    try:
        work = resolve(kind)
        assignment: Assignment[Any] = read(assignment_of(work.request), body)
        result = work.function(context(assignment), assignment.request)
        ended = ended_with(work.request.result)(result=result)
        pack(ended)
    except NightdeskError as error:
        return TaskEnded(error=ErrorInfo.of(error))
    # A task runs the code of models and libraries: anything it raises ends that task and nothing else.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        traceback.print_exc()
        return TaskEnded(error=ErrorInfo.of(crash(kind, error)))
    return ended


def crash(kind: str, error: BaseException) -> NightdeskError:
    """The error of a task that raised something without a code; its traceback is in the log alone."""
    short_of = exhaustion(error)
    if short_of is not None and short_of.code in EXHAUSTED:
        return short_of
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return NightdeskError(
            "disk.full",
            f"The disk is full; nothing of what the task {kind!r} wrote was kept.",
            "Free space, then start the job again.",
        )
    return NightdeskError(
        "task.crashed",
        f"The task {kind!r} raised {type(error).__name__}: {redact(str(error))[:500]}",
        "Read the traceback in the run's log; if the input is sound, this is a bug worth reporting.",
        type=type(error).__name__,
    )


def serve(channel: Channel, resolve: Resolve) -> None:
    """Do tasks until the daemon closes the channel, or has asked with SIGTERM to stop."""
    me, stop = os.getpid(), threading.Event()

    def context(assignment: Assignment[Any]) -> WorkContext:
        home, progress = Home(Path(assignment.home)), Progress(channel.send)
        secrets = {name: Secret(value) for name, value in assignment.secrets.items()}
        return WorkContext(home, assignment.settings, progress, stop.is_set, SystemClock().now, secrets)

    while (body := channel.receive()) is not None:
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        ended = perform(body, resolve, context)
        if os.getpid() != me:  # the task forked, and this is the child: only its parent answers
            os._exit(1)
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the task may have closed or replaced them
            sys.stdout.flush()
            sys.stderr.flush()
        channel.send(ended)
        if stop.is_set():
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main() -> None:
    """The process: its limits first, then its tasks."""
    parser = argparse.ArgumentParser(prog="daemon.executors.worker.main")
    parser.add_argument("--channel", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--work", required=True, help="the module whose resolve(kind) names the tasks")
    arguments = parser.parse_args()
    confine(arguments.parent)
    connection = socket.socket(fileno=arguments.channel)
    connection.set_inheritable(False)  # no program that a task starts may speak in its name
    resolve: Resolve = import_module(arguments.work).resolve
    serve(Channel(connection), resolve)


if __name__ == "__main__":
    main()
