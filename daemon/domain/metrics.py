"""Metrics as workers measure them and the daemon stores them."""

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
        """The values by name, and under `reasons` the reasons, as the database stores them."""
        return {**self.values, "reasons": dict(self.reasons)}


class MonitoredMetrics(Metrics):
    """Metrics of a champion, and for those of drift, by name, the drift that mere chance would show."""

    by_chance: dict[str, float] = Field(default_factory=dict)

    def document(self) -> Document:
        """As metrics, and under `by_chance` the drift of mere chance."""
        return {**super().document(), "by_chance": dict(self.by_chance)}
