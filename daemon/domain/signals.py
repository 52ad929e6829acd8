"""A published signal as the daemon hands it to a task."""

from __future__ import annotations

from datetime import datetime

from daemon.domain.tasks import Message


class PublishedSignal(Message):
    """A signal as it stands in the ledger."""

    symbol: str
    bar_time: datetime
    published_at: datetime
    position: float
    confidence: float
