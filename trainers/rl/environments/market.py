"""Market: the checked arrays of one symbol or many on which episodes are played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.bars.bars import TIME_NAMES, Bars
from data_pipeline.features.registry import FeatureEngineer, feature_matrix, warm_up
from evaluation.accounting.costs import Costs
from evaluation.accounting.inputs import Frame, bars_a_year, checked_frame
from trainers.rl.environments.config import REWARDS, TradingEnvConfig
from trainers.rl.environments.kernels import PORTFOLIO, Floats, Singles

PriceData: TypeAlias = Frame | Mapping[str, Frame]

# How episodes are played on one symbol: its rows, and the config as the kernel takes it.
RULE = np.dtype(
    [
        ("first", np.int64),  # the first row that can be decided on: window and features are there
        ("last", np.int64),
        ("window_size", np.int64),
        ("windowed", np.int64),  # how many such features there are
        ("features", np.int64),
        ("episode_length", np.int64),
        ("random_start", np.int64),
        ("discrete", np.int64),
        ("short", np.int64),
        ("reward", np.int64),
        ("reward_scale", np.float64),
        ("adaptation", np.float64),
        ("min_change", np.float64),
        ("initial_balance", np.float64),
        ("max_drawdown", np.float64),
        ("commission", np.float64),
        ("slippage", np.float64),
        ("borrow", np.float64),  # of one bar
        ("minimum", np.float64),
        ("interest", np.float64),  # of one bar
    ]
)

# The bound of an observation's numbers: far beyond any stationary feature, and finite.
LIMIT = 1e9


def _fail(code: str, problem: str, cure: str) -> NoReturn:
    raise NightdeskError(f"environment.{code}", problem, cure)


@dataclass(frozen=True, eq=False)
class Market:
    """The bars of all symbols, one symbol after the other, as the kernel takes them."""

    config: TradingEnvConfig
    symbols: tuple[str, ...]
    begins: tuple[int, ...]  # the first row of each symbol
    periods_per_year: tuple[float | None, ...]
    prices: Floats  # rows of open, close, dividend
    windowed: Singles
    features: Singles
    rules: NDArray[Any]  # of RULE, one a symbol
    defined: NDArray[np.bool_]  # of each row: whether all that is seen there is finite

    @classmethod
    def of(cls, price_data: PriceData, config: TradingEnvConfig, *, serving: bool = False) -> Market:
        """The market of bars, of a frame of prices, or of many by symbol.

        One for `serving` is not played on, so it may be short, and features may be undefined.
        """
        named = price_data if isinstance(price_data, Mapping) else {_symbol(price_data): price_data}
        if not named:
            _fail("data", "There are no symbols in price_data.", "Give the bars of at least one symbol.")
        parts = [_Part.of(str(symbol), bars, config) for symbol, bars in named.items()]
        for part in parts:
            if not serving:
                part.require_playable(config)
        sizes = [len(part.prices) for part in parts]
        begins = [sum(sizes[:i]) for i in range(len(sizes))]
        return cls(
            config,
            tuple(part.symbol for part in parts),
            tuple(begins),
            tuple(part.periods_per_year for part in parts),
            np.concatenate([part.prices for part in parts]),
            np.concatenate([_singles(part.windowed) for part in parts]),
            np.concatenate([_singles(part.features) for part in parts]),
            np.concatenate([part.rule(begin, config) for part, begin in zip(parts, begins, strict=True)]),
            np.concatenate([part.defined(config.window_size) for part in parts]),
        )

    def decided_from(self, row: int) -> Market:
        """This market with decisions from `row` of each symbol on; earlier rows only fill windows."""
        rules = self.rules.copy()
        rules["first"] = np.maximum(rules["first"], np.array(self.begins) + row)
        for symbol, rule in zip(self.symbols, rules, strict=True):
            if rule["first"] >= rule["last"]:
                _fail("too_few_bars", f"{symbol} has no bar to play from row {row} on.", "Give a longer history.")
        return replace(self, rules=rules)

    @property
    def arrays(self) -> tuple[Floats, Singles, Singles, NDArray[Any]]:
        """The last arguments of every kernel: prices, windowed and other features as flat arrays, and rules."""
        return self.prices, self.windowed.reshape(-1), self.features.reshape(-1), self.rules

    @property
    def observation_size(self) -> int:
        """How many numbers an observation has."""
        window, features = self.config.window_size * self.windowed.shape[1], self.features.shape[1]
        return int(window + features + len(PORTFOLIO))

    @property
    def longest_episode(self) -> int:
        """The most bars that an episode can have."""
        return int(np.minimum(self.rules["last"] - self.rules["first"], self.rules["episode_length"]).max())


@dataclass(frozen=True, eq=False)
class _Part:
    """One symbol."""

    symbol: str
    periods_per_year: float | None
    prices: Floats
    windowed: Floats
    features: Floats

    @classmethod
    def of(cls, symbol: str, bars: Frame, config: TradingEnvConfig) -> _Part:
        try:
            bars = bars if isinstance(bars, Bars) else _normalised_frame(bars)
            frame = checked_frame(bars)
            windowed, features = (_columns(bars, names) for names in (config.windowed, config.features))
        except NightdeskError as error:
            raise NightdeskError("environment.data", f"{symbol}: {error.message}", error.cure) from error
        prices = np.ascontiguousarray(frame[["open", "close", "dividends"]].to_numpy())
        return cls(symbol, bars_a_year(bars), prices, windowed, features)

    def require_playable(self, config: TradingEnvConfig) -> None:
        """Raise unless there is a bar to play, and every observation is finite."""
        needed = first_decidable(config) + 2
        if len(self.prices) < needed:
            _fail(
                "too_few_bars",
                f"{self.symbol} has {len(self.prices)} bars; a window of {config.window_size}, the warm-up of the "
                f"features and one bar to play need {needed}.",
                "Give a longer history, a smaller window_size or features that need less warm-up.",
            )
        for names, values in ((config.windowed, self.windowed), (config.features, self.features)):
            _require_finite(self.symbol, names, values)

    def defined(self, window_size: int) -> NDArray[np.bool_]:
        """Of each row, whether its features and the whole window before it are finite."""
        missing = np.cumsum(~np.isfinite(self.windowed).all(axis=1))
        before = np.concatenate([np.zeros(window_size, np.int64), missing])[: len(missing)]
        defined: NDArray[np.bool_] = (missing == before) & np.isfinite(self.features).all(axis=1)
        return defined

    def rule(self, begin: int, config: TradingEnvConfig) -> NDArray[Any]:
        """The rule of this symbol, whose first row is `begin`."""
        rates = _costs(config).rates(self._require_periods(config))
        rule = np.zeros(1, RULE)
        values = {
            "first": begin + first_decidable(config),
            "last": begin + len(self.prices) - 1,
            "window_size": config.window_size,
            "windowed": len(config.windowed),
            "features": len(config.features),
            "episode_length": config.episode_length or len(self.prices),
            "random_start": config.random_start,
            "discrete": config.actions == "discrete",
            "short": config.short,
            "reward": REWARDS.index(config.reward),
            "max_drawdown": 1.0 if config.max_drawdown is None else config.max_drawdown,
            **{name: getattr(config, name) for name in _COPIED},
            **rates._asdict(),
        }
        for name, value in values.items():
            rule[name] = value
        return rule

    def _require_periods(self, config: TradingEnvConfig) -> float | None:
        if self.periods_per_year is None and (config.borrow or config.cash_interest):
            _fail(
                "data",
                f"{self.symbol}: borrow and cash_interest are yearly rates, but the prices have no times.",
                "Give Bars or a frame with a column `date`, or set both rates to 0.",
            )
        return self.periods_per_year


_COPIED = ("reward_scale", "adaptation", "min_change", "initial_balance")


def _costs(config: TradingEnvConfig) -> Costs:
    return Costs(config.commission, config.slippage, config.borrow, config.commission_minimum, config.cash_interest)


def _symbol(price_data: Frame) -> str:
    return price_data.symbol if isinstance(price_data, Bars) else "prices"


def _normalised_frame(data: object) -> pd.DataFrame:
    """The frame with its names in lower case, and with its times, where it has a column of them, as its index."""
    if not isinstance(data, pd.DataFrame):
        _fail(
            "data",
            f"price_data is of the type {type(data).__name__}.",
            "Give Bars, a DataFrame with open, high, low, close and volume, or a mapping of symbols to such.",
        )
    if data.columns.nlevels > 1:
        _fail(
            "data",
            f"The columns have {data.columns.nlevels} levels: {', '.join(map(str, data.columns.names))}.",
            "Give one symbol's columns, as frame.xs(symbol, axis=1, level='Ticker') does, or a mapping of symbols.",
        )
    frame = data.rename(columns=lambda name: str(name).strip().lower().replace(" ", "_"))
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        _fail("data", f"The column {twice} stands twice.", "Give each column once.")
    for name in TIME_NAMES:
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            times = _times(name, frame.pop(name))
            return frame.set_index(times)
    return frame


def _times(name: str, values: pd.Series) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(pd.to_datetime(values, errors="coerce"))
    if times.hasnans:
        _fail(
            "data",
            f"The {name} {values[times.isna()].iloc[0]!r} cannot be read.",
            "Write dates as 2024-01-15, and times as 2024-01-15 14:30.",
        )
    return times


def first_decidable(config: TradingEnvConfig) -> int:
    """The first bar that can be decided on, counted from a symbol's first."""
    return max(warm_up(config.windowed) + config.window_size - 1 if config.windowed else 0, warm_up(config.features))


def _columns(bars: Frame, names: tuple[str, ...]) -> Floats:
    """The features; rows within their warm-up are NaN and never observed."""
    if isinstance(bars, Bars):
        return feature_matrix(bars, names).to_numpy()
    values = np.full((len(bars), len(names)), np.nan)
    if len(bars) > warm_up(names):
        values[warm_up(names) :] = FeatureEngineer(names).transform(bars)[list(names)].to_numpy()
    return values


def _require_finite(symbol: str, names: tuple[str, ...], values: Floats) -> None:
    warm = values[warm_up(names) :]
    if not np.isfinite(warm).all():
        row, column = np.argwhere(~np.isfinite(warm))[0]
        _fail(
            "feature",
            f"{symbol}: the feature {names[column]} is {warm[row, column]} in row {row + warm_up(names) + 1}.",
            "Choose another feature, or remove the bars for which it is undefined.",
        )


def _singles(values: Floats) -> Singles:
    """The values as clipped float32, 0 where one is undefined."""
    finite = np.where(np.isfinite(values), values, 0.0)
    return np.ascontiguousarray(np.clip(finite, -LIMIT, LIMIT), dtype=np.float32)
