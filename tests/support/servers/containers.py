"""Containers for what is deployed, by systemd-nspawn, without any network but their own loopback.

`Container` runs one program as process 1, as an image's is; `Booted` runs systemd, with the desk as its service.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.support.servers.debian import PROGRAM, Bind, nspawn

HOME = "/var/lib/nightdesk"  # where the unit and the image keep the desk
REBOOT = 133  # nspawn's exit code when the system wants to be started again
_ROOTS_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Container:
    """A process 1 with namespaces of its own, while the block lasts.

    Args:
        command: the nspawn command.
        output: the file of what process 1 prints.
        environment: the variables of commands that are run inside.
        user: the number of the user of these commands.
    """

    def __init__(
        self, command: list[str], output: Path, environment: Mapping[str, str] = _ROOTS_PATH, user: int = 0
    ) -> None:
        self._command = command
        self._output = output
        self._environment = dict(environment)
        self._user = user

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # nspawn asks process 1 to end
        try:
            self._process.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def init(self) -> int:
        """Process 1 of the container, as this machine numbers it; 0 while there is none."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    @property
    def printed(self) -> str:
        """What process 1 printed."""
        return self._output.read_text("utf-8", "replace")

    def wait(self, timeout: float) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait(timeout)

    def inside(self, *words: str) -> list[str]:
        """The command that runs `words` inside."""
        user = [f"--setuid={self._user}", f"--setgid={self._user}"]
        return [shutil.which("nsenter") or "nsenter", f"--target={self.init}", "--all", *user, "--", *words]

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, whatever comes of it."""
        return subprocess.run(self.inside(*words), capture_output=True, text=True, env=self._environment, check=False)

    def run(self, *words: str) -> str:
        """What a command printed inside; it must succeed."""
        done = self.attempt(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.log()[-6000:]}"
        return done.stdout

    def log(self) -> str:
        """What the desk printed."""
        return self.printed

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What the desk logged, of one name or all."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [event for event in lines if name in (None, event["event"])]

    def faults(self) -> list[dict[str, Any]]:
        """What it logged as errors of its own; an alert about a model is none."""
        return [event for event in self.events() if event["level"] == "error" and event["event"] != "alert.firing"]

    def nightdesk(self, *words: str) -> Any:
        """The output of a command of nightdesk, run in the same container as the desk."""
        return json.loads(self.run(f"{PROGRAM}/bin/nightdesk", "--home", HOME, "--json", *words))

    def wait_for(self, condition: Callable[[], Any], timeout: float) -> Any:
        """The first true value that `condition` returns; fails if process 1 ends before that."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            assert self._process.poll() is None, self.printed[-6000:]
            assert time.monotonic() < end, f"not true in {timeout} s\n{self.log()[-6000:]}"
            time.sleep(0.5)
        return value


class Booted(Container):
    """The Debian system at `root`, which is written to, booted with systemd."""

    def __init__(self, root: Path, binds: Iterable[Bind]) -> None:
        command = nspawn(root, "--boot", "--private-network", "--console=pipe", binds=binds)
        super().__init__(command, root.with_suffix(".console"))

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.wait_for(self.is_up, 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def reboot(self) -> None:
        """Shut the system down in order and boot it again."""
        self.attempt("systemctl", "reboot")
        assert self.wait(90) == REBOOT, self.printed[-4000:]
        self.__enter__()

    def is_up(self) -> bool:
        """Whether the system has started all that it was to start."""
        if not self.init:
            return False
        return self.attempt("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def unit(self, *names: str) -> dict[str, str]:
        """Properties of the service."""
        lines = self.run("systemctl", "show", "nightdesk", *(f"--property={name}" for name in names)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def log(self) -> str:
        """What systemd and the desk logged about the service, also before a reboot."""
        return self.attempt("journalctl", "--unit=nightdesk", "--output=cat", "--no-pager", "--quiet").stdout
