"""The ensemble: the votes of its analysts on one symbol, weighed into a decision a bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from config.errors import ConfigError
from data_pipeline.inputs import Inputs
from trainers.analysts.news import news_votes
from trainers.analysts.risk import Risk
from trainers.analysts.strategies import AnalystWeights, Strategy
from trainers.analysts.technical import technical_votes
from trainers.analysts.votes import Votes, action_codes, strengths, weighed

# Gives the votes of an analyst that the ensemble does not have by itself, such as a policy's.
Analyst = Callable[[Inputs], Votes]


@dataclass(frozen=True)
class Ensemble:
    """Weighed analysts of one symbol. Each decision depends on nothing later than its bar's close.

    Args:
        weights: of each analyst; one with weight 0 is not asked.
        policy: the fourth analyst; None where there is no policy.
    """

    weights: AnalystWeights = field(default_factory=AnalystWeights)
    policy: Analyst | None = None

    @classmethod
    def of(cls, strategy: Strategy, policy: Analyst | None = None) -> Ensemble:
        """The ensemble of a strategy; `policy` votes where the strategy enables its policy."""
        if not strategy.ensemble.enabled:
            raise ConfigError(
                "strategy.disabled",
                "The ensemble of this strategy is not enabled, and a strategy has nothing else that decides.",
                "Set ensemble.enabled to true in its file.",
            )
        return cls(strategy.ensemble.analyst_weights, policy if strategy.ensemble.rl_policy.enabled else None)

    def decide(self, inputs: Inputs) -> pd.DataFrame:
        """For each bar `action` (0 hold, 1 buy, 2 sell), `strength`, `probability_up`, and every analyst's votes.

        Those stand in `<analyst>_probability_up` and `<analyst>_confidence`, which is NaN where it abstains.
        """
        risk = Risk.of(inputs.only)
        return self.decisions(self.votes(inputs, risk), risk)

    def votes(self, inputs: Inputs, risk: Risk) -> dict[str, Votes]:
        """The votes of each analyst that is asked, by its name in strategy files."""
        bars, weights = inputs.only, self.weights.model_dump()
        index = pd.DatetimeIndex(bars.frame.index)
        analysts: dict[str, Callable[[], Votes]] = {
            "tech": lambda: technical_votes(bars),
            "news": lambda: news_votes(inputs.headlines.get(bars.symbol), index),
            "risk": lambda: risk.votes,
        }
        if self.policy is not None:
            policy = self.policy
            analysts["rl"] = lambda: policy(inputs)
        return {name: vote() for name, vote in analysts.items() if weights[name] > 0.0}

    def decisions(self, votes: Mapping[str, Votes], risk: Risk) -> pd.DataFrame:
        """The decisions of these votes."""
        index = risk.score.index
        probability = weighed(votes, self.weights.model_dump(), index).to_numpy()
        columns = {
            "action": action_codes(probability),
            "strength": strengths(probability, risk.size.to_numpy() if self.weights.risk > 0.0 else 1.0),
            "probability_up": probability,
        }
        for name, vote in votes.items():  # arrays, as pandas would align each series by its times
            columns[f"{name}_probability_up"] = vote.probability_up.to_numpy()
            columns[f"{name}_confidence"] = vote.confidence.to_numpy()
        return pd.DataFrame(columns, index)
