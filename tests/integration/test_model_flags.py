"""A flag of a model type on the command line reaches the networks that are trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.numpy

from config.paths import Home
from tests.support.desks.running_desk import write_config
from trainers import load_artifact

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_train_with_hidden_dim_trains_networks_of_that_width(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    write_config(
        home,
        model_types=["ppo"],
        model_params={"ppo": {"evaluations": 1, "agent": {"n_steps": 512, "hidden_dim": 16}}},
        training_params={"lookback_days": 1500, "steps": 1_024},
    )
    words = ["--home", str(home.root), "train", "--model-type", "ppo", "--symbol", "AAPL", "--hidden-dim", "32"]
    command = [sys.executable, "-m", "daemon.cli", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [folder] = (home.root / "models" / "AAPL" / "ppo").iterdir()
    manifest = load_artifact(folder).manifest
    assert manifest.params["agent"]["hidden_dim"] == 32
    assert manifest.params["agent"]["n_steps"] == 512, "the config's other params stay"
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    assert tensors["bias_0"].shape == tensors["bias_1"].shape == (32,)
