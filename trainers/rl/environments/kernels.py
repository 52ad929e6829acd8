"""Episodes: accounts that are played bar by bar, as records of one array, and the compiled functions that play them.

An episode stands at the close of a bar. `observe` writes what is known there; an action becomes a target weight;
`advance` fills it at the next open and marks it at the next close, by the one accounting of
`evaluation.accounting.account`. The whole state of n environments, their randomness included, is one array of
`EPISODE`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.accounting.account import (
    Account,
    Rates,
    collect,
    commission,
    compiled,
    earned,
    fill,
    fill_price,
    mark,
    worth,
)
from trainers.rl.environments.rewards import reward

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Why an episode does not go on; an action that cannot be played ends none, but is reported in the same field.
GOING, TRUNCATED, TERMINATED, NOT_BEGUN, UNPLAYABLE = 0, 1, 2, 3, 4

EPISODE = np.dtype(
    [
        ("random", np.uint64),  # state of its generator
        ("symbol", np.int64),  # row in the market's rules
        ("bar", np.int64),  # row in the market's prices, at whose close it stands
        ("last", np.int64),  # the row at which it ends
        ("bars", np.int64),  # played so far
        ("ended", np.int64),  # one of the words above
        ("cash", np.float64),
        ("shares", np.float64),
        ("target", np.float64),  # the weight ordered last
        ("equity", np.float64),
        ("peak", np.float64),
        ("fallen", np.float64),  # the deepest drawdown, a fraction of the peak
        ("stake", np.float64),  # of the open trade: the account's cash before it, and interest earned since
        ("entry", np.float64),  # of the open trade: the average price paid
        ("since", np.int64),  # bars since the last fill
        ("trades", np.int64),  # completed round trips
        ("wins", np.int64),  # those that earned more than they cost
        ("reward", np.float64),  # of the last bar
        ("rewards", np.float64),  # of all bars
        ("gained", np.float64),  # sums over the bars of the return beyond idle cash, of its square,
        ("squares", np.float64),
        ("losses", np.float64),  # and of the square of what was lost
        ("ratio", np.float64),  # sharpe, sortino or calmar so far, where that is the reward
        ("mean", np.float64),  # running moments of differential_sharpe
        ("square", np.float64),
    ]
)

# What an observation holds of the account, after the windowed columns and the features: bounded, and meaning the same
# after years as in a short episode.
PORTFOLIO = ("position", "target", "unrealised_return", "drawdown", "since_trade")
_NEVER = 1 << 40  # bars since a trade that has not been
_PATIENCE = 30.0  # bars after which `since_trade` is a half


# A call counts the references of every array it is given, which takes as long as a bar: not in the innermost loop.
_inlined = partial(compiled, inline="always")


@compiled
def _draw(episode: Any, below: int) -> int:
    """A whole number in [0, below), by SplitMix64 (Steele, Lea & Flood 2014)."""
    episode.random += np.uint64(0x9E3779B97F4A7C15)
    z = episode.random
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return int(np.float64(z >> np.uint64(11)) * 2.0**-53 * below)


@compiled
def begin_at(episode: Any, symbol: int, bar: int, rule: Any) -> None:
    """A fresh account at the close of `bar`, a row of that symbol's prices."""
    episode.symbol, episode.bar, episode.last = symbol, bar, min(bar + rule.episode_length, rule.last)
    episode.bars, episode.ended = 0, GOING
    episode.cash, episode.shares, episode.target = rule.initial_balance, 0.0, 0.0
    episode.equity, episode.peak, episode.fallen = rule.initial_balance, rule.initial_balance, 0.0
    episode.stake, episode.entry, episode.since = 0.0, 0.0, _NEVER
    episode.trades, episode.wins = 0, 0
    episode.reward, episode.rewards = 0.0, 0.0
    episode.gained, episode.squares, episode.losses = 0.0, 0.0, 0.0
    episode.ratio, episode.mean, episode.square = 0.0, 0.0, 0.0


@compiled
def begin(episode: Any, rules: Any) -> None:
    """The next episode: drawn so that every bar is as likely to be in it, or the next symbol from its first bar."""
    random = rules[0].random_start
    symbol = _draw(episode, len(rules)) if random else (episode.symbol + 1) % len(rules)
    rule = rules[symbol]
    begin_at(episode, symbol, rule.first, rule)
    span, length = rule.last - rule.first, rule.episode_length
    if random and length < span:
        # It may reach over either end of the data, and is cut there: else the newest bars would hardly ever be played.
        start = _draw(episode, span + length - 1) - length + 1
        begin_at(episode, symbol, rule.first + max(start, 0), rule)
        episode.last = rule.first + min(start + length, span)


@_inlined
def observe(  # noqa: PLR0917 -- a kernel takes its arguments by position
    out: Singles, episode: Any, prices: Floats, windowed: Singles, features: Singles, rule: Any
) -> None:
    """Write what is known at the close of the episode's bar: the window, oldest bar first, features, the account."""
    bar, window = episode.bar, rule.window_size * rule.windowed
    # Places without a sign cannot count from the end: nothing has to be looked at between one number and the next.
    first, size = np.uint64((bar + 1) * rule.windowed - window), np.uint64(window)
    for i in range(size):
        out[i] = windowed[first + i]
    first = np.uint64(bar * rule.features)
    for i in range(np.uint64(rule.features)):
        out[size + i] = features[first + i]
    size += np.uint64(rule.features)
    close, equity, shares = prices[bar, 1], episode.equity, episode.shares
    position, unrealised = 0.0, 0.0
    if shares != 0.0:
        position = min(max(shares * close / equity, -2.0), 2.0)
        unrealised = close / episode.entry - 1.0
        unrealised = min(max(unrealised if shares > 0.0 else -unrealised, -1.0), 1.0)
    out[size] = position
    out[size + np.uint64(1)] = episode.target
    out[size + np.uint64(2)] = unrealised
    out[size + np.uint64(3)] = 1.0 - equity / episode.peak
    out[size + np.uint64(4)] = episode.since / (episode.since + _PATIENCE)


@compiled
def playable(action: float, rule: Any) -> bool:
    """Whether the action is a number, and where it is a choice, one of them."""
    if rule.discrete:
        return 0.0 <= action <= 1.0 + rule.short and action == math.floor(action)
    return math.isfinite(action)


@compiled
def target_of(action: float, ordered: float, rule: Any) -> float:
    """The target weight that an action asks for, where `ordered` was the last one."""
    if rule.discrete:
        return action - rule.short
    target = np.float64(np.float32(min(max(action, -1.0 if rule.short else 0.0), 1.0)))
    extreme = target == 0.0 or abs(target) == 1.0
    return ordered if abs(target - ordered) < rule.min_change and not extreme else target


@compiled
def _update_trades(episode: Any, before: Account, after: Account, open_: float, rates: Rates) -> None:
    """Take a fill into the episode's trades, as the ledger does."""
    episode.since = 0
    cash, shares, bought = before.cash, before.shares, after.shares - before.shares
    price_paid = fill_price(bought, open_, rates)
    if shares != 0.0 and shares * after.shares <= 0.0:
        cash = max(cash + shares * price_paid - commission(bought * price_paid, rates) * abs(shares / bought), 0.0)
        episode.trades += 1
        episode.wins += cash > episode.stake
        shares = 0.0
    if shares == 0.0:
        episode.stake, episode.entry = cash, price_paid
    elif abs(after.shares) > abs(shares):
        episode.entry = price_paid + (episode.entry - price_paid) * (shares / after.shares)


@_inlined
def advance(episode: Any, target: float, prices: Floats, rule: Any) -> int:
    """Play the next bar with this target: account, reward, and whether, and why, the episode has ended."""
    episode.bar += 1
    bar = np.uint64(episode.bar)
    open_, close, dividend = prices[bar, 0], prices[bar, 1], prices[bar, 2]
    rates = Rates(rule.commission, rule.slippage, rule.borrow, rule.minimum, rule.interest)
    before = collect(Account(episode.cash, episode.shares, episode.target), dividend)
    filled = fill(before, target, open_, rates)
    episode.since += 1
    if filled.shares != before.shares:
        _update_trades(episode, before, filled, open_, rates)
    if filled.shares != 0.0 and rates.interest > 0.0:
        episode.stake += earned(filled, close, rates)
    account = mark(filled, close, rates)
    episode.trades += account.shares != filled.shares  # ruined, so it was no win
    episode.cash, episode.shares, episode.target = account
    _add_bar(episode, worth(account, close), rule)
    if episode.equity <= 0.0 or episode.equity < episode.peak * (1.0 - rule.max_drawdown):
        episode.ended = TERMINATED
    elif episode.bar >= episode.last:
        episode.ended = TRUNCATED
    return episode.ended


@compiled
def _add_bar(episode: Any, equity: float, rule: Any) -> None:
    """Take a bar that ended at `equity` into the episode's sums, and reward it."""
    gain = equity / episode.equity - 1.0 if episode.equity > 0.0 else 0.0
    excess = gain - rule.interest
    episode.bars += 1
    episode.equity = equity
    episode.peak = max(episode.peak, equity)
    episode.fallen = max(episode.fallen, 1.0 - equity / episode.peak)
    episode.gained += excess
    episode.squares += excess * excess
    episode.losses += min(excess, 0.0) ** 2
    episode.reward = reward(rule, episode, gain, excess)
    episode.rewards += episode.reward


@compiled
def begin_all(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any,
    selected: NDArray[np.bool_],
    observations: Singles,
    prices: Floats,
    windowed: Singles,
    features: Singles,
    rules: Any,
) -> None:
    """Begin the next episode of each selected environment, and write its first observation."""
    for i in range(len(episodes)):
        if selected[i]:
            begin(episodes[i], rules)
            observe(observations[i], episodes[i], prices, windowed, features, rules[episodes[i].symbol])


@compiled
def observe_all(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any, observations: Singles, prices: Floats, windowed: Singles, features: Singles, rules: Any
) -> None:
    """Write every environment's observation."""
    for i in range(len(episodes)):
        observe(observations[i], episodes[i], prices, windowed, features, rules[episodes[i].symbol])


@compiled
def play(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any, action: float, observation: Singles, prices: Floats, windowed: Singles, features: Singles, rules: Any
) -> tuple[float, int]:
    """One bar of the first episode; its reward, and whether it ended or the action could not be played."""
    episode = episodes[0]
    rule = rules[episode.symbol]
    if episode.ended != GOING:
        return 0.0, NOT_BEGUN
    if not playable(action, rule):
        return 0.0, UNPLAYABLE
    ended = advance(episode, target_of(action, episode.target, rule), prices, rule)
    observe(observation, episode, prices, windowed, features, rule)
    return episode.reward, ended


@compiled
def play_all(  # noqa: PLR0917 -- a kernel takes its arguments by position
    episodes: Any,
    actions: Floats,
    observations: Singles,
    rewards: Singles,
    dones: NDArray[np.bool_],
    prices: Floats,
    windowed: Singles,
    features: Singles,
    rules: Any,
) -> int:
    """One bar of every episode; how many ended, or, with nothing played, -1 - i where episode i could not go on."""
    for i in range(len(episodes)):
        if episodes[i].ended != GOING or not playable(actions[i], rules[0]):
            return -1 - i
    count = 0
    for i in range(len(episodes)):
        episode = episodes[i]
        rule = rules[episode.symbol]
        ended = advance(episode, target_of(actions[i], episode.target, rule), prices, rule)
        observe(observations[i], episode, prices, windowed, features, rule)
        rewards[i] = episode.reward
        dones[i] = ended != GOING
        count += dones[i]
    return count
