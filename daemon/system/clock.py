"""Time as a parameter: the real clock, or one that a test moves by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; nothing else in the daemon asks the machine for it."""

    def now(self) -> datetime:
        """The present instant, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring how long something takes."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved; for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._passed = 0.0

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def monotonic(self) -> float:
        """The sum of all moves forward."""
        return self._passed

    def move(self, by: timedelta) -> None:
        """Let `by` pass; a negative `by` is a clock set back."""
        self._now += by
        self._passed += max(by.total_seconds(), 0.0)
