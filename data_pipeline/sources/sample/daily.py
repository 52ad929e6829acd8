"""The daily path of a symbol of the sample market: as hard to trade as a real one, with one small edge.

    log return = sigma_t (drift of the regime + edge_t + z_t) + drift of the weekday

- sigma_t: the symbol's own level times e^(a fast and a slow AR(1), half-lives of 8 and 83 sessions, and the regime);
- regime: bull and bear markets in turn, of about a year and of four months, bear markets more volatile;
- edge_t: see `edge`; nearly all of the market's drift is earned after pull-backs;
- z_t: Student's t with 5 degrees of freedom, scaled to a standard deviation of 1.

Chance alone would make some symbols easy. So a symbol's path is drawn anew until the figures of `_hard_enough` hold
over its first 16 years: buying and holding has a Sharpe ratio of 0.36 to 0.72, trading the edge one of 0.92 to 1.06
after costs, naive 5-day momentum at most 0.4; daily returns correlate with the next day's by 0.045 at most, and their
excess kurtosis is 4 to 20. For comparison, the S&P 500 of 1999 to 2018: about -0.07 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import exp

import numpy as np
import numpy.typing as npt

from data_pipeline.sources.sample.edge import PullBack
from data_pipeline.sources.sample.seeds import seed_of

Floats = npt.NDArray[np.float64]

YEARS = 16  # over which a path is judged before it is taken
_YEAR_OF_STOCKS = 252  # sessions; what follows is per session of such a year
_EDGE, _ELSEWHERE = 0.122, -0.037  # mean return in standard deviations, between a pull-back and its recovery, and else
_BULL, _BEAR = 0, 1
_REGIME_DRIFT = (0.05, -0.09)
_REGIME_VOLATILITY = (-0.08, 0.30)  # added to the log of sigma
_LEAST_DAYS, _MEAN_DAYS = 20, (260, 90)
_FAST, _SLOW = exp(-1.0 / 12.0), exp(-1.0 / 120.0)
_SWING = 0.34  # standard deviation of each of the two parts of the log of sigma
_TAIL = 5.0
_LARGEST_SHOCK = 7.0
_GAP = 0.3  # of a day's volatility shows overnight
_DRIFT_OF_WEEKDAY = np.array([-0.0002, 0.0, 0.0, 0.0001, 0.0002, 0.0, 0.0])
_COST = 0.0015  # of what is traded


@dataclass(frozen=True)
class Path:
    """Log closes and opens, relative to where the history begins; the daily volatility and shock of each session."""

    log_close: Floats
    log_open: Floats
    volatility: Floats
    shock: Floats
    active: npt.NDArray[np.bool_]  # between a pull-back and its recovery at the session's close


def daily_path(symbol: str, weekday: npt.NDArray[np.int64], sessions_a_year: float) -> Path:
    """The path of `symbol` over sessions on these weekdays (Monday is 0); a longer history only adds to it.

    `weekday` must hold at least `YEARS` of sessions, so that every call judges the same path.
    """
    judged = round(YEARS * sessions_a_year)
    draw = _accepted_draw(symbol, weekday[:judged].astype("i1").tobytes(), sessions_a_year)
    return _path(symbol, draw, weekday, sessions_a_year)


@lru_cache(maxsize=256)
def _accepted_draw(symbol: str, weekdays: bytes, sessions_a_year: float) -> int:
    """The number of the first path whose figures hold."""
    weekday = np.frombuffer(weekdays, "i1").astype(np.int64)
    return next(
        draw
        for draw in count()
        if _balanced(symbol, draw, len(weekday))
        and _hard_enough(_path(symbol, draw, weekday, sessions_a_year), sessions_a_year)
    )


def _streams(symbol: str, draw: int) -> list[np.random.Generator]:
    """Independent streams, one for each quantity: a longer history reads further in each and nothing shifts."""
    seeds = np.random.SeedSequence(seed_of("path", symbol, draw)).spawn(5)
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]


def _balanced(symbol: str, draw: int, days: int) -> bool:
    """Whether the shocks alone lead nowhere: most paths that would be refused are found here at no cost."""
    shock = _shocks(_streams(symbol, draw)[0], days)
    return bool(abs(shock.mean()) < 0.2 / np.sqrt(_YEAR_OF_STOCKS))


def _shocks(random: np.random.Generator, days: int) -> Floats:
    scaled = random.standard_t(_TAIL, days) / np.sqrt(_TAIL / (_TAIL - 2.0))
    return np.asarray(np.clip(scaled, -_LARGEST_SHOCK, _LARGEST_SHOCK))


def _path(symbol: str, draw: int, weekday: npt.NDArray[np.int64], sessions_a_year: float) -> Path:
    days = len(weekday)
    shocks, fast, slow, spells, gaps = _streams(symbol, draw)
    regime = _regimes(spells, days)
    shock, level = _shocks(shocks, days), _level(symbol, sessions_a_year)
    swing = _SWING * (_autoregressive(fast, days, _FAST) + _autoregressive(slow, days, _SLOW))
    volatility = level * np.exp(swing + np.array(_REGIME_VOLATILITY)[regime])
    per_session = np.sqrt(_YEAR_OF_STOCKS / sessions_a_year)
    drift = np.array(_REGIME_DRIFT)[regime] * per_session * volatility + _DRIFT_OF_WEEKDAY[weekday]
    edges = (_ELSEWHERE * per_session, _EDGE * per_session)
    log_close, active = _walk((drift + volatility * shock).tolist(), volatility.tolist(), edges)
    before = np.concatenate([[0.0], log_close[:-1]])
    return Path(log_close, before + _GAP * volatility * gaps.standard_normal(days), volatility, shock, active)


def _level(symbol: str, sessions_a_year: float) -> float:
    """How far this symbol swings on a day: 13 to 30 % in a year."""
    yearly = np.random.default_rng(seed_of("level", symbol)).uniform(0.12, 0.22)
    return float(yearly / np.sqrt(sessions_a_year))


def _walk(
    moves: list[float], volatility: list[float], edges: tuple[float, float]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Session after session, as the edge of each depends on the closes before it."""
    state, log_close, active = PullBack(), 0.0, False
    closes, states = [], []
    for move, sigma in zip(moves, volatility, strict=True):
        log_close += move + edges[active] * sigma
        active = state.add(log_close)
        closes.append(log_close)
        states.append(active)
    return np.array(closes), np.array(states)


def _regimes(random: np.random.Generator, days: int) -> npt.NDArray[np.int64]:
    """Bull and bear markets in turn, each of a least length."""
    spells: list[tuple[int, int]] = []
    total, regime = 0, _BULL
    while total < days:
        length = _LEAST_DAYS + int(random.exponential(_MEAN_DAYS[regime] - _LEAST_DAYS))
        spells.append((regime, length))
        total += length
        regime = _BEAR if regime == _BULL else _BULL
    return np.repeat([regime for regime, _ in spells], [length for _, length in spells])[:days]


def _autoregressive(random: np.random.Generator, days: int, memory: float) -> Floats:
    """x_t = memory x_(t-1) + e_t with a standard deviation of 1, begun at its mean."""
    value, scale, values = 0.0, (1.0 - memory * memory) ** 0.5, []
    for step in random.standard_normal(days).tolist():
        value = memory * value + scale * step
        values.append(value)
    return np.array(values)


def _hard_enough(path: Path, sessions_a_year: float) -> bool:
    """Whether the figures that the top of this file promises hold, with a margin."""
    closes, returns = path.log_close, np.diff(path.log_close)
    five = np.zeros(len(closes))
    five[5:] = closes[5:] - closes[:-5]
    up, yearly = (five > 0.0).astype(np.float64), float(np.sqrt(sessions_a_year))

    def ratio(target: Floats) -> float:
        gains = _gains(path, target)
        return float(gains.mean() / gains.std()) * yearly

    held, moves = np.expm1(returns), returns - returns.mean()
    return bool(
        abs(float(np.corrcoef(returns[:-1], returns[1:])[0, 1])) < 0.045
        and 4.0 < np.mean(moves**4) / np.mean(moves**2) ** 2 - 3.0 < 20.0
        and 0.36 < held.mean() / held.std() * yearly < 0.72
        and 0.92 < ratio(path.active.astype(np.float64)) < 1.06
        and max(ratio(up), ratio(2.0 * up - 1.0)) < 0.4
    )


def _gains(path: Path, target: Floats) -> Floats:
    """Returns of holding the target that was decided at each close from the next open on, after costs."""
    now = np.concatenate([[0.0], target[:-1]])
    before = np.concatenate([[0.0], now[:-1]])
    closed = np.concatenate([path.log_open[:1], path.log_close[:-1]])
    overnight, day = np.expm1(path.log_open - closed), np.expm1(path.log_close - path.log_open)
    growth = (1.0 + before * overnight) * (1.0 + now * day) * (1.0 - np.abs(now - before) * _COST)
    return np.asarray(growth - 1.0)
