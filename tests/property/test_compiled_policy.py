"""A compiled policy acts as its agent does, without torch, with the same bits on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import NightdeskError
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.serving.policy import CompiledPolicy, PolicyLayers

ROOT = Path(__file__).parents[2]
INPUTS = 12
AGENTS: list[tuple[str, Any]] = [
    *((name, spaces.Box(-1.0, 1.0, (1,), np.float32)) for name in ("ppo", "a2c", "sac", "td3", "ddpg")),
    *((name, spaces.Discrete(3)) for name in ("ppo", "a2c", "dqn")),
    ("sac", spaces.Box(-2.0, 2.0, (1,), np.float32)),
]


def layers(seed: int = 0, head: Any = "tanh", hidden: int = 16, **changes: Any) -> PolicyLayers:
    """Random layers, as numbers of every size."""
    random = np.random.default_rng(seed)
    sizes = [INPUTS, hidden, hidden, 3 if head == "argmax" else 1]
    pairs = [
        (random.standard_normal((n, m), np.float32) / np.float32(n) ** 0.5, random.standard_normal(m, np.float32))
        for n, m in pairwise(sizes)
    ]
    std = random.random(INPUTS, np.float32) + np.float32(0.1)
    policy_layers = PolicyLayers(random.standard_normal(INPUTS, np.float32), std, pairs, "tanh", head)
    return replace(policy_layers, **changes)


@pytest.mark.parametrize(("name", "space"), AGENTS)
def test_it_acts_as_its_agent(name: str, space: Any) -> None:
    discrete = isinstance(space, spaces.Discrete)
    agent = create_rl_agent(name, INPUTS, 3 if discrete else 1, action_space=space, seed=7, device="cpu")
    random = np.random.default_rng(1)
    agent.algorithm.normaliser.update(3.0 + 2.0 * random.standard_normal((500, INPUTS)))
    policy = CompiledPolicy(agent.layers())
    rows = (3.0 + 10.0 * random.standard_normal((200, INPUTS))).astype(np.float32)
    expected = np.asarray(agent.select_action(rows)).reshape(len(rows))
    acted = [policy.act(row)[0] for row in rows]
    assert len(set(acted)) > 1
    np.testing.assert_allclose(acted, expected, atol=1e-5, rtol=0.0)


@given(row=st.lists(st.floats(-1e6, 1e6, width=32), min_size=INPUTS, max_size=INPUTS), seed=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("head", ["tanh", "clip", "argmax"])
def test_actions_and_confidences_stay_within_their_bounds(head: str, row: list[float], seed: int) -> None:
    action, confidence = CompiledPolicy(layers(seed, head)).act(np.array(row, np.float32))
    if head == "argmax":
        assert action in {0, 1, 2}
        assert 1.0 / 3.0 - 1e-9 <= confidence <= 1.0
    else:
        assert -1.0 <= action <= 1.0
        assert confidence == abs(action)


def test_a_choice_is_surer_the_lower_the_temperature() -> None:
    rows = np.random.default_rng(2).standard_normal((50, INPUTS)).astype(np.float32)
    cold, warm = (CompiledPolicy(layers(head="argmax", temperature=temperature)) for temperature in (0.1, 10.0))
    for row in rows:
        (choice, sure), (same, unsure) = cold.act(row), warm.act(row)
        assert choice == same
        assert sure > unsure


_ACTS = """
import sys, numpy as np
from tests.property.test_compiled_policy import ROWS, bits
sys.stdout.write(bits())
"""
ROWS = np.random.default_rng(3).standard_normal((64, INPUTS)).astype(np.float32)


def bits() -> str:
    """The actions of policies with every head for some rows, to the last bit."""
    actions = [CompiledPolicy(layers(9, head, 64)).act(row) for head in ("tanh", "clip", "argmax") for row in ROWS]
    return np.array(actions, dtype=np.float64).tobytes().hex()


@pytest.mark.slow
def test_its_bits_are_those_of_a_machine_without_vector_instructions(tmp_path: Path) -> None:
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _ACTS],
        cwd=ROOT,
        env={**os.environ, **plain, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == bits()


def test_saved_and_read_it_is_the_same() -> None:
    policy = CompiledPolicy(layers(head="argmax", temperature=0.25))
    loaded = CompiledPolicy.from_tensors(policy.tensors())
    assert [loaded.act(row) for row in ROWS] == [policy.act(row) for row in ROWS]


@pytest.mark.parametrize("row", [np.zeros(INPUTS + 1), np.zeros((1, INPUTS)), np.full(INPUTS, np.nan)])
def test_an_observation_of_another_form_is_refused(row: np.ndarray) -> None:
    with pytest.raises(NightdeskError) as refused:
        CompiledPolicy(layers()).act(row)
    assert refused.value.code == "agent.observation"


def _without(tensors: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: array for other, array in tensors.items() if other != name}


def _with(tensors: dict[str, Any], name: str, at: Any, value: float) -> dict[str, Any]:
    changed = tensors[name].copy()
    changed[at] = value
    return tensors | {name: changed}


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: {},
        lambda t: _without(t, "mean"),
        lambda t: _without(t, "weight_1"),
        lambda t: t | {"more": t["mean"]},
        lambda t: t | {"weight_1": t["weight_1"][:-1]},
        lambda t: t | {"weight_0": t["weight_0"].astype(np.float64)},
        lambda t: t | {"bias_2": np.zeros((1, 1), np.float32)},
        lambda t: t | {"bias_1": np.zeros(0, np.float32)},
        lambda t: t | {"mean": np.float32(0.0)},
        lambda t: t | {"std": t["std"][:1]},
        lambda t: t | {"choices": t["choices"][:1]},
        lambda t: t | {"bounds": t["bounds"].astype(np.float32)},
        lambda t: _with(t, "weight_0", (0, 0), np.nan),
        lambda t: _with(t, "mean", 0, np.inf),
        lambda t: _with(t, "std", 0, 0.0),
        lambda t: _with(t, "choices", 0, 7),
        lambda t: _with(t, "choices", 1, -1),
        lambda t: _with(t, "choices", 1, 2),  # argmax of one output
        lambda t: _with(t, "bounds", 0, np.nan),
        lambda t: _with(t, "bounds", 1, 1.0),  # nothing between low and high
        lambda t: _with(t, "bounds", 3, 0.0),
    ],
)
def test_layers_that_do_not_fit_are_refused(damage: Any) -> None:
    tensors = CompiledPolicy(layers()).tensors()
    with pytest.raises(NightdeskError, match="The policy") as refused:
        CompiledPolicy.from_tensors(damage(tensors))
    assert refused.value.code == "model.corrupt"
