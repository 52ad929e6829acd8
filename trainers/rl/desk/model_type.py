"""The desk's model types of reinforcement learning, one for each agent in `AGENTS`.

What serves needs no torch: arrays, the environment's config and the ledger. Only `train` imports more.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
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
from trainers.rl.desk.selection_metrics import selection_metrics
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
    from trainers.rl.desk.agent_training import AgentTraining
    from trainers.rl.desk.candidates import Learner
    from trainers.rl.desk.params import RLParams

Instant = Annotated[AwareDatetime, Field(strict=False)]

WEIGHTS, DESCRIPTION, KEY = "weights.safetensors", "model.json", "task.json"
LIBRARIES = ("gymnasium", "stable-baselines3", "torch")


class ModelDescription(Section):
    """The content of `model.json`."""

    # 1: without the two instants; its account begins with the first stored bar that can be decided on.
    format: Literal[1, 2] = 2
    agent: str
    environment: TradingEnvConfig
    # Bars before `history_start` are not used; those up to `account_start` only warm the features. The policy's account
    # begins at `account_start` and has no end.
    history_start: Instant | None = None
    account_start: Instant | None = None
    device: str
    # Without it no checkpoint beat cash on the validation bars: the model stays in cash, and its policy is not asked.
    learned: bool = True
    metrics: dict[str, Any]

    @model_validator(mode="after")
    def _instants(self) -> ModelDescription:
        present = [instant is not None for instant in (self.history_start, self.account_start)]
        if present != [self.format == 2, self.format == 2]:
            raise ValueError("history_start and account_start belong to format 2, both of them")
        return self


@dataclass(frozen=True, eq=False)
class RLModel(SymbolModel):
    """A policy, and the config of the environment whose observations it decides on."""

    policy: CompiledPolicy
    description: ModelDescription

    @property
    def facts(self) -> ModelFacts:
        """The metrics, features, device and libraries of the training."""
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
        """The market features of an observation; its other numbers are of the policy's own account."""
        return feature_matrix(self._history(bars), self._features).reindex(bars.frame.index)

    def signals(self, bars: Bars, published: Signals | None = None) -> Signals:
        """The decisions of the policy, played through the ledger; see `trainers.rl.serving.rollout`.

        If `reaches_back` holds for the bars, earlier bars do not change a bit of the signals. With fewer bars the
        account begins flat at the first bar that can be decided on, or follows the signals in `published`, which are
        not decided again. A model that learned nothing is flat on every bar.
        """
        if not self.description.learned:
            flat = pd.Series(0.0, index=bars.frame.index)
            return Signals(flat, flat)
        history, index = self._history(bars), bars.frame.index
        start = self.description.account_start
        rollout = Rollout.of(self.policy, history, self.description.environment, start=start, published=published)
        signals = rollout.signals(history)
        return Signals(
            signals.position.reindex(index, fill_value=0.0), signals.confidence.reindex(index, fill_value=0.0)
        )

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """The signals of its symbol; its account continues from the published ones where the bars begin too late."""
        return {
            symbol: self.signals(bars, None if self.reaches_back(bars) else request.published.get(symbol))
            for symbol, bars in inputs.bars.items()
        }

    def reaches_back(self, bars: Bars) -> bool:
        """Whether the bars include all that the account depends on since its start."""
        start = self.description.history_start
        return len(bars) > 0 and (start is None or bars.frame.index[0] <= start)

    def _history(self, bars: Bars) -> Bars:
        start = self.description.history_start
        return bars if start is None else bars.since(start)

    def save(self, folder: Path) -> None:
        """Write the layers and `model.json`."""
        (folder / WEIGHTS).write_bytes(tensor_bytes(self.policy.tensors(), {}))
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


class RLModelType:
    """Trains agents of one kind on the first part of the span, and selects the best of them on the later part.

    The agent that serves is trained with the seed and for the steps of the selected one, on the whole span.
    """

    judge = "backtest"

    def __init__(self, agent: str) -> None:
        self.spec = agent_spec(agent)
        self.name, self.description = self.spec.name, self.spec.description
        self.needs = NEEDS
        self.params: type[Section] = params_class(agent)

    def train(self, task: TrainingTask, context: TrainingContext) -> RLModel:
        """Train an agent of each seed, one after another, select a checkpoint, and train its like on every bar."""
        from trainers.rl.desk.candidates import learn, rank  # noqa: PLC0415 -- torch is for training alone

        task.require(self.needs)
        params = params_class(self.name).model_validate(task.params.model_dump())
        split = SpanSplit.of(task, params)
        context.report(0.0, f"{len(split.decision_times):,} bars to learn from, {len(split.validation):,} to select by")
        with _agents_folder(context, self._key(task, context)) as folder:
            trainings = self._trainings(params, folder, context)
            learners = [learn(split, training) for training in trainings]
            number = max(range(params.seeds), key=lambda seed_number: rank(learners[seed_number].best))
            policy = _served(split, learners[number], trainings[number])
        metrics = selection_metrics(split, learners, number)
        for fit in split.fit_records():
            context.record_fit(fit)
        description = ModelDescription(
            agent=self.name,
            environment=params.environment,
            history_start=split.history_start,
            account_start=split.account_start,
            device=learners[number].facts["device"],
            learned=metrics["learned"],
            metrics=metrics,
        )
        context.report(1.0, metrics["learned_reason"])
        return RLModel(self._calibrated(policy, split), description)

    def _trainings(self, params: RLParams, folder: Path, context: TrainingContext) -> list[AgentTraining]:
        from trainers.rl.desk.agent_training import AgentTraining  # noqa: PLC0415 -- it imports torch

        return [
            AgentTraining(self.name, params, number, folder / f"seed_{number}", context)
            for number in range(params.seeds)
        ]

    def _calibrated(self, policy: CompiledPolicy, split: SpanSplit) -> CompiledPolicy:
        """The policy with a softmax temperature for action values: their typical spread on the bars of the span."""
        if not self.spec.has_action_values:
            return policy
        environment, start = split.params.environment, split.account_start
        spreads = Rollout.of(policy, split.bars, environment, start=start).spreads
        usual = float(np.sqrt(np.mean(spreads[-len(split.every_decision_time) :] ** 2)))
        return CompiledPolicy(replace(policy.layers, temperature=usual or 1.0))

    def _key(self, task: TrainingTask, context: TrainingContext) -> str:
        """The hash of everything that must be the same for a training to be resumed."""
        span = [time.isoformat() for time in (task.train_start, task.train_end)]
        params = task.params.model_dump(mode="json")
        libraries = [version(name) for name in ("nightdesk", *LIBRARIES)]
        description = [self.name, task.inputs.fingerprint(), span, params, context.seed, context.device, libraries]
        return hashlib.sha256(json.dumps(description).encode()).hexdigest()

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """The number of seeds and checkpoints that the policy was selected from, with their Sharpe ratios."""
        metrics = manifest.metrics
        validation, ratios = metrics["validation"], metrics["sharpe_ratios"]
        return ModelEvidence(
            model_selection=ModelSelection(
                first=validation["first"],
                last=validation["last"],
                bars=validation["bars"],
                seeds=len(metrics["seeds"]),
                checkpoints=metrics["chosen"]["checkpoints"],
                selected=validation["sharpe_ratio"],
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
        """Learning rate, discount and width of the networks."""
        return {
            "agent.learning_rate": Range(1e-5, 3e-3, log=True),
            "agent.gamma": OneOf((0.9, 0.95, 0.99, 0.995)),
            "agent.hidden_dim": OneOf((32, 64, 128, 256)),
        }

    def load(self, folder: Path) -> RLModel:
        """Read what `save` wrote; the layers must fit each other, the environment and this agent."""
        description = described(DESCRIPTION, ModelDescription, read_json(folder / DESCRIPTION))
        tensors, _ = read_tensors(folder / WEIGHTS)
        policy = CompiledPolicy.from_tensors(tensors)
        if description.agent != self.name:
            raise corrupt(DESCRIPTION, f"it is of the agent {description.agent!r} instead of {self.name!r}")
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
    """The number of inputs and of outputs of a policy."""
    window = environment.window_size * len(environment.windowed)
    inputs = window + len(environment.features) + len(PORTFOLIO)
    return inputs, 2 + environment.short if environment.actions == "discrete" else 1


def _served(split: SpanSplit, learner: Learner, training: AgentTraining) -> CompiledPolicy:
    """The policy after the selected steps on every bar; of an agent that did not beat cash the best, never asked."""
    from trainers.rl.desk.agent_training import policy_after  # noqa: PLC0415 -- it imports torch
    from trainers.rl.desk.candidates import started_over_if_unusable  # noqa: PLC0415 -- it imports torch

    best = learner.best
    if not best.beats_cash:
        return best.policy
    final = replace(training, folder=training.folder.with_name("every_bar"))
    return started_over_if_unusable(final, lambda: policy_after(final, split.whole_market, best.step))
