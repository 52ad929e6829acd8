"""The message that a channel sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """A notification, and the key by which a receiver recognises a duplicate."""

    key: str
    payload: dict[str, Any]

    @property
    def transition(self) -> str:
        """firing or resolved."""
        return str(self.payload["transition"])
