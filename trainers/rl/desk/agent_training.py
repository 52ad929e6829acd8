"""The training of one agent on one market, resumable from its files, and the policy it has at a given step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from config.publish import publish_bytes
from config.section import Section
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.market import Market
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.callbacks.ready_made import Every
from trainers.rl.training.checkpoint import checkpoints
from trainers.rl.training.config import RLTrainingConfig
from trainers.rl.training.loop import train_rl_agent
from trainers.safe_files import corrupt, described, read_tensors, tensor_bytes

if TYPE_CHECKING:
    from trainers.interface import TrainingContext
    from trainers.rl.desk.params import RLParams

_POLICY = "policy.safetensors"


@dataclass(frozen=True, eq=False)
class AgentTraining:
    """How the agent of seed number `number` is trained: on any market it begins with the same weights and draws.

    Args:
        agent_type: a name in `AGENTS`.
        params: its config, its environment, the steps and the seeds of the whole task.
        folder: where its checkpoints are, and what it has come to.
        context: of the task.
    """

    agent_type: str
    params: RLParams
    number: int
    folder: Path
    context: TrainingContext

    @cached_property
    def seed(self) -> int:
        """The seed of this agent."""
        return int(np.random.SeedSequence([self.context.seed, self.number]).generate_state(1)[0])

    def run(self, market: Market, callback: RLCallback) -> tuple[RLAgent, dict[str, Any]]:
        """Train on the market to the end, or until the callback ends it, from the newest checkpoint on.

        Returns the agent and the metrics of the training.
        """
        env = TradingEnvironment(market)
        agent = create_rl_agent(
            self.agent_type,
            env.observation_space_dim,
            env.action_space_dim,
            self.params.agent,
            action_space=env.action_space,
            seed=self.seed,
            device=self.context.device,
        )
        config = RLTrainingConfig(
            total_timesteps=self.params.total_timesteps,
            eval_frequency=None,
            environments=self.params.environments,
            seed=self.seed,
            progress=False,
            checkpoint_folder=self.folder,
            checkpoint_frequency=self.params.evaluation_interval,
        )
        resume_from = self.folder if checkpoints(self.folder) else None
        stop = self.context.should_stop
        return agent, train_rl_agent(agent, env, config, [callback], resume_from=resume_from, should_stop=stop)

    def forget_checkpoints(self) -> None:
        """Delete the checkpoints of a training that has ended."""
        for checkpoint in checkpoints(self.folder):
            shutil.rmtree(checkpoint)


class _PolicyMetadata(Section):
    """The metadata stored with a policy that has learned from every bar."""

    seed: int
    step: int


def policy_after(training: AgentTraining, market: Market, step: int) -> CompiledPolicy:
    """The policy of the agent after `step` steps on the market; a stored one is read.

    Its schedules (of exploration, of the learning rate) are those of the whole training, of which it is a part.
    """
    path = training.folder / _POLICY
    if not path.exists():
        _train_until(training, market, step, path)
    tensors, description = read_tensors(path)
    if described(path.name, _PolicyMetadata, description) != _PolicyMetadata(seed=training.seed, step=step):
        raise corrupt(path.name, f"it is not of the seed {training.seed} after {step} steps")
    return CompiledPolicy.from_tensors(tensors)


def _train_until(training: AgentTraining, market: Market, step: int, path: Path) -> None:
    last = training.params.seeds
    context, share = training.context, training.params.share

    def report(fraction: float) -> None:
        if not context.should_stop():
            context.progress(
                share(last, fraction), f"learning from every bar, {fraction * step:,.0f} of {step:,} steps"
            )

    callback = _UntilStep(training.params, step, report)
    agent, result = training.run(market, callback)
    if callback.policy is None:
        context.end_if_requested(share(last, min(result["timesteps"] / step, 1.0)), "learning from every bar")
    policy = callback.policy or CompiledPolicy(agent.layers())
    metadata = _PolicyMetadata(seed=training.seed, step=step)
    publish_bytes(path, tensor_bytes(policy.tensors(), metadata.model_dump()))
    training.forget_checkpoints()


class _UntilStep(RLCallback):
    """Ends a training at a step before its last one, with the policy that the agent has there."""

    def __init__(self, params: RLParams, step: int, report: Callable[[float], None]) -> None:
        self.step, self.last, self.report = step, params.total_timesteps, report
        self.every = Every(max(step // 10, 1))
        self.policy: CompiledPolicy | None = None

    def on_step(self, training: TrainingView) -> bool | None:
        """Store the policy as soon as the step is reached, and end the training; the last step is its own end."""
        if self.every.due(training.timesteps):
            self.report(min(training.timesteps / self.step, 1.0))
        if training.timesteps < self.step or self.step >= self.last:
            return None
        self.policy = CompiledPolicy(training.agent.layers())
        return False
