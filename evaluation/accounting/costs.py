"""Costs: commission, slippage, borrow and the interest on cash, as every backtest uses them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from config.errors import NightdeskError
from evaluation.accounting.account import Rates

if TYPE_CHECKING:
    from config.settings import CostParams

_CURE = "Write it as a fraction: 0.001 is a tenth of a percent."


@dataclass(frozen=True)
class Costs:
    """Commission and slippage as rates of what is traded; borrow as a yearly rate of what is short.

    `commission_minimum` is money, the least commission of one order; `cash_interest` is what positive cash earns a
    year, but for the proceeds of what is short: a broker keeps those as security.
    """

    commission: float = 0.001
    slippage: float = 0.0005
    borrow: float = 0.0
    commission_minimum: float = 0.0
    cash_interest: float = 0.0

    def __post_init__(self) -> None:
        for name in ("commission", "slippage", "borrow", "cash_interest"):
            if not 0.0 <= (rate := getattr(self, name)) < 1.0:
                raise NightdeskError("costs.invalid", f"The cost {name} is {rate}, not a rate in [0, 1).", _CURE)
        if not (math.isfinite(self.commission_minimum) and self.commission_minimum >= 0.0):
            raise NightdeskError(
                "costs.invalid",
                f"The cost commission_minimum is {self.commission_minimum}, not an amount of money.",
                "Write what an order costs at least, or 0.",
            )

    @classmethod
    def of(cls, params: CostParams) -> Self:
        """The costs of the settings."""
        return cls(**params.model_dump(exclude={"initial_cash"}))

    def scaled(self, factor: float) -> Self:
        """These costs times `factor`; the interest on cash stays the same."""
        paid = ("commission", "slippage", "borrow", "commission_minimum")
        return replace(self, **{name: factor * getattr(self, name) for name in paid})

    def rates(self, periods_per_year: float | None) -> Rates:
        """The rates for the ledger: yearly rates divided by the bars a year."""
        if periods_per_year is None:
            for name, yearly in (("Borrow", self.borrow), ("Cash interest", self.cash_interest)):
                if yearly:
                    raise NightdeskError(
                        "backtest.invalid",
                        f"{name} is a yearly rate, but how many of these bars make a year is unknown.",
                        "Pass periods_per_year.",
                    )
        per_year = periods_per_year or math.inf
        return Rates(
            float(self.commission),
            float(self.slippage),
            self.borrow / per_year,
            float(self.commission_minimum),
            self.cash_interest / per_year,
        )


DEFAULT_COSTS = Costs()
