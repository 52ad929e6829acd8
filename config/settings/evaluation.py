"""Costs, walk-forward and promotion."""

from __future__ import annotations

from pydantic import Field

from config.section import Section
from config.settings.types import Rate


class CostParams(Section):
    """Trading costs and interest, in every backtest and every reward."""

    commission: Rate = Field(default=0.001, description="Commission, as a share of the traded value.")
    slippage: Rate = Field(default=0.0005, description="Slippage, as a share of the traded value.")
    borrow: Rate = Field(default=0.0, description="Yearly fee on the value of short positions, as a share.")
    commission_minimum: float = Field(default=0.0, ge=0.0, description="Least commission of one order, in money.")
    cash_interest: Rate = Field(
        default=0.0,
        description=(
            "Yearly interest on positive cash without the proceeds of short sales, as a share; Sharpe ratios are "
            "of returns in excess of it."
        ),
    )
    initial_cash: float = Field(default=100_000.0, gt=0.0, description="Money that a backtest begins with.")


class WalkForwardParams(Section):
    """Folds of a walk-forward, in bars: trained on the past, tested on what follows, again and again."""

    train: int = Field(default=504, ge=1, description="Bars that each fold trains on.")
    test: int = Field(
        default=63, ge=1, description="Bars that each fold is tested on, directly after those it trained on."
    )
    step: int | None = Field(
        default=None, ge=1, description="Bars from the start of one test to the next; `null` is the length of a test."
    )
    purge: int = Field(
        default=5, ge=0, description="Bars left out between training and test: as many as labels look ahead."
    )
    embargo: int = Field(default=5, ge=0, description="Further bars left out between training and test.")
    anchored: bool = Field(
        default=False,
        description="Whether each fold trains on everything since the first bar instead of the newest `train` bars.",
    )


class Promotion(Section):
    """What a challenger must show before it serves."""

    confidence: float = Field(
        default=0.95,
        gt=0.5,
        le=0.999,
        description=(
            "Confidence that the Sharpe ratio of a challenger is above that of the champion, or of cash where "
            "there is no champion; and that it is above what the number of attempts explains."
        ),
    )
    min_trades: int = Field(default=5, ge=1, description="Closed trades on unseen bars that a challenger must have.")
    min_sharpe_gain: float = Field(
        default=0.1, ge=0.0, description="How far the Sharpe ratio of a challenger must be above that of the champion."
    )
    max_extra_drawdown: float = Field(
        default=5.0,
        ge=0.0,
        description="How much deeper than the champion's the drawdown of a challenger may be, in percentage points.",
    )
