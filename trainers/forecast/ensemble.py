"""The desk's model type `ensemble_predictor`: networks that forecast, combined into one forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from config.section import Section
from evaluation.audit.leak_audit import FitRecord
from evaluation.reports.evidence import ModelEvidence
from trainers.artifact import load_members
from trainers.forecast.combining import Combined, combined, weights_of
from trainers.forecast.data import Parts, Samples
from trainers.forecast.heads import Distribution, weighted_sum
from trainers.forecast.measurement import measure
from trainers.forecast.model import DESCRIPTION, ForecastModel, ModelDescription
from trainers.forecast.model_type import forecast_evidence, samples_of
from trainers.forecast.params import EnsembleParams
from trainers.interface import TrainingContext, TrainingTask
from trainers.registry import describe, get, needs
from trainers.safe_files import described, read_json
from trainers.search_space import OneOf, SearchSpace

if TYPE_CHECKING:
    from data_pipeline.bars.bars import Bars
    from data_pipeline.inputs import Inputs
    from trainers.forecast.table import Floats, Rows
    from trainers.manifest import Manifest

NAME = "ensemble_predictor"
_FIRST_LEARNED = 0.6  # the share of the rows that the first copies of the members learn from


class EnsembleDescription(ModelDescription):
    """The content of `model.json`: the weight of each member besides."""

    weights: dict[str, float]


@dataclass(frozen=True, eq=False)
class Block:
    """Rows that come after those that copies of the members have learned from, and what these forecast there."""

    parts: Parts
    forecasts: Mapping[str, Distribution]


class EnsemblePredictorType:
    """Combines its members by what copies of them, trained on the past, forecast of later rows."""

    name = NAME
    description = describe()[NAME]
    params = EnsembleParams
    needs = needs(NAME)
    judge = "backtest"

    def train(self, task: TrainingTask, context: TrainingContext) -> ForecastModel:
        """Forecast later blocks of the span by copies of the members, weigh them, and take the members as trained."""
        task.require(self.needs)
        params = EnsembleParams.model_validate(task.params.model_dump())
        members = {name: cast("ForecastModel", model) for name, model in context.members.items()}
        if not members:
            reasons = "; ".join(f"{name}: {why}" for name, why in context.untrained.items())
            raise NightdeskError(
                "forecast.no_member",
                f"No member of the ensemble of {task.subject} could be trained ({reasons or 'none was given'}).",
                "Mend what they name; the ensemble needs one at least.",
            )
        context.report(0.0, f"weighing {', '.join(members)}")
        samples = samples_of(task, params.lstm)
        blocks = _blocks(task, context, params, samples, list(members))
        weights = _weights(params, samples, blocks, list(members))
        if blocks:
            context.report_score(1, -_squared_error(samples, blocks, weights))
        context.record_fit(FitRecord("weights", samples.known, samples.complete))
        metrics: dict[str, Any] = {"weights": weights, "untrained": dict(context.untrained)}
        if context.measure:
            metrics |= _measured(params, samples, blocks, list(members), context.seed)
        features = dict.fromkeys(name for model in members.values() for name in model.description.features)
        description = EnsembleDescription(
            features=tuple(features),
            sell=params.sell,
            margin=params.margin,
            costs=params.costs,
            metrics=metrics,
            weights=weights,
        )
        context.report(1.0, "weighed")
        parts = {name: model.forecaster for name, model in members.items()}
        return ForecastModel(Combined(parts, weights), description)

    def load(self, folder: Path) -> ForecastModel:
        """Read what `save` wrote, and its members."""
        description = described(DESCRIPTION, EnsembleDescription, read_json(folder / DESCRIPTION))
        members = load_members(folder, description.weights)
        parts = {name: cast("ForecastModel", model).forecaster for name, model in members.items()}
        return ForecastModel(Combined(parts, description.weights), description)

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """How far it missed beside forecasts that learn nothing, where that was measured."""
        return forecast_evidence(manifest.metrics)

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:  # noqa: ARG002
        """It has no teacher."""
        return {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """How it combines."""
        return {"method": OneOf(("stacking", "voting", "weighted_average"))}


def _blocks(
    task: TrainingTask, context: TrainingContext, params: EnsembleParams, samples: Samples, members: list[str]
) -> list[Block]:
    """The blocks that are forecast: all for weights that are fitted, the last one where it is only measured."""
    cuts = np.quantile(samples.known.asi8, np.linspace(_FIRST_LEARNED, 1.0, params.folds + 1))
    spans = list(pairwise(cuts))
    if params.method == "voting":
        spans = spans[-1:] if context.measure else []
    known = samples.known.asi8
    blocks = []
    for number, (first, end) in enumerate(spans):
        parts = Parts(samples.complete.asi8 < first, (known >= first) & (known <= end))
        # No target of what they learn from reaches into the block.
        until = samples.complete[parts.learned][-1].to_pydatetime()
        copied = replace(task, inputs=task.inputs.until(until), train_end=until)
        rows = task.bars.frame.index.get_indexer(samples.known[parts.later])
        tasks = {name: replace(copied, params=getattr(params, name)) for name in members}
        blocks.append(Block(parts, _forecasts(task.bars, rows, tasks, _part_of(context, number, len(spans)))))
    return blocks


def _forecasts(
    bars: Bars, rows: Rows, tasks: Mapping[str, TrainingTask], context: TrainingContext
) -> dict[str, Distribution]:
    """What copies of the members, each trained on its task, forecast at these rows."""
    quiet = replace(
        context, measure=False, checkpoints=None, members={}, report_value=_unreported, should_prune=lambda: False
    )
    forecasts = {}
    for place, (name, task) in enumerate(tasks.items()):
        model = get(name).train(task, _part_of(quiet, place, len(tasks)))
        forecasts[name] = cast("ForecastModel", model).forecaster.forecast(bars).rows(rows)
    return forecasts


def _part_of(context: TrainingContext, place: int, parts: int) -> TrainingContext:
    """The context of one of several parts of the work, which reports its share of the progress."""
    return replace(
        context, progress=lambda fraction, message: context.progress(0.999 * (place + fraction) / parts, message)
    )


def _squared_error(samples: Samples, blocks: list[Block], weights: Mapping[str, float]) -> float:
    """The mean squared error of the combined forecast over these blocks, in units of what is usual."""
    errors = []
    for block in blocks:
        mean = weighted_sum(np.array(list(weights.values())), [block.forecasts[name].mean for name in weights])
        errors.append((_returns(samples, block) - mean) / samples.usual[block.parts.later])
    return float(np.mean(np.concatenate(errors) ** 2))


def _unreported(_step: int, _value: float) -> None:
    """Ignore the validation score of a copy."""


def _weights(params: EnsembleParams, samples: Samples, blocks: list[Block], members: list[str]) -> dict[str, float]:
    """The weight of each member, by all of these blocks."""
    if not blocks or params.method == "voting":
        return dict.fromkeys(members, 1.0 / len(members))
    returns = np.concatenate([_returns(samples, block) for block in blocks])
    forecasts = np.stack([np.concatenate([block.forecasts[name].mean for block in blocks]) for name in members])
    found = weights_of(params.method, forecasts, returns)
    return {name: float(weight) for name, weight in zip(members, found, strict=True)}


def _returns(samples: Samples, block: Block) -> Floats:
    later = samples.only(block.parts.later)
    return later.targets * later.usual


def _measured(
    params: EnsembleParams, samples: Samples, blocks: list[Block], members: list[str], seed: int
) -> dict[str, Any]:
    """What it would have forecast of the last block, weighed by the blocks before; without one it is not measured."""
    if params.method != "voting" and len(blocks) < 2:
        return {}
    last = blocks[-1]
    weights = _weights(params, samples, blocks[:-1], members)
    forecast = combined([last.forecasts[name] for name in members], np.array([weights[name] for name in members]))
    return {"forecast": measure(forecast, samples, last.parts, params.lstm.horizon, seed).to_dict()}
