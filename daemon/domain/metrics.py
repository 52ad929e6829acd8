"""Metrics as they are measured by workers and kept by the daemon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field

from daemon.domain.tasks import Document, Message

Value = float | int | str | None


class Metrics(Message):
    """Values by name, and for each that is None the code of its reason."""

    model_config = ConfigDict(allow_inf_nan=True)  # infinity arrives as None

    values: dict[str, Value]
    reasons: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> Self:
        """From what `evaluation.metrics.summary` returns: the values, and under "reasons" the reasons."""
        values = {name: value for name, value in measured.items() if name != "reasons"}
        return cls(values=values, reasons=measured.get("reasons", {}))

    def number(self, name: str) -> float | None:
        """The value of this name, if it is a finite number."""
        value = self.values.get(name)
        return value if isinstance(value, int | float) and math.isfinite(value) else None

    def document(self) -> Document:
        """The values by name with the reasons beside them, as the database and its readers have it."""
        return {**self.values, "reasons": dict(self.reasons)}


class MonitoredMetrics(Metrics):
    """Metrics of a champion, and for those of drift, by name, the drift that mere chance would show."""

    by_chance: dict[str, float] = Field(default_factory=dict)

    def document(self) -> Document:
        """As metrics, with `by_chance` beside them."""
        return {**super().document(), "by_chance": dict(self.by_chance)}
