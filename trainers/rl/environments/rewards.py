"""Rewards of one bar, compiled into the kernel that plays episodes.

With r the account's return of a bar after all costs, and x the return in excess of the interest on cash:

- `pnl`: r.
- `sharpe`, `sortino`, `calmar`: how much a ratio of the whole episode so far has changed by this bar. The rewards of
  an episode thus add up, undiscounted, to its ratio at the end, and nothing is counted twice:
      sharpe   sum x / sqrt(e^2 + sum x^2), which is sqrt(n) S / sqrt(1 + S^2) of the Sharpe ratio S of n bars but for e
      sortino  sum x / sqrt(e^2 + sum min(x, 0)^2)
      calmar   (equity / initial balance - 1) / (e + the deepest drawdown)
  e = 0.01 acts as one bar with a move of a percent before the episode, which damps the ratios of the first bars. For
  calmar it also gives a slope while the account has only lost: without e the ratio would be constant there.
- `differential_sharpe` (Moody & Saffell, "Learning to trade via direct reinforcement", 2001): the derivative, by the
  adaptation rate, of A / sqrt(e^2 + B - A^2), A and B being exponential averages of x and x^2 before this bar:
      ((B + e^2) (x - A) - A (x^2 - B) / 2) / (B + e^2 - A^2)^(3/2)
  With e = 0 it is that of the paper, which is undefined on the first bar and unbounded after a calm stretch. Where
  A < 0 the paper's reward is positive for a large loss, since the variance makes the ratio less negative; here the
  reward of a loss is at most 0.

With a negative ratio, higher variance alone makes it less negative: sharpe and sortino keep a mild form of this flaw.
pnl and calmar do not have it.
"""

from __future__ import annotations

import math
from typing import Any

from evaluation.accounting.account import compiled
from trainers.rl.environments.config import REWARDS

EPSILON = 0.01
_PNL, _SHARPE, _SORTINO, _CALMAR, _DIFFERENTIAL = range(len(REWARDS))


@compiled
def _ratio(kind: int, episode: Any, initial_balance: float) -> float:
    """The episode's ratio so far, by its sums."""
    if kind == _SHARPE:
        return episode.gained / math.sqrt(EPSILON**2 + episode.squares)
    if kind == _SORTINO:
        return episode.gained / math.sqrt(EPSILON**2 + episode.losses)
    return (episode.equity / initial_balance - 1.0) / (EPSILON + episode.fallen)


@compiled
def _differential(episode: Any, excess: float, adaptation: float) -> float:
    mean, square = episode.mean, episode.square
    to_mean, to_square = excess - mean, excess * excess - square
    episode.mean += adaptation * to_mean
    episode.square += adaptation * to_square
    second = square + EPSILON**2
    variance = second - mean * mean
    slope = (second * to_mean - 0.5 * mean * to_square) / (variance * math.sqrt(variance))
    return min(slope, 0.0) if excess < 0.0 else slope


@compiled
def reward(rule: Any, episode: Any, gain: float, excess: float) -> float:
    """The reward of a bar with the return `gain` and the excess return `excess`; the episode's sums include it."""
    if rule.reward == _PNL:
        return rule.reward_scale * gain
    if rule.reward == _DIFFERENTIAL:
        return rule.reward_scale * _differential(episode, excess, rule.adaptation)
    before = episode.ratio
    episode.ratio = _ratio(rule.reward, episode, rule.initial_balance)
    return rule.reward_scale * (episode.ratio - before)
