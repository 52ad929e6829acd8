"""The model of a trader that serves: a network, the scales of what it reads, and the target return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from config.section import Section
from data_pipeline import actions
from data_pipeline.features.rolling import Floats
from data_pipeline.inputs import Inputs
from data_pipeline.trader_logs.inputs import MarketRows, market_rows
from data_pipeline.trader_logs.sequences import Sequences
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from trainers.decision_transformer.desk.markets import Scales
from trainers.decision_transformer.network.batches import SequenceDataset
from trainers.decision_transformer.network.inference import require_finite_targets
from trainers.decision_transformer.network.transformer import TraderDecisionTransformer
from trainers.interface import ModelFacts
from trainers.safe_files import corrupt, described, json_bytes, read_json

NETWORK, DESCRIPTION = "network.safetensors", "model.json"
LIBRARIES = ("torch",)
# Probabilities are computed in f8 and rounded here: how a library adds up no longer shows, on any processor.
_DECIMALS = 6


class ModelDescription(Section):
    """The content of `model.json`."""

    format: Literal[1] = 1
    scales: Scales
    device: str
    metrics: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TraderModel:
    """Predicts for each bar of a market what the trader does in it, on the way to a target return."""

    network: TraderDecisionTransformer
    description: ModelDescription

    @property
    def facts(self) -> ModelFacts:
        """The metrics, features, device and libraries of the training."""
        scales = self.description.scales
        return ModelFacts(self.description.metrics, scales.names, self.description.device, LIBRARIES)

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """The states of each market, not scaled."""
        names = list(self.description.scales.names)
        return {name: rows.states[names] for name, rows in market_rows(inputs).items()}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """The likeliest action in the bar that begins at each close, as a position, and its probability."""
        asked = request.target_return
        target = self.description.scales.target_return if asked is None else asked
        return {name: self._signals(rows, target) for name, rows in market_rows(inputs).items()}

    def _signals(self, rows: MarketRows, target: float) -> Signals:
        probabilities = self.probabilities(rows, target)
        position = actions.GRADED.strength(probabilities.argmax(axis=1))
        confidence = np.clip(probabilities.max(axis=1), 0.0, 1.0)
        return Signals(pd.Series(position, rows.index), pd.Series(confidence, rows.index))

    def probabilities(self, rows: MarketRows, target: float) -> Floats:
        """Of the five actions at each row: [rows, 5].

        Each is computed in a window of the same shape whatever rows follow, so that they do not change a bit of it.
        """
        require_finite_targets([target])
        sequences = self.description.scales.for_target(rows, target, self.network.config.context)
        return _decided(self._serving, sequences).round(_DECIMALS)

    @cached_property
    def _serving(self) -> TraderDecisionTransformer:
        """The network in f8 on the processor, whatever it was trained on."""
        network = TraderDecisionTransformer.of(self.network.config)
        network.load_state_dict(self.network.state_dict())
        return network.double().eval()

    def save(self, folder: Path) -> None:
        """Write the network and `model.json`."""
        self.network.save(folder / NETWORK)
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


def load_model(folder: Path) -> TraderModel:
    """Read what `TraderModel.save` wrote; network and states must fit each other."""
    description = described(DESCRIPTION, ModelDescription, read_json(folder / DESCRIPTION))
    network = TraderDecisionTransformer.load(folder / NETWORK)
    expected = len(description.scales.names), len(actions.GRADES)
    if (network.config.state_dim, network.config.action_dim) != expected:
        raise corrupt(
            NETWORK,
            f"it maps {network.config.state_dim} states to {network.config.action_dim} actions, and its model "
            f"{expected[0]} to {expected[1]}",
        )
    return TraderModel(network, description)


@torch.no_grad()
def _decided(network: TraderDecisionTransformer, sequences: Sequences) -> Floats:
    """The probabilities of every row, each from the window in which it counts."""
    dataset, parts = SequenceDataset(sequences, sequences.contracts()), []
    for number in range(len(dataset)):
        batch = dataset[number]
        predicted = network(batch.returns_to_go.double(), batch.states.double(), batch.actions.double(), batch.mask)
        parts.append(predicted.actions.softmax(-1)[batch.counted])
    probabilities: Floats = torch.cat(parts).numpy()
    return probabilities
