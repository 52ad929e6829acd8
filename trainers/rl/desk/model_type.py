"""The desk's model types of reinforcement learning, one for each agent in `AGENTS`.

The best checkpoint serves, without torch: arrays, the environment's config and the ledger. Only `train` imports more.
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
        return Signals(*(series.reindex(index, fill_value=0.0) for series in (signals.position, signals.confidence)))

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
    """Trains agents of one kind on the first part of the span; the best policy on the later part serves."""

    judge = "backtest"

    def __init__(self, agent: str) -> None:
        self.spec = agent_spec(agent)
        self.name, self.description = self.spec.name, self.spec.description
        self.needs = NEEDS
        self.params: type[Section] = params_class(agent)

    def train(self, task: TrainingTask, context: TrainingContext) -> RLModel:
        """Train an agent of each seed, one after another, and select the best of all their checkpoints."""
        from trainers.rl.desk.candidates import learn, rank  # noqa: PLC0415 -- torch is for training alone

        task.require(self.needs)
        params = params_class(self.name).model_validate(task.params.model_dump())
        split = SpanSplit.of(task, params)
        context.report(0.0, f"{len(split.decision_times):,} bars to learn from, {len(split.validation):,} to select by")
        with _agents_folder(context, self._key(task, context)) as folder:
            learners = [
                learn(split, self.name, number, folder / f"seed_{number}", context) for number in range(params.seeds)
            ]
        number = max(range(params.seeds), key=lambda seed_number: rank(learners[seed_number].best))
        best, metrics = learners[number].best, _metrics(split, learners, number)
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
        return RLModel(self._calibrated(best.policy, split), description)

    def _calibrated(self, policy: CompiledPolicy, split: SpanSplit) -> CompiledPolicy:
        """The policy with a softmax temperature for action values: their typical spread on the training bars."""
        if not self.spec.has_action_values:
            return policy
        environment, start = split.params.environment, split.account_start
        spreads = Rollout.of(policy, split.training, environment, start=start).spreads
        usual = float(np.sqrt(np.mean(spreads[-len(split.decision_times) :] ** 2)))
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
        "seeds": [{"step": learner.best.step, **learner.best.figures, **learner.facts} for learner in learners],
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
    """Statistics of the seeds' best scores; never trading counts as 0, as cash has, and ruined ones are absent."""
    if not scores:
        return dict.fromkeys(("mean", "std", "min", "max"))
    return {"mean": fmean(scores), "std": pstdev(scores), "min": min(scores), "max": max(scores)}
