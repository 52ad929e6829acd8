"""Fine-tuning a cloned policy by reinforcement: PPO or A2C, from exactly the action probabilities that it has."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data_pipeline.bars.bars import Bars
from data_pipeline.policy_states.states import MarketStates
from evaluation.signals import Sell
from trainers.cloning.policy.network.inference import RlPolicy
from trainers.cloning.policy.network.nets import ACTIONS, AttentionPolicyNet, MultiTaskPolicyNet, PolicyNet
from trainers.cloning.policy.network.serving import ServedPolicy
from trainers.rl.agents.configs import A2CConfig, ActorCriticConfig, PPOConfig
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.spaces import DiscreteActions
from trainers.rl.environments.state_environment import StateEnvironment

LEARNING_RATE, STEPS = 1e-4, 100_000
CONFIGS: dict[str, type[ActorCriticConfig]] = {"ppo": PPOConfig, "a2c": A2CConfig}


class FineTuning:
    """The reinforcement of a cloned policy on the bars of one symbol.

        tuning = FineTuning(load_rl_policy("models/rl_bc/policy_best.pt"), bars, states, "ppo")
        tuning.train(100_000)
        tuning.save("models/rl_ppo/policy_best.pt")

    The actor is a copy of the cloned network without dropout, scaling and attention included, so that before the first
    update its probabilities are the clone's. The critic is new. Buys and sells are as large as the network's own
    strength for the state says, as they are when it serves. Rewards are those of a `TradingEnvironment`, after costs.
    """

    def __init__(
        self,
        policy: RlPolicy,
        bars: Bars,
        states: MarketStates,
        algorithm: Literal["ppo", "a2c"] = "ppo",
        *,
        config: ActorCriticConfig | None = None,
        environment: TradingEnvConfig | None = None,
        sell: Sell = "exit",
        seed: int = 42,
    ) -> None:
        self._algorithm, self._seed, self._timesteps = algorithm, seed, 0
        self.network = network_of(policy.policy)
        self.environment = StateEnvironment(bars, states, self._strength, environment, sell)
        # The network scales states by itself; an agent's own running scale would change what it decides.
        own = (config or CONFIGS[algorithm](learning_rate=LEARNING_RATE)).model_dump()
        self.agent = create_rl_agent(
            algorithm,
            policy.policy.inputs,
            ACTIONS,
            CONFIGS[algorithm].model_validate(own | {"normalise_observations": False}),
            action_space=DiscreteActions(n=ACTIONS).space(),
            seed=seed,
        )
        self._begin_from_the_clone()

    def probabilities(self, states: NDArray[Any]) -> NDArray[np.float64]:
        """The agent's probabilities of hold, buy and sell [rows, 3]."""
        rows = torch.as_tensor(np.asarray(states), dtype=torch.float32)
        with torch.no_grad():
            distribution = self.agent.algorithm.policy.get_distribution(rows).distribution
        probabilities: NDArray[np.float64] = distribution.probs.double().numpy()
        return probabilities

    def train(self, total_timesteps: int = STEPS) -> dict[str, Any]:
        """Play and learn for so many bars; returns steps, updates and the mean reward of the newest episodes."""
        facts = self.agent.train(self.environment, total_timesteps, seed=self._seed)
        self._timesteps += facts["timesteps"]
        return facts

    def save(self, path: str | Path) -> None:
        """Publish the tuned policy as a file for `load_rl_policy`; what the clone measured describes it no longer."""
        self.network.save(path, {"fine_tuned_by": self._algorithm, "timesteps": self._timesteps})

    def _begin_from_the_clone(self) -> None:
        policy = self.agent.algorithm.policy
        policy.mlp_extractor.policy_net = _Hidden(self.network)
        policy.action_net = self.network.head_action
        kind, options = policy.optimizer_class, policy.optimizer_kwargs
        policy.optimizer = kind(policy.parameters(), lr=self.agent.config.learning_rate, **options)

    def _strength(self, state: NDArray[np.float32]) -> float:
        with torch.no_grad():
            return float(self.network(torch.from_numpy(state[None]))[1])


class _Hidden(nn.Module):
    """The network up to its last hidden layer."""

    def __init__(self, network: PolicyNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, states: Tensor) -> Tensor:
        """[rows, hidden_dim]."""
        return self.network.hidden(states)


def network_of(served: ServedPolicy) -> PolicyNet:
    """The network in torch whose arrays these are, without dropout; it decides the same."""
    head = served.heads["action"]
    hidden = head.policy.layers.layers[:-1]
    kind = AttentionPolicyNet if head.attention else MultiTaskPolicyNet if "risk" in served.heads else PolicyNet
    network = kind(served.inputs, len(hidden[0][1]), len(hidden), 0.0)
    network.scale(torch.from_numpy(head.policy.layers.mean.copy()), torch.from_numpy(head.policy.layers.std.copy()))
    if head.attention and network.attention is not None:
        _fill(network.attention, head.attention)
    linears = [module for module in network.backbone if isinstance(module, nn.Linear)]
    for linear, pair in zip(linears, hidden, strict=True):
        _fill(linear, pair)
    for name, each in served.heads.items():
        # Half of the strength's last layer stands in the arrays, since they squash it by a hyperbolic tangent.
        _fill(getattr(network, f"head_{name}"), each.policy.layers.layers[-1], 2.0 if name == "strength" else 1.0)
    return network.eval()


@torch.no_grad()
def _fill(linear: nn.Linear, pair: tuple[NDArray[np.float32], NDArray[np.float32]], scale: float = 1.0) -> None:
    weight, bias = (torch.from_numpy(copy.copy(part)) * scale for part in pair)
    linear.weight.copy_(weight.T)
    linear.bias.copy_(bias)
