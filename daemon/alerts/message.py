"""What a channel is given to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """A notification, and the key by which a receiver knows that it has heard it already."""

    key: str
    payload: dict[str, Any]

    @property
    def transition(self) -> str:
        """firing or resolved."""
        return str(self.payload["transition"])
