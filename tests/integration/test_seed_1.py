"""The examples of policies run as they are written, on a small dataset."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.support.models.small_policies import ruled_dataset, small_network

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_each_example_of_a_policy_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ruled_dataset(200).save(Path("data/offline_dataset.npz"))
    ruled_dataset(80, seed=5).save(Path("data/offline_dataset_test.npz"))
    small_network().save("models/rl_bc/policy_best.pt")
    names = {name: runpy.run_path(str(EXAMPLES / f"policy_{name}_example.py")) for name in ("architecture", "ensemble")}
    assert Path("models/rl_large/policy_best.pt").is_file()
    assert 0.0 <= names["architecture"]["metrics"].val_action_acc <= 1.0
    assert len(names["ensemble"]["ensemble"].policies) == 3
    capsys.readouterr()
    assert runpy.run_path(str(EXAMPLES / "policy_evaluation_example.py"))["accuracy"] > 0.7
    printed = capsys.readouterr().out
    assert "Test accuracy: 0." in printed
    assert all(name in printed for name in ("HOLD", "BUY", "SELL"))
