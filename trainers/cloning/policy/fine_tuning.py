"""Fine-tuning: a cloned policy learns on from what its positions earn, by PPO or A2C."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from config.errors import UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.offline.experiences import market_states
from trainers.cloning.policy.network.file import PolicyDescription
from trainers.cloning.policy.network.inference import RlPolicy
from trainers.cloning.policy.network.serving import Head, ServedPolicy
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.fine_tuning.state_environment import StateEnvironment
from trainers.rl.fine_tuning.tuner import PolicyTuner
from trainers.rl.serving.policy import CompiledPolicy

AlgorithmName = Literal["ppo", "a2c"]
ALGORITHMS = ("ppo", "a2c")


class FineTuning:
    """A cloned policy that learns from rewards; before the first step it acts by exactly the cloned probabilities.

    tuning = FineTuning(load_rl_policy("models/rl_bc/policy_best.pt"), bars, algorithm="ppo")
    tuning.learn(100_000).save("models/rl_ppo/policy_best.pt")

    Only the choice of actions is tuned: strengths stay those of the clone.

    Args:
        policy: the clone.
        bars: of one symbol, to play on; keep later ones to judge it by.
        headlines: of the symbol (`seen_at`, `title`), if there are any.
        macro: of the whole market.
        algorithm: ppo or a2c.
        learning_rate: a tenth of the clone's by default, so that what it has learned is moved and not lost.
        environment: account, costs, reward and length of an episode; whether a sell may go short.
        seed: of everything that is drawn by lot.
    """

    def __init__(
        self,
        policy: RlPolicy,
        bars: Bars,
        headlines: pd.DataFrame | None = None,
        macro: pd.DataFrame | None = None,
        *,
        algorithm: AlgorithmName = "ppo",
        learning_rate: float = 1e-4,
        environment: TradingEnvConfig | None = None,
        seed: int = 42,
    ) -> None:
        if algorithm not in ALGORITHMS:
            raise UsageError("policy.algorithm", f"There is no {algorithm!r} to tune by.", "Choose ppo or a2c.")
        self.policy = policy
        self.environment = StateEnvironment(
            bars, market_states(bars, headlines, macro), self._strength, environment or TradingEnvConfig(short=False)
        )
        head = policy.policy.heads["action"]
        self._tuner = PolicyTuner(
            head.policy.layers,
            head.attention,
            self.environment,
            algorithm=algorithm,
            learning_rate=learning_rate,
            seed=seed,
        )
        self._facts = {"algorithm": algorithm, "learning_rate": learning_rate, "seed": seed, "symbol": bars.symbol}

    def probabilities(self, states: np.ndarray) -> np.ndarray:
        """The probabilities of hold, buy and sell from which actions are drawn now."""
        return self._tuner.probabilities(states)

    def learn(self, timesteps: int = 100_000) -> RlPolicy:
        """Play and learn for so many bars; returns the tuned policy, which serves as the clone does."""
        self._tuner.learn(timesteps)
        heads = self.policy.policy.heads
        layers = replace(heads["action"].policy.layers, layers=self._tuner.actor)
        tuned = {**heads, "action": Head(CompiledPolicy(layers), self._tuner.attention)}
        metadata = {"fine_tuning": {**self._facts, "timesteps": timesteps}, "cloned": self.policy.description.metadata}
        description = PolicyDescription(config=self.policy.description.config, metadata=metadata)
        return RlPolicy(ServedPolicy(tuned), description)

    def _strength(self, state: np.ndarray) -> float:
        return float(self.policy.policy.decide(state.reshape(1, -1))[1][0])
