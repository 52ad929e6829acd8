"""The table of agents: one entry is all that an agent needs, and every config explains itself."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from trainers import registry
from trainers.rl.agents.factory import list_available_agents
from trainers.rl.agents.specs import AGENTS, AgentSpec, agents_with

ROOT = Path(__file__).parents[5]
every_agent = pytest.mark.parametrize("spec", AGENTS.values(), ids=AGENTS)

# A seventh agent, of a config and an algorithm of its own, added by its one entry.
_SEVENTH = """
import sys
from pathlib import Path

from trainers.rl.agents import specs as agent_specs
from trainers.rl.agents.configs import PPOConfig
from trainers.rl.agents.algorithms.on_policy import PPO


class NarrowConfig(PPOConfig):
    hidden_dim: int = 4


class Narrow(PPO):
    pass


agent_specs.AGENTS["narrow"] = agent_specs.AgentSpec(
    "narrow", "Narrow PPO - four units", "PPO with four units.", NarrowConfig, "__main__:Narrow", ("discrete",)
)

from tests.support.markets.easy import easy_task
from trainers import TrainingContext, create_rl_agent, list_available_agents, registry

assert "narrow" in registry.names() and registry.describe()["narrow"] == "PPO with four units."
assert list_available_agents()["narrow"] == "Narrow PPO - four units"

agent = create_rl_agent("narrow", 6, 3)
assert isinstance(agent.algorithm, Narrow) and agent.action_space.n == 3
file = Path(sys.argv[1], "agent.safetensors")
agent.save(file)
create_rl_agent("narrow", 6, 3).load(file)

watched = {"window_size": 2, "features": ["return_5"]}
small = {"total_timesteps": 64, "agent": {"n_steps": 32, "batch_size": 16}, "environment": watched, "evaluations": 1}
params = registry.validate_params("narrow", small)
assert type(params).__name__ == "NarrowParams" and params.environment.actions == "discrete"
model = registry.get("narrow").train(easy_task("a2c", params=params, expert_log=None), TrainingContext())
model.save(Path(sys.argv[1]))
assert registry.get("narrow").load(Path(sys.argv[1])).description == model.description
"""


@pytest.mark.slow
def test_an_agent_is_added_by_one_entry(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SEVENTH, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_table_is_read_without_loading_what_only_a_training_needs() -> None:
    heavy = "numpy", "pandas", "numba", "torch", "gymnasium", "stable_baselines3"
    check = (
        "import sys, trainers.rl.agents.specs, trainers.rl.desk.params;"
        f"sys.exit(str(loaded) if (loaded := [name for name in {heavy} if name in sys.modules]) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@every_agent
def test_everything_that_lists_agents_derives_from_the_table(spec: AgentSpec) -> None:
    kind = registry.get(spec.name)
    assert (kind.name, kind.description) == (spec.name, spec.description)
    assert registry.describe()[spec.name] == spec.description
    assert list_available_agents()[spec.name] == spec.title
    assert kind.params.model_fields["agent"].annotation is spec.config
    assert kind.params().environment.actions == spec.actions[0]  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(kind.params())) == kind.params(), "other processes know the class too"
    assert all(spec.name in agents_with(actions) for actions in spec.actions)


@every_agent
def test_a_config_explains_its_algorithm_and_every_argument(spec: AgentSpec) -> None:
    document = spec.config.__doc__ or ""
    assert "https://" in document, "its paper"
    assert " = " in document or "maximise" in document, "its equations"
    whole = "\n".join(parent.__doc__ or "" for parent in spec.config.__mro__)
    for field in spec.config.model_fields:
        assert f"{field}: " in whole, field
    module, _, name = spec.algorithm.partition(":")
    assert getattr(import_module(module), name).__doc__
