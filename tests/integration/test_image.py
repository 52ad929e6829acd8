"""The image of the Dockerfile, and a container of it as the guide starts one: as its user, on a read-only root.

No registry is asked: a base of Debian's own packages takes the place, and the tag, of the image that FROM names. So its
Python is Debian's. They need root, `debootstrap`, `buildah` and `systemd-container`, which runs what was built.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.settings import NIGHT
from tests.support.servers import debian
from tests.support.servers.containers import HOME, Container

REASON = debian.why_not("debootstrap", "buildah", "systemd-nspawn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
]
DOCKERFILE = debian.CHECKOUT / "deploy" / "Dockerfile"
STOP = 45.0  # seconds within which the desk has promised to be gone; docs/deployment.md gives it to docker run
PATIENCE = 900.0
PORT = 9753  # not the default: the health check must find it
CONFIG = {
    "symbols": ["AAPL"],
    "sources": {"expert_logs": {"when_missing": "sample"}},
    "model_params": {"behavioral_cloner": {"n_estimators": 5}},
    "promotion": {"min_trades": 1, "min_sharpe_gain": 0.0, "confidence": 0.51},
    "api": {"port": PORT},
}


@dataclass(frozen=True)
class Image:
    """What was built: its root, and how a container of it is started."""

    root: Path
    config: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The image's variables, and the token that docs/deployment.md gives."""
        return dict(pair.split("=", 1) for pair in self.config["Env"]) | {"NIGHTDESK_TOKEN": "0123456789abcdef" * 2}

    @property
    def user(self) -> int:
        """The number of its user."""
        return int(self.config["User"].split(":")[0])


class Builder:
    """buildah with a store of its own, in which nothing is left."""

    def __init__(self, store: Path) -> None:
        places = [f"--root={store / 'root'}", f"--runroot={store / 'run'}"]
        self._command = ["buildah", "--storage-driver=vfs", *places]

    def __call__(self, *words: str) -> str:
        return debian.run(*self._command, *words).strip()

    def base(self, tag: str) -> None:
        """Debian with a Python, under the tag of an image that has both."""
        container = self("from", "scratch")
        root = Path(self("mount", container))
        debian.run("cp", "--archive", f"{debian.base()}/.", str(root))
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        self("umount", container)
        self("commit", "--rm", container, f"docker.io/library/{tag}")

    def build(self, scratch: Path) -> Image:
        """Build the Dockerfile, and mount what came of it."""
        binds = [f"--volume={source}:{target}:ro" for source, target in debian.pip_settings(scratch)]
        options = ["--isolation=chroot", "--pull-never", "--format=docker", "--layers=false", "--tag=nightdesk"]
        self("build", *options, *binds, f"--file={DOCKERFILE}", str(debian.CHECKOUT))
        config = json.loads(self("inspect", "--type=image", "nightdesk"))["Docker"]["config"]
        return Image(Path(self("mount", self("from", "--pull-never", "nightdesk"))), config)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    scratch = tmp_path_factory.mktemp("image")
    store = scratch / "store"
    builder = Builder(store)
    try:
        for tag in set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)):
            builder.base(tag)
        yield builder.build(scratch)
        builder("umount", "--all")
    finally:
        shutil.rmtree(store, ignore_errors=True)


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """`docker run --read-only --tmpfs /tmp -v nightdesk:/var/lib/nightdesk -e NIGHTDESK_TOKEN=... nightdesk`."""
    scratch = tmp_path_factory.mktemp("container")
    home = scratch / "home"
    home.mkdir()
    (home / "training_config.json").write_text(json.dumps(CONFIG))
    for place in (home, home / "training_config.json"):
        os.chown(place, image.user, image.user)
    passwd = [line.split(":") for line in (image.root / "etc/passwd").read_text().splitlines()]
    (name,) = [entry[0] for entry in passwd if entry[2] == str(image.user)]
    command = debian.nspawn(
        image.root,
        *("--read-only", "--tmpfs=/tmp:mode=1777", "--private-network", f"--bind={home}:{HOME}"),
        *(f"--user={name}", f"--chdir={image.config['WorkingDir']}", f"--kill-signal={image.config['StopSignal']}"),
        *(f"--setenv={variable}={value}" for variable, value in image.environment.items()),
        "--console=pipe",
    )
    command += [*image.config["Entrypoint"], *image.config["Cmd"]]
    with Container(command, scratch / "output", image.environment, image.user) as running:
        yield running


def check_health(container: Container, image: Image) -> int:
    kind, *words = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    return container.attempt(*words).returncode


def test_the_container_is_healthy_within_the_start_period_at_the_configured_port(container, image):
    start_period = image.config["Healthcheck"]["StartPeriod"] / 1e9
    container.wait_for(lambda: container.init and check_health(container, image) == 0, start_period)
    assert container.events("desk.started")[0]["api"].endswith(f":{PORT}")


def test_the_desk_is_process_1_of_its_user_and_can_write_to_its_home_and_tmp_only(container, image):
    assert Path(f"/proc/{container.init}/status").read_text().count(f"\t{image.user}\t{image.user}\t") == 2
    assert "nightdesk" in Path(f"/proc/{container.init}/cmdline").read_text()
    for folder, writable in {"/": False, "/opt/nightdesk": False, "/var/tmp": False, "/tmp": True, HOME: True}.items():
        assert (container.attempt("touch", f"{folder}/written").returncode == 0) is writable, folder


def test_the_first_night_succeeds(container):
    container.wait_for(lambda: container.nightdesk("status")["backups"]["last_verified"], PATIENCE)
    ended = {event["job"]: event["state"] for event in container.events("run.ended")}
    assert ended == dict.fromkeys(NIGHT, "succeeded")
    assert container.faults() == []


def test_a_desk_that_hangs_is_unhealthy(container, image):
    os.kill(container.init, signal.SIGSTOP)
    assert check_health(container, image) != 0
    os.kill(container.init, signal.SIGCONT)
    container.wait_for(lambda: check_health(container, image) == 0, 30)


def test_the_stop_signal_ends_the_container_in_order(container, image):
    began = time.monotonic()
    os.kill(container.init, signal.Signals[image.config["StopSignal"]])
    assert container.wait(STOP) == 0
    assert time.monotonic() - began < STOP
    assert container.events("desk.stopped")
