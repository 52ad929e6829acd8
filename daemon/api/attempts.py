"""Wrong tokens on the page to sign in are counted by caller, so that guessing there ends after a few."""

from __future__ import annotations

from dataclasses import dataclass

from config.errors import NightdeskError
from daemon.system.clock import Clock

LIMIT = 10
WINDOW = 60  # seconds
# How many callers are remembered; the one counted first makes place.
CALLERS = 1000


@dataclass
class _Count:
    began: float
    wrong: int = 0


class Attempts:
    """Counts wrong tokens by caller. After `LIMIT` of them within `WINDOW` that caller signs in no more.

    Programs that send the token with each request are not counted: they could be shut out by whoever shares an address
    with them, and a token of 32 characters is not found by trying.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def check(self, caller: str) -> None:
        """Refuse a caller that has sent too many wrong tokens."""
        count = self._counts.get(caller)
        if count is None or count.wrong < LIMIT:
            return
        left = count.began + WINDOW - self._clock.monotonic()
        if left <= 0:
            del self._counts[caller]
            return
        raise NightdeskError(
            "request.too_many_attempts",
            f"Your address has sent {LIMIT} wrong tokens within {WINDOW} seconds.",
            f"Try again in {max(1, round(left))} seconds.",
        )

    def failed(self, caller: str) -> None:
        """Count a wrong token."""
        now = self._clock.monotonic()
        count = self._counts.get(caller)
        if count is None or now - count.began >= WINDOW:
            self._counts.pop(caller, None)
            count = self._counts[caller] = _Count(now)
        count.wrong += 1
        if len(self._counts) > CALLERS:
            del self._counts[next(iter(self._counts))]
