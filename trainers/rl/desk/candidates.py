"""Candidates: the policies that agents come by while they learn, each judged on bars that none of them learns from."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.callbacks.ready_made import Every
from trainers.rl.training.checkpoint import checkpoints
from trainers.rl.training.config import RLTrainingConfig
from trainers.rl.training.loop import train_rl_agent
from trainers.safe_files import described, json_bytes, read_json, read_tensors, tensor_bytes

if TYPE_CHECKING:
    from trainers.interface import Progress, TrainingContext
    from trainers.rl.desk.span_split import Lesson

log = logging.getLogger(__name__)

DONE = "done.json"
# How the codes of errors begin that are raised over what is kept: it is damaged, or of another training.
_UNUSABLE = ("model.", "agent.other_", "training.other_")


class _Judged(Section):
    """What is kept beside a policy."""

    step: int
    figures: dict[str, Any]


class _Done(Section):
    """What is kept of a training that has ended."""

    timesteps: int
    seconds: float
    steps_per_second: float | None
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A policy, the steps after which it was, and what it earned on the validation bars."""

    policy: CompiledPolicy
    step: int
    figures: dict[str, Any]

    @property
    def score(self) -> float:
        """Its Sharpe ratio; 0 where it never traded, since that is cash, and nothing worse where there is none."""
        if self.figures["sharpe_ratio"] is not None:
            return float(self.figures["sharpe_ratio"])
        return 0.0 if self.figures["exposure"] == 0.0 else float("-inf")


@dataclass(frozen=True, eq=False)
class Learner:
    """One agent after its training: its candidates in their order, and what its training took."""

    candidates: tuple[Candidate, ...]
    facts: dict[str, Any]

    @property
    def best(self) -> Candidate:
        """The one with the highest score; of equals the earliest."""
        return max(self.candidates, key=lambda candidate: candidate.score)


def learn(lesson: Lesson, agent_type: str, number: int, folder: Path, context: TrainingContext) -> Learner:
    """Train an agent of seed number `number` and judge it on its way; what `folder` holds of it is not done again.

    Unless that cannot be used: then it is dropped, and the agent starts over.
    """
    try:
        return _learner(lesson, agent_type, number, folder, context)
    except NightdeskError as error:
        if not error.code.startswith(_UNUSABLE):
            raise
        log.warning("What was kept of seed %d cannot be used, so that it starts over: %s", number + 1, error.message)
    shutil.rmtree(folder)
    context.report(number / lesson.params.seeds, f"seed {number + 1} starts over: what was kept cannot be used")
    return _learner(lesson, agent_type, number, folder, context)


def _learner(lesson: Lesson, agent_type: str, number: int, folder: Path, context: TrainingContext) -> Learner:
    if not (folder / DONE).exists():
        _train(lesson, agent_type, number, folder, context)
    candidates = tuple(_candidate(path) for path in sorted(folder.glob("policy_*.safetensors")))
    return Learner(candidates, described(DONE, _Done, read_json(folder / DONE)).model_dump())


def _candidate(path: Path) -> Candidate:
    tensors, about = read_tensors(path)
    judged = described(path.name, _Judged, about)
    return Candidate(CompiledPolicy.from_tensors(tensors), judged.step, judged.figures)


def _train(lesson: Lesson, agent_type: str, number: int, folder: Path, context: TrainingContext) -> None:
    params, env = lesson.params, TradingEnvironment(lesson.market)
    seed = int(np.random.SeedSequence([context.seed, number]).generate_state(1)[0])
    agent = create_rl_agent(
        agent_type,
        env.observation_space_dim,
        env.action_space_dim,
        params.agent,
        action_space=env.action_space,
        seed=seed,
        device=context.device,
    )
    config = RLTrainingConfig(
        total_timesteps=params.total_timesteps,
        eval_frequency=None,
        environments=params.environments,
        seed=seed,
        progress=False,
        checkpoint_folder=folder,
        checkpoint_frequency=lesson.between,
    )
    judge = _Judge(lesson, folder, _unless_ending(context, number, params.seeds), _scores(context, lesson, number))
    resume_from = folder if checkpoints(folder) else None
    told = train_rl_agent(agent, env, config, [judge], resume_from=resume_from, should_stop=context.should_stop)
    context.end_if_requested((number + min(told["timesteps"] / params.total_timesteps, 1.0)) / params.seeds, "learning")
    judge.judge(agent, told["timesteps"], 1.0)
    facts = {name: told[name] for name in ("timesteps", "seconds", "steps_per_second")}
    publish_bytes(folder / DONE, json_bytes(_Done(**facts, seed=seed, device=agent.device).model_dump()))
    for checkpoint in checkpoints(folder):
        shutil.rmtree(checkpoint)


def _unless_ending(context: TrainingContext, number: int, seeds: int) -> Progress:
    """Tells how far all agents are, but no more once an end was asked for, which comes between two rollouts."""

    def tell(fraction: float, message: str) -> None:
        if not context.should_stop():
            which = f"seed {number + 1} of {seeds}, " if seeds > 1 else ""
            context.progress((number + fraction) / seeds, which + message)

    return tell


def _scores(context: TrainingContext, lesson: Lesson, number: int) -> Callable[[int, float], None]:
    """Reports validation scores to a search, by the steps of all agents so far; a ruined policy has none."""

    def report(step: int, score: float) -> None:
        if math.isfinite(score):
            context.report_score(number * lesson.params.total_timesteps + step, score)

    return report


class _Judge(RLCallback):
    """Judges the agent again and again while it learns, and keeps each policy with what it earned.

    Only one that has learned since it was judged last: not the weights it began with, and none twice.
    """

    def __init__(
        self,
        lesson: Lesson,
        folder: Path,
        tell: Callable[[float, str], None],
        report_score: Callable[[int, float], None],
    ) -> None:
        self.lesson, self.folder, self.tell, self.report_score = lesson, folder, tell, report_score
        self.every, self.updates = Every(lesson.between), 0

    def on_step(self, training: TrainingView) -> None:
        """Judge it if it is time; at the end it is judged once more, with all that it has learned."""
        due = self.every.due(training.timesteps) and training.fraction < 1.0
        if due and training.agent.updates > self.updates:
            self.judge(training.agent, training.timesteps, training.fraction)

    def judge(self, agent: RLAgent, step: int, fraction: float) -> None:
        """Keep the agent's present policy with its figures."""
        self.updates = agent.updates
        policy = CompiledPolicy(agent.layers())
        figures = self.lesson.judged(policy)
        about = {"step": step, "figures": figures}
        publish_bytes(self.folder / f"policy_{step:012d}.safetensors", tensor_bytes(policy.tensors(), about))
        self.tell(fraction, f"{step:,} steps, {in_words(figures)}")
        self.report_score(step, Candidate(policy, step, figures).score)

    def state(self) -> dict[str, Any]:
        """How often it has judged, and after how many updates."""
        return {"passed": self.every.passed, "updates": self.updates}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.every.passed, self.updates = state["passed"], state["updates"]


def in_words(figures: dict[str, Any]) -> str:
    """What a policy earned, for who watches."""
    sharpe = figures["sharpe_ratio"]
    if sharpe is None:
        return "never trades" if figures["exposure"] == 0.0 else "no Sharpe ratio on validation"
    return f"Sharpe {sharpe:.2f} and drawdown {figures['max_drawdown']:.1f} % on validation"
