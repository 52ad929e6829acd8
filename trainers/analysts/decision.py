"""One decision of several analysts, for a strategy's own loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from config.errors import UsageError
from data_pipeline.actions import Action
from trainers.analysts.strategies import AnalystWeights
from trainers.analysts.votes import BUY, HOLD, SELL, UNDECIDED, Votes, action_codes, strengths, weighed

ANALYSTS = tuple(AnalystWeights.model_fields)


@dataclass(frozen=True)
class AnalystSignal:
    """One analyst's view: the probability that the price rises, and how sure the analyst is, each from 0 to 1."""

    probability_up: float
    confidence: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 <= value <= 1.0:
                raise UsageError("analysts.signal", f"{name} is {value!r}.", "Give a number from 0 to 1.")


@dataclass(frozen=True)
class Decision:
    """The decision: its action, the share of capital it moves, and the analysts that had no view."""

    action: Action
    strength: float
    probability_up: float
    absent: tuple[str, ...] = ()


def aggregate_signals(
    tech: AnalystSignal | None,
    news: AnalystSignal | None,
    risk: AnalystSignal | None,
    rl: AnalystSignal | int | None = None,
    weights: Sequence[float] | Mapping[str, float] = (1.0, 1.0, 1.0, 1.0),
) -> Decision:
    """Weigh up to four views into one decision; None is an analyst without a view, which the others do without.

    The fourth may be a policy's action, which is a sure view. `weights` are in the order of the views, or by name.
    """
    signals = dict(zip(ANALYSTS, (tech, news, risk, _as_signal(rl)), strict=True))
    index = pd.RangeIndex(1)
    votes = {
        name: Votes(pd.Series([signal.probability_up], index), pd.Series([signal.confidence], index))
        for name, signal in signals.items()
        if signal is not None
    }
    probability = weighed(votes, _weights(weights), index).iloc[0]
    return Decision(
        Action(int(action_codes(probability))),
        float(strengths(probability)),
        float(probability),
        tuple(name for name, signal in signals.items() if signal is None),
    )


def _as_signal(rl: AnalystSignal | int | None) -> AnalystSignal | None:
    if rl is None or isinstance(rl, AnalystSignal):
        return rl
    if rl not in tuple(Action):
        raise UsageError(
            "actions.unknown", f"{rl!r} is no action of a policy.", "The actions are 0 hold, 1 buy and 2 sell."
        )
    return AnalystSignal({HOLD: UNDECIDED, BUY: 1.0, SELL: 0.0}[int(rl)])


def _weights(weights: Sequence[float] | Mapping[str, float]) -> Mapping[str, float]:
    named = dict(weights) if isinstance(weights, Mapping) else dict(zip(ANALYSTS, weights, strict=False))
    missing, unknown = set(ANALYSTS) - named.keys(), named.keys() - set(ANALYSTS)
    wrong = sorted(missing | unknown) or [name for name, weight in named.items() if not weight >= 0.0]
    if wrong or (not isinstance(weights, Mapping) and len(weights) != len(ANALYSTS)):
        raise UsageError(
            "analysts.weights",
            f"The weights {weights!r} do not give each of {', '.join(ANALYSTS)} a number from 0 on.",
            "Give four numbers in this order, or by these names.",
        )
    return named
