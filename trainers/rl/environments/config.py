"""The config of a trading environment; light, so that it is validated without loading a kernel."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from config.dataclass_section import DataclassSection
from trainers.flags import Flag

Reward = Literal["pnl", "sharpe", "sortino", "calmar", "differential_sharpe"]
REWARDS: tuple[str, ...] = get_args(Reward)

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Names = Annotated[tuple[str, ...], Field(strict=False)]


class TradingEnvConfig(DataclassSection):
    """An episode of the trading environment: account and costs, observations, actions, reward and end."""

    leading_fields = ("initial_balance", "window_size", "commission")

    initial_balance: float = Field(default=100_000.0, gt=0.0)

    # The costs of `evaluation.Costs`, by the same names: all of them reach the reward.
    commission: Rate = 0.001
    slippage: Rate = 0.0005
    borrow: Rate = 0.0
    commission_minimum: float = Field(default=0.0, ge=0.0)
    cash_interest: Rate = 0.0

    # Features by their names in data_pipeline.features.registry: the windowed ones are observed over the last
    # `window_size` bars, the others at the last bar.
    window_size: Annotated[int, Field(ge=1, le=10_000), Flag("--window-size", help="bars of windowed features")] = 20
    windowed: Names = ("log_return",)
    features: Names = ("return_5", "return_20", "disparity", "rsi", "realised_volatility")

    # Continuous: the weight to hold, in [-1, 1]. Discrete: one of short, flat, long. Without `short` a continuous
    # action below zero means flat, and the discrete choices are flat and long.
    actions: Literal["continuous", "discrete"] = "continuous"
    short: bool = True
    # A continuous action that differs by less than this from the last ordered target keeps that target, so that noise
    # does not trade; flat, fully long and fully short can always be reached.
    min_change: float = Field(default=0.1, ge=0.0, lt=1.0)

    reward: Reward = "pnl"
    # The factor of every reward. Returns in percent suit the agents' losses and learning rates; with fractions they
    # learn many times more slowly.
    reward_scale: float = Field(default=100.0, gt=0.0)
    # The weight of the newest bar in the running moments of the reward differential_sharpe.
    adaptation: float = Field(default=0.01, gt=0.0, lt=1.0)

    # In bars; None plays to the end of the data. An episode with a random start may be shorter at either end of it.
    episode_length: int | None = Field(default=252, ge=1)
    # The fall from its peak, as a fraction, at which an account is stopped; None stops only a ruined one.
    max_drawdown: float | None = Field(default=0.5, gt=0.0, lt=1.0)
    # Whether symbol and first bar are drawn; otherwise symbols take turns, each from its first bar.
    random_start: bool = True

    @model_validator(mode="after")
    def _sees_something(self) -> TradingEnvConfig:
        if not (self.windowed or self.features):
            raise ValueError("has neither windowed nor features; name at least one feature to decide from")
        for names in (self.windowed, self.features):
            if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ValueError(f"names the feature {repeated[0]} twice; name each once")
        return self
