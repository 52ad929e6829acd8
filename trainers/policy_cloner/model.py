"""The model of `policy_cloner`: a policy without torch, and the signals that its decisions become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AwareDatetime, Field

from config.section import Section
from data_pipeline.inputs import Inputs
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import NAMES, MarketStates
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Sell, Signals
from trainers.cloning.policy.network.serving import ServedPolicy
from trainers.interface import ModelFacts
from trainers.policy_cloner.rollout import Rollout
from trainers.policy_cloner.teacher import states_of
from trainers.safe_files import described, json_bytes, read_json, read_tensors, tensor_bytes

WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
LIBRARIES = ("torch",)


class ModelDescription(Section):
    """The content of `model.json`.

    Args:
        sell: whether a sell exits, or goes short.
        history_start: earlier bars are not used: the account of the policy begins after it.
        device: on which it was trained.
        metrics: of the training.
    """

    format: Literal[1] = 1
    sell: Sell
    history_start: Annotated[AwareDatetime, Field(strict=False)]
    device: str
    metrics: dict[str, Any]


@dataclass(frozen=True, eq=False)
class PolicyClonerModel:
    """Decides at each bar of one symbol in a state that holds its own position."""

    policy: ServedPolicy
    description: ModelDescription

    @property
    def facts(self) -> ModelFacts:
        """The metrics, the numbers of a state, the device and the libraries of the training."""
        return ModelFacts(self.description.metrics, NAMES, self.description.device, LIBRARIES)

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """The states in which it decides, its own portfolio included."""
        if not inputs.bars:
            return {}
        market, rollout = self._rolled(inputs, NO_REQUEST)
        states = market.rows(Holding.replayed(pd.Series(rollout.positions, market.times)))
        table = pd.DataFrame(states, market.times, columns=list(NAMES))
        return {inputs.only.symbol: table.reindex(inputs.only.frame.index)}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """Its positions, and as confidence the probability of what it did."""
        if not inputs.bars:
            return {}
        market, rollout = self._rolled(inputs, request)
        confidence = np.clip(np.nan_to_num(rollout.probabilities).max(axis=1), 0.0, 1.0)
        index = inputs.only.frame.index
        position = pd.Series(rollout.positions, market.times).reindex(index, fill_value=0.0)
        sure = pd.Series(confidence, market.times).reindex(index, fill_value=0.0)
        return {inputs.only.symbol: Signals(position, sure)}

    def probabilities(self, inputs: Inputs) -> pd.DataFrame:
        """`hold`, `buy` and `sell` at each bar's close; NaN where too little is known for a state."""
        market, rollout = self._rolled(inputs, NO_REQUEST)
        table = pd.DataFrame(rollout.probabilities, market.times, columns=["hold", "buy", "sell"])
        return table.reindex(inputs.only.frame.index)

    def _rolled(self, inputs: Inputs, request: Request) -> tuple[MarketStates, Rollout]:
        """The states since the start of its history, and its decisions on them.

        Where the bars begin later, its account follows what was published.
        """
        start, bars = self.description.history_start, inputs.only
        reaches_back = bars.frame.index[0] <= start
        published = None if reaches_back else request.published.get(bars.symbol)
        market = states_of(inputs.since(start) if bars.frame.index[-1] >= start else inputs)
        positions = None if published is None else published.position
        return market, Rollout.of(self.policy, market, self.description.sell, positions)

    def save(self, folder: Path) -> None:
        """Write the arrays and `model.json`."""
        (folder / WEIGHTS).write_bytes(tensor_bytes(self.policy.tensors(), {}))
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


def load_model(folder: Path) -> PolicyClonerModel:
    """Read what `PolicyClonerModel.save` wrote."""
    description = described(DESCRIPTION, ModelDescription, read_json(folder / DESCRIPTION))
    tensors, _ = read_tensors(folder / WEIGHTS)
    return PolicyClonerModel(ServedPolicy.from_tensors(tensors, inputs=len(NAMES)), description)
