"""The documents cannot lie: their commands run, their tables are the settings' own, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.desks.config_keys import defaults

from config.settings import JOBS, Settings
from daemon.cli.app import app
from daemon.context import check_settings
from trainers.rl.desk.params import params_class

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# No test reaches the world: a client that tries is refused at once, and the sample market takes over.
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


def runnable() -> list[str]:
    """The commands below the mark `runnable`, in their order."""
    blocks = re.findall(r"<!-- runnable -->\n```sh\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def _on_any_port(home):
    """The port of the README may be taken on this machine, by a desk that `make run` has started."""
    settings = json.loads(home.config.read_text())
    home.config.write_text(json.dumps({**settings, "api": {"port": 0}}))


@pytest.mark.timeout(900)
def test_the_readmes_commands_run_in_their_order_on_a_new_home(home):
    environment = {**os.environ, **OFFLINE, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = runnable()
    assert len(commands) >= 10
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if "init" in command:
            _on_any_port(home)


def test_the_config_reference_is_the_settings_own():
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", README, re.MULTILINE)
    assert {key: default for key, default, _ in rows} == defaults()
    assert len(rows) == len(defaults())
    assert all(meaning.strip() for _, _, meaning in rows)


def test_the_config_reference_names_every_job():
    (row,) = re.findall(r"^\| `jobs\.<job>\.at` .*$", README, re.MULTILINE)
    assert all(f"`{job}`" in row for job in JOBS)


def test_every_command_stands_in_the_readme():
    commands = {command.name for command in app.registered_commands if not command.hidden}
    told = set(re.findall(r"`([a-z-]+)", "\n".join(re.findall(r"^\| `.*$", README, re.MULTILINE))))
    assert commands <= told


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_file_that_a_document_names_exists(document):
    text = (ROOT / document).read_text()
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    named = re.findall(r"`((?:config|data_pipeline|evaluation|trainers|daemon|tests|deploy)/[\w./-]*\w)`", text)
    for path in linked + [name for name in named if not name.endswith(("data/experts", "deploy/secrets"))]:
        assert (ROOT / path).exists(), f"{document} names {path}"


def test_every_make_target_that_a_document_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^(?: {4})?make ([a-z]+)", README + (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_the_configs_that_the_readme_shows_can_be_used():
    shown = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", README, re.DOTALL | re.MULTILINE)]
    assert any("ppo" in document.get("model_params", {}) for document in shown)
    for document in shown:
        check_settings(Settings.model_validate(document))


def test_the_params_of_agents_that_the_readme_tells_are_the_defaults():
    told = re.findall(r"`(environments|evaluations|validation|purge)`(?: \(|, )([\d.]+)", README)
    assert {name: float(value) for name, value in told} == {
        name: getattr(params_class("ppo")(), name) for name, _ in told
    }
    assert len(told) == 4
