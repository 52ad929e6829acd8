"""Costs, walk-forward and promotion."""

from __future__ import annotations

from pydantic import Field

from config.section import Section
from config.settings.types import Rate


class CostParams(Section):
    """What trading costs and cash earns, in every number the desk prints."""

    commission: Rate = 0.001
    slippage: Rate = 0.0005
    borrow: Rate = 0.0
    commission_minimum: float = Field(default=0.0, ge=0.0)
    cash_interest: Rate = 0.0
    initial_cash: float = Field(default=100_000.0, gt=0.0)


class WalkForwardParams(Section):
    """How a history is walked, in bars: trained on the past, tested on what came next, again and again."""

    train: int = Field(default=504, ge=1)
    test: int = Field(default=63, ge=1)
    step: int | None = Field(default=None, ge=1)
    purge: int = Field(default=5, ge=0)
    embargo: int = Field(default=5, ge=0)
    anchored: bool = False


class Promotion(Section):
    """What a challenger must show before it serves."""

    confidence: float = Field(default=0.95, gt=0.5, le=0.999)
    min_trades: int = Field(default=5, ge=1)
    min_sharpe_gain: float = Field(default=0.1, ge=0.0)
    max_extra_drawdown: float = Field(default=5.0, ge=0.0)
