"""A worker process: takes one task after another from the daemon and dies with it.

Started afresh as `python -m daemon.worker`, never by fork, so that it shares nothing with the daemon but its channel.
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
from daemon.clock import SystemClock
from daemon.protocol import Channel, pack

NICENESS = 10
OOM_SCORE = 500
PROGRESS_EVERY = 0.2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class WorkContext:
    """What a task is given besides its arguments."""

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


Resolve = Callable[[str], Callable[[WorkContext, dict[str, Any]], dict[str, Any]]]


def confine(parent: int) -> None:
    """Die with the daemon, keep one's descendants near, leave processor and memory to the daemon first."""
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
    """Tells the daemon how far a task is, but not more often than a person can read."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._told = float("-inf")

    def __call__(self, fraction: float, message: str = "") -> None:
        """`fraction` of the task is done; the end is always told."""
        now = time.monotonic()
        if now - self._told < PROGRESS_EVERY and fraction < 1.0:
            return
        self._told = now
        self._send({"event": "progress", "fraction": min(max(float(fraction), 0.0), 1.0), "message": message[:500]})


def perform(request: dict[str, Any], resolve: Resolve, context: WorkContext) -> dict[str, Any]:
    """Do the task and tell its end; whatever it raises becomes an error with a code."""
    try:
        value = resolve(request["kind"])(context, request["args"])
        ended = {"event": "ended", "state": "succeeded", "value": value, "error": None}
        pack(ended)
    except NightdeskError as error:
        return _failed(error)
    # A task is code of many hands: anything it raises ends that task and nothing else.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        traceback.print_exc()
        return _failed(crash(request["kind"], error))
    return ended


def crash(kind: str, error: BaseException) -> NightdeskError:
    """The error of a task that raised something without a code; its traceback is in the log alone."""
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


def _failed(error: NightdeskError) -> dict[str, Any]:
    return {"event": "ended", "state": "failed", "value": None, "error": error.to_dict()}


def serve(channel: Channel, resolve: Resolve) -> None:
    """Do tasks until the daemon closes the channel, or has asked with SIGTERM to stop."""
    me, stop = os.getpid(), threading.Event()
    while (request := channel.receive()) is not None:
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        context = WorkContext(
            Home(Path(request["home"])),
            Settings.model_validate(request["settings"]),
            Progress(channel.send),
            stop.is_set,
            SystemClock().now,
            {name: Secret(value) for name, value in request["secrets"].items()},
        )
        ended = perform(request, resolve, context)
        if os.getpid() != me:  # the task forked, and this is the child: the answer is not its to give
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
    parser = argparse.ArgumentParser(prog="daemon.worker")
    parser.add_argument("--channel", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--work", required=True, help="the module whose resolve(kind) names the tasks")
    given = parser.parse_args()
    confine(given.parent)
    connection = socket.socket(fileno=given.channel)
    connection.set_inheritable(False)  # no program that a task starts may speak in its name
    resolve: Resolve = import_module(given.work).resolve
    serve(Channel(connection), resolve)


if __name__ == "__main__":
    main()
