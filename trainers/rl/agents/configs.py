"""The configs of the six agents, each with its equations; light, so that a config is checked without loading torch.

In the equations s, a, r, s' are a state, an action, its reward and the next state; pi is the policy (the actor), V and
Q the critics; a prime marks target networks, which follow by p' <- tau p + (1 - tau) p'.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from config.dataclass_section import DataclassSection
from trainers.flags import Flag

Positive = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=8_192), Flag("--hidden-dim", help="units in each of the two hidden layers")]
Memory = Annotated[int, Field(ge=1, le=10_000_000)]
Rate = Annotated[float, Field(gt=0.0)]
LearningRate = Annotated[float, Field(gt=0.0, le=1.0)]
MainLearningRate = Annotated[LearningRate, Flag("--learning-rate", "--lr", help="learning rate")]
Discount = Annotated[float, Field(gt=0.0, le=1.0), Flag("--gamma", help="discount of a reward one bar later")]
_BATCH_FLAG = Flag("--batch-size", help="rows of a gradient step")
Batch = Annotated[Positive, _BATCH_FLAG]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class AgentConfig(DataclassSection):
    """The fields of every agent config.

    Args:
        hidden_dim: units in each of the two hidden layers of every network.
        learning_rate: step size of the optimiser Adam.
        gamma: discount of a reward one bar later.
        learning_rate_decays: whether the learning rate falls linearly to zero over a training.
        normalise_observations: whether observations are brought to mean 0 and variance 1 by running statistics.
    """

    leading_fields = ("hidden_dim", "learning_rate", "gamma")
    # The fields that shape the networks: weights fit only where these are the same.
    architecture: ClassVar[tuple[str, ...]] = ("hidden_dim",)

    hidden_dim: Width = 256
    learning_rate: MainLearningRate = 3e-4
    learning_rate_decays: bool = False
    gamma: Discount = 0.99
    normalise_observations: bool = True

    @abstractmethod
    def learns_after(self, environments: int) -> int:
        """The step of the first gradient update, counted over this many environments together."""


class ActorCriticConfig(AgentConfig):
    """An on-policy agent: it updates from the rollout it has just played, then discards it.

    Its advantages are generalised (Schulman et al. 2016, https://arxiv.org/abs/1506.02438):

        A_t = sum over k of (gamma gae_lambda)^k delta_(t+k),   delta_t = r_t + gamma V(s_(t+1)) - V(s_t)

    Args:
        gae_lambda: 0 uses the critic's value after one step, 1 the rewards of the whole rollout.
        ent_coef: weight of the policy's entropy in the loss; more explores more.
        vf_coef: weight of the critic's squared error in the loss.
        max_grad_norm: the norm to which gradients are clipped.
    """

    gae_lambda: Share = 1.0
    ent_coef: NotNegative = 0.01
    vf_coef: NotNegative = 0.5
    max_grad_norm: Rate = 0.5


class PPOConfig(ActorCriticConfig):
    """Proximal policy optimisation.

    It differs from A2C in using each rollout for several epochs, while a clipped objective keeps the new policy near
    the one that played the rollout:

        maximise  E[min(w A, clip(w, 1 - clip_range, 1 + clip_range) A)] - vf_coef (V(s) - R)^2 + ent_coef H(pi(s))
        w = pi(a | s) / pi_old(a | s),   R = A + V_old(s)

    Reference: Schulman et al. 2017, Proximal Policy Optimization Algorithms, https://arxiv.org/abs/1707.06347

    Args (with those of `ActorCriticConfig` and `AgentConfig`):
        n_steps: length of a rollout in total, over all environments.
        batch_size: rows of a gradient step.
        n_epochs: passes over each rollout.
        clip_range: how far w may move from 1 before the objective no longer rewards it.
    """

    gae_lambda: Share = 0.95
    n_steps: Annotated[int, Field(ge=2)] = 2048
    batch_size: Annotated[int, Field(ge=2), _BATCH_FLAG] = 64
    n_epochs: Positive = 10
    clip_range: Rate = 0.2

    def learns_after(self, environments: int) -> int:
        """After one rollout, in which each environment plays a step at least."""
        return max(self.n_steps, environments)


class A2CConfig(ActorCriticConfig):
    """Advantage actor-critic, the synchronous form of A3C.

    It differs from PPO in taking one gradient step on each short rollout, without clipping:

        maximise  E[A log pi(a | s)] - vf_coef (V(s) - R)^2 + ent_coef H(pi(s)),   R = A + V(s)

    With gae_lambda 1 the advantage is that of n-step returns.

    Reference: Mnih et al. 2016, Asynchronous Methods for Deep Reinforcement Learning, https://arxiv.org/abs/1602.01783

    Args (with those of `ActorCriticConfig` and `AgentConfig`):
        n_steps: steps that each environment plays between two updates.
    """

    learning_rate: MainLearningRate = 7e-4
    n_steps: Positive = 5

    def learns_after(self, environments: int) -> int:
        """After `n_steps` of each environment."""
        return self.n_steps * environments


class ReplayConfig(AgentConfig):
    """An off-policy agent: it stores every step in a replay buffer, and updates from random batches of it.

    Args:
        buffer_size: steps that are stored; the oldest are overwritten.
        learning_starts: random steps before the first update.
        batch_size: stored steps in a gradient step.
        tau: share by which target networks follow at each update.
        train_freq: steps that each environment plays between two rounds of updates.
        gradient_steps: updates of a round.
    """

    buffer_size: Memory = 100_000
    learning_starts: Annotated[int, Field(ge=0)] = 1_000
    batch_size: Batch = 256
    tau: Annotated[float, Field(gt=0.0, le=1.0)] = 0.005
    train_freq: Positive = 1
    gradient_steps: Positive = 1

    def learns_after(self, environments: int) -> int:
        """At the end of the round in which the random first steps are done."""
        return max(self.learning_starts + 1, self.train_freq * environments)


class DQNConfig(ReplayConfig):
    """Deep Q-network, dueling and double: it learns the value of each discrete action and takes the best.

    It differs from the first DQN in three ways: the value of the state and the advantages of the actions have streams
    of their own (dueling), the online network chooses the action that the target network values (double), and the
    target network follows by `tau` at each update instead of being copied now and then.

        Q(s, a) = V(s) + A(s, a) - mean over b of A(s, b)
        y = r + gamma Q'(s', argmax over b of Q(s', b)),   minimise  Huber(Q(s, a) - y)

    References: Mnih et al. 2015, Human-level control through deep reinforcement learning,
    https://doi.org/10.1038/nature14236; van Hasselt et al. 2016, Double Q-learning, https://arxiv.org/abs/1509.06461;
    Wang et al. 2016, Dueling Network Architectures, https://arxiv.org/abs/1511.06581

    Args (with those of `ReplayConfig` and `AgentConfig`):
        exploration_initial: probability of a random action at the beginning.
        exploration_final: the same at the end of the decay.
        exploration_fraction: the first part of a training, over which it decays linearly from initial to final.
        max_grad_norm: the norm to which gradients are clipped.
    """

    learning_rate: MainLearningRate = 1e-4
    batch_size: Batch = 64
    train_freq: Positive = 4
    exploration_initial: Share = 1.0
    exploration_final: Share = 0.01
    exploration_fraction: Share = 0.1
    max_grad_norm: Rate = 10.0


class SACConfig(ReplayConfig):
    """Soft actor-critic with twin critics and a learned temperature alpha.

    It differs from TD3 in a stochastic policy that is rewarded for its entropy, which explores and smooths the targets.

        y = r + gamma (min over i of Q'_i(s', a') - alpha log pi(a' | s')),   a' drawn from pi(s')
        critics minimise  (Q_i(s, a) - y)^2
        actor maximises  E[min over i of Q_i(s, b) - alpha log pi(b | s)],   b drawn from pi(s)
        alpha minimises  E[-alpha (log pi(b | s) - d)],   d the number of action dimensions

    Reference: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications, https://arxiv.org/abs/1812.05905

    Args: those of `ReplayConfig` and `AgentConfig`.
    """


class TD3Config(ReplayConfig):
    """Twin delayed DDPG.

    It differs from DDPG in three ways, each against overestimated values: the target is the smaller of two critics, the
    actor is updated less often than the critics, and the target's action is smoothed by clipped noise.

        y = r + gamma min over i of Q'_i(s', pi'(s') + e),   e = clip(N(0, target_noise), -c, c)
        critics minimise  (Q_i(s, a) - y)^2
        actor maximises  E[Q_1(s, pi(s))]  at each `policy_delay`-th update

    Reference: Fujimoto et al. 2018, Addressing Function Approximation Error in Actor-Critic Methods,
    https://arxiv.org/abs/1802.09477

    Args (with those of `ReplayConfig` and `AgentConfig`); noises are in units of half the action's range:
        policy_delay: updates of the critics for one of the actor.
        target_noise: standard deviation of the noise on the target's action.
        target_noise_clip: c, to which that noise is clipped.
        exploration_noise: standard deviation of the noise on played actions.
    """

    policy_delay: Positive = 2
    target_noise: NotNegative = 0.2
    target_noise_clip: NotNegative = 0.5
    exploration_noise: NotNegative = 0.1


class DDPGConfig(ReplayConfig):
    """Deep deterministic policy gradient: Q-learning for continuous actions, with an actor in place of the argmax.

        y = r + gamma Q'(s', pi'(s')),   critic minimises  (Q(s, a) - y)^2,   actor maximises  E[Q(s, pi(s))]

    It explores by Ornstein-Uhlenbeck noise, one step a bar, which keeps its direction for some bars:

        x <- x - noise_theta x + noise_sigma N(0, 1)

    Reference: Lillicrap et al. 2016, Continuous control with deep reinforcement learning,
    https://arxiv.org/abs/1509.02971

    Args (with those of `ReplayConfig` and `AgentConfig`); `learning_rate` is the actor's:
        critic_learning_rate: the learning rate of the critic.
        noise_theta: share of the noise that is lost from bar to bar.
        noise_sigma: standard deviation of the noise added per bar, in units of half the action's range.
    """

    learning_rate: MainLearningRate = 1e-4
    critic_learning_rate: LearningRate = 1e-3
    noise_theta: NotNegative = 0.15
    noise_sigma: NotNegative = 0.2
