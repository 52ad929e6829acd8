"""The desk's model type `portfolio`: one account for all symbols, by what the other recipes decide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.section import Section
from evaluation.accounting.backtest import Costs
from evaluation.audit.leak_audit import FitRecord
from evaluation.portfolio.backtest import portfolio_backtest
from evaluation.reports.evidence import ModelEvidence
from trainers.interface import TrainingContext, TrainingTask
from trainers.portfolio.followed import chosen_types
from trainers.portfolio.manager import PortfolioManager
from trainers.portfolio.model import DESCRIPTION, PortfolioDescription, PortfolioModel
from trainers.portfolio.params import PortfolioParams
from trainers.registry import describe, needs
from trainers.safe_files import described, read_json
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest


class PortfolioType:
    """Chooses whose signals it follows in each symbol, by what they earned until the end of its training alone."""

    name = "portfolio"
    description = describe()["portfolio"]
    params = PortfolioParams
    needs = needs("portfolio")
    judge = "portfolio"

    def train(self, task: TrainingTask, context: TrainingContext) -> PortfolioModel:
        """Refuse symbols that cannot be divided, and choose whom to follow."""
        task.require(self.needs)
        params = PortfolioParams.model_validate(task.params.model_dump())
        inputs, learned = task.inputs, task.inputs.since(task.train_start)
        context.report(0.0, "dividing the account without signals")
        PortfolioManager(params).weights(inputs.bars)  # raises where there is nothing to divide
        followed: dict[str, list[str]] = {}
        for place, name in enumerate(inputs.bars):
            context.report((1 + place) / (2 + len(inputs.bars)), f"comparing the signals of {name}")
            if name in learned.signals and name in learned.bars:
                rows = learned.signals[name]
                followed[name] = list(chosen_types(learned.bars[name], rows, Costs.of(params.costs)))
        context.record_fit(FitRecord("followed", learned.times, learned.times))
        metrics: dict[str, Any] = {"symbols": len(inputs.bars), "followed": followed}
        model = PortfolioModel(
            PortfolioDescription(params=params, symbols=tuple(inputs.bars), followed=followed, metrics=metrics)
        )
        if context.measure:
            context.report_score(1, _score(model, learned, Costs.of(params.costs)))
        context.report(1.0, "chosen")
        return model

    def load(self, folder: Path) -> PortfolioModel:
        """Read what `save` wrote."""
        return PortfolioModel(described(DESCRIPTION, PortfolioDescription, read_json(folder / DESCRIPTION)))

    def evidence(self, manifest: Manifest) -> ModelEvidence:  # noqa: ARG002 -- of every version the same
        """None of its own: what it held and made is measured on its record."""
        return ModelEvidence()

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:  # noqa: ARG002
        """It has no teacher."""
        return {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """The method, how often it is applied and by how many returns."""
        return {
            "method": OneOf(("equal", "inverse_volatility", "minimum_variance", "hrp")),
            "rebalance": Range(5, 63, integer=True),
            "lookback": Range(63, 252, integer=True),
        }


def _score(model: PortfolioModel, inputs: Inputs, costs: Costs) -> float:
    """What it earned a bar beyond cash over its deviation: nothing of it was fitted but the choice of signals."""
    excess = portfolio_backtest(inputs.bars, model.decide(inputs), costs).account().excess
    deviation = float(excess.std())
    return float(excess.mean()) / deviation if deviation > 0.0 else 0.0
