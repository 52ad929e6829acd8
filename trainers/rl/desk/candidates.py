"""Candidates: the policies of agents at several steps of their training, each backtested on the validation bars."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from trainers.rl.agents.agent import RLAgent
from trainers.rl.desk.agent_training import AgentTraining
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.callbacks.ready_made import Every
from trainers.safe_files import described, json_bytes, read_json, read_tensors, tensor_bytes

if TYPE_CHECKING:
    from trainers.interface import Progress, TrainingContext
    from trainers.rl.desk.span_split import SpanSplit

log = logging.getLogger(__name__)

T = TypeVar("T")

DONE = "done.json"
# Prefixes of the error codes for stored files that are damaged or belong to another training.
_UNUSABLE = ("model.", "agent.other_", "training.other_")


class _PolicyMetadata(Section):
    """The metadata stored with a policy."""

    step: int
    figures: dict[str, Any]


class _TrainingSummary(Section):
    """The facts stored when a training has ended."""

    timesteps: int
    seconds: float
    steps_per_second: float | None
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A policy, the training step it is from, and its figures and those of cash on the validation bars."""

    policy: CompiledPolicy
    step: int
    figures: dict[str, Any]
    cash_return: float

    @property
    def beats_cash(self) -> bool:
        """Whether it earned more than cash did: by its mean return, and in the end."""
        return self.score > 0.0 and self.figures["total_return"] > self.cash_return

    @property
    def score(self) -> float:
        """Its Sharpe ratio; 0 if it never traded, as cash has, and -infinity if it is undefined otherwise."""
        if self.figures["sharpe_ratio"] is not None:
            return float(self.figures["sharpe_ratio"])
        return 0.0 if self.figures["exposure"] == 0.0 else float("-inf")


@dataclass(frozen=True, eq=False)
class Learner:
    """One agent after its training: its candidates in order of their steps, and the facts of its training."""

    candidates: tuple[Candidate, ...]
    facts: dict[str, Any]

    @property
    def best(self) -> Candidate:
        """The candidate with the highest score of those that beat cash, else of all; of equal ones the earliest."""
        return max(self.candidates, key=rank)


def rank(candidate: Candidate) -> tuple[bool, float]:
    """By what candidates are compared: one that beats cash comes before any that does not."""
    return candidate.beats_cash, candidate.score


def learn(split: SpanSplit, training: AgentTraining) -> Learner:
    """Train an agent on the training bars and backtest it at intervals; resumes from the files of the training.

    Stored files that cannot be used are deleted, and the agent starts over.
    """
    return started_over_if_unusable(training, lambda: _trained_or_stored(split, training))


def started_over_if_unusable(training: AgentTraining, work: Callable[[], T]) -> T:
    """What `work` makes with the stored files of a training; without them, if they cannot be used."""
    try:
        return work()
    except NightdeskError as error:
        if not error.code.startswith(_UNUSABLE):
            raise
        which = training.number + 1
        log.warning("The stored files of seed %d cannot be used, so that it starts over: %s", which, error.message)
    shutil.rmtree(training.folder)
    fraction = training.params.share(training.number, 0.0)
    training.context.report(fraction, f"seed {which} starts over: its stored files cannot be used")
    return work()


def _trained_or_stored(split: SpanSplit, training: AgentTraining) -> Learner:
    folder = training.folder
    if not (folder / DONE).exists():
        _train(split, training)
    paths = sorted(folder.glob("policy_*.safetensors"))
    candidates = tuple(_read_candidate(path, split.cash_return) for path in paths)
    return Learner(candidates, described(DONE, _TrainingSummary, read_json(folder / DONE)).model_dump())


def _read_candidate(path: Path, cash_return: float) -> Candidate:
    tensors, description = read_tensors(path)
    metadata = described(path.name, _PolicyMetadata, description)
    return Candidate(CompiledPolicy.from_tensors(tensors), metadata.step, metadata.figures, cash_return)


def _train(split: SpanSplit, training: AgentTraining) -> None:
    params, context = split.params, training.context
    validation = _ValidationCallback(
        split, training.folder, _seed_progress(training), _score_reporter(context, split, training.number)
    )
    agent, result = training.run(split.market, validation)
    done = min(result["timesteps"] / params.total_timesteps, 1.0)
    context.end_if_requested(params.share(training.number, done), "learning")
    validation.evaluate(agent, result["timesteps"], 1.0)
    facts = {name: result[name] for name in ("timesteps", "seconds", "steps_per_second")}
    summary = _TrainingSummary(**facts, seed=training.seed, device=agent.device)
    publish_bytes(training.folder / DONE, json_bytes(summary.model_dump()))
    training.forget_checkpoints()


def _seed_progress(training: AgentTraining) -> Progress:
    """Reports the progress of all agents together; silent once a stop was requested, until the rollout has ended."""
    context, params = training.context, training.params

    def report_progress(fraction: float, message: str) -> None:
        if not context.should_stop():
            which = f"seed {training.number + 1} of {params.seeds}, " if params.seeds > 1 else ""
            context.progress(params.share(training.number, fraction), which + message)

    return report_progress


def _score_reporter(context: TrainingContext, split: SpanSplit, number: int) -> Callable[[int, float], None]:
    """Reports validation scores to a search, by the steps of all agents so far; a ruined policy has none."""

    def report(step: int, score: float) -> None:
        if math.isfinite(score):
            context.report_score(number * split.params.total_timesteps + step, score)

    return report


class _ValidationCallback(RLCallback):
    """Backtests the agent at intervals while it learns, and stores each policy with its figures.

    An agent that has not been updated since the last time is skipped: initial weights are never stored.
    """

    def __init__(
        self,
        split: SpanSplit,
        folder: Path,
        report_progress: Callable[[float, str], None],
        report_score: Callable[[int, float], None],
    ) -> None:
        self.split, self.folder, self.report_progress, self.report_score = split, folder, report_progress, report_score
        self.every, self.updates = Every(split.params.evaluation_interval), 0

    def on_step(self, training: TrainingView) -> None:
        """Evaluate the agent if it is due; the end of the training is evaluated separately."""
        due = self.every.due(training.timesteps) and training.fraction < 1.0
        if due and training.agent.updates > self.updates:
            self.evaluate(training.agent, training.timesteps, training.fraction)

    def evaluate(self, agent: RLAgent, step: int, fraction: float) -> None:
        """Store the agent's present policy with its figures."""
        self.updates = agent.updates
        policy = CompiledPolicy(agent.layers())
        figures = self.split.validation_figures(policy)
        description = {"step": step, "figures": figures}
        publish_bytes(self.folder / f"policy_{step:012d}.safetensors", tensor_bytes(policy.tensors(), description))
        self.report_progress(fraction, f"{step:,} steps, {figures_text(figures)}")
        self.report_score(step, Candidate(policy, step, figures, self.split.cash_return).score)

    def state(self) -> dict[str, Any]:
        """How many intervals have passed, and the updates at the last evaluation."""
        return {"passed": self.every.passed, "updates": self.updates}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.every.passed, self.updates = state["passed"], state["updates"]


def figures_text(figures: dict[str, Any]) -> str:
    """The figures of a policy in one line."""
    sharpe = figures["sharpe_ratio"]
    if sharpe is None:
        return "never trades" if figures["exposure"] == 0.0 else "no Sharpe ratio on validation"
    return f"Sharpe {sharpe:.2f} and drawdown {figures['max_drawdown']:.1f} % on validation"
