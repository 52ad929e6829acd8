"""The params of the model types that forecast returns; light: a config is checked without loading torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from config.section import Section
from config.settings import CostParams, Settings

Head = Literal["gaussian", "quantile"]
Network = Literal["lstm", "transformer", "cnn"]
Share = Annotated[float, Field(gt=0.0, lt=0.5)]


def with_costs_of_the_desk(values: Any, info: ValidationInfo) -> Any:
    """The values of a section, whose `costs` are filled from the desk's settings where they are not given."""
    if not (isinstance(values, dict) and isinstance(info.context, Settings)):
        return values
    return {**values, "costs": {**info.context.costs.model_dump(), **values.get("costs", {})}}


class ForecastConfig(Section):
    """What is forecast, from what, and how it is learned.

    The target at bar t is the log return to t + horizon in units of what is usual,

        y_t = log(close_t+h / close_t) / (s_t sqrt(h)),    s_t = deviation of the last 20 log returns

    and its distribution is learned by maximum likelihood (`gaussian`: mean and variance; D. Nix and A. Weigend 1994) or
    by the pinball loss (`quantile`: R. Koenker and G. Bassett 1978), from the features of the last `window` bars.

    Args:
        features: names of features; None is the desk's default set.
        horizon: bars that are looked ahead.
        window: bars that are looked back.
        head: what distribution is learned.
        hidden: width of the network.
        layers: layers of the network; of `cnn` the dilated convolutions, which look back 2^(layers + 1) - 1 bars.
        dropout: share of the hidden numbers that is left out while training.
        lr: learning rate of AdamW.
        weight_decay: of AdamW.
        batch_size: windows of a step.
        max_epochs: passes over the training rows, at most.
        patience: epochs after the best one until the training ends.
        validation: the newest share of the rows, on which the number of epochs is selected.
        test: the share of the rows before that network is trained anew on all of them, on which it is measured.
        mixed_precision: train in bfloat16 where that is faster.
    """

    features: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    horizon: Annotated[int, Field(ge=1, le=60)] = 1
    window: Annotated[int, Field(ge=2, le=512)] = 20
    head: Head = "gaussian"
    hidden: Annotated[int, Field(ge=2, le=512)] = 32
    layers: Annotated[int, Field(ge=1, le=6)] = 1
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    lr: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    batch_size: Annotated[int, Field(ge=1)] = 128
    max_epochs: Annotated[int, Field(ge=1)] = 30
    patience: Annotated[int, Field(ge=1)] = 5
    validation: Share = 0.15
    test: Share = 0.15
    mixed_precision: bool = False


class ForecastParams(ForecastConfig):
    """The params of a forecasting model type on the desk.

    Args:
        sell: whether an expected fall exits, or goes short.
        margin: by how many times the costs of a round trip an expected return must exceed them.
        costs: of trading; those that are not given are the desk's.
    """

    sell: Literal["exit", "short"] = "exit"
    margin: Annotated[float, Field(ge=0.0)] = 1.0
    costs: CostParams = CostParams()

    @model_validator(mode="before")
    @classmethod
    def _costs_of_the_desk(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill costs that are not given from the desk's settings."""
        return with_costs_of_the_desk(values, info)


class LstmParams(ForecastParams):
    """Long short-term memory (S. Hochreiter and J. Schmidhuber 1997) over the window; its last state forecasts."""

    hidden: Annotated[int, Field(ge=2, le=512)] = 16


class TransformerParams(ForecastParams):
    """Self-attention (A. Vaswani et al. 2017, arXiv 1706.03762) over the window; its newest bar forecasts."""

    hidden: Annotated[int, Field(ge=2, le=512)] = 16


class CnnParams(ForecastParams):
    """Dilated causal convolutions (S. Bai et al. 2018, arXiv 1803.01271) over the chart of the window."""

    layers: Annotated[int, Field(ge=1, le=6)] = 3

    @model_validator(mode="after")
    def _sees_no_more_than_its_window(self) -> Self:
        needed = 2 ** (self.layers + 1) - 1
        if self.window < needed:
            raise ValueError(f"a cnn of {self.layers} layers looks back {needed} bars: raise window, or lower layers")
        return self


class EnsembleParams(Section):
    """Several forecasts as one: of distributions F_i with weights w_i that add up to 1, mean sum w_i m_i.

    Args:
        method: `stacking` fits the weights to forecasts of later rows than each part has learned from, as least squares
            that are not negative (D. Wolpert 1992, L. Breiman 1996); `weighted_average` weighs by the inverse of each
            one's squared error there; `voting` weighs all alike.
        folds: how many later blocks of rows `stacking` and `weighted_average` forecast.
        sell: whether an expected fall exits, or goes short.
        margin: by how many times the costs of a round trip an expected return must exceed them.
        costs: of trading; those that are not given are the desk's.
        lstm: the params of this member, and so on.
    """

    method: Literal["stacking", "voting", "weighted_average"] = "stacking"
    folds: Annotated[int, Field(ge=1, le=10)] = 2
    sell: Literal["exit", "short"] = "exit"
    margin: Annotated[float, Field(ge=0.0)] = 1.0
    costs: CostParams = CostParams()
    lstm: LstmParams = LstmParams()
    transformer: TransformerParams = TransformerParams()
    cnn: CnnParams = CnnParams()

    @model_validator(mode="before")
    @classmethod
    def _costs_of_the_desk(cls, values: Any, info: ValidationInfo) -> Any:
        """Fill costs that are not given from the desk's settings."""
        return with_costs_of_the_desk(values, info)

    @model_validator(mode="after")
    def _members_look_equally_far(self) -> Self:
        horizons = {self.lstm.horizon, self.transformer.horizon, self.cnn.horizon}
        if len(horizons) > 1:
            raise ValueError(f"members forecast different horizons, {sorted(horizons)}: give them one")
        return self
