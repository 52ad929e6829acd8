"""Rows of the signals ledger as the messages that carry them to tasks."""

from __future__ import annotations

from daemon.domain.signals import PublishedSignal
from daemon.store.signals import Signal


def published(signal: Signal) -> PublishedSignal:
    """One row as a message."""
    return PublishedSignal(
        symbol=signal.symbol,
        bar_time=signal.bar_time,
        published_at=signal.published_at,
        position=signal.position,
        confidence=signal.confidence,
    )
