"""The parameters of a portfolio."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from config.section import Section
from config.settings import Settings
from config.settings.evaluation import CostParams

Signs = Literal["long_only", "long_short"]


class PortfolioParams(Section):
    """How signals of several symbols become the weights of one account.

    At each rebalancing the method divides the money between the symbols, by the covariance of their returns in the last
    `lookback` common rows. Each share is multiplied with the symbol's newest signal, its position in [-1, 1]; without
    signals every symbol counts as held. What a signal leaves out stays in cash. Then, in this order: the volatility
    target scales all weights by one factor; the gross cap does the same; the turnover limit goes only part of the way
    from the old weights to the new; and a symbol whose weight moves by no more than `band` is not traded.

    Args:
        method: how the money is divided.
        signs: `long_only` takes a short signal as flat.
        max_weight: the most of one symbol, before and after scaling.
        max_gross: the most of all symbols together, long and short added; no more than the account.
        volatility_target: the deviation a year that is aimed at; None leaves it as it comes. Nothing is lent for it.
        max_turnover: the most of the account, added over symbols, that one rebalancing changes; None is all.
        band: the change of a weight that is not worth trading.
        rebalance: common rows between two rebalancings; a signal that turns flat or around is followed at once.
        lookback: common rows.
        costs: by which the signals are compared; those that are not given are the desk's.
    """

    method: Literal["equal", "inverse_volatility", "minimum_variance", "hrp"] = "hrp"
    signs: Signs = "long_only"
    max_weight: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    max_gross: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    volatility_target: Annotated[float, Field(gt=0.0)] | None = None
    max_turnover: Annotated[float, Field(gt=0.0)] | None = None
    band: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.02
    rebalance: Annotated[int, Field(ge=1)] = 21
    lookback: Annotated[int, Field(ge=20)] = 120
    costs: CostParams = CostParams()

    @model_validator(mode="before")
    @classmethod
    def _costs_of_the_desk(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill costs that are not given from the desk's settings."""
        if not (isinstance(values, dict) and isinstance(info.context, Settings)):
            return values
        return {**values, "costs": {**info.context.costs.model_dump(), **values.get("costs", {})}}

    @model_validator(mode="after")
    def _caps_fit(self) -> PortfolioParams:
        if self.band >= self.max_weight:
            raise ValueError(f"band {self.band:g} is not below max_weight {self.max_weight:g}, so nothing would trade")
        return self
