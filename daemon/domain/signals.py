"""A published signal as the daemon hands it to a task, and the returns that signals are asked for."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from daemon.domain.tasks import Message

OWN = ""  # the target of signals that nobody asked a return of: the model takes its own


class PublishedSignal(Message):
    """A signal as it stands in the ledger."""

    symbol: str
    bar_time: datetime
    published_at: datetime
    position: float
    confidence: float


class TargetRequest(Message):
    """Somebody asks for the signals of a trader's model that would reach this return by the end of the market."""

    subject: str = Field(min_length=1, max_length=96)
    target_return: float = Field(ge=-1.0, le=100.0)


def target_name(target_return: float | None) -> str:
    """How the ledger calls a target; equal returns have equal names."""
    return OWN if target_return is None else f"{target_return + 0.0:.10g}"


def target_return(name: str) -> float | None:
    """The return of a name of the ledger."""
    return float(name) if name else None
