"""The processes of this machine, as /proc tells them: who descends from whom, who carries a mark, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# A worker is started with this variable; its descendants inherit it, however they were born.
MARK = "NIGHTDESK_WORKER"
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """A living process, told apart by its start from any other that ever had its pid."""

    pid: int
    started: int
    parent: int
    resident: int

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
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()  # the name before it may hold anything
    if fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]), int(fields[1]), int(fields[21]) * _PAGE)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 -- names are all we need


def family(living: Table, roots: Iterable[int]) -> set[Process]:
    """The processes `roots` and all that descend from them."""
    children = defaultdict(list)
    for process in living.values():
        children[process.parent].append(process)
    found: set[Process] = set()
    todo = [living[pid] for pid in roots if pid in living]
    while todo:
        process = todo.pop()
        if process not in found:
            found.add(process)
            todo.extend(children[process.pid])
    return found


def marked(mark: str) -> set[int]:
    """The pids of processes whose mark begins with `mark`; never our own."""
    sought = f"\0{MARK}={mark}".encode()
    found = set()
    for pid in _pids():
        with contextlib.suppress(OSError):  # gone, or another user's
            if sought in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
                found.add(pid)
    return found - {os.getpid()}


def kill_family(mark: str, root: Process | None = None, *, within: float = 3.0) -> list[int]:
    """Kill every process marked `mark` and all that descend from one, or from `root`; wait for their end.

    All of them are frozen first: a frozen process cannot start another while we look for the rest.
    """
    deadline = time.monotonic() + within
    frozen: dict[tuple[int, int], Process] = {}
    while time.monotonic() < deadline:
        fresh = {(p.pid, p.started): p for p in _members(mark, root)}
        if not fresh.keys() - frozen.keys():
            break
        for key in fresh.keys() - frozen.keys():
            fresh[key].send(signal.SIGSTOP)
        frozen |= fresh
    for process in frozen.values():
        process.send(signal.SIGKILL)
    while time.monotonic() < deadline and any(_alive(process) for process in frozen.values()):
        time.sleep(0.002)
    _bury(process.pid for process in frozen.values() if root is None or process.pid != root.pid)
    return sorted(process.pid for process in frozen.values())


def _members(mark: str, root: Process | None) -> set[Process]:
    roots, living = marked(mark), table()
    if root is not None and root.pid in living and living[root.pid].started == root.started:
        roots.add(root.pid)
    return family(living, roots)


def _alive(process: Process) -> bool:
    found = find(process.pid)
    return found is not None and found.started == process.started


def _bury(pids: Iterable[int]) -> None:
    """As process 1 of a container we inherit the orphans of dead workers; nobody else will bury them."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # the usual case: another's child
            os.waitpid(pid, os.WNOHANG)
