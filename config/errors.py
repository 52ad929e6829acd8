"""The one family of errors a user may see: each names the thing, the value and the cure."""

from __future__ import annotations

from typing import Any, Self


class NightdeskError(Exception):
    """A fault with a stable code, a sentence that names thing and value, and a cure.

    Args:
        code: dotted and stable, for machines (`data.empty`, `config.invalid`).
        message: what is wrong, with the name of the thing and the offending value.
        cure: what the reader can do about it.
        detail: JSON-able facts for logs and `--json` (counts, rows, paths relative to the home).
    """

    exit_code = 1

    def __init__(self, code: str, message: str, cure: str, **detail: Any) -> None:
        super().__init__(code, message, cure)
        self.code = code
        self.message = message
        self.cure = cure
        self.detail: dict[str, Any] = detail

    def __str__(self) -> str:
        return f"{self.message} Cure: {self.cure}"

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON, to cross from a worker to the daemon and from there to a reader."""
        return {"code": self.code, "message": self.message, "cure": self.cure, "detail": self.detail}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(data["code"], data["message"], data["cure"], **data.get("detail", {}))


class UsageError(NightdeskError):
    """The command was wrong, or what it names does not exist."""

    exit_code = 2


class NotRunningError(NightdeskError):
    """The command needs a running daemon."""

    exit_code = 3


class ConfigError(NightdeskError):
    """The config cannot be used; nothing was changed."""

    exit_code = 4


class DeadlineError(NightdeskError):
    """Something took longer than its limit and was stopped."""

    exit_code = 5


class LockedError(NightdeskError):
    """Another process holds this home."""

    exit_code = 75
