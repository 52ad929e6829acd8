"""A circuit breaker: a source that was asked too often is not asked for a while, by any process of the desk."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from config.errors import NightdeskError
from config.publish import publish_bytes

PAUSE = timedelta(minutes=15)
JITTER = 0.2  # of the pause, at most, so that many desks do not come back in the same second


class Breaker:
    """Remembers in a small file until when a source is not to be asked; a file that is gone or torn means: ask."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.source = source

    def open_until(self, now: datetime) -> datetime | None:
        """Until when the source is not to be asked; None when it may be asked."""
        try:
            until = datetime.fromisoformat(json.loads(self.path.read_text(encoding="utf-8"))["until"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        # One that lies further ahead than any pause was written by a clock that ran ahead.
        return until if now < until <= now + PAUSE * (1 + JITTER) else None

    @contextmanager
    def guard(self, now: datetime) -> Iterator[None]:
        """Refuse to ask while it is open, and open it when the source answers `data.rate_limited`."""
        if until := self.open_until(now):
            raise self._refusal(until, f"{self.source} wanted fewer requests")
        try:
            yield
        except NightdeskError as error:
            if error.code != "data.rate_limited":
                raise
            until = now + PAUSE * (1 + JITTER * random.random())  # noqa: S311 -- not a secret
            publish_bytes(self.path, json.dumps({"until": until.isoformat()}).encode())
            raise self._refusal(until, error.message.rstrip(".")) from error

    def _refusal(self, until: datetime, why: str) -> NightdeskError:
        return NightdeskError(
            "data.rate_limited",
            f"{why}; it is not asked again before {until:%Y-%m-%d %H:%M}Z.",
            "Wait until then, or delete the file that says so (rate_limited.json in the source's cache).",
            until=until.isoformat(),
        )
