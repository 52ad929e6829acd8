"""The processes of this machine, read from /proc: their descendants, those with a mark, and how to kill them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

# A worker is started with this variable; its descendants inherit it, however they were born.
MARK = "NIGHTDESK_WORKER"
_PAGE = os.sysconf("SC_PAGE_SIZE")
# How often a family is looked for again while processes are born, and nothing new of it is found.
_LOOKS = 5
_LOOKS_AT_NEWEST = 50


@dataclass(frozen=True)
class Process:
    """A living process, distinguished by its start time from any other that ever had its pid."""

    pid: int
    started: int
    parent: int = field(compare=False)
    resident: int = field(compare=False)
    stopped: bool = field(default=False, compare=False)

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
    return Process(pid, int(fields[19]), int(fields[1]), int(fields[21]) * _PAGE, fields[0] in (b"T", b"t"))


def _read(pid: int, name: str) -> bytes:
    """A file of `pid` in /proc; empty when the process is gone, or another user's."""
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 -- a Path costs as much as the rest
            return file.readall()
    except OSError:
        return b""


def _pids() -> list[int]:
    """Every pid, the newest first: of a process that does not stay, only an instant look sees anything."""
    return sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True)  # noqa: PTH208 -- names


def _last_born() -> int:
    """The pid that the kernel gave last: while it stays the same, no process is born."""
    with open("/proc/loadavg", "rb", buffering=0) as file:  # noqa: PTH123 -- as above
        return int(file.readall().split()[-1])


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
    return {pid for pid in _pids() if _is_marked(pid, mark)}


def _is_marked(pid: int, mark: str) -> bool:
    return f"\0{MARK}={mark}".encode() in b"\0" + _read(pid, "environ") and pid != os.getpid()


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
    """Stop them all, until a look around finds no other: a stopped process cannot start one behind our back.

    A look takes longer than a process needs that has a child and dies. So one that finds nothing proves something only
    if no process was born meanwhile, and if none of those that were told to stop is still at its last fork.
    """
    frozen: set[Process] = set()
    in_vain = 0
    while in_vain < _LOOKS and time.monotonic() < deadline:
        last = _last_born()
        roots, living = _stop_marked(mark, deadline), table()
        roots |= {process.pid for process in tracked | frozen if living.get(process.pid) == process}
        fresh = family(living, roots) - frozen
        for process in fresh:
            process.send(signal.SIGSTOP)
        in_vain = 0 if fresh else in_vain + 1
        if in_vain and last == _last_born() and all(living[each.pid].stopped for each in frozen & set(living.values())):
            break
        frozen |= fresh
    return frozen


def _stop_marked(mark: str, deadline: float) -> set[int]:
    """Stop those that are marked, then those born meanwhile, until none is born; their pids."""
    stopped: set[int] = set()
    last = _last_born()
    pids: Iterable[int] = _pids()
    for _ in range(_LOOKS_AT_NEWEST):
        for pid in pids:
            if _is_marked(pid, mark):
                Process(pid, 0, 0, 0).send(signal.SIGSTOP)
                stopped.add(pid)
        born = _last_born()
        if born == last or time.monotonic() > deadline:
            break
        pids = range(born, last, -1) if born > last else _pids()  # pids begin again at the end of their range
        last = born
    return stopped
