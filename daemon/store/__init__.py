"""The database: its tables, the one writer to them, and the queries by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`get_session`, which scripts import from here; it stands in a room of its own, which needs pandas."""
    if name == "get_session":
        return import_module("daemon.session").get_session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
