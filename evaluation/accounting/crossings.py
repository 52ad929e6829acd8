"""Crossings: the accounts of many pairs of lines over many bars, in one pass and without their books.

Between two events (a crossing, an ex-date) cash and shares stand still, so equity is one multiplication a bar, and the
account is asked only at events. Bars are taken in blocks that the nearest caches hold, for every pair in turn, so that
memory is read once and no row of a pair is ever stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evaluation.accounting.account import Account, Rates, collect, compiled, fill, mark, worth
from evaluation.accounting.ledger import Array

BLOCK = 2048

# A pair on its way: its account, what it decided last, and sums over the bars so far. `gained` and `squares` are of
# returns beyond the interest of idle cash, so that a pair that never trades has no variance.
PAIR = np.dtype(
    [
        ("cash", np.float64),
        ("shares", np.float64),
        ("target", np.float64),
        ("decided", np.int8),
        ("equity", np.float64),
        ("peak", np.float64),
        ("deepest", np.float64),
        ("gained", np.float64),
        ("squares", np.float64),
        ("trades", np.int64),
        ("held", np.int64),
    ]
)


@compiled
def walk(  # noqa: PLR0917 -- a kernel takes its arguments by position
    opens: Array,
    closes: Array,
    dividends: Array,
    lines: Array,
    pairs: NDArray[np.int64],
    weights: tuple[float, float],
    rates: Rates,
    states: Any,
) -> None:
    """Every pair over every bar, block by block, into `states`."""
    decided, equity = np.zeros(BLOCK + 1, dtype=np.int8), np.empty(BLOCK + 1)
    marks, events = np.zeros(BLOCK, dtype=np.uint8), np.empty(BLOCK + 1, dtype=np.uint64)
    for begin in range(0, closes.size, BLOCK):
        end = min(begin + BLOCK, closes.size)
        for p in range(len(states)):
            state = states[p]
            _decide(lines[pairs[p, 0]], lines[pairs[p, 1]], begin, end, state.decided, decided)
            count = _find_events(decided, dividends[begin:end], marks, events)
            state.decided = decided[end - begin]
            equity[0] = state.equity
            _trade(
                opens[begin:end],
                closes[begin:end],
                dividends[begin:end],
                decided[1:],
                events[: count + 1],
                weights,
                rates,
                state,
                equity[1:],
            )
            _sum_up(equity[: end - begin + 1], rates.interest, state)


@njit(cache=True)
def _decide(  # noqa: PLR0917 -- a kernel takes its arguments by position
    first: Array, second: Array, begin: int, end: int, before: int, decided: NDArray[np.int8]
) -> None:
    """Into `decided`, by the bar that fills it: 1 above, -1 not above, 0 unknown; its first is of the bar before."""
    decided[0] = decided[1] = before
    start = max(begin - 1, 0)  # nothing is decided before the first bar
    a, b, signs = first[start : end - 1], second[start : end - 1], decided[start + 2 - begin :]
    for k in range(a.size):
        signs[k] = np.int8(a[k] > b[k]) - np.int8(a[k] <= b[k])


@njit(cache=True)
def _find_events(
    decided: NDArray[np.int8], dividends: Array, marks: NDArray[np.uint8], events: NDArray[np.uint64]
) -> int:
    """The bars of a block at whose open the account is asked, the first always, and its end; returns how many.

    They are unsigned, so that they are used as indices without a look at their sign.
    """
    for k in range(dividends.size):
        marks[k] = np.uint8(decided[k + 1] != decided[k]) | np.uint8(dividends[k] != 0.0)
    marks[0], marks[dividends.size :] = 1, 0
    count, words = 0, marks.view(np.uint64)
    for word in range(words.size):
        if words[word] != 0:
            for k in range(8 * word, 8 * word + 8):
                events[count] = k
                count += marks[k]
    events[count] = dividends.size
    return count


@compiled
def _trade(  # noqa: PLR0917 -- a kernel takes its arguments by position
    opens: Array,
    closes: Array,
    dividends: Array,
    decided: NDArray[np.int8],
    events: NDArray[np.uint64],
    weights: tuple[float, float],
    rates: Rates,
    state: Any,
    equity: Array,
) -> None:
    """One block of one pair: its account through the events, and its equity at every close."""
    account = Account(state.cash, state.shares, state.target)
    for event in range(events.size - 1):
        bar = events[event]
        before, sign = collect(account, dividends[bar]), decided[bar]
        target = 0.0 if sign == 0 else weights[0] if sign > 0 else weights[1]
        account = fill(before, target, opens[bar], rates)
        state.trades += before.shares != 0.0 and before.shares * account.shares <= 0.0
        account = _hold(account, bar, events[event + 1], opens, closes, rates, state, equity)
    state.cash, state.shares, state.target = account.cash, account.shares, account.target


@compiled
def _hold(  # noqa: PLR0917 -- a kernel takes its arguments by position
    account: Account, since: int, until: int, opens: Array, closes: Array, rates: Rates, state: Any, equity: Array
) -> Account:
    """The account from a fill until the next event, where only an account that is short, or in debt, can be ruined."""
    cash, shares = account.cash, account.shares
    if rates.interest == 0.0 and (shares >= 0.0 or rates.borrow == 0.0):
        ruins = 0
        for k in range(since, until):
            equity[k] = cash + shares * closes[k]
        if shares < 0.0 or cash < 0.0:
            for k in range(since, until):
                ruins += equity[k] <= 0.0 or cash + shares * opens[k] <= 0.0
        if ruins == 0:
            state.held += until - since if shares != 0.0 else 0
            return account
    for k in range(since, until):
        filled = fill(account, account.target, opens[k], rates) if k > since else account
        account = mark(filled, closes[k], rates)
        equity[k] = worth(account, closes[k])
        state.held += account.shares != 0.0
        state.trades += account.shares != shares
        shares = account.shares
    return account


@njit(cache=True, fastmath=True)
def _sum_up(equity: Array, interest: float, state: Any) -> None:
    """Take the returns of a block and its drawdown into the sums; `equity` begins with the bar before."""
    bars = equity.size - 1
    peak, trough = state.peak, state.peak * (1.0 + state.deepest)
    gained, squares, peaks, troughs = 0.0, 0.0, 0, 0
    for k in range(bars):
        before, now = equity[k], equity[k + 1]
        excess = (now / before - 1.0 if before > 0.0 else 0.0) - interest  # after ruin nothing is earned
        gained += excess
        squares += excess * excess
    for k in range(bars):
        peaks += equity[k + 1] > peak
        troughs += equity[k + 1] < trough
    state.gained += gained
    state.squares += squares
    state.equity = equity[bars]
    if peaks:
        _update_drawdown(equity, state)
    elif troughs:
        state.deepest = _lowest(equity) / peak - 1.0


@njit(cache=True)
def _lowest(equity: Array) -> float:
    """The least of numbers that are not negative: their bits are ordered as they are, and compared many at a time."""
    bits = equity.view(np.int64)
    least = bits[0]
    for k in range(bits.size):
        least = min(least, bits[k])
    return float(np.array([least]).view(np.float64)[0])


@njit(cache=True)
def _update_drawdown(equity: Array, state: Any) -> None:
    """Follow the peak through a block, and divide only where a new one ends a drawdown."""
    peak, deepest, low = state.peak, state.deepest, state.peak
    for k in range(equity.size):
        now = equity[k]
        if now > peak:
            deepest = min(deepest, low / peak - 1.0)
            peak = low = now
        elif now < low:
            low = now
    state.peak, state.deepest = peak, min(deepest, low / peak - 1.0)
