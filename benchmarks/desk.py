"""What a new user and a client of the API experience: start, first signals, memory, and answers under load.

python -m benchmarks.desk [starts|night|load ...]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPEATS = 5
RATE, SECONDS, CONNECTIONS = 200, 20, 16
PATHS = ("/api/v1/status", "/api/v1/signals")
WORKER_IDLE = 35.0  # workers go home after 30 seconds without work


@contextmanager
def desk(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """A desk as a new user starts it; its process, its address, and the instant its process began."""
    port = 18642 + os.getpid() % 1000
    began = time.perf_counter()
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home), "run", "--port", str(port)]
    with (home / "bench.log").open("ab") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        yield process, f"http://127.0.0.1:{port}", began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def until(address: str, path: str, ready: Callable[[Any], bool], limit: float) -> None:
    """Ask again and again until the answer is `ready`."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        try:
            with urllib.request.urlopen(address + path, timeout=5) as answer:
                if ready(json.loads(answer.read())):
                    return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.005 if path == "/healthz" else 0.1)
    raise TimeoutError(f"{path} was not ready in {limit} s")


def resident_mb(pid: int) -> float:
    """The memory of one process that is in use, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def show(title: str, values: list[float], unit: str, goal: float) -> bool:
    """Print the median and the spread of one figure beside its goal."""
    middle = statistics.median(values)
    spread = f"{min(values):.2f} to {max(values):.2f}"
    print(f"{title:<44} median {middle:8.2f} {unit:<4} ({spread}, n={len(values)})   goal {goal:g}")
    return middle <= goal


def starts() -> bool:
    """Process start to the first answer of /healthz, on a home that has had its night."""
    durations = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for _ in range(REPEATS + 1):
            with desk(home) as (_, address, began):
                until(address, "/healthz", lambda _: True, 30)
                durations.append(time.perf_counter() - began)
    return show("process start to /healthz", durations[1:], "s", 1.0)


def night() -> bool:
    """A new home: process start to the first published signals, and the memory of the desk when it has come to rest."""
    durations, resting = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as (process, address, began):
            until(address, "/api/v1/signals", lambda answer: len(answer["items"]) > 0, 300)
            durations.append(time.perf_counter() - began)
            until(address, "/api/v1/status", lambda answer: finished(answer, "backup"), 120)
            time.sleep(WORKER_IDLE)
            resting.append(resident_mb(process.pid))
    signals = show("new home to first signals", durations, "s", 120.0)
    return show("idle desk, resident memory", resting, "MB", 90.0) and signals


def load() -> bool:
    """200 requests a second, each sent at its time whether or not those before it were answered, while models train."""
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as (_, address, _):
        home = Path(folder)
        until(address, "/api/v1/status", lambda answer: finished(answer, "backup"), 300)
        request_training(address, (home / "api.token").read_text(encoding="utf-8").strip())
        until(address, "/api/v1/status", lambda answer: any(run["job"] == "training" for run in answer["running"]), 60)
        time.sleep(3)
        rounds = [asyncio.run(open_loop(address)) for _ in range(REPEATS)]
        until(address, "/api/v1/status", lambda answer: any(run["job"] == "training" for run in answer["running"]), 1)
    p99 = [statistics.quantiles(latencies, n=100)[98] for latencies in rounds]
    return show(f"p99 of {RATE} requests/s while training", p99, "ms", 50.0)


def finished(status: dict[str, Any], job: str) -> bool:
    """Whether `job` has come to an end at least once."""
    return any(row["job"] == job and (row["last_run"] or {}).get("finished_at") for row in status["jobs"])


def request_training(address: str, token: str) -> None:
    """Ask for a training long enough to keep every core busy while we measure."""
    request = urllib.request.Request(
        f"{address}/api/v1/jobs/training/run",
        data=json.dumps({"iterations": 100}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


async def open_loop(address: str) -> list[float]:
    """Milliseconds from each request's due instant to the end of its answer."""
    host, port = address.removeprefix("http://").split(":")
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(host, int(port)))
    begin = asyncio.get_running_loop().time() + 0.1

    async def one(number: int) -> float:
        due = begin + number / RATE
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        reader, writer = await free.get()
        writer.write(f"GET {PATHS[number % len(PATHS)]} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if " 200 " not in head.partition("\r\n")[0]:
            raise RuntimeError(head.partition("\r\n")[0])
        await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        free.put_nowait((reader, writer))
        return (asyncio.get_running_loop().time() - due) * 1000

    return list(await asyncio.gather(*(one(number) for number in range(RATE * SECONDS))))


FIGURES = {"starts": starts, "night": night, "load": load}


def main(names: list[str]) -> bool:
    """Measure the named figures, or all; whether every goal was met."""
    met = [FIGURES[name]() for name in names or FIGURES]
    return all(met)


if __name__ == "__main__":
    raise SystemExit(0 if main(sys.argv[1:]) else 1)
