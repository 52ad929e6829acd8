"""What a model type needs; light, so that the process that plans trainings can know it without importing a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.names import Scope

if TYPE_CHECKING:
    from data_pipeline.inputs import Kind


@dataclass(frozen=True)
class Needs:
    """What a model type cannot be trained without.

    Args:
        scope: what one version speaks of.
        data: the kinds of input it looks at; a kind besides bars must be there when it is trained.
        members: the model types whose versions are trained before it and handed to it.
        min_bars: the fewest closes from the start of the training span on.
        costly: whether a training takes so long that a record is made of yearly folds, the newest few.
    """

    scope: Scope = "symbol"
    data: frozenset[Kind] = frozenset({"bars"})
    members: tuple[str, ...] = ()
    min_bars: int = 2
    costly: bool = False
