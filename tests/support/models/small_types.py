"""Three small model types of the kinds that no registered type has yet, for the contract that holds for all kinds.

One speaks of a universe of symbols, one of a trader's markets with a target return as request, one is made of members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from config.section import Section
from data_pipeline import actions
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.events import SETTLED, TRADE
from data_pipeline.trader_logs.inputs import market_rows
from evaluation.audit.leak_audit import FitRecord
from evaluation.reports.evidence import ModelEvidence
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from tests.support.markets.easy import easy_bars, easy_expert, rough_bars
from trainers import registry
from trainers.artifact import load_members
from trainers.interface import Model, ModelFacts, TrainingContext, TrainingTask
from trainers.manifest import Manifest
from trainers.needs import Needs
from trainers.safe_files import json_bytes, read_json, read_tensors, tensor_bytes
from trainers.search_space import Range, SearchSpace

TRADER = "trader:0x6031"
MARKETS = tuple(f"ethereum-up-or-down-january-8-{hour}am-et" for hour in (10, 11, 12))


class Lookback(Section):
    """Over how many bars a change of price is measured."""

    lookback: int = 5


def _change(bars: Bars, lookback: int) -> pd.Series:
    return np.log(bars.frame["close"]).diff(lookback)


class _Type:
    """What the small types have in common."""

    params = Lookback
    judge = "backtest"

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        return ModelEvidence()

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> dict[str, pd.Series]:
        return {}

    def search_space(self, params: Section) -> SearchSpace:
        return {"lookback": Range(2, 20, integer=True)}


@dataclass(frozen=True)
class _Model:
    """One number that was learned, and the lookback it was learned with."""

    level: float
    lookback: int

    def save(self, folder: Path) -> None:
        (folder / "weights.safetensors").write_bytes(tensor_bytes({"level": np.array([self.level])}, {}))
        (folder / "model.json").write_bytes(json_bytes({"lookback": self.lookback}))


def _read(folder: Path) -> tuple[float, int]:
    return float(read_tensors(folder / "weights.safetensors")[0]["level"][0]), read_json(folder / "model.json")[
        "lookback"
    ]


class UniverseModel(_Model):
    """Holds the symbols that rose more than the average of all that trade at that close, and by more than `level`."""

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(metrics={"level": self.level}, features=("change", "lead"))

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        changes = pd.DataFrame({name: _change(bars, self.lookback) for name, bars in inputs.bars.items()})
        mean = changes.mean(axis=1)
        return {
            name: pd.DataFrame({"change": changes[name], "lead": changes[name] - mean}).reindex(bars.frame.index)
            for name, bars in inputs.bars.items()
        }

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        return {
            name: Signals((table["lead"] > self.level).astype("float64"), np.tanh(table["lead"].abs().fillna(0.0)))
            for name, table in self.features(inputs).items()
        }


class UniverseType(_Type):
    """Learns how far a leader usually leads."""

    name = "small_universe"
    description = "Follows the leaders of a universe."
    needs = Needs(scope="universe", min_bars=50)

    def train(self, task: TrainingTask, context: TrainingContext) -> UniverseModel:
        task.require(self.needs)
        params = Lookback.model_validate(task.params.model_dump())
        leads = UniverseModel(0.0, params.lookback).features(task.inputs)
        span = {name: table["lead"].loc[task.train_start :].dropna() for name, table in leads.items()}
        values = pd.concat(list(span.values()))
        times = pd.DatetimeIndex(values.index).sort_values()
        context.record_fit(FitRecord("level", times, times))
        context.report_score(1, float(values.std()))
        context.report(1.0, "learned")
        return UniverseModel(float(values.abs().quantile(0.3)) + context.seed * 1e-6, params.lookback)

    def load(self, folder: Path) -> UniverseModel:
        return UniverseModel(*_read(folder))


class TraderModel(_Model):
    """Does what the trader did last in each market, sized by the return that is asked for."""

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(metrics={"level": self.level, "strong_amount": 2.0 * self.level}, features=("side", "price"))

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        return {name: self._of_market(inputs, name) for name in inputs.bars}

    def _of_market(self, inputs: Inputs, name: str) -> pd.DataFrame:
        index = inputs.bars[name].frame.index
        log = inputs.trader_log.get(name)
        side = pd.Series(0.0, index=index)
        if log is not None:
            last = log["side"][log["kind"] == TRADE].groupby(level=0).last()
            side = last.reindex(last.index.union(index)).ffill().reindex(index).fillna(0.0)
        return pd.DataFrame({"side": side, "price": inputs.bars[name].frame["close"]})

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        target = self.level if request.target_return is None else request.target_return
        size = float(np.clip(target / max(self.level, 1e-9), 0.0, 1.0))
        return {
            name: Signals(table["side"] * size, (table["price"] - 0.5).abs() * 2.0)
            for name, table in self.features(inputs).items()
        }


class TraderType(_Type):
    """Learns what the trader's fills usually earned."""

    name = "small_trader"
    description = "Follows a trader's last fill."
    judge = "imitation"
    needs = Needs(scope="trader", data=frozenset({"bars", "trader_log"}), min_bars=20)

    def train(self, task: TrainingTask, context: TrainingContext) -> TraderModel:
        task.require(self.needs)
        logs = [rows.loc[task.train_start :] for rows in task.inputs.trader_log.values()]
        fills = pd.concat([rows[rows["kind"] == TRADE] for rows in logs]).sort_index()
        times = task.inputs.times
        known_at = pd.DatetimeIndex(times[np.minimum(times.searchsorted(fills.index), len(times) - 1)])
        context.record_fit(FitRecord("level", known_at, known_at))
        context.report(1.0, "learned")
        return TraderModel(float(fills["size"].mean()) + context.seed * 1e-6, 1)

    def load(self, folder: Path) -> TraderModel:
        return TraderModel(*_read(folder))

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> dict[str, pd.Series]:
        """What the trader did in each bar, where that bar is over."""
        positions = {}
        for name, rows in market_rows(inputs).items():
            known = ~np.isnan(rows.net)
            grades = actions.graded(np.where(known, rows.net, 0.0), manifest.metrics["strong_amount"])
            strengths = actions.GRADED.strength(grades.astype(np.int64))
            positions[name] = pd.Series(np.where(known, strengths, np.nan), index=rows.index)
        return positions


@dataclass(frozen=True)
class CommitteeModel:
    """Holds the mean of what its members hold."""

    members: Mapping[str, Model]

    @property
    def facts(self) -> ModelFacts:
        names = (f"{name}.position" for name in self.members)
        return ModelFacts(metrics={"members": list(self.members)}, features=tuple(names))

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        decided = {name: member.decide(inputs) for name, member in self.members.items()}
        return {
            symbol: pd.DataFrame({f"{name}.position": signals[symbol].position for name, signals in decided.items()})
            for symbol in inputs.bars
        }

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        return {
            symbol: Signals(table.mean(axis=1), 1.0 - table.std(axis=1, ddof=0))
            for symbol, table in self.features(inputs).items()
        }

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_bytes(json_bytes({"members": list(self.members)}))


class CommitteeType(_Type):
    """Asks two cloners, which are trained before it."""

    name = "small_committee"
    description = "The mean of its members."
    needs = Needs(members=("behavioral_cloner", "a2c"), min_bars=50)

    def train(self, task: TrainingTask, context: TrainingContext) -> CommitteeModel:
        task.require(self.needs)
        times = task.inputs.since(task.train_start).times
        context.record_fit(FitRecord("committee", times, times))
        context.report(1.0, "made of its members")
        return CommitteeModel(dict(context.members))

    def load(self, folder: Path) -> CommitteeModel:
        return CommitteeModel(load_members(folder, read_json(folder / "model.json")["members"]))


SMALL_TYPES: tuple[type[Any], ...] = (UniverseType, TraderType, CommitteeType)


@contextmanager
def registered() -> Iterator[None]:
    """The small types as if they were registered."""
    entries = {
        kind.name: registry._Entry(kind.description, f"{__name__}:Lookback", f"{__name__}:{kind.__name__}", kind.needs)
        for kind in SMALL_TYPES
    }
    with patch.dict(registry._REGISTERED, entries):
        yield


def universe() -> Inputs:
    """Three symbols, the last of which is listed late."""
    first, second = easy_bars(400), rough_bars(400)
    late = rough_bars(400).tail(220)
    bars = {
        "ONE": replace(first, symbol="ONE"),
        "TWO": replace(second, symbol="TWO"),
        "NEW": Bars(late.frame * 1.7, "NEW"),
    }
    return Inputs("universe", bars)


def markets(slugs: Sequence[str] = MARKETS) -> Inputs:
    """Markets of a trader, one after the other, in bars of 5 seconds, and its fills between their closes."""
    random = np.random.default_rng(5)
    bars, logs = {}, {}
    for hour, slug in enumerate(slugs):
        opens = pd.Timestamp("2026-01-08 15:00:05", tz="UTC") + pd.Timedelta(hours=hour)
        index = pd.date_range(opens, periods=120, freq="5s", name="time")
        price = np.clip(0.5 + np.cumsum(random.normal(0.0, 0.01, 120)), 0.02, 0.98)
        frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=index)
        bars[slug] = Bars(frame.assign(volume=random.integers(1, 50, 120).astype("f8")), slug, "5s", "bucket")
        times = index[:-1] + pd.to_timedelta(random.uniform(0.1, 4.9, 119), unit="s").round("ms")
        side, size = random.choice([-1.0, 1.0], 119), random.uniform(1.0, 9.0, 119)
        fills = pd.DataFrame(
            {"kind": TRADE, "price": price[1:], "size": size, "money": price[1:] * size, "outcome": 1.0, "side": side},
            times,
        ).iloc[::7]
        end = pd.DataFrame({"kind": SETTLED, "side": 0.0, "size": 0.0}, index[-1:] + pd.Timedelta(seconds=5))
        logs[slug] = pd.concat([fills.astype("f8"), end]).assign(spread=np.nan).rename_axis("time")
    return Inputs(TRADER, bars, trader_log=logs)


def easy_inputs() -> Inputs:
    """The easy market with its expert."""
    bars = easy_bars()
    return Inputs.of(bars, easy_expert(bars))
