"""What this machine has run out of, when an error says so: the error of that, which passes and so is retried."""

from __future__ import annotations

import errno
import re

from config.errors import NightdeskError

DESCRIPTORS, PROCESSES, MEMORY, DISK = (
    "exhausted.descriptors",
    "exhausted.processes",
    "exhausted.memory",
    "disk.full",
)
# What an alert calls each of them.
EXHAUSTED = {DESCRIPTORS: "file descriptors", PROCESSES: "processes and threads", MEMORY: "memory"}
_BY_NUMBER = {
    errno.EMFILE: DESCRIPTORS,
    errno.ENFILE: DESCRIPTORS,
    errno.ENOMEM: MEMORY,
    errno.ENOSPC: DISK,
    errno.EDQUOT: DISK,
}
_UNMAPPED = ("failed to map segment from shared object", "Cannot allocate memory", "cannot allocate memory")
_CURES = {
    DESCRIPTORS: ("The desk has no file descriptors left", "Raise the limit of open files (LimitNOFILE, ulimit -n)."),
    PROCESSES: ("No process or thread can be started", "Raise the limit of processes (TasksMax, ulimit -u)."),
    MEMORY: ("The desk has no memory left", "Free memory, or lower executor.workers."),
    DISK: ("The disk is full", "Free space."),
}


def exhaustion(error: BaseException, *, starting: bool = False) -> NightdeskError | None:
    """The exhaustion behind `error`, or None; `starting` if it arose where a process was started."""
    cause: BaseException | None = error
    while cause is not None:
        if code := _code(cause, starting):
            return exhausted(code, re.sub(r"\S*/", "", str(cause)))  # without the paths of the machine
        cause = cause.__cause__ or cause.__context__
    return None


def exhausted(code: str, reason: str) -> NightdeskError:
    """The error of an exhaustion."""
    problem, cure = _CURES[code]
    return NightdeskError(code, f"{problem} ({reason}).", cure)


def _code(error: BaseException, starting: bool) -> str | None:
    if isinstance(error, MemoryError) or _is_unmapped_library(error):
        return MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return PROCESSES
    if not isinstance(error, OSError):
        return None
    if starting and error.errno == errno.EAGAIN:
        return PROCESSES
    return _BY_NUMBER.get(error.errno or 0)


def _is_unmapped_library(error: BaseException) -> bool:
    """Whether a shared library could not be loaded for want of memory: the loader tells that in words alone."""
    return isinstance(error, OSError | ImportError) and any(words in str(error) for words in _UNMAPPED)
