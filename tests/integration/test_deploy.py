"""What is deployed is checked as far as a machine without systemd as process 1 and without a Docker engine can."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from config import load_settings
from config.errors import ConfigError, LockedError, NotRunningError
from config.paths import Home

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "nightdesk.service"
DOCKERFILE = DEPLOY / "Dockerfile"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def unit() -> dict[str, list[str]]:
    """Every setting of the unit, with the values of all its lines."""
    settings = defaultdict(list)
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith(("#", " ")):
            name, _, value = line.partition("=")
            settings[name].append(value)
    return settings


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined and comments gone."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in joined]


def arguments(name: str) -> list[str]:
    return [argument for instruction, argument in instructions() if instruction == name]


@needs_systemd
def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    copy = tmp_path / "nightdesk.service"
    copy.write_text(UNIT.read_text().replace("/opt/nightdesk/bin/nightdesk", str(Path(sys.executable))))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_the_unit_exposes_little_of_the_machine():
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", UNIT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    exposure = re.search(r"exposure level for nightdesk.service: ([\d.]+)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 1.5


def test_the_unit_does_not_start_again_what_cannot_get_better():
    assert unit()["RestartPreventExitStatus"] == [f"{ConfigError.exit_code} {LockedError.exit_code}"]
    assert unit()["Restart"] == ["on-failure"]


def test_the_unit_keeps_every_cache_where_it_may_write():
    environment = dict(pair.split("=") for line in unit()["Environment"] for pair in line.split())
    assert environment["NIGHTDESK_HOME"] == "%S/nightdesk"
    assert {environment["NUMBA_CACHE_DIR"], environment["MPLCONFIGDIR"]} == {
        "%C/nightdesk/numba",
        "%C/nightdesk/matplotlib",
    }
    assert (unit()["StateDirectory"], unit()["CacheDirectory"]) == (["nightdesk"], ["nightdesk"])


def test_the_unit_gives_the_desk_longer_to_stop_than_the_desk_gives_its_work():
    grace = load_settings().limits.stop_grace.total_seconds()
    assert grace < float(unit()["TimeoutStopSec"][0]) == 45


def test_every_stage_of_the_image_has_a_pinned_base():
    for argument in arguments("FROM"):
        assert re.match(r"python:\d+\.\d+\.\d+-slim-[a-z]+( AS \w+)?$", argument), argument


def test_the_image_does_not_run_as_root():
    (user,) = arguments("USER")
    assert user.split(":")[0].isdigit()
    assert user.split(":")[0] != "0"
    last_user = max(i for i, (name, _) in enumerate(instructions()) if name == "USER")
    assert not any(name == "RUN" for name, _ in instructions()[last_user:])


def test_every_command_of_the_image_is_in_exec_form():
    health = re.sub(r"^.*?CMD ", "", arguments("HEALTHCHECK")[0])
    for argument in [*arguments("RUN"), *arguments("ENTRYPOINT"), *arguments("CMD"), health]:
        words = json.loads(argument)
        assert words
        assert all(isinstance(word, str) for word in words)
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["nightdesk"]


def test_the_image_fetches_nothing_by_itself_and_holds_no_secret():
    assert arguments("ADD") == []
    names = re.findall(r"(\w+)=", " ".join(arguments("ENV") + arguments("ARG")))
    assert names
    assert not [name for name in names if re.search("TOKEN|SECRET|PASSWORD|KEY", name)]


def test_what_the_image_copies_exists_and_is_let_through_to_the_builder():
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for argument in arguments("COPY"):
        if argument.startswith("--from="):
            continue
        *sources, _ = shlex.split(argument)
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source.rstrip("/") in let_through, source


def test_the_image_has_every_package_of_the_distribution():
    include = re.search(r"include = \[(.*)\]", (ROOT / "pyproject.toml").read_text())
    assert include is not None
    packages = {name.strip(' "*') for name in include[1].split(",")}
    assert {argument.split()[0].rstrip("/") for argument in arguments("COPY")} >= packages


def test_the_image_exposes_the_port_that_the_desk_takes_by_default():
    assert int(arguments("EXPOSE")[0]) == load_settings().api.port


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_volume_and_secret_of_the_composition_is_declared(compose):
    for service in compose["services"].values():
        named = {volume.split(":")[0] for volume in service["volumes"]}
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])
        assert all((DEPLOY / name).exists() for name in named if name.startswith("."))
        assert set(service["secrets"]) <= set(compose["secrets"])


def test_the_composition_gives_secrets_by_file_only(compose):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("/run/secrets/")
    assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_compositions_config_is_valid_and_reads_the_secrets_it_is_given(compose):
    settings = load_settings(DEPLOY / "compose.config.json")
    secret_files = {f"file:/run/secrets/{name}" for name in compose["services"]["desk"]["secrets"]}
    assert {settings.api.token, settings.database.url} == secret_files


def test_the_composition_serves_this_machine_only_and_waits_for_its_database(compose):
    desk, database = compose["services"]["desk"], compose["services"]["database"]
    assert desk["ports"] == ["127.0.0.1:8642:8642"]
    assert desk["read_only"] is True
    assert {desk["restart"], database["restart"]} == {"unless-stopped"}  # also after the machine was restarted
    assert desk["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert database["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", database["image"])


@contextmanager
def entrypoint(home: Home, **environment: str) -> Iterator[subprocess.Popen]:
    """The image's command as a plain process, at a free port; whatever happens, it is gone at the end."""
    words = [*json.loads(arguments("ENTRYPOINT")[0]), *json.loads(arguments("CMD")[0]), "--port", "0"]
    environment = {**os.environ, "NIGHTDESK_HOME": str(home.root), **environment}
    home.config.write_text('{"symbols": ["AAPL"], "sources": {"bars": "sample"}}')
    program = str(Path(sys.executable).with_name(words[0]))
    process = subprocess.Popen([program, *words[1:]], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def check_health(home: Home) -> subprocess.CompletedProcess[str]:
    """The image's health check as a plain process."""
    program, *words = json.loads(re.sub(r"^.*?CMD ", "", arguments("HEALTHCHECK")[0]))
    command = [str(Path(sys.executable).with_name(program)), *words]
    environment = {**os.environ, "NIGHTDESK_HOME": str(home.root)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def wait_until_healthy(home: Home, process: subprocess.Popen, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while check_health(home).returncode != 0:
        assert process.poll() is None, "the desk ended"
        assert time.monotonic() < deadline, "the desk did not become healthy"


def test_the_images_command_serves_and_ends_in_order_on_sigterm(home):
    with entrypoint(home, NIGHTDESK_TOKEN="0123456789abcdef" * 2) as process:
        wait_until_healthy(home, process)
        process.terminate()
        _, output = process.communicate(timeout=45)
        assert process.returncode == 0
    assert all(json.loads(line) for line in output.splitlines())
    assert "0123456789abcdef" not in output


def test_the_health_check_fails_without_a_desk_and_with_one_that_hangs(home):
    assert check_health(home).returncode == NotRunningError.exit_code
    with entrypoint(home, NIGHTDESK_TOKEN="0123456789abcdef" * 2) as process:
        wait_until_healthy(home, process)
        process.send_signal(signal.SIGSTOP)
        assert check_health(home).returncode == NotRunningError.exit_code
        process.send_signal(signal.SIGCONT)
        assert check_health(home).returncode == 0


def test_the_images_command_refuses_to_serve_others_without_a_token(home):
    with entrypoint(home, NIGHTDESK_TOKEN="") as process:
        _, output = process.communicate(timeout=30)
    assert process.returncode == ConfigError.exit_code
    assert "NIGHTDESK_TOKEN" in output
