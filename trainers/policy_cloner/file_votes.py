"""A policy's file as the fourth analyst of a strategy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data_pipeline.inputs import Inputs
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.policy import probability_votes
from trainers.analysts.strategies import Strategy
from trainers.analysts.votes import Votes
from trainers.cloning.policy.network.inference import RlPolicy, load_rl_policy
from trainers.policy_cloner.rollout import Rollout
from trainers.policy_cloner.teacher import states_of


def ensemble_of(strategy: Strategy, root: Path) -> Ensemble:
    """The ensemble of a strategy, its policy read from the file that the strategy names; a relative path is in `root`.

    A file that is missing or no policy is an error here: figures without the policy would pass for those with it.
    """
    rl = strategy.ensemble.rl_policy
    if not rl.enabled:
        return Ensemble.of(strategy)
    policy = load_rl_policy(root / rl.model_path, rl.device)
    return Ensemble.of(strategy, lambda inputs: file_votes(policy, inputs))


def file_votes(policy: RlPolicy, inputs: Inputs) -> Votes:
    """What a policy votes at each bar, with the portfolio that its own earlier decisions came to."""
    market = states_of(inputs)
    probabilities = Rollout.of(policy.policy, market, "exit").probabilities
    return probability_votes(pd.DataFrame(probabilities, market.times, ["hold", "buy", "sell"]))
