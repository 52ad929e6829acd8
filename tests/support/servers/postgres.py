"""A real PostgreSQL server for tests: started once when it is first asked for, an empty database each time."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

_numbers = count(1)


def fresh_postgres_url() -> str:
    """The URL of an empty database; skips the test where PostgreSQL is not installed.

    It is a schema of its own in one database: that is made in milliseconds.
    """
    url, name = f"postgresql://desk@127.0.0.1:{_server().port}/postgres", f"test_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}?options=-csearch_path%3D{name}"


def stop_server() -> None:
    """Stop the server of this process as a crash does; `start_server` brings it back with everything it had."""
    _server().stop()


def start_server() -> None:
    """Start it again."""
    _server().start()


@dataclass(frozen=True)
class _Server:
    port: int
    start: Callable[[], None]
    stop: Callable[[], None]


@cache
def _server() -> _Server:
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", _free_port()

    def call(program: str, *arguments: str) -> None:
        command = [programs / program, "-D", data, *arguments]
        subprocess.run(command, check=True, cwd=folder, user=user, stdout=subprocess.DEVNULL, timeout=60)

    call("initdb", "--username=desk", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    options = f"-h 127.0.0.1 -p {port} -k '' -c fsync=off -c timezone=America/New_York"
    server = _Server(
        port,
        start=lambda: call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start"),
        stop=lambda: call("pg_ctl", "-m", "immediate", "stop"),
    )
    server.start()
    atexit.register(server.stop)
    return server


def _programs() -> Path:
    initdb = shutil.which("initdb")
    candidates = [Path(initdb).resolve()] if initdb else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not candidates:
        pytest.skip("PostgreSQL is not installed (no initdb)")
    return candidates[-1].parent


def _user() -> str | None:
    """PostgreSQL refuses to run as root; its package brings a user for it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
