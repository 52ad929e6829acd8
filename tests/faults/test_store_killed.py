"""SIGKILL in the middle of writes: what was committed is there, what was not left nothing behind."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemon.domain.runs import TERMINAL
from daemon.store import runs
from daemon.store.database import Database, check

# Ends run after run, each bringing the next, and tells every commit after it is made.
_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from daemon.domain.runs import Owner
from daemon.store import runs, tasks
from daemon.store.database import Database

def end(c, run):
    runs.claim(c, run.id, me, now)
    task = tasks.add(c, run.id, "train")
    tasks.start(c, task.id, now)
    return runs.finish(c, run.id, "cancelled", now, cause="shutdown", attempts=1)

me, now = Owner.me(), datetime.now(UTC)
database = Database.open(Path(sys.argv[1]))
run = database.read(lambda c: runs.due(c, now))
run = run[0] if run else database.write(lambda c: runs.request(c, "training", now=now, trigger="manual"))
while True:
    run = database.write(lambda c: end(c, run))
    print(run.id, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_at_any_moment_loses_no_committed_write_and_leaves_none_half_written(tmp_path: Path, seed: int):
    path, reported = tmp_path / "nightdesk.sqlite3", 0
    for delay in random.Random(seed).choices((0.005, 0.02, 0.06, 0.15), k=2):
        with subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            reported = int(writer.stdout.readline())
            threading.Timer(delay, writer.kill).start()
            reported = max([reported, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        database = Database.open(path)
        ledger = {run.id: run for run in database.read(lambda c: runs.page(c, limit=1_000_000))}
        database.close()

        assert reported in ledger, "a write that was reported is stored"
        newest = max(ledger)
        assert newest - reported <= 1, "at most the last commit was not reported"
        assert [run.state for run in ledger.values() if run.id != newest] == ["cancelled"] * (len(ledger) - 1)
        assert ledger[newest].state == "due"
        assert ledger[newest].state not in TERMINAL
        assert [ledger[run_id].parent_id for run_id in range(2, newest + 1)] == list(range(1, newest))
        check(path)
