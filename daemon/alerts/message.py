"""The message that a channel sends."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.domain.tasks import Document


@dataclass(frozen=True)
class Message:
    """A notification, and the key by which a receiver recognises a duplicate."""

    key: str
    payload: Document

    @property
    def transition(self) -> str:
        """firing or resolved."""
        return str(self.payload["transition"])
