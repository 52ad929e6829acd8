"""The choices of a trading environment; light, so that a config can be checked without loading a kernel."""

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
    """What an episode is: its account and costs, what is seen, what may be done, what is rewarded, when it ends."""

    leading_fields = ("initial_balance", "window_size", "commission")

    initial_balance: float = Field(default=100_000.0, gt=0.0)

    # The costs of `evaluation.Costs`, by the same names: all of them reach the reward.
    commission: Rate = 0.001
    slippage: Rate = 0.0005
    borrow: Rate = 0.0
    commission_minimum: float = Field(default=0.0, ge=0.0)
    cash_interest: Rate = 0.0

    # Names in data_pipeline.features.registry: the windowed ones are seen over the last bars, the others at the last.
    window_size: Annotated[int, Field(ge=1, le=10_000), Flag("--window-size", help="bars of windowed features")] = 20
    windowed: Names = ("log_return",)
    features: Names = ("return_5", "return_20", "disparity", "rsi", "realised_volatility")

    # Continuous: the weight to hold, in [-1, 1]. Discrete: one of short, flat, long. Without `short` a continuous
    # action below zero means flat, and the discrete choices are flat and long.
    actions: Literal["continuous", "discrete"] = "continuous"
    short: bool = True
    # A continuous action nearer than this to the target that was ordered last is that target again, so that noise does
    # not trade; flat, fully long and fully short can always be reached.
    min_change: float = Field(default=0.1, ge=0.0, lt=1.0)

    reward: Reward = "pnl"
    # What every reward is multiplied by. Returns in percent are of the size that the agents' losses and learning rates
    # are made for; as fractions they are learned from many times more slowly.
    reward_scale: float = Field(default=100.0, gt=0.0)
    # Of differential_sharpe: the weight of the newest bar in its running moments.
    adaptation: float = Field(default=0.01, gt=0.0, lt=1.0)

    # In bars; None plays to the end of the data. One that is drawn may be cut short at either end of the data.
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
