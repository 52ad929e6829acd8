"""The choices of the six agents; light, so that a config can be checked without loading torch."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from config.dataclass_section import DataclassSection

Positive = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=8_192)]
Memory = Annotated[int, Field(ge=1, le=10_000_000)]
Rate = Annotated[float, Field(gt=0.0)]
LearningRate = Annotated[float, Field(gt=0.0, le=1.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class AgentConfig(DataclassSection):
    """What every agent has: two hidden layers of `hidden_dim`, a learning rate, a discount."""

    leading_fields = ("hidden_dim", "learning_rate", "gamma")
    # What makes the networks: weights fit only where these are the same.
    architecture: ClassVar[tuple[str, ...]] = ("hidden_dim",)

    hidden_dim: Width = 256
    learning_rate: LearningRate = 3e-4
    # Linearly to zero over a training, or constant.
    learning_rate_decays: bool = False
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.99
    # Off: statistics stay as they are, at mean 0 and variance 1 if they never learnt.
    normalise_observations: bool = True

    @abstractmethod
    def learns_after(self, environments: int) -> int:
        """How many steps of so many environments together are played until it learns for the first time."""


class ActorCriticConfig(AgentConfig):
    """What learns from what it has just done, and forgets it."""

    gae_lambda: Share = 1.0
    ent_coef: NotNegative = 0.01
    vf_coef: NotNegative = 0.5
    max_grad_norm: Rate = 0.5


class PPOConfig(ActorCriticConfig):
    """Schulman et al. 2017. `n_steps` is the length of a rollout in total, over all environments."""

    gae_lambda: Share = 0.95
    n_steps: Annotated[int, Field(ge=2)] = 2048
    batch_size: Annotated[int, Field(ge=2)] = 64
    n_epochs: Positive = 10
    clip_range: Rate = 0.2

    def learns_after(self, environments: int) -> int:
        """After a rollout, in which each environment plays a step at least."""
        return max(self.n_steps, environments)


class A2CConfig(ActorCriticConfig):
    """Mnih et al. 2016, synchronous. `n_steps` is what each environment plays between two updates."""

    learning_rate: LearningRate = 7e-4
    n_steps: Positive = 5

    def learns_after(self, environments: int) -> int:
        """After `n_steps` of each."""
        return self.n_steps * environments


class ReplayConfig(AgentConfig):
    """What learns from memory: `gradient_steps` updates after every `train_freq` steps of all environments at once."""

    buffer_size: Memory = 100_000
    learning_starts: Annotated[int, Field(ge=0)] = 1_000
    batch_size: Positive = 256
    tau: Annotated[float, Field(gt=0.0, le=1.0)] = 0.005
    train_freq: Positive = 1
    gradient_steps: Positive = 1

    def learns_after(self, environments: int) -> int:
        """When it has played its first steps at random, at the end of a round."""
        return max(self.learning_starts + 1, self.train_freq * environments)


class DQNConfig(ReplayConfig):
    """Dueling (Wang et al. 2016) and double (van Hasselt et al. 2016) Q-learning, exploring less and less."""

    learning_rate: LearningRate = 1e-4
    batch_size: Positive = 64
    train_freq: Positive = 4
    exploration_initial: Share = 1.0
    exploration_final: Share = 0.01
    # The part of a training over which exploration falls from the first to the second.
    exploration_fraction: Share = 0.1
    max_grad_norm: Rate = 10.0


class SACConfig(ReplayConfig):
    """Haarnoja et al. 2018, with the temperature learnt."""


class TD3Config(ReplayConfig):
    """Fujimoto et al. 2018. Noises are in units of half the action's range."""

    policy_delay: Positive = 2
    target_noise: NotNegative = 0.2
    target_noise_clip: NotNegative = 0.5
    exploration_noise: NotNegative = 0.1


class DDPGConfig(ReplayConfig):
    """Lillicrap et al. 2016: `learning_rate` is the actor's; Ornstein-Uhlenbeck noise with one step a bar."""

    learning_rate: LearningRate = 1e-4
    critic_learning_rate: LearningRate = 1e-3
    noise_theta: NotNegative = 0.15
    noise_sigma: NotNegative = 0.2


CONFIGS: dict[str, type[AgentConfig]] = {
    "ppo": PPOConfig,
    "dqn": DQNConfig,
    "sac": SACConfig,
    "td3": TD3Config,
    "ddpg": DDPGConfig,
    "a2c": A2CConfig,
}
