"""What a network attends to when it decides, on average over its newest markets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from data_pipeline.actions import GRADES
from data_pipeline.features.rolling import Floats
from trainers.decision_transformer.desk.markets import Market, Scales
from trainers.decision_transformer.network.batches import SequenceDataset
from trainers.decision_transformer.network.transformer import TraderDecisionTransformer

_MARKETS = 12  # a map has tokens squared numbers for each head
KINDS = ("return to go", "state", "action")
# The newest bar of each age, counted back from the bar that is decided on.
AGES = {"this bar": 0, "1 bar ago": 1, "2 to 4": 2, "5 to 16": 5, "older": 17}


@torch.no_grad()
def attention_by_action(
    network: TraderDecisionTransformer, scales: Scales, markets: Sequence[Market]
) -> dict[str, list[object]]:
    """The fields of `Attention`: decided actions in rows, tokens by kind and age in columns, each row adds up to 1."""
    kinds = ("bar",) if network.join else KINDS
    sums = np.zeros((len(GRADES), len(kinds) * len(AGES)))
    bars = np.zeros(len(GRADES))
    network.eval()
    for market in markets[-_MARKETS:]:
        sequences = scales.for_target(market.rows, scales.target_return, network.config.context)
        batch = SequenceDataset(sequences, sequences.contracts())[0]
        first = int((~batch.mask[0]).sum())
        inputs = [each[:, first:] for each in (batch.returns_to_go, batch.states, batch.actions)]
        decided = network(*inputs).actions[0].argmax(-1).numpy()
        weights = _by_kind_and_age(network.attention(*inputs).mean((0, 1, 2)), len(kinds))
        np.add.at(sums, decided, weights)
        np.add.at(bars, decided, 1.0)
    used = np.flatnonzero(bars)
    return {
        "rows": [GRADES[action] for action in used],
        "columns": [f"{kind}, {age}" for kind in kinds for age in AGES],
        "weights": (sums[used] / bars[used, None]).tolist(),
    }


def _by_kind_and_age(weights: Tensor, kinds: int) -> Floats:
    """Of each bar's deciding token, a map [tokens, tokens], the sums over tokens of each kind and age."""
    deciding = weights[1::kinds] if kinds > 1 else weights
    by_token = deciding.double().numpy().reshape(len(deciding), -1, kinds)  # [bars, earlier bars, kinds]
    back = np.arange(len(deciding))[:, None] - np.arange(len(deciding))[None, :]
    age = np.searchsorted(np.array(list(AGES.values())), back, side="right") - 1  # -1 in the future, where all is 0
    columns = [
        [(by_token[:, :, kind] * (age == number)).sum(axis=1) for number in range(len(AGES))] for kind in range(kinds)
    ]
    summed: Floats = np.stack([column for kind in columns for column in kind], axis=1)
    return summed
