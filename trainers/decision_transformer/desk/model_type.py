"""The model type `decision_transformer`: learns from a trader's markets what the trader does next."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.section import Section
from data_pipeline import actions
from data_pipeline.trader_logs.inputs import MarketRows, market_rows
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.imitation.controls import controls_of
from evaluation.reports.evidence import Attention, ModelEvidence
from trainers.common.writable import require_writable
from trainers.decision_transformer.desk.attention import attention_by_action
from trainers.decision_transformer.desk.fitting import Fitter
from trainers.decision_transformer.desk.markets import Market, mirrored, settled_markets
from trainers.decision_transformer.desk.measurement import TRAININGS, measure
from trainers.decision_transformer.desk.model import LIBRARIES, ModelDescription, TraderModel, load_model
from trainers.decision_transformer.needs import NEEDS
from trainers.decision_transformer.network.causality import require_causal
from trainers.decision_transformer.params import DecisionTransformerParams
from trainers.decision_transformer.training.epochs import Epoch
from trainers.interface import TrainingContext, TrainingTask
from trainers.safe_files import json_bytes, read_json
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest

NAME = "decision_transformer"
SELECT, SERVE = "select", "serve"
_KEY = "task.json"


class DecisionTransformerType:
    """Selects an epoch by the newest markets, then trains on all of them; see `DecisionTransformerParams`."""

    name = NAME
    description = "A Decision Transformer that learns a trader's actions from its logs, given the return still to come."
    params: type[Section] = DecisionTransformerParams
    needs = NEEDS
    judge = "imitation"

    def train(self, task: TrainingTask, context: TrainingContext) -> TraderModel:
        """Train on the markets that were settled by the end of the span."""
        task.require(self.needs)
        params = DecisionTransformerParams.model_validate(task.params.model_dump())
        markets = _markets(task, mirrors=params.mirrored)
        context.report(0.0, f"{len(markets)} settled markets to learn from")
        watch = _Watch(params, context)
        fitter = Fitter(params, context.seed, _device(context), _folder(task, context), watch.epoch)
        best, early, late = fitter.selected_epoch(SELECT, markets)
        epochs = best.number if best else params.fit.epochs
        network, scales = fitter.fitted(SERVE, markets, epochs)
        require_causal(network)
        metrics: dict[str, Any] = {
            "markets": len(markets),
            "epochs": epochs,
            "strong_amount": scales.strong_amount,
            "target_return": scales.target_return,
            "return_scale": scales.return_scale,
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "attention": attention_by_action(network.cpu(), scales, markets),
            "validation": asdict(best.validation) | {"markets": len(late)} if best and best.validation else None,
        }
        if context.measure and late:
            metrics["measured"] = measure(fitter, early, late)
        for fit in _fit_records(markets, early, late):
            context.record_fit(fit)
        context.report(1.0, f"learned from {len(markets)} markets over {epochs} epochs")
        return TraderModel(network, ModelDescription(scales=scales, device=fitter.device, metrics=metrics))

    def load(self, folder: Path) -> TraderModel:
        """Read what `save` wrote."""
        return load_model(folder)

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """What it attends to, and the controls that were measured beside it, if any."""
        measured, attention = manifest.metrics.get("measured"), manifest.metrics.get("attention")
        return ModelEvidence(
            controls=controls_of(measured["controls"]) if measured else None,
            attention=_attention(attention) if attention else None,
        )

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:
        """What the trader did in the bar after each close, as positions; NaN where that bar is not over."""
        strong = float(manifest.metrics["strong_amount"])
        return {name: _actual(rows, strong) for name, rows in market_rows(inputs).items()}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """Width, depth and how the network is fitted."""
        return {
            "d_model": OneOf((32, 64, 128)),
            "layers": Range(1, 6, integer=True),
            "dropout": Range(0.0, 0.4),
            "tokens": OneOf(("interleaved", "concatenated")),
            "fit.learning_rate": Range(1e-4, 3e-3, log=True),
            "fit.weight_decay": Range(1e-4, 0.3, log=True),
            "fit.class_balance": OneOf((0.0, 0.25, 0.5)),
        }


def _attention(document: Mapping[str, Any]) -> Attention:
    rows, columns, weights = (document[name] for name in ("rows", "columns", "weights"))
    return Attention(tuple(rows), tuple(columns), tuple(map(tuple, weights)))


def _actual(rows: MarketRows, strong: float) -> pd.Series:
    grades = actions.graded(np.nan_to_num(rows.net), strong).astype(np.int64)
    return pd.Series(np.where(np.isnan(rows.net), np.nan, actions.GRADED.strength(grades)), rows.index)


def _markets(task: TrainingTask, *, mirrors: bool) -> list[Market]:
    """The markets to learn from; some of their rows must hold a trade."""
    markets = settled_markets(
        market_rows(task.inputs),
        task.train_start,
        task.train_end,
        market_rows(mirrored(task.inputs)) if mirrors else None,
    )
    if not markets:
        raise NightdeskError(
            "training.no_settled_market",
            f"None of the {len(task.inputs.bars)} markets of {task.subject} was settled by {task.train_end}: what they "
            "earned is not known.",
            "Wait until a market is over, or pull older logs.",
        )
    if not any(np.any(market.rows.net[market.first :] != 0.0) for market in markets):
        raise NightdeskError(
            "training.single_class",
            f"{task.subject} trades on no bar of its {len(markets)} markets, so that its only action is hold.",
            "Pull logs in which the trader trades, or choose longer bars.",
        )
    return markets


class _Watch:
    """Reports how far all fits together are, and the validation scores of the first one."""

    def __init__(self, params: DecisionTransformerParams, context: TrainingContext) -> None:
        self._context = context
        self._epochs = params.fit.epochs
        self._names = (SELECT, SERVE, *(TRAININGS if context.measure else ()))
        self._fraction = 0.0

    def epoch(self, name: str, epoch: Epoch) -> None:
        """After an epoch of one of the fits."""
        done = (self._names.index(name) + epoch.number / self._epochs) / len(self._names)
        self._fraction = max(self._fraction, min(done, 0.99))
        self._context.report(self._fraction, f"{name.replace('_', ' ')}: {epoch.message}")
        if name == SELECT and epoch.validation is not None:
            self._context.report_score(epoch.number, epoch.validation.accuracy)


def _fit_records(markets: Sequence[Market], early: Sequence[Market], late: Sequence[Market]) -> list[FitRecord]:
    """The rows of scales and network, and those of the fit by which the epoch was selected."""
    records = [FitRecord(name, *_rows(markets)) for name in ("scales", "network")]
    if late:
        span = Span(late[0].begins.to_pydatetime(), max(market.settled for market in late))
        records.append(FitRecord("epoch", *_rows(early), measured_span=span))
    return records


def _rows(markets: Sequence[Market]) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """When each row was known, and when everything that its market earned was."""
    starts = [market.rows.index[market.first :].as_unit("ns") for market in markets]
    settled = [
        np.full(len(times), pd.Timestamp(market.settled).value) for market, times in zip(markets, starts, strict=True)
    ]
    known = np.concatenate([times.asi8 for times in starts])
    return pd.DatetimeIndex(known, tz="UTC"), pd.DatetimeIndex(np.concatenate(settled), tz="UTC")


def _device(context: TrainingContext) -> str:
    if context.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return context.device


def _folder(task: TrainingTask, context: TrainingContext) -> Path | None:
    """The folder of checkpoints, emptied first if they are of another training."""
    folder = context.checkpoints
    if folder is None:
        return None
    require_writable(folder)
    key = _key(task, context)
    try:
        same = read_json(folder / _KEY) == {"key": key}
    except NightdeskError:  # without a readable key the checkpoints belong to no training
        same = False
    if not same:
        shutil.rmtree(folder)
        publish_bytes(folder / _KEY, json_bytes({"key": key}))
    return folder


def _key(task: TrainingTask, context: TrainingContext) -> str:
    """The hash of everything that must be the same for a training to be resumed."""
    span = [time.isoformat() for time in (task.train_start, task.train_end)]
    libraries = [version(name) for name in ("nightdesk", *LIBRARIES)]
    params = task.params.model_dump(mode="json")
    document = [NAME, task.inputs.fingerprint(), span, params, context.seed, context.device, libraries]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()
