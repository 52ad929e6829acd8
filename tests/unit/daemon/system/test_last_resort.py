from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys, threading, time
from daemon.system.last_resort import LastResort
with LastResort() as last_resort:
    last_resort.start(0.2, lambda: print("left behind", flush=True))
    last_resort.start(60.0, lambda: None)
    if sys.argv[1] == "hangs":
        threading.Thread(target=time.sleep, args=(60,)).start()
        time.sleep(60)
print("ended in order", flush=True)
time.sleep(0.4)
"""


def run(how: str) -> tuple[int, str, float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, done.stdout, time.monotonic() - began


def test_a_process_that_hangs_is_ended_after_its_time_with_code_0() -> None:
    code, printed, seconds = run("hangs")
    assert (code, printed) == (0, "left behind\n")
    assert seconds < 30


def test_a_process_that_ends_in_order_is_left_alone() -> None:
    assert run("ends")[:2] == (0, "ended in order\n")
