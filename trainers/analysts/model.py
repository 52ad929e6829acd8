"""The model of `analyst_ensemble`: its decisions, and who had no view of the newest bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from config.errors import NightdeskError
from config.section import Section
from data_pipeline.actions import CHOICES
from data_pipeline.inputs import Inputs
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Sell, Signals, sized_positions
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.policy import Policy, policy_votes
from trainers.analysts.strategies import AnalystWeights
from trainers.analysts.votes import UNDECIDED, Votes
from trainers.interface import ModelFacts
from trainers.safe_files import json_bytes

DESCRIPTION = "model.json"


class EnsembleDescription(Section):
    """The content of `model.json`.

    Args:
        members: the members that it has, by model type.
        without: why it has no policy where it should have one; empty otherwise.
        trained_until: the end of its training, and of the policy's.
    """

    format: Literal[1] = 1
    analyst_weights: AnalystWeights
    sell: Sell
    policy_days: int
    members: tuple[str, ...] = Field(strict=False)
    without: str = ""
    trained_until: datetime = Field(strict=False)
    metrics: dict[str, Any] = Field(default_factory=dict)

    @property
    def analysts(self) -> tuple[str, ...]:
        """The analysts that it asks."""
        return tuple(name for name, weight in self.analyst_weights.model_dump().items() if weight > 0.0)


@dataclass(frozen=True, eq=False)
class AnalystEnsembleModel:
    """Analysts of one symbol; it goes on without a policy that is missing, fails or is stale."""

    description: EnsembleDescription
    policy: Policy | None

    @property
    def facts(self) -> ModelFacts:
        """The votes are its features."""
        names = (f"{name}_{part}" for name in self.description.analysts for part in ("probability_up", "confidence"))
        issues = {"policy": self.description.without} if self.description.without else {}
        return ModelFacts(metrics=self.description.metrics, features=tuple(names), issues=issues)

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """Each analyst's votes; one that abstains is undecided, and not sure of it."""
        table = self.decisions(inputs)[list(self.facts.features)]
        confidences = [name for name in table.columns if name.endswith("_confidence")]
        return {inputs.only.symbol: table.fillna(dict.fromkeys(confidences, 0.0))} if inputs.bars else {}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:  # noqa: ARG002
        """A buy goes long by its strength, a sell exits or goes short, a hold keeps what there is."""
        if not inputs.bars:
            return {}
        table = self.decisions(inputs)
        return {inputs.only.symbol: replace(signals_of(table, self.description.sell), remark=self._remark(table))}

    def decisions(self, inputs: Inputs) -> pd.DataFrame:
        """The decisions and the votes behind them, as `Ensemble.decide` gives them."""
        return Ensemble(self.description.analyst_weights, self._policy_votes).decide(inputs)

    def _policy_votes(self, inputs: Inputs) -> Votes:
        if self.policy is not None:
            try:
                return policy_votes(self.policy, inputs, self.description.trained_until, self.description.policy_days)
            except NightdeskError:  # the others decide without it, and the signal says so
                pass
        return Votes.none(inputs.only.frame.index)

    def _remark(self, table: pd.DataFrame) -> str:
        """Who had no view at the newest bar."""
        absent = [name for name in self.description.analysts if np.isnan(table[f"{name}_confidence"].iloc[-1])]
        if not absent:
            return ""
        reason = f" ({self.description.without})" if self.description.without and "rl" in absent else ""
        return f"Decided without {', '.join(absent)}, which had no view{reason}."

    def save(self, folder: Path) -> None:
        """Write `model.json`; the policy lies in its own folder among the members."""
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


def signals_of(decisions: pd.DataFrame, sell: Sell) -> Signals:
    """The signals of an ensemble's decisions; their confidence is the probability of their direction."""
    actions = CHOICES.strength(decisions["action"].to_numpy()).astype(np.int64)
    position = sized_positions(actions, decisions["strength"].to_numpy(), sell)
    probability = decisions["probability_up"].to_numpy()
    confidence = np.where(actions == 0, UNDECIDED, np.maximum(probability, 1.0 - probability))
    return Signals(pd.Series(position, decisions.index), pd.Series(confidence, decisions.index))
