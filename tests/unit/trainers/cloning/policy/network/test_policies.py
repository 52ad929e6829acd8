"""Networks, their files, and how they decide without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from config.errors import NightdeskError, UsageError
from tests.support.models.small_policies import ruled_dataset, small_network
from trainers.cloning.policy.network.file import PolicyDescription
from trainers.cloning.policy.network.inference import (
    Action,
    PolicyEnsemble,
    RlPolicy,
    load_ensemble,
    load_rl_policy,
)
from trainers.cloning.policy.network.nets import AttentionPolicyNet, MultiTaskPolicyNet, PolicyNet
from trainers.safe_files import tensor_bytes

STATES = ruled_dataset(50, seed=4).states
KINDS = ("plain", "attention", "multi_task")


@dataclass(frozen=True)
class State:
    features: np.ndarray


def test_networks_have_the_heads_and_sizes_of_their_kind() -> None:
    rows = torch.from_numpy(STATES)
    assert [tuple(out.shape) for out in PolicyNet()(rows)] == [(50, 3), (50,)]
    assert [tuple(out.shape) for out in AttentionPolicyNet(34)(rows)] == [(50, 3), (50,)]
    assert [tuple(out.shape) for out in MultiTaskPolicyNet(state_dim=34)(rows)] == [(50, 3), (50,), (50,), (50, 3)]
    expected = (34 * 128 + 128) + (128 * 128 + 128) + (128 * 3 + 3) + (128 + 1)
    assert sum(weight.numel() for weight in PolicyNet().parameters()) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_without_torch_it_decides_as_the_network_does(kind: str) -> None:
    network = small_network(kind)
    with torch.no_grad():
        logits, strengths = network(torch.from_numpy(STATES))[:2]
    probabilities, served = network.served().decide(STATES)
    assert np.abs(probabilities - logits.softmax(1).numpy()).max() < 1e-5
    assert np.abs(served - strengths.numpy()).max() < 1e-5
    alone = [network.served().decide(STATES[i : i + 1])[0][0] for i in range(5)]
    assert np.array_equal(alone, probabilities[:5])


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_policy_decides_the_same_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    network = small_network(kind)
    network.save(tmp_path / "policy_best.pt", {"val_action_acc": 0.75})
    policy = load_rl_policy(tmp_path / "policy_best.pt", device="cpu")
    assert policy.get_metadata()["val_action_acc"] == 0.75
    for each, expected in zip(policy.policy.decide(STATES), network.served().decide(STATES), strict=True):
        assert np.array_equal(each, expected)


def test_a_policy_takes_an_array_or_a_state_with_features_and_gives_an_action_with_a_name() -> None:
    policy = _loaded()
    bullish = STATES[0].copy()
    bullish[20] = 0.95
    action, strength = policy.predict(bullish)
    assert (action, action.name, action.value) == (Action.BUY, "BUY", 1)
    assert 0.0 <= strength <= 1.0
    again, _, probabilities = policy.predict(State(bullish), return_probs=True)
    assert again is action
    assert probabilities[1] == probabilities.max()
    assert probabilities.sum() == pytest.approx(1.0)
    bearish = bullish.copy()
    bearish[20] = 0.05
    assert policy.predict(bearish)[0].name == "SELL"


@pytest.mark.parametrize("wrong", [np.zeros(33), np.full(34, np.nan), np.zeros((2, 17))])
def test_a_state_of_another_size_or_with_a_gap_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(NightdeskError, match="34 finite numbers") as refused:
        _loaded().predict(wrong)
    assert refused.value.code == "policy.state"


def test_a_multi_task_policy_also_gives_an_outlook(tmp_path: Path) -> None:
    network = small_network("multi_task")
    network.save(tmp_path / "p.pt")
    expected, regimes = load_rl_policy(tmp_path / "p.pt").outlook(STATES[0])
    with torch.no_grad():
        _, _, returns, risks = network(torch.from_numpy(STATES[:1]))
    assert expected == pytest.approx(float(returns[0]) / 100.0, abs=1e-6)
    assert regimes == pytest.approx(risks[0].softmax(0).numpy(), abs=1e-5)
    with pytest.raises(UsageError, match="actions and strengths alone"):
        _loaded().outlook(STATES[0])


def test_an_ensemble_votes_by_majority_and_means_strengths() -> None:
    rows = {"a": (Action.BUY, 0.9, [0.1, 0.6, 0.3]), "b": (Action.BUY, 0.6, [0.2, 0.5, 0.3])}
    rows["c"] = (Action.SELL, 0.3, [0.0, 0.0, 1.0])
    action, strength, probabilities = PolicyEnsemble([_Fixed(*row) for row in rows.values()]).predict(  # type: ignore[misc]
        STATES[0], return_probs=True
    )
    assert (action, strength) == (Action.BUY, pytest.approx(0.6))
    assert probabilities == pytest.approx([0.1, 1.1 / 3, 1.6 / 3])
    tied = PolicyEnsemble([_Fixed(*rows["a"]), _Fixed(*rows["c"])])  # type: ignore[list-item]
    assert tied.predict(STATES[0])[0] is Action.SELL
    with pytest.raises(UsageError):
        PolicyEnsemble([])


@dataclass(frozen=True)
class _Fixed:
    action: Action
    strength: float
    probabilities: list[float]

    def predict(self, _state: object, return_probs: bool = False) -> tuple[Action, float, np.ndarray]:
        return self.action, self.strength, np.array(self.probabilities)


def test_files_that_hold_no_policy_are_refused_with_a_cure_of_this_family(tmp_path: Path) -> None:
    torch.save(PolicyNet(hidden_dim=4).state_dict(), tmp_path / "pickled.pt")
    (tmp_path / "foreign.pt").write_bytes(tensor_bytes({"weight": np.zeros(3)}, {"agent": {}}))
    small_network().save(tmp_path / "whole.pt")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:-9])
    codes = {"pickled": "model.unsafe", "foreign": "policy.foreign", "torn": "model.corrupt", "gone": "policy.missing"}
    for name, code in codes.items():
        with pytest.raises(NightdeskError) as refused:
            load_ensemble([tmp_path / f"{name}.pt"])
        assert refused.value.code == code
        assert "forest" not in refused.value.cure
    with pytest.raises(NightdeskError, match="never read") as refused:
        load_rl_policy(tmp_path / "pickled.pt")
    assert "BehaviorCloningTrainer" in refused.value.cure
    assert "load_state_dict of a PolicyNet" in refused.value.cure
    with pytest.raises(UsageError, match="tpu"):
        load_rl_policy(tmp_path / "whole.pt", device="tpu")


def test_serving_a_policy_loads_no_torch(tmp_path: Path) -> None:
    small_network().save(tmp_path / "p.pt")
    code = (
        "import sys, numpy as np\n"
        "from trainers.cloning.policy.network.inference import load_rl_policy\n"
        f"print(load_rl_policy({str(tmp_path / 'p.pt')!r}).predict(np.zeros(34))[0].name)\n"
        "assert 'torch' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() in {"HOLD", "BUY", "SELL"}


def _loaded() -> RlPolicy:
    return RlPolicy(small_network().served(), PolicyDescription(config={}, metadata={}))
