"""The needs of a model type; light, so that the planner of trainings reads them without importing a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.names import Scope

if TYPE_CHECKING:
    from data_pipeline.inputs import Kind


@dataclass(frozen=True)
class Needs:
    """The requirements of a model type's training.

    Args:
        scope: whether one version is for a symbol, the universe or a trader.
        data: the kinds of input it uses; each besides bars must be there when it is trained.
        optional: the kinds of input it uses where they are there, and goes without where they are not.
        members: the model types whose versions are trained before it and handed to it.
        min_bars: the least number of closes in the training span.
        costly: whether a training takes so long that a record is made of yearly folds, the newest few.
    """

    scope: Scope = "symbol"
    data: frozenset[Kind] = frozenset({"bars"})
    optional: frozenset[Kind] = frozenset()
    members: tuple[str, ...] = ()
    min_bars: int = 2
    costly: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """Every kind of input that it uses."""
        return self.data | self.optional
