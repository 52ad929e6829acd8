"""The processes of this machine, read from /proc: their descendants, those with a mark, and how to kill them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

# A worker is started with this variable; its descendants inherit it, however they were born.
MARK = "NIGHTDESK_WORKER"
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A living process, distinguished by its start time from any other that ever had its pid."""

    pid: int
    started: int
    parent: int = field(compare=False)
    resident: int = field(compare=False)

    def send(self, number: signal.Signals) -> None:
        """Signal it; one that is gone already has what it needs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)


Table = dict[int, Process]


def table() -> Table:
    """Every living process; zombies are not."""
    return {process.pid: process for process in map(find, _pids()) if process is not None}


def find(pid: int) -> Process | None:
    """The process `pid`, if it lives."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()  # the name before it may hold anything
    if not fields or fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]), int(fields[1]), int(fields[21]) * _PAGE)


def _read(pid: int, name: str) -> bytes:
    """A file of `pid` in /proc; empty when the process is gone, or another user's."""
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 -- a Path costs as much as the rest
            return file.readall()
    except OSError:
        return b""


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 -- names are all we need


def family(living: Table, roots: Iterable[int]) -> set[Process]:
    """The processes `roots` and all that descend from them."""
    children = defaultdict(list)
    for process in living.values():
        children[process.parent].append(process)
    members: set[Process] = set()
    todo = [living[pid] for pid in roots if pid in living]
    while todo:
        process = todo.pop()
        if process not in members:
            members.add(process)
            todo.extend(children[process.pid])
    return members


def marked(mark: str) -> set[int]:
    """The pids of processes whose mark begins with `mark`; never our own."""
    sought = f"\0{MARK}={mark}".encode()
    return {pid for pid in _pids() if sought in b"\0" + _read(pid, "environ")} - {os.getpid()}


def kill_family(mark: str, tracked: Iterable[Process] = (), *, within: float = 3.0) -> list[int]:
    """Kill every process marked `mark`, every one in `tracked`, and all that descend from them; wait for their end.

    Returns their pids.
    """
    deadline = time.monotonic() + within
    killed: set[Process] = set()
    while time.monotonic() < deadline and (frozen := _freeze_family(mark, set(tracked), deadline)):
        for process in frozen:
            process.send(signal.SIGKILL)
        killed |= frozen
        while time.monotonic() < deadline and killed & set(table().values()):
            time.sleep(0.002)
    return sorted(process.pid for process in killed)


def _freeze_family(mark: str, tracked: set[Process], deadline: float) -> set[Process]:
    """Stop them all, until a look around finds no other: a stopped process cannot start one behind our back."""
    frozen: set[Process] = set()
    while time.monotonic() < deadline:
        roots, living = marked(mark), table()
        roots |= {process.pid for process in tracked | frozen if living.get(process.pid) == process}
        fresh = family(living, roots) - frozen
        if not fresh:
            break
        for process in fresh:
            process.send(signal.SIGSTOP)
        frozen |= fresh
    return frozen
