"""What a part of the desk wrote into its log, kept in memory."""

from __future__ import annotations

from typing import Any


class MemoryLog:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, level: str, event: str, **facts: Any) -> None:
        self.lines.append({"level": level, "event": event, **facts})

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]
