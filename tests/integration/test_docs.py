"""The commands that the documents show run as they stand, one after the other in one home."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from config.paths import Home
from tests.support.desks.running_desk import RunningDesk
from tests.support.documents import DOCUMENTS, GUIDES, ROOT, WITH_A_DESK, commands, python_blocks, unmarked_commands

# No test reaches the world: a client that tries is refused at once, and the sample market takes over.
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
# The first makes the config that all others work with.
PAGES = ("quickstart.md", "README.md", "data.md", "traders.md", "models.md", "monitoring.md")
PAGES += ("python.md", "backups.md", "deployment.md")
# So that the commands of all documents take a minute or two: short histories, small forests, few folds, an easy gate.
SMALL = {
    "symbols": ["AAPL"],
    "api": {"port": 0},
    "model_params": {"behavioral_cloner": {"n_estimators": 5}},
    "training_params": {"lookback_days": 900},
    "walk_forward": {"train": 2000, "test": 1000},
    "promotion": {"min_trades": 1, "confidence": 0.51},
}


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("documents"))


def _run(home, command):
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NIGHTDESK_HOME"},
        **OFFLINE,
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "-c", command],
        cwd=home.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _shrink(home):
    settings = json.loads(home.config.read_text())
    home.config.write_text(json.dumps({**settings, **SMALL}))


def _document(name):
    return next(page for page in GUIDES if page.name == name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_document_run_in_their_order(shared_home, name):
    for command in commands(_document(name)):
        done = _run(shared_home, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if "nightdesk init" in command:
            _shrink(shared_home)


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the documents call the API with curl")
def test_the_calls_of_the_api_that_the_documents_show_are_answered(shared_home):
    calls = commands(_document("api.md"), WITH_A_DESK)
    assert len(calls) >= 5
    with RunningDesk(shared_home, environment=OFFLINE) as desk:
        for command in calls:
            done = _run(shared_home, command.replace("http://127.0.0.1:8642", desk.url))
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(300)
def test_the_cloner_in_the_documents_runs(shared_home):
    """The training of an agent there is run, shorter, in `test_seed_2.py`."""
    (source,) = [block for block in python_blocks(_document("python.md")) if "BehavioralCloner" in block]
    log = shared_home.root / "data" / "samples" / "experts" / "AAPL.csv"
    shutil.copyfile(log, shared_home.root / "trade_logs.csv")
    script = shared_home.root / "cloner.py"
    script.write_text(source)
    done = _run(shared_home, f"PYTHONPATH={ROOT} {sys.executable} cloner.py")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\[(-1|0|1)\]", done.stdout)


@pytest.mark.timeout(300)
def test_a_dataset_of_decisions_is_made_and_trained_on_as_the_documents_show(shared_home):
    (source,) = [block for block in python_blocks(_document("models.md")) if "OfflineDatasetGenerator" in block]
    lines = _document("models.md").read_text().splitlines()
    (training,) = [line.strip() for line in lines if line.startswith("    nightdesk train --model-type policy_cloner")]
    (shared_home.root / "decisions.py").write_text(source)
    made = _run(shared_home, f"PYTHONPATH={ROOT} {sys.executable} decisions.py")
    assert made.returncode == 0, made.stderr
    assert "Saved to: data/offline_dataset.npz" in made.stdout
    trained = _run(shared_home, training.replace("--epochs 20", "--epochs 2"))
    assert trained.returncode == 0, trained.stderr
    assert (shared_home.root / "models/rl_bc/policy_best.pt").is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda page: page.name)
def test_no_command_of_nightdesk_is_shown_that_is_not_run(document):
    assert unmarked_commands(document) == []
