"""The desk's model types of reinforcement learning, one for each agent in `agent_specs`; the best policy serves.

What serves is torch-free: arrays, the environment's config and the ledger. Only `train` imports more.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AwareDatetime, Field, model_validator

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import feature_matrix
from evaluation.reports.evidence import ModelEvidence, ModelSelection
from evaluation.signal_model import NO_REQUEST, Request, SymbolModel
from evaluation.signals import Signals
from trainers.common.writable import require_writable
from trainers.interface import ModelFacts, TrainingContext, TrainingTask
from trainers.rl.agents.specs import AGENTS, NEEDS, agent_spec
from trainers.rl.desk.params import params_class
from trainers.rl.desk.span_split import SpanSplit
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.kernels import PORTFOLIO
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout
from trainers.safe_files import corrupt, described, json_bytes, read_json, read_tensors, tensor_bytes
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest
    from trainers.rl.desk.candidates import Candidate, Learner

Instant = Annotated[AwareDatetime, Field(strict=False)]

WEIGHTS, ABOUT, KEY = "weights.safetensors", "model.json", "task.json"
LIBRARIES = ("gymnasium", "stable-baselines3", "torch")


class About(Section):
    """The content of `model.json`."""

    # 1: without the two instants; its account begins with the first stored bar that can be decided on.
    format: Literal[1, 2] = 2
    agent: str
    environment: TradingEnvConfig
    # Bars before `history_start` are not used at all; those from there to `account_start` only warm the features; from
    # `account_start` on, the policy's account goes on for ever.
    history_start: Instant | None = None
    account_start: Instant | None = None
    device: str
    # Without it no checkpoint beat cash on the validation bars: the model stays in cash, and its policy is not asked.
    learned: bool = True
    metrics: dict[str, Any]

    @model_validator(mode="after")
    def _instants(self) -> About:
        given = [instant is not None for instant in (self.history_start, self.account_start)]
        if given != [self.format == 2, self.format == 2]:
            raise ValueError("history_start and account_start belong to format 2, both of them")
        return self


@dataclass(frozen=True, eq=False)
class RLModel(SymbolModel):
    """A policy, and the environment whose observations it decides on."""

    policy: CompiledPolicy
    description: About

    @property
    def facts(self) -> ModelFacts:
        """What was measured while training, its market features, and what it was trained by."""
        return ModelFacts(
            metrics=self.description.metrics,
            features=self._features,
            device=self.description.device,
            libraries=LIBRARIES,
        )

    @property
    def _features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.description.environment.windowed, *self.description.environment.features)))

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """The market features of an observation; the rest of it is the policy's own account."""
        return feature_matrix(self._history(bars), self._features).reindex(bars.frame.index)

    def signals(self, bars: Bars, published: Signals | None = None) -> Signals:
        """Decided by rolling the policy through the ledger; see `trainers.rl.serving.rollout`.

        Bars that reach back as far as `reaches_back` asks give the same signals to the last bit, whatever precedes
        them. With fewer bars the account begins flat at the first bar that can be decided on, or follows the signals
        in `published`, which are not decided again. A model that learned nothing is flat on every bar.
        """
        if not self.description.learned:
            flat = pd.Series(0.0, index=bars.frame.index)
            return Signals(flat, flat)
        history, index = self._history(bars), bars.frame.index
        start = self.description.account_start
        rollout = Rollout.of(self.policy, history, self.description.environment, start=start, published=published)
        signals = rollout.signals(history)
        return Signals(*(each.reindex(index, fill_value=0.0) for each in (signals.position, signals.confidence)))

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """The signals of its symbol; its account continues from the published ones where the bars begin too late."""
        return {
            symbol: self.signals(bars, None if self.reaches_back(bars) else request.published.get(symbol))
            for symbol, bars in inputs.bars.items()
        }

    def reaches_back(self, bars: Bars) -> bool:
        """Whether the bars hold all that the account since its start depends on."""
        start = self.description.history_start
        return len(bars) > 0 and (start is None or bars.frame.index[0] <= start)

    def _history(self, bars: Bars) -> Bars:
        start = self.description.history_start
        return bars if start is None else bars.since(start)

    def save(self, folder: Path) -> None:
        """Write the layers and `model.json`."""
        (folder / WEIGHTS).write_bytes(tensor_bytes(self.policy.tensors(), {}))
        (folder / ABOUT).write_bytes(json_bytes(self.description.model_dump(mode="json")))


class RLModelType:
    """Agents of one kind learn on the first part of the span; the best policy on the later part serves."""

    judge = "backtest"

    def __init__(self, agent: str) -> None:
        self.spec = agent_spec(agent)
        self.name, self.description = self.spec.name, self.spec.description
        self.needs = NEEDS
        self.params: type[Section] = params_class(agent)

    def train(self, task: TrainingTask, context: TrainingContext) -> RLModel:
        """Train an agent of each seed, one after another, and choose among the checkpoints of all."""
        from trainers.rl.desk.candidates import learn, rank  # noqa: PLC0415 -- torch is for training alone

        task.require(self.needs)
        params = params_class(self.name).model_validate(task.params.model_dump())
        split = SpanSplit.of(task, params)
        context.report(0.0, f"{len(split.decision_times):,} bars to learn from, {len(split.validation):,} to choose by")
        with _agents_folder(context, self._key(task, context)) as folder:
            learners = [
                learn(split, self.name, number, folder / f"seed_{number}", context) for number in range(params.seeds)
            ]
        number = max(range(params.seeds), key=lambda each: rank(learners[each].best))
        best, metrics = learners[number].best, _metrics(split, learners, number)
        for learned in split.learned():
            context.learned(learned)
        description = About(
            agent=self.name,
            environment=params.environment,
            history_start=split.history_start,
            account_start=split.account_start,
            device=learners[number].facts["device"],
            learned=metrics["learned"],
            metrics=metrics,
        )
        context.report(1.0, metrics["learned_reason"])
        return RLModel(self._calibrated(best.policy, split), description)

    def _calibrated(self, policy: CompiledPolicy, split: SpanSplit) -> CompiledPolicy:
        """With a softmax temperature for action values: their usual spread on the training bars."""
        if not self.spec.has_action_values:
            return policy
        environment, start = split.params.environment, split.account_start
        spreads = Rollout.of(policy, split.training, environment, start=start).spreads
        usual = float(np.sqrt(np.mean(spreads[-len(split.decision_times) :] ** 2)))
        return CompiledPolicy(replace(policy.layers, temperature=usual or 1.0))

    def _key(self, task: TrainingTask, context: TrainingContext) -> str:
        """What a training must have in common with one that it goes on with."""
        span = [time.isoformat() for time in (task.train_start, task.train_end)]
        params = task.params.model_dump(mode="json")
        libraries = [version(name) for name in ("nightdesk", *LIBRARIES)]
        description = [self.name, task.inputs.fingerprint(), span, params, context.seed, context.device, libraries]
        return hashlib.sha256(json.dumps(description).encode()).hexdigest()

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """Among how many checkpoints of how many seeds the policy was selected, and how they did on validation bars."""
        metrics = manifest.metrics
        validation, ratios = metrics["validation"], metrics["sharpe_ratios"]
        return ModelEvidence(
            model_selection=ModelSelection(
                first=validation["first"],
                last=validation["last"],
                bars=validation["bars"],
                seeds=len(metrics["seeds"]),
                checkpoints=metrics["chosen"]["checkpoints"],
                chosen=validation["sharpe_ratio"],
                low=ratios["min"],
                high=ratios["max"],
                mean=ratios["mean"],
                buy_and_hold=validation["buy_and_hold"]["sharpe_ratio"],
                learned=metrics.get("learned"),
                learned_reason=metrics.get("learned_reason"),
            )
        )

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:  # noqa: ARG002
        """An agent has no teacher."""
        return {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """What an agent's learning depends on most."""
        return {
            "agent.learning_rate": Range(1e-5, 3e-3, log=True),
            "agent.gamma": OneOf((0.9, 0.95, 0.99, 0.995)),
            "agent.hidden_dim": OneOf((32, 64, 128, 256)),
        }

    def load(self, folder: Path) -> RLModel:
        """Read what `save` wrote; the layers must fit each other, the environment and this agent."""
        description = described(ABOUT, About, read_json(folder / ABOUT))
        tensors, _ = read_tensors(folder / WEIGHTS)
        policy = CompiledPolicy.from_tensors(tensors)
        if description.agent != self.name:
            raise corrupt(ABOUT, f"it is of the agent {description.agent!r} instead of {self.name!r}")
        expected = _shape(description.environment)
        if (policy.inputs, policy.choices) != expected:
            raise corrupt(
                WEIGHTS,
                f"its policy maps {policy.inputs} numbers to {policy.choices}, "
                f"and its environment {expected[0]} to {expected[1]}",
            )
        return RLModel(policy, description)


def __getattr__(name: str) -> Callable[[], RLModelType]:
    """A factory of the model type of an agent, by the agent's name, for the registry."""
    if name not in AGENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(RLModelType, name)


@contextmanager
def _agents_folder(context: TrainingContext, key: str) -> Iterator[Path]:
    """The folder of the agents' checkpoints, emptied first if they are of a training with another key."""
    if context.checkpoints is None:
        with tempfile.TemporaryDirectory() as temp:
            yield Path(temp)
        return
    folder = context.checkpoints
    require_writable(folder)
    if not _has_key(folder, key):
        shutil.rmtree(folder)
        publish_bytes(folder / KEY, json_bytes({"key": key}))
    yield folder


def _has_key(folder: Path, key: str) -> bool:
    try:
        return read_json(folder / KEY) == {"key": key}
    except NightdeskError:  # without a readable key the checkpoints belong to no training
        return False


def _shape(environment: TradingEnvConfig) -> tuple[int, int]:
    """How many numbers a policy sees, and how many it gives."""
    window = environment.window_size * len(environment.windowed)
    inputs = window + len(environment.features) + len(PORTFOLIO)
    return inputs, 2 + environment.short if environment.actions == "discrete" else 1


def _metrics(split: SpanSplit, learners: list[Learner], number: int) -> dict[str, Any]:
    """The metrics of the version: those of what serves, a checkpoint or cash, on the validation bars, and each seed."""
    times = split.validation.frame.index
    scores = [learner.best.score for learner in learners]
    best, checkpoints = learners[number].best, sum(len(learner.candidates) for learner in learners)
    return {
        "learned": best.beats_cash,
        "learned_reason": _learned_reason(best, checkpoints, len(times)),
        "learned_bars": len(split.decision_times),
        "chosen": {
            "seed": learners[number].facts["seed"] if best.beats_cash else None,
            "step": best.step if best.beats_cash else None,
            "checkpoints": checkpoints,
        },
        "validation": {
            "first": times[0].isoformat(),
            "last": times[-1].isoformat(),
            "bars": len(times),
            **(best.figures if best.beats_cash else split.cash),
            "buy_and_hold": split.buy_and_hold,
        },
        "seeds": [{"step": each.best.step, **each.best.figures, **each.facts} for each in learners],
        "sharpe_ratios": _spread([score for score in scores if math.isfinite(score)]),
    }


def _learned_reason(best: Candidate, checkpoints: int, bars: int) -> str:
    """Whether something was learned, and why, in a sentence."""
    ratio, gain = best.figures["sharpe_ratio"], best.figures["total_return"]
    figures = "it never trades" if best.figures["exposure"] == 0.0 else f"it earned {gain:.1f} %"
    figures += "" if ratio is None else f" at a Sharpe ratio of {ratio:.2f}"
    if best.beats_cash:
        return (
            f"Learned something: yes. On {bars} validation bars the policy after {best.step:,} steps beat cash: "
            f"{figures}."
        )
    return (
        f"Learned something: no. None of {checkpoints} checkpoints beat cash on {bars} validation bars (the best, "
        f"after {best.step:,} steps: {figures}), so the model stays in cash."
    )


def _spread(scores: list[float]) -> dict[str, float | None]:
    """Of the best of each seed; one that never trades counts as 0, as cash does, and one that is ruined not at all."""
    if not scores:
        return dict.fromkeys(("mean", "std", "min", "max"))
    return {"mean": fmean(scores), "std": pstdev(scores), "min": min(scores), "max": max(scores)}
