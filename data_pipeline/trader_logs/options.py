"""How a table of traders' decisions is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data_pipeline.labels.triple_barrier import Barriers
from data_pipeline.trader_logs.bars import check_length
from data_pipeline.trader_logs.contract import WINDOW
from data_pipeline.trader_logs.events import Repeats

if TYPE_CHECKING:
    from config.settings import TraderParams


@dataclass(frozen=True)
class TableOptions:
    """How a table is made."""

    seconds: int | None = None  # of a bar; with None such that a contract fits into one context
    train: float = 0.8  # the part of the markets, the oldest, that is learnt from
    strong: float = 0.8  # the quantile of net amounts in training markets from which on a trade is strong
    profit: float = 0.02  # parts of the price that a label's barriers are away from it
    stop: float = 0.02
    patience: int = 20  # bars until a label is that of neither
    repeats: Repeats = "keep"
    window: int = WINDOW  # bars of a market that a model sees at once
    fit_barriers: bool = False  # by the exits of training markets, in place of the three above

    def __post_init__(self) -> None:
        if self.seconds is not None:
            check_length(self.seconds)

    @classmethod
    def of(cls, params: TraderParams, repeats: Repeats) -> TableOptions:
        """Those of these settings."""
        return cls(
            seconds=params.bar_seconds,
            train=params.train_share,
            strong=params.strong,
            profit=params.profit,
            stop=params.stop,
            patience=params.patience,
            repeats=repeats,
            window=params.window,
            fit_barriers=params.barriers == "fitted",
        )

    @property
    def barriers(self) -> Barriers:
        """Those of the labels."""
        return Barriers(self.profit, self.stop, self.patience)

    def with_barriers(self, barriers: Barriers) -> TableOptions:
        """The same with these barriers."""
        return replace(self, profit=barriers.profit, stop=barriers.stop, patience=barriers.horizon)
