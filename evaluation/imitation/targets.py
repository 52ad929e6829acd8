"""How a model decides when it is asked for several returns: whether a wish for more changes what it does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data_pipeline.inputs import Inputs
from evaluation.imitation.decisions import SIDES, codes_of
from evaluation.signal_model import Request, SignalModel

# Returns to the end of the market, as shares of the money put up.
TARGETS = (-0.5, -0.1, 0.0, 0.02, 0.1, 0.5)
# Newest markets that are decided on; all of them would say the same.
MARKETS = 12


@dataclass(frozen=True)
class TargetResponse:
    """The decisions on the newest markets when this return is asked for, in percent of the bars.

    `changed` are those that differ from what is decided when nothing is asked for.
    """

    target: float
    up: float
    hold: float
    down: float
    changed: float


def newest_markets(inputs: Inputs) -> Inputs:
    """The inputs of the newest few markets alone."""
    newest = sorted(inputs.bars, key=lambda name: (inputs.bars[name].frame.index[0], name))[-MARKETS:]
    log = {name: rows for name, rows in inputs.trader_log.items() if name in newest}
    return replace(inputs, bars={name: inputs.bars[name] for name in newest}, trader_log=log)


def target_responses(model: SignalModel, inputs: Inputs) -> tuple[TargetResponse, ...] | None:
    """How a model responds to each of `TARGETS`; None where it decides the same whatever is asked."""
    part = newest_markets(inputs)

    def codes(request: Request) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        decided = model.decide(part, request)
        return np.concatenate([codes_of(decided[name].position) for name in part.bars])

    unasked = codes(Request())
    responses = []
    for target in TARGETS:
        asked = codes(Request(target_return=target))
        sides = SIDES[asked]
        up, hold, down = (100.0 * float(np.mean(sides == side)) for side in (1, 0, -1))
        responses.append(TargetResponse(target, up, hold, down, 100.0 * float(np.mean(asked != unasked))))
    decided_the_same = len({(each.up, each.hold, each.down, each.changed) for each in responses}) == 1
    return None if decided_the_same else tuple(responses)
